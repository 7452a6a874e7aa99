"""Execute a write exactly once, also when answers are lost.

Three things prevent a second write. Before a request, its result is looked for: what a write makes carries its
mark. Each request has an Idempotency-Key, under which Xero repeats its first answer for six minutes. After an
answer that was lost or unreadable, the result is looked for again before the request is repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.typed_rows import UnreadableRecord, check_types
from bizosaas_xero.connector.actions.writes.plan import Draft, Step, Write, encode_json, fill_placeholders, to_json
from bizosaas_xero.connector.http import errors
from bizosaas_xero.connector.http.client import MAX_ATTEMPTS, ParsedResponse
from bizosaas_xero.spec.errors import ConnectorError, Invalid, RateLimited, Unavailable
from bizosaas_xero.toolkit.reasons import GARBLED_ANSWER

_ZERO_ID = "00000000-0000-0000-0000-000000000000"
_REMEMBERED_REASONS = frozenset({"server_error", "offline", "garbled_answer", "unreadable_record"})
"""Reasons of failures in which Xero answered, so that it repeats the failure under the same key."""

CACHED_SECONDS = 300
"""Seconds for which a repeated request certainly gets its first answer again: Xero says six minutes."""


@dataclass
class CommitResult:
    """The outcome of a write.

    Args:
        row: The element that was written.
        repeated: An earlier call had already made it.
        warnings: What a person should know of the outcome.
        partial: A part of the write was not done.
        facts: Further results of the action, by name.
    """

    row: Row
    repeated: bool = False
    warnings: list[str] = field(default_factory=list)
    partial: bool = False
    facts: dict[str, str] = field(default_factory=dict)

    def add_failure(self, warning: str) -> None:
        """Record that a part was not done."""
        self.partial = True
        self.warnings.append(warning)

    def add_xero_warnings(self, row: Row) -> None:
        """Add the warnings that Xero gives of an element that it wrote."""
        for warning in row.get("Warnings") or ():
            message = warning.get("Message") if isinstance(warning, dict) else warning
            if message:
                self.warnings.append(f"Xero warns: {message}")


def run_steps(books: Books, write: Write, ready: Draft | Row) -> CommitResult:
    """Run the steps of a draft, without those that an earlier call has done; or take the document that it made.

    Raises:
        Invalid: Xero refused one; ``problems`` holds Xero's messages.
        ConnectorError: Any other error of the client.
    """
    if not isinstance(ready, Draft):
        return CommitResult(ready, repeated=True)
    names = {"write": write.mark}
    done = CommitResult({})
    for step in ready.steps:
        done.row, done.repeated = run_step(books, write, step, names)
        done.add_xero_warnings(done.row)
        names[step.name] = str(done.row[step.id_field])
    check_outcome(done, ready)
    return done


def run_step(books: Books, write: Write, step: Step, names: Mapping[str, str]) -> tuple[Row, bool]:
    """Run one step unless an earlier call did; return its element, and whether that existed before.

    Raises:
        ConnectorError: As :func:`send_step`.
    """
    made = _find_made(books, step, names)
    return (send_step(books, write, step, names), False) if made is None else (made, True)


def is_temporary(error: ConnectorError) -> bool:
    """Return whether an error passes by itself, so that repeating the call completes the write."""
    return error.recovery in {"refresh", "wait", "retry"}


def check_outcome(done: CommitResult, draft: Draft) -> None:
    """Compare what Xero made with what the draft expected."""
    for name, expected in draft.expect.items():
        actual = done.row.get(name)
        allowed = expected if isinstance(expected, tuple) else (expected,)
        if actual not in allowed:
            names = " or ".join(str(to_json(value)) for value in allowed)
            done.add_failure(f"Xero made {name} {to_json(actual)} where {names} was expected.")


def send_step(books: Books, write: Write, step: Step, names: Mapping[str, str]) -> Row:
    """Send one step, and repeat it until its outcome is known.

    Returns:
        The written element; empty for a step that returns none.

    Raises:
        ConnectorError: Xero refused it, or could not be reached in any attempt.
    """
    body = encode_json(fill_placeholders(dict(step.body), names))
    path = fill_placeholders(step.path, names)
    attempt = ""  # the first attempt has the same key in every process
    unknown = limited = False

    def pause(error: Exception) -> bool | float:
        return False if unknown else books.client.waits.retry_delay(error)

    import stamina  # and with it asyncio: not needed to list actions

    for again in stamina.retry_context(
        on=pause, attempts=MAX_ATTEMPTS, timeout=None, wait_initial=0.3, wait_jitter=0.3
    ):
        with again:
            try:
                made = _find_made(books, step, names) if limited else None
                return _send_request(books, write, step, path, body, attempt) if made is None else made
            except Invalid:
                # Xero repeats refusals under a key. The cause of an earlier one may have been removed.
                if attempt:
                    raise
                made = _find_made(books, step, names)
                if made is not None:
                    return made
                return _send_request(books, write, step, path, body, _new_attempt(books, again.num))
            except RateLimited:
                # Xero refuses before it acts. A proxy in front of Xero may answer 429 after Xero acted.
                attempt, limited = _new_attempt(books, again.num), True
                raise
            except Unavailable as error:
                made = _find_made(books, step, names)
                if made is not None:
                    return made
                unknown = step.at_most_once
                if error.reason in _REMEMBERED_REASONS:
                    attempt = _new_attempt(books, again.num)
                raise
    raise AssertionError("stamina either returns or raises")


def _send_request(books: Books, write: Write, step: Step, path: str, body: bytes, attempt: str) -> Row:
    books.clear_cache()
    key = _idempotency_key(write, step, body, attempt)
    response = books.client.write(step.method, path, body, key, step.query or None)
    return _written_element(response, step) if step.collection else {}


def _idempotency_key(write: Write, step: Step, body: bytes, attempt: str) -> str:
    parts = (write.organisation_id, write.action, write.mark, step.name, step.path, attempt)
    return hashlib.sha256(encode_json(parts) + body).hexdigest()


def _new_attempt(books: Books, number: int) -> str:
    # To the minute, so that recordings can be replayed; two calls of one minute may share a refusal.
    return f"{books.now().astimezone(UTC).isoformat(timespec='minutes')}#{number}"


def _find_made(books: Books, step: Step, names: Mapping[str, str]) -> Row | None:
    return step.find(books, names) if step.find else None


def _written_element(response: ParsedResponse, step: Step) -> Row:
    rows = response.body.get(step.collection)
    row = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    problems = list(errors.validation_messages(row))
    if problems or row.get("StatusAttributeString") == "ERROR":  # in an answer whose status is a success
        raise reasons.REFUSED_BY_XERO(
            remedy=Invalid.default_remedy,
            problems=problems,
            messages="; ".join(problem["message"] for problem in problems) or "it gives no reason",
        )
    if str(row.get(step.id_field) or _ZERO_ID) == _ZERO_ID:
        raise GARBLED_ANSWER("Xero's answer does not contain the written element.")
    try:
        return check_types(row, step.shape)
    except UnreadableRecord as error:  # not a refusal: the record was written
        raise reasons.WRITTEN_UNREADABLE(error.message) from None


# ---------------------------------------------------------------- History notes


def add_history_note(
    books: Books, write: Write, path: str, text: str, done: CommitResult, *, opening: str = ""
) -> float | None:
    """Add a note to a document's History, unless an earlier call did.

    Args:
        books: The organisation's books.
        write: The write; the note names its mark and key.
        path: The document, such as ``Invoices/{id}``.
        text: What was done.
        done: The outcome; an earlier note is looked for only if it is ``repeated``.
        opening: How the note begins, if the write adds other notes to the document.

    Returns:
        How many seconds ago an earlier call added it, by Xero's clock; ``None`` if this call added it.

    Raises:
        ConnectorError: It is not known whether the note exists.
    """
    seconds = _seconds_since_note(books, write, path, opening) if done.repeated else None
    if seconds is not None:
        return seconds

    def find_note(books: Books, _names: Mapping[str, str]) -> Row | None:
        return None if _seconds_since_note(books, write, path, opening) is None else {}

    body = {"HistoryRecords": [{"Details": write.history_note(text)}]}
    send_step(books, write, Step("note", "PUT", f"{path}/History", body, find=find_note), {})
    return None


def try_history_note(
    books: Books,
    write: Write,
    path: str,
    text: str,
    done: CommitResult,
    name: str,
    *,
    retry: bool = False,
    opening: str = "",
) -> None:
    """Add a History note; if that fails, the outcome says so, because the document itself is saved.

    Args:
        books: The organisation's books.
        write: The write.
        path: The document.
        text: What was done.
        done: The outcome, which gets the warning.
        name: What the warning calls the document, such as "Invoice created".
        opening: How the note begins, if the write adds other notes to the document.
        retry: Raise errors that pass by themselves, so that the call is repeated and completes the write.

    Raises:
        ConnectorError: With ``retry``, an error that passes by itself.
    """
    try:
        add_history_note(books, write, path, text, done, opening=opening)
    except ConnectorError as error:
        if retry and is_temporary(error):
            raise
        done.add_failure(f"{name}, but its History note could not be saved: {error.message}")


def _seconds_since_note(books: Books, write: Write, path: str, opening: str) -> float | None:
    records, at = books.read_history(path)
    for record in records:
        text = str(record.get("Details") or "")
        if text.startswith(opening) and f"[{write.mark}]" in text:
            added: datetime = record["DateUTC"]
            return (at - added).total_seconds()
    return None

"""Doing a write: run_step, whatever is lost on the way.

Three things keep a write from happening twice. It looks first: what it makes carries its mark. Each request
has an Idempotency-Key, under which Xero repeats its first answer for six minutes. And after an answer that
did not come or said nothing, it looks again before it decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.typed_rows import check_types
from bizosaas_xero.connector.actions.writes.plan import Draft, Step, Write, encode_json, fill_placeholders, to_json
from bizosaas_xero.connector.http import errors
from bizosaas_xero.connector.http.client import MAX_ATTEMPTS, ParsedResponse
from bizosaas_xero.spec.errors import ConnectorError, Invalid, RateLimited, Unavailable

_ZERO_ID = "00000000-0000-0000-0000-000000000000"
_REMEMBERED_REASONS = frozenset({"server_error", "offline", "garbled_answer", "unreadable_record"})
"""Reasons of failures in which Xero did answer, so that its key remembers the failure."""

CACHED_SECONDS = 300
"""For so long a repeated request surely gets its first answer again: Xero says six minutes."""


@dataclass
class CommitResult:
    """What a write came to.

    Args:
        row: The written_element the write is about.
        repeated: It was there already: an earlier call had made it.
        warnings: What did not go as meant.
        partial: Something that belongs to it was not done.
        facts: What the action wants to tell extras, by name.
    """

    row: Row
    repeated: bool = False
    warnings: list[str] = field(default_factory=list)
    partial: bool = False
    facts: dict[str, str] = field(default_factory=dict)

    def failed(self, warning: str) -> None:
        """Note that a part was not done."""
        self.partial = True
        self.warnings.append(warning)


def run_steps(books: Books, write: Write, draft: Draft) -> CommitResult:
    """Do the steps of a draft; what an earlier call has done of them is found and not done again.

    Raises:
        Invalid: Xero refused one; ``problems`` holds all that it said.
        ConnectorError: Any other error of the client.
    """
    names = {"write": write.mark}
    row: Row = {}
    found = False
    for step in draft.steps:
        row, found = run_step(books, write, step, names)
        names[step.name] = str(row[step.id_field])
    done = CommitResult(row, repeated=found)
    check_outcome(done, draft)
    return done


def run_step(books: Books, write: Write, step: Step, names: Mapping[str, str]) -> tuple[Row, bool]:
    """Do one step, unless an earlier call did; return its written_element, and whether it was there.

    Raises:
        ConnectorError: As :func:`send_step`.
    """
    there = _find_made(books, step, names)
    return (send_step(books, write, step, names), False) if there is None else (there, True)


def is_temporary(error: ConnectorError) -> bool:
    """Tell whether an error ends by itself, so that the same call completes the write when it is repeated."""
    return error.recovery in {"refresh", "wait", "retry"}


def check_outcome(done: CommitResult, draft: Draft) -> None:
    """Compare what Xero made with what was meant."""
    for name, meant in draft.expect.items():
        got = done.row.get(name)
        if got != meant:
            done.failed(f"Xero made {name} {to_json(got)} where {to_json(meant)} was meant.")


def send_step(books: Books, write: Write, step: Step, names: Mapping[str, str]) -> Row:
    """Send one step until it is known what came of it.

    Returns:
        The written written_element; empty for a step that gives none.

    Raises:
        ConnectorError: It was refused, or Xero could not be reached in some attempts.
    """
    body = encode_json(fill_placeholders(dict(step.body), names))
    path = fill_placeholders(step.path, names)
    attempt = ""  # the first, whichever process makes it, has one key
    unknown = limited = False

    def pause(error: Exception) -> bool | float:
        return False if unknown else books.client.waits.retry_delay(error)

    import stamina  # and with it asyncio: not needed to list actions

    for again in stamina.retry_context(
        on=pause, attempts=MAX_ATTEMPTS, timeout=None, wait_initial=0.3, wait_jitter=0.3
    ):
        with again:
            try:
                seen = _find_made(books, step, names) if limited else None
                return _send_request(books, write, step, path, body, attempt) if seen is None else seen
            except Invalid:
                # Xero remembers refusals under a key. If this was one of before, its cause may be gone.
                if attempt or (there := _find_made(books, step, names)) is None:
                    if attempt:
                        raise
                    return _send_request(books, write, step, path, body, _new_attempt(books, again.num))
                return there
            except RateLimited:
                # Xero refuses before it acts. Whatever stands before Xero may say the same after it did.
                attempt, limited = _new_attempt(books, again.num), True
                raise
            except Unavailable as error:
                there = _find_made(books, step, names)
                if there is not None:
                    return there
                unknown = step.at_most_once
                if error.reason in _REMEMBERED_REASONS:
                    attempt = _new_attempt(books, again.num)
                raise
    raise AssertionError("stamina either returns or raises")


def _send_request(books: Books, write: Write, step: Step, path: str, body: bytes, attempt: str) -> Row:
    books.clear_cache()
    key = _idempotency_key(write, step, body, attempt)
    answer = books.client.write(step.method, path, body, key, step.query or None)
    return written_element(answer, step) if step.collection else {}


def _idempotency_key(write: Write, step: Step, body: bytes, attempt: str) -> str:
    parts = (write.organisation_id, write.action, write.mark, step.name, step.path, attempt)
    return hashlib.sha256(encode_json(parts) + body).hexdigest()


def _new_attempt(books: Books, number: int) -> str:
    # To the minute: what two calls in one minute share is refused alike, and recordings can be repeated.
    return f"{books.now().astimezone(UTC).isoformat(timespec='minutes')}#{number}"


def _find_made(books: Books, step: Step, names: Mapping[str, str]) -> Row | None:
    return step.find(books, names) if step.find else None


def written_element(response: ParsedResponse, step: Step) -> Row:
    """Return the written_element that Xero says it wrote, typed.

    Raises:
        Invalid: The written_element says that it was refused, in an answer that says all went well.
        Unavailable: The answer holds none.
    """
    rows = response.body.get(step.collection)
    row = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    problems = list(errors.validation_messages(row))
    if problems or row.get("StatusAttributeString") == "ERROR":
        raise Invalid(
            f"Xero refused the request: {'; '.join(p['message'] for p in problems) or 'it gives no reason'}.",
            reason="refused_by_xero",
            problems=problems,
        )
    if str(row.get(step.id_field) or _ZERO_ID) == _ZERO_ID:
        raise Unavailable("Xero's answer does not say what was written.", reason="garbled_answer")
    return check_types(row, step.shape)


# ---------------------------------------------------------------- what follows


def add_history_note(books: Books, write: Write, path: str, text: str, done: CommitResult) -> float | None:
    """Leave a note in a document's History, unless an earlier call did.

    Args:
        books: Where.
        write: Whose mark and key the note names.
        path: The document, such as ``Invoices/{id}``.
        text: What was done.
        done: Only what an earlier call made can have a note of it.

    Returns:
        How many seconds ago an earlier call left it, by Xero's clock; ``None`` when this one did.

    Raises:
        ConnectorError: It is not known whether there is one.
    """
    before = _seconds_since_note(books, write, path) if done.repeated else None
    if before is not None:
        return before

    def left(books: Books, _names: Mapping[str, str]) -> Row | None:
        return None if _seconds_since_note(books, write, path) is None else {}

    body = {"HistoryRecords": [{"Details": write.history_note(text)}]}
    send_step(books, write, Step("note", "PUT", f"{path}/History", body, find=left), {})
    return None


def _seconds_since_note(books: Books, write: Write, path: str) -> float | None:
    records, at = books.read_history(path)
    for record in records:
        if f"[{write.mark}]" in str(record.get("Details") or ""):
            left: datetime = record["DateUTC"]
            return (at - left).total_seconds()
    return None

"""Sending an invoice to the customer: at most once.

Xero cannot promise more. A note in the invoice's History is left first; who finds it later without a sign
that the e-mail went out does not know whether it did, says so, and does not send again. A refusal is noted as
well: after one, email_step may be tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.writes.execute import CACHED_SECONDS, CommitResult, add_history_note, send_step
from bizosaas_xero.connector.actions.writes.plan import Step, Write
from bizosaas_xero.spec.errors import ConnectorError, Invalid, RateLimited, Unavailable

Emailed = Literal["no", "sent", "refused", "unknown"]

UNKNOWN = (
    "Whether Xero sent the e-mail is not known, and it is not sent again. Look at the invoice's History in "
    "Xero; if it says nothing of an e-mail, send it there."
)
_FOLLOWS = "The e-mail to the customer follows"
_AGAIN = "It was sent before; the e-mail to the customer follows once more"
_REFUSED = "Xero refused the e-mail"


@dataclass(frozen=True)
class EmailHistory:
    """What an invoice's History tells of the e-mail of one write.

    Args:
        tried: How many seconds ago it was tried, if what came of it was not noted; ``None``: it may be tried.
        again: The invoice had been sent before that.
        sent: It went out.
    """

    tried: float | None = None
    again: bool = False
    sent: bool = False


def email_history(books: Books, invoice: Row, mark: str) -> EmailHistory:
    """Read what became of a write's e-mail."""
    records, at = books.read_history(f"Invoices/{invoice['InvoiceID']}")
    tries = [row for row in records if f"[{mark}]" in _details(row)]
    if not tries:
        return EmailHistory()
    last = max(tries, key=lambda row: (row["DateUTC"], _is_refusal(row)))
    if _is_refusal(last):
        return EmailHistory()
    again = _AGAIN in _details(last)
    sent = bool(invoice.get("SentToContact")) if not again else _sent_since(records, last["DateUTC"])
    return EmailHistory((at - last["DateUTC"]).total_seconds(), again, sent)


def _sent_since(records: list[Row], moment: datetime) -> bool:
    # Xero's own entries say so in `Changes`; ours are notes
    return any(
        row["DateUTC"] >= moment and str(row.get("Changes") or "").lower().startswith(("invoice sent", "email"))
        for row in records
    )


def _details(row: Row) -> str:
    return str(row.get("Details") or "")


def _is_refusal(row: Row) -> bool:
    return _details(row).startswith(_REFUSED)


def send_once(books: Books, write: Write, done: CommitResult, what: str) -> Emailed:
    """Note what was done, and send the invoice, unless that was done or tried before.

    Args:
        books: Where.
        write: Whose mark the note carries.
        done: The invoice; told what did not go as meant.
        what: What was done, for the note.
    """
    if done.repeated and done.row.get("SentToContact"):
        return "sent"
    try:
        before = email_history(books, done.row, write.mark) if done.repeated else EmailHistory()
        note_sending(books, write, done.row, what, before)
    except ConnectorError as error:
        done.failed(f"The e-mail was not sent, because no note of it could be left: {error.message}")
        return "no"
    try:
        outcome = send_email(books, write, done.row, before)
    except Invalid as error:
        done.failed(f"Xero did not send the e-mail: {'; '.join(error_messages(error))}. The invoice itself stands.")
        return "refused"
    except RateLimited as error:
        done.failed(f"The e-mail was not sent: {error.message} Call again with the same business key.")
        return "no"
    if outcome == "unknown":
        done.failed(UNKNOWN)
    return outcome


def note_sending(books: Books, write: Write, invoice: Row, what: str, before: EmailHistory) -> None:
    """Leave the note that must be there before an e-mail is sent, unless it is.

    Raises:
        ConnectorError: None could be left: nothing may be sent.
    """
    if before.tried is None and not before.sent:
        follows = _AGAIN if invoice.get("SentToContact") else _FOLLOWS
        path = f"Invoices/{invoice['InvoiceID']}"
        add_history_note(books, write, path, f"{what} {follows}", CommitResult(invoice))


def send_email(books: Books, write: Write, invoice: Row, before: EmailHistory) -> Literal["sent", "unknown"]:
    """Send the invoice, unless it was sent, or may have been too long ago for Xero to remember.

    Raises:
        Invalid: Xero refused; that is noted.
        RateLimited: It was not sent.
    """
    if before.sent:
        return "sent"
    if before.tried is not None and before.tried > CACHED_SECONDS:
        return "unknown"
    guid = str(invoice["InvoiceID"])
    again = before.again or (before.tried is None and bool(invoice.get("SentToContact")))
    try:
        send_step(books, write, email_step(guid, write.mark if again else None), {})
    except Invalid as error:
        why = "; ".join(error_messages(error))[:1000]
        with suppress(ConnectorError):  # without this note the next call says "unknown", which is safe
            add_history_note(books, write, f"Invoices/{guid}", f"{_REFUSED}: {why}", CommitResult(invoice))
        raise
    except Unavailable:
        return "unknown"
    return "sent"


def email_step(invoice_id: str, again: str | None = None) -> Step:
    """Return the step that sends an invoice.

    Args:
        invoice_id: Which.
        again: The mark of the write, when the invoice was sent before: then only History tells.
    """

    def sent(books: Books, _names: Mapping[str, str]) -> Row | None:
        row = books.get("Invoices", invoice_id, "Invoice")
        was = email_history(books, row, again).sent if again else bool(row.get("SentToContact"))
        return row if was else None

    return Step("email", "POST", f"Invoices/{invoice_id}/Email", {}, find=sent, at_most_once=True)


def error_messages(error: Invalid) -> list[str]:
    """Return what Xero error_messages."""
    return [problem["message"].rstrip(".") for problem in error.problems] or [error.message.rstrip(".")]

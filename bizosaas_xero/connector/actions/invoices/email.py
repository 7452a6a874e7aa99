"""E-mail an invoice to the customer, at most once.

A note in the invoice's History is added first. A later call that finds the note, and no sign that the e-mail was
sent, cannot know whether it was: it says so and does not send again. A refusal by Xero is noted as well; after a
refusal, sending may be tried again.
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
    "Xero; if it does not mention an e-mail, send it there."
)
_FIRST_NOTE = "The e-mail to the customer follows"
_RESEND_NOTE = "It was sent before; the e-mail to the customer follows once more"
_REFUSAL_NOTE = "Xero refused the e-mail"
_MAX_REFUSAL_LENGTH = 1000


@dataclass(frozen=True)
class EmailHistory:
    """What an invoice's History says about the e-mail of one write.

    Args:
        seconds_since_attempt: How long ago it was tried, if the outcome was not noted; ``None``: it may be tried.
        resent: The invoice had been sent before that.
        sent: The e-mail was sent.
    """

    seconds_since_attempt: float | None = None
    resent: bool = False
    sent: bool = False


def email_history(books: Books, invoice: Row, mark: str) -> EmailHistory:
    """Read the outcome of a write's e-mail from the invoice's History."""
    records, at = books.read_history(f"Invoices/{invoice['InvoiceID']}")
    notes = [record for record in records if f"[{mark}]" in _details(record)]
    if not notes:
        return EmailHistory()
    last = max(notes, key=lambda record: (record["DateUTC"], _is_refusal(record)))
    if _is_refusal(last):
        return EmailHistory()
    resent = _RESEND_NOTE in _details(last)
    sent = _sent_since(records, last["DateUTC"]) if resent else bool(invoice.get("SentToContact"))
    return EmailHistory((at - last["DateUTC"]).total_seconds(), resent, sent)


def _sent_since(records: list[Row], moment: datetime) -> bool:
    # Xero's own entries say so in `Changes`; ours are notes
    return any(
        record["DateUTC"] >= moment and str(record.get("Changes") or "").lower().startswith(("invoice sent", "email"))
        for record in records
    )


def _details(record: Row) -> str:
    return str(record.get("Details") or "")


def _is_refusal(record: Row) -> bool:
    return _details(record).startswith(_REFUSAL_NOTE)


def send_once(books: Books, write: Write, done: CommitResult, text: str) -> Emailed:
    """Add a History note and send the invoice, unless an earlier call did or tried.

    Args:
        books: The organisation's books.
        write: The write; the note carries its mark.
        done: The outcome of making the invoice; it gets the warnings.
        text: What was done, for the note.
    """
    if done.repeated and done.row.get("SentToContact"):
        return "sent"
    try:
        earlier = email_history(books, done.row, write.mark) if done.repeated else EmailHistory()
        note_sending(books, write, done.row, text, earlier)
    except ConnectorError as error:
        done.add_failure(f"The e-mail was not sent, because its History note could not be saved: {error.message}")
        return "no"
    try:
        outcome = send_email(books, write, done.row, earlier)
    except Invalid as error:
        done.add_failure(f"Invoice created, but Xero did not send the e-mail: {'; '.join(error_messages(error))}.")
        return "refused"
    except RateLimited as error:
        done.add_failure(f"The e-mail was not sent: {error.message} Call again with the same business key.")
        return "no"
    if outcome == "unknown":
        done.add_failure(UNKNOWN)
    return outcome


def note_sending(books: Books, write: Write, invoice: Row, text: str, earlier: EmailHistory) -> None:
    """Add the History note that must exist before an e-mail is sent, unless it exists.

    Raises:
        ConnectorError: The note could not be saved: the e-mail must not be sent.
    """
    if earlier.seconds_since_attempt is None and not earlier.sent:
        sentence = _RESEND_NOTE if invoice.get("SentToContact") else _FIRST_NOTE
        path = f"Invoices/{invoice['InvoiceID']}"
        add_history_note(books, write, path, f"{text} {sentence}", CommitResult(invoice))


def send_email(books: Books, write: Write, invoice: Row, earlier: EmailHistory) -> Literal["sent", "unknown"]:
    """Send the invoice, unless it was sent, or was tried too long ago for Xero to repeat its answer.

    Raises:
        Invalid: Xero refused; the refusal is noted in the History.
        RateLimited: It was not sent.
    """
    if earlier.sent:
        return "sent"
    seconds = earlier.seconds_since_attempt
    if seconds is not None and seconds > CACHED_SECONDS:
        return "unknown"
    invoice_id = str(invoice["InvoiceID"])
    resend = earlier.resent or (seconds is None and bool(invoice.get("SentToContact")))
    try:
        send_step(books, write, email_step(invoice_id, write.mark if resend else None), {})
    except Invalid as error:
        messages = "; ".join(error_messages(error))[:_MAX_REFUSAL_LENGTH]
        with suppress(ConnectorError):  # without this note the next call says "unknown", which is safe
            note = f"{_REFUSAL_NOTE}: {messages}"
            add_history_note(books, write, f"Invoices/{invoice_id}", note, CommitResult(invoice))
        raise
    except Unavailable:
        return "unknown"
    return "sent"


def email_step(invoice_id: str, resend_mark: str | None = None) -> Step:
    """Return the step that sends an invoice.

    Args:
        invoice_id: The invoice.
        resend_mark: The mark of the write, when the invoice was sent before: then only History shows the sending.
    """

    def find_sent(books: Books, _names: Mapping[str, str]) -> Row | None:
        row = books.get("Invoices", invoice_id, "Invoice")
        sent = email_history(books, row, resend_mark).sent if resend_mark else bool(row.get("SentToContact"))
        return row if sent else None

    return Step("email", "POST", f"Invoices/{invoice_id}/Email", {}, find=find_sent, at_most_once=True)


def error_messages(error: Invalid) -> list[str]:
    """Return Xero's messages, without final periods."""
    return [problem["message"].rstrip(".") for problem in error.problems] or [error.message.rstrip(".")]


def online_address(books: Books, invoice: Row) -> str | None:
    """Return where the customer sees an invoice; ``None``: it is not approved."""
    if invoice.get("Status") not in {"AUTHORISED", "PAID"}:
        return None
    return books.read_online_address(invoice["InvoiceID"])

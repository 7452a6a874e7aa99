"""Sending an invoice to the customer: at most once.

Xero cannot promise more. A note in the invoice's History is left first; who finds it later without a sign
that the e-mail went out does not know whether it did, says so, and does not send again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bizosaas_xero.actions.books import Books, Row
from bizosaas_xero.actions.commit import CACHED_SECONDS, Done, leave_note, send
from bizosaas_xero.actions.writing import Step, Write
from bizosaas_xero.spec.errors import ConnectorError, Invalid, RateLimited, Unavailable

Emailed = Literal["no", "sent", "refused", "unknown"]

_UNKNOWN = (
    "Whether Xero sent the e-mail is not known, and it is not sent again. Look at the invoice's History in "
    "Xero; if it says nothing of an e-mail, send it there."
)


def email(books: Books, write: Write, done: Done, what: str) -> Emailed:
    """Note what was done, and send the invoice, unless that was done or tried before.

    Args:
        books: Where.
        write: Whose mark the note carries.
        done: The invoice; told what did not go as meant.
        what: What was done, for the note.
    """
    guid = str(done.row["InvoiceID"])
    if done.repeated and done.row.get("SentToContact"):
        return "sent"
    try:
        ago = leave_note(books, write, f"Invoices/{guid}", f"{what} The e-mail to the customer follows", done)
    except ConnectorError as error:
        done.failed(f"The e-mail was not sent, because no note of it could be left: {error.message}")
        return "no"
    if ago is not None and ago > CACHED_SECONDS:
        done.failed(_UNKNOWN)
        return "unknown"
    return _sent(books, write, guid, done)


def _sent(books: Books, write: Write, guid: str, done: Done) -> Emailed:
    try:
        send(books, write, sending(guid), {})
    except Invalid as error:
        done.failed(f"Xero did not send the e-mail: {'; '.join(_said(error))}. The invoice itself stands.")
        return "refused"
    except RateLimited as error:
        done.failed(f"The e-mail was not sent: {error.message} Call again with the same business key.")
        return "no"
    except Unavailable:
        done.failed(_UNKNOWN)
        return "unknown"
    return "sent"


def sending(invoice_id: str) -> Step:
    """Return the step that sends an invoice."""

    def sent(books: Books, _names: Mapping[str, str]) -> Row | None:
        row = books.one("Invoices", invoice_id, "Invoice")
        return row if row.get("SentToContact") else None

    return Step("email", "POST", f"Invoices/{invoice_id}/Email", {}, find=sent, at_most_once=True)


def _said(error: Invalid) -> list[str]:
    return [problem["message"] for problem in error.problems] or [error.message]

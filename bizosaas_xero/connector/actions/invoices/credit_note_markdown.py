"""A planned credit note for a person, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizosaas_xero.connector.actions.escaping import bullet_list, escape_markdown
from bizosaas_xero.connector.actions.invoices import invoice_markdown

if TYPE_CHECKING:
    from bizosaas_xero.connector.actions.books import Books
    from bizosaas_xero.connector.actions.invoices.credit_note_draft import (
        CreateCreditNoteParams,
        CreditNoteDraft,
    )

_DOES = {
    "draft": "a draft of a credit note",
    "submitted": "a credit note for approval",
    "authorised": "an approved credit note",
}


def summary(books: Books, note: CreditNoteDraft, warnings: tuple[str, ...]) -> str:
    """Return what would be made: customer, invoice, lines, tax, what is set against it, warnings."""
    home, name = escape_markdown(str(books.organisation.get("Name"))), escape_markdown(note.who.name)
    number, currency = escape_markdown(note.number), note.currency
    of = f" for invoice **{number}**" if note.invoice else ""
    out = [
        f"**{home}**: make {_DOES[note.params.status]} to **{name}**{of}.",
        "",
        f"Dated {note.date}.",
        "",
        *invoice_markdown.table(note.lines, currency),
        "",
        f"Without tax {note.net}, tax {note.tax}, **total {currency} {note.total}**.",
    ]
    if note.applied:
        out += ["", f"Then {currency} {note.applied} of it are set against {number}."]
    if not note.authorised:
        out += ["", "It does not enter the ledger until it is approved."]
    return "\n".join([*out, *bullet_list(warnings)])


def undo(params: CreateCreditNoteParams) -> str:
    """Return how to take it back."""
    if params.status != "authorised":
        return "Delete it in Xero, while it is not approved."
    if params.apply:
        return "Take back its allocation to the invoice, then void it, both in Xero."
    return "Void it in Xero, while it is not used."

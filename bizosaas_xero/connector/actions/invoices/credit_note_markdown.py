"""A planned credit note for a person, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from bizosaas_xero.connector.actions.escaping import bullet_list, escape_markdown
from bizosaas_xero.connector.actions.invoices.invoice_markdown import lines_and_totals
from bizosaas_xero.connector.actions.invoices.sales_document import SalesDocument

_STATUS_WORDS = {
    "draft": "a draft of a credit note",
    "submitted": "a credit note for approval",
    "authorised": "an approved credit note",
}


def credit_note_summary(document: SalesDocument, number: str, applied: Decimal, warnings: Iterable[str]) -> str:
    """Return what would be made: customer, invoice, lines, tax, what is applied to the invoice, warnings.

    Args:
        document: The planned credit note.
        number: The credited invoice's number; empty: the credit note is for a contact.
        applied: How much of it is then applied to the invoice.
        warnings: What a person should know before approving.
    """
    organisation = escape_markdown(str(document.books.organisation.get("Name")))
    customer, number = escape_markdown(document.contact.name), escape_markdown(number)
    of_invoice = f" for invoice **{number}**" if number else ""
    out = [
        f"**{organisation}**: make {_STATUS_WORDS[document.status]} to **{customer}**{of_invoice}.",
        "",
        f"Dated {document.date}.",
        "",
        *lines_and_totals(document),
    ]
    if applied:
        out += ["", f"Then {document.currency} {applied} of it are applied to {number}."]
    return "\n".join([*out, *bullet_list(warnings)])

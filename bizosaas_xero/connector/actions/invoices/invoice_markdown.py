"""A planned invoice for a person, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from bizosaas_xero.connector.actions.escaping import bullet_list, escape_markdown
from bizosaas_xero.connector.actions.invoices.sales_document import SalesDocument

_STATUS_WORDS = {"draft": "a draft of an", "submitted": "an invoice for approval: an", "authorised": "an approved"}


def invoice_summary(
    document: SalesDocument, due: date | None, reference: str | None, warnings: Iterable[str], *, send: bool
) -> str:
    """Return what would be made: customer, lines, tax, warnings.

    Args:
        document: The planned invoice.
        due: Its due date, if it has one.
        reference: Its reference, if it has one.
        warnings: What a person should know before approving.
        send: It will be e-mailed.
    """
    organisation = escape_markdown(str(document.books.organisation.get("Name")))
    customer = escape_markdown(document.contact.name)
    sent = ", and e-mail it to them" if send else ""
    out = [
        f"**{organisation}**: make {_STATUS_WORDS[document.status]} invoice to **{customer}**{sent}.",
        "",
        f"Dated {document.date}, due {due or 'not set'}, reference {escape_markdown(reference or 'none')}.",
        "",
        *lines_and_totals(document),
    ]
    return "\n".join([*out, *bullet_list(warnings)])


def lines_and_totals(document: SalesDocument) -> Iterator[str]:
    """Yield the lines of a document as a table, its totals, and whether it enters the ledger."""
    yield f"| Line | Quantity | Price | Account | Tax | Without tax, {document.currency} |"
    yield "|---|--:|--:|---|---|--:|"
    for line in document.lines:
        account = f"{line.account.get('Code') or ''} {line.account.get('Name')}".strip()
        tax = f"{line.rate['Name']} ({line.rate['TaxType']})" if line.rate else "none"
        yield (
            f"| {escape_markdown(str(line.line.description))} | {line.line.quantity} | {line.line.unit_amount} "
            f"| {escape_markdown(account)} | {escape_markdown(tax)} | {line.net} |"
        )
    yield ""
    yield f"Without tax {document.net}, tax {document.tax}, **total {document.currency} {document.total}**."
    if not document.authorised:
        yield ""
        yield "It does not enter the ledger until it is approved."

"""A planned invoice for a person, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bizosaas_xero.connector.actions.escaping import escape_markdown

if TYPE_CHECKING:
    from bizosaas_xero.connector.actions.books import Books
    from bizosaas_xero.connector.actions.invoices.invoice_draft import InvoiceDraft
    from bizosaas_xero.connector.actions.invoices.lines import PricedLine

# What people write into an address for the countries of Xero's editions, in lower case.
COUNTRY_NAMES = {
    "AU": frozenset({"australia", "au", "aus"}),
    "CA": frozenset({"canada", "ca", "can"}),
    "GB": frozenset(
        {
            "united kingdom",
            "uk",
            "gb",
            "gbr",
            "great britain",
            "england",
            "scotland",
            "wales",
            "northern ireland",
        }
    ),
    "NZ": frozenset({"new zealand", "nz", "nzl", "aotearoa"}),
    "SG": frozenset({"singapore", "sg", "sgp"}),
    "US": frozenset({"united states", "united states of america", "usa", "us", "u.s.a.", "america"}),
    "ZA": frozenset({"south africa", "za", "zaf"}),
}
_DOES = {"draft": "a draft of an", "submitted": "an invoice for approval: an", "authorised": "an approved"}


def summary(books: Books, invoice: InvoiceDraft, warnings: tuple[str, ...]) -> str:
    """Return what would be made: customer, lines, tax, effect, warnings."""
    currency = invoice.currency
    sent = ", and e-mail it to them" if invoice.params.send else ""
    books_of, customer = escape_markdown(str(books.organisation.get("Name"))), escape_markdown(invoice.who.name)
    due, reference = invoice.due or "not set", escape_markdown(invoice.reference or "none")
    out = [
        f"**{books_of}**: make {_DOES[invoice.params.status]} invoice to **{customer}**{sent}.",
        "",
        f"Dated {invoice.date}, due {due}, reference {reference}.",
        "",
        *table(invoice.lines, currency),
        "",
        f"Without tax {invoice.net}, tax {invoice.tax}, **total {currency} {invoice.net + invoice.tax}**.",
    ]
    if not invoice.authorised:
        out += ["", "It does not enter the ledger until it is approved."]
    out += [f"- {escape_markdown(warning)}" for warning in ("", *warnings) if warning]
    return "\n".join(out)


def table(priced: Sequence[PricedLine], currency: str) -> Iterator[str]:
    """Yield the lines of a document as a table."""
    yield f"| Line | Quantity | Price | Account | Tax | Without tax, {currency} |"
    yield "|---|--:|--:|---|---|--:|"
    for each in priced:
        account = f"{each.account.get('Code') or ''} {each.account.get('Name')}".strip()
        tax = f"{each.rate['Name']} ({each.rate['TaxType']})" if each.rate else "none"
        yield (
            f"| {escape_markdown(each.line.description)} | {each.line.quantity} | {each.line.unit_amount} "
            f"| {escape_markdown(account)} | {escape_markdown(tax)} | {each.net} |"
        )

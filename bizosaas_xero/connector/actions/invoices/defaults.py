"""What contact, organisation and settings say where a caller of a sales document says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.invoices import lines
from bizosaas_xero.connector.actions.writes.errors import wrong

ValueIs = Literal["net", "gross"]


def resolve_currency(books: Books, contact: Row | None, asked: str | None, field: str = "params.currency") -> str:
    """Return the currency of a document: what is asked for, the contact's, the organisation's.

    Raises:
        Invalid: It is not enabled in Xero.
    """
    wanted = asked or str((contact or {}).get("DefaultCurrency") or books.base_currency)
    if wanted != books.base_currency and wanted not in books.currencies:
        enabled = ", ".join(sorted(books.currencies))
        raise wrong(field, f"{wanted} is not enabled in Xero (enabled: {enabled})")
    return wanted


def resolve_tax_mode(books: Books, contact: Row | None, value_is: ValueIs | None) -> lines.TaxMode:
    """Return how amounts stand to tax; who is not registered for tax charges none."""
    if books.organisation.get("PaysTax") is False:
        return "NoTax"
    if value_is:
        return "Inclusive" if value_is == "gross" else "Exclusive"
    stated = (contact or {}).get("SalesDefaultLineAmountType") or books.organisation.get("DefaultSalesTax")
    usual = str(stated or "").upper()
    if "INCLUSIVE" in usual:
        return "Inclusive"
    return "NoTax" if "NO" in usual else "Exclusive"


def line_defaults(
    books: Books,
    contact: Row | None,
    account: str | None = None,
    tax_type: str | None = None,
    tracking: Mapping[str, str] | None = None,
) -> lines.LineDefaults:
    """Return account, tax and tracking for lines that name none: of action, contact, settings."""
    row = contact or {}
    usual = {
        str(each.get("TrackingCategoryName")): str(each.get("TrackingOptionName"))
        for each in row.get("SalesTrackingCategories") or ()
    }
    return lines.LineDefaults(
        account=(account, row.get("SalesDefaultAccountCode"), books.settings.sales_account),
        tax_type=(tax_type, row.get("AccountsReceivableTaxType"), books.settings.tax_type),
        tracking=tracking or usual,
    )

"""Defaults of a sales document, from the contact, the organisation and the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.invoices import lines
from bizosaas_xero.spec.errors import Invalid

ValueIs = Literal["net", "gross"]

# What people write into an address for the countries of Xero's editions, in lower case.
_COUNTRY_NAMES = {
    "AU": {"australia", "au", "aus"},
    "CA": {"canada", "ca", "can"},
    "GB": {"united kingdom", "uk", "gb", "gbr", "great britain", "england", "scotland", "wales", "northern ireland"},
    "NZ": {"new zealand", "nz", "nzl", "aotearoa"},
    "SG": {"singapore", "sg", "sgp"},
    "US": {"united states", "united states of america", "usa", "us", "u.s.a.", "america"},
    "ZA": {"south africa", "za", "zaf"},
}


def resolve_currency(books: Books, contact: Row | None, requested: str | None, field: str = "params.currency") -> str:
    """Return the currency of a document: the requested one, the contact's, or the organisation's.

    Raises:
        Invalid: It is not enabled in Xero.
    """
    currency = requested or str((contact or {}).get("DefaultCurrency") or books.base_currency)
    if currency != books.base_currency and currency not in books.currencies:
        enabled = ", ".join(sorted(books.currencies))
        raise Invalid.field(field, f"{currency} is not enabled in Xero (enabled: {enabled})")
    return currency


def resolve_tax_mode(books: Books, contact: Row | None, value_is: ValueIs | None) -> lines.TaxMode:
    """Return how amounts relate to tax; an organisation that is not registered for tax charges none."""
    if books.organisation.get("PaysTax") is False:
        return "NoTax"
    if value_is:
        return "Inclusive" if value_is == "gross" else "Exclusive"
    default = (contact or {}).get("SalesDefaultLineAmountType") or books.organisation.get("DefaultSalesTax")
    name = str(default or "").upper()
    if "INCLUSIVE" in name:
        return "Inclusive"
    return "NoTax" if "NO" in name else "Exclusive"


def line_defaults(
    books: Books,
    contact: Row | None,
    account: str | None = None,
    tax_type: str | None = None,
    tracking: Mapping[str, str] | None = None,
) -> lines.LineDefaults:
    """Return account, tax and tracking for lines that name none: from the action, the contact, the settings."""
    row = contact or {}
    contact_tracking = {
        str(category.get("TrackingCategoryName")): str(category.get("TrackingOptionName"))
        for category in row.get("SalesTrackingCategories") or ()
    }
    return lines.LineDefaults(
        account=(account, row.get("SalesDefaultAccountCode"), books.settings.sales_account),
        tax_type=(tax_type, row.get("AccountsReceivableTaxType")),
        tracking=tracking or contact_tracking,
    )


def is_abroad(books: Books, contact: Row | None) -> bool:
    """Return whether all addresses of a contact that name a country name another than the organisation's."""
    home = _COUNTRY_NAMES.get(str(books.organisation.get("CountryCode")), set())
    addresses = (contact or {}).get("Addresses") or ()
    countries = {str(address.get("Country") or "").strip().casefold() for address in addresses} - {""}
    return bool(home and countries and not countries & home)

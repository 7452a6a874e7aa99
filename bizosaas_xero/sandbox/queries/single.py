"""One document, and the answers to writes: as recorded, they hold the whole contact, and a payment its invoice."""

from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.company import Company
from bizosaas_xero.sandbox.ledger.posting_rules import settled_entity

_NOT_IN_DOCUMENTS = {"Balances", "HasAttachments", "PaymentTerms", "Website"}


def complete_row(books: Company, entity: str, row: Row) -> Row:
    """Return a row with its contact, or the invoice that it pays, in full."""
    if entity == "Payments" and settled_entity(row) == "Invoices":
        guid = row["Invoice"]["InvoiceID"]
        return row if _missing(books, "Invoices", guid) else {**row, "Invoice": books.peek("Invoices", guid)}
    contact = row.get("Contact")
    if not isinstance(contact, dict) or _missing(books, "Contacts", contact.get("ContactID", "")):
        return row
    whole = books.peek("Contacts", contact["ContactID"])
    kept = {name: value for name, value in whole.items() if name not in _NOT_IN_DOCUMENTS}
    return {**row, "Contact": {**kept, "SalesTrackingCategories": [], "PurchasesTrackingCategories": []}}


def _missing(books: Company, entity: str, guid: str) -> bool:
    return books.table(entity).find(guid) is None

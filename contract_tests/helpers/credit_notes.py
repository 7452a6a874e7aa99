"""What the tests of credit notes ask for and look up."""

from __future__ import annotations

CREDIT = "create_credit_note"
TAXED = {
    "LineAmountTypes": "Exclusive",
    "LineItems": [
        {
            "Description": "work",
            "Quantity": "3",
            "UnitAmount": "33.35",
            "AccountCode": "200",
            "TaxType": "OUTPUT2",
        },
        {"Description": "book", "UnitAmount": "19.99", "AccountCode": "260", "TaxType": "RROUTPUT"},
    ],
}  # 120.04 and 21.01 of tax: 141.05


def of(row, **more):
    return {"invoice": row["InvoiceNumber"], "status": "authorised", **more}


def kept(at, data):
    return at.store.get("CreditNotes", data["credit_note_id"])


def due(at, row):
    return at.store.get("Invoices", row["InvoiceID"])["AmountDue"]

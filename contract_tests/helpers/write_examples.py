"""An example of each action that writes: from the books, its parameters."""

from __future__ import annotations


def customer(at, **wanted):
    """A customer with an e-mail address and fitting fields, as Xero has it."""
    contacts = at.rows("Contacts")
    return next(
        row
        for row in contacts
        if row["ContactStatus"] == "ACTIVE"
        and row.get("EmailAddress")
        and all(row.get(name) == value for name, value in wanted.items())
    )


def create_invoice(at):
    return {
        "contact": {"id": customer(at, DefaultCurrency=at.currency)["ContactID"]},
        "lines": [{"description": "Advice", "quantity": "2", "unit_amount": "150.00", "account": "200"}],
        "value_is": "net",
        "due_date": "2026-12-20",
        "status": "authorised",
    }


def invoice(at, **wanted):
    """A sales invoice of an active customer with an e-mail address; by default approved, open, never sent."""
    mailed = {row["ContactID"] for row in at.rows("Contacts") if row.get("EmailAddress")}
    mailed &= {row["ContactID"] for row in at.rows("Contacts", ContactStatus="ACTIVE")}
    wanted = {"Type": "ACCREC", "Status": "AUTHORISED", "AmountPaid": 0, "AmountCredited": 0} | wanted
    wanted = {"SentToContact": False, "CurrencyCode": at.currency} | wanted
    return next(row for row in at.rows("Invoices", **wanted) if row["Contact"]["ContactID"] in mailed and row["Total"])


def email_invoice(at):
    return {"invoice": invoice(at)["InvoiceNumber"]}


def void_invoice(at):
    return {"invoice": invoice(at)["InvoiceID"]}


def create_credit_note(at):
    return {"invoice": invoice(at)["InvoiceNumber"], "status": "authorised", "apply": True}


def create_contact(at):
    return {
        "name": "Kererū Bakery Ltd",
        "email": "hello@kereru.example",
        "phone": "+64 4 123 4567",
        "account_number": "C-1042",
        "currency": at.currency,
        "address": {"street": "1 Quay Street", "city": "Wellington", "postal_code": "6011"},
    }


def mark_invoice_paid(at):
    return {"invoice": invoice(at)["InvoiceID"], "account": "090", "reference": "Stripe po_1042"}


def payment(at, **wanted):
    """A payment of a sales invoice; by default one that no bank line is matched with."""
    wanted = {"PaymentType": "ACCRECPAYMENT", "Status": "AUTHORISED", "IsReconciled": False} | wanted
    return next(row for row in at.rows("Payments", **wanted) if not row.get("BatchPaymentID"))


def delete_payment(at):
    return {"payment_id": payment(at)["PaymentID"]}


WRITES = {
    "create_invoice": create_invoice,
    "mark_invoice_paid": mark_invoice_paid,
    "delete_payment": delete_payment,
    "email_invoice": email_invoice,
    "void_invoice": void_invoice,
    "create_credit_note": create_credit_note,
    "create_contact": create_contact,
}
"""Action to a function that takes a :class:`contract_tests.helpers.company.Company`."""

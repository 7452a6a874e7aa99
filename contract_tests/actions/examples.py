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


WRITES = {
    "create_invoice": create_invoice,
}
"""Action to a function that takes a :class:`contract_tests.actions.company.Company`."""

"""What the tests of money share: a customer, documents of one line, balances of the ledger."""

from decimal import Decimal

import pytest

from bizosaas_xero.sandbox.ledger.ledger import ACCRUAL, CASH

SCOPES = (
    "offline_access accounting.settings accounting.contacts accounting.invoices accounting.payments "
    "accounting.banktransactions accounting.manualjournals"
)


@pytest.fixture
def client(make):
    return make().connect(scope=SCOPES)


@pytest.fixture
def customer(client):
    return client.put("Contacts", {"Name": "Rātā Joinery", "EmailAddress": "office@rata.example"})


@pytest.fixture
def document(client, customer):
    """Make an approved document of one line."""

    def make(entity="Invoices", kind="ACCREC", amount=100, code="200", **more):
        body = {
            "Type": kind, "Contact": {"ContactID": customer["ContactID"]}, "Date": "2026-10-01",
            "DueDate": "2026-10-15", "Status": "AUTHORISED", "LineAmountTypes": "NoTax",
            "LineItems": [{"Description": "x", "UnitAmount": amount, "AccountCode": code}], **more,
        }  # fmt: skip
        return client.put(entity, body)

    return make


@pytest.fixture
def store(box):
    return box.sandbox.store()


def pay(document, amount, code="090", key="Invoice", **more):
    return {
        key: {f"{key}ID": document[f"{key}ID"]}, "Account": {"Code": code}, "Amount": amount,
        "Date": "2026-10-20", **more,
    }  # fmt: skip


def again(client, document):
    return client.rows(f"Invoices/{document['InvoiceID']}")[0]


def balance(store, code, basis=ACCRUAL):
    return store.ledger.balances(store.today(), basis).get(store.account_id(code), Decimal(0))


def zero(store):
    for basis in (ACCRUAL, CASH):
        assert sum(p.amount for p in store.ledger.postings(basis)) == 0

"""What the tests of money share: a customer, documents of one line, balances of the ledger."""

from decimal import Decimal

from bizosaas_xero.sandbox.ledger.posting import ACCRUAL, CASH

SCOPES = (
    "offline_access accounting.settings accounting.contacts accounting.invoices accounting.payments "
    "accounting.banktransactions accounting.manualjournals"
)


def pay(make_document, amount, code="090", key="Invoice", **more):
    return {
        key: {f"{key}ID": make_document[f"{key}ID"]}, "Account": {"Code": code}, "Amount": amount,
        "Date": "2026-10-20", **more,
    }  # fmt: skip


def again(client, make_document):
    return client.rows(f"Invoices/{make_document['InvoiceID']}")[0]


def balance(sandbox_store, code, basis=ACCRUAL):
    return sandbox_store.ledger.balances(sandbox_store.today(), basis).get(sandbox_store.account_id(code), Decimal(0))


def zero(sandbox_store):
    for basis in (ACCRUAL, CASH):
        assert sum(p.amount for p in sandbox_store.ledger.postings(basis)) == 0

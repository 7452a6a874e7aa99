"""Batches, bank transactions and transfers, and deleting what a person has reconciled."""

import pytest

from contract_tests.helpers.sandbox_money import SCOPES, again, balance, pay, zero

pytestmark = pytest.mark.scopes(SCOPES)


def test_bank_transactions_are_created_changed_and_deleted(client, customer, sandbox_store):
    bank = balance(sandbox_store, "090")
    body = {"Type": "SPEND", "Contact": {"ContactID": customer["ContactID"]}, "BankAccount": {"Code": "090"},
            "LineItems": [{"Description": "x", "UnitAmount": 46, "AccountCode": "429"}],
            "LineAmountTypes": "Inclusive"}  # fmt: skip
    made = client.put("BankTransactions", body)
    assert (made["Total"], made["TotalTax"], made["Status"]) == (46, 6, "AUTHORISED")
    assert balance(sandbox_store, "090") == bank - 46
    changed = client.post("BankTransactions", {"BankTransactionID": made["BankTransactionID"], "LineItems": [
        {"LineItemID": made["LineItems"][0]["LineItemID"], "UnitAmount": 23}]})  # fmt: skip
    assert changed["Total"] == 23
    assert client.refused("PUT", "BankTransactions", {**body, "Type": "SPEND-TRANSFER"})
    assert client.refused("PUT", "BankTransactions", {**body, "BankAccount": {"Code": "200"}})
    assert client.refused("PUT", "BankTransactions", {**body, "CurrencyCode": "USD"})
    assert client.refused("PUT", "BankTransactions", {**body, "LineItems": [{"UnitAmount": -3, "AccountCode": "429"}]})
    gone = client.post(f"BankTransactions/{made['BankTransactionID']}", {"Status": "DELETED"})
    assert gone["Status"] == "DELETED"
    assert balance(sandbox_store, "090") == bank
    assert client.refused("POST", f"BankTransactions/{made['BankTransactionID']}", {"Reference": "x"})


def test_transfers_move_money_between_two_accounts(client, sandbox_store):
    bank, saved, seeded = balance(sandbox_store, "090"), balance(sandbox_store, "091"), client.rows("BankTransfers")
    body = {"FromBankAccount": {"Code": "090"}, "ToBankAccount": {"Code": "091"}, "Amount": 500,
            "Date": "2026-10-03"}  # fmt: skip
    made = client.put("BankTransfers", body)
    assert "UpdatedDateUTC" not in made
    assert made["CreatedDateUTC"]
    assert (balance(sandbox_store, "090"), balance(sandbox_store, "091")) == (bank - 500, saved + 500)
    assert client.refused("PUT", "BankTransfers", {**body, "ToBankAccount": {"Code": "090"}})
    two_currencies = client.refused("PUT", "BankTransfers", {**body, "ToBankAccount": {"Code": "092"}})
    assert "different currencies" in two_currencies[0]
    assert client.refused("PUT", "BankTransfers", {**body, "Amount": 0})
    client.post("BankTransfers", {"BankTransferID": made["BankTransferID"], "Status": "DELETED"})
    assert (balance(sandbox_store, "090"), balance(sandbox_store, "091")) == (bank, saved)
    assert client.rows("BankTransfers") == seeded
    shown = client.rows("BankTransfers", includeDeleted="true")
    gone = [row for row in shown if row["Status"] == "DELETED"]
    assert [row["CreatedDateUTC"] for row in gone] == [made["CreatedDateUTC"]], "a deletion moves no stamp"


def reconciled_payment(client, make_document):
    return "Payments", client.put("Payments", pay(make_document(), 100, IsReconciled=True))


def reconciled_batch_member(client, make_document):
    part = {"Invoice": {"InvoiceID": make_document()["InvoiceID"]}, "Amount": 100, "IsReconciled": True}
    body = {"Account": {"Code": "090"}, "Date": "2026-10-20", "Payments": [part]}
    return "BatchPayments", client.put("BatchPayments", body)


def reconciled_transaction(client, make_document):
    contact = {"ContactID": make_document()["Contact"]["ContactID"]}
    return "BankTransactions", client.put("BankTransactions", {
        "Type": "SPEND", "Contact": contact, "BankAccount": {"Code": "090"}, "IsReconciled": True,
        "LineItems": [{"Description": "x", "UnitAmount": 46, "AccountCode": "429"}]})  # fmt: skip


def reconciled_transfer(side):
    def make(client, make_document):
        del make_document
        return "BankTransfers", client.put("BankTransfers", {
            "FromBankAccount": {"Code": "090"}, "ToBankAccount": {"Code": "091"}, "Amount": 500,
            "Date": "2026-10-03", f"{side}IsReconciled": True})  # fmt: skip

    return make


RECONCILED = {
    "payment": reconciled_payment,
    "a batch's payment": reconciled_batch_member,
    "bank transaction": reconciled_transaction,
    "transfer, where it left": reconciled_transfer("From"),
    "transfer, where it came": reconciled_transfer("To"),
}


@pytest.mark.parametrize("setting", ["allowed", "refused"])
@pytest.mark.parametrize("kind", RECONCILED)
def test_deleting_reconciled_rows_follows_the_switch(
    client, make_document, sandbox_server, sandbox_store, kind, setting
):
    sandbox_server.sandbox.switches.set("reconciled_delete", setting)
    sandbox_server.sandbox.switches.set("batch_delete", "allowed")
    make_document()  # the customer is there
    before = balance(sandbox_store, "090")
    entity, row = RECONCILED[kind](client, make_document)
    moved = balance(sandbox_store, "090")
    id_field = f"{entity[:-1]}ID"
    answer = client.send("POST", entity, {id_field: row[id_field], "Status": "DELETED"})
    assert answer.status_code == (200 if setting == "allowed" else 400)
    assert moved != before
    assert balance(sandbox_store, "090") == (before if setting == "allowed" else moved)
    if setting == "refused":
        assert "reconciled" in answer.text
        assert client.rows(f"{entity}/{row[id_field]}")[0]["Status"] == "AUTHORISED"
    zero(sandbox_store)


@pytest.mark.parametrize("setting", ["allowed", "refused"])
def test_deleting_a_reconciled_batch_follows_the_switch(client, sandbox_server, sandbox_store, setting):
    """The API cannot set this flag; here a seeded batch has it."""
    sandbox_server.sandbox.switches.set("reconciled_delete", setting)
    sandbox_server.sandbox.switches.set("batch_delete", "allowed")
    batch = next(sandbox_store.rows("BatchPayments"))
    sandbox_store.edit("BatchPayments", batch["BatchPaymentID"], {"IsReconciled": True})
    body = {"BatchPaymentID": batch["BatchPaymentID"], "Status": "DELETED"}
    assert client.send("POST", "BatchPayments", body).status_code == (200 if setting == "allowed" else 400)
    paid = {client.rows(f"Payments/{p['PaymentID']}")[0]["Status"] for p in batch["Payments"]}
    assert paid == {"DELETED" if setting == "allowed" else "AUTHORISED"}
    zero(sandbox_store)


@pytest.mark.parametrize("setting", ["allowed", "refused"])
def test_batches_are_deleted_whole_or_not_at_all(client, make_document, sandbox_server, sandbox_store, setting):
    sandbox_server.sandbox.switches.set("batch_delete", setting)
    one, two = make_document(), make_document(amount=50)
    body = {"Account": {"Code": "090"}, "Date": "2026-10-20", "Reference": "run 1", "Payments": [
        {"Invoice": {"InvoiceID": one["InvoiceID"]}, "Amount": 100},
        {"Invoice": {"InvoiceID": two["InvoiceID"]}, "Amount": 20}]}  # fmt: skip
    batch = client.put("BatchPayments", body)
    assert (batch["TotalAmount"], batch["Type"], len(batch["Payments"])) == (120, "RECBATCH", 2)
    paid = again(client, one)["Payments"][0]["PaymentID"]
    assert "batch" in client.refused("POST", f"Payments/{paid}", {"Status": "DELETED"})[0]
    assert client.rows(f"Payments/{paid}")[0]["BatchPayment"]["BatchPaymentID"] == batch["BatchPaymentID"]
    answer = client.send("POST", "BatchPayments", {"BatchPaymentID": batch["BatchPaymentID"], "Status": "DELETED"})
    assert answer.status_code == (200 if setting == "allowed" else 400)
    assert again(client, one)["AmountDue"] == (100 if setting == "allowed" else 0)
    zero(sandbox_store)

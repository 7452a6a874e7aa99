"""xero-node, unmodified, writes all that the sandbox takes, and each of its methods is tried or named as missing."""

import uuid
from decimal import Decimal

import pytest

from contract_tests.helpers.node_methods import (
    AGED,
    HISTORIES,
    LISTS,
    NOT_HERE,
    OTHER_READS,
    PAGED,
    PRINTED,
    REPORTS,
    SINGLE,
)

pytestmark = [pytest.mark.slow, pytest.mark.xero_sandbox(invoices=60, seed=7, limits=False, books="wild")]
WRITES: set[str] = set()  # what the tests of writes called


def write(node, method, *args):
    WRITES.add(method)
    return node.accounting(method, *args)


def written(node, method, *args):
    WRITES.add(method)
    return node.rows(method, *args)[0]


LINE = {"description": "Work", "quantity": 2, "unitAmount": 50, "accountCode": "200"}


@pytest.fixture(scope="module")
def node_buyer(node):
    return written(node, "createContacts", {"contacts": [{"name": "Node & Sons", "emailAddress": "n@example.com"}]})


@pytest.fixture
def make_invoice(node, node_buyer):
    def make(**more):
        body = {
            "type": "ACCREC", "status": "AUTHORISED", "contact": {"contactID": node_buyer["contactID"]},
            "date": "2026-10-01", "dueDate": "2026-10-20", "lineItems": [LINE], **more,
        }  # fmt: skip
        return written(node, "createInvoices", {"invoices": [body]})

    return make


def test_it_writes_contacts(node, node_buyer):
    guid = node_buyer["contactID"]
    changed = written(node, "updateContact", guid, {"contacts": [{"name": "Node & Daughters"}]})
    assert (changed["contactID"], changed["name"]) == (guid, "Node & Daughters")
    same = {"contacts": [{"contactID": guid, "name": "Node & Sons"}, {"name": "Node's friend"}]}
    assert len(write(node, "updateOrCreateContacts", same)["contacts"]) == 2
    assert node.refused("createContacts", {"contacts": [{"name": "Node & Sons"}]}) == 400


def test_it_writes_invoices(node, node_buyer, make_invoice, shared_store, monkeypatch):
    made = make_invoice()
    assert (made["status"], made["total"], made["amountDue"], made["type"]) == ("AUTHORISED", 115, 115, "ACCREC")
    assert made["date"].startswith("2026-10-01")
    monkeypatch.setattr(shared_store, "email_cap", 5)  # a demo company sends none
    write(node, "emailInvoice", made["invoiceID"], {})
    changed = written(node, "updateInvoice", made["invoiceID"], {"invoices": [{"reference": "R-1"}]})
    assert (changed["reference"], changed["sentToContact"]) == ("R-1", True)
    saved = written(
        node, "updateOrCreateInvoices", {"invoices": [{"invoiceID": made["invoiceID"], "status": "VOIDED"}]}
    )
    assert saved["status"] == "VOIDED"
    wrong = {
        "type": "ACCREC",
        "contact": {"contactID": node_buyer["contactID"]},
        "currencyCode": "ISK",
        "lineItems": [LINE],
    }
    assert node.refused("createInvoices", {"invoices": [wrong]}) == 400
    mixed = write(node, "createInvoices", {"invoices": [wrong, {**wrong, "currencyCode": "NZD"}]}, False)["invoices"]
    assert [row["statusAttributeString"] for row in mixed] == ["ERROR", "OK"]


def test_it_writes_payments(node, make_invoice):
    pay = {"account": {"code": "090"}, "date": "2026-10-05", "amount": 15}
    made = make_invoice()
    one = written(node, "createPayment", {"invoice": {"invoiceID": made["invoiceID"]}, **pay})
    more = {"payments": [{"invoice": {"invoiceID": made["invoiceID"]}, **pay}]}
    assert len(write(node, "createPayments", more)["payments"]) == 1
    assert node.rows("getInvoice", made["invoiceID"])[0]["amountDue"] == 85
    assert written(node, "deletePayment", one["paymentID"], {"status": "DELETED"})["status"] == "DELETED"
    assert node.rows("getInvoice", made["invoiceID"])[0]["amountDue"] == 100


def test_it_writes_batch_payments(node, make_invoice, shared_store):
    account = next(row for row in shared_store.rows("Accounts") if row.get("Code") == "090")["AccountID"]

    def batch():
        paid = [{"invoice": {"invoiceID": make_invoice()["invoiceID"]}, "amount": 115} for _ in range(2)]
        body = {"account": {"accountID": account}, "date": "2026-10-06", "payments": paid}
        return written(node, "createBatchPayment", {"batchPayments": [body]})

    first, second = batch(), batch()
    assert Decimal(first["totalAmount"]) == 230
    gone = {"batchPaymentID": first["batchPaymentID"], "status": "DELETED"}
    assert written(node, "deleteBatchPayment", gone)["status"] == "DELETED"
    gone = written(node, "deleteBatchPaymentByUrlParam", second["batchPaymentID"], {"status": "DELETED"})
    assert gone["status"] == "DELETED"


def test_it_writes_credit_notes_and_allocations(node, node_buyer, make_invoice):
    made = make_invoice()
    body = {"type": "ACCRECCREDIT", "contact": {"contactID": node_buyer["contactID"]}, "date": "2026-10-02",
            "lineItems": [LINE]}  # fmt: skip
    note = written(node, "createCreditNotes", {"creditNotes": [body]})
    guid = note["creditNoteID"]
    assert written(node, "updateCreditNote", guid, {"creditNotes": [{"reference": "R"}]})["reference"] == "R"
    approved = {"creditNotes": [{"creditNoteID": guid, "status": "AUTHORISED"}]}
    assert written(node, "updateOrCreateCreditNotes", approved)["remainingCredit"] == 115
    part = {"amount": 40, "date": "2026-10-03", "invoice": {"invoiceID": made["invoiceID"]}}
    allocation = written(node, "createCreditNoteAllocation", guid, {"allocations": [part]})
    assert node.rows("getInvoice", made["invoiceID"])[0]["amountCredited"] == 40
    write(node, "deleteCreditNoteAllocations", guid, allocation["allocationID"])
    assert node.rows("getInvoice", made["invoiceID"])[0]["amountDue"] == 115


def test_it_writes_bank_transactions_and_advances(node, node_buyer, make_invoice):
    spent = {"type": "SPEND", "contact": {"contactID": node_buyer["contactID"]}, "bankAccount": {"code": "090"},
             "date": "2026-10-04", "lineItems": [{**LINE, "accountCode": "429"}]}  # fmt: skip
    made = written(node, "createBankTransactions", {"bankTransactions": [spent]})
    guid = made["bankTransactionID"]
    changed = written(node, "updateBankTransaction", guid, {"bankTransactions": [{"reference": "R"}]})
    assert changed["reference"] == "R"
    gone = {"bankTransactions": [{"bankTransactionID": guid, "status": "DELETED"}]}
    assert written(node, "updateOrCreateBankTransactions", gone)["status"] == "DELETED"
    for kind, name in (("OVERPAYMENT", "Overpayment"), ("PREPAYMENT", "Prepayment")):
        line = {"description": "x", "quantity": 1, "unitAmount": 20, "lineAmount": 20, "accountCode": "610"}
        line = line if kind == "OVERPAYMENT" else {**LINE, "unitAmount": 20}
        row = {**spent, "type": f"RECEIVE-{kind}", "lineItems": [line], "lineAmountTypes": "NoTax"}
        advance = written(node, "createBankTransactions", {"bankTransactions": [row]})["bankTransactionID"]
        part = {"amount": 5, "date": "2026-10-05", "invoice": {"invoiceID": make_invoice()["invoiceID"]}}
        allocation = written(node, f"create{name}Allocations", advance, {"allocations": [part]})
        write(node, f"delete{name}Allocations", advance, allocation["allocationID"])


def test_it_writes_bank_transfers(node, shared_store):
    banks = [
        row
        for row in shared_store.rows("Accounts")
        if row["Type"] == "BANK" and row.get("CurrencyCode", "NZD") == "NZD"
    ]
    source, target = ({"accountID": row["AccountID"]} for row in banks[:2])
    body = {"fromBankAccount": source, "toBankAccount": target, "amount": 12, "date": "2026-10-05"}
    first, second = (written(node, "createBankTransfer", {"bankTransfers": [body]}) for _ in range(2))
    gone = written(node, "deleteBankTransfer", first["bankTransferID"], {"status": "DELETED"})
    assert gone["bankTransferID"] == first["bankTransferID"]
    both = {"bankTransfers": [{"bankTransferID": second["bankTransferID"], "status": "DELETED"}]}
    write(node, "deleteBankTransfers", both)
    left = {row["bankTransferID"] for row in node.rows("getBankTransfers")}
    assert not left & {first["bankTransferID"], second["bankTransferID"]}


def test_it_writes_manual_journals(node):
    lines = [{"lineAmount": 10, "accountCode": "400"}, {"lineAmount": -10, "accountCode": "404"}]
    made = written(
        node, "createManualJournals", {"manualJournals": [{"narration": "Wrong account", "journalLines": lines}]}
    )
    guid = made["manualJournalID"]
    changed = {"manualJournals": [{"narration": "Right account"}]}
    assert written(node, "updateManualJournal", guid, changed)["narration"] == "Right account"
    posted = {"manualJournals": [{"manualJournalID": guid, "status": "POSTED"}]}
    assert written(node, "updateOrCreateManualJournals", posted)["status"] == "POSTED"


def test_it_writes_quotes(node, node_buyer):
    body = {"contact": {"contactID": node_buyer["contactID"]}, "date": "2026-10-01", "lineItems": [LINE]}
    made = written(node, "createQuotes", {"quotes": [body]})
    assert (made["status"], made["total"]) == ("DRAFT", 115)
    guid = made["quoteID"]
    changed = written(node, "updateQuote", guid, {"quotes": [{**body, "title": "Work"}]})
    assert changed["title"] == "Work"
    sent = {"quotes": [{**body, "quoteID": guid, "status": "SENT"}]}
    assert written(node, "updateOrCreateQuotes", sent)["status"] == "SENT"


def test_it_writes_items(node):
    body = {"code": "NODE", "name": "Node", "salesDetails": {"unitPrice": 4, "accountCode": "200"}}
    made = written(node, "createItems", {"items": [body]})
    assert written(node, "updateItem", made["itemID"], {"items": [{**body, "name": "Edge"}]})["name"] == "Edge"
    saved = written(node, "updateOrCreateItems", {"items": [{"code": "NODE", "name": "Vertex"}]})
    assert (saved["itemID"], saved["name"]) == (made["itemID"], "Vertex")
    write(node, "deleteItem", made["itemID"])
    assert node.refused("getItem", made["itemID"]) == 404


def test_it_writes_settings(node):
    account = written(node, "createAccount", {"code": "498N", "name": "Node costs", "type": "EXPENSE"})
    changed = {"accounts": [{"name": "Edge costs"}]}
    assert written(node, "updateAccount", account["accountID"], changed)["name"] == "Edge costs"
    write(node, "deleteAccount", account["accountID"])
    assert written(node, "createCurrency", {"code": "SGD"})["code"] == "SGD"
    parts = [{"name": "All", "rate": 3}]
    rate = written(node, "createTaxRates", {"taxRates": [{"name": "Node tax", "taxComponents": parts}]})
    renamed = {"name": "Edge tax", "taxType": rate["taxType"], "taxComponents": parts}
    assert written(node, "updateTaxRate", {"taxRates": [renamed]})["name"] == "Edge tax"


def test_it_writes_tracking(node, shared_store):
    region = next(shared_store.rows("TrackingCategories"))
    guid = region["TrackingCategoryID"]
    option = written(node, "createTrackingOptions", guid, {"name": "Node"})["trackingOptionID"]
    renamed = written(node, "updateTrackingOptions", guid, option, {"name": "Edge"})
    assert renamed["name"] == "Edge"
    write(node, "deleteTrackingOptions", guid, option)
    assert written(node, "updateTrackingCategory", guid, {"name": "Where"})["name"] == "Where"
    written(node, "updateTrackingCategory", guid, {"name": region["Name"]})
    assert node.refused("createTrackingCategory", {"name": "A third"}) == 400
    other = [row["TrackingCategoryID"] for row in shared_store.rows("TrackingCategories")][1]
    write(node, "deleteTrackingCategory", other)
    assert written(node, "createTrackingCategory", {"name": "A second"})["status"] == "ACTIVE"


def test_a_refusal_is_understood(node, shared_sandbox_server):
    assert node.refused("getInvoices", None, "NoSuchField==1") == 400
    assert node.refused("getAccount", "00000000-0000-0000-0000-000000000001") == 404
    shared_sandbox_server.sandbox.faults.add("rate_limit", problem="minute", retry_after=3)
    assert node.refused("getAccounts") == 429


def test_every_method_is_tried_or_named_as_not_here(node):
    """The last test: what the others called, and what is not here, is all there is."""
    known = node.ask("methods", api="accountingApi")["body"]
    methods = {name for name in known if name.startswith(("get", "create", "update", "delete", "email"))}
    read = {*LISTS, *PAGED, *SINGLE, *REPORTS, *AGED, *PRINTED, *OTHER_READS}
    noted = {method for pair in HISTORIES.values() for method in pair}
    attachments = {name for name in methods if "Attachment" in name}
    assert methods - read - noted - attachments - NOT_HERE == WRITES
    for method in sorted(NOT_HERE | attachments):
        guid = str(uuid.uuid4())  # it stands in the address, as the body and as the idempotency key
        sent = {"$stream": "x"} if method in attachments and not method.startswith("get") else guid
        first = {"$date": "2026-01-01"} if method in {"getExpenseClaims", "getJournals", "getReceipts"} else guid
        answer = node.ask(method, node.tenant, first, guid, sent, guid, api="accountingApi")
        assert answer.get("status") in {404, 405}, (method, answer)

"""Payments, credits and journals: what settles what, and what the ledger says."""

import pytest

from bizosaas_xero.sandbox.ledger.posting import CASH
from contract_tests.helpers.sandbox_money import SCOPES, again, balance, pay, zero

pytestmark = pytest.mark.scopes(SCOPES)


def test_an_invoice_is_paid_in_parts_and_one_payment_deleted(client, make_document, sandbox_store):
    sold, bank, owed = make_document(), balance(sandbox_store, "090"), balance(sandbox_store, "610")
    first = client.put("Payments", pay(sold, 40, Reference="part"))
    assert (first["Status"], first["PaymentType"], first["BankAmount"]) == ("AUTHORISED", "ACCRECPAYMENT", 40)
    row = again(client, sold)
    assert (row["AmountDue"], row["AmountPaid"], row["Status"]) == (60, 40, "AUTHORISED")
    assert [p["PaymentID"] for p in row["Payments"]] == [first["PaymentID"]]
    last = client.post("Payments", pay(sold, 60, Date="2026-11-01"))
    row = again(client, sold)
    assert (row["Status"], row["AmountDue"]) == ("PAID", 0)
    assert row["FullyPaidOnDate"] == last["Date"]
    assert balance(sandbox_store, "090") == bank + 100
    assert balance(sandbox_store, "610") == owed - 100
    gone = client.post(f"Payments/{last['PaymentID']}", {"Status": "DELETED"})
    assert gone["Status"] == "DELETED"
    row = again(client, sold)
    assert (row["Status"], row["AmountDue"]) == ("AUTHORISED", 60)
    assert "FullyPaidOnDate" not in row
    assert balance(sandbox_store, "090") == bank + 40
    assert client.refused("POST", f"Payments/{last['PaymentID']}", {"Status": "DELETED"})
    assert client.rows(f"Payments/{last['PaymentID']}")[0]["Status"] == "DELETED", "it stays readable"
    zero(sandbox_store)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"Amount": 100.01}, "Payment amount exceeds the amount outstanding on this document"),
        ({"Amount": 0}, "greater than zero"),
        ({"Amount": -5}, "greater than zero"),
        ({"Amount": None}, "greater than zero"),
        ({"Account": {"Code": "200"}}, "Account code '200' is not a valid code"),
        ({"Account": {"Code": "999"}}, "Account code '999' is not a valid code"),
        ({"Account": {"Code": "850"}}, "archived"),
        ({"Account": {}}, "Account must be valid."),
        ({"Account": {"Code": "092"}}, "currency"),
        ({"CreditNote": {"CreditNoteID": "x"}}, "exactly one"),
        ({"Invoice": {"InvoiceID": "11111111-1111-1111-1111-111111111111"}}, "was not found"),
        ({"Date": "2026-13-01"}, "AllXsd"),
    ],
)
def test_payments_with_wrong_fields_are_refused(client, make_document, changes, word):
    sold = make_document()
    before = client.rows("Payments"), client.rows("Invoices")
    assert word in " ".join(client.refused("PUT", "Payments", {**pay(sold, 10), **changes}))
    assert (client.rows("Payments"), client.rows("Invoices")) == before


def test_two_payments_of_one_body_cannot_overpay_together(client, make_document):
    sold = make_document()
    twice = {"Payments": [pay(sold, 60), pay(sold, 60)]}
    assert client.refused("PUT", "Payments", twice)
    assert again(client, sold)["AmountDue"] == 100


def test_only_approved_documents_are_paid(client, make_document):
    draft = make_document(Status="DRAFT")
    assert client.refused("PUT", "Payments", pay(draft, 10)) == [
        "Payments can only be made against Authorised documents"
    ]


def test_what_is_paid_cannot_be_edited_or_voided(client, make_document):
    sold = make_document()
    client.put("Payments", pay(sold, 40))
    for body in (
        {"Status": "VOIDED"},
        {"Date": "2026-10-02"},
        {"LineItems": [{"Description": "new", "UnitAmount": 1, "AccountCode": "200"}]},
        {"LineItems": [{"LineItemID": sold["LineItems"][0]["LineItemID"], "UnitAmount": 90}]},
    ):
        assert (
            "payment or credit note allocated"
            in client.refused("POST", "Invoices", {"InvoiceID": sold["InvoiceID"], **body})[0]
        )
    harmless = {
        "LineItemID": sold["LineItems"][0]["LineItemID"],
        "Description": "better",
        "AccountCode": "260",
    }
    changed = client.post("Invoices", {
        "InvoiceID": sold["InvoiceID"], "Reference": "PO 9", "DueDate": "2026-12-01", "LineItems": [harmless],
    })  # fmt: skip
    assert changed["Reference"] == "PO 9"
    assert changed["LineItems"][0]["AccountCode"] == "260"
    assert changed["AmountDue"] == 60


def test_a_credit_note_is_allocated_and_the_allocation_deleted(client, make_document, sandbox_store):
    owed = balance(sandbox_store, "610")
    sold, credit = make_document(), make_document("CreditNotes", "ACCRECCREDIT", 30)
    assert credit["CreditNoteNumber"].startswith("CN-")
    assert credit["RemainingCredit"] == 30
    where = f"CreditNotes/{credit['CreditNoteID']}/Allocations"
    part = {"Invoice": {"InvoiceID": sold["InvoiceID"]}, "Amount": 20, "Date": "2026-10-21"}
    made = client.put(where, {"Allocations": [part]})
    row = again(client, sold)
    assert (row["AmountDue"], row["AmountCredited"], row["AmountPaid"]) == (80, 20, 0)
    assert "Payments" not in row, "an empty list is left out of a single document, as recorded"
    assert row["CreditNotes"][0]["AppliedAmount"] == 20
    assert client.rows(f"CreditNotes/{credit['CreditNoteID']}")[0]["RemainingCredit"] == 10
    assert balance(sandbox_store, "610") == owed + 70
    assert client.refused("PUT", where, {**part, "Amount": 11})
    assert client.refused("POST", "CreditNotes", {"CreditNoteID": credit["CreditNoteID"], "Status": "VOIDED"})
    gone = client.send("DELETE", f"{where}/{made['AllocationID']}")
    assert gone.status_code == 200
    assert gone.json()["IsDeleted"] is True
    assert again(client, sold)["AmountDue"] == 100
    assert client.send("DELETE", f"{where}/{made['AllocationID']}").status_code == 404
    client.post("CreditNotes", {"CreditNoteID": credit["CreditNoteID"], "Status": "VOIDED"})
    assert balance(sandbox_store, "610") == owed + 100
    zero(sandbox_store)


@pytest.mark.parametrize("moves", [True, False])
def test_an_allocation_may_move_the_stamp_of_its_invoice(client, make_document, sandbox_server, moves):
    sandbox_server.sandbox.switches.set("allocation_moves_stamp", moves)
    sold, credit = make_document(), make_document("CreditNotes", "ACCRECCREDIT", 30)
    sandbox_server.sandbox.clock.advance(60)
    part = {"Invoice": {"InvoiceID": sold["InvoiceID"]}, "Amount": 20}
    client.put(f"CreditNotes/{credit['CreditNoteID']}/Allocations", part)
    assert (again(client, sold)["UpdatedDateUTC"] != sold["UpdatedDateUTC"]) == moves


def test_a_credit_note_is_refunded(client, make_document, sandbox_store):
    credit, bank = make_document("CreditNotes", "ACCRECCREDIT", 30), balance(sandbox_store, "090")
    paid = client.put("Payments", pay(credit, 30, key="CreditNote"))
    assert paid["PaymentType"] == "ARCREDITPAYMENT"
    row = client.rows(f"CreditNotes/{credit['CreditNoteID']}")[0]
    assert (row["Status"], row["RemainingCredit"]) == ("PAID", 0)
    assert balance(sandbox_store, "090") == bank - 30
    zero(sandbox_store)


@pytest.mark.parametrize("kind", ["OVERPAYMENT", "PREPAYMENT"])
@pytest.mark.parametrize("way", ["RECEIVE", "SPEND"])
def test_prepayments_and_overpayments_are_allocated(client, make_document, customer, sandbox_store, kind, way):
    sales = way == "RECEIVE"
    entity, key = f"{kind.title()}s", f"{kind.title()}ID"
    made = client.put("BankTransactions", {
        "Type": f"{way}-{kind}", "Contact": {"ContactID": customer["ContactID"]},
        "BankAccount": {"Code": "090"}, "Date": "2026-10-02",
        "LineItems": [{"Description": "x", "UnitAmount": 115, "AccountCode": "200" if sales else "429"}],
        **({"LineAmountTypes": "Inclusive"} if kind == "PREPAYMENT" else {}),
    })  # fmt: skip
    credit = client.rows(f"{entity}/{made[key]}")[0]
    assert (credit["RemainingCredit"], credit["Type"]) == (115, f"{way}-{kind}")
    sold = make_document(kind="ACCREC" if sales else "ACCPAY", amount=200, code="200" if sales else "429")
    where = f"{entity}/{made[key]}/Allocations"
    client.put(where, {"Allocations": [{"Invoice": {"InvoiceID": sold["InvoiceID"]}, "Amount": 100}]})
    assert again(client, sold)["AmountDue"] == 100
    assert client.refused("POST", "BankTransactions", {
        "BankTransactionID": made["BankTransactionID"], "Status": "DELETED"})  # fmt: skip
    back = client.put("Payments", pay(credit, 15, key=kind.title()))
    assert back["PaymentType"] == f"{'AR' if sales else 'AP'}{kind}PAYMENT"
    assert client.rows(f"{entity}/{made[key]}")[0]["Status"] == "PAID"
    zero(sandbox_store)
    wrong = make_document(kind="ACCPAY" if sales else "ACCREC", amount=9, code="429" if sales else "200")
    part = {"Invoice": {"InvoiceID": wrong["InvoiceID"]}, "Amount": 1}
    assert client.refused("PUT", where, part)


def journal(*lines, **more):
    rows = [{"LineAmount": amount, "AccountCode": code} for amount, code in lines]
    return {"Narration": "Accrual", "Date": "2026-10-05", "Status": "POSTED", "JournalLines": rows, **more}


def test_manual_journals_post_to_their_accounts(client, sandbox_store):
    rent = balance(sandbox_store, "469")
    draft = client.put("ManualJournals", journal((100, "469"), (-100, "900"), Status="DRAFT"))
    assert balance(sandbox_store, "469") == rent
    client.post("ManualJournals", {"ManualJournalID": draft["ManualJournalID"], "Status": "POSTED"})
    assert balance(sandbox_store, "469") == rent + 100
    client.post(f"ManualJournals/{draft['ManualJournalID']}", {"Status": "VOIDED"})
    assert balance(sandbox_store, "469") == rent
    hidden = client.put("ManualJournals", journal((10, "469"), (-10, "900"), ShowOnCashBasisReports=False))
    assert hidden["ShowOnCashBasisReports"] is False
    cash = sandbox_store.ledger.postings_of("ManualJournals", hidden["ManualJournalID"], CASH)
    assert cash == ()
    taxed = client.put("ManualJournals", journal((100, "429"), (-115, "900"), LineAmountTypes="Exclusive"))
    assert [line["TaxAmount"] for line in taxed["JournalLines"]] == [15, 0]
    zero(sandbox_store)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (journal((100, "469"), (-10, "900")), "The total debits (100.00) must equal total credits (-10.00)"),
        (journal((0, "469")), "at least two lines"),
        (journal((1, "469"), (-1, "090")), "090"),
        (journal((1, "469"), (-1, "610")), "610"),
        (journal((1, "469"), (-1, "630")), "630"),
        (journal((1, "469"), (-1, "960")), "960"),
        (journal((1, "469"), (-1, "999")), "999"),
        (journal((1, "469"), (-1, "900"), Narration=" "), "Narration"),
        (journal((1, "469"), (-1, "900"), Status="VOIDED"), "status"),
    ],
)
def test_unbalanced_or_wrong_journals_are_refused(client, body, word):
    assert word in " ".join(client.refused("PUT", "ManualJournals", body))


def test_a_payment_at_another_rate_realises_a_gain(client, make_document, sandbox_store):
    gains, owed = balance(sandbox_store, "499"), balance(sandbox_store, "610")
    sold = make_document(CurrencyCode="USD", CurrencyRate=0.5)
    assert balance(sandbox_store, "610") == owed + 200, "base is the amount divided by the rate"
    client.put("Payments", pay(sold, 40, CurrencyRate=0.4))
    assert balance(sandbox_store, "610") == owed + 120
    assert balance(sandbox_store, "499") == gains - 20, "100 came in for what stood at 80"
    client.put("Payments", pay(sold, 60, BankAmount=110))
    assert balance(sandbox_store, "610") == owed
    assert balance(sandbox_store, "499") == gains - 20 + 10
    zero(sandbox_store)


def test_paid_documents_are_not_revalued(client, make_document, sandbox_store):
    before = sandbox_store.ledger.revaluations(sandbox_store.today())
    sold = make_document(CurrencyCode="USD", CurrencyRate=0.5)
    assert sandbox_store.ledger.revaluations(sandbox_store.today()) != before
    client.put("Payments", pay(sold, 100, CurrencyRate=0.4))
    assert sandbox_store.ledger.revaluations(sandbox_store.today()) == before


def test_a_foreign_bank_account_is_posted_in_both_currencies(client, make_document, sandbox_store):
    bank = balance(sandbox_store, "092")
    sold = make_document(CurrencyCode="USD", CurrencyRate=0.5)
    paid = client.put("Payments", pay(sold, 100, code="092", CurrencyRate=0.625))
    assert paid["BankAmount"] == 100
    assert balance(sandbox_store, "092") == bank + 160
    zero(sandbox_store)


def test_an_inverted_rate_gives_a_warning(client, customer):
    body = {"Type": "ACCREC", "Contact": {"ContactID": customer["ContactID"]}, "CurrencyCode": "USD",
            "CurrencyRate": 1.6,
            "LineItems": [{"Description": "x", "UnitAmount": 1, "AccountCode": "200"}]}  # fmt: skip
    made = client.put("Invoices", body, summarizeErrors="false")
    assert made["StatusAttributeString"] == "WARNING"
    assert "CurrencyRate" in made["Warnings"][0]["Message"]


def test_some_changes_keep_the_timestamp(client, make_document, sandbox_server):
    sold = make_document()
    client.put("Payments", pay(sold, 40))
    before = again(client, sold)["UpdatedDateUTC"]
    sandbox_server.sandbox.clock.advance(60)
    only = {"LineItemID": sold["LineItems"][0]["LineItemID"], "AccountCode": "260"}
    for body in ({"DueDate": "2026-12-01"}, {"SentToContact": True}, {"LineItems": [only]}):
        row = client.post(f"Invoices/{sold['InvoiceID']}", body)
        assert row["UpdatedDateUTC"] == before
    assert row["LineItems"][0]["AccountCode"] == "260"
    assert row["DueDateString"] == "2026-12-01T00:00:00"
    assert client.post(f"Invoices/{sold['InvoiceID']}", {"Reference": "r"})["UpdatedDateUTC"] != before


def test_rows_removed_by_hand_do_not_stop_the_ledger(client, make_document, sandbox_store):
    sold = make_document()
    paid = client.put("Payments", pay(sold, 40))
    sandbox_store.delete("Payments", paid["PaymentID"])
    sandbox_store.insert("Invoices")
    zero(sandbox_store)

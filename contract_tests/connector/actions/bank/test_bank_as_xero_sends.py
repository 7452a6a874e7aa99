"""Bank entries on what Xero really sends: refunds, transfers in two lists, doubled overpayments, large books."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bizosaas_xero.connector.actions.bank import reconcile_bank_feeds
from bizosaas_xero.connector.actions.bank.reconcile_bank_feeds import ReconcileParams
from bizosaas_xero.spec.errors import Invalid, Misconfigured, OrganisationUnavailable
from contract_tests.helpers.canned_books import canned_books, payment


def waiting(books, **params):
    return reconcile_bank_feeds.run(books, ReconcileParams(look_for_duplicates=False, **params))


@pytest.mark.parametrize(
    ("kind", "document", "amount", "page"),
    [
        ("ARCREDITPAYMENT", "ACCRECCREDIT", "-10.00", "AccountsReceivable/ViewCreditNote.aspx?creditNoteID=d-1"),
        ("APCREDITPAYMENT", "ACCPAYCREDIT", "10.00", "AccountsPayable/ViewCreditNote.aspx?creditNoteID=d-1"),
        ("ARPREPAYMENTPAYMENT", "ARPREPAYMENT", "-10.00", None),
        ("APPREPAYMENTPAYMENT", "APPREPAYMENT", "10.00", None),
        ("AROVERPAYMENTPAYMENT", "AROVERPAYMENT", "-10.00", None),
        ("APOVERPAYMENTPAYMENT", "APOVERPAYMENT", "10.00", None),
        ("ACCRECPAYMENT", "ACCREC", "10.00", "AccountsReceivable/View.aspx?InvoiceID=d-1"),
        ("ACCPAYPAYMENT", "ACCPAY", "-10.00", "AccountsPayable/View.aspx?InvoiceID=d-1"),
    ],
)
def test_a_refund_goes_the_other_way_and_links_to_its_own_document(kind, document, amount, page):
    paid = {"InvoiceID": "d-1", "InvoiceNumber": "CN-1", "Type": document, "Contact": {"ContactID": "c-1"}}
    [entry] = waiting(canned_books(Payments=[payment("x", "10.00", PaymentType=kind, Invoice=paid)])).entries
    assert (entry.amount, entry.numbers) == (Decimal(amount), ["CN-1"])
    assert entry.link is None if page is None else entry.link.endswith(page)


@pytest.mark.parametrize("listed", [True, False])
def test_a_transfer_counts_once_whether_or_not_it_is_among_the_bank_transactions_too(listed):
    row = {"BankTransactionID": "t-1", "Type": "SPEND-TRANSFER", "BankAccount": {"AccountID": "a-bank"},
           "Total": "30.00", "Date": "2026-10-01", "Status": "AUTHORISED"}  # fmt: skip
    transfer = {"BankTransferID": "x-1", "Date": "2026-10-01", "Amount": "30.00",
                "FromBankAccount": {"AccountID": "a-bank"}, "ToBankAccount": {"AccountID": "elsewhere"}}  # fmt: skip
    books = canned_books(BankTransactions=[row] if listed else [], BankTransfers=[transfer])
    assert [(entry.kind, entry.amount) for entry in waiting(books).entries] == [("bank_transfer", -30)]


def over(key, amount, **more):
    return {"BankTransactionID": key, "Type": "RECEIVE-OVERPAYMENT", "BankAccount": {"AccountID": "a-bank"},
            "Total": amount, "Date": "2026-10-05", "Status": "AUTHORISED", "OverpaymentID": key, **more}  # fmt: skip


@pytest.mark.parametrize(
    ("total", "overs", "money_in"),
    [
        ("139.00", ["40.00"], "139.00"),  # the total includes the overpayment, which is listed as well
        ("99.00", ["40.00"], "139.00"),  # it does not
        ("139.00", ["25.00", "15.00"], "139.00"),
        ("139.00", ["41.00"], "180.00"),  # another overpayment
        ("99.00", [], "99.00"),
    ],
)
def test_an_overpayment_within_a_batch_counts_once(total, overs, money_in):
    batch = {"BatchPaymentID": "b-1", "Type": "RECBATCH", "TotalAmount": total, "Date": "2026-10-05",
             "Account": {"AccountID": "a-bank"}, "Status": "AUTHORISED"}  # fmt: skip
    books = canned_books(
        Payments=[payment(n, a, BatchPayment={"BatchPaymentID": "b-1"}) for n, a in (("1", "60.00"), ("2", "39.00"))],
        BatchPayments=[batch],
        BankTransactions=[over(f"o-{number}", amount) for number, amount in enumerate(overs)],
    )
    [account] = waiting(books).accounts
    assert account.money_in == Decimal(money_in)


def test_a_filter_refused_for_large_books_is_answered_by_filtering_here():
    asked = []

    def rows(query):
        asked.append(query["where"])
        if "IsReconciled" in query["where"] or "BankAccount" in query["where"]:
            return Invalid("too many", reason="high_volume")
        return [payment("1", "10.00"), payment("2", "20.00", IsReconciled=True)]

    def transactions(query):
        if isinstance(answer := rows(query), Invalid):
            return answer
        return [
            {"BankTransactionID": f"t-{account}-{done}", "Type": "SPEND", "BankAccount": {"AccountID": account},
             "Total": "5.00", "Date": "2026-10-05", "IsReconciled": done}
            for account in ("a-bank", "a-other") for done in (True, False)
        ]  # fmt: skip

    result = waiting(canned_books(Payments=rows, BankTransactions=transactions), bank_account="090")
    assert sorted(entry.amount for entry in result.entries) == [-5, 10]
    assert any("IsReconciled" in where for where in asked), "the cheaper filter is tried first"
    assert all("Status" in where and "Date" in where for where in asked)


def test_any_other_refusal_is_not_answered_by_reading_everything():
    with pytest.raises(Invalid, match="bad filter"):
        waiting(canned_books(Payments=Invalid("bad filter", reason="refused_by_xero")))


@pytest.mark.parametrize("refusal", [Misconfigured("no"), OrganisationUnavailable("no")], ids=lambda e: e.code)
def test_without_the_trial_balance_the_lines_are_matched_all_the_same(refusal):
    books = canned_books(Payments=[payment("INV-1", "10.00")], Reports__TrialBalance=refusal)
    line = {"date": date(2026, 10, 5), "amount": Decimal("10.00"), "payee": "Alder", "description": "INV-1"}
    result = waiting(books, lines=[line], statement_balance=Decimal("10.00"))
    assert result.statement.totals[0].lines == 1
    assert result.reconciliation.ledger_balance is None
    assert "could not be read" in result.reconciliation.explanation

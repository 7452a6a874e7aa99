"""Deleting a payment: what it does to the ledger and the invoice, and which payments must stay."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from contract_tests.helpers import outcomes
from contract_tests.helpers.colleague import OFTEN, account, balances, invoice, pay, planned, write

DELETE = "delete_payment"


@pytest.fixture
def paid_invoice(uk_company):
    """An invoice of 100.00 that a colleague marked as paid, with the payment."""
    sold = invoice(uk_company)
    return {**sold, "payment": pay(uk_company, sold, "100.00")["PaymentID"]}


def refused(uk_company, params, reason=None):
    return outcomes.refused(uk_company, DELETE, params, reason)


def test_deleting_reverses_exactly_what_recording_posted(uk_company):
    sold = invoice(uk_company)
    before = balances(uk_company)
    params = {"invoice": sold["InvoiceID"], "account": "090"}
    payment_id = uk_company.act("mark_invoice_paid", params, mode="run", business_key="k").data["payment_id"]
    held = Counter(uk_company.holds())
    plan, result = outcomes.done(uk_company, DELETE, {"payment_id": payment_id})
    assert balances(uk_company) == before
    assert planned(plan) == {
        account(uk_company, "090")["AccountID"]: -100,
        account(uk_company, "610")["AccountID"]: 100,
    }
    assert (plan.acts, plan.amount) == (["delete"], Decimal(100))
    assert "afterwards 100.00 is due" in plan.summary
    assert "Nothing else is deleted" in plan.summary
    assert (result.data["payment_status"], result.data["status"]) == ("DELETED", "AUTHORISED")
    assert (result.data["amount_due"], result.data["repeated"]) == (Decimal("100.00"), False)
    assert uk_company.store.get("Payments", payment_id)["Status"] == "DELETED"
    assert Counter(uk_company.holds()) - held == {"Payments DELETED": 1, "Invoices AUTHORISED": 1, "notes": 1}


def test_the_invoices_history_names_who_deleted_the_payment(uk_company, paid_invoice):
    params = {"payment_id": paid_invoice["payment"]}
    uk_company.act(DELETE, params, mode="run", business_key="k", requester="agent", approver="Ann")
    (note,) = uk_company.notes("Invoices", paid_invoice["InvoiceID"])
    for part in ("Deletion", "100.00", paid_invoice["payment"], "agent", "Ann", "bz-"):
        assert part in note


def test_the_gain_on_a_foreign_payment_is_reversed(uk_company):
    sold = invoice(uk_company, CurrencyCode="EUR")
    before = balances(uk_company)
    payment_id = pay(uk_company, sold, "100.00", CurrencyRate="1.3127")["PaymentID"]
    plan, _ = outcomes.done(uk_company, DELETE, {"payment_id": payment_id})
    assert plan.amount == Decimal("76.18")
    assert balances(uk_company) == before


def test_a_payment_of_a_bill_is_deleted_too(uk_company):
    bought = invoice(uk_company, kind="ACCPAY", InvoiceNumber="Q-30")
    pay(uk_company, bought, "40.00")
    _, result = outcomes.done(uk_company, DELETE, {"invoice": "Q-30", "kind": "bill"})
    assert (result.data["kind"], result.data["amount_due"]) == ("bill", Decimal("100.00"))


def test_an_invoices_only_payment_is_found_by_the_invoice_number(uk_company, paid_invoice):
    _, result = outcomes.done(uk_company, DELETE, {"invoice": paid_invoice["InvoiceNumber"]})
    assert result.data["payment_id"] == paid_invoice["payment"]


def test_several_payments_are_named_and_not_guessed(uk_company):
    sold = invoice(uk_company)
    made = [pay(uk_company, sold, amount)["PaymentID"] for amount in ("10.00", "20.00")]
    error = refused(uk_company, {"invoice": sold["InvoiceID"]}, "several_payments")
    for payment_id in made:
        assert payment_id in error.message
    _, result = outcomes.done(uk_company, DELETE, {"invoice": sold["InvoiceID"], "payment_id": made[1]})
    assert (result.data["payment_id"], result.data["amount_due"]) == (made[1], Decimal("90.00"))


def test_a_payment_that_is_deleted_already_is_a_success(uk_company, paid_invoice):
    write(uk_company, "POST", f"Payments/{paid_invoice['payment']}", {"Status": "DELETED"})
    before = uk_company.holds()
    for params in ({"payment_id": paid_invoice["payment"]}, {"invoice": paid_invoice["InvoiceID"]}):
        plan = uk_company.plan(DELETE, params)
        assert (plan.requests, plan.effect, plan.acts) == ([], [], [])
        assert "already" in plan.summary
        result = uk_company.act(DELETE, params, mode="commit", plan_hash=plan.hash, business_key="key-1")
        assert (result.status, result.data["repeated"]) == ("done", True)
        assert result.data["payment_status"] == "DELETED"
    assert uk_company.holds() == before


@pytest.mark.parametrize("xero", ["allowed", "refused"])
def test_a_reconciled_payment_is_refused_even_where_xero_would_allow_it(uk_company, paid_invoice, xero):
    uk_company.box.sandbox.switches.set("reconciled_delete", xero)
    uk_company.store.edit("Payments", paid_invoice["payment"], {"IsReconciled": True})
    error = refused(uk_company, {"payment_id": paid_invoice["payment"]}, "reconciled")
    assert "Unreconcile it in Xero" in error.remedy


@pytest.mark.parametrize("xero", ["allowed", "refused"])
def test_a_payment_reconciled_between_plan_and_commit_is_refused(uk_company, paid_invoice, xero):
    uk_company.box.sandbox.switches.set("reconciled_delete", xero)
    plan = uk_company.plan(DELETE, {"payment_id": paid_invoice["payment"]})
    uk_company.store.edit("Payments", paid_invoice["payment"], {"IsReconciled": True})
    with pytest.raises(Exception, match="reconciled") as caught:
        uk_company.act(
            DELETE, {"payment_id": paid_invoice["payment"]}, mode="commit", plan_hash=plan.hash, business_key="key-1"
        )
    assert (caught.value.code, caught.value.reason) == ("invalid", "reconciled")
    assert uk_company.store.get("Payments", paid_invoice["payment"])["Status"] == "AUTHORISED"


def test_a_payment_in_a_batch_is_refused(uk_company):
    sold = [invoice(uk_company), invoice(uk_company)]
    parts = [{"Invoice": {"InvoiceID": row["InvoiceID"]}, "Amount": "100.00"} for row in sold]
    body = {"Account": {"Code": "090"}, "Date": OFTEN, "Payments": parts}
    write(uk_company, "PUT", "BatchPayments", {"BatchPayments": [body]})
    error = refused(uk_company, {"invoice": sold[0]["InvoiceID"]}, "in_batch")
    assert "whole batch" in error.remedy


def test_a_payment_of_a_locked_day_is_refused_even_for_an_adviser(uk_company, paid_invoice):
    uk_company.store.lock_period("PeriodLockDate", date.fromisoformat(OFTEN))
    uk_company.account.connect(organisations=[uk_company.id], user="adviser")
    assert "2026-11-10" in refused(uk_company, {"payment_id": paid_invoice["payment"]}, "locked_period").message


def test_a_refund_of_a_credit_note_is_refused(uk_company):
    line = {"Description": "back", "UnitAmount": "10.00", "AccountCode": "200"}
    body = {"Type": "ACCRECCREDIT", "Status": "AUTHORISED", "Date": OFTEN, "LineAmountTypes": "NoTax"}
    body |= {"Contact": {"ContactID": invoice(uk_company)["Contact"]["ContactID"]}, "LineItems": [line]}
    note = write(uk_company, "PUT", "CreditNotes", body)
    refund = {"CreditNote": {"CreditNoteID": note["CreditNoteID"]}, "Account": {"Code": "090"}}
    made = write(uk_company, "PUT", "Payments", refund | {"Amount": "10.00", "Date": OFTEN})
    refused(uk_company, {"payment_id": made["PaymentID"]}, "not_a_payment")


def test_an_unknown_payment_is_named(uk_company, paid_invoice):
    unknown = "00000000-0000-4000-8000-000000000000"
    assert refused(uk_company, {"payment_id": unknown}, "unknown_payment").code == "not_found"
    assert refused(uk_company, {"invoice": invoice(uk_company)["InvoiceID"]}, "unknown_payment").code == "not_found"
    error = refused(uk_company, {"payment_id": paid_invoice["payment"], "invoice": invoice(uk_company)["InvoiceID"]})
    assert error.problems[0]["field"] == "params.payment_id"
    for params in ({}, {"payment_id": "../Invoices"}):
        assert refused(uk_company, params).code == "invalid"


def test_the_number_of_calls_is_as_described(uk_company, paid_invoice):
    params = {"payment_id": paid_invoice["payment"]}
    assert uk_company.act(DELETE, params, mode="plan", business_key="k").calls <= 4
    assert uk_company.act(DELETE, params, mode="run", business_key="k").calls <= 9

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
def at(company):
    return company()


@pytest.fixture
def paid(at):
    """An invoice of 100.00 that a colleague marked as paid, with the payment."""
    sold = invoice(at)
    return {**sold, "payment": pay(at, sold, "100.00")["PaymentID"]}


def refused(at, params, reason=None):
    return outcomes.refused(at, DELETE, params, reason)


def test_deleting_reverses_exactly_what_recording_posted(at):
    sold = invoice(at)
    before = balances(at)
    params = {"invoice": sold["InvoiceID"], "account": "090"}
    payment_id = at.act("mark_invoice_paid", params, mode="run", business_key="k").data["payment_id"]
    held = Counter(at.holds())
    plan, result = outcomes.done(at, DELETE, {"payment_id": payment_id})
    assert balances(at) == before
    assert planned(plan) == {account(at, "090")["AccountID"]: -100, account(at, "610")["AccountID"]: 100}
    assert (plan.acts, plan.amount) == (["delete"], Decimal(100))
    assert "afterwards 100.00 is due" in plan.summary
    assert "Nothing else is deleted" in plan.summary
    assert (result.data["payment_status"], result.data["status"]) == ("DELETED", "AUTHORISED")
    assert (result.data["amount_due"], result.data["repeated"]) == (Decimal("100.00"), False)
    assert at.store.get("Payments", payment_id)["Status"] == "DELETED"
    assert Counter(at.holds()) - held == {"Payments DELETED": 1, "Invoices AUTHORISED": 1, "notes": 1}


def test_the_invoices_history_names_who_deleted_the_payment(at, paid):
    params = {"payment_id": paid["payment"]}
    at.act(DELETE, params, mode="run", business_key="k", requester="agent", approver="Ann")
    (note,) = at.notes("Invoices", paid["InvoiceID"])
    for part in ("Deletion", "100.00", paid["payment"], "agent", "Ann", "bz-"):
        assert part in note


def test_the_gain_on_a_foreign_payment_is_reversed(at):
    sold = invoice(at, CurrencyCode="EUR")
    before = balances(at)
    payment_id = pay(at, sold, "100.00", CurrencyRate="1.3127")["PaymentID"]
    plan, _ = outcomes.done(at, DELETE, {"payment_id": payment_id})
    assert plan.amount == Decimal("76.18")
    assert balances(at) == before


def test_a_payment_of_a_bill_is_deleted_too(at):
    bought = invoice(at, kind="ACCPAY", InvoiceNumber="Q-30")
    pay(at, bought, "40.00")
    _, result = outcomes.done(at, DELETE, {"invoice": "Q-30", "kind": "bill"})
    assert (result.data["kind"], result.data["amount_due"]) == ("bill", Decimal("100.00"))


def test_an_invoices_only_payment_is_found_by_the_invoice_number(at, paid):
    _, result = outcomes.done(at, DELETE, {"invoice": paid["InvoiceNumber"]})
    assert result.data["payment_id"] == paid["payment"]


def test_several_payments_are_named_and_not_guessed(at):
    sold = invoice(at)
    made = [pay(at, sold, amount)["PaymentID"] for amount in ("10.00", "20.00")]
    error = refused(at, {"invoice": sold["InvoiceID"]}, "several_payments")
    for payment_id in made:
        assert payment_id in error.message
    _, result = outcomes.done(at, DELETE, {"invoice": sold["InvoiceID"], "payment_id": made[1]})
    assert (result.data["payment_id"], result.data["amount_due"]) == (made[1], Decimal("90.00"))


def test_a_payment_that_is_deleted_already_is_a_success(at, paid):
    write(at, "POST", f"Payments/{paid['payment']}", {"Status": "DELETED"})
    before = at.holds()
    for params in ({"payment_id": paid["payment"]}, {"invoice": paid["InvoiceID"]}):
        plan = at.plan(DELETE, params)
        assert (plan.requests, plan.effect, plan.acts) == ([], [], [])
        assert "already" in plan.summary
        result = at.act(DELETE, params, mode="commit", plan_hash=plan.hash, business_key="key-1")
        assert (result.status, result.data["repeated"]) == ("done", True)
        assert result.data["payment_status"] == "DELETED"
    assert at.holds() == before


@pytest.mark.parametrize("xero", ["allowed", "refused"])
def test_a_reconciled_payment_is_refused_even_where_xero_would_allow_it(at, paid, xero):
    at.box.sandbox.switches.set("reconciled_delete", xero)
    at.store.edit("Payments", paid["payment"], {"IsReconciled": True})
    error = refused(at, {"payment_id": paid["payment"]}, "reconciled")
    assert "Unreconcile it in Xero" in error.remedy


@pytest.mark.parametrize("xero", ["allowed", "refused"])
def test_a_payment_reconciled_between_plan_and_commit_is_refused(at, paid, xero):
    at.box.sandbox.switches.set("reconciled_delete", xero)
    plan = at.plan(DELETE, {"payment_id": paid["payment"]})
    at.store.edit("Payments", paid["payment"], {"IsReconciled": True})
    with pytest.raises(Exception, match="reconciled") as caught:
        at.act(DELETE, {"payment_id": paid["payment"]}, mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert (caught.value.code, caught.value.reason) == ("invalid", "reconciled")
    assert at.store.get("Payments", paid["payment"])["Status"] == "AUTHORISED"


def test_a_payment_in_a_batch_is_refused(at):
    sold = [invoice(at), invoice(at)]
    parts = [{"Invoice": {"InvoiceID": row["InvoiceID"]}, "Amount": "100.00"} for row in sold]
    body = {"Account": {"Code": "090"}, "Date": OFTEN, "Payments": parts}
    write(at, "PUT", "BatchPayments", {"BatchPayments": [body]})
    error = refused(at, {"invoice": sold[0]["InvoiceID"]}, "in_batch")
    assert "whole batch" in error.remedy


def test_a_payment_of_a_locked_day_is_refused_even_for_an_adviser(at, paid):
    at.store.lock_period("PeriodLockDate", date.fromisoformat(OFTEN))
    at.account.connect(organisations=[at.id], user="adviser")
    assert "2026-11-10" in refused(at, {"payment_id": paid["payment"]}, "locked_period").message


def test_a_refund_of_a_credit_note_is_refused(at):
    line = {"Description": "back", "UnitAmount": "10.00", "AccountCode": "200"}
    body = {"Type": "ACCRECCREDIT", "Status": "AUTHORISED", "Date": OFTEN, "LineAmountTypes": "NoTax"}
    body |= {"Contact": {"ContactID": invoice(at)["Contact"]["ContactID"]}, "LineItems": [line]}
    note = write(at, "PUT", "CreditNotes", body)
    refund = {"CreditNote": {"CreditNoteID": note["CreditNoteID"]}, "Account": {"Code": "090"}}
    made = write(at, "PUT", "Payments", refund | {"Amount": "10.00", "Date": OFTEN})
    refused(at, {"payment_id": made["PaymentID"]}, "not_a_payment")


def test_an_unknown_payment_is_named(at, paid):
    unknown = "00000000-0000-4000-8000-000000000000"
    assert refused(at, {"payment_id": unknown}, "unknown_payment").code == "not_found"
    assert refused(at, {"invoice": invoice(at)["InvoiceID"]}, "unknown_payment").code == "not_found"
    error = refused(at, {"payment_id": paid["payment"], "invoice": invoice(at)["InvoiceID"]})
    assert error.problems[0]["field"] == "params.payment_id"
    for params in ({}, {"payment_id": "../Invoices"}):
        assert refused(at, params).code == "invalid"


def test_the_number_of_calls_is_as_described(at, paid):
    params = {"payment_id": paid["payment"]}
    assert at.act(DELETE, params, mode="plan", business_key="k").calls <= 4
    assert at.act(DELETE, params, mode="run", business_key="k").calls <= 9

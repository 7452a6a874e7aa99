"""``void_invoice``: taken back at its own date, or refused with what is better."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bizosaas_xero import plugin
from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.colleague import balances, contact, invoice, moved, pay, write
from contract_tests.helpers.outcomes import done, refused

VOID = "void_invoice"
TAXED = {
    "LineAmountTypes": "Exclusive",
    "LineItems": [
        {"Description": "work", "UnitAmount": "100.10", "AccountCode": "200", "TaxType": "OUTPUT2"},
        {"Description": "book", "UnitAmount": "33.33", "AccountCode": "260", "TaxType": "RROUTPUT"},
    ],
}


def now(uk_company, row):
    return uk_company.store.get("Invoices", row["InvoiceID"])


def named(row, **more):
    return {"invoice": row["InvoiceNumber"], **more}


# ---------------------------------------------------------------- what it does


def test_an_approved_invoice_is_voided_and_the_ledger_is_as_if_it_had_never_been(uk_company):
    before = balances(uk_company)
    row = invoice(uk_company, **TAXED)
    plan, result = done(uk_company, VOID, named(row))
    assert moved(before, balances(uk_company)) == {}
    assert now(uk_company, row)["Status"] == "VOIDED"
    data = result.data
    assert (data["status"], data["repeated"], data["kind"]) == ("VOIDED", False, "invoice")
    assert data["total"] == Decimal(str(row["Total"]))
    assert (plan.acts, plan.amount) == (["void", "backdate"], data["total"])
    assert {each.get("tax_type") for each in plan.effect} == {None, "OUTPUT2", "RROUTPUT"}
    assert all(each["currency"] == "GBP" for each in plan.effect)
    assert plan.requests[0]["body"]["Invoices"][0] == {"InvoiceID": row["InvoiceID"], "Status": "VOIDED"}


def test_tax_inside_the_prices_is_reversed_separately(uk_company):
    row = invoice(uk_company, **{**TAXED, "LineAmountTypes": "Inclusive"})
    plan, _ = done(uk_company, VOID, named(row))
    tax = [each for each in plan.effect if "tax_type" in each]
    assert sum(Decimal(each["debit"]) for each in tax) == Decimal(str(row["TotalTax"]))


def test_a_bill_is_voided_the_other_way_round(uk_company):
    row = invoice(uk_company, kind="ACCPAY", InvoiceNumber="B-1")
    plan, result = done(uk_company, VOID, named(row, kind="bill"))
    payable = next(each for each in plan.effect if each["account_id"] == uk_company.store.system_account("CREDITORS"))
    assert payable["debit"] == "100.00"
    assert result.data["kind"] == "bill"
    assert "AccountsPayable" in result.data["link"]


def test_a_foreign_invoice_shows_its_currency_and_its_amount_in_base_currency(uk_company):
    row = invoice(uk_company, CurrencyCode="EUR", CurrencyRate="1.25")
    plan = uk_company.plan(VOID, named(row))
    assert {each["currency"] for each in plan.effect} == {"EUR"}
    assert plan.amount == Decimal("80.00")
    before = balances(uk_company)
    uk_company.commit(VOID, named(row))
    assert sorted(moved(before, balances(uk_company)).values()) == [Decimal("-80.00"), Decimal("80.00")]


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED"])
def test_an_unapproved_invoice_is_deleted_and_posts_nothing(uk_company, status):
    row = invoice(uk_company, status=status)
    plan, result = done(uk_company, VOID, named(row))
    assert (plan.acts, plan.effect, plan.warnings) == (["delete"], [], [])
    assert (result.data["status"], now(uk_company, row)["Status"]) == ("DELETED", "DELETED")


def test_voiding_an_invoice_of_today_is_not_backdating(uk_company):
    row = invoice(uk_company, Date="2026-11-22")
    plan = uk_company.plan(VOID, named(row))
    assert (plan.acts, plan.warnings) == (["void"], [])


def test_a_paid_invoice_with_a_total_of_zero_can_be_voided(uk_company):
    row = invoice(uk_company, amount="0.00")
    assert row["Status"] == "PAID"
    plan, result = done(uk_company, VOID, named(row))
    assert (plan.amount, result.data["status"]) == (0, "VOIDED")


def test_the_id_of_a_bill_is_refused_for_an_invoice(uk_company):
    bill = invoice(uk_company, kind="ACCPAY", InvoiceNumber="B-1")
    error = refused(uk_company, VOID, {"invoice": bill["InvoiceID"]})
    assert "but `bill`" in error.message
    assert "kind = `bill`" in error.remedy


def test_void_invoice_is_destructive_and_has_no_undo(uk_company):
    listed = {action.name: action for action in plugin.list_actions(None)}[VOID]
    assert listed.destructive is True
    assert uk_company.plan(VOID, named(invoice(uk_company))).undo.startswith("None")


@pytest.mark.parametrize("status", ["VOIDED", "DELETED"])
def test_an_invoice_that_is_void_already_is_a_success(uk_company, status):
    row = invoice(uk_company, status="AUTHORISED" if status == "VOIDED" else "DRAFT")
    write(uk_company, "POST", f"Invoices/{row['InvoiceID']}", {"Status": status})
    plan, result = done(uk_company, VOID, named(row))
    assert (plan.requests, plan.acts) == ([], [])
    assert status.lower() in plan.warnings[0]
    assert (result.data["status"], result.data["repeated"]) == (status, True)
    assert uk_company.notes("Invoices", row["InvoiceID"]) == []  # it was not us


def test_the_history_note_names_requester_and_approver(uk_company):
    row = invoice(uk_company)
    uk_company.commit(VOID, named(row), requester="agent 7", approver="Aroha")
    (note,) = uk_company.notes("Invoices", row["InvoiceID"])
    assert "agent 7" in note
    assert "Aroha" in note
    assert "key-1" in note


# ---------------------------------------------------------------- what stands against it


def test_a_part_paid_invoice_is_refused_and_its_payment_is_named(uk_company):
    row = invoice(uk_company)
    payment = pay(uk_company, row, "40.00")
    error = refused(uk_company, VOID, named(row), "invoice_settled")
    assert payment["PaymentID"] in error.message
    assert "40.00" in error.message
    assert "delete_payment" in error.remedy
    write(uk_company, "POST", f"Payments/{payment['PaymentID']}", {"Status": "DELETED"})
    assert uk_company.commit(VOID, named(row)).data["status"] == "VOIDED"


def test_a_paid_invoice_is_refused(uk_company):
    row = invoice(uk_company)
    pay(uk_company, row, "100.00")
    assert now(uk_company, row)["Status"] == "PAID"
    refused(uk_company, VOID, named(row), "invoice_settled")


def test_a_credited_invoice_is_refused_and_its_credit_note_is_named(uk_company):
    row = invoice(uk_company)
    credit = uk_company.commit(
        "create_credit_note",
        {"invoice": row["InvoiceID"], "amount": "30.00", "status": "authorised", "apply": True},
    ).data
    error = refused(uk_company, VOID, named(row), "invoice_settled")
    assert credit["number"] in error.message
    assert "30.00" in error.message


@pytest.mark.parametrize("lock", ["PeriodLockDate", "EndOfYearLockDate"])
def test_in_a_locked_period_a_credit_note_is_proposed(uk_company, lock):
    row = invoice(uk_company)
    uk_company.store.lock_period(lock, date(2026, 11, 10))
    error = refused(uk_company, VOID, named(row), "locked_period")
    assert "2026-11-10" in error.message
    assert "create_credit_note" in error.remedy
    uk_company.store.lock_period(lock, date(2026, 11, 9))
    assert uk_company.commit(VOID, named(row)).status == "done"


def test_a_draft_in_a_locked_period_can_be_deleted(uk_company):
    row = invoice(uk_company, status="DRAFT")
    uk_company.store.lock_period("PeriodLockDate", date(2026, 11, 10))
    assert uk_company.commit(VOID, named(row)).data["status"] == "DELETED"


def test_a_sent_invoice_is_voided_only_with_even_if_sent(uk_company):
    row = invoice(uk_company)
    write(uk_company, "POST", f"Invoices/{row['InvoiceID']}", {"SentToContact": True})
    error = refused(uk_company, VOID, named(row), "sent_already")
    assert contact(uk_company)["Name"] in error.message
    assert "create_credit_note" in error.remedy
    assert "even_if_sent" in error.remedy
    plan, result = done(uk_company, VOID, named(row, even_if_sent=True))
    assert any("has it already" in warning for warning in plan.warnings)
    assert result.data["status"] == "VOIDED"


@pytest.mark.parametrize(("tax", "said"), [(TAXED, "tax return"), ({}, "figures of October 2026")])
def test_an_invoice_of_an_earlier_month_gives_a_warning_that_proposes_a_credit_note(uk_company, tax, said):
    row = invoice(uk_company, Date="2026-10-31", **tax)
    (warning,) = uk_company.plan(VOID, named(row)).warnings
    assert said in warning
    assert "create_credit_note" in warning


def test_several_bills_of_one_number_are_named(uk_company):
    rows = [invoice(uk_company, kind="ACCPAY", InvoiceNumber="B-7") for _ in range(2)]
    error = refused(uk_company, VOID, {"invoice": "B-7", "kind": "bill"}, "several_documents")
    assert all(row["InvoiceID"] in error.message for row in rows)


def test_an_unknown_number_is_not_found(uk_company):
    assert refused(uk_company, VOID, {"invoice": "INV-none"}, "unknown_document").code == "not_found"


def test_an_invoice_paid_between_plan_and_commit_is_refused(uk_company):
    row = invoice(uk_company)
    plan = uk_company.plan(VOID, named(row))
    pay(uk_company, row, "1.00")
    with pytest.raises(ConnectorError) as caught:
        uk_company.act(VOID, named(row), mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert caught.value.reason == "invoice_settled"
    assert now(uk_company, row)["Status"] == "AUTHORISED"


def test_an_invoice_recoded_between_plan_and_commit_makes_the_plan_stale(uk_company):
    row = invoice(uk_company, status="DRAFT")
    plan = uk_company.plan(VOID, named(row))
    line = {"Description": "work", "UnitAmount": "200.00", "AccountCode": "200"}
    write(uk_company, "POST", f"Invoices/{row['InvoiceID']}", {"LineItems": [line]})
    with pytest.raises(ConnectorError) as caught:
        uk_company.act(VOID, named(row), mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert caught.value.reason == "stale_plan"
    assert now(uk_company, row)["Status"] == "DRAFT"


def test_a_refusal_by_xero_is_reported_and_the_invoice_stays(uk_company):
    row = invoice(uk_company)
    uk_company.box.sandbox.faults.add(
        "status",
        match={"path": f"Invoices/{row['InvoiceID']}", "method": "POST"},
        status=400,
        times=None,
        text='{"Type":"ValidationException","Elements":[{"ValidationErrors":[{"Message":"No."}]}]}',
    )
    with pytest.raises(ConnectorError) as caught:
        uk_company.act(VOID, named(row), mode="run", business_key="k")
    assert caught.value.problems == [{"field": "", "message": "No."}]
    assert now(uk_company, row)["Status"] == "AUTHORISED"


# ---------------------------------------------------------------- once, ever


def test_a_repeated_call_does_not_delete_another_invoice_with_the_reused_number(uk_company):
    first = invoice(uk_company, status="DRAFT", InvoiceNumber="INV-9000")
    uk_company.act(VOID, {"invoice": "INV-9000"}, mode="run", business_key="k")
    second = invoice(uk_company, status="DRAFT", InvoiceNumber="INV-9000")
    uk_company.box.sandbox.clock.advance(420)
    again = uk_company.act(VOID, {"invoice": "INV-9000"}, mode="run", business_key="k").data
    assert (again["invoice_id"], again["repeated"]) == (first["InvoiceID"], True)
    assert now(uk_company, second)["Status"] == "DRAFT"
    other = uk_company.act(VOID, {"invoice": "INV-9000"}, mode="run", business_key="another").data
    assert other["invoice_id"] == second["InvoiceID"]


@pytest.mark.parametrize("where", ["headers", "body"])
def test_a_lost_answer_leaves_the_invoice_voided_once(uk_company, where):
    row = invoice(uk_company)
    path = f"Invoices/{row['InvoiceID']}"
    uk_company.box.sandbox.faults.add("cut", match={"path": path, "method": "POST"}, where=where)
    result = uk_company.act(VOID, named(row), mode="run", business_key="k")
    assert (result.status, result.data["status"]) == ("done", "VOIDED")
    voided = [each for each in uk_company.store.history["Invoices", row["InvoiceID"]] if each["Changes"] == "Voided"]
    assert len(voided) == 1
    assert len(uk_company.notes("Invoices", row["InvoiceID"])) == 1


def test_the_note_is_added_once_even_if_the_voiding_follows_hours_later(uk_company):
    row = invoice(uk_company)
    path = f"Invoices/{row['InvoiceID']}"
    uk_company.box.sandbox.faults.add(
        "rate_limit", match={"path": path, "method": "POST"}, problem="day", retry_after=40_000
    )
    with pytest.raises(ConnectorError):
        uk_company.act(VOID, named(row), mode="run", business_key="k")
    uk_company.box.sandbox.clock.advance(40_000)
    uk_company.account.refresh()
    assert uk_company.act(VOID, named(row), mode="run", business_key="k").data["status"] == "VOIDED"
    assert len(uk_company.notes("Invoices", row["InvoiceID"])) == 1

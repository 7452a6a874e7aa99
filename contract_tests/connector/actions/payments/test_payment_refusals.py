"""Recording a payment: what a person should know, what is not done, and bills."""

from __future__ import annotations

from datetime import date

import pytest

from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.colleague import account, contact, invoice, pay, planned, received, write
from contract_tests.helpers.payments import FEE, PAY, done, refused


@pytest.fixture
def at(company):
    return company()


@pytest.fixture
def fee(at):
    return {**FEE, "contact": {"name": contact(at, 3)["Name"]}}


# ---------------------------------------------------------------- what a person should know


def test_an_unmatched_receipt_of_the_same_amount_gives_a_warning(at):
    sold = invoice(at)
    params = {"invoice": sold["InvoiceID"], "account": "090"}
    quiet = [
        received(at, "100.01"),
        received(at, "100.00", kind="SPEND"),
        received(at, "100.00", Date="2026-09-01"),
        received(at, "100.00", IsReconciled=True),
    ]
    assert at.plan(PAY, params).warnings == [], quiet
    loud = received(at, "100.00")
    (warning,) = at.plan(PAY, params).warnings
    for part in ("Not matched", "100.00", "2026-11-20", loud["Contact"]["Name"], "recorded once already"):
        assert part in warning


def test_a_matched_receipt_of_the_same_customer_gives_a_warning(at):
    sold = invoice(at)
    received(at, "100.00", number=0, IsReconciled=True)
    (warning,) = at.plan(PAY, {"invoice": sold["InvoiceID"], "account": "090"}).warnings
    assert warning.startswith("A bank line is matched")


def test_a_receipt_of_the_amount_less_the_fee_gives_a_warning(at, fee):
    received(at, "96.80")
    warnings = at.plan(PAY, {"invoice": invoice(at)["InvoiceID"], "account": "090", "fee": fee}).warnings
    assert len(warnings) == 1


def test_a_payment_of_the_same_amount_gives_a_warning(at):
    sold = invoice(at)
    pay(at, sold, "30.00")
    params = {"invoice": sold["InvoiceID"], "account": "090"}
    assert at.plan(PAY, {**params, "amount": "31"}).warnings == []
    (warning,) = at.plan(PAY, {**params, "amount": "30"}).warnings
    assert "30.00 on 2026-11-10 is already recorded" in warning


@pytest.mark.parametrize(
    ("day", "said"), [("2026-11-09", "before the invoice itself"), ("2026-12-24", "in the future")]
)
def test_an_unusual_payment_date_gives_a_warning(at, day, said):
    params = {"invoice": invoice(at)["InvoiceID"], "account": "090", "payment_date": day}
    assert any(said in warning for warning in at.plan(PAY, params).warnings)


# ---------------------------------------------------------------- what is not done


def test_an_invoice_that_is_paid_already_is_a_success(at):
    sold = invoice(at)
    pay(at, sold, "100.00")
    params = {"invoice": sold["InvoiceNumber"], "account": "090"}
    at.box.sandbox.log.clear()
    plan = at.plan(PAY, params)
    assert (plan.requests, plan.effect, plan.acts, plan.amount) == ([], [], [], 0)
    assert "already" in plan.summary
    result = at.act(PAY, params, mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert (result.status, result.data["already_paid"], result.data["payment_id"]) == ("done", True, None)
    assert "already" in result.warnings[0]
    assert at.writes() == []


def test_a_payment_recorded_since_makes_the_plan_stale(at):
    sold = invoice(at)
    params = {"invoice": sold["InvoiceID"], "account": "090", "amount": "40"}
    plan = at.plan(PAY, params)
    pay(at, sold, "10.00")
    at.box.sandbox.log.clear()
    with pytest.raises(ConnectorError) as caught:
        at.act(PAY, params, mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert (caught.value.code, caught.value.reason) == ("conflict", "stale_plan")
    assert at.writes() == []


def test_a_deleted_payment_is_not_recorded_again_under_its_key(at):
    params = {"invoice": invoice(at)["InvoiceID"], "account": "090"}
    payment_id = at.commit(PAY, params).data["payment_id"]
    at.commit("delete_payment", {"payment_id": payment_id})
    before = at.holds()
    with pytest.raises(ConnectorError) as caught:
        at.act(PAY, params, mode="run", business_key="key-1")
    assert (caught.value.code, caught.value.reason) == ("conflict", "payment_deleted")
    assert at.holds() == before
    assert at.act(PAY, params, mode="run", business_key="key-2").data["status"] == "PAID"


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "VOIDED", "DELETED"])
def test_an_unapproved_invoice_cannot_be_paid(at, status):
    sold = invoice(at, status="AUTHORISED" if status == "VOIDED" else "DRAFT")
    if status != "DRAFT":
        write(at, "POST", f"Invoices/{sold['InvoiceID']}", {"Status": status})
    for named in (sold["InvoiceID"], sold["InvoiceNumber"]):
        error = refused(at, {"invoice": named, "account": "090"})
        assert (error.code, error.reason) == ("invalid", "not_payable")
        assert error.problems[0]["field"] == "params.invoice"
        assert sold["InvoiceNumber"] in error.message


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"amount": "100.01"}, "params.amount", "overpaid"),
        ({"account": "9999"}, "params.account", "invalid"),
        ({"account": "200"}, "params.account", "invalid"),
        ({"account": None}, "params.account", "invalid"),
        ({"account": None, "via": "clearing"}, "params.account", "invalid"),
        ({"account": "091"}, "params.account", "archived_account"),
        ({"account": "092"}, "params.account", "wrong_currency"),
        ({"payment_date": "2026-10-31"}, "params.payment_date", "locked_period"),
        ({"currency_rate": "1.2"}, "params.currency_rate", "invalid"),
        ({"amount": "0"}, "params.amount", "invalid"),
        ({"amount": "1.005"}, "params.amount", "invalid"),
        ({"on_surplus": "overpayment"}, "params", "invalid"),
        ({"reference": "x" * 81}, "params.reference", "invalid"),
    ],
)
def test_parameters_that_do_not_fit_the_books_are_named_before_any_write(at, change, field, reason):
    sold = invoice(at, CurrencyCode="GBP")
    at.store.lock_period("PeriodLockDate", date(2026, 10, 31))
    at.store.edit("Accounts", account(at, "091")["AccountID"], {"Status": "ARCHIVED"})
    params = {"invoice": sold["InvoiceID"], "account": "090"} | change
    error = refused(at, {name: value for name, value in params.items() if value is not None})
    assert (error.code, error.reason, error.problems[0]["field"]) == ("invalid", reason, field)


def test_a_locked_period_is_refused_even_for_an_adviser(at):
    at.store.lock_period("PeriodLockDate", date(2026, 11, 15))
    at.account.connect(organisations=[at.id], user="adviser")
    params = {"invoice": invoice(at)["InvoiceID"], "account": "090", "payment_date": "2026-11-12"}
    assert refused(at, params).reason == "locked_period"


def test_an_unknown_invoice_is_named(at):
    for named in ("INV-99999", "00000000-0000-4000-8000-000000000000"):
        error = refused(at, {"invoice": named, "account": "090"})
        assert (error.code, error.reason) == ("not_found", "unknown_document")
        assert "find_invoices" in error.remedy


# ---------------------------------------------------------------- bills


def test_a_bill_is_paid_out_of_the_account(at):
    bought = invoice(at, kind="ACCPAY", InvoiceNumber="Q-17")
    plan, result = done(at, {"invoice": "Q-17", "kind": "bill", "account": "090"})
    assert planned(plan) == {account(at, "090")["AccountID"]: -100, account(at, "800")["AccountID"]: 100}
    assert (result.data["kind"], result.data["status"]) == ("bill", "PAID")
    assert result.data["invoice_id"] == bought["InvoiceID"]
    assert "AccountsPayable" in result.data["link"]


def test_a_bill_paid_with_a_surplus_keeps_it_with_the_supplier(at):
    bought = invoice(at, kind="ACCPAY", InvoiceNumber="Q-18")
    params = {"invoice": bought["InvoiceID"], "kind": "bill", "account": "090"}
    _, result = done(at, {**params, "amount": "120", "on_surplus": "overpayment"})
    assert at.store.get("Overpayments", result.data["overpayment_id"])["Type"] == "SPEND-OVERPAYMENT"


def test_several_invoices_of_one_number_are_named_and_not_guessed(at):
    bills = [invoice(at, kind="ACCPAY", InvoiceNumber="2026-1", amount=amount) for amount in ("10.00", "20.00")]
    error = refused(at, {"invoice": "2026-1", "kind": "bill", "account": "090"})
    assert (error.code, error.reason) == ("invalid", "several_documents")
    for bill in bills:
        assert bill["InvoiceID"] in error.message
    assert "10.00" in error.message
    write(at, "POST", f"Invoices/{bills[0]['InvoiceID']}", {"Status": "VOIDED"})
    _, result = done(at, {"invoice": "2026-1", "kind": "bill", "account": "090"})
    assert result.data["invoice_id"] == bills[1]["InvoiceID"]


def test_a_bill_is_not_found_as_an_invoice(at):
    bought = invoice(at, kind="ACCPAY", InvoiceNumber="Q-19")
    error = refused(at, {"invoice": bought["InvoiceID"], "account": "090"})
    assert (error.problems[0]["field"], "bill" in error.message) == ("params.invoice", True)
    assert refused(at, {"invoice": "Q-19", "account": "090"}).code == "not_found"


def test_a_repeated_call_finds_its_payment_after_the_number_became_ambiguous(at):
    invoice(at, kind="ACCPAY", InvoiceNumber="Q-20")
    params = {"invoice": "Q-20", "kind": "bill", "account": "090"}
    first = at.act(PAY, params, mode="run", business_key="k")
    invoice(at, kind="ACCPAY", InvoiceNumber="Q-20", amount="5")
    again = at.act(PAY, params, mode="run", business_key="k")
    assert again.data["payment_id"] == first.data["payment_id"]


def test_the_number_of_calls_is_as_described(at, fee):
    params = {"invoice": invoice(at)["InvoiceID"], "account": "090"}
    assert at.act(PAY, params, mode="plan", business_key="k").calls <= 5
    assert at.act(PAY, params, mode="run", business_key="k").calls <= 8
    both = {
        "amount": "120",
        "on_surplus": "overpayment",
        "fee": {**fee, "contact": {"id": contact(at, 3)["ContactID"]}},
    }
    more = {"invoice": invoice(at)["InvoiceID"], "account": "090", **both}
    assert at.act(PAY, more, mode="run", business_key="m").calls <= 8 + 4 + 2  # and contact, tax rates

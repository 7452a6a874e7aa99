"""Recording a payment: what a person should know, what is not done, and bills."""

from __future__ import annotations

from datetime import date

import pytest

from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.colleague import account, contact, invoice, pay, planned, received, write
from contract_tests.helpers.payments import PAY, done, refused

# ---------------------------------------------------------------- what a person should know


def test_an_unmatched_receipt_of_the_same_amount_gives_a_warning(uk_company):
    sold = invoice(uk_company)
    params = {"invoice": sold["InvoiceID"], "account": "090"}
    quiet = [
        received(uk_company, "100.01"),
        received(uk_company, "100.00", kind="SPEND"),
        received(uk_company, "100.00", Date="2026-09-01"),
        received(uk_company, "100.00", IsReconciled=True),
    ]
    assert uk_company.plan(PAY, params).warnings == [], quiet
    loud = received(uk_company, "100.00")
    (warning,) = uk_company.plan(PAY, params).warnings
    for part in ("Not matched", "100.00", "2026-11-20", loud["Contact"]["Name"], "recorded once already"):
        assert part in warning


def test_a_matched_receipt_of_the_same_customer_gives_a_warning(uk_company):
    sold = invoice(uk_company)
    received(uk_company, "100.00", number=0, IsReconciled=True)
    (warning,) = uk_company.plan(PAY, {"invoice": sold["InvoiceID"], "account": "090"}).warnings
    assert warning.startswith("A bank line is matched")


def test_a_receipt_of_the_amount_less_the_fee_gives_a_warning(uk_company, named_fee):
    received(uk_company, "96.80")
    warnings = uk_company.plan(
        PAY, {"invoice": invoice(uk_company)["InvoiceID"], "account": "090", "fee": named_fee}
    ).warnings
    assert len(warnings) == 1


def test_a_payment_of_the_same_amount_gives_a_warning(uk_company):
    sold = invoice(uk_company)
    pay(uk_company, sold, "30.00")
    params = {"invoice": sold["InvoiceID"], "account": "090"}
    assert uk_company.plan(PAY, {**params, "amount": "31"}).warnings == []
    (warning,) = uk_company.plan(PAY, {**params, "amount": "30"}).warnings
    assert "30.00 on 2026-11-10 is already recorded" in warning


@pytest.mark.parametrize(
    ("day", "said"), [("2026-11-09", "before the invoice itself"), ("2026-12-24", "in the future")]
)
def test_an_unusual_payment_date_gives_a_warning(uk_company, day, said):
    params = {"invoice": invoice(uk_company)["InvoiceID"], "account": "090", "payment_date": day}
    assert any(said in warning for warning in uk_company.plan(PAY, params).warnings)


# ---------------------------------------------------------------- what is not done


def test_an_invoice_that_is_paid_already_is_a_success(uk_company):
    sold = invoice(uk_company)
    pay(uk_company, sold, "100.00")
    params = {"invoice": sold["InvoiceNumber"], "account": "090"}
    uk_company.box.sandbox.log.clear()
    plan = uk_company.plan(PAY, params)
    assert (plan.requests, plan.effect, plan.acts, plan.amount) == ([], [], [], 0)
    assert "already" in plan.summary
    result = uk_company.act(PAY, params, mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert (result.status, result.data["already_paid"], result.data["payment_id"]) == ("done", True, None)
    assert "already" in result.warnings[0]
    assert uk_company.writes() == []


def test_a_payment_recorded_since_makes_the_plan_stale(uk_company):
    sold = invoice(uk_company)
    params = {"invoice": sold["InvoiceID"], "account": "090", "amount": "40"}
    plan = uk_company.plan(PAY, params)
    pay(uk_company, sold, "10.00")
    uk_company.box.sandbox.log.clear()
    with pytest.raises(ConnectorError) as caught:
        uk_company.act(PAY, params, mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert (caught.value.code, caught.value.reason) == ("conflict", "stale_plan")
    assert uk_company.writes() == []


def test_a_deleted_payment_is_not_recorded_again_under_its_key(uk_company):
    params = {"invoice": invoice(uk_company)["InvoiceID"], "account": "090"}
    payment_id = uk_company.commit(PAY, params).data["payment_id"]
    uk_company.commit("delete_payment", {"payment_id": payment_id})
    before = uk_company.holds()
    with pytest.raises(ConnectorError) as caught:
        uk_company.act(PAY, params, mode="run", business_key="key-1")
    assert (caught.value.code, caught.value.reason) == ("conflict", "payment_deleted")
    assert uk_company.holds() == before
    assert uk_company.act(PAY, params, mode="run", business_key="key-2").data["status"] == "PAID"


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "VOIDED", "DELETED"])
def test_an_unapproved_invoice_cannot_be_paid(uk_company, status):
    sold = invoice(uk_company, status="AUTHORISED" if status == "VOIDED" else "DRAFT")
    if status != "DRAFT":
        write(uk_company, "POST", f"Invoices/{sold['InvoiceID']}", {"Status": status})
    for named in (sold["InvoiceID"], sold["InvoiceNumber"]):
        error = refused(uk_company, {"invoice": named, "account": "090"})
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
def test_parameters_that_do_not_fit_the_books_are_named_before_any_write(uk_company, change, field, reason):
    sold = invoice(uk_company, CurrencyCode="GBP")
    uk_company.store.lock_period("PeriodLockDate", date(2026, 10, 31))
    uk_company.store.edit("Accounts", account(uk_company, "091")["AccountID"], {"Status": "ARCHIVED"})
    params = {"invoice": sold["InvoiceID"], "account": "090"} | change
    error = refused(uk_company, {name: value for name, value in params.items() if value is not None})
    assert (error.code, error.reason, error.problems[0]["field"]) == ("invalid", reason, field)


def test_a_locked_period_is_refused_even_for_an_adviser(uk_company):
    uk_company.store.lock_period("PeriodLockDate", date(2026, 11, 15))
    uk_company.account.connect(organisations=[uk_company.id], user="adviser")
    params = {"invoice": invoice(uk_company)["InvoiceID"], "account": "090", "payment_date": "2026-11-12"}
    assert refused(uk_company, params).reason == "locked_period"


def test_an_unknown_invoice_is_named(uk_company):
    for named in ("INV-99999", "00000000-0000-4000-8000-000000000000"):
        error = refused(uk_company, {"invoice": named, "account": "090"})
        assert (error.code, error.reason) == ("not_found", "unknown_document")
        assert "find_invoices" in error.remedy


# ---------------------------------------------------------------- bills


def test_a_bill_is_paid_out_of_the_account(uk_company):
    bought = invoice(uk_company, kind="ACCPAY", InvoiceNumber="Q-17")
    plan, result = done(uk_company, {"invoice": "Q-17", "kind": "bill", "account": "090"})
    assert planned(plan) == {
        account(uk_company, "090")["AccountID"]: -100,
        account(uk_company, "800")["AccountID"]: 100,
    }
    assert (result.data["kind"], result.data["status"]) == ("bill", "PAID")
    assert result.data["invoice_id"] == bought["InvoiceID"]
    assert "AccountsPayable" in result.data["link"]


def test_a_bill_paid_with_a_surplus_keeps_it_with_the_supplier(uk_company):
    bought = invoice(uk_company, kind="ACCPAY", InvoiceNumber="Q-18")
    params = {"invoice": bought["InvoiceID"], "kind": "bill", "account": "090"}
    _, result = done(uk_company, {**params, "amount": "120", "on_surplus": "overpayment"})
    assert uk_company.store.get("Overpayments", result.data["overpayment_id"])["Type"] == "SPEND-OVERPAYMENT"


def test_several_invoices_of_one_number_are_named_and_not_guessed(uk_company):
    bills = [invoice(uk_company, kind="ACCPAY", InvoiceNumber="2026-1", amount=amount) for amount in ("10.00", "20.00")]
    error = refused(uk_company, {"invoice": "2026-1", "kind": "bill", "account": "090"})
    assert (error.code, error.reason) == ("invalid", "several_documents")
    for bill in bills:
        assert bill["InvoiceID"] in error.message
    assert "10.00" in error.message
    write(uk_company, "POST", f"Invoices/{bills[0]['InvoiceID']}", {"Status": "VOIDED"})
    _, result = done(uk_company, {"invoice": "2026-1", "kind": "bill", "account": "090"})
    assert result.data["invoice_id"] == bills[1]["InvoiceID"]


def test_a_bill_is_not_found_as_an_invoice(uk_company):
    bought = invoice(uk_company, kind="ACCPAY", InvoiceNumber="Q-19")
    error = refused(uk_company, {"invoice": bought["InvoiceID"], "account": "090"})
    assert (error.problems[0]["field"], "bill" in error.message) == ("params.invoice", True)
    assert refused(uk_company, {"invoice": "Q-19", "account": "090"}).code == "not_found"


def test_a_repeated_call_finds_its_payment_after_the_number_became_ambiguous(uk_company):
    invoice(uk_company, kind="ACCPAY", InvoiceNumber="Q-20")
    params = {"invoice": "Q-20", "kind": "bill", "account": "090"}
    first = uk_company.act(PAY, params, mode="run", business_key="k")
    invoice(uk_company, kind="ACCPAY", InvoiceNumber="Q-20", amount="5")
    again = uk_company.act(PAY, params, mode="run", business_key="k")
    assert again.data["payment_id"] == first.data["payment_id"]


def test_the_number_of_calls_is_as_described(uk_company, named_fee):
    params = {"invoice": invoice(uk_company)["InvoiceID"], "account": "090"}
    assert uk_company.act(PAY, params, mode="plan", business_key="k").calls <= 5
    assert uk_company.act(PAY, params, mode="run", business_key="k").calls <= 8
    both = {
        "amount": "120",
        "on_surplus": "overpayment",
        "fee": {**named_fee, "contact": {"id": contact(uk_company, 3)["ContactID"]}},
    }
    more = {"invoice": invoice(uk_company)["InvoiceID"], "account": "090", **both}
    assert uk_company.act(PAY, more, mode="run", business_key="m").calls <= 8 + 4 + 3  # and two contacts, tax rates


def test_a_surplus_of_an_archived_customer_is_refused_before_the_payment(uk_company):
    sold = invoice(uk_company)
    uk_company.store.edit("Contacts", sold["Contact"]["ContactID"], {"ContactStatus": "ARCHIVED"})
    params = {"invoice": sold["InvoiceID"], "account": "090", "amount": "120"}
    error = refused(uk_company, {**params, "on_surplus": "overpayment"})
    assert error.problems[0]["field"] == "params.on_surplus"
    assert "archived" in error.message

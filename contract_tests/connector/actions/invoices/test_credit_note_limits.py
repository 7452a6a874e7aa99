"""``create_credit_note``: never too much, for a contact, and what is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bizosaas_xero.spec import ConnectorError, Unavailable
from contract_tests.helpers.colleague import account, contact, invoice, write
from contract_tests.helpers.credit_notes import CREDIT, TAXED, of
from contract_tests.helpers.outcomes import done, refused
from contract_tests.helpers.xero_account import calls

# ---------------------------------------------------------------- never too much


def test_a_credit_note_is_never_more_than_the_invoice(uk_company):
    row = invoice(uk_company, **TAXED)
    error = refused(uk_company, CREDIT, of(row, amount="141.06"), "credited_already")
    assert "141.05" in error.message
    assert error.problems[0]["field"] == "params.amount"
    many = [{"description": "x", "unit_amount": "200", "account": "200", "tax_type": "OUTPUT2"}]
    error = refused(uk_company, CREDIT, of(row, lines=many), "credited_already")
    assert error.problems[0]["field"] == "params.lines"


@pytest.mark.parametrize("apply", [True, False], ids=["applied", "waiting"])
def test_earlier_credits_reduce_what_is_left_to_credit(uk_company, apply):
    row = invoice(uk_company)
    first = uk_company.commit(CREDIT, of(row, amount="60.00", apply=apply), "k-1").data
    error = refused(uk_company, CREDIT, of(row), "credited_already")
    assert first["number"] in error.message
    assert "40.00" in error.message
    refused(uk_company, CREDIT, of(row, amount="40.01"), "credited_already")
    assert uk_company.commit(CREDIT, of(row, amount="40.00", apply=apply), "k-2").data["total"] == 40


def test_a_draft_for_the_same_invoice_counts_and_a_voided_one_does_not(uk_company):
    row = invoice(uk_company)
    first = uk_company.commit(CREDIT, {"invoice": row["InvoiceNumber"]}, "k-1").data
    error = refused(uk_company, CREDIT, of(row), "credited_already")
    assert "draft" in error.message
    write(uk_company, "POST", f"CreditNotes/{first['credit_note_id']}", {"Status": "DELETED"})
    assert uk_company.commit(CREDIT, of(row), "k-2").status == "done"


def test_another_credit_note_of_the_same_total_gives_a_warning(uk_company):
    first, second = invoice(uk_company), invoice(uk_company)
    made = uk_company.commit(CREDIT, of(first), "k-1").data
    (warning,) = uk_company.plan(CREDIT, of(second), "k-2").warnings
    assert made["number"] in warning
    assert "Possible duplicate" in warning


# ---------------------------------------------------------------- for a contact


def test_a_contact_is_credited_with_lines(uk_company):
    line = {"description": "Goodwill", "unit_amount": "10.00", "account": "200", "tax_type": "OUTPUT2"}
    who = {"id": contact(uk_company)["ContactID"]}
    plan, result = done(
        uk_company, CREDIT, {"contact": who, "lines": [line], "value_is": "gross", "status": "authorised"}
    )
    data = result.data
    assert (data["subtotal"], data["tax"], data["total"]) == (
        Decimal("8.33"), Decimal("1.67"), Decimal("10.00"),
    )  # fmt: skip
    assert (data["invoice_id"], data["reference"][:3]) == (None, "bz-")
    sales = next(each for each in plan.effect if each["account_id"] == account(uk_company, "200")["AccountID"])
    assert sales["debit"] == "8.33"


def test_a_credit_note_is_found_again_when_its_contact_cannot_be_found(uk_company):
    line = {"description": "Goodwill", "unit_amount": "10.00", "account": "200"}
    params = {"contact": {"name": contact(uk_company)["Name"]}, "lines": [line]}
    made = uk_company.act(CREDIT, params, mode="run", business_key="k").data
    uk_company.store.edit("Contacts", contact(uk_company)["ContactID"], {"ContactStatus": "ARCHIVED"})
    uk_company.box.sandbox.clock.advance(420)
    again = uk_company.act(CREDIT, params, mode="run", business_key="k").data
    assert (again["credit_note_id"], again["repeated"]) == (made["credit_note_id"], True)


def test_an_organisation_not_registered_for_tax_credits_none(make_company):
    pottery = make_company(5)
    line = {"description": "Goodwill", "unit_amount": "10.00", "account": "200"}
    params = {"contact": {"id": contact(pottery)["ContactID"]}, "lines": [line], "value_is": "gross"}
    assert pottery.commit(CREDIT, params).data["tax"] == 0


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "either"),
        ({"invoice": "INV-1", "contact": {"id": "x"}}, "either"),
        ({"invoice": "INV-1", "amount": 1, "lines": [{"description": "x", "unit_amount": 1}]}, "not both"),
        ({"invoice": "INV-1", "currency": "EUR"}, "currency"),
        ({"invoice": "INV-1", "value_is": "net"}, "value_is"),
        ({"contact": {"id": "x"}}, "lines"),
        ({"contact": {"id": "x"}, "amount": 5}, "amount"),
        ({"contact": {"id": "x"}, "apply": True}, "apply"),
        ({"invoice": "INV-1", "apply": True}, "authorised"),
        ({"invoice": "INV-1", "amount": 0}, "amount"),
        ({"invoice": "INV-1", "amount": "1.001"}, "amount"),
        (
            {
                "contact": {"name": "New", "create": True},
                "lines": [{"description": "x", "unit_amount": 1}],
            },
            "create",
        ),
    ],
)
def test_contradicting_parameters_are_refused_before_any_request(uk_company, params, said):
    uk_company.box.sandbox.log.clear()
    with pytest.raises(ConnectorError) as caught:
        uk_company.plan(CREDIT, params)
    assert caught.value.code == "invalid"
    assert said in str(caught.value.problems)
    assert not calls(uk_company.box)


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED"])
def test_an_unapproved_invoice_cannot_be_credited(uk_company, status):
    error = refused(uk_company, CREDIT, of(invoice(uk_company, status=status)), "not_creditable")
    assert "void_invoice" in error.remedy


def test_void_invoices_bills_and_unknown_numbers_cannot_be_credited(uk_company):
    row = invoice(uk_company)
    write(uk_company, "POST", f"Invoices/{row['InvoiceID']}", {"Status": "VOIDED"})
    refused(uk_company, CREDIT, of(row), "not_creditable")
    bill = invoice(uk_company, kind="ACCPAY", InvoiceNumber="B-1")
    assert "bill" in refused(uk_company, CREDIT, {"invoice": bill["InvoiceID"]}).message
    refused(uk_company, CREDIT, {"invoice": "INV-none"}, "unknown_document")


def test_an_archived_customer_or_account_is_named(uk_company):
    row = invoice(uk_company)
    guid = row["Contact"]["ContactID"]
    uk_company.store.edit("Contacts", guid, {"ContactStatus": "ARCHIVED"})
    error = refused(uk_company, CREDIT, of(row))
    assert error.problems[0]["field"] == "params.invoice"
    assert "archived" in error.message
    uk_company.store.edit("Contacts", guid, {"ContactStatus": "ACTIVE"})
    uk_company.store.edit("Accounts", uk_company.store.account_id("200"), {"Status": "ARCHIVED"})
    assert "200 Sales is archived" in refused(uk_company, CREDIT, of(row)).message


def test_locked_and_early_dates_are_refused(uk_company):
    row = invoice(uk_company)
    refused(uk_company, CREDIT, of(row, credit_date="2026-11-09"))
    uk_company.store.lock_period("PeriodLockDate", date(2026, 11, 15))
    error = refused(uk_company, CREDIT, of(row, credit_date="2026-11-15"), "locked_period")
    assert error.problems[0]["field"] == "params.credit_date"
    plan = uk_company.plan(CREDIT, {"invoice": row["InvoiceNumber"], "credit_date": "2026-11-15"})
    assert any("locked" in warning for warning in plan.warnings)
    plan, _ = done(uk_company, CREDIT, of(row, credit_date="2026-11-16"))
    assert plan.acts == ["authorise", "backdate"]
    assert any("dated back" in warning for warning in plan.warnings)


def test_an_invoice_of_a_locked_period_is_credited_today(uk_company):
    row = invoice(uk_company)
    uk_company.store.lock_period("EndOfYearLockDate", date(2026, 11, 10))
    assert uk_company.commit(CREDIT, of(row, apply=True)).status == "done"


@pytest.mark.parametrize("amount", ["0.00", "-5.00"])
def test_a_credit_note_needs_a_positive_total(uk_company, amount):
    line = {"description": "x", "unit_amount": amount, "account": "200"}
    error = refused(uk_company, CREDIT, {"contact": {"id": contact(uk_company)["ContactID"]}, "lines": [line]})
    assert error.problems[0]["field"] == "params.lines"


def test_a_failed_history_note_does_not_lose_the_credit_note(uk_company):
    row = invoice(uk_company)
    uk_company.box.sandbox.faults.add(
        "status", match={"method": "PUT", "path": "History"}, after=1, status=503, body="json", times=None
    )
    result = uk_company.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert (result.status, result.data["applied"]) == ("partial", Decimal("100.00"))
    assert "History note could not be saved" in result.warnings[0]
    assert Unavailable.code not in result.warnings[0]


def test_a_credit_note_that_cannot_be_announced_is_not_made(uk_company):
    row, before = invoice(uk_company), uk_company.holds()
    uk_company.box.sandbox.faults.add(
        "status", match={"method": "PUT", "path": "History"}, status=503, body="json", times=None
    )
    with pytest.raises(Unavailable):
        uk_company.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert uk_company.holds() == before


def test_a_refusal_to_show_the_contact_is_reported_as_xeros(uk_company):
    row = invoice(uk_company)
    uk_company.box.sandbox.faults.add("status", match={"path": "Contacts/"}, status=400, body="json", times=None)
    error = refused(uk_company, CREDIT, of(row), "refused_by_xero")
    assert error.problems == []

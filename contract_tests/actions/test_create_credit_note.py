"""``create_credit_note``: what it takes back, never too much, and set against the invoice once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bizosaas_xero.actions import copies, credit_notes
from bizosaas_xero.spec import ConnectorError, Unavailable
from contract_tests.actions.colleague import account, balances, contact, invoice, moved, pay, write
from contract_tests.actions.outcomes import done, refused
from contract_tests.xero.account import calls

CREDIT = "create_credit_note"
TAXED = {
    "LineAmountTypes": "Exclusive",
    "LineItems": [
        {
            "Description": "work",
            "Quantity": "3",
            "UnitAmount": "33.35",
            "AccountCode": "200",
            "TaxType": "OUTPUT2",
        },
        {"Description": "book", "UnitAmount": "19.99", "AccountCode": "260", "TaxType": "RROUTPUT"},
    ],
}  # 120.04 and 21.01 of tax: 141.05


@pytest.fixture
def at(company):
    return company()


def of(row, **more):
    return {"invoice": row["InvoiceNumber"], "status": "authorised", **more}


def kept(at, data):
    return at.store.get("CreditNotes", data["credit_note_id"])


def due(at, row):
    return at.store.get("Invoices", row["InvoiceID"])["AmountDue"]


# ---------------------------------------------------------------- for an invoice


def test_a_whole_invoice_is_credited_line_by_line_and_the_ledger_is_even(at):
    before = balances(at)
    row = invoice(at, **TAXED)
    plan, result = done(at, CREDIT, of(row))
    assert moved(before, balances(at)) == {}
    data, note = result.data, kept(at, result.data)
    assert (data["subtotal"], data["tax"], data["total"]) == (
        Decimal("120.04"), Decimal("21.01"), Decimal("141.05"),
    )  # fmt: skip
    assert [(line["Description"], line["LineAmount"], line["TaxType"]) for line in note["LineItems"]] == [
        ("work", Decimal("100.05"), "OUTPUT2"),
        ("book", Decimal("19.99"), "RROUTPUT"),
    ]
    assert (note["Type"], note["LineAmountTypes"]) == ("ACCRECCREDIT", "Exclusive")
    assert (data["status"], data["applied"], data["remaining"]) == ("AUTHORISED", 0, Decimal("141.05"))
    assert (plan.acts, plan.amount, plan.warnings) == (["authorise"], Decimal("141.05"), [])
    receivable = next(
        each for each in plan.effect if each["account_id"] == at.store.system_account("DEBTORS")
    )
    assert receivable["credit"] == "141.05"
    assert due(at, row) == Decimal("141.05")


def sold(at, **line):
    """Make an invoice of one line by create_invoice, which knows four decimals, and return its result."""
    return at.commit(
        "create_invoice",
        {
            "contact": {"id": contact(at)["ContactID"]},
            "lines": [{"description": "screws", "account": "200", **line}],
            "value_is": "net",
            "due_date": "2026-12-10",
            "status": "authorised",
        },
        "sold",
    ).data


def test_four_decimals_and_tracking_come_along(at):
    category = at.rows("TrackingCategories")[0]
    option = category["Options"][0]["Name"]
    row = sold(at, quantity="1000", unit_amount="0.0125", tracking={category["Name"]: option})
    assert row["subtotal"] == Decimal("12.50")
    _, result = done(at, CREDIT, {"invoice": row["number"], "status": "authorised"})
    (copied,) = kept(at, result.data)["LineItems"]
    assert (copied["Quantity"], copied["UnitAmount"]) == (1000, Decimal("0.0125"))
    assert copied["Tracking"][0]["Option"] == option
    assert result.data["total"] == row["total"]


def test_what_was_discounted_is_one_piece_for_xero_knows_no_discount_on_a_credit_note(at):
    row = sold(at, quantity="1000", unit_amount="0.0125", discount_percent="10")
    assert row["subtotal"] == Decimal("11.25")
    _, result = done(at, CREDIT, {"invoice": row["number"], "status": "authorised"})
    (copied,) = kept(at, result.data)["LineItems"]
    assert (copied["Quantity"], copied["UnitAmount"]) == (1, Decimal("11.25"))
    assert "DiscountRate" not in copied
    assert result.data["total"] == row["total"]
    line = {
        "description": "x",
        "quantity": "2",
        "unit_amount": "10",
        "discount_percent": "25",
        "account": "200",
    }
    params = {"contact": {"id": contact(at)["ContactID"]}, "lines": [line], "value_is": "net"}
    body = at.plan(CREDIT, params).requests[0]["body"]["CreditNotes"][0]["LineItems"][0]
    assert (body["Quantity"], body["UnitAmount"]) == ("1", "15.00")
    assert "DiscountRate" not in body


@pytest.mark.parametrize("mode", ["Exclusive", "Inclusive", "NoTax"])
@pytest.mark.parametrize("amount", ["0.01", "50.00", "99.97"])
def test_a_part_is_met_to_the_cent_over_the_same_accounts_and_taxes(at, mode, amount):
    row = invoice(at, **{**TAXED, "LineAmountTypes": mode})
    _, result = done(at, CREDIT, of(row, amount=amount, reason="Damaged"))
    assert result.data["total"] == Decimal(amount)
    note = kept(at, result.data)
    assert {line["Description"] for line in note["LineItems"]} == {"Damaged"}
    assert {line["AccountCode"] for line in note["LineItems"]} <= {"200", "260"}
    assert note["LineAmountTypes"] == ("NoTax" if mode == "NoTax" else "Inclusive")


class _Ledgerless:
    """Books of which only the chart and the taxes are asked."""

    tax_rates = MappingProxyType({})

    @staticmethod
    def account(named):
        return {"AccountID": named, "Name": named}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from("ABCD"), st.decimals("0.01", "9999", places=2)), min_size=1, max_size=12
    ),
    st.decimals("0.01", "9999", places=2),
)
def test_shares_always_add_up(lines, amount):
    document = {
        "LineAmountTypes": "Inclusive",
        "LineItems": [
            {"LineAmount": part, "TaxAmount": Decimal(0), "AccountID": name} for name, part in lines
        ],
    }
    parts = copies.shares(_Ledgerless(), document, amount, "x")
    assert sum(part.amount for part in parts) == amount
    assert len({part.account for part in parts}) == len(parts)


def test_lines_follow_the_invoices_account_tax_and_mode_if_it_has_but_one(at):
    row = invoice(at, **{**TAXED, "LineAmountTypes": "Inclusive", "LineItems": TAXED["LineItems"][:1]})
    _, result = done(at, CREDIT, of(row, lines=[{"description": "One of three", "unit_amount": "33.35"}]))
    (line,) = kept(at, result.data)["LineItems"]
    assert (line["AccountCode"], line["TaxType"]) == ("200", "OUTPUT2")
    assert result.data["total"] == Decimal("33.35")
    several = invoice(at, **TAXED)
    error = refused(at, CREDIT, of(several, lines=[{"description": "?", "unit_amount": "1"}]))
    assert error.problems[0]["field"] == "params.lines.0.account"


def test_a_corrected_tax_is_met_in_total_and_said(at):
    line = {**TAXED["LineItems"][0], "TaxAmount": "20.03"}  # computed: 20.01
    row = invoice(at, LineAmountTypes="Exclusive", LineItems=[line])
    assert row["Total"] == 120.08
    plan, result = done(at, CREDIT, of(row))
    assert result.data["total"] == Decimal("120.08")
    assert any("20.01" in warning and "20.03" in warning for warning in plan.warnings)


def test_a_foreign_invoice_is_credited_in_its_currency_at_its_rate(at):
    before = balances(at)
    row = invoice(at, CurrencyCode="EUR", CurrencyRate="1.25")
    params = of(row, apply=True)
    plan = at.plan(CREDIT, params)
    assert plan.amount == Decimal("80.00")
    assert plan.requests[0]["body"]["CreditNotes"][0]["CurrencyRate"] == "1.250000"
    assert any("rate 1.25" in warning for warning in plan.warnings)
    result = at.act(CREDIT, params, mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert (result.status, result.data["currency"]) == ("done", "EUR")
    assert moved(before, balances(at)) == {}


def test_a_draft_posts_nothing_and_needs_nobody(at):
    row = invoice(at, **TAXED)
    plan, result = done(at, CREDIT, {"invoice": row["InvoiceID"]})
    assert (plan.effect, plan.acts, result.data["status"]) == ([], [], "DRAFT")
    assert "does not enter the ledger" in plan.summary


def test_the_reference_is_the_invoices_number_and_ends_in_the_mark(at):
    row = invoice(at)
    reference = at.commit(CREDIT, of(row)).data["reference"]
    number, mark = reference.split(" ")
    assert number == row["InvoiceNumber"]
    assert mark.startswith("bz-")
    other = invoice(at)
    assert at.commit(CREDIT, of(other, reference="RMA 7"), "k-2").data["reference"].startswith("RMA 7 bz-")


# ---------------------------------------------------------------- set against it


def test_it_is_set_against_the_invoice_up_to_what_is_due(at):
    row = invoice(at, **TAXED)
    plan, result = done(at, CREDIT, of(row, apply=True))
    assert [request["path"] for request in plan.requests] == [
        "/api.xro/2.0/CreditNotes",
        "/api.xro/2.0/CreditNotes/{credit_note}/Allocations",
    ]
    data = result.data
    assert (data["applied"], data["remaining"], data["status"]) == (Decimal("141.05"), 0, "PAID")
    assert (due(at, row), at.store.get("Invoices", row["InvoiceID"])["Status"]) == (0, "PAID")
    part = invoice(at)
    pay(at, part, "70.00")
    plan, result = done(at, CREDIT, of(part, apply=True), "k-2")
    assert (result.data["applied"], result.data["remaining"]) == (Decimal("30.00"), Decimal("70.00"))
    assert any("Only 30.00 is due" in warning for warning in plan.warnings)


def test_a_paid_invoice_is_credited_and_the_credit_stays_open(at):
    row = invoice(at)
    pay(at, row, "100.00")
    plan, result = done(at, CREDIT, of(row, apply=True))
    assert any("Nothing is due" in warning for warning in plan.warnings)
    assert (result.data["applied"], result.data["remaining"]) == (0, Decimal("100.00"))


def test_paid_between_plan_and_commit_is_stale(at):
    row = invoice(at)
    plan = at.plan(CREDIT, of(row, apply=True))
    pay(at, row, "1.00")
    with pytest.raises(ConnectorError) as caught:
        at.act(CREDIT, of(row, apply=True), mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert caught.value.reason == "stale_plan"
    assert at.rows("CreditNotes", Reference=row["InvoiceNumber"]) == []


@pytest.mark.parametrize("seconds", [0, 420])
def test_a_crash_between_making_and_applying_is_finished_by_the_next_call(at, seconds, monkeypatch):
    row = invoice(at, **TAXED)
    count = len(at.rows("CreditNotes"))

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(credit_notes, "applied_to", crash)
        with pytest.raises(KeyboardInterrupt):
            at.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert due(at, row) == Decimal("141.05")
    at.box.sandbox.clock.advance(seconds)
    for _ in range(2):
        result = at.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
        assert (result.status, result.data["applied"]) == ("done", Decimal("141.05"))
        assert result.data["repeated"] is True
    assert due(at, row) == 0
    assert len(at.rows("CreditNotes")) == count + 1
    assert len(at.notes("CreditNotes", result.data["credit_note_id"])) == 1


@pytest.mark.parametrize("where", ["headers", "body"])
@pytest.mark.parametrize("path", ["/CreditNotes", "/Allocations"])
def test_a_lost_answer_makes_and_applies_it_once(at, path, where):
    row, count = invoice(at, **TAXED), len(at.rows("CreditNotes"))
    at.box.sandbox.faults.add("cut", match={"path": path, "method": "PUT"}, where=where)
    result = at.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert (result.status, result.data["applied"]) == ("done", Decimal("141.05"))
    assert len(at.rows("CreditNotes")) == count + 1
    at.box.sandbox.clock.advance(420)
    at.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert len(at.rows("CreditNotes")) == count + 1
    assert len(kept(at, result.data)["Allocations"]) == 1


def test_an_allocation_that_is_refused_leaves_the_credit_and_says_what_to_do(at):
    row = invoice(at)
    at.box.sandbox.faults.add("status", match={"path": "/Allocations"}, status=400, body="json", times=None)
    result = at.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert (result.status, result.data["applied"]) == ("partial", 0)
    assert "not set against the invoice" in result.warnings[0]
    assert "same business key" in result.warnings[0]
    at.box.sandbox.faults.clear()
    at.box.sandbox.clock.advance(420)
    again = at.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert (again.status, again.data["applied"]) == ("done", Decimal("100.00"))


def test_what_xero_made_differently_is_not_applied(at, monkeypatch):
    row = invoice(at, **TAXED)
    from bizosaas_xero.actions import lines

    right = lines._split
    monkeypatch.setattr(
        lines,
        "_split",
        lambda *given: (right(*given)[0] - Decimal("0.01"), right(*given)[1] + Decimal("0.01")),
    )
    result = at.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert (result.status, result.data["applied"]) == ("partial", 0)
    assert any("SubTotal 120.04 where 120.02 was meant" in warning for warning in result.warnings)
    assert due(at, row) == Decimal("141.05")


def test_a_credit_note_that_was_voided_since_is_left_alone(at):
    row = invoice(at)
    params = of(row)
    made = at.act(CREDIT, params, mode="run", business_key="k").data
    write(at, "POST", f"CreditNotes/{made['credit_note_id']}", {"Status": "VOIDED"})
    again = at.act(CREDIT, params, mode="run", business_key="k").data
    assert (again["credit_note_id"], again["status"]) == (made["credit_note_id"], "VOIDED")


# ---------------------------------------------------------------- never too much


def test_no_more_than_was_charged(at):
    row = invoice(at, **TAXED)
    error = refused(at, CREDIT, of(row, amount="141.06"), "credited_already")
    assert "141.05" in error.message
    assert error.problems[0]["field"] == "params.amount"
    many = [{"description": "x", "unit_amount": "200", "account": "200", "tax_type": "OUTPUT2"}]
    error = refused(at, CREDIT, of(row, lines=many), "credited_already")
    assert error.problems[0]["field"] == "params.lines"


@pytest.mark.parametrize("apply", [True, False], ids=["applied", "waiting"])
def test_what_was_credited_before_counts(at, apply):
    row = invoice(at)
    first = at.commit(CREDIT, of(row, amount="60.00", apply=apply), "k-1").data
    error = refused(at, CREDIT, of(row), "credited_already")
    assert first["number"] in error.message
    assert "40.00" in error.message
    refused(at, CREDIT, of(row, amount="40.01"), "credited_already")
    assert at.commit(CREDIT, of(row, amount="40.00", apply=apply), "k-2").data["total"] == 40


def test_a_draft_for_the_same_invoice_counts_and_a_voided_one_does_not(at):
    row = invoice(at)
    first = at.commit(CREDIT, {"invoice": row["InvoiceNumber"]}, "k-1").data
    error = refused(at, CREDIT, of(row), "credited_already")
    assert "draft" in error.message
    write(at, "POST", f"CreditNotes/{first['credit_note_id']}", {"Status": "DELETED"})
    assert at.commit(CREDIT, of(row), "k-2").status == "done"


def test_another_of_the_same_total_is_warned_of(at):
    first, second = invoice(at), invoice(at)
    made = at.commit(CREDIT, of(first), "k-1").data
    (warning,) = at.plan(CREDIT, of(second), "k-2").warnings
    assert made["number"] in warning
    assert "Possible duplicate" in warning


# ---------------------------------------------------------------- for a contact


def test_a_contact_is_credited_with_lines(at):
    line = {"description": "Goodwill", "unit_amount": "10.00", "account": "200", "tax_type": "OUTPUT2"}
    who = {"id": contact(at)["ContactID"]}
    plan, result = done(
        at, CREDIT, {"contact": who, "lines": [line], "value_is": "gross", "status": "authorised"}
    )
    data = result.data
    assert (data["subtotal"], data["tax"], data["total"]) == (
        Decimal("8.33"), Decimal("1.67"), Decimal("10.00"),
    )  # fmt: skip
    assert (data["invoice_id"], data["reference"][:3]) == (None, "bz-")
    sales = next(each for each in plan.effect if each["account_id"] == account(at, "200")["AccountID"])
    assert sales["debit"] == "8.33"


def test_it_is_found_again_when_its_contact_cannot_be(at):
    line = {"description": "Goodwill", "unit_amount": "10.00", "account": "200"}
    params = {"contact": {"name": contact(at)["Name"]}, "lines": [line]}
    made = at.act(CREDIT, params, mode="run", business_key="k").data
    at.store.edit("Contacts", contact(at)["ContactID"], {"ContactStatus": "ARCHIVED"})
    at.box.sandbox.clock.advance(420)
    again = at.act(CREDIT, params, mode="run", business_key="k").data
    assert (again["credit_note_id"], again["repeated"]) == (made["credit_note_id"], True)


def test_who_pays_no_tax_credits_none(company):
    pottery = company(5)
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
def test_what_does_not_go_together_is_said_before_any_request(at, params, said):
    at.box.sandbox.log.clear()
    with pytest.raises(ConnectorError) as caught:
        at.plan(CREDIT, params)
    assert caught.value.code == "invalid"
    assert said in str(caught.value.problems)
    assert not calls(at.box)


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED"])
def test_what_is_not_approved_has_nothing_to_credit(at, status):
    error = refused(at, CREDIT, of(invoice(at, status=status)), "not_creditable")
    assert "void_invoice" in error.remedy


def test_void_bills_and_nothing_are_refused(at):
    row = invoice(at)
    write(at, "POST", f"Invoices/{row['InvoiceID']}", {"Status": "VOIDED"})
    refused(at, CREDIT, of(row), "not_creditable")
    bill = invoice(at, kind="ACCPAY", InvoiceNumber="B-1")
    assert "bill" in refused(at, CREDIT, {"invoice": bill["InvoiceID"]}).message
    refused(at, CREDIT, {"invoice": "INV-none"}, "unknown_document")


def test_an_archived_customer_or_account_is_named(at):
    row = invoice(at)
    guid = row["Contact"]["ContactID"]
    at.store.edit("Contacts", guid, {"ContactStatus": "ARCHIVED"})
    error = refused(at, CREDIT, of(row))
    assert error.problems[0]["field"] == "params.invoice"
    assert "archived" in error.message
    at.store.edit("Contacts", guid, {"ContactStatus": "ACTIVE"})
    at.store.edit("Accounts", at.store.account_id("200"), {"Status": "ARCHIVED"})
    assert "200 Sales is archived" in refused(at, CREDIT, of(row)).message


def test_locked_and_early_dates_are_refused(at):
    row = invoice(at)
    refused(at, CREDIT, of(row, credit_date="2026-11-09"))
    at.store.lock_period("PeriodLockDate", date(2026, 11, 15))
    error = refused(at, CREDIT, of(row, credit_date="2026-11-15"), "locked_period")
    assert error.problems[0]["field"] == "params.credit_date"
    plan = at.plan(CREDIT, {"invoice": row["InvoiceNumber"], "credit_date": "2026-11-15"})
    assert any("locked" in warning for warning in plan.warnings)
    plan, _ = done(at, CREDIT, of(row, credit_date="2026-11-16"))
    assert plan.acts == ["authorise", "backdate"]
    assert any("dated back" in warning for warning in plan.warnings)


def test_an_invoice_of_a_locked_period_is_credited_today(at):
    row = invoice(at)
    at.store.lock_period("EndOfYearLockDate", date(2026, 11, 10))
    assert at.commit(CREDIT, of(row, apply=True)).status == "done"


@pytest.mark.parametrize("amount", ["0.00", "-5.00"])
def test_a_credit_note_needs_a_positive_total(at, amount):
    line = {"description": "x", "unit_amount": amount, "account": "200"}
    error = refused(at, CREDIT, {"contact": {"id": contact(at)["ContactID"]}, "lines": [line]})
    assert error.problems[0]["field"] == "params.lines"


def test_a_note_that_cannot_be_left_does_not_lose_the_credit(at):
    row = invoice(at)
    at.box.sandbox.faults.add("status", match={"path": "History"}, status=503, body="json", times=None)
    result = at.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert (result.status, result.data["applied"]) == ("partial", Decimal("100.00"))
    assert "no note" in result.warnings[0]
    assert Unavailable.code not in result.warnings[0]

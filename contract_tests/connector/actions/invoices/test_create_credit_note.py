"""``create_credit_note``: what it takes back, and applied to the invoice once."""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bizosaas_xero.connector.actions.invoices import credit_notes, line_copies
from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.colleague import balances, contact, invoice, moved, pay, write
from contract_tests.helpers.credit_notes import CREDIT, TAXED, due, kept, of
from contract_tests.helpers.outcomes import done, refused

# ---------------------------------------------------------------- for an invoice


def test_a_whole_invoice_is_credited_line_by_line_and_the_ledger_balances_out(uk_company):
    before = balances(uk_company)
    row = invoice(uk_company, **TAXED)
    plan, result = done(uk_company, CREDIT, of(row))
    assert moved(before, balances(uk_company)) == {}
    data, note = result.data, kept(uk_company, result.data)
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
    receivable = next(each for each in plan.effect if each["account_id"] == uk_company.store.system_account("DEBTORS"))
    assert receivable["credit"] == "141.05"
    assert due(uk_company, row) == Decimal("141.05")


def sold(uk_company, **line):
    """Make an invoice of one line by create_invoice, which knows four decimals, and return its result."""
    return uk_company.commit(
        "create_invoice",
        {
            "contact": {"id": contact(uk_company)["ContactID"]},
            "lines": [{"description": "screws", "account": "200", **line}],
            "value_is": "net",
            "due_date": "2026-12-10",
            "status": "authorised",
        },
        "sold",
    ).data


def test_four_decimals_and_tracking_are_copied(uk_company):
    category = uk_company.rows("TrackingCategories")[0]
    option = category["Options"][0]["Name"]
    row = sold(uk_company, quantity="1000", unit_amount="0.0125", tracking={category["Name"]: option})
    assert row["subtotal"] == Decimal("12.50")
    _, result = done(uk_company, CREDIT, {"invoice": row["number"], "status": "authorised"})
    (copied,) = kept(uk_company, result.data)["LineItems"]
    assert (copied["Quantity"], copied["UnitAmount"]) == (1000, Decimal("0.0125"))
    assert copied["Tracking"][0]["Option"] == option
    assert result.data["total"] == row["total"]


def test_a_discounted_line_is_credited_as_one_piece_without_discount(uk_company):
    row = sold(uk_company, quantity="1000", unit_amount="0.0125", discount_percent="10")
    assert row["subtotal"] == Decimal("11.25")
    _, result = done(uk_company, CREDIT, {"invoice": row["number"], "status": "authorised"})
    (copied,) = kept(uk_company, result.data)["LineItems"]
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
    params = {"contact": {"id": contact(uk_company)["ContactID"]}, "lines": [line], "value_is": "net"}
    body = uk_company.plan(CREDIT, params).requests[0]["body"]["CreditNotes"][0]["LineItems"][0]
    assert (body["Quantity"], body["UnitAmount"]) == ("1", "15.00")
    assert "DiscountRate" not in body


@pytest.mark.parametrize("mode", ["Exclusive", "Inclusive", "NoTax"])
@pytest.mark.parametrize("amount", ["0.01", "50.00", "99.97"])
def test_a_partial_credit_is_exact_over_the_same_accounts_and_taxes(uk_company, mode, amount):
    row = invoice(uk_company, **{**TAXED, "LineAmountTypes": mode})
    _, result = done(uk_company, CREDIT, of(row, amount=amount, reason="Damaged"))
    assert result.data["total"] == Decimal(amount)
    note = kept(uk_company, result.data)
    assert {line["Description"] for line in note["LineItems"]} == {"Damaged"}
    assert {line["AccountCode"] for line in note["LineItems"]} <= {"200", "260"}
    assert note["LineAmountTypes"] == ("NoTax" if mode == "NoTax" else "Inclusive")


class _Ledgerless:
    """Books of which only the chart and the taxes are asked."""

    tax_rates = MappingProxyType({})

    @staticmethod
    def find_account(named):
        return {"AccountID": named, "Name": named}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from("ABCD"), st.decimals("0.01", "9999", places=2)), min_size=1, max_size=12),
    st.decimals("0.01", "9999", places=2),
)
def test_the_parts_of_a_split_amount_add_up(lines, amount):
    document = {
        "LineAmountTypes": "Inclusive",
        "LineItems": [{"LineAmount": part, "TaxAmount": Decimal(0), "AccountID": name} for name, part in lines],
    }
    parts = line_copies.split_amount(_Ledgerless(), document, amount, "x")
    assert sum(part.amount for part in parts) == amount
    assert len({part.account for part in parts}) == len(parts)


def test_credited_lines_use_the_invoices_single_account_tax_and_mode(uk_company):
    row = invoice(uk_company, **{**TAXED, "LineAmountTypes": "Inclusive", "LineItems": TAXED["LineItems"][:1]})
    _, result = done(uk_company, CREDIT, of(row, lines=[{"description": "One of three", "unit_amount": "33.35"}]))
    (line,) = kept(uk_company, result.data)["LineItems"]
    assert (line["AccountCode"], line["TaxType"]) == ("200", "OUTPUT2")
    assert result.data["total"] == Decimal("33.35")
    several = invoice(uk_company, **TAXED)
    error = refused(uk_company, CREDIT, of(several, lines=[{"description": "?", "unit_amount": "1"}]))
    assert error.problems[0]["field"] == "params.lines.0.account"


def test_a_corrected_tax_gives_the_same_total_and_a_warning(uk_company):
    line = {**TAXED["LineItems"][0], "TaxAmount": "20.03"}  # computed: 20.01
    row = invoice(uk_company, LineAmountTypes="Exclusive", LineItems=[line])
    assert row["Total"] == 120.08
    plan, result = done(uk_company, CREDIT, of(row))
    assert result.data["total"] == Decimal("120.08")
    assert any("20.01" in warning and "20.03" in warning for warning in plan.warnings)


def test_a_foreign_invoice_is_credited_in_its_currency_at_its_rate(uk_company):
    before = balances(uk_company)
    row = invoice(uk_company, CurrencyCode="EUR", CurrencyRate="1.25")
    params = of(row, apply=True)
    plan = uk_company.plan(CREDIT, params)
    assert plan.amount == Decimal("80.00")
    assert plan.requests[0]["body"]["CreditNotes"][0]["CurrencyRate"] == "1.250000"
    assert any("rate 1.25" in warning for warning in plan.warnings)
    result = uk_company.act(CREDIT, params, mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert (result.status, result.data["currency"]) == ("done", "EUR")
    assert moved(before, balances(uk_company)) == {}


def test_a_draft_posts_nothing_and_has_no_acts(uk_company):
    row = invoice(uk_company, **TAXED)
    plan, result = done(uk_company, CREDIT, {"invoice": row["InvoiceID"]})
    assert (plan.effect, plan.acts, result.data["status"]) == ([], ["draft"], "DRAFT")
    assert "does not enter the ledger" in plan.summary


def test_the_reference_is_the_invoices_number_and_ends_in_the_mark(uk_company):
    row = invoice(uk_company)
    reference = uk_company.commit(CREDIT, of(row)).data["reference"]
    number, mark = reference.split(" ")
    assert number == row["InvoiceNumber"]
    assert mark.startswith("bz-")
    other = invoice(uk_company)
    reference = uk_company.commit(CREDIT, of(other, reference="RMA 7"), "k-2").data["reference"]
    assert reference.startswith(f"RMA 7 {other['InvoiceNumber']} bz-")


# ---------------------------------------------------------------- applied to the invoice


def test_a_credit_note_is_applied_to_the_invoice_up_to_the_amount_due(uk_company):
    row = invoice(uk_company, **TAXED)
    plan, result = done(uk_company, CREDIT, of(row, apply=True))
    assert [request["path"] for request in plan.requests] == [
        "/api.xro/2.0/CreditNotes",
        "/api.xro/2.0/CreditNotes/{credit_note}/Allocations",
    ]
    data = result.data
    assert (data["applied"], data["remaining"], data["status"]) == (Decimal("141.05"), 0, "PAID")
    assert (due(uk_company, row), uk_company.store.get("Invoices", row["InvoiceID"])["Status"]) == (0, "PAID")
    part = invoice(uk_company)
    pay(uk_company, part, "70.00")
    plan, result = done(uk_company, CREDIT, of(part, apply=True), "k-2")
    assert (result.data["applied"], result.data["remaining"]) == (Decimal("30.00"), Decimal("70.00"))
    assert any("Only 30.00 is due" in warning for warning in plan.warnings)


def test_a_paid_invoice_is_credited_and_the_credit_stays_open(uk_company):
    row = invoice(uk_company)
    pay(uk_company, row, "100.00")
    plan, result = done(uk_company, CREDIT, of(row, apply=True))
    assert any("Nothing is due" in warning for warning in plan.warnings)
    assert (result.data["applied"], result.data["remaining"]) == (0, Decimal("100.00"))


def test_an_invoice_paid_between_plan_and_commit_makes_the_plan_stale(uk_company):
    row = invoice(uk_company)
    plan = uk_company.plan(CREDIT, of(row, apply=True))
    pay(uk_company, row, "1.00")
    with pytest.raises(ConnectorError) as caught:
        uk_company.act(CREDIT, of(row, apply=True), mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert caught.value.reason == "stale_plan"
    assert uk_company.rows("CreditNotes", Reference=row["InvoiceNumber"]) == []


@pytest.mark.parametrize("seconds", [0, 420])
def test_a_crash_between_making_and_applying_is_finished_by_the_next_call(uk_company, seconds, monkeypatch):
    row = invoice(uk_company, **TAXED)
    count = len(uk_company.rows("CreditNotes"))

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(credit_notes, "applied_amount", crash)
        with pytest.raises(KeyboardInterrupt):
            uk_company.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert due(uk_company, row) == Decimal("141.05")
    uk_company.box.sandbox.clock.advance(seconds)
    for _ in range(2):
        result = uk_company.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
        assert (result.status, result.data["applied"]) == ("done", Decimal("141.05"))
        assert result.data["repeated"] is True
    assert due(uk_company, row) == 0
    assert len(uk_company.rows("CreditNotes")) == count + 1
    assert len(uk_company.notes("CreditNotes", result.data["credit_note_id"])) == 1


@pytest.mark.parametrize("where", ["headers", "body"])
@pytest.mark.parametrize("path", ["/CreditNotes", "/Allocations"])
def test_a_lost_answer_makes_and_applies_it_once(uk_company, path, where):
    row, count = invoice(uk_company, **TAXED), len(uk_company.rows("CreditNotes"))
    uk_company.box.sandbox.faults.add("cut", match={"path": path, "method": "PUT"}, where=where)
    result = uk_company.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert (result.status, result.data["applied"]) == ("done", Decimal("141.05"))
    assert len(uk_company.rows("CreditNotes")) == count + 1
    uk_company.box.sandbox.clock.advance(420)
    uk_company.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert len(uk_company.rows("CreditNotes")) == count + 1
    assert len(kept(uk_company, result.data)["Allocations"]) == 1


def test_a_refused_allocation_leaves_the_credit_note_and_gives_a_remedy(uk_company):
    row = invoice(uk_company)
    uk_company.box.sandbox.faults.add("status", match={"path": "/Allocations"}, status=400, body="json", times=None)
    result = uk_company.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert (result.status, result.data["applied"]) == ("partial", 0)
    assert "could not be applied to the invoice" in result.warnings[0]
    assert "same business key" in result.warnings[0]
    uk_company.box.sandbox.faults.clear()
    uk_company.box.sandbox.clock.advance(420)
    again = uk_company.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert (again.status, again.data["applied"]) == ("done", Decimal("100.00"))


def test_a_credit_note_that_differs_from_the_plan_is_not_applied(uk_company, monkeypatch):
    row = invoice(uk_company, **TAXED)
    from bizosaas_xero.connector.actions.invoices import lines

    right = lines._split_tax
    monkeypatch.setattr(
        lines,
        "_split_tax",
        lambda *given: (right(*given)[0] - Decimal("0.01"), right(*given)[1] + Decimal("0.01")),
    )
    result = uk_company.act(CREDIT, of(row, apply=True), mode="run", business_key="k")
    assert (result.status, result.data["applied"]) == ("partial", 0)
    assert any("SubTotal 120.04 where 120.02 was expected" in warning for warning in result.warnings)
    assert due(uk_company, row) == Decimal("141.05")


def test_a_credit_note_that_was_voided_since_is_left_alone(uk_company):
    row = invoice(uk_company)
    params = of(row)
    made = uk_company.act(CREDIT, params, mode="run", business_key="k").data
    write(uk_company, "POST", f"CreditNotes/{made['credit_note_id']}", {"Status": "VOIDED"})
    again = uk_company.act(CREDIT, params, mode="run", business_key="k").data
    assert (again["credit_note_id"], again["status"]) == (made["credit_note_id"], "VOIDED")

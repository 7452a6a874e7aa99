"""Inputs that people and other programs send: odd characters, numbers for texts, far dates, other documents."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest

from bizosaas_xero.spec import ConnectorError, Invalid
from contract_tests.helpers import invoices
from contract_tests.helpers.colleague import contact, invoice, write
from contract_tests.helpers.write_examples import customer

CREATE = "create_invoice"
CONTROLS = ["\x00", "\x02", "\x0b", "\x1f", "\x7f", "\x9f", "\ufffe", "\uffff", "\ufdd0", "\U0001fffe"]


@pytest.fixture
def at(company):
    return company(1)


def fields_refused(at, action, params):
    with pytest.raises(ConnectorError) as caught:
        at.plan(action, params)
    assert caught.value.code == "invalid"
    assert at.writes() == []
    return {problem["field"] for problem in caught.value.problems}


# ---------------------------------------------------------------- characters that Xero cannot hold


@pytest.mark.parametrize("character", CONTROLS, ids=[f"U+{ord(each):04X}" for each in CONTROLS])
def test_a_control_character_is_refused_by_field(at, character):
    text = f"a{character}b"
    line = {"description": text, "unit_amount": "1"}
    deal = {**invoices.DEAL, "title": text}
    for action, params, field in (
        (CREATE, invoices.params(at, deal=None, lines=[line]), "params.lines.0.description"),
        (CREATE, invoices.params(at, reference=text), "params.reference"),
        (CREATE, invoices.params(at, deal=deal), "params.deal.title"),
        (CREATE, invoices.params(at, tracking={"Region": text}), "params.tracking"),
        (CREATE, invoices.params(at, contact={"name": text, "create": True}), "params.contact.name"),
        ("create_contact", {"name": text}, "params.name"),
        ("create_contact", {"name": "A", "address": {"city": text}}, "params.address.city"),
        ("create_credit_note", {"invoice": "X", "reason": text}, "params.reason"),
        ("mark_invoice_paid", {"invoice": "X", "reference": text}, "params.reference"),
    ):
        assert field in fields_refused(at, action, params), (action, field)


def test_line_breaks_tabs_and_other_scripts_are_accepted(at):
    line = {"description": "first\r\nsecond\tthird 日本 🙂", "unit_amount": "1"}
    plan = at.plan(CREATE, invoices.params(at, deal=None, lines=[line]))
    assert plan.requests[0]["body"]["Invoices"][0]["LineItems"][0]["Description"] == line["description"]


def test_a_control_character_in_a_requesters_name_does_not_reach_the_history(at):
    made = at.commit("create_contact", {"name": "New Ltd"}, requester="a\x02\x1bb", approver="c\ufffed")
    assert made.status == "done"
    notes = [text for text in at.notes("Contacts", made.data["contact_id"]) if "ab" in text]
    assert notes
    assert "cd" in notes[0]


# ---------------------------------------------------------------- numbers for texts, and sums of floats


def test_account_codes_and_account_numbers_may_be_json_numbers(at):
    plan = at.plan(CREATE, invoices.params(at, account=200))
    assert plan.requests[0]["body"]["Invoices"][0]["LineItems"][0]["AccountCode"] == "200"
    write(at, "PUT", "Contacts", {"Contacts": [{"Name": "Forty-two", "AccountNumber": "42"}]})
    assert at.plan(CREATE, invoices.params(at, contact={"account_number": 42}))
    made = at.commit("create_contact", {"name": "Seven", "account_number": 7}).data
    assert made["account_number"] == "7"


def test_a_sum_of_floats_is_read_as_the_amount_it_means(at):
    plan = at.plan(CREATE, invoices.params(at, deal={**invoices.DEAL, "value": 0.1 + 0.2}))
    assert plan.requests[0]["body"]["Invoices"][0]["LineItems"][0]["UnitAmount"] == "0.3"
    line = {"description": "x", "unit_amount": 1.1 + 2.2, "quantity": 3.0}
    plan = at.plan(CREATE, invoices.params(at, deal=None, lines=[line]))
    assert plan.requests[0]["body"]["Invoices"][0]["LineItems"][0]["UnitAmount"] == "3.3"


# ---------------------------------------------------------------- dates


@pytest.mark.parametrize("day", ["2206-12-20", "2500-12-31", "9999-12-31"])
def test_a_far_due_date_is_made_with_a_warning(at, day):
    params = invoices.params(at, due_date=day, status="authorised")
    assert any(day in text and "two years ahead" in text for text in at.plan(CREATE, params).warnings)
    made = at.act(CREATE, params, mode="run", business_key="k")
    assert (made.status, str(made.data["due_date"])) == ("done", day)
    again = at.act(CREATE, params, mode="run", business_key="k")
    assert (again.data["invoice_id"], again.data["repeated"]) == (made.data["invoice_id"], True)


@pytest.mark.parametrize(("field", "value"), [("DueDate", "0202-01-05"), ("Date", "not a day"), ("Total", "many")])
def test_one_odd_document_of_the_customer_does_not_block_an_invoice(at, field, value):
    there = contact(at)
    odd = invoice(at, Contact={"ContactID": there["ContactID"]})
    at.store.edit("Invoices", odd["InvoiceID"], {field: value, f"{field}String": value})
    params = invoices.params(at, contact={"id": there["ContactID"]})
    plan = at.plan(CREATE, params)
    if field != "DueDate":
        assert any(odd["InvoiceNumber"] in text and field in text for text in plan.warnings)
    made = at.act(CREATE, params, mode="run", business_key="k")
    assert made.status == "done"
    assert at.act(CREATE, params, mode="run", business_key="k").data["invoice_id"] == made.data["invoice_id"]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_ends_of_the_calendar_are_no_crash(at, day):
    sold = invoice(at)
    for action, params in (
        ("mark_invoice_paid", {"invoice": sold["InvoiceID"], "account": "090", "payment_date": day}),
        (CREATE, {**invoices.params(at), "invoice_date": day, "due_date": None}),
        ("create_credit_note", {"invoice": sold["InvoiceID"], "credit_date": day}),
    ):
        with contextlib.suppress(Invalid):  # a locked day, a day before the invoice's
            assert at.plan(action, params).requests, action


# ---------------------------------------------------------------- approved invoices over nothing


def test_an_authorised_invoice_with_a_total_of_zero_is_paid_at_once_and_sent(at):
    line = {"description": "gift", "unit_amount": "10", "discount_percent": "100"}
    params = invoices.params(at, deal=None, lines=[line], status="authorised", send=True)
    params["contact"] = {"id": customer(at)["ContactID"]}
    made = at.commit(CREATE, params)
    assert made.status == "done", made.warnings
    assert made.data["total"] == 0
    assert made.data["emailed"] == "sent"


# ---------------------------------------------------------------- rates, currencies, kinds


@pytest.fixture
def foreign(at):
    return invoice(at, "100.00", CurrencyCode="EUR", CurrencyRate=1.6)


@pytest.mark.parametrize(
    ("rate", "words"),
    [("1", "1 GBP is 1 EUR"), ("0.625", "inverse"), ("0.63", "inverse"), ("16", "own rate is 1.6"), ("1.65", "")],
)
def test_a_rate_that_is_one_or_inverse_or_far_off_gives_a_warning(at, foreign, rate, words):
    params = {"invoice": foreign["InvoiceID"], "account": "090", "currency_rate": rate}
    warnings = [text for text in at.plan("mark_invoice_paid", params).warnings if "currency_rate" in text]
    assert bool(warnings) == bool(words)
    assert all(words in text for text in warnings)


def test_the_number_of_a_credit_note_is_explained(at):
    sold = invoice(at)
    note = at.commit("create_credit_note", {"invoice": sold["InvoiceID"], "status": "authorised"}).data
    for key in (note["number"], note["credit_note_id"]):
        with pytest.raises(ConnectorError) as caught:
            at.plan("void_invoice", {"invoice": key})
        assert (caught.value.code, caught.value.reason) == ("not_found", "unknown_document")
        assert "is a credit note" in caught.value.message


# ---------------------------------------------------------------- the result knows what the plan knew


def test_the_result_of_run_carries_the_plan_and_its_warnings(at):
    params = invoices.params(at, invoice_date="2026-11-01")
    planned = at.plan(CREATE, params, "k")
    result = at.act(CREATE, params, mode="run", business_key="k")
    assert planned.warnings
    assert [text for text in planned.warnings if text in result.warnings] == planned.warnings
    assert result.plan.hash == planned.hash
    again = at.act(CREATE, params, mode="run", business_key="k")
    assert (again.data["repeated"], again.plan) == (True, None)


def test_xeros_own_warnings_are_in_the_result(at, monkeypatch):
    from bizosaas_xero.connector.http.client import Client

    right = Client.write
    text = "The payment date is prior to the invoice date."

    def answer_with_a_warning(client, method, path, *rest):
        answer = right(client, method, path, *rest)
        for row in answer.body.get("Payments") or ():
            row["Warnings"] = [{"Message": text}]
        return answer

    monkeypatch.setattr(Client, "write", answer_with_a_warning)
    sold = invoice(at)
    result = at.commit("mark_invoice_paid", {"invoice": sold["InvoiceID"], "account": "090"})
    assert result.status == "done"
    assert any(text in warning for warning in result.warnings)
    assert result.data["amount"] == Decimal("100.00")

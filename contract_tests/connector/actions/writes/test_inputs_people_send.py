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


def fields_refused(uk_company, action, params):
    with pytest.raises(ConnectorError) as caught:
        uk_company.plan(action, params)
    assert caught.value.code == "invalid"
    assert uk_company.writes() == []
    return {problem["field"] for problem in caught.value.problems}


# ---------------------------------------------------------------- characters that Xero cannot hold


@pytest.mark.parametrize("character", CONTROLS, ids=[f"U+{ord(each):04X}" for each in CONTROLS])
def test_a_control_character_is_refused_by_field(uk_company, character):
    text = f"a{character}b"
    line = {"description": text, "unit_amount": "1"}
    deal = {**invoices.DEAL, "title": text}
    for action, params, field in (
        (CREATE, invoices.params(uk_company, deal=None, lines=[line]), "params.lines.0.description"),
        (CREATE, invoices.params(uk_company, reference=text), "params.reference"),
        (CREATE, invoices.params(uk_company, deal=deal), "params.deal.title"),
        (CREATE, invoices.params(uk_company, tracking={"Region": text}), "params.tracking"),
        (CREATE, invoices.params(uk_company, contact={"name": text, "create": True}), "params.contact.name"),
        ("create_contact", {"name": text}, "params.name"),
        ("create_contact", {"name": "A", "address": {"city": text}}, "params.address.city"),
        ("create_credit_note", {"invoice": "X", "reason": text}, "params.reason"),
        ("mark_invoice_paid", {"invoice": "X", "reference": text}, "params.reference"),
    ):
        assert field in fields_refused(uk_company, action, params), (action, field)


def test_line_breaks_tabs_and_other_scripts_are_accepted(uk_company):
    line = {"description": "first\r\nsecond\tthird 日本 🙂", "unit_amount": "1"}
    plan = uk_company.plan(CREATE, invoices.params(uk_company, deal=None, lines=[line]))
    assert plan.requests[0]["body"]["Invoices"][0]["LineItems"][0]["Description"] == line["description"]


def test_a_control_character_in_a_requesters_name_does_not_reach_the_history(uk_company):
    made = uk_company.commit("create_contact", {"name": "New Ltd"}, requester="a\x02\x1bb", approver="c\ufffed")
    assert made.status == "done"
    notes = [text for text in uk_company.notes("Contacts", made.data["contact_id"]) if "ab" in text]
    assert notes
    assert "cd" in notes[0]


# ---------------------------------------------------------------- numbers for texts, and sums of floats


def test_account_codes_and_account_numbers_may_be_json_numbers(uk_company):
    plan = uk_company.plan(CREATE, invoices.params(uk_company, account=200))
    assert plan.requests[0]["body"]["Invoices"][0]["LineItems"][0]["AccountCode"] == "200"
    write(uk_company, "PUT", "Contacts", {"Contacts": [{"Name": "Forty-two", "AccountNumber": "42"}]})
    assert uk_company.plan(CREATE, invoices.params(uk_company, contact={"account_number": 42}))
    made = uk_company.commit("create_contact", {"name": "Seven", "account_number": 7}).data
    assert made["account_number"] == "7"


def test_a_sum_of_floats_is_read_as_the_amount_it_means(uk_company):
    plan = uk_company.plan(CREATE, invoices.params(uk_company, deal={**invoices.DEAL, "value": 0.1 + 0.2}))
    assert plan.requests[0]["body"]["Invoices"][0]["LineItems"][0]["UnitAmount"] == "0.3"
    line = {"description": "x", "unit_amount": 1.1 + 2.2, "quantity": 3.0}
    plan = uk_company.plan(CREATE, invoices.params(uk_company, deal=None, lines=[line]))
    assert plan.requests[0]["body"]["Invoices"][0]["LineItems"][0]["UnitAmount"] == "3.3"


# ---------------------------------------------------------------- dates


@pytest.mark.parametrize("day", ["2206-12-20", "2500-12-31", "9999-12-31"])
def test_a_far_due_date_is_made_with_a_warning(uk_company, day):
    params = invoices.params(uk_company, due_date=day, status="authorised")
    assert any(day in text and "two years ahead" in text for text in uk_company.plan(CREATE, params).warnings)
    made = uk_company.act(CREATE, params, mode="run", business_key="k")
    assert (made.status, str(made.data["due_date"])) == ("done", day)
    again = uk_company.act(CREATE, params, mode="run", business_key="k")
    assert (again.data["invoice_id"], again.data["repeated"]) == (made.data["invoice_id"], True)


@pytest.mark.parametrize(("field", "value"), [("DueDate", "0202-01-05"), ("Date", "not a day"), ("Total", "many")])
def test_one_odd_document_of_the_customer_does_not_block_an_invoice(uk_company, field, value):
    there = contact(uk_company)
    odd = invoice(uk_company, Contact={"ContactID": there["ContactID"]})
    uk_company.store.edit("Invoices", odd["InvoiceID"], {field: value, f"{field}String": value})
    params = invoices.params(uk_company, contact={"id": there["ContactID"]})
    plan = uk_company.plan(CREATE, params)
    if field != "DueDate":
        assert any(odd["InvoiceNumber"] in text and field in text for text in plan.warnings)
    made = uk_company.act(CREATE, params, mode="run", business_key="k")
    assert made.status == "done"
    assert uk_company.act(CREATE, params, mode="run", business_key="k").data["invoice_id"] == made.data["invoice_id"]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_ends_of_the_calendar_are_no_crash(uk_company, day):
    sold = invoice(uk_company)
    for action, params in (
        ("mark_invoice_paid", {"invoice": sold["InvoiceID"], "account": "090", "payment_date": day}),
        (CREATE, {**invoices.params(uk_company), "invoice_date": day, "due_date": None}),
        ("create_credit_note", {"invoice": sold["InvoiceID"], "credit_date": day}),
    ):
        with contextlib.suppress(Invalid):  # a locked day, a day before the invoice's
            assert uk_company.plan(action, params).requests, action


# ---------------------------------------------------------------- approved invoices over nothing


def test_an_authorised_invoice_with_a_total_of_zero_is_paid_at_once_and_sent(uk_company):
    line = {"description": "gift", "unit_amount": "10", "discount_percent": "100"}
    params = invoices.params(uk_company, deal=None, lines=[line], status="authorised", send=True)
    params["contact"] = {"id": customer(uk_company)["ContactID"]}
    made = uk_company.commit(CREATE, params)
    assert made.status == "done", made.warnings
    assert made.data["total"] == 0
    assert made.data["emailed"] == "sent"


# ---------------------------------------------------------------- rates, currencies, kinds


@pytest.fixture
def foreign_invoice(uk_company):
    return invoice(uk_company, "100.00", CurrencyCode="EUR", CurrencyRate=1.6)


@pytest.mark.parametrize(
    ("rate", "words"),
    [("1", "1 GBP is 1 EUR"), ("0.625", "inverse"), ("0.63", "inverse"), ("16", "own rate is 1.6"), ("1.65", "")],
)
def test_a_rate_that_is_one_or_inverse_or_far_off_gives_a_warning(uk_company, foreign_invoice, rate, words):
    params = {"invoice": foreign_invoice["InvoiceID"], "account": "090", "currency_rate": rate}
    warnings = [text for text in uk_company.plan("mark_invoice_paid", params).warnings if "currency_rate" in text]
    assert bool(warnings) == bool(words)
    assert all(words in text for text in warnings)


def test_the_number_of_a_credit_note_is_explained(uk_company):
    sold = invoice(uk_company)
    note = uk_company.commit("create_credit_note", {"invoice": sold["InvoiceID"], "status": "authorised"}).data
    for key in (note["number"], note["credit_note_id"]):
        with pytest.raises(ConnectorError) as caught:
            uk_company.plan("void_invoice", {"invoice": key})
        assert (caught.value.code, caught.value.reason) == ("not_found", "unknown_document")
        assert "is a credit note" in caught.value.message


# ---------------------------------------------------------------- the result knows what the plan knew


def test_the_result_of_run_carries_the_plan_and_its_warnings(uk_company):
    params = invoices.params(uk_company, invoice_date="2026-11-01")
    planned = uk_company.plan(CREATE, params, "k")
    result = uk_company.act(CREATE, params, mode="run", business_key="k")
    assert planned.warnings
    assert [text for text in planned.warnings if text in result.warnings] == planned.warnings
    assert result.plan.hash == planned.hash
    again = uk_company.act(CREATE, params, mode="run", business_key="k")
    assert (again.data["repeated"], again.plan) == (True, None)


def test_xeros_own_warnings_are_in_the_result(uk_company, monkeypatch):
    from bizosaas_xero.connector.http.client import Client

    right = Client.write
    text = "The payment date is prior to the invoice date."

    def answer_with_a_warning(client, method, path, *rest):
        answer = right(client, method, path, *rest)
        for row in answer.body.get("Payments") or ():
            row["Warnings"] = [{"Message": text}]
        return answer

    monkeypatch.setattr(Client, "write", answer_with_a_warning)
    sold = invoice(uk_company)
    result = uk_company.commit("mark_invoice_paid", {"invoice": sold["InvoiceID"], "account": "090"})
    assert result.status == "done"
    assert any(text in warning for warning in result.warnings)
    assert result.data["amount"] == Decimal("100.00")


# ---------------------------------------------------------------- one number, several documents


@pytest.fixture
def namesakes(uk_company):
    """An invoice and two bills with one number."""
    kinds = ("ACCREC", "ACCPAY", "ACCPAY")
    return [invoice(uk_company, f"{10 + n}.00", kind, InvoiceNumber="2026-7") for n, kind in enumerate(kinds)]


def test_a_number_of_an_invoice_and_of_bills_is_read_by_no_one_of_them(uk_company, namesakes):
    with pytest.raises(ConnectorError) as caught:
        uk_company.act("get_invoice", {"invoice": "2026-7"})
    assert (caught.value.code, caught.value.reason) == ("invalid", "several_documents")
    for row in namesakes:
        assert row["InvoiceID"] in caught.value.message
        assert uk_company.act("get_invoice", {"invoice": row["InvoiceID"]}).data["total"] == Decimal(str(row["Total"]))
    assert caught.value.message.count("bill of ") == 2
    assert caught.value.message.count("invoice to ") == 1


def test_a_figure_cited_by_an_ambiguous_number_is_not_supported(uk_company, namesakes):
    text = "The invoice is over GBP 10.00 [invoice:2026-7.total]."
    result = uk_company.act("verify_figures", {"text": text}).data
    assert result["ok"] is False
    assert "ambiguous" in str(result)
    text = text.replace("2026-7", namesakes[0]["InvoiceID"])
    assert uk_company.act("verify_figures", {"text": text}).data["ok"] is True


def test_of_several_documents_that_are_all_cancelled_none_is_picked(uk_company, namesakes):
    for row in namesakes[1:]:
        write(uk_company, "POST", f"Invoices/{row['InvoiceID']}", {"InvoiceID": row["InvoiceID"], "Status": "VOIDED"})
    assert uk_company.act("get_invoice", {"invoice": "2026-7"}).data["invoice_id"] == namesakes[0]["InvoiceID"]
    with pytest.raises(ConnectorError) as caught:
        uk_company.plan("void_invoice", {"invoice": "2026-7", "kind": "bill"})
    assert caught.value.reason == "several_documents"

"""What invoices and credit notes send, what a policy is told of them, how they are undone, and what a result names."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from contract_tests.helpers import invoices
from contract_tests.helpers.colleague import invoice, write
from contract_tests.helpers.credit_notes import CREDIT, of
from contract_tests.helpers.write_examples import customer

CREATE = "create_invoice"
NEW = {"name": "Brand New Ltd", "email": "new@new.example", "create": True}


@pytest.mark.parametrize(
    ("changes", "acts", "undo"),
    [
        ({}, ["draft"], "deletes it, while it is not approved"),
        ({"contact": NEW}, ["create_contact", "draft"], "deletes it"),
        ({"status": "submitted"}, ["draft"], "deletes it"),
        ({"invoice_date": "2026-11-21"}, ["draft"], "deletes it"),
        ({"status": "authorised"}, ["authorise"], "void_invoice, while nothing is paid or credited"),
        ({"status": "authorised", "invoice_date": "2026-11-22"}, ["authorise"], "void_invoice"),
        ({"status": "authorised", "invoice_date": "2026-11-21"}, ["authorise", "backdate"], "void_invoice"),
        ({"status": "authorised", "contact": NEW}, ["create_contact", "authorise"], "void_invoice"),
        ({"status": "authorised", "send": True}, ["authorise", "send"], "stays with the customer"),
    ],
)
def test_a_policy_is_told_each_act_of_an_invoice_and_a_person_how_to_undo_it(uk_company, changes, acts, undo):
    plan = uk_company.plan(CREATE, invoices.params(uk_company, **changes))
    assert plan.acts == acts
    assert undo in plan.undo
    assert bool(plan.effect) == ("authorise" in acts)
    request = plan.requests[len(plan.requests) - 1 - ("send" in acts)]
    assert (request["method"], request["path"], request["query"]) == ("PUT", "/api.xro/2.0/Invoices", {"unitdp": "4"})
    assert request["step"] == "invoice"


@pytest.mark.parametrize(
    ("changes", "acts", "undo"),
    [
        ({"status": "draft"}, ["draft"], "Delete it in Xero"),
        ({}, ["authorise"], "Void it in Xero, while it is not used"),
        ({"credit_date": "2026-11-21"}, ["authorise", "backdate"], "Void it in Xero"),
        ({"apply": True}, ["authorise"], "Remove its allocation"),
    ],
)
def test_a_policy_is_told_each_act_of_a_credit_note_and_a_person_how_to_undo_it(uk_company, changes, acts, undo):
    plan = uk_company.plan(CREDIT, of(invoice(uk_company), **changes))
    assert plan.acts == acts
    assert undo in plan.undo
    assert plan.requests[0]["query"] == {"unitdp": "4"}
    assert [request["step"] for request in plan.requests] == [
        "credit_note",
        *(["allocation"] if "apply" in changes else []),
    ]


@pytest.mark.parametrize(
    ("paid", "amount", "words"),
    [
        ("0", "100.00", None),
        ("0", "40.00", None),
        ("60.00", "40.00", None),
        ("60.00", "40.01", "Only 40.00 is due"),
        ("100.00", "10.00", "Nothing is due"),
    ],
)
def test_a_plan_says_what_of_a_credit_stays_open(uk_company, paid, amount, words):
    from contract_tests.helpers.colleague import pay

    sold = invoice(uk_company)
    if Decimal(paid):
        pay(uk_company, sold, paid)
    for apply in (True, False):
        warnings = uk_company.plan(CREDIT, of(sold, amount=amount, apply=apply)).warnings
        said = [text for text in warnings if "stays open" in text]
        assert bool(said) == bool(words and apply)
        assert all(words in text for text in said)


@pytest.mark.parametrize(
    ("days", "total", "warned"), [(60, "25.00", True), (-60, "25.00", True), (61, "25.00", False), (1, "25.01", False)]
)
def test_a_credit_note_of_the_same_total_is_a_possible_duplicate_for_sixty_days(uk_company, days, total, warned):
    sold = invoice(uk_company)
    other = {
        "Type": "ACCRECCREDIT", "Contact": {"ContactID": sold["Contact"]["ContactID"]}, "LineAmountTypes": "NoTax",
        "Date": str(date(2026, 11, 22) - timedelta(days)), "Status": "DRAFT",
        "LineItems": [{"Description": "x", "UnitAmount": total, "AccountCode": "200"}],
    }  # fmt: skip
    made = write(uk_company, "PUT", "CreditNotes", other)
    warnings = uk_company.plan(CREDIT, of(sold, amount="25.00")).warnings
    assert any(f"Possible duplicate: {made['CreditNoteNumber']}" in text for text in warnings) is warned
    uk_company.store.edit("CreditNotes", made["CreditNoteID"], {"CurrencyCode": "EUR"})
    assert not any("duplicate" in text for text in uk_company.plan(CREDIT, of(sold, amount="25.00")).warnings)


def test_a_result_names_the_customer_and_the_days(uk_company):
    params = invoices.params(uk_company, invoice_date="2026-11-20", due_date="2026-12-19")
    made = uk_company.commit(CREATE, params).data
    name = customer(uk_company, DefaultCurrency=uk_company.currency)["Name"]
    assert (made["contact"], made["contact_id"]) == (name, params["contact"]["id"])
    assert (made["invoice_date"], made["due_date"]) == (date(2026, 11, 20), date(2026, 12, 19))
    assert made["reference"] == invoices.DEAL["id"]
    credit = uk_company.commit(CREDIT, of(invoice(uk_company)), key="c").data
    assert credit["number"].startswith("CN-")
    assert (credit["credit_date"], credit["applied"], credit["remaining"]) == (date(2026, 11, 22), 0, Decimal("100.00"))
    assert credit["contact"]


@pytest.mark.parametrize(
    ("price", "mode", "net", "tax"), [("120.00", "gross", "100.00", "20.00"), ("100.00", "net", "100.00", "20.00")]
)
def test_tax_is_taken_out_of_a_gross_price_and_put_on_a_net_one(uk_company, price, mode, net, tax):
    line = {"description": "x", "unit_amount": price, "account": "200", "tax_type": "OUTPUT2"}
    params = invoices.params(uk_company, deal=None, lines=[line], value_is=mode, status="authorised")
    plan = uk_company.plan(CREATE, params)
    assert plan.amount == Decimal("120.00")
    posted = {each["account"]: each for each in plan.effect}
    assert len(posted) == 3
    made = uk_company.commit(CREATE, params).data
    assert (made["subtotal"], made["tax"], made["total"]) == (Decimal(net), Decimal(tax), Decimal("120.00"))

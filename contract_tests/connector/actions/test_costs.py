"""What an action says it costs in calls is true of every way of using it, not only of its example's."""

from __future__ import annotations

import re

import pytest

from bizosaas_xero import plugin
from contract_tests.helpers.colleague import contact, invoice, pay, write
from contract_tests.helpers.payments import FEE
from contract_tests.helpers.write_examples import customer, payment
from contract_tests.helpers.write_examples import invoice as mailed_invoice

LINE = {"description": "Advice", "unit_amount": "150.00", "account": "200"}
BOOK = {"item_code": "BOOK", "unit_amount": "1.00"}
NEW = {"name": "Brand New", "email": "new@new.example", "account_number": "77", "create": True}


def stated(action):
    """Return the least and most calls to plan and to commit, from the action's own description."""
    [text] = [listed.description for listed in plugin.list_actions(None) if listed.name == action]
    found = re.search(r"(\d+)(?: (?:to|or) (\d+))? calls to plan, (\d+)(?: (?:to|or) (\d+))? to commit", text)
    assert found, text
    least_plan, most_plan, least_commit, most_commit = found.groups()
    return (int(least_plan), int(most_plan or least_plan)), (int(least_commit), int(most_commit or least_commit))


def mixed_facts(at):
    """A contact by facts that fit three contacts."""
    return {
        "id": customer(at)["ContactID"],
        "email": contact(at, 1).get("EmailAddress", "a@b.example"),
        "name": "Other",
    }


def new_invoice(at, **more):
    who = {"id": customer(at, DefaultCurrency=at.currency)["ContactID"]}
    return {"contact": who, "lines": [LINE], "value_is": "net", "due_date": "2026-12-20", **more}


def credit_of(at, **more):
    return {"invoice": invoice(at)["InvoiceNumber"], **more}


def credit_without_invoice(at, **more):
    return {"contact": {"id": customer(at)["ContactID"]}, "lines": [LINE], "value_is": "net", **more}


def payment_of(at, kind="ACCREC", **more):
    number = {"InvoiceNumber": f"B-{len(at.rows('Invoices'))}"} if kind == "ACCPAY" else {}
    made = invoice(at, kind=kind, **number)
    return {"invoice": made["InvoiceNumber"], "kind": "bill" if number else "invoice", "account": "090", **more}


def fee_of(at):
    return {**FEE, "contact": {"name": contact(at, 3)["Name"]}}


def paid(at, field, kind="ACCREC"):
    number = {"InvoiceNumber": f"P-{len(at.rows('Invoices'))}"} if kind == "ACCPAY" else {}
    made = invoice(at, kind=kind, **number)
    pay(at, made, "100.00")
    return {"invoice": made[field], "kind": "bill" if number else "invoice"}


def waste(at, field, **more):
    return {"invoice": invoice(at, **more)[field], "kind": "bill" if more.get("kind") == "ACCPAY" else "invoice"}


def by_tracking(at):
    category = at.rows("TrackingCategories")[0]
    return {category["Name"]: category["Options"][0]["Name"]}


def everything(at):
    return {"lines": [{**BOOK, "tracking": by_tracking(at)}], "currency": "EUR"}


WAYS = {
    "create_invoice": [
        new_invoice,
        lambda at: new_invoice(at, contact=NEW, status="authorised", send=True, **everything(at)),
        lambda at: new_invoice(at, contact=mixed_facts(at), status="authorised", **everything(at)),
        lambda at: new_invoice(at, status="authorised", send=True),
    ],
    "create_credit_note": [
        credit_of,
        lambda at: credit_of(
            at, lines=[{**BOOK, "tracking": by_tracking(at)}], status="authorised", apply=True, reference="Mine"
        ),
        credit_without_invoice,
        lambda at: credit_without_invoice(at, contact=mixed_facts(at), **everything(at)),
    ],
    "create_contact": [
        lambda _: {"name": "Alone"},
        lambda _: {"name": "With All", "currency": "EUR", "email": "q@q.example", "account_number": "Q"},
    ],
    "mark_invoice_paid": [
        payment_of,
        lambda at: payment_of(at, fee=fee_of(at)),
        lambda at: payment_of(at, amount="110.00", on_surplus="overpayment"),
        lambda at: payment_of(at, amount="110.00", on_surplus="overpayment", fee=fee_of(at)),
        lambda at: payment_of(at, "ACCPAY"),
        lambda at: payment_of(
            at, amount="110.00", on_surplus="overpayment", fee=fee_of(at) | {"contact": mixed_facts(at)}
        ),
    ],
    "delete_payment": [
        lambda at: {"payment_id": payment(at)["PaymentID"]},
        lambda at: paid(at, "InvoiceID"),
        lambda at: paid(at, "InvoiceNumber"),
        lambda at: paid(at, "InvoiceNumber", "ACCPAY"),
    ],
    "email_invoice": [
        lambda at: {"invoice": mailed_invoice(at)["InvoiceID"]},
        lambda at: {"invoice": mailed_invoice(at)["InvoiceNumber"]},
        lambda at: {"invoice": mailed_invoice(at, SentToContact=True)["InvoiceNumber"]},
    ],
    "void_invoice": [
        lambda at: waste(at, "InvoiceID"),
        lambda at: waste(at, "InvoiceNumber"),
        lambda at: waste(at, "InvoiceID", status="DRAFT"),
        lambda at: waste(at, "InvoiceNumber", kind="ACCPAY", InvoiceNumber="W-1"),
        lambda at: waste(at, "InvoiceNumber", kind="ACCPAY", status="DRAFT", InvoiceNumber="W-2"),
    ],
}
"""Each action that writes, in the cheapest and the dearest way and in others of its page."""


@pytest.mark.parametrize("action", WAYS)
def test_a_write_costs_what_its_description_says_whichever_way_it_is_asked_for(uk_company, action):
    item = {"Code": "BOOK", "Name": "Book", "SalesDetails": {"UnitPrice": 12.5, "AccountCode": "200"}}
    write(uk_company, "PUT", "Items", {"Items": [item]})
    costs = []
    for number, way in enumerate(WAYS[action]):
        params, key = way(uk_company), {"business_key": f"way {number}"}
        planned = uk_company.act(action, params, mode="plan", **key)
        done = uk_company.act(action, params, mode="commit", plan_hash=planned.plan.hash, **key)
        costs.append((planned.calls, done.calls))
    plans, commits = zip(*costs, strict=True)
    assert ((min(plans), max(plans)), (min(commits), max(commits))) == stated(action), costs


PERIOD = {"from_date": "2026-04-01", "to_date": "2026-10-31"}
LINES = [{"date": "2026-10-20", "amount": "100.00", "payee": "x", "description": "y"}]
BANK = {"bank_account": "090", "lines": LINES}


@pytest.mark.parametrize(
    ("action", "least", "most", "ways"),
    [
        ("get_organisation", 1, 1, [{}]),
        ("list_accounts", 1, 1, [{}]),
        ("find_contacts", 1, 3, [{"email": "a@b.example"}, {"name": "Kōwhai Roasters Ltd"}, {"name": "fold ed"}]),
        ("find_invoices", 1, 2, [{}, {"number": "nope"}, {"kind": "bill", "unpaid": True}]),
        ("get_balance_sheet", 3, 3, [{}, {"compare": True}]),
        ("generate_pnl_report", 4, 5, [PERIOD, PERIOD | {"from_date": "2026-05-01"}, PERIOD | {"basis": "cash"}]),
        ("generate_pnl_report", 6, 7, [PERIOD | {"from_date": "2025-04-01"}, PERIOD | {"from_date": "2025-05-01"}]),
        ("get_aged_receivables", 8, 9, [{"as_of": "2026-10-31"}, {}]),
        ("verify_figures", 1, 1, [{"text": "None."}]),
        (
            "verify_figures",
            4,
            5,
            [{"text": f"1 [pnl:2026-0{month}-01..2026-10-31:accrual:income]"} for month in (4, 5)],
        ),
        ("verify_figures", 4, 4, [{"text": "1 [balance_sheet:2026-10-31:accrual:assets] 2 [invoice:INV-0001.total]"}]),
        ("verify_figures", 8, 10, [{"text": "1 [aged_receivables:2026-10-31:all:total]"}]),
        ("reconcile_bank_feeds", 6, 9, [{}, {"look_for_duplicates": False}, {"bank_account": "090"}]),
        (
            "reconcile_bank_feeds",
            11,
            14,
            [BANK, BANK | {"look_for_duplicates": False}, BANK | {"from_date": "2026-10-01", "to_date": "2026-10-31"}],
        ),
    ],
)
def test_a_read_costs_what_its_page_says_whichever_way_it_is_asked_for(uk_company, action, least, most, ways):
    odd = contact(uk_company)
    uk_company.store.edit("Contacts", odd["ContactID"], {"Name": "Fold \u00a0Ed"})
    for params in ways:
        assert least <= uk_company.act(action, params).calls <= most, params


@pytest.mark.parametrize(("key", "most"), [("NOPE", 2), ("97ab3f67-627d-4d44-a079-9b952efbd199", 2)])
def test_a_document_that_is_not_there_costs_two_calls(uk_company, key, most):
    from contract_tests.helpers.xero_account import calls

    uk_company.box.sandbox.log.clear()
    with pytest.raises(Exception, match="No invoice or bill"):
        uk_company.act("get_invoice", {"invoice": key})
    assert len(calls(uk_company.box)) == most

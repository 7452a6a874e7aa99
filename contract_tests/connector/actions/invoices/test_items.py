"""Items of the price list give a line what it leaves out; a difference is a warning in the plan."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers import invoices
from contract_tests.helpers.colleague import write

ITEM = {
    "Code": "BOOK",
    "Name": "Book",
    "Description": "A printed book",
    "SalesDetails": {"UnitPrice": 12.5, "AccountCode": "260", "TaxType": "ZERORATEDOUTPUT"},
}


@pytest.fixture
def company_with_item(uk_company):
    write(uk_company, "PUT", "Items", {"Items": [ITEM]})
    return uk_company


def planned(company_with_item, line, **changes):
    params = {"deal": None, "lines": [line], "account": None, **changes}
    return company_with_item.plan("create_invoice", invoices.params(company_with_item, **params))


def body(plan):
    return plan.requests[0]["body"]["Invoices"][0]["LineItems"][0]


def test_an_item_gives_account_price_tax_and_description(company_with_item):
    plan = planned(company_with_item, {"item_code": "BOOK", "quantity": "2"}, status="authorised")
    line = body(plan)
    assert (line["Description"], line["UnitAmount"]) == ("A printed book", "12.50")
    assert (line["AccountCode"], line["TaxType"], line["ItemCode"]) == ("260", "ZERORATEDOUTPUT", "BOOK")
    assert plan.amount == Decimal("25.00")
    assert not [text for text in plan.warnings if "item" in text]


def test_the_tax_of_a_zero_rated_item_is_kept_on_another_account(company_with_item):
    plan = planned(
        company_with_item, {"item_code": "book", "unit_amount": "12.00", "description": "x", "account": "200"}
    )
    assert body(plan)["TaxType"] == "ZERORATEDOUTPUT"
    assert plan.amount == Decimal("12.00")
    texts = [text for text in plan.warnings if text.startswith("Line 1: ")]
    assert any("price of the item BOOK is 12.50," in text for text in texts)
    assert any("account of the item BOOK is 260" in text for text in texts)


def test_another_tax_type_than_the_items_gives_a_warning(company_with_item):
    plan = planned(company_with_item, {"item_code": "BOOK", "tax_type": "OUTPUT2"})
    assert body(plan)["TaxType"] == "OUTPUT2"
    assert any("tax type of the item BOOK is ZERORATEDOUTPUT" in text for text in plan.warnings)


def test_an_unknown_item_is_refused_in_the_plan(company_with_item):
    with pytest.raises(ConnectorError) as caught:
        planned(company_with_item, {"item_code": "NOPE", "unit_amount": "1", "description": "x"})
    assert caught.value.code == "invalid"
    assert [problem["field"] for problem in caught.value.problems] == ["params.lines.0.item_code"]
    assert company_with_item.writes() == []


def test_an_item_without_a_price_needs_one(company_with_item):
    write(company_with_item, "PUT", "Items", {"Items": [{"Code": "FREE", "Name": "Free text"}]})
    with pytest.raises(ConnectorError) as caught:
        planned(company_with_item, {"item_code": "FREE"})
    assert [problem["field"] for problem in caught.value.problems] == ["params.lines.0.unit_amount"]


def test_a_line_without_an_item_needs_description_and_price(company_with_item):
    with pytest.raises(ConnectorError) as caught:
        planned(company_with_item, {"quantity": "2"})
    assert "params.lines.0" in {problem["field"] for problem in caught.value.problems}


def test_the_books_own_tax_comes_before_the_settings(company_with_item):
    connection = company_with_item.connection(settings={"tax_type": "ZERORATEDOUTPUT"})
    from bizosaas_xero import plugin

    params = invoices.params(company_with_item, account="200")
    plan = plugin.run_action(connection, "create_invoice", params, {"mode": "plan"}).plan
    own = next(row["TaxType"] for row in company_with_item.rows("Accounts") if row.get("Code") == "200")
    assert body(plan)["TaxType"] == own != "ZERORATEDOUTPUT"


def test_an_item_gives_its_price_to_the_lines_of_a_deal(company_with_item):
    deal = {**invoices.DEAL, "value": 25, "currency": company_with_item.currency}
    plan = planned(company_with_item, {"item_code": "BOOK", "quantity": "2"}, deal=deal)
    assert plan.amount == Decimal("25.00")


def test_a_credit_note_takes_an_items_defaults(company_with_item):
    customer = invoices.params(company_with_item)["contact"]
    params = {"contact": customer, "lines": [{"item_code": "BOOK"}], "value_is": "net"}
    line = company_with_item.plan("create_credit_note", params).requests[0]["body"]["CreditNotes"][0]["LineItems"][0]
    assert (line["UnitAmount"], line["AccountCode"], line["TaxType"]) == ("12.50", "260", "ZERORATEDOUTPUT")

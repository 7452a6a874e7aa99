"""``create_invoice``: what is made of a deal or of lines, and for whom."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizosaas_xero.connector.actions.invoices import lines
from contract_tests.helpers.invoices import DEAL, params, refused
from contract_tests.helpers.write_examples import customer

# ------------------------------------------------------------ value, tax, totals


def test_a_net_deal_becomes_the_subtotal_and_a_gross_one_the_total(uk_company):
    net = uk_company.commit("create_invoice", params(uk_company), "k-1").data
    assert (net["subtotal"], net["tax"], net["total"]) == (
        Decimal("1234.50"),
        Decimal("246.90"),
        Decimal("1481.40"),
    )
    assert net["reference"] == "D-1042"
    gross = uk_company.commit("create_invoice", params(uk_company, value_is="gross"), "k-2").data
    assert (gross["subtotal"], gross["tax"], gross["total"]) == (
        Decimal("1028.75"), Decimal("205.75"), Decimal("1234.50"),
    )  # fmt: skip


def test_both_shapes_of_a_deal_are_accepted(uk_company):
    deal = {"title": "Website", "amount": "99.99", "company_id": 7, "source_system": "crm", "external_id": 77}
    made = uk_company.commit("create_invoice", params(uk_company, deal=deal)).data
    assert (made["subtotal"], made["reference"]) == (Decimal("99.99"), "77")


@pytest.mark.parametrize("value", ["0.30000000000000004", 12.345, 0, -5, "abc"])
def test_a_deal_value_that_is_not_an_amount_is_refused(uk_company, value):
    assert "value" in refused(uk_company, "invalid", "params.deal.value", deal={**DEAL, "value": value})


def test_a_deal_with_two_different_values_is_refused(uk_company):
    assert "exactly one value" in refused(uk_company, "invalid", "params.deal", deal={**DEAL, "amount": 5})


@given(
    st.decimals("0.01", "99999.99", places=2),
    st.sampled_from([Decimal(5), Decimal(10), Decimal(15), Decimal(20), Decimal("8.25"), Decimal("12.5")]),
)
def test_a_gross_deal_gives_an_invoice_of_exactly_that_total(value, percent):
    net, tax = lines._split_tax(value, percent, "Inclusive")
    assert net + tax == value
    assert abs(tax - net * percent / 100) <= Decimal("0.01")


def test_lines_must_add_up_to_the_deal_or_get_a_visible_rounding_line(uk_company):
    odd = [{"description": "Part", "quantity": 3, "unit_amount": "411.50", "account": "200"}]
    said = refused(uk_company, "invalid", "params.lines", lines=odd, deal={**DEAL, "value": 1234.51})
    assert "1234.50" in said
    assert "1234.51" in said
    made = uk_company.commit(
        "create_invoice", params(uk_company, lines=odd, deal={**DEAL, "value": 1234.51}, rounding_line=True)
    ).data
    assert made["subtotal"] == Decimal("1234.51")
    row = uk_company.store.peek("Invoices", made["invoice_id"])
    assert [(line["Description"], line["LineAmount"]) for line in row["LineItems"]] == [
        ("Part", Decimal("1234.50")),
        ("Rounding", Decimal("0.01")),
    ]


def test_four_decimals_of_a_price_survive_and_a_fifth_is_refused(uk_company):
    many = {"description": "Screws", "quantity": "1000", "unit_amount": "0.0125", "account": "200"}
    refused(uk_company, "invalid", "params.lines.0.unit_amount", deal=None, lines=[{**many, "unit_amount": "0.00125"}])
    made = uk_company.commit("create_invoice", params(uk_company, deal=None, lines=[many])).data
    assert made["subtotal"] == Decimal("12.50")


def test_an_organisation_not_registered_for_tax_charges_none(make_company):
    pottery = make_company(5)
    made = pottery.commit("create_invoice", params(pottery, value_is="gross")).data
    assert (made["tax"], made["total"]) == (Decimal(0), Decimal("1234.50"))
    assert pottery.store.peek("Invoices", made["invoice_id"])["LineAmountTypes"] == "NoTax"


def test_the_tax_type_comes_from_line_contact_then_account_and_is_shown_with_its_rate(uk_company):
    plan = uk_company.plan("create_invoice", params(uk_company))
    assert "20% (VAT on Income) (OUTPUT2)" in plan.summary
    contact = customer(uk_company, DefaultCurrency="GBP")
    uk_company.store.edit("Contacts", contact["ContactID"], {"AccountsReceivableTaxType": "RROUTPUT"})
    assert "5% (VAT on Income)" in uk_company.plan("create_invoice", params(uk_company)).summary
    line = {"description": "Book", "unit_amount": 10, "account": "200", "tax_type": "ZERORATEDOUTPUT"}
    plan = uk_company.plan("create_invoice", params(uk_company, deal=None, lines=[line]))
    assert "Zero Rated Income" in plan.summary
    assert plan.amount == Decimal("10.00")


def test_a_tax_type_that_is_not_for_sales_is_refused_and_the_others_are_named(uk_company):
    said = refused(uk_company, "invalid", "params.lines.0.tax_type", tax_type="INPUT2")
    assert "OUTPUT2" in said
    assert "not for sales" in said
    assert "no tax type is called 'NOPE'" in refused(uk_company, "invalid", "params.lines.0.tax_type", tax_type="NOPE")


def test_us_sales_tax_is_never_guessed(make_company):
    us = make_company(3)
    said = refused(us, "invalid", "params.lines.0.tax_type")
    assert "never guessed" in said
    assert "TAX001" in said
    made = us.commit("create_invoice", params(us, tax_type="TAX001")).data
    assert made["tax"] == Decimal("108.02")  # 8.75 % of 1234.50 is 108.01875


def test_domestic_tax_for_a_customer_abroad_gives_a_warning(uk_company):
    contact = customer(uk_company, DefaultCurrency="GBP")
    uk_company.store.edit(
        "Contacts", contact["ContactID"], {"Addresses": [{"AddressType": "STREET", "Country": "France"}]}
    )
    assert any("abroad" in warning for warning in uk_company.plan("create_invoice", params(uk_company)).warnings)
    uk_company.store.edit(
        "Contacts", contact["ContactID"], {"Addresses": [{"AddressType": "STREET", "Country": "Scotland"}]}
    )
    assert not uk_company.plan("create_invoice", params(uk_company)).warnings


# ------------------------------------------------------------ who


def test_the_customer_is_found_by_each_key_and_several_matches_are_named(uk_company):
    first, second = [row for row in uk_company.rows("Contacts") if row["ContactStatus"] == "ACTIVE"][:2]
    uk_company.store.edit("Contacts", first["ContactID"], {"AccountNumber": "A-7", "EmailAddress": "one@example.com"})
    for known in ({"account_number": "A-7"}, {"email": "one@example.com"}, {"name": first["Name"].upper()}):
        plan = uk_company.plan("create_invoice", params(uk_company, contact=known))
        assert plan.requests[0]["body"]["Invoices"][0]["Contact"] == {"ContactID": first["ContactID"]}
    uk_company.store.edit("Contacts", second["ContactID"], {"EmailAddress": "one@example.com"})
    said = refused(uk_company, "invalid", "params.contact.email", contact={"email": "one@example.com"})
    assert first["ContactID"] in said
    assert second["ContactID"] in said


def test_an_unknown_customer_is_made_only_with_create(uk_company):
    new = {"name": "Newcomer Ltd", "email": "hello@newcomer.example"}
    with pytest.raises(Exception, match="No active contact") as caught:
        uk_company.plan("create_invoice", params(uk_company, contact=new))
    assert caught.value.code == "not_found"
    assert "create = true" in caught.value.remedy
    plan = uk_company.plan("create_invoice", params(uk_company, contact={**new, "create": True}))
    assert [request["path"] for request in plan.requests] == [
        "/api.xro/2.0/Contacts",
        "/api.xro/2.0/Invoices",
    ]
    assert plan.acts == ["create_contact", "draft"]
    assert uk_company.writes() == []
    made = uk_company.commit("create_invoice", params(uk_company, contact={**new, "create": True})).data
    assert made["contact"] == "Newcomer Ltd"
    (contact,) = uk_company.rows("Contacts", Name="Newcomer Ltd")
    assert contact["EmailAddress"] == "hello@newcomer.example"
    assert uk_company.store.peek("Invoices", made["invoice_id"])["Contact"]["ContactID"] == contact["ContactID"]


def test_an_archived_customer_is_refused_and_a_merged_one_followed(uk_company):
    first, second = [row for row in uk_company.rows("Contacts") if row["ContactStatus"] == "ACTIVE"][:2]
    uk_company.store.edit("Contacts", first["ContactID"], {"ContactStatus": "ARCHIVED"})
    assert "archived" in refused(uk_company, "invalid", "params.contact.id", contact={"id": first["ContactID"]})
    uk_company.store.edit("Contacts", first["ContactID"], {"MergedToContactID": second["ContactID"]})
    plan = uk_company.plan("create_invoice", params(uk_company, contact={"id": first["ContactID"]}))
    assert plan.requests[0]["body"]["Invoices"][0]["Contact"] == {"ContactID": second["ContactID"]}
    assert any("merged" in warning for warning in plan.warnings)


@pytest.mark.parametrize("nobody", [{}, {"create": True, "email": "x@example.com"}])
def test_a_contact_without_any_key_is_refused(uk_company, nobody):
    refused(uk_company, "invalid", "params.contact", contact=nobody)

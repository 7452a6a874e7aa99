"""Every answer conforms to what Xero publishes."""

import jsonschema_rs
import pytest
import yaml

from contract_tests.helpers.sandbox_client import schema

LISTS = {
    "Invoices": "InvoiceID", "Contacts": "ContactID", "BankTransactions": "BankTransactionID",
    "Accounts": "AccountID", "Payments": "PaymentID", "CreditNotes": "CreditNoteID", "Items": "ItemID",
    "Organisation": None, "TaxRates": None,
    "Currencies": None, "TrackingCategories": "TrackingCategoryID", "BrandingThemes": None, "Users": "UserID",
}  # fmt: skip
QUERIES = (
    {},
    {"page": 1, "pageSize": 1000},
    {"page": 99},
    {"summaryOnly": "true"},
    {"includeArchived": "true"},
)


@pytest.fixture
def schema_validator(xero_openapi):
    return schema


@pytest.mark.parametrize("name", LISTS)
def test_answers_of_lists_conform(name, client, schema_validator):
    schema = schema_validator("Organisations" if name == "Organisation" else name)
    for query in QUERIES:
        body = client.get(name, **query).json()
        assert [error.message for error in schema.iter_errors(body)] == []
    if LISTS[name]:
        row = client.rows(name)[0]
        single = client.get(f"{name}/{row[LISTS[name]]}").json()
        assert len(single[name]) == 1
        schema.validate(single)


def test_the_validator_sees_a_wrong_amount(client, schema_validator):
    body = client.get("Invoices", page=1).json()
    body["Invoices"][3]["LineItems"] = [{"Quantity": "many"}]
    assert not schema_validator("Invoices").is_valid(body)


def test_connections_have_the_form_that_xero_publishes(client, xero_openapi):
    identity = yaml.safe_load((xero_openapi / "xero-identity.yaml").read_text(encoding="utf-8"))
    published = jsonschema_rs.Draft4Validator(
        identity["components"]["schemas"]["Connection"],
        validate_formats=False,  # Xero sends no zone
    )
    connections = client.connections()
    assert connections
    for connection in connections:
        published.validate(connection)


def test_answers_of_writes_conform(client, schema_validator):
    """Every write of `Client.send`, in all tests, is held against the schemas; here one of each outcome."""
    made = client.put("Contacts", {"Name": "Conforming"})
    sold = {"Type": "ACCREC", "Contact": {"ContactID": made["ContactID"]},
            "LineItems": [{"Description": "x", "UnitAmount": 1, "AccountCode": "200"}]}  # fmt: skip
    client.put("Invoices", sold)
    assert client.refused("PUT", "Invoices", {**sold, "CurrencyCode": "ISK"})
    mixed = client.send(
        "PUT", "Invoices", {"Invoices": [sold, {**sold, "CurrencyCode": "ISK"}]}, summarizeErrors="false"
    )
    assert mixed.status_code == 200
    wrong = mixed.json()
    wrong["Invoices"][0]["LineItems"] = [{"Quantity": "many"}]
    assert not schema_validator("Invoices").is_valid(wrong), "the validator sees a wrong amount"

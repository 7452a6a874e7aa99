"""Every answer conforms to what Xero publishes."""

import json

import jsonschema_rs
import pytest
import yaml

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


@pytest.fixture(scope="module")
def components():
    return {}


@pytest.fixture
def validator(openapi, components):
    if not components:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        text = (openapi / "xero_accounting.yaml").read_text(encoding="utf-8")
        loaded = yaml.load(text, loader)["components"]  # noqa: S506 - a safe loader
        components.update(json.loads(json.dumps(loaded, default=str)))  # its examples hold YAML dates

    def make(schema):
        return jsonschema_rs.Draft4Validator(
            {"$ref": f"#/components/schemas/{schema}", "components": components}
        )

    return make


@pytest.mark.parametrize("name", LISTS)
def test_answers_conform(name, client, validator):
    schema = validator("Organisations" if name == "Organisation" else name)
    for query in QUERIES:
        body = client.get(name, **query).json()
        assert [error.message for error in schema.iter_errors(body)] == []
    if LISTS[name]:
        row = client.rows(name)[0]
        single = client.get(f"{name}/{row[LISTS[name]]}").json()
        assert len(single[name]) == 1
        schema.validate(single)


def test_the_validator_sees_a_wrong_amount(client, validator):
    body = client.get("Invoices", page=1).json()
    body["Invoices"][3]["LineItems"] = [{"Quantity": "many"}]
    assert not validator("Invoices").is_valid(body)


def test_connections_conform(client, openapi):
    identity = yaml.safe_load((openapi / "xero-identity.yaml").read_text(encoding="utf-8"))
    schema = jsonschema_rs.Draft4Validator(
        identity["components"]["schemas"]["Connection"],
        validate_formats=False,  # Xero sends no zone
    )
    connections = client.connections()
    assert connections
    for connection in connections:
        schema.validate(connection)

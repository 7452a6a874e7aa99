"""Quotes: written, numbered, selected by their own parameters."""

import datetime as dt

import pytest


@pytest.fixture
def quote(client, customer):
    line = {"Description": "Desk", "Quantity": 2, "UnitAmount": 50, "AccountCode": "200", "DiscountRate": 10}
    body = {"Contact": {"ContactID": customer["ContactID"]}, "Date": "2026-10-01", "LineItems": [line]}
    return client.put("Quotes", body)


def test_a_quote_is_made(quote, customer):
    assert quote["Status"] == "DRAFT"
    assert quote["Contact"]["Name"] == customer["Name"]
    assert (quote["SubTotal"], quote["TotalTax"], quote["Total"], quote["TotalDiscount"]) == (90, 13.5, 103.5, 10)
    assert (quote["LineAmountTypes"], quote["DateString"]) == ("EXCLUSIVE", "2026-10-01T00:00:00")


def test_quotes_are_numbered_and_numbers_are_unique(client, quote, customer):
    contact = {"Contact": {"ContactID": customer["ContactID"]}}
    other = client.put("Quotes", {**contact, "QuoteNumber": "Q-7"})
    assert quote["QuoteNumber"].startswith("QU-")
    assert client.put("Quotes", contact)["QuoteNumber"] not in {quote["QuoteNumber"], "Q-7"}
    assert client.refused("PUT", "Quotes", {**contact, "QuoteNumber": "Q-7"}) == ["Quote # must be unique."]
    assert client.post("Quotes", {"QuoteNumber": "Q-7", "Title": "Desks"})["QuoteID"] == other["QuoteID"]
    renamed = {"QuoteID": quote["QuoteID"], "QuoteNumber": "Q-7"}
    assert client.refused("POST", "Quotes", renamed) == ["Quote # must be unique."]


def test_a_quote_changes_until_it_is_deleted(client, quote):
    path = f"Quotes/{quote['QuoteID']}"
    sent = client.post(path, {"Status": "SENT", "LineAmountTypes": "INCLUSIVE", "ExpiryDate": "2026-11-01"})
    assert (sent["Status"], sent["Total"], sent["TotalTax"]) == ("SENT", 90, 11.74)
    assert sent["ExpiryDateString"] == "2026-11-01T00:00:00"
    assert (
        client.post(path, {"Status": "ACCEPTED"})["LineItems"][0]["LineItemID"] == quote["LineItems"][0]["LineItemID"]
    )
    assert client.post(path, {"Status": "DELETED"})["Status"] == "DELETED"
    assert client.refused("POST", path, {"Status": "DRAFT"}) == ["Quote not of valid status for modification"]


def test_a_new_quote_is_a_draft_or_sent(client, customer):
    body = {"Contact": {"ContactID": customer["ContactID"]}, "Status": "INVOICED"}
    assert client.refused("PUT", "Quotes", body) == ["Quote not of valid status for modification"]
    assert client.send("POST", "Quotes/00000000-0000-0000-0000-000000000001", {"Title": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("params", "selected"),
    [
        ({"Status": "DRAFT"}, True), ({"Status": "SENT"}, False), ({"DateFrom": "2026-10-01"}, True),
        ({"DateFrom": "2026-10-02"}, False), ({"DateTo": "2026-10-01"}, True), ({"DateTo": "2026-09-30"}, False),
        ({"QuoteNumber": "u-"}, True), ({"QuoteNumber": "zz"}, False), ({"ExpiryDateTo": "2030-01-01"}, False),
    ],
)  # fmt: skip
def test_quotes_are_selected_by_parameters(client, quote, params, selected):
    found = [row["QuoteID"] for row in client.rows("Quotes", **params)]
    assert found == ([quote["QuoteID"]] if selected else [])


def test_quotes_are_selected_by_contact(client, quote, customer):
    other = client.put("Contacts", {"Name": "Another"})
    assert client.rows("Quotes", ContactID=other["ContactID"]) == []
    assert [row["QuoteID"] for row in client.rows("Quotes", ContactID=customer["ContactID"])] == [quote["QuoteID"]]
    assert client.get("Quotes", DateFrom="yesterday").status_code == 400


def test_a_quote_posts_nothing(client, quote, sandbox_store):
    assert quote["Total"]
    day = dt.date(2026, 12, 31)
    before = sandbox_store.ledger.trial_balance(day)
    client.put("Quotes", {"Contact": quote["Contact"], "LineItems": [{"UnitAmount": 5, "AccountCode": "200"}]})
    assert sandbox_store.ledger.trial_balance(day) == before

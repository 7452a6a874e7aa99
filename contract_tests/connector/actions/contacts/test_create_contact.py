"""``create_contact``: never a second one of a name, and what looks like the same person is said."""

from __future__ import annotations

import pytest

from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.outcomes import refused
from contract_tests.helpers.write_examples import create_contact
from contract_tests.helpers.xero_account import calls

NEW = "create_contact"


@pytest.fixture
def at(company):
    return company()


def active(at, number=0):
    return [row for row in at.rows("Contacts") if row["ContactStatus"] == "ACTIVE"][number]


def test_every_given_field_reaches_xero(at):
    made = at.commit(NEW, {**create_contact(at), "tax_number": "GB123456789"}).data
    row = at.store.get("Contacts", made["contact_id"])
    assert (row["Name"], row["EmailAddress"]) == ("Kererū Bakery Ltd", "hello@kereru.example")
    assert (row["AccountNumber"], row["TaxNumber"]) == ("C-1042", "GB123456789")
    assert row["DefaultCurrency"] == "GBP"
    phone = next(each for each in row["Phones"] if each["PhoneType"] == "DEFAULT")
    assert phone["PhoneNumber"] == "+64 4 123 4567"
    address = next(each for each in row["Addresses"] if each["AddressType"] == "POBOX")
    assert (address["AddressLine1"], address["City"], address["PostalCode"]) == (
        "1 Quay Street", "Wellington", "6011",
    )  # fmt: skip
    assert (made["status"], made["repeated"]) == ("ACTIVE", False)
    assert made["link"].endswith(made["contact_id"])


def test_a_name_is_enough_and_its_spaces_are_folded(at):
    plan = at.plan(NEW, {"name": "  Two   Words "})
    body = plan.requests[0]["body"]["Contacts"][0]
    assert set(body) == {"Name", "ContactNumber"}
    assert body["Name"] == "Two Words"
    assert (plan.acts, plan.effect, plan.amount) == (["create_contact"], [], 0)
    assert plan.requests[0]["method"] == "PUT"  # POST would change the contact that has the name
    assert "rchive" in plan.undo


def test_an_existing_contact_of_the_name_is_named_and_no_second_one_is_made(at):
    there = active(at)
    error = refused(at, NEW, {"name": there["Name"].upper()}, "contact_exists")
    assert error.code == "invalid"
    assert there["ContactID"] in error.message
    assert error.problems[0]["field"] == "params.name"


def test_an_archived_contact_of_the_name_gives_a_warning_only(at):
    gone = active(at)
    at.store.edit("Contacts", gone["ContactID"], {"ContactStatus": "ARCHIVED"})
    plan = at.plan(NEW, {"name": gone["Name"]})
    assert len(plan.warnings) == 1
    assert "archived" in plan.warnings[0]
    assert gone["ContactID"] in plan.warnings[0]
    assert at.commit(NEW, {"name": gone["Name"]}).status == "done"


@pytest.mark.parametrize(("field", "column"), [("email", "EmailAddress"), ("account_number", "AccountNumber")])
def test_the_same_email_or_account_number_gives_a_warning(at, field, column):
    at.store.edit("Contacts", active(at)["ContactID"], {column: "one@example.com"})
    plan = at.plan(NEW, {"name": "Other Bakery", field: "one@example.com"})
    assert len(plan.warnings) == 1
    assert active(at)["Name"] in plan.warnings[0]
    assert "Possible duplicate" in plan.warnings[0]
    assert at.commit(NEW, {"name": "Other Bakery", field: "one@example.com"}).status == "done"


def test_a_name_that_a_filter_cannot_hold_is_still_found(at):
    name = 'Paul "Pop" O\\Hara'
    first = at.commit(NEW, {"name": name}, "k-1").data
    assert first["name"] == name
    error = refused(at, NEW, {"name": name.upper()}, "contact_exists")
    assert first["contact_id"] in error.message


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "   "}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"email": "not an address"}, "email"),
        ({"email": "müller@example.com"}, "email"),
        ({"currency": "euro"}, "currency"),
        ({"address": {"street": "x", "planet": "Mars"}}, "address.planet"),
        ({"account_number": "x" * 51}, "account_number"),
    ],
)
def test_values_that_xero_would_refuse_are_named_before_any_request(at, wrong, field):
    at.box.sandbox.log.clear()
    with pytest.raises(ConnectorError) as caught:
        at.plan(NEW, {"name": "New", **wrong})
    assert f"params.{field}" in {problem["field"] for problem in caught.value.problems}
    assert not calls(at.box)


def test_a_currency_that_is_not_enabled_is_refused_and_the_enabled_ones_are_named(at):
    error = refused(at, NEW, {"name": "New", "currency": "JPY"})
    assert "EUR" in error.message
    assert error.problems[0]["field"] == "params.currency"


def test_the_history_note_names_requester_and_approver(at):
    made = at.commit(NEW, {"name": "New"}, requester="agent 7", approver="Aroha").data
    (note,) = at.notes("Contacts", made["contact_id"])
    assert "agent 7" in note
    assert "Aroha" in note
    assert "key-1" in note


@pytest.mark.parametrize("changes", [{"Name": "Renamed"}, {"ContactStatus": "ARCHIVED"}])
def test_the_contact_is_found_again_after_it_was_renamed_or_archived(at, changes):
    first = at.act(NEW, {"name": "New"}, mode="run", business_key="k").data
    at.store.edit("Contacts", first["contact_id"], changes)
    at.box.sandbox.clock.advance(420)
    before = at.holds()
    again = at.act(NEW, {"name": "New"}, mode="run", business_key="k").data
    assert again["contact_id"] == first["contact_id"]
    assert again["repeated"] is True
    assert at.holds() == before


def test_another_key_does_not_make_another_of_the_same_name(at):
    at.act(NEW, {"name": "New"}, mode="run", business_key="k-1")
    refused(at, NEW, {"name": "New"}, "contact_exists")


def test_a_name_taken_between_plan_and_commit_is_refused(at):
    plan = at.plan(NEW, {"name": "New"})
    at.store.insert("Contacts", {"Name": "New", "ContactStatus": "ACTIVE"})
    with pytest.raises(ConnectorError) as caught:
        at.act(NEW, {"name": "New"}, mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert caught.value.reason == "contact_exists"
    assert at.writes() == []


def test_xeros_message_about_a_name_is_reported(at):
    at.box.sandbox.faults.add(
        "status",
        match={"path": "Contacts", "method": "PUT"},
        status=400,
        times=None,
        text='{"Type":"ValidationException","Elements":[{"ValidationErrors":[{"Message":"The contact name '
        'New is already assigned to another contact."}]}]}',
    )
    with pytest.raises(ConnectorError) as caught:
        at.act(NEW, {"name": "New"}, mode="run", business_key="k")
    assert "already assigned" in caught.value.problems[0]["message"]


def test_a_failed_history_note_does_not_lose_the_contact(at):
    at.box.sandbox.faults.add("status", match={"path": "History"}, status=400, times=None, body="json")
    result = at.act(NEW, {"name": "New"}, mode="run", business_key="k")
    assert result.status == "partial"
    assert "History note could not be saved" in result.warnings[0]
    at.box.sandbox.faults.clear()
    again = at.act(NEW, {"name": "New"}, mode="run", business_key="k")
    assert (again.status, again.data["contact_id"]) == ("done", result.data["contact_id"])
    assert len(at.notes("Contacts", result.data["contact_id"])) == 1
    assert len(at.rows("Contacts", Name="New")) == 1

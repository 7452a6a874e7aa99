"""``create_contact``: never a second one of a name, and what looks like the same person is said."""

from __future__ import annotations

import pytest

from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.outcomes import refused
from contract_tests.helpers.write_examples import create_contact
from contract_tests.helpers.xero_account import calls

NEW = "create_contact"


def active(uk_company, number=0):
    return [row for row in uk_company.rows("Contacts") if row["ContactStatus"] == "ACTIVE"][number]


def test_every_given_field_reaches_xero(uk_company):
    made = uk_company.commit(NEW, {**create_contact(uk_company), "tax_number": "GB123456789"}).data
    row = uk_company.store.get("Contacts", made["contact_id"])
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


def test_a_name_is_enough_and_its_spaces_are_folded(uk_company):
    plan = uk_company.plan(NEW, {"name": "  Two   Words "})
    body = plan.requests[0]["body"]["Contacts"][0]
    assert set(body) == {"Name", "ContactNumber"}
    assert body["Name"] == "Two Words"
    assert (plan.acts, plan.effect, plan.amount) == (["create_contact"], [], 0)
    assert plan.requests[0]["method"] == "PUT"  # POST would change the contact that has the name
    assert "rchive" in plan.undo


def test_an_existing_contact_of_the_name_is_named_and_no_second_one_is_made(uk_company):
    there = active(uk_company)
    error = refused(uk_company, NEW, {"name": there["Name"].upper()}, "contact_exists")
    assert error.code == "invalid"
    assert there["ContactID"] in error.message
    assert error.problems[0]["field"] == "params.name"


def test_an_archived_contact_of_the_name_gives_a_warning_only(uk_company):
    gone = active(uk_company)
    uk_company.store.edit("Contacts", gone["ContactID"], {"ContactStatus": "ARCHIVED"})
    plan = uk_company.plan(NEW, {"name": gone["Name"]})
    assert len(plan.warnings) == 1
    assert "archived" in plan.warnings[0]
    assert gone["ContactID"] in plan.warnings[0]
    assert uk_company.commit(NEW, {"name": gone["Name"]}).status == "done"


@pytest.mark.parametrize(("field", "column"), [("email", "EmailAddress"), ("account_number", "AccountNumber")])
def test_the_same_email_or_account_number_gives_a_warning(uk_company, field, column):
    uk_company.store.edit("Contacts", active(uk_company)["ContactID"], {column: "one@example.com"})
    plan = uk_company.plan(NEW, {"name": "Other Bakery", field: "one@example.com"})
    assert len(plan.warnings) == 1
    assert active(uk_company)["Name"] in plan.warnings[0]
    assert "Possible duplicate" in plan.warnings[0]
    assert uk_company.commit(NEW, {"name": "Other Bakery", field: "one@example.com"}).status == "done"


def test_a_name_that_a_filter_cannot_hold_is_still_found(uk_company):
    name = 'Paul "Pop" O\\Hara'
    first = uk_company.commit(NEW, {"name": name}, "k-1").data
    assert first["name"] == name
    error = refused(uk_company, NEW, {"name": name.upper()}, "contact_exists")
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
def test_values_that_xero_would_refuse_are_named_before_any_request(uk_company, wrong, field):
    uk_company.box.sandbox.log.clear()
    with pytest.raises(ConnectorError) as caught:
        uk_company.plan(NEW, {"name": "New", **wrong})
    assert f"params.{field}" in {problem["field"] for problem in caught.value.problems}
    assert not calls(uk_company.box)


def test_a_currency_that_is_not_enabled_is_refused_and_the_enabled_ones_are_named(uk_company):
    error = refused(uk_company, NEW, {"name": "New", "currency": "JPY"})
    assert "EUR" in error.message
    assert error.problems[0]["field"] == "params.currency"


def test_the_history_note_names_requester_and_approver(uk_company):
    made = uk_company.commit(NEW, {"name": "New"}, requester="agent 7", approver="Aroha").data
    (note,) = uk_company.notes("Contacts", made["contact_id"])
    assert "agent 7" in note
    assert "Aroha" in note
    assert "key-1" in note


@pytest.mark.parametrize("changes", [{"Name": "Renamed"}, {"ContactStatus": "ARCHIVED"}])
def test_the_contact_is_found_again_after_it_was_renamed_or_archived(uk_company, changes):
    first = uk_company.act(NEW, {"name": "New"}, mode="run", business_key="k").data
    uk_company.store.edit("Contacts", first["contact_id"], changes)
    uk_company.box.sandbox.clock.advance(420)
    before = uk_company.holds()
    again = uk_company.act(NEW, {"name": "New"}, mode="run", business_key="k").data
    assert again["contact_id"] == first["contact_id"]
    assert again["repeated"] is True
    assert uk_company.holds() == before


def test_another_key_does_not_make_another_of_the_same_name(uk_company):
    uk_company.act(NEW, {"name": "New"}, mode="run", business_key="k-1")
    refused(uk_company, NEW, {"name": "New"}, "contact_exists")


def test_a_name_taken_between_plan_and_commit_is_refused(uk_company):
    plan = uk_company.plan(NEW, {"name": "New"})
    uk_company.store.insert("Contacts", {"Name": "New", "ContactStatus": "ACTIVE"})
    with pytest.raises(ConnectorError) as caught:
        uk_company.act(NEW, {"name": "New"}, mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert caught.value.reason == "contact_exists"
    assert uk_company.writes() == []


def test_xeros_message_about_a_name_is_reported(uk_company):
    uk_company.box.sandbox.faults.add(
        "status",
        match={"path": "Contacts", "method": "PUT"},
        status=400,
        times=None,
        text='{"Type":"ValidationException","Elements":[{"ValidationErrors":[{"Message":"The contact name '
        'New is already assigned to another contact."}]}]}',
    )
    with pytest.raises(ConnectorError) as caught:
        uk_company.act(NEW, {"name": "New"}, mode="run", business_key="k")
    assert "already assigned" in caught.value.problems[0]["message"]


def test_a_failed_history_note_does_not_lose_the_contact(uk_company):
    uk_company.box.sandbox.faults.add("status", match={"path": "History"}, status=400, times=None, body="json")
    result = uk_company.act(NEW, {"name": "New"}, mode="run", business_key="k")
    assert result.status == "partial"
    assert "History note could not be saved" in result.warnings[0]
    uk_company.box.sandbox.faults.clear()
    again = uk_company.act(NEW, {"name": "New"}, mode="run", business_key="k")
    assert (again.status, again.data["contact_id"]) == ("done", result.data["contact_id"])
    assert len(uk_company.notes("Contacts", result.data["contact_id"])) == 1
    assert len(uk_company.rows("Contacts", Name="New")) == 1

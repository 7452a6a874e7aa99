"""One way to find or make a contact, for all actions: spaces, contradictions, archived contacts, hard names."""

from __future__ import annotations

import pytest

from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers import invoices
from contract_tests.helpers.colleague import contact, write


def plan(uk_company, who, **changes):
    return uk_company.plan("create_invoice", invoices.params(uk_company, contact=who, **changes))


def chosen(uk_company, who):
    """The id in the planned invoice, or None if a contact would be made, and the warnings."""
    planned = plan(uk_company, who)
    contact_id = planned.requests[-1]["body"]["Invoices"][0]["Contact"]["ContactID"]
    return (None if contact_id == "{contact}" else contact_id), planned.warnings


def add(uk_company, **fields):
    return write(uk_company, "PUT", "Contacts", {"Contacts": [fields]})


@pytest.mark.parametrize(
    "text",
    [" {} ", "{}", "\u00a0{}\u00a0", "{}\u200b"],
    ids=["blanks", "as it is", "no-break spaces", "zero-width space"],
)
@pytest.mark.parametrize("space", [" ", "  ", "\u00a0", "\u2003", "\t"], ids=["one", "two", "no-break", "em", "tab"])
def test_a_name_is_found_whatever_its_spaces(uk_company, text, space):
    there = add(uk_company, Name="Harbour Roasters Limited")
    name = text.format(space.join(["Harbour", "roasters", "Limited"]))
    assert chosen(uk_company, {"name": name, "create": True})[0] == there["ContactID"]


def test_a_stored_name_with_odd_spaces_is_found(uk_company):
    there = contact(uk_company)
    uk_company.store.edit("Contacts", there["ContactID"], {"Name": "Ridgeline \u00a0Roasters"})
    assert chosen(uk_company, {"name": "Ridgeline Roasters", "create": True})[0] == there["ContactID"]


def test_an_email_and_an_account_number_are_trimmed(uk_company):
    there = add(uk_company, Name="Trim Ltd", EmailAddress="trim@example.com", AccountNumber="A-7")
    assert chosen(uk_company, {"email": " trim@example.com\u00a0"})[0] == there["ContactID"]
    assert chosen(uk_company, {"account_number": " A-7 "})[0] == there["ContactID"]


def test_an_email_of_one_contact_with_the_name_of_another_gives_a_warning(uk_company):
    first = add(uk_company, Name="Alpha Ltd", EmailAddress="alpha@example.com")
    add(uk_company, Name="Beta Ltd")
    contact_id, warnings = chosen(uk_company, {"email": "alpha@example.com", "name": "Beta Ltd", "create": True})
    assert contact_id == first["ContactID"]
    assert any("name given, Beta Ltd, is not that of Alpha Ltd" in text for text in warnings)
    assert any("Beta Ltd belongs to Beta Ltd" in text for text in warnings)


def test_an_id_with_another_email_gives_a_warning(uk_company):
    there = add(uk_company, Name="Alpha Ltd", EmailAddress="alpha@example.com")
    _, warnings = chosen(uk_company, {"id": there["ContactID"], "email": "other@example.com", "name": "alpha ltd"})
    assert [text for text in warnings if "e-mail given, other@example.com" in text]
    assert not any("name given" in text for text in warnings)


def test_of_two_contacts_with_one_email_the_name_chooses(uk_company):
    add(uk_company, Name="Shared One", EmailAddress="office@shared.example")
    second = add(uk_company, Name="Shared Two", EmailAddress="office@shared.example")
    contact_id, warnings = chosen(uk_company, {"email": "office@shared.example", "name": "Shared  Two"})
    assert contact_id == second["ContactID"]
    assert any("Several contacts have this e-mail" in text for text in warnings)
    with pytest.raises(ConnectorError) as caught:
        plan(uk_company, {"email": "office@shared.example", "name": "Shared Three", "create": True})
    assert caught.value.reason == "several_contacts"


def test_an_archived_contact_of_the_name_is_named(uk_company):
    gone = contact(uk_company)
    uk_company.store.edit("Contacts", gone["ContactID"], {"ContactStatus": "ARCHIVED", "Name": "Old Mill Ltd"})
    contact_id, warnings = chosen(uk_company, {"name": "old mill ltd", "create": True})
    assert contact_id is None
    assert any("Old Mill Ltd" in text and gone["ContactID"] in text and "archived" in text for text in warnings)
    with pytest.raises(ConnectorError) as caught:
        plan(uk_company, {"name": "Old Mill Ltd"})
    assert (caught.value.code, caught.value.reason) == ("not_found", "unknown_contact")
    assert "archived" in caught.value.message


@pytest.mark.parametrize("name", ['The "Best" Bakery', "Back\\slash Ltd", '"', "O'Brien & Co. (NZ) 100%"])
def test_any_name_that_can_be_made_is_found_again(uk_company, name):
    there = uk_company.commit("create_contact", {"name": name}).data
    assert chosen(uk_company, {"name": name, "create": True})[0] == there["contact_id"]
    assert chosen(uk_company, {"name": name.upper()})[0] == there["contact_id"]
    found = uk_company.act("find_contacts", {"name": f" {name} "}).data["contacts"]
    assert [each["contact_id"] for each in found] == [there["contact_id"]]


@pytest.mark.parametrize("email", ["jürgen@example.com", "info@müller.example", "no-at.example.com", "a@b"])
def test_an_email_that_xero_would_refuse_is_refused_in_the_plan(uk_company, email):
    with pytest.raises(ConnectorError) as caught:
        plan(uk_company, {"name": "Newcomer Ltd", "email": email, "create": True})
    assert caught.value.code == "invalid"
    assert "params.contact.email" in {problem["field"] for problem in caught.value.problems}
    assert uk_company.writes() == []


def test_a_document_is_found_by_its_number_with_spaces_around_it(uk_company):
    number = invoices_row(uk_company)["InvoiceNumber"]
    padded = f" {number}\u00a0"
    assert uk_company.plan("void_invoice", {"invoice": padded, "even_if_sent": True}).requests
    assert uk_company.act("find_invoices", {"number": padded}).data["invoices"][0]["number"] == number
    assert uk_company.act("get_invoice", {"invoice": padded}).data["number"] == number


def invoices_row(uk_company):
    from contract_tests.helpers.write_examples import invoice

    return invoice(uk_company)

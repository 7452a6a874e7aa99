"""Contacts, invoices and bills: created, changed, approved, voided, and refused as Xero refuses."""

import pytest


def line(**more):
    return {"Description": "Work", "Quantity": 2, "UnitAmount": 50.25, "AccountCode": "200", **more}


def sale(customer, **more):
    return {
        "Type": "ACCREC", "Contact": {"ContactID": customer["ContactID"]}, "Date": "2026-10-01",
        "DueDate": "2026-10-15", "LineItems": [line()], **more,
    }  # fmt: skip


def test_a_contact_is_created_and_updated(client, customer):
    assert customer["ContactStatus"] == "ACTIVE"
    changed = client.post("Contacts", {"Name": "rātā joinery", "Phones": [
        {"PhoneType": "MOBILE", "PhoneNumber": "555"}]})  # fmt: skip
    assert changed["ContactID"] == customer["ContactID"], "POST finds the name, letter case aside"
    assert [p["PhoneNumber"] for p in changed["Phones"] if p["PhoneType"] == "MOBILE"] == ["555"]
    taken = "The contact name Rātā Joinery is already assigned to another contact. "
    taken += "The contact name must be unique across all active contacts."
    assert client.refused("PUT", "Contacts", {"Name": "Rātā Joinery"}) == [taken]


def test_an_archived_contact_frees_its_name(client, customer):
    client.post(f"Contacts/{customer['ContactID']}", {"ContactStatus": "ARCHIVED"})
    assert client.put("Contacts", {"Name": "Rātā Joinery"})["ContactID"] != customer["ContactID"]
    assert client.refused("PUT", "Invoices", sale(customer))


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"FirstName": "Y"}, "at least 1"),
        ({"Name": "  "}, "at least 1"),
        ({"Name": "x" * 256}, "cannot exceed"),
        ({"Name": "Y", "EmailAddress": "nobody"}, "Email address must be valid."),
        ({"ContactID": "11111111-1111-1111-1111-111111111111"}, "does not exist"),
        ({"Name": "Y", "DefaultCurrency": "XAU"}, "Organisation is not subscribed to currency XAU"),
        ({"Name": "Y", "Phones": [{"PhoneType": "SMOKE"}]}, "SMOKE"),
    ],
)
def test_contacts_with_wrong_fields_are_refused(client, given, word):
    before = len(client.rows("Contacts", includeArchived="true"))
    assert word in " ".join(client.refused("PUT", "Contacts", given))
    assert len(client.rows("Contacts", includeArchived="true")) == before


def test_an_invoice_is_drafted_approved_and_voided(client, customer):
    draft = client.put("Invoices", sale(customer))
    assert draft["Status"] == "DRAFT"
    assert draft["InvoiceNumber"].startswith("INV-")
    assert (draft["SubTotal"], draft["TotalTax"], draft["Total"]) == (100.5, 15.08, 115.58)
    assert draft["AmountDue"] == 115.58
    assert draft["LineItems"][0]["TaxType"] == "OUTPUT2"
    assert draft["DateString"] == "2026-10-01T00:00:00"
    approved = client.post("Invoices", {"InvoiceID": draft["InvoiceID"], "Status": "AUTHORISED"})
    assert approved["Status"] == "AUTHORISED"
    assert approved["LineItems"] == draft["LineItems"]
    assert client.rows(f"Contacts/{customer['ContactID']}")[0]["Balances"]["AccountsReceivable"] == {
        "Outstanding": 115.58, "Overdue": 115.58,
    }  # fmt: skip
    voided = client.post(f"Invoices/{draft['InvoiceNumber']}", {"Status": "VOIDED"})
    assert (voided["Status"], voided["AmountDue"]) == ("VOIDED", 0)
    assert client.rows(f"Contacts/{customer['ContactID']}")[0]["Balances"]["AccountsReceivable"] == {
        "Outstanding": 0, "Overdue": 0,
    }  # fmt: skip
    assert client.refused("POST", "Invoices", {"InvoiceID": draft["InvoiceID"], "Status": "AUTHORISED"}) == [
        "Invoice not of valid status for modification"
    ]


def test_a_deleted_draft_frees_its_number(client, customer):
    draft = client.put("Invoices", sale(customer, InvoiceNumber="A-1"))
    assert client.refused("PUT", "Invoices", sale(customer, InvoiceNumber="a-1")) == ["Invoice # must be unique."]
    again = client.post("Invoices", sale(customer, InvoiceNumber="A-1", Reference="second"))
    assert again["InvoiceID"] == draft["InvoiceID"], "POST updates what has the number"
    client.post("Invoices", {"InvoiceID": draft["InvoiceID"], "Status": "DELETED"})
    assert client.put("Invoices", sale(customer, InvoiceNumber="A-1"))["InvoiceID"] != draft["InvoiceID"]


def test_bills_may_share_their_number(client, customer):
    bill = {**sale(customer), "Type": "ACCPAY", "InvoiceNumber": "77", "LineItems": [line(AccountCode="429")]}
    first, second = client.put("Invoices", bill), client.put("Invoices", bill)
    assert first["InvoiceID"] != second["InvoiceID"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"Type": "SALE"}, "type is mandatory"),
        ({"Contact": {}}, "A Contact must be specified"),
        ({"Status": "PAID"}, "not of valid status"),
        ({"Status": "VOIDED"}, "not of valid status"),
        ({"CurrencyCode": "EUR"}, "Organisation is not subscribed to currency EUR"),
        ({"LineItems": [], "Status": "AUTHORISED"}, "One or more line items must be specified"),
        ({"DueDate": None, "Status": "AUTHORISED"}, "DueDate"),
        ({"DueDate": "2026-09-30"}, "due date"),
        ({"Date": "yesterday"}, "is not a valid AllXsd value"),
        ({"Url": "https://go.xero.com/x"}, "xero"),
        ({"Url": "nonsense"}, "valid URL"),
        ({"LineAmountTypes": "Sometimes"}, "LineAmountTypes"),
        ({"LineItems": [line(AccountCode="999")]}, "Account code '999' is not a valid code for"),
        ({"LineItems": [line(AccountCode="850")]}, "archived"),
        ({"LineItems": [line(AccountCode="090")]}, "Account code '090' is not a valid code"),
        ({"LineItems": [line(AccountCode="610")]}, "Account code '610' is not a valid code"),
        ({"LineItems": [line(AccountCode="")], "Status": "AUTHORISED"}, "Account code or ID must be"),
        ({"LineItems": [line(TaxType="NOPE")]}, "The TaxType code 'NOPE' does not exist"),
        (
            {"LineItems": [line(TaxType="INPUT2")]},
            "The TaxType code 'INPUT2' cannot be used with account code '200'.",
        ),
        (
            {"LineItems": [line(LineAmount=100)]},
            "The line total 100.00 does not match the expected line total 100.50",
        ),
        ({"LineItems": [line(DiscountRate=101)]}, "DiscountRate"),
        ({"LineItems": [line(ItemCode="NO")]}, "Item code 'NO' is not valid"),
        ({"LineItems": [line(Quantity="many")]}, "not a number"),
        ({"LineItems": [line(Tracking=[{"Name": "Region", "Option": "Moon"}])]}, "Moon"),
        ({"LineItems": [line(Quantity=-2)]}, "negative"),
    ],
)  # fmt: skip
def test_refused_invoices_change_nothing(client, customer, changes, word):
    before = client.rows("Invoices"), client.rows("Contacts", page=1)
    assert word in " ".join(client.refused("PUT", "Invoices", {**sale(customer), **changes}))
    assert (client.rows("Invoices"), client.rows("Contacts", page=1)) == before


def test_lines_are_replaced_by_their_id(client, customer):
    made = client.put("Invoices", sale(customer, LineItems=[line(), line(Description="Second"), line()]))
    first, second, _ = made["LineItems"]
    changed = client.post("Invoices", {"InvoiceID": made["InvoiceID"], "LineItems": [
        {"LineItemID": second["LineItemID"], "Quantity": 3}, line(Description="New"),
    ]})["LineItems"]  # fmt: skip
    assert [x["Description"] for x in changed] == ["Second", "New"], "what is not sent is deleted"
    assert changed[0]["LineItemID"] == second["LineItemID"]
    assert changed[0]["LineAmount"] == 150.75
    assert changed[1]["LineItemID"] not in {first["LineItemID"], second["LineItemID"]}
    same = client.post("Invoices", {"InvoiceID": made["InvoiceID"], "Reference": "PO 1"})
    assert same["LineItems"] == changed, "without lines, lines stay"


@pytest.mark.parametrize(
    ("mode", "subtotal", "tax", "total"),
    [("Exclusive", 100.5, 15.08, 115.58), ("Inclusive", 87.39, 13.11, 100.5), ("NoTax", 100.5, 0, 100.5)],
)
def test_line_amounts_include_or_exclude_tax_as_asked(client, customer, mode, subtotal, tax, total):
    made = client.put("Invoices", sale(customer, LineAmountTypes=mode))
    assert (made["SubTotal"], made["TotalTax"], made["Total"]) == (subtotal, tax, total)


def test_tax_is_rounded_line_by_line(client, customer):
    made = client.put("Invoices", sale(customer, LineItems=[line(Quantity=1, UnitAmount=0.23)] * 3))
    assert made["TotalTax"] == 0.09, "0.0345 three times is 0.03 three times, not 0.10"


def test_discounts_reduce_the_line_amount(client, customer):
    made = client.put("Invoices", sale(customer, LineItems=[line(DiscountRate=10), line(DiscountAmount=0.5)]))
    assert [x["LineAmount"] for x in made["LineItems"]] == [90.45, 100.0]


def test_unit_prices_have_two_decimal_places_or_four_with_unitdp(client, customer):
    fine = sale(customer, LineItems=[line(UnitAmount=0.1234, Quantity=1000)])
    assert client.put("Invoices", fine)["LineItems"][0]["LineAmount"] == 120
    made = client.put("Invoices", fine, unitdp=4)
    assert (made["LineItems"][0]["UnitAmount"], made["LineItems"][0]["LineAmount"]) == (0.1234, 123.4)
    single = f"Invoices/{made['InvoiceID']}"
    assert client.rows(single)[0]["LineItems"][0]["UnitAmount"] == 0.12
    assert client.rows(single, unitdp=4)[0]["LineItems"][0]["UnitAmount"] == 0.1234
    client.post("Invoices", {"InvoiceID": made["InvoiceID"], "Status": "AUTHORISED"})
    assert client.rows(single)[0]["SubTotal"] == 123.4, "a price that is not sent is not rounded"


def test_items_supply_their_price_and_account(client, customer):
    made = client.put("Invoices", sale(customer, LineItems=[{"ItemCode": "BEAN", "Quantity": 2}]))
    only = made["LineItems"][0]
    assert (only["UnitAmount"], only["AccountCode"], only["LineAmount"]) == (32.95, "200", 65.9)


def test_a_contact_in_a_document_changes_the_contact(client, customer):
    persons = [{"FirstName": "Ana", "EmailAddress": "ana@rata.example", "IncludeInEmails": True}]
    client.post("Contacts", {"ContactID": customer["ContactID"], "ContactPersons": persons})
    client.put("Invoices", sale(customer))
    kept = client.rows(f"Contacts/{customer['ContactID']}")[0]
    assert len(kept["ContactPersons"]) == 1
    inner = {"ContactID": customer["ContactID"], "FirstName": "Ngaio"}
    client.put("Invoices", sale(customer, Contact=inner))
    changed = client.rows(f"Contacts/{customer['ContactID']}")[0]
    assert (changed["FirstName"], changed["ContactPersons"]) == ("Ngaio", [])
    made = client.put("Invoices", sale(customer, Contact={"Name": "Unheard Of"}))
    assert client.rows(f"Contacts/{made['Contact']['ContactID']}")[0]["Name"] == "Unheard Of"


def test_several_elements_are_written_all_or_none(client, customer):
    good, bad = sale(customer), sale(customer, CurrencyCode="ISK")
    before = len(client.rows("Invoices"))
    said = client.send("PUT", "Invoices", {"Invoices": [good, bad, good]})
    assert said.status_code == 400
    assert len(said.json()["Elements"]) == 1
    assert len(client.rows("Invoices")) == before
    done = client.send("PUT", "Invoices", {"Invoices": [good, bad, good]}, summarizeErrors="false").json()
    assert [x["StatusAttributeString"] for x in done["Invoices"]] == ["OK", "ERROR", "OK"]
    wrong = done["Invoices"][1]
    assert wrong["HasErrors"]
    assert wrong["ValidationErrors"]
    assert wrong["InvoiceID"] == "00000000-0000-0000-0000-000000000000"
    assert len(client.rows("Invoices")) == before + 2
    numbers = [row["InvoiceNumber"] for row in client.rows("Invoices") if row["Type"] == "ACCREC"]
    assert len(set(numbers)) == len(numbers)


def test_a_refused_element_leaves_no_side_effect(client, customer):
    bad = sale(customer, Contact={"Name": "Never Kept"}, CurrencyCode="ISK")
    client.send("PUT", "Invoices", {"Invoices": [sale(customer), bad]}, summarizeErrors="false")
    assert not client.rows("Contacts", where='Name=="Never Kept"')


def test_two_elements_with_one_number_are_refused(client, customer):
    twice = [sale(customer, InvoiceNumber="T-1")] * 2
    assert client.refused("PUT", "Invoices", {"Invoices": twice}) == ["Invoice # must be unique."]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "NoDataProcessedException"),
        (b"{}", "NoDataProcessedException"),
        (b'{"Invoices": []}', "NoDataProcessedException"),
        (b"{", "PostDataInvalidException"),
        (b"3", "PostDataInvalidException"),
        (b"<Invoices><Invoice>", "PostDataInvalidException"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><Invoices/>", "PostDataInvalidException"),
    ],
)
def test_unreadable_bodies_are_refused(client, body, kind):
    answer = client.send("PUT", "Invoices", body)
    assert (answer.status_code, answer.json()["Type"]) == (400, kind)


def test_unknown_ids_are_404_in_the_address(client):
    assert client.send("POST", "Invoices/11111111-1111-1111-1111-111111111111", {"Status": "VOIDED"}).status_code == 404
    assert client.send("PUT", "Invoices/INV-0001", {}).status_code == 405
    assert client.send("POST", "BrandingThemes", {"Name": "x"}).status_code == 405


def test_xml_is_read_like_json(client, customer):
    whom = f"<Contact><ContactID>{customer['ContactID']}</ContactID></Contact>"
    xml = f"""<Invoices><Invoice><Type>ACCREC</Type>{whom}<Date>2026-10-01</Date>
      <LineItems><LineItem><Description>Work</Description><Quantity>2</Quantity><UnitAmount>50.25</UnitAmount><AccountCode>200</AccountCode></LineItem></LineItems></Invoice></Invoices>"""
    made = client.put("Invoices", xml.encode(), {"Content-Type": "application/xml"})
    assert made["Total"] == 115.58
    form = client.http.put("/api.xro/2.0/Invoices", data={"xml": xml}, headers=client.headers())  # as pyxero sends it
    assert form.status_code == 200
    assert form.json()["Invoices"][0]["Total"] == 115.58


def test_a_body_over_the_cap_is_a_413(client, sandbox_server):
    sandbox_server.sandbox.switches.set("body_cap", 3_500_000)
    body = b'{"Invoices": "' + b"x" * 3_600_000 + b'"}'
    assert client.send("PUT", "Invoices", body).status_code == 413
    sandbox_server.sandbox.switches.set("body_cap", 10_000_000)
    assert client.send("PUT", "Invoices", body).status_code == 400


@pytest.mark.parametrize("taken", [True, False])
def test_dates_may_be_written_in_xeros_format_unless_the_switch_refuses_it(client, customer, sandbox_server, taken):
    """Xero's SDK sends them, others report refusals."""
    sandbox_server.sandbox.switches.set("write_ms_dates", taken)
    body = sale(customer, Date="/Date(1790812800000+0000)/")
    if taken:
        assert client.put("Invoices", body)["DateString"] == "2026-10-01T00:00:00"
    else:
        assert "is not a valid AllXsd value" in client.refused("PUT", "Invoices", body)[0]


def test_created_by_my_app_lists_only_the_apps_invoices(client, make_client, customer):
    assert client.rows("Invoices", createdByMyApp="true") == []
    made = client.put("Invoices", sale(customer, Reference="Deal 4711"))
    found = client.rows("Invoices", createdByMyApp="true", where='Reference=="Deal 4711"')
    assert [row["InvoiceID"] for row in found] == [made["InvoiceID"]]
    assert len(client.rows("Invoices", searchTerm="deal 47")) == 1
    assert client.rows("Invoices", searchTerm="deal 48", where='Type=="ACCREC"') == []
    assert client.rows("Contacts", searchTerm="RATA.EXAMPLE")[0]["ContactID"] == customer["ContactID"]
    other = make_client("legacy").connect()
    assert other.rows("Invoices", createdByMyApp="true") == []
    assert len(other.rows("Invoices", createdByMyApp="false")) == 61

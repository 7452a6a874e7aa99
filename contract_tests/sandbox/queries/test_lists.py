"""Which rows a list gives, in which order and form."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bizosaas_xero.sandbox.core.guids import sql_sort_key


def ms(row):
    return int(re.search(r"-?\d+", row["UpdatedDateUTC"])[0])


def iso(milliseconds, suffix=""):
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%dT%H:%M:%S}{suffix}"


def test_a_list_without_page_is_whole_and_short(client):
    answer = client.get("Invoices").json()
    assert "pagination" not in answer
    assert len(answer["Invoices"]) == 60
    assert all(row["LineItems"] == [] for row in answer["Invoices"])
    contact = client.rows("Contacts")[0]
    assert not {"Balances", "ContactPersons", "ContactGroups"} & set(contact)
    assert "Balances" in client.rows("Contacts", page=1)[0]
    assert client.rows("BankTransactions")[0]["LineItems"] == []
    assert "pagination" not in client.get("Payments").json()


def test_a_page_has_full_rows_and_a_pagination_object(client):
    first = client.get("Invoices", page=1, pageSize=25).json()
    assert first["pagination"] == {"page": 1, "pageSize": 25, "pageCount": 3, "itemCount": 60}
    assert all(row["LineItems"] for row in first["Invoices"])
    past = client.get("Invoices", page=4, pageSize=25)
    assert past.status_code == 200
    assert past.json()["Invoices"] == []
    assert past.json()["pagination"] == {"page": 4, "pageSize": 25, "pageCount": 3, "itemCount": 60}


@pytest.mark.parametrize(("asked", "used"), [("1000", 1000), ("5000", 1000), ("0", 1), ("-11891474", 1), ("x", 100)])
def test_page_size_is_clamped(client, asked, used):
    assert client.get("Invoices", page=1, pageSize=asked).json()["pagination"]["pageSize"] == used


@pytest.mark.parametrize("page", ["97892904471181", "-1", "0", "x"])
def test_nonsense_page_numbers_are_ignored(client, page):
    assert client.get("Invoices", page=page).status_code == 200


def test_accounts_ignore_page(client):
    assert client.rows("Accounts", page=2, pageSize=3) == client.rows("Accounts")
    assert "pagination" not in client.get("Accounts", page=1).json()


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    size=st.integers(1, 70),
    name=st.sampled_from(["Invoices", "Contacts", "BankTransactions", "Payments"]),
    order=st.sampled_from([None, "{id} ASC", "{id} DESC", "UpdatedDateUTC ASC", "UpdatedDateUTC DESC", "Status"]),
)
def test_pages_together_are_the_list(client, size, name, order):
    id_field = f"{name[:-1]}ID"
    order = order and order.format(id=id_field)
    if name == "Contacts" and order == "Status":
        order = "Name"
    query = {"order": order} if order else {}
    whole = [row[id_field] for row in client.rows(name, page=1, pageSize=1000, **query)]
    parts = []
    page = 1
    while rows := client.rows(name, page=page, pageSize=size, **query):
        parts += [row[id_field] for row in rows]
        page += 1
    assert parts == whole
    assert len(set(whole)) == len(whole)


def test_lists_are_ordered_as_asked(client):
    def stamps(**query):
        return [
            (ms(row), sql_sort_key(row["InvoiceID"])) for row in client.rows("Invoices", page=1, pageSize=99, **query)
        ]

    assert stamps() == sorted(stamps()), "Xero's own order: stamp, then id"
    assert stamps(order="updateddateutc DESC") == sorted(stamps(), reverse=True)
    dates = [row["DateString"] for row in client.rows("Invoices", page=1, order="Date DESC")]
    assert dates == sorted(dates, reverse=True)
    for bad in ("Shoe ASC", "Date SIDEWAYS"):
        answer = client.get("Invoices", page=1, order=bad)
        assert (answer.status_code, answer.json()["Type"]) == (400, "QueryParseException")


@pytest.mark.parametrize("suffix", ["", "Z", "+00:00"])
@pytest.mark.parametrize("inclusive", [True, False])
def test_if_modified_since_returns_changed_rows(client, sandbox_server, suffix, inclusive):
    sandbox_server.sandbox.switches.set("ims_inclusive", inclusive)
    rows = client.rows("Invoices")
    edge = ms(rows[40])
    expected = [r["InvoiceID"] for r in rows if ms(r) // 1000 >= edge // 1000 + (not inclusive)]
    found = client.rows("Invoices", {"If_Modified_Since": iso(edge, suffix)})
    assert [r["InvoiceID"] for r in found] == expected
    assert 0 < len(expected) < 60


def test_lists_without_timestamps_ignore_if_modified_since(client):
    edge = ms(client.rows("Invoices")[40])
    offset = datetime.fromtimestamp(edge // 1000, UTC) + timedelta(hours=13)
    found = client.rows("Invoices", {"If_Modified_Since": f"{offset:%Y-%m-%dT%H:%M:%S}+13:00"})
    assert found == client.rows("Invoices", {"If_Modified_Since": iso(edge)})
    assert len(client.rows("Invoices", **{"If-Modified-Since": iso(edge)})) == 60, "ignored as a parameter"
    assert len(client.rows("Invoices", {"If_Modified_Since": "Sat, 29 Oct 2094 19:43:31 GMT"})) == 60
    future = iso(edge + 10**12)
    assert client.rows("TaxRates", {"If_Modified_Since": future}), "this list does not know it"


def test_an_unchanged_list_is_empty_or_304_by_switch(client, sandbox_server):
    sandbox_server.sandbox.switches.set("not_modified_304", False)
    headers = {"If_Modified_Since": iso(ms(client.rows("Invoices")[-1]) + 5000)}
    assert client.get("Invoices", headers).json()["Invoices"] == []
    paged = client.get("Invoices", headers, page=1).json()
    assert paged["pagination"] == {"page": 1, "pageSize": 100, "pageCount": 0, "itemCount": 0}
    sandbox_server.sandbox.switches.set("not_modified_304", True)
    answer = client.get("Invoices", headers)
    assert (answer.status_code, answer.content) == (304, b"")


def test_archived_contacts_are_hidden_by_default(client, sandbox_server):
    shown = client.rows("Contacts", page=1)
    every = client.rows("Contacts", page=1, includeArchived="true")
    assert {row["ContactStatus"] for row in shown} == {"ACTIVE"}
    assert {row["ContactStatus"] for row in every} == {"ACTIVE", "ARCHIVED"}
    sandbox_server.sandbox.store().archive("Contacts", shown[0]["ContactID"])
    assert len(client.rows("Contacts", page=1)) == len(shown) - 1
    assert len(client.rows("Contacts", page=1, includeArchived="true")) == len(every)


def test_summary_only_and_statuses_force_paging(client):
    short = client.get("Invoices", summaryOnly="true").json()
    assert short["pagination"]["itemCount"] == 60
    assert not {"Payments", "HasAttachments"} & set(short["Invoices"][0])
    paid = client.get("Invoices", Statuses="PAID,DRAFT").json()
    assert "pagination" in paid
    assert {row["Status"] for row in paid["Invoices"]} == {"PAID", "DRAFT"}
    assert all(row["LineItems"] for row in paid["Invoices"])


def test_ids_statuses_and_numbers_select_rows(client):
    rows = client.rows("Invoices", page=1)
    ids = [rows[3]["InvoiceID"], rows[8]["InvoiceID"].upper(), "00000000-0000-0000-0000-000000000000"]
    assert {r["InvoiceID"] for r in client.rows("Invoices", IDs=",".join(ids))} == {i.lower() for i in ids[:2]}
    number = rows[5]["InvoiceNumber"]
    assert [r["InvoiceNumber"] for r in client.rows("Invoices", InvoiceNumbers=number)] == [number]
    contact = rows[5]["Contact"]["ContactID"]
    found = client.rows("Invoices", ContactIDs=contact)
    assert {r["Contact"]["ContactID"] for r in found} == {contact}
    assert len(found) == sum(r["Contact"]["ContactID"] == contact for r in rows)
    assert len(client.rows("Invoices", shoe="size", createdByMyApp="maybe")) == 60, "unknown parameters are ignored"


def test_single_rows_are_found_by_id_or_number(client):
    invoice = client.rows("Invoices", page=1)[0]
    for key in (invoice["InvoiceID"].upper(), invoice["InvoiceNumber"].replace("№", "%E2%84%96")):
        (found,) = client.rows(f"Invoices/{key}")
        differs = {name for name in {*found, *invoice} if found.get(name) != invoice.get(name)}
        assert differs <= {"Contact", "HasAttachments"}, "the contact is whole, and nothing empty is sent"
    for missing in ("00000000-0000-0000-0000-000000000000", "shoe", "..%2f"):
        answer = client.get(f"Invoices/{missing}")
        assert answer.status_code == 404
    assert answer.text == "The resource you're looking for cannot be found"
    assert answer.headers["content-type"].startswith("text/html")
    assert client.get("Shoes").status_code == 404


def test_a_long_url_is_not_found(client):
    guid = client.rows("Invoices")[0]["InvoiceID"]
    assert client.get("Invoices", IDs=",".join([guid] * 40)).status_code == 200
    assert client.get("Invoices", IDs=",".join([guid] * 60)).status_code == 404


def test_too_many_rows_are_a_high_volume_exception(client, sandbox_server):
    sandbox_server.sandbox.switches.set("high_volume_rows", 50)
    answer = client.get("Invoices")
    assert (answer.status_code, answer.json()["ErrorNumber"]) == (400, 51)
    assert answer.json()["Type"] == "HighVolumeException"
    assert client.get("Invoices", page=1).status_code == 200
    assert client.get("Invoices", page=1, order="InvoiceID ASC", where='Type=="ACCREC"').status_code == 200
    assert client.get("Invoices", page=1, where="HasAttachments==true").status_code == 400
    assert client.get("Invoices", page=1, order="TotalTax").status_code == 400


def test_organisations_keep_their_own_books(client, sandbox_server):
    ours = {row["InvoiceID"] for row in client.rows("Invoices")}
    client.connect(organisations=[sandbox_server.info["organisations"][1]["id"]])
    client.tenant = sandbox_server.info["organisations"][1]["id"].upper()
    theirs = client.rows("Invoices")
    assert theirs
    assert not ours & {row["InvoiceID"] for row in theirs}
    assert client.rows("Organisation")[0]["BaseCurrency"] == "GBP"


@pytest.mark.parametrize("endpoint", ["CreditNotes", "Prepayments", "Overpayments", "Payments", "Invoices"])
def test_an_empty_list_can_be_filtered(client, sandbox_server, endpoint):
    for guid in list(sandbox_server.sandbox.store().rows(endpoint)):
        sandbox_server.sandbox.store().delete(endpoint, guid[f"{endpoint[:-1]}ID"])
    kind = "PaymentType" if endpoint == "Payments" else "Type"
    answer = client.get(endpoint, where=f'{kind}=="X" AND Status=="AUTHORISED"', page=1)
    assert answer.status_code == 200, answer.text
    assert answer.json()[endpoint] == []

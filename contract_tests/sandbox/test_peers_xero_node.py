"""xero-node, unmodified, signs in by both ways and does all that the sandbox has.

Its addresses are built in: `helpers/xero_hosts.py` serves Xero's names from this machine. It is installed into pytest's
cache, once, or stands in the folder that `XERO_NODE` names.
"""

import datetime as dt
from decimal import Decimal

import pytest

from contract_tests.helpers.node_methods import (
    AGED,
    HISTORIES,
    LISTS,
    PAGED,
    PRINTED,
    REPORTS,
    SINGLE,
)
from contract_tests.helpers.node_sign_in import ACCOUNTING_SCOPES, signed_in

pytestmark = [pytest.mark.slow, pytest.mark.xero_sandbox(invoices=60, seed=7, limits=False, books="wild")]


def ids(table):
    return {table.id(slot) for slot in table.by_id}


def id_of(row, id_field):
    return row[id_field[:1].lower() + id_field[1:]]


def test_it_signs_in_through_a_browser_and_refreshes(node, shared_sandbox_server):
    assert {"access_token", "refresh_token", "id_token"} <= set(node.token), "the id token's signature was checked"
    tenants = node.call("updateTenants")
    assert [each["tenantId"] for each in tenants] == [node.tenant]
    assert tenants[0]["orgData"]["name"] == shared_sandbox_server.info["organisations"][0]["name"]
    refreshed = node.call("refreshToken")
    assert refreshed["access_token"] != node.token["access_token"]
    assert node.rows("getOrganisations")


def test_it_disconnects_and_revokes(start_node, shared_sandbox_server):
    with signed_in(start_node, shared_sandbox_server, user="adviser") as node:
        connection = next(each for each in node.call("updateTenants", False) if each["tenantType"] == "ORGANISATION")
        node.call("disconnect", connection["id"])
        assert node.refused("getAccounts") == 403
        refresh_token = node.token["refresh_token"]
        node.call("revokeToken")
    assert refresh_token not in shared_sandbox_server.sandbox.tokens.refresh_tokens


@pytest.mark.parametrize("app", ["custom", "legacy_custom"])
def test_it_signs_in_with_client_credentials(app, start_node, shared_sandbox_server):
    """It sends its scopes under a name that is not OAuth's: to Xero it asks for all that the app may have."""
    switches = shared_sandbox_server.sandbox.switches
    app = shared_sandbox_server.info["apps"][app]
    with start_node(app, grantType="client_credentials", scopes=ACCOUNTING_SCOPES) as node:
        switches.set("custom_scope_required", False)
        try:
            token = node.call("getClientCredentialsToken")
        finally:
            switches.set("custom_scope_required", True)
        assert "refresh_token" not in token
        assert set(ACCOUNTING_SCOPES) <= set(token["scope"].split())
        assert node.rows("getOrganisations"), "a custom connection names no organisation"


@pytest.mark.parametrize("method", LISTS)
def test_it_reads_lists(method, node, shared_store):
    table = shared_store.table(LISTS[method])
    rows = node.rows(method)
    assert {id_of(row, table.id_field) for row in rows} == ids(table)


@pytest.mark.parametrize("method", PAGED)
def test_it_reads_pages(method, node, shared_store):
    name, place = PAGED[method]
    table, rows, page = shared_store.table(name), [], 1
    archived = [None, True] if name in {"Contacts", "Invoices"} else []
    while True:
        given = [None] * (place - 1) + [page]
        given += [True] if archived else []
        found = node.rows(method, *given)
        rows += found
        if not found:
            break
        page += 1
    assert {id_of(row, table.id_field) for row in rows} == ids(table)
    totals = {id_of(row, table.id_field): row["total"] for row in rows if "total" in row}
    for guid, total in totals.items():
        assert Decimal(str(total)) == shared_store.get(name, guid)["Total"]


@pytest.mark.parametrize("method", SINGLE)
def test_it_reads_one_row(method, node, shared_store):
    table = shared_store.table(SINGLE[method])
    guid = table.id(table.by_id[0])
    (row,) = node.rows(method, guid)
    assert id_of(row, table.id_field) == guid
    assert node.refused(method, "00000000-0000-0000-0000-000000000001") == 404


def test_it_selects_rows(node, shared_store):
    ours = [row for row in shared_store.rows("Invoices") if row["Type"] == "ACCREC" and row["Status"] == "AUTHORISED"]
    found = node.rows("getInvoices", None, 'Type=="ACCREC"', "Date DESC", None, None, None, ["AUTHORISED"], 1)
    assert {row["invoiceID"] for row in found} == {row["InvoiceID"] for row in ours}
    assert [row["date"] for row in found] == sorted((row["date"] for row in found), reverse=True)
    some = [row["InvoiceID"] for row in ours[:3]]
    assert {row["invoiceID"] for row in node.rows("getInvoices", None, None, None, some)} == set(some)
    numbers = [row["InvoiceNumber"] for row in ours[:3]]
    assert {row["invoiceID"] for row in node.rows("getInvoices", None, None, None, None, numbers)} == set(some)
    later = {"$date": (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).isoformat()}
    assert node.rows("getInvoices", later) == []
    (quote,) = shared_store.rows("Quotes")
    assert node.rows("getQuotes", *[None] * 5, quote["Contact"]["ContactID"], "SENT", 1, None, "QU-")
    assert node.rows("getQuotes", *[None] * 6, "DRAFT") == []


def test_it_reads_by_number(node, shared_store):
    order = next(shared_store.rows("PurchaseOrders"))["PurchaseOrderNumber"]
    assert node.rows("getPurchaseOrderByNumber", order)
    contact = next(row for row in shared_store.rows("Contacts") if row.get("ContactNumber"))
    (found,) = node.rows("getContactByContactNumber", contact["ContactNumber"])
    assert found["contactID"] == contact["ContactID"]
    assert node.rows("getTaxRateByTaxType", "OUTPUT2")[0]["taxType"] == "OUTPUT2"
    assert {row["name"] for row in node.rows("getOrganisationActions")} >= {"CreateDraftQuote"}
    sold = next(
        row for row in shared_store.rows("Invoices") if row["Type"] == "ACCREC" and row["Status"] == "AUTHORISED"
    )
    assert node.rows("getOnlineInvoice", sold["InvoiceID"])[0]["onlineInvoiceUrl"]


@pytest.mark.parametrize("method", PRINTED)
def test_it_reads_documents_as_pdf(method, node, shared_store):
    table = shared_store.table(PRINTED[method])
    assert node.accounting(method, table.id(table.by_id[0]))["bytes"] > 300


@pytest.mark.parametrize("method", sorted(REPORTS | AGED))
def test_it_reads_reports(method, node, shared_store):
    given = [next(shared_store.rows("Contacts"))["ContactID"]] if method in AGED else []
    (report,) = node.rows(method, *given)
    assert report["rows"][0]["rowType"] == "Header"


@pytest.mark.parametrize("entity", HISTORIES)
def test_it_reads_and_adds_notes(entity, node, shared_store):
    table = shared_store.table(entity)
    guid, (read, add) = table.id(table.by_id[0]), HISTORIES[entity]
    node.accounting(add, guid, {"historyRecords": [{"details": "called the customer"}]})
    assert "called the customer" in {row["details"] for row in node.rows(read, guid)}

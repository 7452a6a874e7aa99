"""The small reads, and what holds for every action that reads."""

from __future__ import annotations

import json
from decimal import Decimal

import jsonschema_rs
import pytest

from bizosaas_xero import plugin
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.registry import ACTIONS
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.connector.sync.entities import ENTITIES
from contract_tests.helpers.xero_account import calls

pytestmark = pytest.mark.xero_sandbox(invoices=400, seed=2)

EXAMPLES = {
    "get_organisation": {},
    "list_accounts": {"only": "bank"},
    "find_contacts": {"limit": 3},
    "find_invoices": {"limit": 3},
    "get_invoice": {"invoice": "INV-0001"},
    "generate_pnl_report": {"from_date": "2026-10-01", "to_date": "2026-10-31"},
    "get_aged_receivables": {"contact_limit": 3},
    "get_aged_payables": {"as_of": "2026-06-30"},
    "get_balance_sheet": {"on_date": "2026-10-31"},
    "verify_figures": {"text": "They owe NZD 1,000.00 [invoice:INV-0001.amount_due], and 5 more."},
    "reconcile_bank_feeds": {"bank_account": "090", "from_date": "2026-09-01", "limit": 5},
}


@pytest.fixture
def example_params(run_read):
    def params(name):
        if name == "get_invoice":
            return {"invoice": run_read("find_invoices", limit=1).data["invoices"][0]["number"]}
        return EXAMPLES[name]

    return params


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_result_matches_its_schema_as_json(run_read, example_params, name):
    listed = {action.name: action for action in plugin.list_actions(None)}
    given = example_params(name)
    assert jsonschema_rs.validator_for(listed[name].params).is_valid(given)
    result = run_read(name, **given).model_dump(mode="json")
    jsonschema_rs.validator_for(listed[name].result).validate(json.loads(json.dumps(result["data"])))
    assert result["status"] == "done"
    most = 9 if "aged" in name or name == "reconcile_bank_feeds" else 5
    assert 1 <= result["calls"] <= most
    assert result["bytes"] > 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_wrong_parameters_are_reported_before_any_request(shared_sandbox_server, books_reader, name):
    shared_sandbox_server.sandbox.log.clear()
    with pytest.raises(Exception, match="params") as caught:
        plugin.run_action(books_reader.connection(), name, {"nonsense": 1}, {})
    assert caught.value.code == "invalid"
    assert "params.nonsense" in {problem["field"] for problem in caught.value.problems}
    assert not calls(shared_sandbox_server)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_missing_scope_is_reported_before_any_request(shared_sandbox_server, books_reader, name):
    shared_sandbox_server.sandbox.log.clear()
    connection = books_reader.connection(scopes=["offline_access"])
    assert {action.name: bool(action.missing_scopes) for action in plugin.list_actions(connection)}[name]
    params = EXAMPLES[name]
    with pytest.raises(Exception, match=name) as caught:
        plugin.run_action(connection, name, params, {})
    assert caught.value.code == "missing_scope"
    assert not calls(shared_sandbox_server)


def test_a_read_action_has_an_empty_plan_and_refuses_commit(books_reader):
    planned = plugin.run_action(books_reader.connection(), "list_accounts", {}, {"mode": "plan"})
    assert planned.status == "planned"
    assert planned.plan.requests == []
    with pytest.raises(Exception, match="mode") as caught:
        plugin.run_action(books_reader.connection(), "list_accounts", {}, {"mode": "commit", "plan_hash": "x"})
    assert caught.value.code == "invalid"
    assert "only reads" in caught.value.problems[0]["message"]


def test_an_unknown_action_is_refused_with_the_list_of_actions(books_reader):
    with pytest.raises(Exception, match="nonsense") as caught:
        plugin.run_action(books_reader.connection(), "nonsense", {}, {})
    assert caught.value.code == "not_found"
    assert "generate_pnl_report" in caught.value.remedy


def test_every_read_action_has_an_example():
    assert set(EXAMPLES) == {name for name, row in ACTIONS.items() if issubclass(row, ReadAction)}


def test_every_entity_and_action_declares_its_scopes():
    assert set(scopes.load_needs()) == {*ENTITIES, *ACTIONS}


def test_the_organisation_gives_its_day_and_financial_year(run_read):
    found = run_read("get_organisation").data
    assert (found["country"], found["base_currency"], found["is_demo"]) == ("NZ", "NZD", True)
    assert f"{found['financial_year_start']}"[5:] == "04-01"
    assert f"{found['financial_year_end']}"[5:] == "03-31"
    assert found["financial_year_start"] <= found["today"] <= found["financial_year_end"]


def test_accounts_are_filtered_by_what_they_can_do(run_read):
    every = run_read("list_accounts", include_archived=True).data["accounts"]
    takers = run_read("list_accounts", only="takes_payments").data["accounts"]
    assert 0 < len(takers) < len(every)
    assert all(account["status"] == "ACTIVE" for account in takers)
    assert {"BANK"} <= {account["type"] for account in takers}
    assert {account["account_class"] for account in run_read("list_accounts", only="revenue").data["accounts"]} == {
        "REVENUE"
    }


def test_a_contact_is_found_by_name_and_by_e_mail(run_read):
    someone = next(item for item in run_read("find_contacts", limit=100).data["contacts"] if item["email"])
    assert someone in run_read("find_contacts", name=someone["name"].upper()).data["contacts"]
    assert someone in run_read("find_contacts", email=someone["email"]).data["contacts"]
    assert run_read("find_contacts", name="No Such Contact").data["contacts"] == []


def test_a_quotation_mark_cannot_escape_from_a_filter(books_reader, shared_sandbox_server):
    found = plugin.run_action(books_reader.connection(), "find_contacts", {"name": 'x" OR Name!="'}, {}).data
    assert found["contacts"] == []  # a name is searched for, because contacts may have quotation marks in their names
    for action, field in (("find_contacts", "account_number"), ("find_invoices", "number")):
        shared_sandbox_server.sandbox.log.clear()
        with pytest.raises(Exception, match=field) as caught:
            plugin.run_action(books_reader.connection(), action, {field: 'x" OR Name!="'}, {})
        assert caught.value.problems[0]["field"] == f"params.{field}"
        assert not calls(shared_sandbox_server)


def test_invoices_are_found_by_each_condition(run_read):
    page = run_read("find_invoices", limit=50).data
    assert page["more"]
    assert [item["invoice_date"] for item in page["invoices"]] == sorted(
        (item["invoice_date"] for item in page["invoices"]), reverse=True
    )
    one = page["invoices"][0]
    assert run_read("find_invoices", number=one["number"]).data["invoices"] == [one]
    of_contact = run_read("find_invoices", contact_id=one["contact_id"], limit=100).data["invoices"]
    assert one in of_contact
    assert {item["contact_id"] for item in of_contact} == {one["contact_id"]}
    unpaid = run_read("find_invoices", unpaid=True, limit=100).data["invoices"]
    assert all(item["status"] == "AUTHORISED" and item["amount_due"] > 0 for item in unpaid)
    day = f"{one['invoice_date']}"
    same_day = run_read("find_invoices", from_date=day, to_date=day, limit=100).data["invoices"]
    assert one in same_day
    assert {f"{item['invoice_date']}" for item in same_day} == {day}
    bills = run_read("find_invoices", kind="bill", limit=5).data["invoices"]
    assert "AccountsPayable" in bills[0]["link"]


def test_an_invoice_is_read_by_number_and_by_id_with_exact_sums(run_read):
    one = run_read("find_invoices", limit=1).data["invoices"][0]
    by_number = run_read("get_invoice", invoice=one["number"]).data
    assert by_number == run_read("get_invoice", invoice=one["invoice_id"]).data
    assert by_number["total"] == by_number["subtotal"] + by_number["tax"]
    assert isinstance(by_number["total"], Decimal)
    assert by_number["lines"]


@pytest.mark.parametrize("invoice", ["../Contacts", "x?y=1", "a#b", "%2e%2e"])
def test_a_document_number_cannot_escape_from_its_path(books_reader, invoice):
    with pytest.raises(Exception, match="invoice") as caught:
        plugin.run_action(books_reader.connection(), "get_invoice", {"invoice": invoice}, {})
    assert caught.value.problems[0]["field"] == "params.invoice"

"""What a person decides is checked against the organisation's own books, and kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bizosaas_xero.host import discover, open_host
from bizosaas_xero.spec import Invalid
from contract_tests.helpers import processes
from contract_tests.helpers.fake_connector import batch

pytestmark = [pytest.mark.any_database, pytest.mark.xero_sandbox(invoices=20)]


@pytest.fixture(scope="module")
def configured_host(tmp_path_factory, shared_sandbox_server):
    home = tmp_path_factory.mktemp("home")
    with open_host(home, report=discover(["xero"]), environ={}) as host:
        connection = processes.connect(host, shared_sandbox_server)
        with pytest.raises(Invalid) as caught:
            host.configure(connection, {"settings": {"sales_account": "200"}})
        assert "sync them first" in caught.value.message
        assert host.runner.sync(connection, "accounts").problem is None
        yield host, connection


def chart(host):
    return list(host.sink.iter_records(host.store.connections()[0].organisation_id, "accounts"))


def one(host, **wanted):
    return next(row for row in chart(host) if all(row.get(k) == v for k, v in wanted.items()))


def test_accounts_of_the_right_kind_are_kept(configured_host):
    host, connection = configured_host
    sales = one(host, Class="REVENUE", Status="ACTIVE")
    bank = one(host, Type="BANK", Status="ACTIVE")
    given = {
        "sales_account": sales["Code"],
        "payment_account": bank["AccountID"].upper(),
        "clearing_account": bank["Code"] if bank.get("Code") else bank["AccountID"],
        "tax_type": sales["TaxType"].lower(),
    }
    kept = host.configure(connection, {"settings": given})
    best = bank.get("Code") or bank["AccountID"]
    assert kept.settings["sales_account"] == sales["Code"]
    assert kept.settings["tax_type"] == sales["TaxType"]
    assert (kept.settings["payment_account"], kept.settings["clearing_account"]) == (best, best)
    taken_back = host.configure(connection, {"settings": {"clearing_account": None}})
    assert "clearing_account" not in taken_back.settings
    assert host.runner.sync(connection, "accounts").problem is None, "the connector takes these settings"


def test_what_does_not_fit_is_named_and_nothing_is_kept(configured_host):
    host, connection = configured_host
    expense = one(host, Class="EXPENSE", Status="ACTIVE")
    before = host.store.connection(connection)
    with pytest.raises(Invalid) as caught:
        host.configure(
            connection,
            {
                "settings": {
                    "sales_account": expense["Code"],
                    "payment_account": "no such",
                    "tax_type": "MOON",
                    "page_size": "7",
                },
                "intervals": {"invoices": 5, "unicorns": 900},
                "timezone": "Mars/Olympus",
            },
        )
    fields = {problem["field"] for problem in caught.value.problems}
    assert fields == {
        "sales_account",
        "payment_account",
        "tax_type",
        "page_size",
        "intervals.invoices",
        "intervals.unicorns",
        "timezone",
    }
    assert host.store.connection(connection) == before


def test_an_archived_account_is_refused(configured_host, shared_sandbox_server):
    host, connection = configured_host
    account = one(host, Class="REVENUE", Status="ACTIVE")
    store = shared_sandbox_server.sandbox.store(shared_sandbox_server.info["organisations"][0]["id"])
    store.edit("Accounts", account["AccountID"], {"Status": "ARCHIVED"})
    assert host.runner.sync(connection, "accounts").problem is None
    with pytest.raises(Invalid, match="not an active revenue account"):
        host.configure(connection, {"settings": {"sales_account": account["Code"]}})


def test_intervals_move_the_next_run_and_outlive_a_reconnect(host, connection_id, fake_connector, clock):
    fake_connector.runs = [[batch(1)]]
    host.runner.sync(connection_id, "things")
    host.configure(connection_id, {"intervals": {"things": 120}, "timezone": "Pacific/Auckland"})
    assert host.store.entity_state(connection_id, "things").next_due == clock.now() + timedelta(seconds=120)
    offer = host.connections.list_organisations("fake", "app:user")
    kept = host.connections.choose(offer)
    assert kept.preferences == {"intervals": {"things": 120}, "timezone": "Pacific/Auckland"}
    host.configure(connection_id, {"intervals": {"things": 0}})
    assert host.scheduler.list_jobs() == []
    host.configure(connection_id, {"intervals": {"things": None}, "timezone": None})
    assert [job.info.name for job in host.scheduler.list_jobs()] == ["things"]
    assert host.store.connection(connection_id).preferences == {}


@pytest.mark.parametrize("seconds", [-1, 59, 31_536_001, 10**30, True, "900", 900.0])
def test_an_interval_that_is_none_is_refused(host, connection_id, fake_connector, seconds):
    fake_connector.runs = [[batch(1)]]
    host.runner.sync(connection_id, "things")
    with pytest.raises(Invalid, match="from 60 to 31536000 seconds"):
        host.configure(connection_id, {"intervals": {"things": seconds}})


def test_a_policy_is_checked_and_kept(host, connection_id):
    rule = {"run": "approval", "max_amount": "500.00", "daily_total": 2000}
    kept = host.configure(connection_id, {"policy": {"create_invoice": rule}})
    assert kept.preferences["policy"]["create_invoice"] == {
        "run": "approval",
        "max_amount": "500.00",
        "daily_total": "2000",
    }
    for wrong, field in (
        ({"run": "perhaps"}, "run"),
        ({"run": "always", "max_amount": "-1"}, "max_amount"),
        ({"run": "always", "max_amount": "lots"}, "max_amount"),
        ({"run": "always", "limit": 3}, "limit"),
    ):
        with pytest.raises(Invalid) as caught:
            host.configure(connection_id, {"policy": {"create_invoice": wrong}})
        assert caught.value.problems[0]["field"] == f"policy.create_invoice.{field}"

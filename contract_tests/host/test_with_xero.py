"""The embedded host with the real connector against the sandbox: whatever breaks, the next run is whole."""

from __future__ import annotations

import asyncio
import json
import sqlite3

import httpx
import pytest

from bizosaas_xero.adapters.brain_gateway import WebhookReceiver
from bizosaas_xero.host import discover, open_host
from bizosaas_xero.sandbox.webhooks.delivery import sign
from bizosaas_xero.spec import App, ConnectorError
from contract_tests.helpers.xero_account import calls

pytestmark = [pytest.mark.xero_sandbox(seed=3), pytest.mark.attempts(2)]

LISTS = {
    "invoices": ("Invoices", "InvoiceID", "ACCREC"),
    "bills": ("Invoices", "InvoiceID", "ACCPAY"),
    "contacts": ("Contacts", "ContactID", None),
    "bank_transactions": ("BankTransactions", "BankTransactionID", None),
    "accounts": ("Accounts", "AccountID", None),
    "payments": ("Payments", "PaymentID", None),
}


@pytest.fixture
def unpaused_xero_host(tmp_path):
    with open_host(tmp_path, report=discover(["xero"]), environ={}, sleep=lambda _: None) as opened:
        yield opened


@pytest.fixture
def connect_xero(unpaused_xero_host, sandbox_server):
    def walk():
        credentials = sandbox_server.info["apps"]["web"]
        app = App(
            client_id=credentials["client_id"],
            client_secret=credentials["client_secret"],
            redirect_uri="http://localhost:8377/callback",
        )
        settings = {name: sandbox_server.info[name] for name in ("api_url", "identity_url", "login_url")}
        settings |= {"calls_per_minute": 0, "page_size": 10}
        url = unpaused_xero_host.connections.begin_consent("xero", app, settings=settings)
        return unpaused_xero_host.connections.choose(
            unpaused_xero_host.connections.finish_consent(sandbox_server.sandbox.consent(url))
        ).id

    return walk


def held(unpaused_xero_host, entity):
    with sqlite3.connect(unpaused_xero_host.database.place) as raw:
        rows = raw.execute(f"SELECT key, record FROM {entity} WHERE deleted_at IS NULL").fetchall()  # noqa: S608 (names of tables)
    raw.close()
    return {key: json.loads(record) for key, record in rows}


def theirs(sandbox_server, entity):
    path, key, kind = LISTS[entity]
    rows = sandbox_server.sandbox.store(sandbox_server.info["organisations"][0]["id"]).rows(path)
    return {str(row[key]): row for row in rows if kind in {None, row.get("Type")}}


def assert_whole(unpaused_xero_host, sandbox_server, entity):
    ours, wanted = held(unpaused_xero_host, entity), theirs(sandbox_server, entity)
    assert set(ours) == set(wanted)
    for key, row in wanted.items():
        for amount in {"Total", "AmountDue", "AmountPaid", "SubTotal", "Amount"} & set(row):
            assert ours[key][amount] == str(row[amount]), (entity, amount)


FAULTS = [
    {"kind": "latency", "seconds": 0.05},
    {"kind": "rate_limit", "problem": "minute", "retry_after": 3},
    {"kind": "rate_limit", "problem": "day", "retry_after": 40_000},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "cut", "where": "body"},
    {"kind": "malformed"},
    {"kind": "truncated"},
    {"kind": "expire_token"},
    {"kind": "lost_refresh"},
    {"kind": "revoke_grant"},
]


@pytest.mark.parametrize("entity", LISTS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(str(v) for v in fault.values()))
def test_whatever_breaks_the_next_run_is_whole(unpaused_xero_host, sandbox_server, connect_xero, entity, fault):
    connection = connect_xero()
    details = dict(fault)
    kind = details.pop("kind")
    if kind == "lost_refresh":
        sandbox_server.sandbox.faults.add("expire_token")
    passing = 0 if kind == "lost_refresh" or entity == "accounts" else 1  # accounts come in one call
    trouble = sandbox_server.sandbox.faults.add(kind, after=passing, times=3, **details)
    broken = unpaused_xero_host.runner.sync(connection, entity)
    sandbox_server.sandbox.faults.clear()
    assert trouble.struck
    if broken.problem:
        assert broken.problem["remedy"]
        assert broken.complete is False
        if broken.problem["recovery"] == "reconnect":
            assert connect_xero() == connection
    healed = unpaused_xero_host.runner.sync(connection, entity)
    assert healed.problem is None, healed
    assert_whole(unpaused_xero_host, sandbox_server, entity)
    again = unpaused_xero_host.runner.sync(connection, entity)
    assert (again.new, again.changed, again.deleted, again.problem) == (0, 0, 0, None)


def test_changes_arrive_and_what_vanished_is_marked(unpaused_xero_host, sandbox_server, connect_xero):
    connection = connect_xero()
    for entity in LISTS:
        assert unpaused_xero_host.runner.sync(connection, entity).problem is None
        assert_whole(unpaused_xero_host, sandbox_server, entity)
    store = sandbox_server.sandbox.store(sandbox_server.info["organisations"][0]["id"])
    invoice = next(iter(theirs(sandbox_server, "invoices")))
    account = next(iter(theirs(sandbox_server, "accounts")))
    store.edit("Invoices", invoice, {"Reference": "changed"})
    store.insert("Contacts", {"Name": "A new contact"})
    store.delete("Accounts", account)
    outcomes = {entity: unpaused_xero_host.runner.sync(connection, entity) for entity in LISTS}
    assert outcomes["invoices"].changed == 1
    assert outcomes["contacts"].new == 1
    assert outcomes["accounts"].deleted == 1
    assert held(unpaused_xero_host, "invoices")[invoice]["Reference"] == "changed"
    assert account not in held(unpaused_xero_host, "accounts")


def test_every_call_is_counted_also_of_what_fails(unpaused_xero_host, sandbox_server, connect_xero):
    """What ``status`` says was called today is what the sandbox has in its log."""
    id_ = connect_xero()
    organisation = unpaused_xero_host.store.connection(id_).organisation_id
    faults = sandbox_server.sandbox.faults
    faults.add("status", status=500, times=None)
    assert unpaused_xero_host.runner.sync(id_, "invoices").problem["reason"] == "server_error"
    with pytest.raises(ConnectorError):
        unpaused_xero_host.act(id_, "get_aged_receivables", {}, requester="Ann")
    faults.clear()
    faults.add("status", status=500, after=2, times=None)
    assert unpaused_xero_host.runner.sync(id_, "invoices").new == 20
    faults.clear()
    assert unpaused_xero_host.runner.sync(id_, "contacts").problem is None
    faults.add("expire_token", after=1)
    unpaused_xero_host.act(id_, "get_aged_receivables", {}, requester="Ann")
    assert (
        unpaused_xero_host.store.usage(organisation)["calls"] == len(calls(sandbox_server)) > 10
    )  # the one of connecting included


def test_a_webhook_that_comes_twice_or_late_changes_nothing_twice(unpaused_xero_host, connect_xero, sandbox_server):
    """A webhook of Xero says only that there is something to read; what it says is never stored."""
    host, connection = unpaused_xero_host, connect_xero()
    host.runner.sync(connection, "invoices")
    store = sandbox_server.sandbox.store()
    row = next(each for each in store.rows("Invoices") if each["Type"] == "ACCREC" and each["Status"] == "AUTHORISED")
    store.edit("Invoices", row["InvoiceID"], {"Status": "VOIDED"})
    changed, stored = [], []

    def receive(content):
        for event in content["events"]:
            assert event["eventCategory"] == "INVOICE"
            changed.append(host.runner.sync(connection, "invoices").changed)
            stored.append((held(host, "invoices"), [(each.id, each.key) for each in host.events.list_since()]))

    webhooks = WebhookReceiver("the-key", receive)
    event = {"eventCategory": "INVOICE", "eventType": "UPDATE", "resourceId": row["InvoiceID"]}
    body = json.dumps({"events": [event], "firstEventSequence": 1, "lastEventSequence": 1, "entropy": "x"}).encode()
    headers = {"x-xero-signature": sign("the-key", body)}

    async def post():
        transport = httpx.ASGITransport(webhooks)
        async with httpx.AsyncClient(transport=transport, base_url="http://host") as http:
            return (await http.post("/", content=body, headers=headers)).status_code

    assert [asyncio.run(post()) for _ in range(3)] == [200, 200, 200]
    assert changed == [1, 0, 0]
    assert stored[0] == stored[1] == stored[2]
    assert [key for _, key in stored[0][1]] == [row["InvoiceID"]]
    assert stored[0][0][row["InvoiceID"]]["Status"] == "VOIDED"

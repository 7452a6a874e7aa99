"""The six entities against the sandbox, over real HTTP."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import httpx
import jsonschema_rs
import pytest

from bizosaas_xero import plugin
from bizosaas_xero.connector.records import decode
from bizosaas_xero.connector.sync.entities import ENTITIES
from bizosaas_xero.sandbox import serve
from contract_tests.helpers.xero_account import Account

pytestmark = pytest.mark.xero_sandbox(invoices=120, limits=True)

STORE_NAMES = {entity.name: entity.path for entity in ENTITIES.values()}


def collect(batches):
    """Store what comes as a host does, and return it with the last batch."""
    stored, batch = {}, None
    for batch in batches:
        for record in batch.records:
            if record.op == "delete":
                stored.pop(record.key, None)
            else:
                stored[record.key] = record
        assert not batch.rejected
    return stored, batch


def held(sandbox_server, connected_account, entity):
    """What the sandbox holds of an entity, by key, as plain rows."""
    row = ENTITIES[entity]
    kind = {"invoices": "ACCREC", "bills": "ACCPAY"}.get(entity)
    rows = sandbox_server.sandbox.store(connected_account.organisation_id).rows(row.path)
    return {item[row.key]: item for item in rows if kind in {None, item.get("Type")}}


def same(ours, theirs, path=""):
    """Compare a decoded value with the sandbox's own row, field by field."""
    if isinstance(theirs, dict):
        for name, value in theirs.items():
            assert name in ours, f"{path}.{name} was lost"
            same(ours[name], value, f"{path}.{name}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), path
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            same(one, other, f"{path}[{index}]")
    else:
        assert plain(ours) == plain(theirs), path


def plain(value):
    if isinstance(value, (Decimal, int, float)) and not isinstance(value, bool):
        return Decimal(str(value))
    return value


@pytest.mark.parametrize("entity", ENTITIES)
def test_every_row_is_read_field_by_field(sandbox_server, connected_account, entity):
    stored, last = collect(connected_account.sync(entity))
    expected = held(sandbox_server, connected_account, entity)
    assert set(stored) == set(expected)
    assert expected
    wire = {row[ENTITIES[entity].key]: row for row in wire_rows(connected_account, entity)}
    for key, record in stored.items():
        assert set(record.data) == set(wire[key]), "every field of the wire, and no other"
        same(_untyped(record.data), _untyped(wire[key]), key)
    assert (last.stats.kind, last.stats.complete, last.stats.missing) == ("first", True, 0)


def wire_rows(connected_account, entity):
    """The same list read once more, without the code under test."""
    row = ENTITIES[entity]
    query = {**row.params, "page": "1", "pageSize": "1000"} | ({"where": row.where} if row.where else {})
    answer = httpx.get(
        f"{connected_account.settings['api_url']}/api.xro/2.0/{row.path}",
        params=query,
        headers={
            "Authorization": f"Bearer {connected_account.grant['access_token']}",
            "Xero-Tenant-Id": connected_account.organisation_id,
            "Accept": "application/json",
        },
    )
    return json.loads(answer.content, parse_float=Decimal)[row.path]


def _untyped(value):
    """Bring dates and numbers of both sides to one form, by means that the code under test does not use."""
    if isinstance(value, dict):
        return {key: _untyped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_untyped(item) for item in value]
    if isinstance(value, str) and (match := re.fullmatch(r"/Date\((-?\d+).*\)/", value)):
        return f"@{int(match[1])}"
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
        return f"@{round(moment.timestamp() * 1000)}"
    return f"{value}" if isinstance(value, (Decimal, int)) else value


@pytest.mark.parametrize("entity", ENTITIES)
def test_records_conform_to_the_published_schema(connected_account, entity):
    schema = next(item.json_schema for item in plugin.describe().entities if item.name == entity)
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    count = 0
    for batch in connected_account.sync(entity):
        for record in batch.model_dump(mode="json")["records"]:
            validator.validate(record["data"])
            assert record["updated_at"] is None or record["updated_at"].endswith("Z")
            count += 1
    assert count


def test_the_schemas_refuse_untyped_values(connected_account):
    validators = {
        item.name: jsonschema_rs.Draft202012Validator(item.json_schema, validate_formats=True)
        for item in plugin.describe().entities
    }
    row = next(iter(connected_account.sync("invoices"))).model_dump(mode="json")["records"][0]["data"]
    for wrong in ({"Total": 1.5}, {"Date": "/Date(0)/"}, {"UpdatedDateUTC": "yesterday"}, {"Contact": 1}):
        assert not validators["invoices"].is_valid({**row, **wrong})
    assert not validators["invoices"].is_valid({k: v for k, v in row.items() if k != "InvoiceID"})


def test_ten_thousand_invoices_take_twelve_calls_and_then_one():
    with serve(invoices=15_500, seed=3) as box:
        account = Account(box).connect()
        box.sandbox.log.clear()
        stored, last = collect(account.sync("invoices"))
        assert len(stored) >= 10_000
        calls = [line for line in box.sandbox.log if "/api.xro/" in line["path"]]
        assert len(calls) == last.stats.calls <= 12
        assert max(line["in_flight"] for line in calls) <= 5
        box.sandbox.log.clear()
        box.sandbox.clock.advance(3600)
        account.refresh()
        again, last = collect(account.sync("invoices", last.cursor))
        assert last.stats.calls == 1
        assert not again
        assert last.stats.kind == "incremental"


def test_changes_come_with_the_next_run(sandbox_server, connected_account):
    _, last = collect(connected_account.sync("contacts"))
    sandbox_server.sandbox.clock.advance(600)
    store = sandbox_server.sandbox.store(connected_account.organisation_id)
    edited, archived = list(held(sandbox_server, connected_account, "contacts"))[:2]
    store.edit("Contacts", edited, {"Name": "Żółw & Söhne"})
    store.archive("Contacts", archived)
    added = store.insert("Contacts", {"Name": "New"})
    changed, _ = collect(connected_account.sync("contacts", last.cursor))
    assert set(changed) == {edited, archived, added}
    assert changed[edited].data["Name"] == "Żółw & Söhne"
    assert changed[archived].data["ContactStatus"] == "ARCHIVED"


@pytest.mark.parametrize("entity", [name for name, row in ENTITIES.items() if row.order])
@pytest.mark.parametrize("op", ["edit", "insert", "archive"])
@pytest.mark.parametrize("which", ["first", "last", "spread"])
def test_rows_that_change_between_two_pages_are_neither_lost_nor_stale(
    sandbox_server, connected_account, entity, op, which
):
    """The hostile histories of test_changing_lists, once over real HTTP and for every paged entity."""
    connected_account.settings["page_size"] = 4
    path = ENTITIES[entity].path
    changes = {"Type": "ACCREC"} if (op, path) == ("insert", "Invoices") else {}
    for after in (1, 2):
        sandbox_server.sandbox.faults.add(
            "mutate",
            match={"path": path},
            after=after,
            entity=path,
            op=op,
            which=which,
            count=7,
            changes=changes,
        )
    stored, last = collect(connected_account.sync(entity))
    assert not sandbox_server.sandbox.faults.pending()
    sandbox_server.sandbox.clock.advance(600)
    more, last = collect(connected_account.sync(entity, last.cursor))
    expected = held(sandbox_server, connected_account, entity)
    assert set(stored | more) == set(expected)
    newest = {key: record.data["UpdatedDateUTC"] for key, record in (stored | more).items()}
    assert newest == {key: decode.parse_timestamp(row["UpdatedDateUTC"]) for key, row in expected.items()}
    assert last.stats.complete is True


def test_a_removed_account_is_a_delete_and_an_unchanged_chart_is_one_empty_batch(sandbox_server, connected_account):
    _, last = collect(connected_account.sync("accounts"))
    [unchanged] = connected_account.sync("accounts", last.cursor)
    assert not unchanged.records
    assert unchanged.stats.kind == "incremental"
    gone = next(iter(held(sandbox_server, connected_account, "accounts")))
    sandbox_server.sandbox.store(connected_account.organisation_id).delete("Accounts", gone)
    [batch] = connected_account.sync("accounts", unchanged.cursor)
    assert [record.key for record in batch.records if record.op == "delete"] == [gone]
    [after] = connected_account.sync("accounts", batch.cursor)
    assert not after.records


def test_a_reconciliation_without_a_new_timestamp_is_found_by_recheck(sandbox_server, connected_account):
    stored, last = collect(connected_account.sync("bank_transactions"))
    open_keys = [key for key, record in stored.items() if record.data["IsReconciled"] is False]
    sandbox_server.sandbox.clock.advance(3600)
    connected_account.refresh()
    store = sandbox_server.sandbox.store(connected_account.organisation_id)
    store.edit("BankTransactions", open_keys[0], {"IsReconciled": True}, blind=True)
    unseen, last = collect(connected_account.sync("bank_transactions", last.cursor))
    assert open_keys[0] not in unseen
    found, last = collect(connected_account.sync("bank_transactions", last.cursor, recheck=open_keys))
    assert found[open_keys[0]].data["IsReconciled"] is True
    assert set(found) == set(open_keys)
    assert last.stats.calls == 3  # what changed, what is still open, what is not open any more


def test_recheck_takes_only_ids(connected_account):
    with pytest.raises(Exception, match="recheck") as caught:
        connected_account.sync("bank_transactions", None, recheck=['x")||Type=="SPEND'])
    assert caught.value.code == "invalid"


def test_a_batch_crosses_a_process_as_json(connected_account):
    for batch in connected_account.sync("invoices"):
        text = batch.model_dump_json()
        total = json.loads(text)["records"][0]["data"]["Total"]
        assert isinstance(total, str)
        assert "." in total


def test_one_bad_row_is_set_aside_and_stops_nothing(sandbox_server, connected_account):
    sandbox_server.sandbox.faults.add(
        "bad_row", match={"path": "Invoices"}, field="Date", value="/Date(oops)/", row=2, times=None
    )
    batches = list(connected_account.sync("invoices"))
    [bad] = batches[0].rejected
    assert "Date" in bad.reason
    assert bad.raw["Date"] == "/Date(oops)/"
    assert bad.raw["UpdatedDateUTC"].startswith("/Date(")  # as it came, not half converted
    assert batches[-1].stats.complete is True
    assert len(batches[0].records) + 1 == len(held(sandbox_server, connected_account, "invoices"))


def test_the_deadline_stops_between_batches(connected_account):
    connected_account.settings["page_size"] = 5
    batches = list(connected_account.sync("invoices", None, deadline="2020-01-01T00:00:00Z"))
    assert len(batches) == 1
    assert batches[0].stats.paused
    assert not batches[0].has_more


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("not_modified", [True, False])
def test_if_modified_since_may_be_inclusive_or_not_and_give_a_304_or_not(
    sandbox_server, connected_account, inclusive, not_modified
):
    sandbox_server.sandbox.switches.ims_inclusive = inclusive
    sandbox_server.sandbox.switches.not_modified_304 = not_modified
    _, last = collect(connected_account.sync("payments"))
    sandbox_server.sandbox.clock.advance(900)
    nothing, last = collect(connected_account.sync("payments", last.cursor))
    assert not nothing
    key = next(iter(held(sandbox_server, connected_account, "payments")))
    sandbox_server.sandbox.store(connected_account.organisation_id).edit("Payments", key, {"Reference": "changed"})
    changed, _ = collect(connected_account.sync("payments", last.cursor))
    assert set(changed) == {key}


@pytest.mark.parametrize(
    "cursor",
    [
        {"v": 1},
        {"v": 2, "entity": "invoices", "org": "x"},
        {"garbage": True},
        {"v": 1, "entity": "bills", "org": "x"},
        {"v": 1, "entity": "invoices", "org": "another"},
        {"v": 1, "entity": "invoices", "org": "x", "since": "not a time"},
        {"v": 1, "entity": "invoices", "org": "x", "read": {"kind": "first", "page": 0, "size": 5}},
    ],
)
def test_a_damaged_or_foreign_cursor_is_rejected_at_the_call(connection, cursor):
    connection["organisation_id"] = "x"
    with pytest.raises(Exception, match="stored position") as caught:
        plugin.sync_entity(connection, "invoices", cursor, None)
    assert (caught.value.code, caught.value.recovery) == ("cursor_rejected", "restart")


def test_an_unknown_entity_is_not_found_and_the_known_ones_are_named(connection):
    with pytest.raises(Exception, match="nonsense") as caught:
        plugin.sync_entity(connection, "nonsense", None, None)
    assert caught.value.code == "not_found"
    assert "invoices" in caught.value.remedy

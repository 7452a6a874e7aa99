"""The audit: one chain for all writers, in which every change is found."""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bizosaas_xero.host.actions import audit
from bizosaas_xero.host.actions.audit import GENESIS_HASH, AuditHead
from bizosaas_xero.spec import Invalid
from contract_tests.helpers import processes
from contract_tests.helpers.ledger_connector import Payer

pytestmark = pytest.mark.connector_class(cls=Payer)


def note(host, number=0, **given):
    known = {"connection_id": "c", "organisation_id": "o", "action": "pay", "key": f"k{number}", "who": "Ann"}
    host.audit.record("read", **(known | given), number=number)


def tamper(host, statement):
    """Do to the audit what its own triggers forbid."""
    with host.database.write_transaction() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER IF EXISTS host_audit_update")
            connection.exec_driver_sql("DROP TRIGGER IF EXISTS host_audit_delete")
        else:
            connection.exec_driver_sql("DROP TRIGGER IF EXISTS host_audit_stays ON host_audit")
        connection.exec_driver_sql(statement)


def test_an_empty_audit_is_whole(host):
    found = host.audit.verify()
    assert (found.ok, found.entries, found.head) == (True, 0, AuditHead(0, GENESIS_HASH))


def test_entries_are_chained_and_anybody_can_compute_it(host):
    for number in range(5):
        note(host, number, who="Zoë \u202e\ud800 |")
    before = GENESIS_HASH
    for number, entry in enumerate(host.audit.entries(), 1):
        line = entry.to_dict()
        hashed = line.pop("hash")
        text = json.dumps(line, sort_keys=True, separators=(",", ":"))
        assert (line["seq"], line["previous"]) == (number, before)
        assert hashlib.sha256(text.encode("ascii")).hexdigest() == hashed
        before = hashed
    assert host.audit.head() == AuditHead(5, before)
    assert host.audit.verify().ok


TAMPERINGS = {
    "content": ("UPDATE host_audit SET content = replace(content, 'Ann', 'Bob') WHERE seq = 3", 3),
    "content and hash": None,
    "column": ("UPDATE host_audit SET action = 'look' WHERE seq = 3", 3),
    "time": ("UPDATE host_audit SET at = '2020-01-01T00:00:00.000Z' WHERE seq = 2", 2),
    "no json": ("UPDATE host_audit SET content = 'x' WHERE seq = 4", 4),
    "one is gone": ("DELETE FROM host_audit WHERE seq = 3", 3),
    "the first is gone": ("DELETE FROM host_audit WHERE seq = 1", 1),
    "order": ("UPDATE host_audit SET seq = 9 WHERE seq = 3", 3),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_the_first_entry_that_was_touched_is_named(host, what):
    for number in range(5):
        note(host, number)
    if what == "content and hash":
        content = list(host.audit.entries())[2].to_dict()
        content.pop("hash")
        text = json.dumps(content | {"who": "Bob"}, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        tamper(host, f"UPDATE host_audit SET content = '{text}', hash = '{digest}' WHERE seq = 3")  # noqa: S608 (names of tables)
        broken = 4
    else:
        statement, broken = TAMPERINGS[what]
        tamper(host, statement)
    found = host.audit.verify()
    assert (found.ok, found.broken) == (False, broken)
    assert found.why
    assert found.head.seq == broken - 1


def test_a_tail_that_was_cut_is_found_with_a_noted_head_only(host):
    for number in range(5):
        note(host, number)
    noted = AuditHead.parse(str(host.audit.head()))
    assert host.audit.verify(noted).ok
    tamper(host, "DELETE FROM host_audit WHERE seq > 3")
    assert host.audit.verify().ok, "this is what a chain cannot show"
    assert host.audit.verify(noted).broken == 4
    for number in (8, 9):
        note(host, number)
    assert host.audit.verify().ok
    assert host.audit.verify(noted).broken == 5, "another history"
    for wrong in ("", "5", "x:" + "0" * 64, "5:0", "-1:" + "0" * 64, "²:" + "0" * 64):
        with pytest.raises(Invalid):
            AuditHead.parse(wrong)


@pytest.mark.parametrize("statement", ["UPDATE host_audit SET kind = 'plan'", "DELETE FROM host_audit"])
def test_the_table_is_only_added_to(host, statement):
    note(host)
    with pytest.raises(sa.exc.DBAPIError, match="only added to"), host.database.write_transaction() as connection:
        connection.exec_driver_sql(statement)
    assert host.audit.verify().entries == 1


def test_entries_of_several_pages_are_given_in_order(host, monkeypatch):
    monkeypatch.setattr(audit, "PAGE_SIZE", 3)
    for number in range(7):
        note(host, number)
    assert [entry.details["number"] for entry in host.audit.entries()] == list(range(7))
    assert host.audit.verify().entries == 7


def test_entries_can_be_filtered(host, clock):
    note(host, 1)
    clock.moment += timedelta(days=1)
    note(host, 2, organisation_id="p")
    note(host, 3, action="look")

    def numbers(**wanted):
        return [entry.details["number"] for entry in host.audit.entries(**wanted)]

    assert numbers() == [1, 2, 3]
    assert numbers(organisation_id="p") == [2]
    assert numbers(action="look") == [3]
    assert numbers(key="k1") == [1]
    assert numbers(since=clock.now()) == [2, 3]
    assert numbers(since=clock.now() + timedelta(seconds=1)) == []
    assert numbers(last=2) == [2, 3]
    assert numbers(action="pay", last=1) == [2]


def test_threads_write_one_chain(host):
    errors = []

    def work(number):
        try:
            for turn in range(10):
                note(host, number * 100 + turn)
        except Exception as error:  # noqa: BLE001 (told to the test)
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert host.audit.verify().entries == 40
    assert host.audit.verify().ok


def test_processes_write_one_chain(host, host_environ, tmp_path):
    started = [processes.started(processes.note, tmp_path / "home", host_environ, number, 25) for number in range(4)]
    for process, answers in started:
        assert answers.get() == "noted"
        process.join(30)
    found = host.audit.verify()
    assert (found.ok, found.entries) == (True, 100)
    assert len({entry.key for entry in host.audit.entries()}) == 100


def test_an_undone_transaction_leaves_no_gap(host):
    note(host, 1)

    def broken():
        with host.database.write_transaction() as transaction:
            host.audit.add(transaction, "read", connection_id="c", organisation_id="o", action="pay")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    note(host, 2)
    assert host.audit.verify().entries == 2


def test_no_secret_of_the_grant_is_in_it_and_policies_are(host, connection_id):
    host.configure(connection_id, {"policy": {"pay": {"run": "always"}}}, who="Ann")
    host.act(connection_id, "pay", {"to": "Bob", "amount": "1"}, requester="agent", business_key="a")
    host.act(connection_id, "look", requester="agent")
    text = json.dumps([entry.to_dict() for entry in host.audit.entries()])
    for secret in ("access-1", "refresh-1", "app-secret"):
        assert secret not in text
    first = next(host.audit.entries())
    assert (first.kind, first.who, first.details) == (
        "policy", "Ann", {"before": None, "after": {"run": "always"}}
    )  # fmt: skip

"""One intent is written once: 8 processes at once, killed anywhere, on both databases."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from bizosaas_xero.host.actions import claim, idempotency
from bizosaas_xero.host.storage import action_tables as t
from bizosaas_xero.host.storage import ownership
from bizosaas_xero.spec import Conflict
from contract_tests.helpers import processes
from contract_tests.helpers.ledger_connector import Payer

pytestmark = [pytest.mark.xero_sandbox(seed=4), pytest.mark.connector_class(cls=Payer)]

MANY = 8


class Customer:
    """A customer in the books of a sandbox."""

    def __init__(self, quiet_sandbox_server) -> None:
        self.store = quiet_sandbox_server.sandbox.store(quiet_sandbox_server.info["organisations"][0]["id"])
        wanted = {"ContactStatus": "ACTIVE", "DefaultCurrency": self.store.currency}
        rows = self.store.rows("Contacts")
        self.id = next(row["ContactID"] for row in rows if all(row.get(n) == v for n, v in wanted.items()))

    def params(self, reference):
        line = {"description": "Advice", "quantity": "2", "unit_amount": "150.00", "account": "200"}
        return {
            "contact": {"id": self.id},
            "lines": [line],
            "value_is": "net",
            "reference": reference,
            "due_date": "2030-12-20",
        }

    def invoices(self, reference):
        return [row for row in self.store.rows("Invoices") if row.get("Reference") == reference]


@pytest.fixture
def sandbox_customer(quiet_sandbox_server):
    return Customer(quiet_sandbox_server)


def begin(host_home, host_environ, connection, params, **given):
    return processes.started(processes.act, host_home, host_environ, connection, params, given)


@pytest.mark.parametrize("keyed", [True, False], ids=["with a key", "without"])
def test_eight_processes_at_once_make_one_invoice(
    xero_host, host_home, host_environ, quiet_sandbox_server, sandbox_customer, database_kind, keyed
):
    reference = f"eight {database_kind} {keyed}"
    key = reference if keyed else None
    connection = processes.connect(xero_host, quiet_sandbox_server)
    params = sandbox_customer.params(reference)
    started = [begin(host_home, host_environ, connection, params, business_key=key) for _ in range(MANY)]
    answers = [queue.get() for _, queue in started]
    for process, _ in started:
        process.join(30)
        assert process.exitcode == 0
    done = [answer for answer in answers if answer.get("status") == "done"]
    late = [answer for answer in answers if answer not in done]
    assert len([answer for answer in done if not answer["repeated"]]) == 1
    assert {(answer["reason"], answer["retry_after"]) for answer in late} <= {("in_progress", 5.0)}
    (made,) = sandbox_customer.invoices(reference)
    again = xero_host.act(connection, "create_invoice", params, business_key=key, requester="agent")
    assert (again.repeated, again.result.data["invoice_id"]) == (True, made["InvoiceID"])
    assert xero_host.audit.verify().ok
    kinds = [entry.kind for entry in xero_host.audit.entries()]
    assert (kinds.count("commit"), kinds.count("result"), kinds.count("error")) == (1, 1, len(late))


POINTS = {
    "before the first request": {"method": "GET", "path": "/Invoices"},
    "with the write under way": {"method": "PUT", "path": "/Invoices"},
    "after Xero took the write": {"method": "PUT", "path": "/History"},
}


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("keyed", [True, False], ids=["with a key", "without"])
def test_killed_anywhere_the_same_call_finishes_once(
    xero_host, host_home, host_environ, quiet_sandbox_server, sandbox_customer, database_kind, point, keyed
):
    connection = processes.connect(xero_host, quiet_sandbox_server)
    reference = f"{point[:5]} {database_kind} {keyed}"
    key = reference if keyed else None
    params = sandbox_customer.params(reference)
    planned = xero_host.act(
        connection, "create_invoice", params, mode="plan", business_key=key, requester="agent"
    ).stored_plan
    fault = quiet_sandbox_server.sandbox.faults.add("latency", seconds=2, match=POINTS[point])
    process, _ = begin(
        host_home, host_environ, connection, params, mode="commit", plan_hash=planned.plan.hash, business_key=key
    )
    processes.until(lambda: fault.struck)
    if point.startswith("after"):
        assert len(sandbox_customer.invoices(reference)) == 1
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    # "run", as who knows nothing of the plan would say it
    outcome = xero_host.act(connection, "create_invoice", params, business_key=key, requester="agent")
    (made,) = sandbox_customer.invoices(reference)
    assert (outcome.status, outcome.repeated) == ("done", False)
    assert outcome.result.data["invoice_id"] == made["InvoiceID"]
    assert outcome.result.data["repeated"] is point.startswith("after")
    kinds = [entry.kind for entry in xero_host.audit.entries()]
    assert kinds == ["plan", "commit", "commit", "result"]
    assert xero_host.audit.verify().ok


# ------------------------------------------------------------ with a scripted connector


@pytest.fixture
def pay_deal(host, connection_id):
    def ask(**more):
        given = {"to": "Bob", "amount": "10.00", "acts": ["draft"]}
        return host.act(connection_id, "pay", given, business_key="deal-1", requester="agent", **more)

    return ask


def owned(host, owner, until):
    """Let another process hold the claim."""
    with host.database.write_transaction() as transaction:
        transaction.execute(sa.update(t.writes).values(owner=owner, until=until, state="begun", result=None))


def test_the_claim_of_a_living_process_is_respected_and_of_a_silent_one_taken_over(
    host, pay_deal, fake_connector, clock
):
    fake_connector.partly = True
    pay_deal()
    fake_connector.partly = False
    owned(host, "another-machine:1:2:3", clock.now() + ownership.LEASE_DURATION)
    sent = fake_connector.requests
    with pytest.raises(Conflict) as caught:
        pay_deal()
    assert (caught.value.reason, caught.value.retry_after) == ("in_progress", claim.RETRY_AFTER_SECONDS)
    assert fake_connector.requests == sent
    clock.moment += ownership.LEASE_DURATION + timedelta(seconds=1)
    assert pay_deal().status == "done"
    assert len(fake_connector.ledger) == 1


def test_the_claim_of_a_dead_process_of_this_machine_is_free_at_once(host, pay_deal, fake_connector, clock):
    fake_connector.partly = True
    pay_deal()
    fake_connector.partly = False
    machine = ownership.new_owner().split(":")[0]
    owned(host, f"{machine}:999999999:1:x", clock.now() + ownership.LEASE_DURATION)
    assert pay_deal().status == "done"


def test_a_long_write_gives_signs_of_life(host, pay_deal, fake_connector, clock, monkeypatch):
    monkeypatch.setattr(ownership, "HEARTBEAT_INTERVAL", timedelta(seconds=0.005))

    def renewed():
        with host.database.read_transaction() as connection:
            return connection.execute(sa.select(t.writes.c.until)).scalar_one()

    def slowly():
        first = renewed()
        clock.moment += timedelta(minutes=1)
        processes.until(lambda: renewed() > first)

    fake_connector.before = slowly
    assert pay_deal().status == "done"


def test_who_was_taken_over_and_finishes_late_changes_nothing(host, pay_deal, fake_connector, connection_id):
    def meanwhile():
        fake_connector.after = lambda: None
        with host.database.write_transaction() as transaction:
            transaction.execute(sa.update(t.writes).values(owner=None))
        assert pay_deal().status == "done"

    fake_connector.after = meanwhile
    assert pay_deal().status == "done"
    assert len(fake_connector.ledger) == 1
    assert pay_deal().repeated


def test_the_day_knows_exact_amounts(host, pay_deal, clock):
    pay_deal()
    key = idempotency.ClaimKey("fake", "org-1", "pay", "other")
    with host.database.read_transaction() as connection:
        since = clock.now() - timedelta(hours=1)
        assert host.action_service._claims.sum_amounts(connection, key, since) == Decimal("10.00")
        assert host.action_service._claims.sum_amounts(connection, key, clock.now() + timedelta(hours=1)) == 0

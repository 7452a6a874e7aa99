"""The bound of an hour's writes holds however many servers ask at the same moment."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial

import pytest

from bizosaas_xero.host.actions.agent_limits import AgentLimits
from bizosaas_xero.spec import RateLimited
from contract_tests.helpers.ledger_connector import Payer

pytestmark = pytest.mark.connector_class(cls=Payer)

AT_ONCE, MOST = 6, 2


def guard_of(host, clock, writes=MOST):
    return AgentLimits(host.database, host.audit, host.plans, now=clock.now, prefix="mcp: ", writes=writes)


@pytest.fixture
def agent_write(host, connection_id, clock, set_rule):
    """Pay as an agent over a host, as a server does: looked at before, and counted in the claim."""
    set_rule("always")

    def ask(key, over=host, requester="mcp: Claude"):
        guard, kept = guard_of(over, clock), over.store.connection(connection_id)
        guard.check_write(kept)
        params = {"to": key, "amount": "10.00"}
        bound = partial(guard.check_write, kept)
        return over.action_service.act(connection_id, "pay", params, requester=requester, business_key=key, bound=bound)

    return ask


def test_servers_that_ask_at_once_write_no_more_than_one_may(agent_write, fake_connector, make_host):
    """All have been let in, and have planned, before the first of them claims."""
    hosts = [make_host() for _ in range(AT_ONCE)]
    together, plan, ends = threading.Barrier(AT_ONCE), fake_connector.run_action, []

    def planned(connection, action, params, control):
        if control["mode"] == "plan":
            together.wait(20)
        return plan(connection, action, params, control)

    fake_connector.run_action = planned

    def server(number):
        try:
            ends.append(agent_write(f"k{number}", hosts[number]).status)
        except RateLimited as error:
            ends.append((error.reason, error.retry_after))

    threads = [threading.Thread(target=server, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(map(str, ends)) == ["('too_many_writes', 3600.0)"] * (AT_ONCE - MOST) + ["done"] * MOST
    assert len(fake_connector.ledger) == MOST


def test_who_is_refused_has_claimed_nothing_and_writes_an_hour_later(
    host, connection_id, agent_write, fake_connector, clock
):
    for key in ("a", "b"):
        assert agent_write(key).status == "done"
    asked = fake_connector.requests
    with pytest.raises(RateLimited, match="wrote 2 times"):
        agent_write("c")
    assert fake_connector.requests == asked, "not even planned"
    clock.moment += timedelta(minutes=61)
    assert agent_write("c").status == "done"
    assert [payment["mark"] for payment in fake_connector.ledger] == ["a", "b", "c"]


def test_what_people_write_and_what_is_repeated_is_not_counted(host, connection_id, agent_write, fake_connector, clock):
    for _ in range(3):
        assert agent_write("a").status == "done"
    for key in ("p", "q", "r"):
        host.act(connection_id, "pay", {"to": key, "amount": "1"}, requester="Ann", business_key=key)
    assert agent_write("b").status == "done"


def test_a_bound_of_none_lets_nothing_through(host, connection_id, clock):
    with pytest.raises(RateLimited) as caught:
        guard_of(host, clock, 0).check_write(host.store.connection(connection_id))
    assert caught.value.retry_after == 3600

"""The bound of an hour's writes holds however many servers ask at the same moment."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial

import pytest

from bizosaas_xero.host.actions.agent_limits import AgentLimits
from bizosaas_xero.spec import RateLimited

AT_ONCE, MOST = 6, 2


def guard_of(host, clock, writes=MOST):
    return AgentLimits(host.database, host.audit, host.plans, now=clock.now, prefix="mcp: ", writes=writes)


@pytest.fixture
def write(host, connected, clock, rule):
    """Pay as an agent over a host, as a server does: looked at before, and counted in the claim."""
    rule("always")

    def ask(key, over=host, requester="mcp: Claude"):
        guard, kept = guard_of(over, clock), over.store.connection(connected)
        guard.check_write(kept)
        params = {"to": key, "amount": "10.00"}
        bound = partial(guard.check_write, kept)
        return over.action_service.act(connected, "pay", params, requester=requester, business_key=key, bound=bound)

    return ask


def test_servers_that_ask_at_once_write_no_more_than_one_may(write, fake, make_host):
    """All have been let in, and have planned, before the first of them claims."""
    hosts = [make_host() for _ in range(AT_ONCE)]
    together, plan, ends = threading.Barrier(AT_ONCE), fake.run_action, []

    def planned(connection, action, params, control):
        if control["mode"] == "plan":
            together.wait(20)
        return plan(connection, action, params, control)

    fake.run_action = planned

    def server(number):
        try:
            ends.append(write(f"k{number}", hosts[number]).status)
        except RateLimited as error:
            ends.append((error.reason, error.retry_after))

    threads = [threading.Thread(target=server, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(map(str, ends)) == ["('too_many_writes', 3600.0)"] * (AT_ONCE - MOST) + ["done"] * MOST
    assert len(fake.ledger) == MOST


def test_who_is_refused_has_claimed_nothing_and_writes_an_hour_later(host, connected, write, fake, clock):
    for key in ("a", "b"):
        assert write(key).status == "done"
    asked = fake.requests
    with pytest.raises(RateLimited, match="wrote 2 times"):
        write("c")
    assert fake.requests == asked, "not even planned"
    clock.moment += timedelta(minutes=61)
    assert write("c").status == "done"
    assert [payment["mark"] for payment in fake.ledger] == ["a", "b", "c"]


def test_what_people_write_and_what_is_repeated_is_not_counted(host, connected, write, fake, clock):
    for _ in range(3):
        assert write("a").status == "done"
    for key in ("p", "q", "r"):
        host.act(connected, "pay", {"to": key, "amount": "1"}, requester="Ann", business_key=key)
    assert write("b").status == "done"


def test_a_bound_of_none_lets_nothing_through(host, connected, clock):
    with pytest.raises(RateLimited) as caught:
        guard_of(host, clock, 0).check_write(host.store.connection(connected))
    assert caught.value.retry_after == 3600

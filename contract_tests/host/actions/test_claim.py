"""The rules of a claim, one by one: who may take it, what replaces what, and when its key is free again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from bizosaas_xero.host.actions.claim import Claim
from bizosaas_xero.host.actions.idempotency import ClaimKey, Claims
from bizosaas_xero.host.storage import action_tables as t
from bizosaas_xero.host.storage import ownership
from bizosaas_xero.spec import ActionResult, Conflict, Invalid, Plan, Unavailable

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ELSEWHERE = "another-machine:1:1:aaaaaaaa"
FREE = Claim("pay", "key", "{}")
HELD = replace(FREE, owner=ELSEWHERE, until=NOW + timedelta(seconds=30))


def result(status, **data):
    return ActionResult(action="pay", status=status, data=data)


# ---------------------------------------------------------------- taking


def test_a_free_claim_is_taken_until_the_lease_ends():
    taken = FREE.acquire("me", "hash", NOW)
    assert (taken.owner, taken.plan_hash, taken.unsure) == ("me", "hash", False)
    assert taken.until == NOW + ownership.LEASE_DURATION
    assert (taken.action, taken.key, taken.params, taken.state) == ("pay", "key", "{}", "begun")


def test_a_held_claim_is_refused_with_when_to_ask_again():
    with pytest.raises(Conflict) as caught:
        HELD.acquire("me", "hash", NOW)
    assert (caught.value.reason, caught.value.retry_after) == ("in_progress", 5.0)
    assert "Process 1" in caught.value.message


def test_whoever_takes_over_from_the_dead_cannot_know_what_was_written():
    taken = HELD.acquire("me", "hash", NOW + timedelta(seconds=31))
    assert (taken.owner, taken.unsure) == ("me", True)


def test_what_was_unsure_stays_so():
    assert replace(FREE, unsure=True).acquire("me", "hash", NOW).unsure is True


def test_what_is_done_is_not_taken_again():
    with pytest.raises(Conflict):
        replace(FREE, state="done").acquire("me", "hash", NOW)
    assert replace(FREE, state="partial").acquire("me", "hash", NOW).owner == "me"


def test_other_parameters_under_the_key_are_refused():
    assert FREE.require_params("{}") is FREE
    with pytest.raises(Conflict) as caught:
        FREE.require_params('{"amount":1}')
    assert caught.value.reason == "business_key_reused"


def test_only_its_owner_extends_it():
    later = NOW + timedelta(minutes=1)
    assert HELD.extend(ELSEWHERE, later).until == later + ownership.LEASE_DURATION
    assert HELD.extend("me", later) is HELD


# ---------------------------------------------------------------- ending


@pytest.mark.parametrize(("status", "state"), [("done", "done"), ("partial", "partial")])
def test_a_result_frees_the_claim_and_keeps_its_state(status, state):
    done = HELD.finish(result(status))
    assert (done.state, done.owner, done.until) == (state, None, None)
    assert done.result == result(status)


def test_a_result_that_says_done_is_never_replaced():
    done = HELD.finish(result("done", number=1))
    assert done.finish(result("done", number=2)) is done
    assert done.finish(result("partial")) is done
    assert HELD.finish(result("partial")).finish(result("done", number=2)).state == "done"


def test_a_refusal_that_wrote_nothing_frees_the_key():
    assert HELD.release(ELSEWHERE, Invalid("no")) is None


@pytest.mark.parametrize(
    ("held", "error"),
    [
        (HELD, Unavailable("gone")),  # it may have been written
        (HELD, KeyError("a fault of the program")),
        (replace(HELD, unsure=True), Invalid("no")),  # an attempt before it may have written
        (replace(HELD, state="partial"), Invalid("no")),  # a part is written
    ],
)
def test_after_any_other_failure_the_key_stays_with_its_parameters(held, error):
    left = held.release(ELSEWHERE, error)
    assert left is not None
    assert (left.owner, left.until, left.state) == (None, None, held.state)
    assert left.unsure is (held.unsure or not isinstance(error, Invalid))


def test_who_lost_the_claim_or_came_after_the_end_changes_nothing():
    assert HELD.release("me", Invalid("no")) is HELD
    done = replace(HELD, state="done")
    assert done.release(ELSEWHERE, Unavailable("gone")) is done


# ---------------------------------------------------------------- what is stored


@pytest.fixture
def claims(host, clock):
    return Claims(host.database, now=lambda: clock.moment)


@pytest.fixture
def claim_write(host, claims):
    """Claim a write of an amount; return its key."""

    def write(key="k", amount="10", **names):
        claimed = ClaimKey(**{"connector": "fake", "organisation_id": "org-1", "action": "pay", "key": key} | names)
        plan = Plan(
            hash=f"hash of {key}", organisation="X", requests=[], amount=None if amount is None else Decimal(amount)
        )
        with host.database.write_transaction() as transaction:
            owner = claims.acquire(transaction, claimed, "{}", plan)
        ownership.forget_owner(owner)
        return claimed

    return write


def spent(host, claims, key, since):
    with host.database.read_transaction() as transaction:
        return claims.sum_amounts(transaction, key, since)


def test_a_day_adds_the_other_writes_of_this_action_in_these_books_alone(host, claims, claim_write, clock):
    began = clock.moment
    mine = claim_write("mine", "1000")
    claim_write("a", "10.50")
    claim_write("b", "-4.50")
    claim_write("c", "100", connector="other")
    claim_write("d", "200", organisation_id="org-2")
    claim_write("e", "400", action="send")
    assert spent(host, claims, mine, began) == Decimal("15.00")
    assert spent(host, claims, mine, clock.moment + timedelta(seconds=1)) == 0
    claim_write("f", None)
    assert spent(host, claims, mine, began) is None


def test_a_claim_is_read_as_it_was_stored_and_freed_or_deleted_with_its_end(host, claims, claim_write):
    key = claim_write()

    def stored():
        with host.database.read_transaction() as transaction:
            return claims.get(transaction, key, "{}")

    first = stored()
    assert (first.action, first.key, first.params, first.state, first.plan_hash) == (
        "pay",
        "k",
        "{}",
        "begun",
        "hash of k",
    )
    assert first.result is None
    with host.database.write_transaction() as transaction:
        claims.release(transaction, key, first.owner, Unavailable("gone"))
    assert (stored().owner, stored().unsure) == (None, True)
    claim_write(amount="12")
    again = stored()
    assert again.unsure is True
    with host.database.write_transaction() as transaction:
        claims.store_result(transaction, key, result("partial", number=Decimal("1.50")))
    assert stored().result.model_dump(mode="json") == result("partial", number=Decimal("1.50")).model_dump(mode="json")
    assert (stored().owner, stored().until) == (None, None)
    with host.database.read_transaction() as transaction:
        assert transaction.execute(sa.select(t.writes.c.amount)).scalars().all() == ["12"]


def test_who_gets_no_claim_leaves_no_owner_behind(host, claims, claim_write):
    key = claim_write()
    with host.database.write_transaction() as transaction:
        working = claims.get(transaction, key, "{}").owner
        ownership._active.add(working)
        before = set(ownership._active)
        with pytest.raises(Conflict):
            claims.acquire(transaction, key, "{}", Plan(hash="h", organisation="X", requests=[]))
    assert ownership._active == before
    ownership.forget_owner(working)


def test_a_refusal_deletes_the_row(host, claims, claim_write):
    key = claim_write()
    with host.database.read_transaction() as transaction:
        owner = claims.get(transaction, key, "{}").owner
    with host.database.write_transaction() as transaction:
        claims.release(transaction, key, owner, Invalid("no"))
    with host.database.read_transaction() as transaction:
        assert claims.get(transaction, key, "{}") is None


def test_writes_without_a_key_are_listed_newest_first(host, claims, claim_write, clock):
    for name in ("hash of x", "hash of y"):
        key = ClaimKey("fake", "org-1", "pay", name)
        with host.database.write_transaction() as transaction:
            ownership.forget_owner(
                claims.acquire(transaction, key, "{}", Plan(hash=name, organisation="X", requests=[]))
            )
        clock.sleep(1)
    claim_write("keyed")
    claim_write("hash of z", organisation_id="org-2")
    with host.database.read_transaction() as transaction:
        assert claims.list_keyless_plans(transaction, key, "{}") == ["hash of y", "hash of x"]
        assert claims.list_keyless_plans(transaction, key, '{"other":1}') == []

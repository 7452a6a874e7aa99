"""Writes through the gateway: planned on request, executed only when approved, and once."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import TypeAdapter

from bizosaas_xero.adapters.brain_gateway import MemoryStore, register_connectors
from bizosaas_xero.adapters.brain_gateway.idempotency import WriteClaims, WriteIntent
from bizosaas_xero.host.actions.claim import Claim
from bizosaas_xero.host.storage import ownership
from bizosaas_xero.spec import ActionResult, Conflict, Invalid, Misconfigured, Unavailable
from contract_tests.helpers.fake_connector import Clock
from contract_tests.helpers.gateway import of_fake
from contract_tests.helpers.ledger_connector import Payer

pytestmark = pytest.mark.xero_sandbox(invoices=150, seed=9)

PARAMS = {"name": "Kiwi & Sons"}


@pytest.fixture
def approval_requests():
    return []


@pytest.fixture
def approving_gateway(start_gateway, approval_requests):
    """A gateway in which a person approves what is in a set of hashes."""
    allowed = set()

    def approve(request):
        approval_requests.append(request)
        return "ann@example.com" if request.plan_hash in allowed else None

    gateway = start_gateway(approve=approve)
    gateway.allowed = allowed
    gateway.connect()
    return gateway


def contacts(gateway, name):
    found = gateway.act("find_contacts", name=name)
    return [each for each in found["data"]["contacts"] if each["name"] == name]


def test_without_an_approver_writes_are_planned_and_not_done(gateway):
    gateway.connect()
    plan = gateway.act("create_contact", **PARAMS, business_key="k-0")
    assert plan["outcome"] == "planned"
    assert plan["plan"]["requests"]
    told = gateway.act("create_contact", mode="commit", plan_hash=plan["plan"]["hash"], business_key="k-0")
    assert (told["status"], told["error"]["reason"]) == ("error", "commit_not_allowed")
    assert contacts(gateway, PARAMS["name"]) == []


def test_a_plan_is_done_when_a_person_approved_it_and_once(approving_gateway, approval_requests):
    params = {"name": "Approved Ltd"}
    plan = approving_gateway.act("create_contact", **params, business_key="k-1")["plan"]
    commit = {"mode": "commit", "plan_hash": plan["hash"], "business_key": "k-1"}
    assert approving_gateway.act("create_contact", **commit)["error"]["reason"] == "not_approved"
    assert contacts(approving_gateway, params["name"]) == []
    assert approval_requests[0].plan == plan  # the approver sees what was planned, not what the caller says
    assert approval_requests[0].params == params
    approving_gateway.allowed.add(plan["hash"])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: approving_gateway.act("create_contact", **commit), range(4)))
    done = [each for each in found if each["status"] == "success"]
    assert done
    assert all(each["outcome"] == "done" for each in done)
    assert {each["error"]["reason"] for each in found if each["status"] == "error"} <= {"in_progress"}
    approval_requests.clear()
    again = approving_gateway.act("create_contact", **commit)
    assert again["repeated"] is True
    assert approval_requests == []
    assert len(contacts(approving_gateway, params["name"])) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"plan_hash": None}, "invalid"),
        ({"business_key": None}, "invalid"),
        ({"mode": "run"}, "mode_not_allowed"),
        ({"plan_hash": "nonsense"}, "plan_unknown"),
        ({"business_key": "another"}, "other_plan"),
        ({"name": "Other Person"}, "other_plan"),
    ],
)
def test_what_is_not_the_plan_is_refused(approving_gateway, changes, reason):
    plan = approving_gateway.act("create_contact", name="Not This", business_key="k-2")["plan"]
    approving_gateway.allowed.add(plan["hash"])
    commit = {"mode": "commit", "plan_hash": plan["hash"], "business_key": "k-2"} | changes
    told = approving_gateway.act("create_contact", **commit)
    assert (told["status"], told["error"]["reason"]) == ("error", reason)


def test_a_plan_of_another_tenant_cannot_be_done(approving_gateway):
    approving_gateway.connect("tenant-2")
    plan = approving_gateway.act("create_contact", name="Theirs", business_key="k-3")["plan"]
    approving_gateway.allowed.add(plan["hash"])
    approving_gateway.tenant = "tenant-2"
    told = approving_gateway.act("create_contact", mode="commit", plan_hash=plan["hash"], business_key="k-3")
    assert told["error"]["reason"] == "plan_unknown"


def test_a_write_whose_answer_was_lost_is_found_and_not_made_again(approving_gateway, shared_sandbox_server):
    params = {"name": "Lost Answer Ltd"}
    plan = approving_gateway.act("create_contact", **params, business_key="k-4")["plan"]
    approving_gateway.allowed.add(plan["hash"])
    commit = {"mode": "commit", "plan_hash": plan["hash"], "business_key": "k-4"}
    shared_sandbox_server.sandbox.faults.add(
        "cut", where="body", match={"path": "/Contacts", "method": "PUT"}, times=50
    )
    told = approving_gateway.act("create_contact", **commit)
    httpx.delete(f"{shared_sandbox_server.url}/_sandbox/faults")
    assert told["outcome"] == "done"
    assert len(contacts(approving_gateway, params["name"])) == 1


@pytest.fixture
def write_claims():
    clock = Clock()
    kept = WriteClaims(MemoryStore(clock.now))
    kept.clock, kept.it = clock, WriteIntent("t", "fake", "org-1", "pay", "k")
    return kept


def fail(write_claims, error):
    with pytest.raises(type(error)), write_claims.claim(write_claims.it, PARAMS):
        raise error


def test_a_refused_write_frees_its_key_and_an_unclear_one_does_not(write_claims):
    fail(write_claims, Invalid("no"))
    assert write_claims.find_result(write_claims.it, {"another": 1}) is None  # free for anything
    fail(write_claims, Unavailable("who knows"))
    fail(write_claims, Invalid("no"))  # the attempt before may have written
    with pytest.raises(Conflict, match="used for another"):
        write_claims.find_result(write_claims.it, {"another": 1})
    with write_claims.claim(write_claims.it, PARAMS) as finish:
        finish(ActionResult(action="pay", status="partial"))
    assert write_claims.find_result(write_claims.it, PARAMS) is None  # what is missing can be done
    with write_claims.claim(write_claims.it, PARAMS) as finish:
        finish(ActionResult(action="pay", status="done", data={"n": 1}))
    assert write_claims.find_result(write_claims.it, PARAMS).data == {"n": 1}
    with pytest.raises(Conflict, match="already"), write_claims.claim(write_claims.it, PARAMS):
        pass


def test_a_write_whose_process_died_can_be_taken_over(write_claims):
    claim = write_claims.claim(write_claims.it, PARAMS)
    claim.__enter__()
    with pytest.raises(Conflict, match="already"), write_claims.claim(write_claims.it, PARAMS):
        pass
    write_claims.clock.sleep(ownership.LEASE_DURATION.total_seconds() + 1)
    fail(write_claims, Invalid("no"))
    with pytest.raises(Conflict, match="used for another"):  # who died may have written
        write_claims.find_result(write_claims.it, {"another": 1})


class Stumbling(MemoryStore):
    """A store that is away when it is next asked."""

    away = False

    def read(self, key):
        if self.away:
            self.away = False
            raise Unavailable("away", reason="store_unavailable")
        return super().read(key)


def test_a_write_that_takes_longer_than_its_lease_is_not_taken_over(monkeypatch):
    monkeypatch.setattr(ownership, "HEARTBEAT_INTERVAL", timedelta(milliseconds=5))
    clock, store, it = Clock(), Stumbling(), WriteIntent("t", "fake", "org-1", "pay", "k")
    store.now = clock.now
    kept = WriteClaims(store)

    def until():
        return MemoryStore.read(store, it.key()).value["until"]

    with kept.claim(it, PARAMS) as finish:
        for _ in range(4):  # twice as long as the lease
            before = until()
            clock.sleep(ownership.LEASE_DURATION.total_seconds() / 2)
            store.away = True  # what fails once is tried again
            give_up = time.monotonic() + 20
            while store.away or until() == before:
                assert time.monotonic() < give_up, "no heartbeat"
                time.sleep(0.005)
            with pytest.raises(Conflict, match="already"), kept.claim(it, PARAMS):
                pytest.fail("a second claim on a write that is being done")
        finish(ActionResult(action="pay", status="done", data={"n": 1}))
    assert kept.find_result(it, PARAMS).data == {"n": 1}


def test_who_lost_the_claim_gives_no_signs_of_life_for_the_next(write_claims, monkeypatch):
    monkeypatch.setattr(ownership, "HEARTBEAT_INTERVAL", timedelta(hours=1))  # suspended, as a machine asleep
    slow = write_claims.claim(write_claims.it, PARAMS)
    slow.__enter__()
    owner = write_claims._store.read(write_claims.it.key()).value["owner"]
    write_claims.clock.sleep(ownership.LEASE_DURATION.total_seconds() + 1)
    with write_claims.claim(write_claims.it, PARAMS) as finish:
        before = TypeAdapter(Claim).validate_python(write_claims._store.read(write_claims.it.key()).value)
        assert before.owner != owner
        assert before.extend(owner, write_claims.clock.now()) is before
        finish(ActionResult(action="pay", status="done", data={"n": 2}))
    slow.__exit__(None, None, None)
    assert write_claims.find_result(write_claims.it, PARAMS).data == {"n": 2}


def test_a_business_key_is_not_used_for_two_things(approving_gateway):
    for number, name in enumerate(("First Of Two", "Second Of Two")):
        plan = approving_gateway.act("create_contact", name=name, business_key="k-5")["plan"]
        approving_gateway.allowed.add(plan["hash"])
        commit = {"mode": "commit", "plan_hash": plan["hash"], "business_key": "k-5"}
        told = approving_gateway.act("create_contact", **commit)
        assert told["status"] == ("success" if number == 0 else "error")
    assert told["error"]["reason"] == "business_key_reused"


def test_a_write_whose_caller_gave_up_is_finished_and_told_when_asked_again():
    there, gate = threading.Event(), threading.Event()
    payer = Payer(Clock(), after=lambda: (there.set(), gate.wait(20)))
    payer.clock.moment = datetime.now(UTC)
    registry, credentials, _ = of_fake(payer, MemoryStore(), approve=lambda _: "ann")

    def pay(**payload):
        made = registry.create_connector("fake", "t", credentials)
        return made.perform_action("pay", {"to": "Kiwi", "business_key": "k", **payload})

    plan = asyncio.run(pay())["plan"]
    commit = {"mode": "commit", "plan_hash": plan["hash"]}

    async def give_up():
        task = asyncio.create_task(pay(**commit))
        await asyncio.to_thread(there.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        busy = await pay(**commit)  # it is still being done
        gate.set()
        return busy

    assert asyncio.run(give_up())["error"]["reason"] == "in_progress"  # its end waits for the thread
    again = asyncio.run(pay(**commit))
    assert (again["outcome"], again["repeated"]) == ("done", True)
    assert len(payer.ledger) == 1


def test_a_read_takes_no_mode(approving_gateway):
    told = approving_gateway.act("get_organisation", mode="commit")
    assert told["error"]["problems"][0]["field"] == "payload.mode"


def test_an_asynchronous_approver_is_refused():
    async def approve(request):
        return None

    with pytest.raises(Misconfigured, match="asynchronous"):
        register_connectors(
            **dict.fromkeys(
                (
                    "base_connector", "connector_config", "connector_type",
                    "connector_status", "oauth_mixin", "registry", "store",
                )
            ),
            approve=approve,
        )  # fmt: skip

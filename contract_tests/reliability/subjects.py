"""What the matrix strikes: each entity's sync and each action, and what must be true of it in the end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest import mock

import stamina
import time_machine

from bizosaas_xero import plugin
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.registry import ACTIONS
from bizosaas_xero.connector.http import transport
from bizosaas_xero.connector.sync.entities import ENTITIES
from bizosaas_xero.sandbox import serve
from contract_tests.connector.actions.test_lookups import EXAMPLES
from contract_tests.helpers.company import MOMENT, Company
from contract_tests.helpers.compare_books import differences
from contract_tests.helpers.write_examples import WRITES

MAX_WAIT = 65.0
SUBJECTS = (*ENTITIES, *ACTIONS)
WRITING = tuple(name for name, row in ACTIONS.items() if issubclass(row, WriteAction))


@contextmanager
def company() -> Iterator[tuple[Company, list[float]]]:
    """Serve small books of their own to one host. Nothing is slept in earnest; what would be is noted."""
    slept: list[float] = []
    with (
        time_machine.travel(MOMENT),
        stamina.set_testing(True, attempts=10, cap=True),
        mock.patch("bizosaas_xero.toolkit.rate_limits.time.sleep", slept.append),
        serve(invoices=60, seed=2, limits=False) as box,
    ):
        at = Company(box)
        at.account.settings["page_size"] = 10
        yield at, slept
        transport.close_clients()


@dataclass
class Subject:
    """A sync or an action: each ``call`` continues from the last; ``wrong`` lists the errors at the end."""

    call: Callable[[], Any]
    restart: Callable[[], None]
    wrong: Callable[[Any], list[str]]


def subject(at: Company, name: str) -> Subject:
    """Return what is to be struck in these books."""
    if name in ENTITIES:
        return _sync(at, name)
    return _write(at, name) if name in WRITING else _read(at, name)


@cache
def requests(name: str) -> int:
    """How many requests a call makes that nothing disturbs."""
    if name in WRITING:
        return _undisturbed(name)[1]
    with company() as (at, _):
        if name in ENTITIES:
            batches = plugin.sync_entity(at.connection(), name, None, {})
            return max(batch.stats.calls for batch in batches)
        return at.act(name, _params(at, name)).calls


def _sync(at: Company, entity: str) -> Subject:
    stored: dict[str, Any] = {}
    state: dict[str, Any] = {"cursor": None, "rejected": 0}

    def call(**options: Any) -> None:
        batches = plugin.sync_entity(at.connection(), entity, state["cursor"], {"max_wait": MAX_WAIT, **options})
        for batch in batches:
            for record in batch.records:
                stored[record.key] = None if record.op == "delete" else record.data
            state["cursor"] = batch.cursor
            state["rejected"] += len(batch.rejected)

    def wrong(_: Any) -> list[str]:
        at.box.sandbox.clock.advance(3600)
        at.account.refresh()
        call(full=bool(state["rejected"]))  # rows reported as unreadable come with the next full read
        return differences(at.store, entity, {key: row for key, row in stored.items() if row is not None})

    return Subject(call, lambda: state.update(cursor=None), wrong)


def _read(at: Company, name: str) -> Subject:
    params = _params(at, name)

    def call() -> Any:
        return at.act(name, params)

    undisturbed = call()

    def wrong(result: Any) -> list[str]:
        again = call()  # rows may have changed under it
        same = result.data in (undisturbed.data, again.data)
        if name == "verify_figures":  # what Xero will not tell is called unsupported, never the reverse
            same = same or result.data["supported"] <= undisturbed.data["supported"]
        same = same or _says_what_it_lacks(result.data, undisturbed.data)
        return [] if same else ["the result is neither what the books were nor what they are"]

    return Subject(call, lambda: None, wrong)


_CHECKS = ("bridge", "tie_out", "ties", "not_tied_because", "currency_split", "pieces", "reconciliation")


def _says_what_it_lacks(data: Any, undisturbed: Any) -> bool:
    """Return whether a result counts the records it leaves out, or has all figures and says what it did not check."""
    if data.get("unreadable", {}).get("count"):
        return True
    if "could not be read" not in str(data):
        return False
    return all(data[name] == value for name, value in undisturbed.items() if name not in _CHECKS)


def _params(at: Company, name: str) -> dict[str, Any]:
    if name == "get_invoice":
        return {"invoice": at.act("find_invoices", {"limit": 1}).data["invoices"][0]["number"]}
    return dict(EXAMPLES[name])


@cache
def _undisturbed(name: str) -> tuple[Counter[str], int]:
    """What a write makes that nothing disturbs, and in how many requests."""
    with company() as (at, _):
        before = _held(at)
        calls = at.act(name, WRITES[name](at), mode="run", business_key="k").calls
        return _made(before, _held(at)), calls


def _write(at: Company, name: str) -> Subject:
    params, (wanted, _) = WRITES[name](at), _undisturbed(name)
    before = _held(at)

    def call() -> Any:
        return at.act(name, params, mode="run", business_key="k")

    def wrong(result: Any) -> list[str]:
        made = _made(before, _held(at))
        found = [f"{key}: {made[key]} for {wanted[key]}" for key in made | wanted if made[key] != wanted[key]]
        if name == "email_invoice" and result.data["emailed"] == "unknown":  # at most once, and it is said
            return [] if made["e-mails"] <= 1 else found
        return found if result.status == "done" else [*found, f"{result.status}: {result.warnings}"]

    return Subject(call, lambda: None, wrong)


_TELLING = ("Type", "PaymentType", "Status", "Reference", "Total", "AmountDue", "Amount", "Name")


def _held(at: Company) -> Counter[str]:
    """All that a write could have made, changed or sent: how many, and what each says."""
    held = Counter(at.holds())
    for entity in ("Contacts", "Invoices", "CreditNotes", "Payments", "BankTransactions"):
        for row in at.rows(entity):
            if entity == "Contacts" and re.search(r"-[0-9]+$", row["Name"]):
                held["Contacts"] -= 1  # one that the fault *rows join* has put in
            else:
                held[" ".join((entity, *(str(row[name]) for name in _TELLING if row.get(name))))] += 1
    return held


def _made(before: Counter[str], after: Counter[str]) -> Counter[str]:
    changes = {name: after[name] - before[name] for name in before | after}
    return Counter({name: change for name, change in changes.items() if change})

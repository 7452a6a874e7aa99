"""Every fault at every entity and action, at every moment: ``python -m contract_tests.reliability.matrix``.

Each cell strikes one call, goes on as a host would that only looks at ``recovery``, and looks at the books in
the end: nothing lost, nothing twice. The command prints the table of docs/reliability.md; it takes minutes.
"""

# ruff: noqa: S311 (which request is struck, not a secret)

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import stamina
import time_machine

from bizosaas_xero import client, plugin
from bizosaas_xero.actions.base import WriteRow
from bizosaas_xero.actions.catalogue import ACTIONS
from bizosaas_xero.entities import ENTITIES
from bizosaas_xero.sandbox import serve
from bizosaas_xero.spec import ConnectorError
from contract_tests.actions.company import Company
from contract_tests.actions.conftest import MOMENT
from contract_tests.actions.examples import WRITES
from contract_tests.actions.test_reads import EXAMPLES
from contract_tests.reliability.books import differences
from contract_tests.reliability.faults import FAULTS, MOMENTS, NOTHING, Strike

MAX_WAIT = 65.0
PARTIAL = "partial"
TURNS = 8


@dataclass(frozen=True)
class Cell:
    """One proof: what goes wrong, when, at what, and at which of its requests."""

    fault: str
    moment: str
    subject: str

    @property
    def seed(self) -> str:
        """What its chance begins from."""
        return f"{self.fault}|{self.moment}|{self.subject}"


@dataclass
class Ending:
    """How a cell went: what the struck call ended in, what it took to go on, and what is wrong in the end."""

    ended: str = NOTHING
    struck: int = 0
    calls: int = 0
    people: int = 0
    told: list[ConnectorError] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def cells() -> list[Cell]:
    """Return the whole matrix."""
    return [
        Cell(name, moment, subject)
        for subject in (*ENTITIES, *ACTIONS)
        for name, fault in FAULTS.items()
        for moment in MOMENTS
        if moment in fault.moments
    ]


def sample() -> list[Cell]:
    """Return a cell for each subject, so chosen that faults and moments come in turn."""
    strikes = [(name, moment) for name, fault in FAULTS.items() for moment in fault.moments]
    subjects = (*ENTITIES, *ACTIONS)
    return [Cell(*strikes[number * 11 % len(strikes)], subject) for number, subject in enumerate(subjects)]


def tried(cell: Cell) -> Ending:
    """Try a cell, in books of its own."""
    with (
        time_machine.travel(MOMENT),
        stamina.set_testing(True, attempts=10, cap=True),
        _quiet() as slept,
        serve(invoices=60, seed=2, limits=False) as box,
    ):
        at = Company(box)
        at.account.settings["page_size"] = 10
        subject = _subject(at, cell.subject)
        ending = _through(at, cell, subject)
        ending.slept = slept
        ending.wrong += _judged(cell, ending)
        client.close()
        return ending


@contextmanager
def _quiet() -> Iterator[list[float]]:
    """Nothing is slept in earnest; what would be is noted."""
    slept: list[float] = []
    with mock.patch("bizosaas_xero.client.time.sleep", slept.append):
        yield slept


# ---------------------------------------------------------------- what is struck


@dataclass
class _Subject:
    """Something to call: each ``call`` goes on from the last; ``wrong`` says what is wrong in the end."""

    requests: int
    call: Callable[[], Any]
    restart: Callable[[], None]
    wrong: Callable[[Any], list[str]]


def _subject(at: Company, name: str) -> _Subject:
    if name in ENTITIES:
        return _sync(at, name)
    return _write(at, name) if isinstance(ACTIONS[name], WriteRow) else _read(at, name)


_PAGES: dict[str, int] = {}


def _sync(at: Company, entity: str) -> _Subject:
    stored: dict[str, Any] = {}
    state: dict[str, Any] = {"cursor": None, "rejected": 0}

    def call(**options: Any) -> None:
        batches = plugin.sync_entity(
            at.connection(), entity, state["cursor"], {"max_wait": MAX_WAIT, **options}
        )
        for batch in batches:
            for record in batch.records:
                stored[record.key] = None if record.op == "delete" else record.data
            state["cursor"] = batch.cursor
            state["rejected"] += len(batch.rejected)

    def wrong(_: Any) -> list[str]:
        at.box.sandbox.clock.advance(3600)
        at.account.refresh()
        call(full=bool(state["rejected"]))  # what was told as unreadable comes with the next whole read
        return differences(at.store, entity, {key: row for key, row in stored.items() if row is not None})

    if entity not in _PAGES:
        _PAGES[entity] = max(
            batch.stats.calls for batch in plugin.sync_entity(at.connection(), entity, None, {})
        )
    return _Subject(_PAGES[entity], call, lambda: state.update(cursor=None), wrong)


def _read(at: Company, name: str) -> _Subject:
    params = dict(EXAMPLES[name])
    if name == "get_invoice":
        params = {"invoice": at.act("find_invoices", {"limit": 1}).data["invoices"][0]["number"]}

    def call() -> Any:
        return at.act(name, params)

    undisturbed = call()

    def wrong(result: Any) -> list[str]:
        again = call()  # rows may have changed under it
        same = result.data in (undisturbed.data, again.data)
        if (
            name == "verify_figures"
        ):  # what Xero will not tell is said to be unsupported, and never the reverse
            same = same or result.data["supported"] <= undisturbed.data["supported"]
        return [] if same else ["the result is neither what the books were nor what they are"]

    return _Subject(undisturbed.calls, call, lambda: None, wrong)


_UNDISTURBED: dict[str, tuple[Counter[str], int]] = {}


def _write(at: Company, name: str) -> _Subject:
    params = WRITES[name](at)
    if name not in _UNDISTURBED:
        with serve(invoices=60, seed=2, limits=False) as box:
            twin = Company(box)
            before = twin.holds()
            calls = twin.act(name, params, mode="run", business_key="k").calls
            _UNDISTURBED[name] = (_made(before, twin.holds()), calls)
    wanted, calls = _UNDISTURBED[name]
    before = at.holds()

    def call() -> Any:
        return at.act(name, params, mode="run", business_key="k")

    def wrong(result: Any) -> list[str]:
        made = _made(before, at.holds())
        made["Contacts"] -= joined(at)
        found = [f"{key}: {made[key]} for {wanted[key]}" for key in made | wanted if made[key] != wanted[key]]
        if name == "email_invoice" and result.data["emailed"] == "unknown":  # at most once, and it is said
            return [] if made["e-mails"] <= 1 else found
        return found if result.status == "done" else [*found, f"{result.status}: {result.warnings}"]

    return _Subject(calls, call, lambda: None, wrong)


def _made(before: Mapping[str, int], after: Mapping[str, int]) -> Counter[str]:
    changes = {name: after.get(name, 0) - before.get(name, 0) for name in before | after}
    return Counter({name: change for name, change in changes.items() if change})


def joined(at: Company) -> int:
    """How many contacts the fault *rows join* has put in."""
    return sum("-" in row["Name"] and row["Name"].rsplit("-", 1)[1].isdigit() for row in at.rows("Contacts"))


# ---------------------------------------------------------------- how a host goes on


def _through(at: Company, cell: Cell, subject: _Subject) -> Ending:
    fault = FAULTS[cell.fault]
    number = random.Random(cell.seed).randint(1, subject.requests)
    strike, ending = Strike(at.box, fault, cell.moment, number), Ending()
    for turn in range(TURNS):
        ending.calls += 1
        try:
            if turn == 0:
                with strike.striking():
                    result = subject.call()
            else:
                result = subject.call()
        except ConnectorError as error:
            ending.told.append(error)
            if turn == 0:
                ending.ended = f"{error.code}/{error.recovery}"
            at.box.sandbox.faults.clear()
            _go_on(at, fault, error, subject, ending)
            continue
        at.box.sandbox.faults.clear()
        ending.struck = strike.struck
        if getattr(result, "status", "") == PARTIAL and turn == 0:
            ending.ended = PARTIAL  # the same call again does what is missing
            _renew(at, fault, ending)
            continue
        _renew(at, fault, ending)
        ending.wrong += subject.wrong(result)
        return ending
    ending.wrong.append(f"not done after {TURNS} calls: {ending.told[-1]!r}")
    return ending


def _go_on(at: Company, fault: Any, error: ConnectorError, subject: _Subject, ending: Ending) -> None:
    if error.recovery == "refresh":
        _renew(at, fault, ending)
    elif error.recovery in {"wait", "retry"}:
        at.box.sandbox.clock.advance(error.retry_after or 2.0)
        _renew(at, fault, ending)
    elif error.recovery == "restart":
        subject.restart()
    else:
        ending.people += 1
        at.account.connect(organisations=[at.id])


def _renew(at: Company, fault: Any, ending: Ending) -> None:
    """Refresh the grant, whose answer may be lost; a person connects again where that is refused."""
    if fault.refresh:
        at.box.sandbox.faults.add("lost_refresh")
    try:
        at.account.refresh()
        reached = {
            row["id"]
            for row in at.account.auth("organisations", grant=at.account.grant).model_dump()["organisations"]
        }
    except ConnectorError as error:
        ending.told.append(error)
        reached = set()
    at.box.sandbox.faults.clear()
    if at.id not in reached:
        ending.people += 1
        at.account.connect(organisations=[at.id])


# ---------------------------------------------------------------- judgement


def _judged(cell: Cell, ending: Ending) -> list[str]:
    """Say what is wrong with the way that led to the end."""
    fault, wrong = FAULTS[cell.fault], []
    allowed = fault.ends if fault.lasting is False or cell.moment != "after" else (*fault.ends, NOTHING)
    if ending.struck == 0:
        wrong.append("nothing was struck")
    if ending.ended not in {*allowed, PARTIAL}:
        wrong.append(f"ended in {ending.ended or 'nothing'}")
    if ending.people and not fault.person and not ending.ended.endswith(("/fix", "/none", "/reconnect")):
        wrong.append("a person was needed")
    if sum(ending.slept) > MAX_WAIT:
        wrong.append(f"a worker slept {sum(ending.slept)} s")
    for error in ending.told:
        if not (error.message and error.remedy):
            wrong.append(f"{error!r} does not say what to do")
        if error.code == "rate_limited" and not (error.retry_after and 0 < error.retry_after <= 86_400):
            wrong.append(f"{error!r} does not say how long to wait")
        if cell.fault == "day limit" and error.code == "rate_limited" and error.retry_after != 40_000:
            wrong.append(f"waits {error.retry_after} s where Xero said 40,000")
    return wrong


# ---------------------------------------------------------------- the table


def table(endings: dict[Cell, Ending]) -> str:
    """Return the matrix, one row a fault and moment, as Markdown."""
    lines = ["| Fault | Moment | Overcome by the call itself | Else it ends in | By a person | Cells |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for name, fault in FAULTS.items():
        for moment in fault.moments:
            found = [
                ending for cell, ending in endings.items() if (cell.fault, cell.moment) == (name, moment)
            ]
            alone = sum(ending.ended == NOTHING for ending in found)
            ends = sorted({f"`{ending.ended}`" for ending in found if ending.ended})
            people = sum(bool(ending.people) for ending in found)
            lines.append(
                f"| {name} | {moment} | {alone} | {', '.join(ends) or '-'} | {people or '-'} | {len(found)} |"
            )
    return "\n".join(lines)


def main() -> int:
    """Try every cell, and print the table."""
    endings, bad = {}, 0
    for cell in cells():
        endings[cell] = ending = tried(cell)
        if ending.wrong:
            bad += 1
            sys.stderr.write(f"{cell}: {ending.wrong}\n")
    sys.stdout.write(f"{table(endings)}\n\n{len(endings)} cells, {bad} wrong\n")
    return bool(bad)


if __name__ == "__main__":
    raise SystemExit(main())

"""Every fault at each request of each call, at every moment: ``python -m contract_tests.reliability.matrix``.

Each cell strikes one request of one call, continues as a host that decides on ``recovery`` alone, and compares
the books at the end: nothing lost, nothing twice. The command prints the tables of docs/reliability.md; it
takes some ten minutes.
"""

# ruff: noqa: S311 (which request is struck, not a secret)

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from unittest import mock

from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.company import Company
from contract_tests.reliability.faults import FAULTS, MOMENTS, NOTHING, Fault, Strike
from contract_tests.reliability.subjects import (
    MAX_WAIT,
    SUBJECTS,
    WRITING,
    Subject,
    company,
    requests,
    subject,
)

PARTIAL = "partial"
KEPT = ("ended", "struck", "people", "wrong")
"""What of an ending the tables need."""

TURNS = 8
STRIKES = [(name, moment) for name, fault in FAULTS.items() for moment in MOMENTS if moment in fault.moments]


@dataclass(frozen=True)
class Cell:
    """One proof: what goes wrong, when, at what, and at which of its requests, from 1."""

    fault: str
    moment: str
    subject: str
    request: int


@dataclass
class Ending:
    """The result of a cell: how the struck call ended, the recovery it took, and what is wrong at the end."""

    ended: str = NOTHING
    struck: int = 0
    calls: int = 0
    people: int = 0
    errors: list[ConnectorError] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


OTHER_ENDS = {
    # Xero's report is only compared with: without it the list is given, with the reason.
    "get_aged_receivables": (NOTHING,),
    "get_aged_payables": (NOTHING,),
    # What it reads between announcing and making differs then from its plan: plan again.
    "create_credit_note": ("conflict/restart",),
}
"""In what else the calls of a subject may end, whatever the fault."""


def cells(name: str) -> list[Cell]:
    """Return every cell of a subject: each fault at each moment, at each request of its undisturbed call."""
    return [Cell(*strike, name, number) for strike in STRIKES for number in range(1, requests(name) + 1)]


def sample(name: str) -> list[Cell]:
    """Return a few cells of a subject, the same each time: a write is struck at each request, others at one.

    Faults and moments come in turn.
    """
    first, all_of_it = SUBJECTS.index(name) * 9, range(1, requests(name) + 1)
    struck = all_of_it if name in WRITING else [random.Random(name).choice(all_of_it)]
    return [Cell(*STRIKES[(first + number) * 11 % len(STRIKES)], name, number) for number in struck]


def try_cell(cell: Cell) -> Ending:
    """Try a cell, in books of its own."""
    with company() as (at, slept):
        ending = _run_cell(at, cell, subject(at, cell.subject))
    ending.slept = slept
    ending.wrong += _find_errors(cell, ending)
    return ending


def try_cells(chosen: Iterable[Cell], processes: int = 0, kept: Path | None = None) -> dict[Cell, Ending]:
    """Try cells in several processes; by default two for each processor, as half of a cell is waiting.

    Args:
        chosen: The cells.
        processes: How many.
        kept: A file of endings that an earlier run of the same code left when it was stopped; further ones are added.
    """
    chosen = list(dict.fromkeys(chosen))
    wanted = set(chosen)
    endings = {cell: ending for cell, ending in _read_endings(kept) if cell in wanted}
    left = [cell for cell in chosen if cell not in endings]
    with (
        ProcessPoolExecutor(processes or 2 * (os.cpu_count() or 1), get_context("forkserver")) as pool,
        kept.open("a", encoding="utf-8") if kept else nullcontext() as file,
    ):
        for cell, ending in zip(left, pool.map(try_cell, left, chunksize=4), strict=True):
            endings[cell] = ending
            if file is not None:
                file.write(json.dumps([vars(cell), {name: getattr(ending, name) for name in KEPT}]) + "\n")
                file.flush()
            if len(endings) % 500 == 0:
                sys.stderr.write(f"{len(endings):,} of {len(chosen):,} cells\n")
    return {cell: endings[cell] for cell in chosen}


def _read_endings(kept: Path | None) -> Iterator[tuple[Cell, Ending]]:
    if kept is not None and kept.exists():
        for line in kept.read_text(encoding="utf-8").splitlines():
            cell, ending = json.loads(line)
            yield Cell(**cell), Ending(**ending)


# ---------------------------------------------------------------- how a host continues


def _run_cell(at: Company, cell: Cell, called: Subject) -> Ending:
    fault = FAULTS[cell.fault]
    strike, ending = Strike(at.box, fault, cell.moment, cell.request), Ending()
    for turn in range(TURNS):
        ending.calls += 1
        try:
            if turn == 0:
                with strike.striking(), mock.patch.dict(at.account.settings, _settings(fault)):
                    result = called.call()
            else:
                result = called.call()
        except ConnectorError as error:
            ending.errors.append(error)
            if turn == 0:
                ending.ended = f"{error.code}/{error.recovery}"
            at.box.sandbox.faults.clear()
            _recover(at, fault, error, called, ending)
            continue
        except Exception as error:  # noqa: BLE001 (no host expects it: it is recorded as wrong)
            ending.wrong.append(f"{error!r}")
            return ending
        finally:
            ending.struck = strike.struck
        at.box.sandbox.faults.clear()
        if getattr(result, "status", "") == PARTIAL and turn == 0:
            ending.ended = PARTIAL  # the same call again does what is missing
            _renew(at, fault, ending)
            continue
        _renew(at, fault, ending)
        ending.wrong += called.wrong(result)
        return ending
    ending.wrong.append(f"not done after {TURNS} calls: {ending.errors[-1]!r}")
    return ending


def _recover(at: Company, fault: Fault, error: ConnectorError, called: Subject, ending: Ending) -> None:
    if error.recovery == "refresh":
        _renew(at, fault, ending)
    elif error.recovery in {"wait", "retry"}:
        at.box.sandbox.clock.advance(error.retry_after or 2.0)
        _renew(at, fault, ending)
    elif error.recovery == "restart":
        called.restart()
    elif fault.person:
        ending.people += 1
        at.account.connect(organisations=[at.id])
    else:  # a host probes what seems to need a person, at first hourly, and finds that it has healed
        at.box.sandbox.clock.advance(3600)
        _renew(at, fault, ending)


def _settings(fault: Fault) -> dict[str, float]:
    return {} if fault.timeout is None else {"timeout": fault.timeout}


def _renew(at: Company, fault: Fault, ending: Ending) -> None:
    """Refresh the grant, whose answer may be lost; a person connects again where that is refused."""
    if fault.refresh:
        at.box.sandbox.faults.add("lost_refresh")
    try:
        at.account.refresh()
        reached = {
            row["id"] for row in at.account.auth("organisations", grant=at.account.grant).model_dump()["organisations"]
        }
    except ConnectorError as error:
        ending.errors.append(error)
        reached = set()
    at.box.sandbox.faults.clear()
    if at.id not in reached:
        ending.people += 1
        at.account.connect(organisations=[at.id])


# ---------------------------------------------------------------- judgement


def _find_errors(cell: Cell, ending: Ending) -> list[str]:
    """Say what is wrong with the way that led to the end."""
    fault, wrong = FAULTS[cell.fault], []
    allowed = fault.ends if fault.lasting is False or cell.moment != "after" else (*fault.ends, NOTHING)
    allowed = (*allowed, *OTHER_ENDS.get(cell.subject, ()))
    if ending.struck == 0 and cell.moment != "body":  # an answer may have no body to damage
        wrong.append("nothing was struck")
    if ending.ended not in {*allowed, PARTIAL}:
        wrong.append(f"ended in {ending.ended or 'nothing'}")
    if ending.people and not fault.person:
        wrong.append("a person was needed")
    if sum(ending.slept) > MAX_WAIT:
        wrong.append(f"a worker slept {sum(ending.slept)} s")
    for error in ending.errors:
        if not (error.message and error.remedy):
            wrong.append(f"{error!r} does not say what to do")
        if error.code == "rate_limited" and not (error.retry_after and 0 < error.retry_after <= 86_400):
            wrong.append(f"{error!r} does not say how long to wait")
        if cell.fault == "day limit" and error.code == "rate_limited" and error.retry_after != 40_000:
            wrong.append(f"waits {error.retry_after} s where Xero said 40,000")
    return wrong


# ---------------------------------------------------------------- the tables


def table(endings: dict[Cell, Ending]) -> str:
    """Return the matrix, one row a fault and moment, and the calls that were struck, as Markdown.

    A cell whose fault struck no request is not counted.
    """
    endings = {cell: ending for cell, ending in endings.items() if ending.struck}
    lines = ["| Fault | Moment | Overcome by the call itself | Else it ends in | Person needed | Cells |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for name, moment in STRIKES:
        found = [ending for cell, ending in endings.items() if (cell.fault, cell.moment) == (name, moment)]
        alone = sum(ending.ended == NOTHING for ending in found)
        ends = sorted({f"`{ending.ended}`" for ending in found if ending.ended})
        people = sum(bool(ending.people) for ending in found)
        lines.append(f"| {name} | {moment} | {alone} | {', '.join(ends) or '-'} | {people or '-'} | {len(found)} |")
    lines += ["", "| Struck | Requests of a call | Cells | Wrong |", "| --- | --- | --- | --- |"]
    for name in SUBJECTS:
        found = [ending for cell, ending in endings.items() if cell.subject == name]
        wrong = sum(bool(ending.wrong) for ending in found)
        lines.append(f"| `{name}` | {requests(name)} | {len(found)} | {wrong} |")
    return "\n".join(lines)


def try_all(
    processes: int = 0, names: Iterable[str] = SUBJECTS, kept: Path | None = None
) -> tuple[dict[Cell, Ending], bool]:
    """Try every cell of these subjects, report errors on stderr, and return the endings and whether all are right."""
    began = time.monotonic()
    endings = try_cells((cell for name in names for cell in cells(name)), processes, kept)
    bad = {cell: ending.wrong for cell, ending in endings.items() if ending.wrong}
    for cell, complaints in bad.items():
        sys.stderr.write(f"{cell}: {complaints}\n")
    seconds = time.monotonic() - began
    struck = sum(ending.struck > 0 for ending in endings.values())
    sys.stderr.write(f"{len(endings):,} cells, {struck:,} struck, {len(bad)} wrong, in {seconds:.0f} s\n")
    return endings, not bad


def main() -> int:
    """Try every cell, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--only", action="append", choices=SUBJECTS, help="entity or action; all by default")
    options = parser.parse_args()
    endings, good = try_all(options.processes, options.only or SUBJECTS)
    sys.stdout.write(f"{table(endings)}\n")
    return not good


if __name__ == "__main__":
    raise SystemExit(main())

"""Twenty organisations in trouble: ``python -m contract_tests.reliability.soak --minutes 10 --seed 1``.

A sandbox has six organisations, so four of them run, each with its own books, app and person, and five
organisations of each are connected to one host. Worker processes sync and write in them, while requests are
struck by faults, rows change, tokens die and workers are killed. Then the noise ends, and what was begun is
finished. In the end every table equals its sandbox, every grant works, every business key was done once, and
the audit is whole; and most calls succeeded meanwhile, for a soak in which nothing works proves nothing.
"""

# ruff: noqa: S311 (chance, not secrets)

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bizosaas_xero.connector.sync.entities import ENTITIES
from bizosaas_xero.host import Host
from bizosaas_xero.sandbox import SandboxServer, serve
from bizosaas_xero.spec import App, ConnectorError
from contract_tests.helpers import processes
from contract_tests.helpers.compare_books import differences
from contract_tests.reliability.soak_work import ACTIONS, BUSY, Intent, intents, made, opened, work

SANDBOXES, EACH = 4, 5
WORKERS = 3
STRUCK = 30.0
"""Planned for a hundred requests; a call sends some five. By the minute, slow machines would get too many."""

CHANGES, KILLS = 100.0, 8.0
"""Per minute: what people do in Xero meanwhile, and workers that are killed."""

LEAST = 0.6
"""The share of calls that must succeed while the noise lasts."""

WRITE, SIGN_IN = {"match": {"method": "PUT"}}, {"match": {"path": "/connect/token"}}
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "late answer": ("latency", {"seconds": 0.2}),
    "minute limit": ("rate_limit", {"problem": "minute", "retry_after": 1}),
    "day limit": ("rate_limit", {"problem": "day", "retry_after": 40_000}),
    "too many at once": ("rate_limit", {"problem": "concurrent", "retry_after": None, "body": "empty"}),
    "500": ("status", {"status": 500}),
    "502": ("status", {"status": 502, "body": "html"}),
    "offline": ("status", {"status": 503}),
    "empty 200": ("status", {"status": 200, "body": "empty"}),
    "cut": ("cut", {}),
    "cut in the body": ("cut", {"where": "body"}),
    "cut before a write": ("cut", WRITE),
    "answer of a write lost": ("lost_refresh", {"match": {"path": "/api.xro/", "method": "PUT"}}),
    "malformed": ("malformed", {}),
    "truncated": ("truncated", {}),
    "redirect": ("redirect", {}),
    "token dies": ("expire_token", {}),
    "refresh lost": ("lost_refresh", {}),
    "sign-in cut": ("cut", SIGN_IN),
    "sign-in 503": ("status", {"status": 503} | SIGN_IN),
}
"""All but what only a person mends, and unreadable rows: the matrix has those."""

OF_NO_ORGANISATION = frozenset({"refresh lost", "sign-in cut", "sign-in 503"})


@dataclass
class Report:
    """What happened, and what is wrong in the end.

    Args:
        calls: Of workers, by kind: how many succeeded, failed, or found another at it.
        told: Why calls failed, by reason.
        struck: Requests that a fault struck, by fault.
    """

    seconds: float = 0.0
    organisations: int = 0
    calls: dict[str, Counter[str]] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)
    struck: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FAULTS, 0))
    kills: int = 0
    changes: int = 0
    requests: int = 0
    rows: int = 0
    keys: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def succeeded(self) -> float:
        """The share of calls that did what was asked, of those that did not find another at it."""
        ended = sum(self.calls.values(), Counter[str]())
        tries = ended["succeeded"] + ended["failed"]
        return round(ended["succeeded"] / tries, 3) if tries else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {"succeeded": self.succeeded, **vars(self)}


def tell(report: Report, home: Path) -> None:
    """Put into the report how the workers' calls went, from their diaries."""
    for diary in home.glob("diary-*"):
        for line in diary.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):  # half a line of one that was killed
                noted = json.loads(line)
                told, ended = noted["told"], report.calls.setdefault(noted["did"], Counter())
                ended["succeeded" if not told else "busy" if told in BUSY else "failed"] += 1
                report.told.update([told] if told and told not in BUSY else [])
                report.wrong += [noted["wrong"]] if noted["wrong"] else []
    if report.succeeded < LEAST:
        report.wrong.append(f"only {report.succeeded:.0%} of the calls succeeded")


class Soak:
    """One run.

    Args:
        home: The host's folder.
        seed: The same gives the same books and the same chances.
        struck: How many of a hundred requests are struck.
        environ: Where the host's database is; SQLite in its folder if it does not say.
        sandboxes: How many there are, with five organisations each.
    """

    def __init__(
        self,
        home: Path,
        seed: int,
        struck: float = STRUCK,
        environ: dict[str, str] | None = None,
        sandboxes: int = SANDBOXES,
    ) -> None:
        self._home, self._environ, self._seed = home, environ or {}, seed
        self._struck, self._sandboxes = struck, sandboxes
        self._chance = random.Random(seed)
        self._planned: list[tuple[str, Any]] = []
        self._boxes: list[SandboxServer] = []
        self._where: dict[str, tuple[SandboxServer, str]] = {}
        self._intents: list[Intent] = []
        self._report = Report()

    def run(self, minutes: float) -> Report:
        """Make noise for so long, then see to it that all is finished, and compare."""
        began = time.monotonic()
        with ExitStack() as stack:
            for number in range(self._sandboxes):
                box = stack.enter_context(serve(invoices=60, seed=self._seed * 100 + number, per_day=10**6))
                box.sandbox.limits.per_minute = 10**6
                box.sandbox.switches.multi_select = True
                self._boxes.append(box)
            with opened(self._home, self._environ) as host:
                for box in self._boxes:
                    self._connect(host, box, invoices=2 + round(minutes))
                self._report.organisations = len(self._where)
                self._noise(minutes * 60)
                self._finish(host)
                self._compare(host)
        self._report.seconds = round(time.monotonic() - began, 1)
        return self._report

    # ------------------------------------------------------------ the beginning

    def _connect(self, host: Host, box: SandboxServer, invoices: int) -> None:
        organisations = [each["id"] for each in box.info["organisations"][:EACH]]
        known = box.info["apps"]["web"]
        app = App(
            client_id=known["client_id"],
            client_secret=known["client_secret"],
            redirect_uri="http://localhost:8377/callback",
        )
        settings = {name: box.info[name] for name in ("api_url", "identity_url", "login_url")}
        settings |= {"calls_per_minute": 0, "page_size": 20, "timeout": 20}
        url = host.connections.begin_consent("xero", app, settings=settings)
        offer = host.connections.finish_consent(box.sandbox.consent(url, organisations=organisations))
        for organisation in organisations:
            kept = host.connections.choose(offer, organisation, settings)
            host.configure(kept.id, {"policy": {action: {"run": "always"} for action in ACTIONS}})
            self._where[kept.id] = (box, organisation)
            self._intents += intents(box, kept.id, organisation, invoices)

    # ------------------------------------------------------------ the noise

    def _noise(self, seconds: float) -> None:
        stop = self._home / "stop"
        given = [vars(intent) for intent in self._intents]
        numbers = iter(range(10**6))

        def begin() -> Any:
            seed = self._seed * 1000 + next(numbers)
            return processes.started(work, self._home, self._environ, seed, list(self._where), given, str(stop))

        workers = [begin() for _ in range(WORKERS)]

        def kill() -> None:
            victim = self._chance.randrange(WORKERS)
            self._collect(workers[victim], killed=True)
            workers[victim] = begin()

        processes.until(lambda: len(list(self._home.glob("diary-*"))) == WORKERS, seconds=60)
        end, quiet = time.monotonic() + seconds, self._requests()
        while time.monotonic() < end:
            time.sleep(self._chance.uniform(0.02, 0.1))  # a thousand times a minute
            if self._chance.random() < CHANGES / 1000:
                self._change()
            if self._chance.random() < KILLS / 1000:
                kill()
            while self._planned_strikes() < (self._requests() - quiet) * self._struck / 100:
                self._strike()
        for box in self._boxes:
            box.sandbox.faults.clear()
        stop.touch()
        for worker in workers:
            self._collect(worker)
        for name, fault in self._planned:
            self._report.struck[name] += fault.struck
        tell(self._report, self._home)

    def _planned_strikes(self) -> int:
        return sum(fault.times for _, fault in self._planned)

    def _requests(self) -> int:
        return sum(len(box.sandbox.log) for box in self._boxes)

    def _strike(self) -> None:
        box, organisation = self._chance.choice(list(self._where.values()))
        name = self._chance.choice(list(FAULTS))
        kind, details = FAULTS[name]
        match = {} if name in OF_NO_ORGANISATION else {"tenant": organisation}
        given = details | {"match": match | details.get("match", {}), "after": self._chance.randint(0, 3)}
        self._planned.append((name, box.sandbox.faults.add(kind, times=self._chance.randint(1, 2), **given)))

    def _change(self) -> None:
        box, organisation = self._chance.choice(list(self._where.values()))
        store = box.sandbox.store(organisation)
        what = self._chance.choice(("Invoices", "Contacts", "BankTransactions", "Accounts"))
        table = store.table(what)
        guid = table.id(self._chance.choice(table.by_id))
        if what == "Invoices" and store.get(what, guid)["Status"] == "AUTHORISED":
            return  # one that is to be paid, or was just made
        self._report.changes += 1
        if self._chance.random() < 0.3 and what in {"Contacts", "BankTransactions"}:
            store.insert(what)
        else:
            changed = {"Contacts": "FirstName", "Accounts": "Description"}.get(what, "Reference")
            store.edit(what, guid, {changed: f"change {self._chance.random()}"})

    def _collect(self, worker: Any, *, killed: bool = False) -> None:
        process, _ = worker
        if killed:
            process.kill()
            self._report.kills += 1
        process.join(120)
        if process.is_alive():
            process.kill()
            self._report.wrong.append("a worker hung")
        elif process.exitcode and not killed:
            self._report.wrong.append(f"a worker ended with {process.exitcode}")

    # ------------------------------------------------------------ the end

    def _finish(self, host: Host) -> None:
        for intent in self._intents:
            for _ in range(3):
                try:
                    outcome = host.act(
                        intent.connection,
                        intent.action,
                        intent.params,
                        requester="soak",
                        business_key=intent.key,
                    )
                except ConnectorError as error:
                    problem = f"{intent.key}: {error!r}"
                    time.sleep(min(error.retry_after or 0, 2))
                    continue
                problem = "" if outcome.status == "done" else f"{intent.key}: {outcome.to_dict()}"
                break
            if problem:
                self._report.wrong.append(problem)

    def _compare(self, host: Host) -> None:
        for connection, (box, organisation) in self._where.items():
            store = box.sandbox.store(organisation)
            for entity in ENTITIES:
                # the first may end a read that was begun long ago; the second brings what changed behind it
                host.runner.sync(connection, entity, patience=60)
                outcome = host.runner.sync(connection, entity, patience=60)
                if outcome.problem or outcome.complete is False:
                    self._report.wrong.append(f"{connection} {entity}: {outcome.problem or 'incomplete'}")
                stored = {
                    str(record[ENTITIES[entity].key]).lower(): record
                    for record in host.sink.iter_records(organisation, entity)
                }
                self._report.rows += len(stored)
                self._report.wrong += differences(store, entity, stored)
        for intent in self._intents:
            box, organisation = self._where[intent.connection]
            times = made(box, organisation, intent)
            self._report.keys += 1
            if times != 1:
                self._report.wrong.append(f"{intent.key} was done {times} times")
        if not host.audit.verify().ok:
            self._report.wrong.append("the audit's chain is broken")
        self._report.requests = self._requests()
        for box in self._boxes:
            if box.sandbox.limits.peak > box.sandbox.limits.at_once:
                self._report.wrong.append(f"{box.sandbox.limits.peak} requests in flight at once")


def main() -> int:
    """Run a soak from the command line, and print its report as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--struck", type=float, default=STRUCK, help="of a hundred requests")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Soak(Path(folder) / "home", asked.seed, asked.struck).run(asked.minutes)
    sys.stdout.write(json.dumps(report.to_dict(), indent=2) + "\n")
    return bool(report.wrong)


if __name__ == "__main__":
    raise SystemExit(main())

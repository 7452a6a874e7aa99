"""Hostile histories of a host with a database: servers that lie, processes that are killed, clocks that are wrong.

People change the books; the host syncs them, in a process that may die at any statement or request; Xero's side
answers with 304s, damaged rows, contradicting counts, broken bodies and times that are hours off. When the lies have
ended, each difference between the tables and the books must have a name: a row that is listed as rejected; one that was
changed without a timestamp; or one that got a timestamp of the past, because Xero's clock was behind between two reads
and right at both. After the weekly re-read there is none.
"""

# ruff: noqa: S311 (chance, not secrets)

from __future__ import annotations

import json
import os
import random
import re
import signal
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import time_machine

from bizosaas_xero.connector.http import transport
from bizosaas_xero.connector.sync.entities import ENTITIES
from bizosaas_xero.host import Host, discover, open_host
from bizosaas_xero.host.sync.run_state import SyncOutcome
from bizosaas_xero.sandbox import SandboxServer
from contract_tests.helpers import processes
from contract_tests.helpers.compare_books import differences, theirs

NAMES = list(ENTITIES)
HOUR, DAY = 3600, 86_400
BEGIN = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
_DIED = 41
_CHILD_SECONDS = 120
_MOMENTS = 90
"""A sync of these small books makes some 30 to 150 statements and requests; it is killed at one of the first."""

LIES: list[tuple[str, dict[str, Any]]] = [
    ("status", {"status": 304, "body": "empty"}),
    ("status", {"status": 304, "body": "empty"}),
    ("status", {"status": 204, "body": "empty"}),
    ("status", {"status": 503}),
    ("status", {"status": 403, "body": "html"}),
    ("bad_row", {"field": "UpdatedDateUTC"}),
    ("bad_row", {"field": "Date"}),
    ("bad_row", {}),
    *(("malformed", {"how": how}) for how in ("syntax", "surrogate", "utf8", "control", "nan", "huge")),
    ("truncated", {}),
    ("cut", {"where": "body"}),
    ("contradict", {"by": -5}),
    ("contradict", {"by": 5}),
    ("clock_ahead", {"seconds": 2 * HOUR}),
    ("clock_ahead", {"seconds": -2 * HOUR}),
    ("expire_token", {}),
    ("rate_limit", {"problem": "minute", "retry_after": 2}),
]
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FIELDS = {"contacts": "FirstName", "accounts": "Description"}


class History:
    """One history, drawn from a seed."""

    def __init__(self, seed: int, box: SandboxServer, home: Path, environ: Mapping[str, str]) -> None:
        self.rng, self.box, self.home, self.environ = random.Random(seed), box, home, dict(environ)
        self.store = box.sandbox.store()
        self.done: Counter[str] = Counter()
        self.blind: dict[str, set[str]] = {name: set() for name in NAMES}
        self.behind: dict[str, set[str]] = {name: set() for name in NAMES}
        self.number = 0

    def run(self, steps: int) -> Counter[str]:
        """Live through a number of steps, and compare tables and books; return what happened how often."""
        self.box.sandbox.clock.shift = self.rng.choice((0.0, 0.0, 2 * HOUR, -2 * HOUR, 1800.0))
        with time_machine.travel(BEGIN, tick=True) as traveller, self.open() as self.host:
            self.traveller = traveller
            self.connection = processes.connect(self.host, self.box, page_size=9)
            entities = self.rng.sample(NAMES, 2)
            for _ in range(steps):
                self.rng.choice((self.change, self.change, self.lie, self.lie, self.wait, self.kill, self.skew))(
                    self.rng.choice(entities)
                )
            self.end(entities)
        self.box.sandbox.faults.clear()
        return self.done

    def open(self) -> Host:
        """Open the host on the database of this history."""
        return open_host(self.home, report=discover(["xero"]), environ=self.environ, sleep=self.pass_time)

    def pass_time(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self.traveller.shift(seconds)

    # ------------------------------------------------------------ steps

    def change(self, name: str) -> None:
        """A person changes, adds, voids, archives or deletes."""
        self.number += 1
        table, keys = ENTITIES[name].path, sorted(theirs(self.store, name))
        key, kind = self.rng.choice(keys), {"invoices": {"Type": "ACCREC"}, "bills": {"Type": "ACCPAY"}}.get(name, {})
        what = self.rng.choice(("edit", "edit", "edit", "blind", "insert", "end"))
        self.done[what] += 1
        self.note_behind(name, key)
        if what in {"edit", "blind"}:
            changes = {FIELDS.get(name, "Reference"): f"change {self.number}"}
            self.store.edit(table, key, changes, blind=what == "blind")
            if what == "blind" and name != "accounts":  # a list that is read whole shows it
                self.blind[name].add(key)
        elif what == "insert" and name != "accounts":
            self.note_behind(name, self.store.insert(table, kind))
        elif name in {"contacts", "accounts"}:
            self.store.archive(table, key)
        elif name in {"invoices", "bills"}:
            self.store.edit(table, key, {"Status": "VOIDED"})

    def note_behind(self, name: str, *keys: str) -> None:
        """Note rows that are changed while Xero's clock is behind: a sync meanwhile finds them, a later one may not."""
        if self.box.sandbox.clock.shift < 0:
            self.behind[name].update(keys)

    def sync(self, name: str, *, full: bool = False) -> SyncOutcome:
        """Sync in this process."""
        outcome = self.host.runner.sync(self.connection, name, full=full)
        if outcome.problem is None and outcome.complete is not False and self.box.sandbox.clock.shift < 0:
            self.behind[name].clear()
        return outcome

    def lie(self, name: str) -> None:
        """Sync while answers lie, in this process or in one that is killed; rows may change meanwhile."""
        for _ in range(self.rng.choice((1, 1, 2))):
            kind, details = self.rng.choice(LIES)
            after, times = self.rng.choice((0, 0, 1, 2)), self.rng.choice((1, 1, 2, None))
            times = 1 if kind == "expire_token" else times
            match = {"path": "/api.xro/2.0/"}
            more = {"row": self.rng.randrange(9)} if kind == "bad_row" else {}
            self.box.sandbox.faults.add(kind, match=match, after=after, times=times, **details, **more)
            self.done[f"{kind} {details.get('status', '')}".strip()] += 1
        if self.rng.random() < 0.3 and name != "accounts":
            changes = {FIELDS.get(name, "Reference"): f"meanwhile {self.number}"}
            self.box.sandbox.faults.add(
                "mutate", entity=ENTITIES[name].path, op="edit", which="spread", count=3, changes=changes
            )
        if self.rng.random() < 0.3:
            self.kill(name)
        else:
            self.host.runner.sync(self.connection, name, full=self.rng.random() < 0.1)
        changed = {key for key, row in theirs(self.store, name).items() if f"meanwhile {self.number}" in row.values()}
        self.note_behind(name, *changed)
        shift = self.box.sandbox.clock.shift
        self.box.sandbox.faults.clear()
        self.box.sandbox.clock.shift = shift  # that clock is wrong for longer than an answer

    def kill(self, name: str) -> None:
        """Sync in a process that dies without a word at a statement or request."""
        moment, full = self.rng.randrange(1, _MOMENTS), self.rng.random() < 0.2
        child = os.fork()
        if not child:
            self._sync_and_die(name, moment, full=full)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in {0, _DIED}, f"the sync of a process of its own ended with {code}"
        self.done["killed" if code else "not killed"] += 1

    def _sync_and_die(self, name: str, moment: int, *, full: bool) -> None:
        code = 70
        try:
            signal.alarm(_CHILD_SECONDS)
            counted = iter(range(1, 100_000))

            def reach(*_: Any, **__: Any) -> None:
                if next(counted) == moment:
                    os._exit(_DIED)

            send = transport.send

            def sent(*given: Any, **more: Any) -> Any:
                reach()
                answer = send(*given, **more)
                reach()
                return answer

            transport.send = sent
            with self.open() as host:
                for happening in ("before_cursor_execute", "commit"):
                    sa.event.listen(host.database.engine, happening, reach)
                host.runner.sync(self.connection, name, full=full)
            code = 0
        finally:
            os._exit(code)  # whatever happened: nothing of the parent may run here

    def wait(self, name: str) -> None:
        """Time passes, and an undisturbed sync follows or not."""
        self.done["wait"] += 1
        self.pass_time(self.rng.choice((1, 60, HOUR, 3 * HOUR, 26 * HOUR, 8 * DAY)))
        if self.rng.random() < 0.5:
            self.sync(name)

    def skew(self, _name: str) -> None:
        """Xero's clock is set, by up to two hours."""
        self.done["skew"] += 1
        self.box.sandbox.clock.shift = self.rng.choice((0.0, 2 * HOUR, -2 * HOUR, 900.0, -900.0))

    # ------------------------------------------------------------ what must hold

    def end(self, entities: list[str]) -> None:
        """The lies have ended: read each list, and compare; then again after the weekly re-read."""
        shift = self.box.sandbox.clock.shift
        self.box.sandbox.faults.clear()
        self.box.sandbox.clock.shift = self.rng.choice((0.0, shift))
        for name in entities:
            self.read_whole(name)
            self.read_whole(name)  # what changed while that was read, before it was killed or after
            self.compare(name, self.blind[name] | self.behind[name] | self.rejected(name))
        self.pass_time(8 * DAY)
        for name in entities:
            self.read_whole(name)  # what was begun before does not show what changed behind it
            self.read_whole(name, full=name == "accounts")  # which has no weekly re-read
            self.compare(name, set())
            assert not self.rejected(name), f"{name}: rows are called rejected that are whole: {self.rejected(name)}"

    def read_whole(self, name: str, *, full: bool = False) -> None:
        """Sync until it is done, as a schedule would."""
        for _ in range(12):
            outcome = self.sync(name, full=full)
            if outcome.problem is None and outcome.complete is not False:
                return
            self.pass_time(((outcome.problem or {}).get("retry_after") or 60) + 1)
        raise AssertionError(f"{name} was not read in 12 runs: {outcome}")

    def rejected(self, name: str) -> set[str]:
        """Return the keys of the rows that are named as rejected; where the key was damaged, it is in the raw form."""
        query = sa.text("SELECT key, raw FROM rejected WHERE entity = :name")
        with self.host.database.read_transaction() as transaction:
            found = transaction.execute(query, {"name": name}).all()
        return {key.lower() for key, _ in found} | {
            key for _, raw in found for key in GUID.findall((raw or "").lower())
        }

    def compare(self, name: str, named: set[str]) -> None:
        """Every difference must be of a row that is named."""
        query = sa.text(f"SELECT key, record FROM {name} WHERE deleted_at IS NULL")  # noqa: S608 (our own names)
        with self.host.database.read_transaction() as transaction:
            rows = {key: json.loads(r) if isinstance(r, str) else r for key, r in transaction.execute(query)}
        wrong = [each for each in differences(self.store, name, rows) if not any(key in each for key in named)]
        if wrong:
            raise AssertionError(f"the table is not the books: {wrong}")

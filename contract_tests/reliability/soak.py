"""Twenty organisations in trouble: ``python -m contract_tests.reliability.soak --minutes 10 --seed 1``.

A sandbox has six organisations, so four of them run, each with its own books, app and person, and five
organisations of each are connected to one host. Worker processes sync and write in them, while requests are
struck by faults, rows change, tokens die and workers are killed. Then the noise ends, and what was begun is
finished. In the end every table equals its sandbox, every grant works, every business key was done once, and
the audit is whole.
"""

# ruff: noqa: S311 (chance, not secrets)

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bizosaas_xero.entities import ENTITIES
from bizosaas_xero.host import Host
from bizosaas_xero.sandbox import Box, serve
from bizosaas_xero.spec import App, ConnectorError
from contract_tests.host import processes
from contract_tests.reliability.books import differences

SANDBOXES, EACH = 4, 5
WORKERS = 2
ACTIONS = ("create_invoice", "mark_invoice_paid")
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("latency", {"seconds": 0.2}),
    ("rate_limit", {"problem": "minute", "retry_after": 1}),
    ("rate_limit", {"problem": "day", "retry_after": 40_000}),
    ("rate_limit", {"problem": "concurrent", "retry_after": None, "body": "empty"}),
    ("status", {"status": 500}),
    ("status", {"status": 502, "body": "html"}),
    ("status", {"status": 503}),
    ("status", {"status": 200, "body": "empty"}),
    ("cut", {}),
    ("cut", {"where": "body"}),
    ("malformed", {}),
    ("truncated", {}),
    ("redirect", {}),
    ("expire_token", {}),
    ("lost_refresh", {}),
    ("lost_refresh", {"match": {"path": "/api.xro/", "method": "PUT"}}),
    ("cut", {"match": {"method": "PUT"}}),
)
"""All but what only a person mends, and unreadable rows: the matrix has those."""


@dataclass
class Intent:
    """A write that is wanted once: its business key is its reference in the books."""

    connection: str
    organisation: str
    action: str
    params: dict[str, Any]
    key: str


@dataclass
class Report:
    """What happened, and what is wrong in the end."""

    seconds: float = 0.0
    organisations: int = 0
    syncs: int = 0
    acts: int = 0
    kills: int = 0
    changes: int = 0
    faults: int = 0
    requests: int = 0
    rows: int = 0
    keys: int = 0
    told: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Soak:
    """One run.

    Args:
        home: The host's folder.
        seed: The same gives the same books and the same chances.
        environ: Where the host's database is; SQLite in its folder if it does not say.
    """

    def __init__(self, home: Path, seed: int, environ: dict[str, str] | None = None) -> None:
        self._home, self._environ = home, environ or {}
        self._chance = random.Random(seed)
        self._seed = seed
        self._boxes: list[Box] = []
        self._where: dict[str, tuple[Box, str]] = {}
        self._intents: list[Intent] = []
        self._report = Report()

    def run(self, minutes: float) -> Report:
        """Make noise for so long, then see to it that all is finished, and compare."""
        began = time.monotonic()
        with ExitStack() as stack:
            for number in range(SANDBOXES):
                box = stack.enter_context(serve(invoices=60, seed=self._seed * 100 + number, per_day=10**6))
                box.sandbox.limits.per_minute = 10**6
                box.sandbox.switches.multi_select = True
                self._boxes.append(box)
            with opened(self._home, self._environ) as host:
                for box in self._boxes:
                    self._connect(host, box)
                self._report.organisations = len(self._where)
                self._noise(minutes * 60)
                self._finish(host)
                self._compare(host)
        self._report.seconds = round(time.monotonic() - began, 1)
        return self._report

    # ------------------------------------------------------------ the beginning

    def _connect(self, host: Host, box: Box) -> None:
        organisations = [each["id"] for each in box.info["organisations"][:EACH]]
        known = box.info["apps"]["web"]
        app = App(
            client_id=known["client_id"],
            client_secret=known["client_secret"],
            redirect_uri="http://localhost:8377/callback",
        )
        settings = {name: box.info[name] for name in ("api_url", "identity_url", "login_url")}
        settings |= {"calls_per_minute": 0, "page_size": 20, "timeout": 20}
        url = host.connecting.begin("xero", app, settings=settings)
        offer = host.connecting.finish(box.sandbox.consent(url, organisations=organisations))
        for organisation in organisations:
            kept = host.connecting.choose(offer, organisation, settings)
            host.configure(kept.id, {"policy": {action: {"run": "always"} for action in ACTIONS}})
            self._where[kept.id] = (box, organisation)
            self._intents += intents(box, kept.id, organisation)

    # ------------------------------------------------------------ the noise

    def _noise(self, seconds: float) -> None:
        stop = self._home / "stop"
        given = [vars(intent) for intent in self._intents]
        numbers = iter(range(10**6))

        def begin() -> Any:
            seed = self._seed * 1000 + next(numbers)
            return processes.started(
                work, self._home, self._environ, seed, list(self._where), given, str(stop)
            )

        workers = [begin() for _ in range(WORKERS)]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(self._chance.uniform(0.02, 0.15))
            self._disturb()
            if self._chance.random() < 0.01:
                victim = self._chance.randrange(WORKERS)
                self._collect(workers[victim], killed=True)
                workers[victim] = begin()
        for box in self._boxes:
            box.sandbox.faults.clear()
        stop.touch()
        for worker in workers:
            self._collect(worker)
        self._read_diaries()

    def _disturb(self) -> None:
        box = self._chance.choice(self._boxes)
        if self._chance.random() < 0.6:
            kind, details = self._chance.choice(FAULTS)
            box.sandbox.faults.add(
                kind, after=self._chance.randint(0, 5), times=self._chance.randint(1, 2), **details
            )
            self._report.faults += 1
        else:
            with suppress(KeyError):  # there is no such row
                self._change(box)
                self._report.changes += 1

    def _change(self, box: Box) -> None:
        organisation = self._chance.choice(box.info["organisations"][:EACH])["id"]
        store = box.sandbox.store(organisation)
        what = self._chance.choice(("Invoices", "Contacts", "BankTransactions", "Accounts"))
        table = store.table(what)
        guid = table.id(self._chance.choice(table.by_id))
        if what == "Invoices" and store.get(what, guid)["Status"] == "AUTHORISED":
            return  # one that is to be paid, or was just made
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

    def _read_diaries(self) -> None:
        for diary in self._home.glob("diary-*"):
            for line in diary.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):  # half a line of one that was killed
                    noted = json.loads(line)
                    self._report.syncs += noted["did"] == "sync"
                    self._report.acts += noted["did"] == "act"
                    self._report.told.update([noted["told"]] if noted["told"] else [])
                    self._report.wrong += [noted["wrong"]] if noted["wrong"] else []

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
                    for record in host.sink.records(organisation, entity)
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
        for box in self._boxes:
            self._report.requests += len(box.sandbox.log)
            if box.sandbox.limits.peak > box.sandbox.limits.at_once:
                self._report.wrong.append(f"{box.sandbox.limits.peak} requests in flight at once")


def intents(box: Box, connection: str, organisation: str) -> Iterator[Intent]:
    """Yield what is to be written in an organisation: two invoices, and the payment of two that are open."""
    store = box.sandbox.store(organisation)
    accounts = list(store.rows("Accounts"))
    sales = next(row for row in accounts if row["Class"] == "REVENUE" and row["Status"] == "ACTIVE")
    bank = next(row for row in accounts if row["Type"] == "BANK" and row["CurrencyCode"] == store.currency)
    customer = next(
        row
        for row in store.rows("Contacts")
        if row["ContactStatus"] == "ACTIVE" and row.get("DefaultCurrency") in {None, "", store.currency}
    )
    due = [
        row["InvoiceID"]
        for row in store.rows("Invoices")
        if row["Status"] == "AUTHORISED"
        and row["CurrencyCode"] == store.currency
        and row["Type"] == "ACCREC"
        and not row["AmountPaid"]
    ]
    for number in range(2):
        key = f"soak make {organisation} {number}"
        line = {
            "description": "Work",
            "quantity": "1",
            "unit_amount": f"{10 + number}.50",
            "account": sales["Code"],
            "tax_type": sales["TaxType"],
        }
        params = {
            "contact": {"id": customer["ContactID"]},
            "lines": [line],
            "value_is": "net",
            "currency": store.currency,
            "due_date": "2099-12-31",
            "status": "authorised",
            "reference": key,
        }
        yield Intent(connection, organisation, "create_invoice", params, key)
    for number, invoice in enumerate(due[:2]):
        key = f"soak pay {organisation} {number}"
        params = {"invoice": invoice, "account": bank["AccountID"], "reference": key}
        yield Intent(connection, organisation, "mark_invoice_paid", params, key)


def made(box: Box, organisation: str, intent: Intent) -> int:
    """Count what the books hold of an intent."""
    store = box.sandbox.store(organisation)
    if intent.action == "create_invoice":
        return sum(row.get("Reference") == intent.key for row in store.rows("Invoices"))
    paid = (row for row in store.rows("Payments") if row["Status"] == "AUTHORISED")
    return sum(row.get("Invoice", {}).get("InvoiceID") == intent.params["invoice"] for row in paid)


# ---------------------------------------------------------------- a worker


@contextmanager
def opened(home: Path, environ: dict[str, str]) -> Iterator[Host]:
    """Open the host; what it would sleep for minutes it sleeps for moments."""
    with processes.opened(home, environ, sleep=lambda seconds: time.sleep(min(seconds, 0.1))) as host:
        yield host


def work(
    answers: Any,
    home: Path,
    environ: dict[str, str],
    seed: int,
    connections: list[str],
    given: list[dict[str, Any]],
    stop: str,
) -> None:
    """Sync and write at random until told to stop; errors of the contract are part of it."""
    chance = random.Random(seed)
    with opened(home, environ) as host, (home / f"diary-{seed}").open("w", encoding="utf-8") as diary:
        while not Path(stop).exists():
            did, told, wrong = "sync" if chance.random() < 0.5 else "act", "", ""
            try:
                if did == "sync":
                    one, entity = chance.choice(connections), chance.choice(list(ENTITIES))
                    problem = host.runner.sync(one, entity, patience=0).problem
                    told = problem["reason"] if problem else ""
                else:
                    asked = chance.choice(given)
                    host.act(
                        asked["connection"],
                        asked["action"],
                        asked["params"],
                        requester="soak",
                        business_key=asked["key"],
                    )
            except ConnectorError as error:
                told = error.reason
            except Exception:  # noqa: BLE001 (whatever it is, it is told)
                wrong = traceback.format_exc(limit=-6)
            diary.write(json.dumps({"did": did, "told": told, "wrong": wrong}) + "\n")
            diary.flush()
    answers.put("stopped")


def main() -> int:
    """Run a soak from the command line, and print its report as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Soak(Path(folder) / "home", asked.seed).run(asked.minutes)
    sys.stdout.write(json.dumps(vars(report), indent=2) + "\n")
    return bool(report.wrong)


if __name__ == "__main__":
    raise SystemExit(main())

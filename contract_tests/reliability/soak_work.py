"""What the soak's workers do, each in a process of its own: sync and write, and note how each call went."""

# ruff: noqa: S311 (chance, not secrets)

from __future__ import annotations

import json
import random
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bizosaas_xero.connector.sync.entities import ENTITIES
from bizosaas_xero.host import Host
from bizosaas_xero.sandbox import SandboxServer
from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers import processes

ACTIONS = ("create_invoice", "mark_invoice_paid")
BUSY = frozenset({"sync_running", "sync_taken_over", "in_progress"})
"""Another process is at it: neither a success nor a failure."""


@dataclass
class Intent:
    """A write that is wanted once: its business key is its reference in the books."""

    connection: str
    organisation: str
    action: str
    params: dict[str, Any]
    key: str


def intents(box: SandboxServer, connection: str, organisation: str, invoices: int) -> Iterator[Intent]:
    """Yield the writes for an organisation's books: a number of invoices, and the payment of two open ones."""
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
    for number in range(invoices):
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


def made(box: SandboxServer, organisation: str, intent: Intent) -> int:
    """Count what the books hold of an intent."""
    store = box.sandbox.store(organisation)
    if intent.action == "create_invoice":
        return sum(row.get("Reference") == intent.key for row in store.rows("Invoices"))
    paid = (row for row in store.rows("Payments") if row["Status"] == "AUTHORISED")
    return sum(row.get("Invoice", {}).get("InvoiceID") == intent.params["invoice"] for row in paid)


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
    chance, undone = random.Random(seed), list(given)
    with opened(home, environ) as host, (home / f"diary-{seed}").open("w", encoding="utf-8") as diary:
        while not Path(stop).exists():
            told = wrong = ""
            try:
                if chance.random() < 0.6 or not undone:
                    one, entity = chance.choice(connections), chance.choice(list(ENTITIES))
                    did = f"sync {entity}"
                    problem = host.runner.sync(one, entity, patience=0).problem
                    told = problem["reason"] if problem else ""
                else:
                    asked = chance.choice(undone)
                    did = asked["action"]
                    outcome = host.act(
                        asked["connection"],
                        did,
                        asked["params"],
                        requester="soak",
                        business_key=asked["key"],
                    )
                    told = "" if outcome.status == "done" else outcome.status
                    if not told:
                        undone.remove(asked)
                    if outcome.repeated:
                        continue  # another worker's: this sent nothing
            except ConnectorError as error:
                told = error.reason
            except Exception:  # noqa: BLE001 (any exception is recorded)
                told, wrong = "exception", traceback.format_exc(limit=-6)
            diary.write(json.dumps({"did": did, "told": told, "wrong": wrong}) + "\n")
            diary.flush()
    answers.put("stopped")

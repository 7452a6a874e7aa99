"""One organisation of a sandbox that a test may write to, seen from both sides."""

from __future__ import annotations

import re
import time
from collections import Counter
from datetime import UTC, datetime

from bizosaas_xero import plugin
from bizosaas_xero.sandbox import serve
from contract_tests.helpers.xero_account import Account, calls

_STATES = ("Invoices", "CreditNotes", "Payments", "BankTransactions")
WRITING = {"PUT", "POST"}
ANNOUNCEMENT = re.compile(r"Credit of [0-9.]+ to be made by ")

MOMENT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
"""When tests that write take place."""


class Company:
    """A person connected to one organisation, and what a test looks up in its books.

    Args:
        box: The running sandbox.
        number: Which of its six organisations; 1 (UK) may send e-mail, 0 (the demo company) may not.
    """

    def __init__(self, box, number=1) -> None:
        self.box, self.number = box, number
        self.id = box.info["organisations"][number]["id"]
        self.account = Account(box).connect(organisations=[self.id])
        self.store = box.sandbox.store(self.id)

    @property
    def currency(self):
        """The base currency."""
        return self.store.currency

    def connection(self, **changes):
        settings = {**self.account.settings, **changes.pop("settings", {})}
        return self.account.connection(settings=settings, **changes)

    def rows(self, entity, **wanted):
        """All rows of a list whose fields fit, as the sandbox holds them."""
        table = self.store.table(entity)
        found = (self.store.get(entity, table.id(slot)) for slot in table.by_id)
        return [row for row in found if all(row.get(name) == value for name, value in wanted.items())]

    def act(self, action, params, **control):
        return plugin.run_action(self.connection(), action, params, control)

    def plan(self, action, params, key="key-1"):
        return self.act(action, params, mode="plan", business_key=key).plan

    def commit(self, action, params, key="key-1", **more):
        """Plan, and do exactly that."""
        planned = self.plan(action, params, key)
        return self.act(action, params, mode="commit", plan_hash=planned.hash, business_key=key, **more)

    def holds(self):
        """All that a write could have made or sent, counted."""
        counts = {
            entity: len(self.store.table(entity))
            for entity in (
                "Contacts",
                "Invoices",
                "CreditNotes",
                "Payments",
                "BankTransactions",
                "Overpayments",
            )
        }
        states = Counter(f"{entity} {row['Status']}" for entity in _STATES for row in self.rows(entity))
        written = (row["Details"] for rows in self.store.history.values() for row in rows if row["Changes"] == "Note")
        notes = sum(not ANNOUNCEMENT.match(text) for text in written)  # each try announces what it is about to make
        return counts | states | {"notes": notes, "e-mails": sum(self.store.emailed.values())}

    def twin_holds(self, action, params):
        """What an organisation just like this one holds after the action, when nothing goes wrong."""
        with serve(invoices=60, seed=2, limits=False) as box:
            twin = Company(box, self.number)
            twin.act(action, params, mode="run", business_key="k")
            return twin.holds()

    def writes(self):
        """What the connector wrote so far: method and path of each of its requests that was not a read."""
        known = -1
        while known != len(self.box.sandbox.log):  # a request is noted a moment after its answer
            known = len(self.box.sandbox.log)
            time.sleep(0.02)
        ours = [line for line in calls(self.box) if str(line["user_agent"]).startswith("bizosaas-xero/")]
        return [f"{line['method']} {line['path']}" for line in ours if line["method"] in WRITING]

    def notes(self, entity, guid):
        """The notes in a document's History."""
        return [row["Details"] for row in self.store.history.get((entity, guid), []) if row["Changes"] == "Note"]

"""A scripted connector with one action that reads and one that writes, into a ledger that tests look at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bizosaas_xero.spec import Action, ActionResult, Conflict, Plan
from contract_tests.helpers.fake_connector import Fake

READ = Action(
    name="look",
    title="Look",
    description="Looks.",
    params={"type": "object", "properties": {}},
    result={"type": "object"},
    effect="read",
)
WRITE = READ.model_copy(update={"name": "pay", "title": "Pay", "effect": "write"})


@dataclass
class Payer(Fake):
    """``pay`` writes a payment; ``amount`` (base currency; none: not known) and ``acts`` are parameters."""

    actions: list[Action] = field(default_factory=lambda: [READ, WRITE])
    world: str = "as it was"
    ledger: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    partly: bool = False

    @property
    def requests(self) -> int:
        return len(self.asked)

    def run_action(self, connection: dict[str, Any], action: str, params: Any, control: Any) -> Any:
        self.asked.append({"token": connection["access_token"], "params": params, **control})
        if action == "look":
            self.before()
            return ActionResult(action=action, status="done", data={"seen": Decimal("1.50")}, calls=1, bytes=9)
        known = json.dumps([params, self.world, control.get("business_key")])
        plan = Plan(
            hash=hashlib.sha256(known.encode()).hexdigest(),
            organisation="Beans & Co",
            requests=[{"pay": params}],
            effect=[{"account": "200 Bank", "debit": params.get("amount"), "credit": None}],
            summary=f"Pay **{params.get('to')}**.",
            acts=params.get("acts", ["pay"]),
            amount=params.get("amount"),
            currency="NZD",
        )
        if control["mode"] == "plan":
            return ActionResult(action=action, status="planned", plan=plan, calls=1)
        mark = control["business_key"] or control["plan_hash"]
        found = next((each for each in self.ledger if each["mark"] == mark), None)
        self.before()
        if found is None:
            if plan.hash != control["plan_hash"]:
                raise Conflict("It is not what was planned.", reason="stale_plan")
            found = {"mark": mark, **params}
            self.ledger.append(found)
        self.after()
        status = "partial" if self.partly else "done"
        return ActionResult(action=action, status=status, data={"id": mark}, calls=2, bytes=20)

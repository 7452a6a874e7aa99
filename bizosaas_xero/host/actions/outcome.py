"""The outcome of an action: one typed answer for commands, agents and programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bizosaas_xero.host.actions.plans import StoredPlan
from bizosaas_xero.host.actions.policy import PolicyDecision
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.spec import ActionResult

Status = Literal["done", "partial", "planned", "needs_approval"]


@dataclass(frozen=True)
class Outcome:
    """What :meth:`.service.ActionService.act` comes to.

    Args:
        status: ``done``: a read, or a write that is done (look at ``repeated``). ``partial``: written, and
            something that belongs to it was not done; ``result.warnings`` say what, and the same call again
            does what is missing. ``planned``: nothing was written. ``needs_approval``: nothing was written,
            and a person must approve it first (``command``); then the same call continues.
        action: Its name.
        connection: Whose books it is about.
        result: Of ``done`` and ``partial``; its ``data`` are JSON values.
        stored_plan: The plan of a write, where one was made or done in this call.
        policy_decision: What the policy says of the plan.
        repeated: An earlier call had done it; this one sent no request.
    """

    status: Status
    action: str
    connection: StoredConnection
    result: ActionResult | None = None
    stored_plan: StoredPlan | None = None
    policy_decision: PolicyDecision | None = None
    repeated: bool = False

    @property
    def command(self) -> str | None:
        """The command that a person runs next; ``None`` if there is nothing to do."""
        if self.stored_plan is None or self.status in {"done", "partial"}:
            return None
        if self.policy_decision is not None and self.policy_decision.run == "ask" and not self._approved:
            return f"bizosaas-xero approve {self.stored_plan.short}"
        organisation = f" --organisation {self.connection.organisation_id}"
        return f"bizosaas-xero run {self.action} --commit {self.stored_plan.short}{organisation}"

    @property
    def _approved(self) -> bool:
        decision = self.stored_plan.decision if self.stored_plan else None
        return decision is not None and decision.decision == "approved" and self.status != "needs_approval"

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        result = self.result
        return {
            "status": self.status,
            "action": self.action,
            "organisation_id": self.connection.organisation_id,
            "organisation": self.connection.organisation,
            "data": result.data if result else None,
            "warnings": result.warnings if result else (self.stored_plan.plan.warnings if self.stored_plan else []),
            "plan": self.stored_plan.to_dict() if self.stored_plan else None,
            "policy": vars(self.policy_decision) if self.policy_decision else None,
            "repeated": self.repeated,
            "calls": result.calls if result else 0,
            "bytes": result.bytes if result else 0,
            "next": self.command,
        }

"""What came of an action that was asked for: one typed answer for commands, agents and programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bizosaas_xero.host.actions.plans import Asked
from bizosaas_xero.host.actions.policy import Verdict
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.spec import ActionResult

Status = Literal["done", "partial", "planned", "needs_approval"]


@dataclass(frozen=True)
class Outcome:
    """What :meth:`bizosaas_xero.host.actions.service.Acting.act` comes to.

    Args:
        status: ``done``: a read, or a write that is done (look at ``repeated``). ``partial``: written, and
            something that belongs to it was not done; ``result.warnings`` say what, and the same call again
            does what is missing. ``planned``: nothing was written. ``needs_approval``: nothing was written,
            and a person must say yes first (``command``); then the same call goes on.
        action: Its name.
        kept: The connection whose books it is about.
        result: Of ``done`` and ``partial``; its ``data`` are JSON values.
        asked: The plan of a write, where one was made or done in this call.
        verdict: What the policy says of the plan.
        repeated: An earlier call had done it; this one sent no request.
    """

    status: Status
    action: str
    kept: StoredConnection
    result: ActionResult | None = None
    asked: Asked | None = None
    verdict: Verdict | None = None
    repeated: bool = False

    @property
    def command(self) -> str | None:
        """The command that a person runs next; ``None`` if there is nothing to do."""
        if self.asked is None or self.status in {"done", "partial"}:
            return None
        if self.verdict is not None and self.verdict.run == "ask" and not self._approved:
            return f"bizosaas-xero approve {self.asked.short}"
        organisation = f" --organisation {self.kept.organisation_id}"
        return f"bizosaas-xero run {self.action} --commit {self.asked.short}{organisation}"

    @property
    def _approved(self) -> bool:
        decision = self.asked.decision if self.asked else None
        return decision is not None and decision.decision == "approved" and self.status != "needs_approval"

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        result = self.result
        return {
            "status": self.status,
            "action": self.action,
            "organisation_id": self.kept.organisation_id,
            "organisation": self.kept.organisation,
            "data": result.data if result else None,
            "warnings": result.warnings if result else (self.asked.plan.warnings if self.asked else []),
            "plan": self.asked.to_dict() if self.asked else None,
            "policy": vars(self.verdict) if self.verdict else None,
            "repeated": self.repeated,
            "calls": result.calls if result else 0,
            "bytes": result.bytes if result else 0,
            "next": self.command,
        }

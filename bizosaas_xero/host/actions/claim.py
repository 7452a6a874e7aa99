"""A claim on a write: one intent is written exactly once, even if requested again or from another process.

The process that works on a claim sends heartbeats; when they stop, another process takes it over, and the connector,
which looks before it creates, finds what was made. A finished write returns its stored result for ever. These are the
rules; the embedded host stores claims in ``host_writes``, the gateway's bridge in its own store.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Self

from bizosaas_xero.host import reasons
from bizosaas_xero.host.storage import ownership
from bizosaas_xero.spec import ActionResult, ConnectorError

RETRY_AFTER_SECONDS = 5.0
"""Seconds after which to ask again, while another process writes."""

_WROTE_NOTHING = frozenset({"invalid", "not_found", "missing_scope", "conflict", "misconfigured"})
"""Codes with which a connector refuses a write: what the write is about was not made by that attempt."""


@dataclass(frozen=True)
class Claim:
    """A claim as it is stored; one that was just made is free.

    Args:
        action: What is written.
        key: The business key, or the plan's hash.
        params: What was asked for, as canonical JSON.
        plan_hash: Of the plan that is being done.
        state: ``partial`` and ``done`` have a result.
        unsure: An attempt may have written without saying so.
        owner: Who works on it.
        until: When the owner must have sent a heartbeat, by the store's clock.
        result: What it came to.
    """

    action: str
    key: str
    params: str
    plan_hash: str = ""
    state: Literal["begun", "partial", "done"] = "begun"
    unsure: bool = False
    owner: str | None = None
    until: datetime | None = None
    result: ActionResult | None = None

    def require_params(self, params: str) -> Self:
        """Return this claim.

        Raises:
            Conflict: The key was used for something else.
        """
        if self.params == params:
            return self
        raise reasons.BUSINESS_KEY_REUSED(key=self.key, action=self.action)

    def acquire(self, owner: str, plan_hash: str, now: datetime) -> Self:
        """Return the claim as this owner's.

        Raises:
            Conflict: Another process works on it, or has just finished.
        """
        if self.state == "done" or not ownership.is_available(self.owner, self.until, now):
            owner_name = ownership.describe_owner(self.owner).capitalize()
            raise reasons.IN_PROGRESS(retry_after=RETRY_AFTER_SECONDS, owner=owner_name, action=self.action)
        unsure = self.unsure or self.owner is not None  # an owner that died may have written
        return replace(self, plan_hash=plan_hash, unsure=unsure, owner=owner, until=ownership.lease_end(now))

    def extend(self, owner: str, now: datetime) -> Self:
        """Return the claim with a later end, if it is still this owner's."""
        return replace(self, until=ownership.lease_end(now)) if self.owner == owner else self

    def finish(self, result: ActionResult) -> Self:
        """Return the claim with its result. One that says ``done`` is never replaced."""
        if self.state == "done":
            return self
        state: Literal["partial", "done"] = "done" if result.status == "done" else "partial"
        return replace(self, state=state, owner=None, until=None, result=result)

    def release(self, owner: str, error: BaseException) -> Self | None:
        """Return the claim after a failure; ``None``: surely nothing was written, and the key is free again."""
        if self.owner != owner or self.state == "done":
            return self
        wrote_nothing = isinstance(error, ConnectorError) and error.code in _WROTE_NOTHING
        if wrote_nothing and not self.unsure and self.state == "begun":
            return None
        return replace(self, owner=None, until=None, unsure=self.unsure or not wrote_nothing)

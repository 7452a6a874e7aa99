"""The embedded host: for people who have no platform, and the example for those who write one.

It imports the contract (:mod:`bizosaas_xero.spec`) and never a connector's insides; whatever is installed in
the entry point group ``bizosaas.connectors`` runs in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bizosaas_xero.host.host import (
        ActionService,
        ApprovalDecision,
        Approvals,
        Audit,
        ConnectionService,
        Connector,
        Counts,
        Database,
        DiscoveryEntry,
        DiscoveryReport,
        Doctor,
        EntityState,
        Event,
        Events,
        Finding,
        Grants,
        Host,
        Leases,
        Offer,
        Outcome,
        OutgoingWebhooks,
        Plans,
        Progress,
        Runner,
        Scheduler,
        Sink,
        Store,
        StoredConnection,
        StoredPlan,
        SyncOutcome,
        discover,
        open_host,
    )

__all__ = [
    "ActionService",
    "ApprovalDecision",
    "Approvals",
    "Audit",
    "ConnectionService",
    "Connector",
    "Counts",
    "Database",
    "DiscoveryEntry",
    "DiscoveryReport",
    "Doctor",
    "EntityState",
    "Event",
    "Events",
    "Finding",
    "Grants",
    "Host",
    "Leases",
    "Offer",
    "Outcome",
    "OutgoingWebhooks",
    "Plans",
    "Progress",
    "Runner",
    "Scheduler",
    "Sink",
    "Store",
    "StoredConnection",
    "StoredPlan",
    "SyncOutcome",
    "discover",
    "open_host",
]


def __getattr__(name: str) -> Any:
    # When it is asked for: who takes discovery or the key alone needs no SQLAlchemy.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bizosaas_xero.host import host

    return getattr(host, name)

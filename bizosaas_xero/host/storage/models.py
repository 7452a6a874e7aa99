"""What the store hands out: apps, grants, connections, and how far each entity is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bizosaas_xero.spec import App, Grant


@dataclass(frozen=True)
class StoredApp:
    """A person's app with the settings under which it is used (such as other base addresses)."""

    connector: str
    app: App
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredGrant:
    """A grant and its version: each new token set has another. The lease is who refreshes it, until when."""

    connector: str
    grant: Grant
    version: Any
    lease_owner: str | None = None
    lease_until: datetime | None = None


@dataclass(frozen=True)
class StoredConnection:
    """A connection. ``state`` is ``active``, or the recovery a person owes: ``reconnect`` or ``fix``.

    ``settings`` go to the connector, ``preferences`` are the host's (see ``configure``). Until ``resume_at``
    a limit of the provider is used up. ``timezone`` is the organisation's own. Since ``state_since`` the state is not
    active.
    """

    id: str
    connector: str
    organisation_id: str
    organisation: str
    currency: str | None
    identity: str
    settings: dict[str, Any]
    state: str
    problem: dict[str, Any] | None
    created_at: datetime
    preferences: dict[str, Any] = field(default_factory=dict)
    resume_at: datetime | None = None
    timezone: str | None = None
    checked_at: datetime | None = None
    state_since: datetime | None = None


@dataclass(frozen=True)
class EntityState:
    """How far an entity is read. ``outcome`` is what the last run's ``SyncOutcome.to_dict()`` said."""

    entity: str
    cursor: dict[str, Any] | None = None
    last_run: datetime | None = None
    last_success: datetime | None = None
    next_due: datetime | None = None
    rechecked_at: datetime | None = None
    outcome: dict[str, Any] | None = None
    failures: int = 0
    told_until: str | None = None
    blocked_since: datetime | None = None

"""What the operator of a gateway decides, and the small things that all parts of the bridge use."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.stores import KeyValueStore

Approve = Callable[["ApprovalRequest"], str | None]
"""Returns the name of the person who approved a plan; ``None`` if it is not approved. Called in a thread; may block."""

REFERENCE = "connection"
"""The one key of the credentials that the host keeps: a reference, worth nothing by itself."""


@dataclass(frozen=True)
class ApprovalRequest:
    """One plan for which a commit was requested.

    ``plan`` is what the connector planned and the bridge kept, not what the caller says it was.
    """

    tenant_id: str
    connector: str
    organisation_id: str
    action: str
    params: dict[str, Any]
    plan: dict[str, Any]
    plan_hash: str
    business_key: str


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class BridgeConfig:
    """What holds for every connector of a gateway.

    Args:
        store: Where grants, consents, cursors, plans and writes are kept.
        apps: By connector, the app that the platform registered with the vendor; without one, each tenant
            brings its own and enters it in the portal's form.
        settings: By connector, its settings (``limiter_url``, default accounts), or a function of the tenant
            that gives them. Never a tenant's own words: ``api_url`` says where tokens are sent.
        approve: Without it, writes are planned and never done.
        now: The clock.
        sleep: Waits, in seconds.
    """

    store: KeyValueStore
    apps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    settings: Mapping[str, Mapping[str, Any] | Callable[[str], Mapping[str, Any]]] = field(
        default_factory=dict, repr=False
    )
    approve: Approve | None = None
    now: Callable[[], datetime] = _utc_now
    sleep: Callable[[float], None] = time.sleep

    def get_settings(self, connector: str, tenant: str) -> dict[str, Any]:
        """Return the settings of one connector for one tenant."""
        given = self.settings.get(connector, {})
        return dict(given(tenant) if callable(given) else given)


def require_tenant(tenant_id: object) -> str:
    """Return the tenant.

    Raises:
        Misconfigured: if the gateway names no tenant; data of tenants would mix.
    """
    if not isinstance(tenant_id, str) or not tenant_id.strip():
        raise reasons.NO_TENANT()
    return tenant_id

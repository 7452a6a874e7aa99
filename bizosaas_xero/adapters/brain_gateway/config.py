"""What the operator of a gateway decides, and who is signed in there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from bizosaas_xero.adapters.brain_gateway import reasons

if TYPE_CHECKING:  # it needs extras that may be missing
    from bizosaas_xero.host.connections.tenants import Settings

DEFAULT_TENANT = "default_tenant"
"""What the gateway calls a user's tenant who has none."""

Role = Literal["viewer", "approver", "owner"]

READERS = frozenset({"viewer", "read only", "read_only", "readonly"})
"""Roles of the gateway that only look, in lower case."""


@dataclass(frozen=True)
class Person:
    """A user of the gateway, as its own sign-in told."""

    id: str
    name: str
    tenant: str | None
    role: Role


def default_role(user: Any) -> Role:
    """Return what a user may do here: the gateway lets every user of a tenant connect.

    A person who impersonates a customer cannot say the customer's yes.
    """
    roles = {str(role).lower() for role in getattr(user, "roles", None) or ()}
    return "viewer" if getattr(user, "impersonator_id", None) or (roles and roles <= READERS) else "owner"


@dataclass(frozen=True)
class BridgeConfig:
    """What holds for every connector of a gateway.

    Args:
        public_url: Scheme, host and port at which browsers reach the gateway.
        path: Under which the pages and the agents' tools are.
        internal_url: How the gateway reaches itself, for its agents; by default the public address.
        single_tenant: Users without a tenant, and the gateway's ``default_tenant``, are one tenant.
        apps: By connector, the app that the platform registered with the provider; without one, each tenant
            brings its own.
        settings: By connector, its settings. Never a tenant's own words: ``api_url`` says where tokens are sent.
        role: What a user of the gateway may do.
        now: The clock.
    """

    public_url: str = "http://localhost:8000"
    path: str = "/bizosaas"
    internal_url: str | None = None
    single_tenant: bool = False
    apps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    settings: Mapping[str, Settings] = field(default_factory=dict, repr=False)
    role: Callable[[Any], Role] = default_role
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def require_tenant(self, tenant: object) -> str:
        """Return the tenant's name.

        Raises:
            Misconfigured: The gateway names none; data of tenants would mix.
        """
        name = tenant.strip() if isinstance(tenant, str) else ""
        if self.single_tenant:
            return name or DEFAULT_TENANT
        if not name or name == DEFAULT_TENANT:
            raise reasons.NO_TENANT()
        return name

    @property
    def pages_url(self) -> str:
        """Where the pages begin, as browsers see it."""
        return self.public_url.rstrip("/") + self.path

    def redirect_uri(self, connector: str) -> str:
        """Return the address to which a provider sends a person back."""
        return f"{self.public_url.rstrip('/')}/api/auth/callback/{connector}"

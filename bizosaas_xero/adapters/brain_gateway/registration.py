"""What became of each connector that was to be registered with the gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the gateway starts before anything of these is needed
    from bizosaas_xero.adapters.brain_gateway.connector import Gateway
    from bizosaas_xero.adapters.brain_gateway.service import ConnectorService
    from bizosaas_xero.host.connections.tenants import Tenants
    from bizosaas_xero.host.plugins.discovery import DiscoveryEntry


@dataclass
class Registration:
    """The classes that were registered, and a row for each connector that was found."""

    classes: dict[str, type[Any]] = field(default_factory=dict)
    rows: list[DiscoveryEntry] = field(default_factory=list)
    services: dict[str, ConnectorService] = field(default_factory=dict, repr=False)
    tenants: Tenants | None = field(default=None, repr=False)
    gateway: Gateway | None = field(default=None, repr=False)
    problem: str = ""

    def close(self) -> None:
        """Stop what runs, and give the database back."""
        if self.tenants is not None:
            self.tenants.close()

"""The addresses of a connection: fixed when it is made, so that no later environment sends its tokens elsewhere.

A connector marks such a setting in its JSON Schema: ``"address": true``, and ``"environment"`` names the variable
from which the connector reads it where no setting is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bizosaas_xero.host import reasons
from bizosaas_xero.host.plugins.connector import Connector


def pin_addresses(connector: Connector, settings: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings with every address that applies now: as set, else of the environment, else the default."""
    addresses = {
        name: environ.get(variable) or schema.get("default") for name, variable, schema in _addresses(connector)
    }
    pinned = {name: value for name, value in addresses.items() if value and settings.get(name) is None}
    return {**settings, **pinned}


def is_pinned(connector: Connector, settings: Mapping[str, Any]) -> bool:
    """Return whether the settings hold every address of the connector."""
    return all(settings.get(name) for name, _, _ in _addresses(connector))


def require_same_addresses(connector: Connector, settings: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Refuse to use a connection where the environment names another address than the one it was made with.

    Raises:
        Misconfigured: naming the variable and both addresses.
    """
    for name, variable, _ in _addresses(connector):
        given, pinned = environ.get(variable), settings.get(name)
        if given and isinstance(pinned, str) and _normalised(given) != _normalised(pinned):
            raise reasons.OTHER_ADDRESS.field(
                variable,
                name=name,
                given=_shown(given),
                pinned=_shown(pinned),
            )


def _addresses(connector: Connector) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    info = connector.describe()
    properties = info.settings.get("properties", {}) if info else {}
    for name, schema in properties.items():
        if isinstance(schema, Mapping) and schema.get("address") is True:
            yield name, str(schema.get("environment", "")), schema


def _normalised(address: str) -> tuple[str, str, str]:
    parts = urlsplit(address.strip())
    return parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/")


def _shown(address: str) -> str:
    """Return an address without user, password and query, which may be secrets."""
    parts = urlsplit(address.strip())
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

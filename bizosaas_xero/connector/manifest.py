"""Answer ``describe`` and ``list_actions`` from ``published.json``, without loading entities or actions.

:func:`bizosaas_xero.connector.describe.build_info` makes the file's content; the file is part of the package.
Building some 90 models and their schemas takes longer than the rest of a host's start.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

from pydantic_core import from_json

from bizosaas_xero import __version__
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.spec.models import Action, Connection, ConnectorInfo
from bizosaas_xero.toolkit import jwt


def load_info() -> ConnectorInfo:
    """Return what ``describe()`` publishes."""
    return ConnectorInfo.model_validate(_load_manifest() | {"version": __version__})


def load_actions(connection: Connection | None) -> list[Action]:
    """Return the actions with their schemas, and what the connection's grant lacks for each."""
    granted = jwt.granted_scopes(connection) if connection else []
    return [
        Action.model_validate(row | {"missing_scopes": scopes.missing_scopes(granted, row["name"]) if granted else []})
        for row in _load_manifest()["actions"]
    ]


def _load_manifest() -> dict[str, Any]:
    # Parsed at each call, because a caller may change the schemas it receives.
    content: dict[str, Any] = from_json((resources.files("bizosaas_xero.connector") / "published.json").read_bytes())
    return content

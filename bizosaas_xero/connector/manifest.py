"""What hosts ask first, read from ``published.json`` without loading what it speaks of.

The file is made of the tables and models (:func:`bizosaas_xero.connector.describe.info`) and is part of the package:
making some 90 models and their schemas takes longer than everything else that a host needs to start.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

from pydantic_core import from_json

from bizosaas_xero import __version__
from bizosaas_xero.connector.auth import jwt, scopes
from bizosaas_xero.spec.models import Action, Connection, ConnectorInfo


def info() -> ConnectorInfo:
    """Return what ``describe()`` publishes."""
    return ConnectorInfo.model_validate(_read() | {"version": __version__})


def actions(connection: Connection | None) -> list[Action]:
    """Return the actions with their schemas, and what the connection's grant lacks for each."""
    granted = jwt.granted(connection) if connection else []
    return [
        Action.model_validate(row | {"missing_scopes": scopes.missing(granted, row["name"]) if granted else []})
        for row in _read()["actions"]
    ]


def _read() -> dict[str, Any]:
    # Each time anew, because whoever is given a schema may change it.
    content: dict[str, Any] = from_json((resources.files("bizosaas_xero.connector") / "published.json").read_bytes())
    return content

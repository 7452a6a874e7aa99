"""Errors of the host's own database."""

from __future__ import annotations

from bizosaas_xero.spec import ConnectorError


def is_database_error(error: ConnectorError) -> bool:
    """Return whether an error comes from the host's database, not from a connector."""
    return error.reason.startswith("database_")

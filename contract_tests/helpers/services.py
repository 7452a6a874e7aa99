"""Marks for tests that need a service of this machine; CI sets REQUIRE_SERVICES=1 so that none is skipped."""

from __future__ import annotations

import os
import socket

import pytest


def _reachable(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _needs(name: str, port: int) -> pytest.MarkDecorator:
    required = os.environ.get("REQUIRE_SERVICES") == "1"
    return pytest.mark.skipif(
        not required and not _reachable(port), reason=f"{name} does not listen on 127.0.0.1:{port}"
    )


needs_redis = _needs("Redis", 6379)
needs_postgresql = _needs("PostgreSQL", 5432)
only_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"])
"""For what is SQLite's own: its file."""

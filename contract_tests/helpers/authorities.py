"""Certificate authorities, read once: each HTTP client reads some 140 of them, 0.05 seconds of processor."""

from __future__ import annotations

import functools
import ssl

_create, _read = ssl.create_default_context, functools.cache(ssl.create_default_context)


def _create_default_context(purpose=ssl.Purpose.SERVER_AUTH, **authorities):
    """As the function of `ssl`; clients that trust the same authorities share one context, servers have their own."""
    create = _read if purpose is ssl.Purpose.SERVER_AUTH else _create
    return create(purpose, **authorities)


def share_authorities() -> None:
    """Let all HTTP clients of this process share what they read."""
    ssl.create_default_context = _create_default_context

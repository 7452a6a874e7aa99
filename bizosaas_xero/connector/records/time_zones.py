"""Xero's time zones as IANA names.

Xero's enum (``TimeZone`` in its OpenAPI description) holds Windows names without blanks and punctuation, such as
``EAUSTRALIASTANDARDTIME`` for "E. Australia Standard Time".
"""

from __future__ import annotations

import re
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_OBSOLETE = {"KAMCHATKASTANDARDTIME": "Asia/Kamchatka", "MIDATLANTICSTANDARDTIME": "Atlantic/South_Georgia"}
"""Names of Xero's enum that Windows no longer has."""


def to_iana(name: str | None) -> str | None:
    """Return the IANA name of one of Xero's time zones; ``None`` if it is not known."""
    if not name:
        return None
    try:
        return _zones().get(_normalise(name)) or ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def describe_unknown_zone(name: str) -> str:
    """Return what a person reads where days are those of UTC for want of a time zone."""
    known = f"Xero's time zone {name[:64]!r} is not known here" if name else "Xero gives no time zone"
    return f"{known}: days are those of UTC. The setting `timezone` overrides it."


@cache
def _zones() -> dict[str, str]:
    from tzlocal.windows_tz import win_tz

    return _OBSOLETE | {_normalise(name): zone for name, zone in win_tz.items()}


def _normalise(name: str) -> str:
    return re.sub(r"[^A-Z0-9+]", "", name.upper())

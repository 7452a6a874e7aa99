"""Validate what a foreign connector raises and returns: made safe to store, or refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from bizosaas_xero.spec import Batch, ConnectorError, error_from_dict

MAX_WAIT_SECONDS = 86_400.0
"""The longest wait in seconds that the host accepts from a connector: a day."""

MAX_CURSOR_LENGTH = 4_000_000
"""Bytes of a cursor's JSON; Xero's longest holds the ids of one list."""

MAX_KEY_LENGTH = 256


class Unstorable(ValueError):
    """What cannot be kept; the message says what, for the connector's author."""


# ---------------------------------------------------------------- errors


def from_foreign_error(error: Exception) -> ConnectorError | None:
    """Read a connector's own error through its ``code`` and ``recovery``, as the contract asks of hosts.

    Returns:
        An error of the contract's tree, all of whose attributes are what they must be; ``None`` if ``error``
        does not carry the two strings.
    """
    try:
        found = {name: getattr(error, name, None) for name in _READ}
    except Exception:  # noqa: BLE001 (foreign attributes may raise; then the error is treated as one without them)
        return None
    code, recovery = found["code"], found["recovery"]
    if not isinstance(code, str) or not isinstance(recovery, str):
        return None
    words: dict[str, Any] = {name: _READ[name](found[name]) for name in found}
    words["message"] = words["message"] or "The connector failed, and does not say why."
    known = error_from_dict({name: value for name, value in words.items() if name != "recovery"})
    if (known.code, known.recovery) == (words["code"], words["recovery"]):
        return known
    # A code of a later release: its recovery still says what to do.
    newer = type("NewerError", (ConnectorError,), {"code": words.pop("code"), "recovery": words.pop("recovery")})
    adopted = newer(words.pop("message"), **words)
    return adopted if isinstance(adopted, ConnectorError) else None


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return value.replace("\0", "").encode(errors="replace").decode()  # no database stores the rest


def _wait(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return min(max(0, value), MAX_WAIT_SECONDS)


def _problems(value: Any) -> list[dict[str, str]]:
    named = [each for each in _as_list(value) if isinstance(each, Mapping)]
    return [{str(_text(str(name))): str(_text(str(told))) for name, told in each.items()} for each in named]


def _texts(value: Any) -> list[str]:
    return [text for each in _as_list(value) if (text := _text(each))]


def _as_list(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else ()


def parse_cost(value: Any) -> dict[str, int | None]:
    """Return what a run cost, as far as it can be counted."""
    found = value if isinstance(value, Mapping) else {}
    names = ("calls", "bytes", "day_left", "minute_left")
    return {name: found[name] for name in names if type(found.get(name)) is int and found[name] >= 0}


_READ = {
    "code": _text,
    "recovery": _text,
    "message": _text,
    "remedy": _text,
    "reason": _text,
    "retry_after": _wait,
    "correlation_id": _text,
    "problems": _problems,
    "scopes": _texts,
    "features": _texts,
    "cost": parse_cost,
}


# ---------------------------------------------------------------- batches


def require_storable(batch: Batch) -> None:
    """Look at keys and cursor; a record's data shows when it is written.

    Raises:
        Unstorable: Something cannot be kept, or could not be found again.
    """
    for record in batch.records:
        if not 0 < len(record.key) <= MAX_KEY_LENGTH or "\0" in record.key:
            raise Unstorable(f"a key must be 1 to {MAX_KEY_LENGTH} characters that can be stored")
    for row in batch.rejected:
        if len(row.key or "") > MAX_KEY_LENGTH or "\0" in f"{row.key}{row.reason}":
            raise Unstorable("a rejected record's key or reason cannot be stored")
    try:
        written = json.dumps(batch.cursor, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Unstorable(f"its cursor is not JSON ({type(error).__name__})") from None
    if len(written) > MAX_CURSOR_LENGTH:
        raise Unstorable(f"its cursor is longer than {MAX_CURSOR_LENGTH:,} bytes")

"""The support bundle: a diagnosis of the host without personal or business data.

Nothing is scrubbed out of anything: only what is listed here goes in, numbers, codes and times. Names, ids,
messages, addresses and everything that was typed stay outside; organisations become numbers.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import zipfile
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from bizosaas_xero.host import reasons
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.storage.paths import FILE_MODE
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.host.storage.tables import SCHEMA_VERSION, stamp
from bizosaas_xero.host.support.doctor import Finding
from bizosaas_xero.host.sync.sink import Sink

PACKAGES = (
    *("bizosaas-xero", "authlib", "cryptography", "httpx", "msgspec", "pluggy", "psycopg", "pydantic"),
    *("redis", "sqlalchemy", "stamina", "stevedore"),
)

OUTCOME_FIELDS = (
    *("new", "changed", "deleted", "same", "rejected", "calls", "bytes"),
    *("complete", "missing", "kind", "seconds", "day_left"),
)
"""Of an outcome: counts, and two words of the contract's own."""

_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")

PROBLEM_FIELDS = ("code", "reason", "recovery", "retry_after", "correlation_id")
"""Of a problem: never its message and remedy, which name organisations and fields."""


def write_bundle(
    target: Path, store: Store, sink: Sink, findings: Iterable[Finding], environ: Mapping[str, str], now: str
) -> list[str]:
    """Write the bundle, readable for its owner alone, and return the names of what is in it.

    Raises:
        Misconfigured: if the file cannot be written.
    """
    connections = store.connections()
    number = {kept.organisation: f"organisation {n}" for n, kept in enumerate(connections, 1)}
    parts = {
        "about.json": _about(store, environ, now),
        "findings.json": [
            {"part": item.part, "level": item.level, "organisation": number.get(item.organisation or "")}
            | _pick(item.details, ("reason", "ahead_seconds"))
            for item in findings
        ],
        "connections.json": [_connection(store, sink, kept, number[kept.organisation]) for kept in connections],
    }
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in parts.items():
                archive.writestr(name, json.dumps(content, indent=2, default=str))
    except FileExistsError:
        raise reasons.BUNDLE_UNWRITABLE(target=target, why="it is there already") from None
    except OSError as error:
        raise reasons.BUNDLE_UNWRITABLE(target=target, why=error.strerror or type(error).__name__) from None
    return list(parts)


def _about(store: Store, environ: Mapping[str, str], now: str) -> dict[str, Any]:
    return {
        "written_at": now,
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "database": store.database.url.get_backend_name(),
        "schema": SCHEMA_VERSION,
        "packages": {name: _version(name) for name in PACKAGES},
        "variables_set": sorted(name for name in environ if name.startswith(("XERO_", "BIZOSAAS_"))),
    }


def _connection(store: Store, sink: Sink, connection: StoredConnection, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "connector": connection.connector,
        "state": connection.state,
        "problem": _pick(connection.problem, PROBLEM_FIELDS),
        "created_at": stamp(connection.created_at),
        "resume_at": connection.resume_at and stamp(connection.resume_at),
        "intervals": connection.preferences.get("intervals", {}),
        "settings_set": sorted(connection.settings),
        "usage": store.usage(connection.organisation_id),
        "entities": [
            {
                "entity": state.entity,
                "rows": sink.count_rows(connection.organisation_id, state.entity),
                "rejected": sink.count_rejected(connection.organisation_id, state.entity),
                "failures": state.failures,
                "has_cursor": state.cursor is not None,
                **{
                    moment: value and stamp(value)
                    for moment in ("last_run", "last_success", "next_due", "rechecked_at")
                    for value in [getattr(state, moment)]
                },
                "last": _pick(state.outcome, OUTCOME_FIELDS),
                "problem": _pick((state.outcome or {}).get("problem"), PROBLEM_FIELDS),
            }
            for state in store.entity_states(connection.id)
        ],
    }


def _pick(values: Mapping[str, Any] | None, names: Iterable[str]) -> dict[str, Any]:
    return {} if values is None else {name: _redact_text(values.get(name)) for name in names}


def _redact_text(value: Any) -> Any:
    """Let numbers and stable words pass; a connector's free text could say anything."""
    return value if not isinstance(value, str) or _WORD.fullmatch(value) else "(left out)"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None

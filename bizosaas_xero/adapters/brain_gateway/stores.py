"""Where the bridge keeps grants, consents under way, cursors, plans and writes: a small port.

The host makes a new connector for each request, so nothing of value may live in one. All state is behind
three methods, and each change is a compare-and-set: that alone makes refreshes and writes single across
processes. Forms: :class:`MemoryStore` here, for tests and a single process;
:class:`~bizosaas_xero.adapters.brain_gateway.file_store.FileStore` and
:class:`~bizosaas_xero.adapters.brain_gateway.sql_store.SqlStore`, which encrypt what they write.
"""

from __future__ import annotations

import copy
import json
import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from threading import Lock
from typing import Any, NamedTuple, Protocol

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.host.storage.heartbeat import heartbeat
from bizosaas_xero.spec import Unavailable

Key = tuple[str, ...]
"""What a value is about: its kind, the tenant, the connector, and more where one kind has many."""

MAX_ATTEMPTS = 50
"""How often a compare-and-set is retried after a concurrent change."""

LEASE_DURATION = timedelta(seconds=90)
"""How long a lease lasts without a heartbeat; then another process takes over."""

HEARTBEAT_INTERVAL = LEASE_DURATION / 3
"""The time between two heartbeats."""

log = logging.getLogger(__name__)


class VersionedValue(NamedTuple):
    """A value and the mark of its last change."""

    value: dict[str, Any]
    version: str


class KeyValueStore(Protocol):
    """Keeps JSON values. Every method may be called from any thread and process at the same time."""

    def read(self, key: Key) -> VersionedValue | None:
        """Return what is kept; ``None`` if nothing is."""

    def write(self, key: Key, value: Mapping[str, Any], version: str | None) -> bool:
        """Keep a value if the one that is there is still of this version; ``None``: if nothing is there.

        Returns:
            False if the value was changed concurrently; then nothing was written.
        """

    def remove(self, key: Key, version: str) -> bool:
        """Forget a value if it is still of this version; false if it is not."""


def new_version() -> str:
    """Return a mark that was never used: a value that was removed and made again is another one."""
    return secrets.token_hex(8)


def encode_key(key: Key) -> str:
    """Write a key so that no two keys look alike, whatever a tenant is called."""
    return json.dumps(key, ensure_ascii=True)


def update_value(
    store: KeyValueStore, key: Key, edit: Callable[[dict[str, Any] | None], dict[str, Any] | None]
) -> dict[str, Any] | None:
    """Change a value however many others do so at the same time.

    Args:
        store: Where.
        key: Of the value.
        edit: Is given the value as it is (``None``: there is none) and returns the new one, or ``None`` to
            leave it. It may be called several times.

    Returns:
        What is kept now.

    Raises:
        Unavailable: if others change it all the time.
    """
    for _ in range(MAX_ATTEMPTS):
        kept = store.read(key)
        edited = edit(copy.deepcopy(kept.value) if kept else None)
        if edited is None:
            return kept.value if kept else None
        if store.write(key, edited, kept.version if kept else None):
            return edited
    raise reasons.STORE_BUSY()


def heartbeat_of(
    store: KeyValueStore, key: Key, edit: Callable[[dict[str, Any] | None], dict[str, Any] | None]
) -> AbstractContextManager[None]:
    """Send heartbeats until the block ends, so that no other process takes the lease over.

    Args:
        store: Where.
        key: Of the value that has the lease.
        edit: Makes the lease longer, as in :func:`change`; leaves it if it is another's by now.
    """

    def sign() -> None:
        try:
            update_value(store, key, edit)
        except Unavailable as error:  # one may fail: the lease lasts for three
            log.debug("heartbeat failed: %s", error.reason)

    return heartbeat(sign, HEARTBEAT_INTERVAL, "bridge-lease")


def delete_value(store: KeyValueStore, key: Key) -> None:
    """Forget a value, whatever it is by now."""
    while (kept := store.read(key)) is not None:
        if store.remove(key, kept.version):
            return


class MemoryStore:
    """Keeps values for as long as this process lives: for tests, and for a host that runs once."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, str]] = {}
        self._lock = Lock()

    def read(self, key: Key) -> VersionedValue | None:
        """See :class:`Store`."""
        found = self._kept.get(encode_key(key))
        return VersionedValue(json.loads(found[0]), found[1]) if found else None

    def write(self, key: Key, value: Mapping[str, Any], version: str | None) -> bool:
        """See :class:`Store`."""
        text, name = json.dumps(value), encode_key(key)  # text, so that no two hold the same mutable value
        with self._lock:
            found = self._kept.get(name)
            if (found[1] if found else None) != version:
                return False
            self._kept[name] = (text, new_version())
        return True

    def remove(self, key: Key, version: str) -> bool:
        """See :class:`Store`."""
        with self._lock:
            found = self._kept.get(encode_key(key))
            if found is None or found[1] != version:
                return False
            del self._kept[encode_key(key)]
        return True

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._kept)} values)"

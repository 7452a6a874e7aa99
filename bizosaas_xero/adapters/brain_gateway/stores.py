"""Where the bridge keeps grants, consents under way, cursors, plans and writes: a small port.

The host makes a new connector for each request, so nothing of value may live in one. All state is behind
four methods, and each change is a compare-and-set: that alone makes refreshes and writes single across
processes. Forms: :class:`MemoryStore` here, for tests and a single process;
:class:`~bizosaas_xero.adapters.brain_gateway.file_store.FileStore` and
:class:`~bizosaas_xero.adapters.brain_gateway.sql_store.SqlStore`, which encrypt what they write.
"""

from __future__ import annotations

import copy
import hashlib
import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Any, NamedTuple, Protocol

from bizosaas_xero.adapters.brain_gateway import reasons

Key = tuple[str, ...]
"""What a value is about: its kind, the tenant, the connector, and more where one kind has many."""

MAX_ATTEMPTS = 50
"""How often a compare-and-set is retried after a concurrent change."""


class VersionedValue(NamedTuple):
    """A value and the mark of its last change."""

    value: dict[str, Any]
    version: str


class KeyValueStore(Protocol):
    """Keeps JSON values. Every method may be called from any thread and process at the same time.

    What was written or removed survives a power cut once the method has returned: a rotated token and a claim on a
    write are used only after that.
    """

    def read(self, key: Key) -> VersionedValue | None:
        """Return what is kept; ``None`` if nothing is."""

    def write(self, key: Key, value: Mapping[str, Any], version: str | None) -> bool:
        """Keep a value if the one that is there is still of this version; ``None``: if nothing is there.

        Returns:
            False if the value was changed concurrently; then nothing was written.
        """

    def remove(self, key: Key, version: str) -> bool:
        """Forget a value if it is still of this version; false if it is not."""

    def now(self) -> datetime:
        """Return the time by the clock that all processes of this store share: leases end by it."""


def new_version() -> str:
    """Return a mark that was never used: a value that was removed and made again is another one."""
    return secrets.token_hex(8)


def key_id(key: Key) -> str:
    """Return a hash of a key: no two keys look alike, whatever a tenant is called, and none reveals its tenant."""
    return hashlib.sha256(json.dumps(key, ensure_ascii=True).encode()).hexdigest()


def update_value(
    store: KeyValueStore, key: Key, edit: Callable[[dict[str, Any] | None], dict[str, Any] | None]
) -> dict[str, Any] | None:
    """Change a value however many others do so at the same time.

    Args:
        store: Where.
        key: Of the value.
        edit: Is given the value as it is (``None``: there is none) and returns the new one: the same object to leave
            it, ``None`` to remove it. It may be called several times.

    Returns:
        What is kept now.

    Raises:
        Unavailable: if others change it all the time.
    """
    for _ in range(MAX_ATTEMPTS):
        kept = store.read(key)
        before = copy.deepcopy(kept.value) if kept else None
        edited = edit(before)
        if edited is before:
            return before
        if edited is None:
            if kept is None or store.remove(key, kept.version):
                return None
        elif store.write(key, edited, kept.version if kept else None):
            return edited
    raise reasons.STORE_BUSY()


def delete_value(store: KeyValueStore, key: Key) -> None:
    """Forget a value, whatever it is by now."""
    update_value(store, key, lambda _: None)


class BaseStore(ABC):
    """What the forms of the store share: values as JSON text, changed by one compare-and-set."""

    def read(self, key: Key) -> VersionedValue | None:
        """See :class:`KeyValueStore`."""
        found = self._load(key)
        return VersionedValue(json.loads(found[0]), found[1]) if found else None

    def write(self, key: Key, value: Mapping[str, Any], version: str | None) -> bool:
        """See :class:`KeyValueStore`."""
        return self._swap(key, json.dumps(value), version)

    def remove(self, key: Key, version: str) -> bool:
        """See :class:`KeyValueStore`."""
        return self._swap(key, None, version)

    def now(self) -> datetime:
        """Return this machine's time, for stores whose processes share it."""
        return datetime.now(UTC)

    @abstractmethod
    def _load(self, key: Key) -> tuple[str, str] | None:
        """Return the text of a value and its version."""

    @abstractmethod
    def _swap(self, key: Key, text: str | None, version: str | None) -> bool:
        """Replace the value of this version (``None``: none) durably by another, under a new version, or remove it."""


class MemoryStore(BaseStore):
    """Keeps values for as long as this process lives: for tests, and for a host that runs once.

    Args:
        now: The clock.
    """

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self._kept: dict[str, tuple[str, str]] = {}
        self._lock = Lock()
        self._now = now or super().now

    def now(self) -> datetime:
        """See :class:`KeyValueStore`."""
        return self._now()

    def _load(self, key: Key) -> tuple[str, str] | None:
        return self._kept.get(key_id(key))

    def _swap(self, key: Key, text: str | None, version: str | None) -> bool:
        name = key_id(key)
        with self._lock:
            found = self._kept.get(name)
            if (found[1] if found else None) != version:
                return False
            if text is None:
                self._kept.pop(name, None)
            else:  # in one step, for reading takes no lock
                self._kept[name] = (text, new_version())
        return True

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._kept)} values)"

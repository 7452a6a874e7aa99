"""Who holds a lease, for how long, and when another may take it over: one rule for syncs, refreshes and writes.

A lease is an owner and an end, stored together and changed atomically. Its end is written and read by the clock of the
store, and its owner moves it by heartbeats, so that a process that died blocks others for less than a minute. An owner
of the same machine that no longer runs is known to be dead at once: after killing a sync, the next one starts without
waiting. A lease that this very process failed to release, such as when the database was restarted, is free for it at
once.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path

LEASE_DURATION = timedelta(seconds=45)
"""How long a lease lasts without a heartbeat."""

HEARTBEAT_INTERVAL = timedelta(seconds=10)
"""The time between two heartbeats: three may be lost."""

_active: set[str] = set()
"""Owners of this process that still work; a lease of any other owner of this process was left behind by a failure."""


def new_owner() -> str:
    """Name this process, and one piece of its work; call :func:`forget_owner` when that work ends."""
    owner = f"{_this_process()}{secrets.token_hex(4)}"
    _active.add(owner)
    return owner


def forget_owner(owner: str) -> None:
    """Note that a piece of work has ended: what it still holds, such as after a lost database, may be taken over."""
    _active.discard(owner)


def describe_owner(owner: str | None) -> str:
    """Say for a person which process an owner is, on whatever machine."""
    parts = (owner or "").split(":")
    return f"process {parts[1]}" if len(parts) == 4 else "a process"  # noqa: PLR2004 (as new_owner writes)


def lease_end(now: datetime) -> datetime:
    """Return the end of a lease that is taken or renewed now."""
    return now + LEASE_DURATION


def is_available(owner: str | None, until: datetime | None, now: datetime) -> bool:
    """Return whether a lease may be taken over.

    Args:
        owner: Of the lease; ``None``: it is free.
        until: Its end.
        now: The time by the clock that wrote ``until``.
    """
    if owner is None or until is None or until < now:
        return True
    return is_owner_dead(owner) or (owner.startswith(_this_process()) and owner not in _active)


def is_owner_dead(owner: str) -> bool:
    """Return whether an owner was a process of this machine that no longer runs; false if unknown."""
    parts = owner.split(":")
    if len(parts) != 4 or parts[0] != _machine_id() or not parts[2]:  # noqa: PLR2004 (as new_owner writes)
        return False
    return _process_start_time(int(parts[1])) != parts[2]


def _this_process() -> str:
    return f"{_machine_id()}:{os.getpid()}:{_process_start_time(os.getpid())}:"


def _machine_id() -> str:
    """Name this machine since its start, and the space in which its process ids mean anything."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux: a host name proves nothing, so no owner is ever considered dead
        boot, space = _UNKNOWN_BOOT, ""
    return hashlib.sha256(f"{boot}{space}".encode()).hexdigest()[:12]


_UNKNOWN_BOOT = secrets.token_hex(8)


def _process_start_time(pid: int) -> str:
    """When a process started, which tells it from a later one of the same id; empty if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]  # a zombie holds nothing

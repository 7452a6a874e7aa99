"""Leases: at most one process syncs an organisation or refreshes a grant, across processes and machines.

A lease is a row with an owner and an end, and is taken by compare-and-set. The clocks of two machines may
differ, so an end is believed only ``SKEW`` later. On its own machine an owner that is no longer running is
known to be dead at once: after killing a sync, the next one starts without waiting.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from bizosaas_xero.host.storage import tables as t
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.spec import Unavailable

MAX_CLOCK_SKEW = timedelta(minutes=2)
"""How far the clocks of two machines may differ."""

LEASE_DURATION = timedelta(minutes=5)
"""How long a lease holds that is not renewed: longer than one batch takes, with all waits and retries."""

LEASE_WAIT_SECONDS = 10.0
"""Seconds to wait for a lease before raising an error that names its holder."""

LEASE_POLL_SECONDS = 0.25

RUNNING, LOST = "sync_running", "sync_taken_over"


def new_owner() -> str:
    """Name this process, and one piece of its work."""
    return f"{_machine_id()}:{os.getpid()}:{_process_start_time(os.getpid())}:{secrets.token_hex(4)}"


def is_owner_dead(owner: str) -> bool:
    """Return whether an owner was a process of this machine that no longer runs; false if unknown."""
    parts = owner.split(":")
    if len(parts) != 4 or parts[0] != _machine_id() or not parts[2]:  # noqa: PLR2004 (as new_owner writes)
        return False
    return _process_start_time(int(parts[1])) != parts[2]


def describe_owner(owner: str | None) -> str:
    """Say for a person which process an owner is, on whatever machine."""
    parts = (owner or "").split(":")
    return f"process {parts[1]}" if len(parts) == 4 else "a process"  # noqa: PLR2004 (as new_owner writes)


def is_available(owner: str | None, until: datetime | None, now: datetime) -> bool:
    """Tell whether a lease may be taken over."""
    return owner is None or until is None or until + MAX_CLOCK_SKEW < now or is_owner_dead(owner)


@dataclass(frozen=True)
class Lease:
    """A lease that was taken; ``renew`` and ``release`` touch the row only while it is still ours."""

    name: str
    owner: str
    now: Callable[[], datetime]

    def renew(self, transaction: sa.Connection) -> None:
        """Hold on longer, in the transaction that stores what was done under the lease.

        Raises:
            Unavailable: if another process took it over; the transaction must be rolled back.
        """
        values = {"until": self.now() + LEASE_DURATION}
        if transaction.execute(sa.update(t.leases).where(*self._where_owned()).values(values)).rowcount != 1:
            raise Unavailable(
                "Lost the sync lock (lease expired); another process continued.",
                remedy="Nothing to do: stored records stay, and the other process continues.",
                reason=LOST,
            )

    def release(self, transaction: sa.Connection) -> None:
        """Give it back."""
        transaction.execute(sa.delete(t.leases).where(*self._where_owned()))

    def _where_owned(self) -> tuple[sa.ColumnElement[bool], ...]:
        return t.leases.c.name == self.name, t.leases.c.owner == self.owner


class Leases:
    """Hands out leases.

    Args:
        database: Where.
        now: The clock.
        sleep: Waits, in seconds.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime], sleep: Callable[[float], None]) -> None:
        self._database = database
        self._now = now
        self._sleep = sleep

    def try_acquire(self, name: str) -> Lease | None:
        """Take a lease; ``None`` if another process holds it."""
        c, owner, now = t.leases.c, new_owner(), self._now()
        values = {"owner": owner, "holder": _describe_this_process(), "since": now, "until": now + LEASE_DURATION}
        with self._database.write_transaction() as transaction:
            held = transaction.execute(sa.select(t.leases).where(c.name == name)).one_or_none()
            if held is None:
                first = self._database.insert(t.leases).values(name=name, **values)
                taken = transaction.execute(first.on_conflict_do_nothing().returning(c.name)).all()
            elif is_available(held.owner, held.until, now):
                seen = (c.name == name, c.owner == held.owner, c.until == held.until)
                change = sa.update(t.leases).where(*seen).values(values)
                taken = transaction.execute(change.returning(c.name)).all()
            else:
                return None
        return Lease(name, owner, self._now) if taken else None

    @contextmanager
    def hold(self, name: str, what: str, patience: float = LEASE_WAIT_SECONDS) -> Iterator[Lease]:
        """Hold a lease, and give it back at the end.

        Args:
            name: Of the lease.
            what: What it is about, for a person.
            patience: Seconds to wait for it.

        Raises:
            Unavailable: if another process holds it; the message names that process.
        """
        waited, lease = 0.0, self.try_acquire(name)
        while lease is None and waited < patience:
            self._sleep(LEASE_POLL_SECONDS)
            waited, lease = waited + LEASE_POLL_SECONDS, self.try_acquire(name)
        if lease is None:
            raise self._lease_held_error(name, what)
        try:
            yield lease
        finally:
            with self._database.write_transaction() as transaction:
                lease.release(transaction)

    def _lease_held_error(self, name: str, what: str) -> Unavailable:
        with self._database.read_transaction() as transaction:
            held = transaction.execute(sa.select(t.leases).where(t.leases.c.name == name)).one_or_none()
        who = f"{held.holder} since {held.since:%H:%M:%S} UTC" if held else "another process"
        return Unavailable(
            f"{what} is being synced by {who}.",
            remedy="Nothing to do: wait until it is done. If you want to read now, stop that process first.",
            reason=RUNNING,
            retry_after=30,
        )


def _describe_this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _machine_id() -> str:
    """Name this machine since its start, and the space in which its process ids mean anything."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux: a host name proves nothing, so no owner is ever considered dead
        boot, space = secrets.token_hex(8), ""
    return hashlib.sha256(f"{boot}{space}".encode()).hexdigest()[:12]


def _process_start_time(pid: int) -> str:
    """When a process started, which tells it from a later one of the same id; empty if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]  # a zombie holds nothing

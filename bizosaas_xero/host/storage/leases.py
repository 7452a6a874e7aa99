"""Leases: at most one process syncs an organisation or refreshes a grant, across processes and machines.

A lease is a row with an owner and an end, and is taken by compare-and-set. Its end is written and read by the clock
of the database, and its owner moves it by heartbeats, so that a process that died blocks an organisation for less than
a minute. An owner of the same machine that no longer runs is known to be dead at once: after killing a sync, the next
one starts without waiting. A lease that this very process failed to release, such as when the database was restarted,
is free for it at once.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from bizosaas_xero.host.storage import tables as t
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.host.storage.database_errors import is_database_error
from bizosaas_xero.host.storage.heartbeat import heartbeat
from bizosaas_xero.spec import ConnectorError, Unavailable

log = logging.getLogger(__name__)

MAX_CLOCK_SKEW = timedelta(minutes=2)
"""How far the clocks of two machines may differ, where a lease does not end by the database's clock."""

LEASE_DURATION = timedelta(seconds=45)
"""How long a lease lasts without a heartbeat."""

HEARTBEAT_INTERVAL = timedelta(seconds=10)
"""The time between two heartbeats: three may be lost."""

LEASE_WAIT_SECONDS = 10.0
"""Seconds to wait for a lease before raising an error that names its holder."""

LEASE_POLL_SECONDS = 0.25

RUNNING, LOST = "sync_running", "sync_taken_over"


_active: set[str] = set()
"""Owners of this process that still work; a lease of any other owner of this process was left behind by a failure."""


def new_owner() -> str:
    """Name this process, and one piece of its work; call :func:`forget_owner` when that work ends."""
    owner = f"{_machine_id()}:{os.getpid()}:{_process_start_time(os.getpid())}:{secrets.token_hex(4)}"
    _active.add(owner)
    return owner


def forget_owner(owner: str) -> None:
    """Note that a piece of work has ended: what it still holds, such as after a lost database, may be taken over."""
    _active.discard(owner)


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


def is_available(owner: str | None, until: datetime | None, now: datetime, skew: timedelta = MAX_CLOCK_SKEW) -> bool:
    """Return whether a lease may be taken over.

    Args:
        owner: Of the lease; ``None``: it is free.
        until: Its end.
        now: The time by the clock that wrote ``until``, or by one that differs by at most ``skew``.
        skew: How far the clocks may differ.
    """
    free = owner is None or until is None or until + skew < now
    return free or is_owner_dead(str(owner)) or _is_left_behind(str(owner))


def _is_left_behind(owner: str) -> bool:
    """Return whether an owner was a piece of this process's work that has ended."""
    mine = f"{_machine_id()}:{os.getpid()}:{_process_start_time(os.getpid())}:"
    return owner.startswith(mine) and owner not in _active


@dataclass(frozen=True)
class Lease:
    """A lease that was taken; ``renew`` and ``release`` touch the row only while it is still ours."""

    name: str
    owner: str
    now: Callable[[sa.Connection], datetime]

    def renew(self, transaction: sa.Connection) -> None:
        """Hold on longer, in the transaction that stores what was done under the lease.

        Raises:
            Unavailable: if another process took it over; the transaction must be rolled back.
        """
        values = {"until": self.now(transaction) + LEASE_DURATION}
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
        now: The clock; by default the database's own, which all its processes share.
        sleep: Waits, in seconds.
    """

    def __init__(
        self, database: Database, *, now: Callable[[], datetime] | None = None, sleep: Callable[[float], None]
    ) -> None:
        self._database = database
        self._now: Callable[[sa.Connection], datetime] = (lambda _: now()) if now else database.now
        self._skew = MAX_CLOCK_SKEW if now else timedelta()
        self._sleep = sleep

    def try_acquire(self, name: str) -> Lease | None:
        """Take a lease; ``None`` if another process holds it."""
        c, owner = t.leases.c, new_owner()
        taken: Sequence[object] = ()
        try:
            with self._database.write_transaction() as transaction:
                now = self._now(transaction)
                values = {
                    "owner": owner,
                    "holder": _describe_this_process(),
                    "since": now,
                    "until": now + LEASE_DURATION,
                }
                held = transaction.execute(sa.select(t.leases).where(c.name == name)).one_or_none()
                if held is None:
                    first = self._database.dialect.insert_missing(t.leases).values(name=name, **values)
                    taken = transaction.execute(first.returning(c.name)).all()
                elif is_available(held.owner, held.until, now, self._skew):
                    seen = (c.name == name, c.owner == held.owner, c.until == held.until)
                    change = sa.update(t.leases).where(*seen).values(values)
                    taken = transaction.execute(change.returning(c.name)).all()
        finally:
            if not taken:
                forget_owner(owner)
        return Lease(name, owner, self._now) if taken else None

    def renew(self, lease: Lease) -> None:
        """Extend a lease in a transaction of its own.

        Raises:
            Unavailable: if another process took it over.
        """
        with self._database.write_transaction() as transaction:
            lease.renew(transaction)

    def release(self, lease: Lease) -> None:
        """Give a lease back. Where the database does not answer, this process knows that the lease is not used."""
        forget_owner(lease.owner)
        try:
            with self._database.write_transaction() as transaction:
                lease.release(transaction)
        except ConnectorError as error:
            if not is_database_error(error):
                raise
            log.warning("the lease %s could not be released: %s", lease.name, error.reason)

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
            with heartbeat(lambda: self._extend(lease), HEARTBEAT_INTERVAL, "sync-lease"):
                yield lease
        finally:
            self.release(lease)

    def _extend(self, lease: Lease) -> None:
        try:
            self.renew(lease)
        except Unavailable as error:
            if error.reason != LOST:  # the next batch finds out that the lease is lost, and stores nothing
                raise

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

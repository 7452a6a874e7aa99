"""Leases of the embedded host: at most one process syncs an organisation, or delivers its events.

A lease is a row with an owner and an end, and is taken by compare-and-set; :mod:`.ownership` has the rules.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from bizosaas_xero.host import reasons
from bizosaas_xero.host.storage import ownership
from bizosaas_xero.host.storage import tables as t
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.host.storage.database_errors import is_database_error
from bizosaas_xero.host.storage.heartbeat import heartbeat
from bizosaas_xero.spec import ConnectorError, Unavailable

log = logging.getLogger(__name__)

LEASE_WAIT_SECONDS = 10.0
"""Seconds to wait for a lease before raising an error that names its holder."""

LEASE_POLL_SECONDS = 0.25

RUNNING, LOST = reasons.SYNC_RUNNING.name, reasons.SYNC_TAKEN_OVER.name


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
        values = {"until": ownership.lease_end(self.now(transaction))}
        if transaction.execute(sa.update(t.leases).where(*self._where_owned()).values(values)).rowcount != 1:
            raise reasons.SYNC_TAKEN_OVER()

    def release(self, transaction: sa.Connection) -> None:
        """Give it back."""
        transaction.execute(sa.delete(t.leases).where(*self._where_owned()))

    def _where_owned(self) -> tuple[sa.ColumnElement[bool], ...]:
        return t.leases.c.name == self.name, t.leases.c.owner == self.owner


class Leases:
    """Hands out leases.

    Args:
        database: Where.
        sleep: Waits, in seconds.
    """

    def __init__(self, database: Database, *, sleep: Callable[[float], None]) -> None:
        self._database = database
        self._sleep = sleep

    def try_acquire(self, name: str) -> Lease | None:
        """Take a lease; ``None`` if another process holds it."""
        c, owner = t.leases.c, ownership.new_owner()
        taken = False
        try:
            with self._database.write_transaction() as transaction:
                now = self._database.now(transaction)
                values = {
                    "owner": owner,
                    "holder": _describe_this_process(),
                    "since": now,
                    "until": ownership.lease_end(now),
                }
                held = transaction.execute(sa.select(t.leases).where(c.name == name)).one_or_none()
                if held is None:
                    first = self._database.dialect.insert_missing(t.leases).values(name=name, **values)
                    taken = bool(transaction.execute(first.returning(c.name)).all())
                elif ownership.is_available(held.owner, held.until, now):
                    seen = (c.name == name, c.owner == held.owner, c.until == held.until)
                    taken = transaction.execute(sa.update(t.leases).where(*seen).values(values)).rowcount == 1
        finally:
            if not taken:
                ownership.forget_owner(owner)
        return Lease(name, owner, self._database.now) if taken else None

    def renew(self, lease: Lease) -> None:
        """Extend a lease in a transaction of its own.

        Raises:
            Unavailable: if another process took it over.
        """
        with self._database.write_transaction() as transaction:
            lease.renew(transaction)

    def release(self, lease: Lease) -> None:
        """Give a lease back. Where the database does not answer, this process knows that the lease is not used."""
        ownership.forget_owner(lease.owner)
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
            with heartbeat(lambda: self._extend(lease), "sync-lease"):
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
        return reasons.SYNC_RUNNING(what=what, who=who, retry_after=30)


def _describe_this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"

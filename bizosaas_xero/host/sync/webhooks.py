"""Outgoing webhooks: one signed HTTP request per event, in order per receiver, repeated until it is accepted.

Signed as Standard Webhooks (https://www.standardwebhooks.com) with the secret that ``set_url`` made: the receiver
refuses what is old or does not match. An event may come twice (``webhook-id`` tells). It is repeated until the
receiver answers with a 2xx, for some 41 hours; then ``backlog`` counts it as given up.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import logging
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa

from bizosaas_xero.host import reasons
from bizosaas_xero.host.storage import tables as t
from bizosaas_xero.host.storage.database_errors import is_database_error
from bizosaas_xero.host.storage.leases import Leases
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.host.sync.events import DONE, REFUSED, WAITING, Event
from bizosaas_xero.spec import ConnectorError

log = logging.getLogger(__name__)

MAX_PARALLEL = 4
"""Receivers to which events are delivered at once."""

SECRET_PREFIX, SECRET_BYTES = "whsec_", 32
"""A secret as Standard Webhooks writes it: the prefix and the key in base64."""

DELIVERY_INTERVAL_SECONDS = 2.0
"""The time between two rounds of deliveries in the background."""

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
TIMEOUT_SECONDS = 10.0
MAX_RETRY_DELAY = timedelta(hours=1)
MAX_TRIES = 50
"""Some 41 hours of tries; then the event is ``refused`` and stays in the table."""

Post = Callable[[str, bytes, dict[str, str]], int]


@dataclass(frozen=True)
class DeliveryResult:
    """What one round of deliveries did."""

    done: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Backlog:
    """What was not delivered: events that ``wait``, the ``tries`` of the first, and those ``given_up``."""

    wait: int = 0
    tries: int = 0
    given_up: int = 0


class OutgoingWebhooks:
    """Delivers the events that wait.

    Args:
        store: Connections and their secrets.
        leases: Let one process deliver for a connection at a time, so that order holds.
        now: The clock.
        post: Sends a body to an address, and gives the status; raises ``OSError`` or ``HTTPException``.
    """

    def __init__(self, store: Store, leases: Leases, *, now: Callable[[], datetime], post: Post | None = None) -> None:
        self._store = store
        self._leases = leases
        self._now = now
        self._post = post or http_post

    def set_url(self, connection_id: str, url: str | None) -> str | None:
        """Have the events of a connection from now on sent to an address, or no longer.

        Returns:
            The secret of the signatures, shown this once.

        Raises:
            Invalid: if the address is neither https nor on this machine.
        """
        connection = self._store.connection(connection_id)
        preferences = {name: value for name, value in connection.preferences.items() if name != "callback"}
        secret = None
        if url is not None:
            _require_safe_url(url)
            secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
            preferences["callback"] = {"url": url, "secret": self._store.encrypt(secret)}
        self._store.set_configuration(connection.id, connection.settings, preferences)
        return secret

    def deliver_due(self) -> DeliveryResult:
        """Send due events; a receiver that does not answer is tried again later, and holds up no other."""
        receivers: dict[str, list[StoredConnection]] = {}
        for connection in self._store.connections():
            if connection.preferences.get("callback"):
                receivers.setdefault(connection.preferences["callback"]["url"], []).append(connection)
        if len(receivers) <= 1:
            results = list(map(self._deliver_to_receiver, receivers.values()))
        else:
            with ThreadPoolExecutor(min(len(receivers), MAX_PARALLEL), "webhooks") as pool:
                results = list(pool.map(self._deliver_to_receiver, receivers.values()))
        return DeliveryResult(sum(each.done for each in results), sum(each.failed for each in results))

    @contextlib.contextmanager
    def deliver_in_background(self) -> Iterator[None]:
        """Deliver due events in a thread of its own until the block ends, so that no receiver delays a sync."""
        stopped = threading.Event()

        def run() -> None:
            while True:
                last = stopped.wait(DELIVERY_INTERVAL_SECONDS)
                try:
                    self.deliver_due()
                except ConnectorError as error:
                    if not is_database_error(error):
                        raise
                    log.warning("events could not be delivered: %s", error.reason)
                if last:
                    return

        thread = threading.Thread(target=run, name="webhooks", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join(2 * TIMEOUT_SECONDS)

    def _deliver_to_receiver(self, connections: list[StoredConnection]) -> DeliveryResult:
        """Deliver the events of all connections that post to one address, in the order of their ids."""
        by_id = {connection.id: connection for connection in connections}
        url = connections[0].preferences["callback"]["url"]
        lease = self._leases.try_acquire(f"deliver:{hashlib.sha256(url.encode()).hexdigest()}")
        if lease is None:
            return DeliveryResult()
        done = failed = 0
        try:
            while (waiting := self._next_event(list(by_id))) is not None:
                if self._deliver_event(by_id[waiting[0].connection_id], waiting):
                    done += 1
                else:
                    failed += 1
                    del by_id[waiting[0].connection_id]  # its later events wait with it
                self._leases.renew(lease)
        finally:
            self._leases.release(lease)
        return DeliveryResult(done, failed)

    def backlog(self, connection_id: str) -> Backlog:
        """Return what of a connection's events was not delivered."""
        c = t.events.c
        counted = (
            sa.select(c.delivery, sa.func.count(), sa.func.max(c.tries))
            .where(c.connection_id == connection_id, c.delivery.in_([WAITING, REFUSED]))
            .group_by(c.delivery)
        )
        with self._store.database.read_transaction() as transaction:
            found = {state: (count, tries) for state, count, tries in transaction.execute(counted)}
        wait, tries = found.get(WAITING, (0, 0))
        return Backlog(wait, tries or 0, found.get(REFUSED, (0, 0))[0])

    def _next_event(self, connection_ids: list[str]) -> tuple[Event, str, int] | None:
        """Return the oldest event that may be sent now, with its message id and tries.

        A connection's later events wait for its oldest.
        """
        c = t.events.c
        firsts = (
            sa.select(sa.func.min(c.id))
            .where(c.connection_id.in_(connection_ids), c.delivery == WAITING)
            .group_by(c.connection_id)
        )
        due = sa.or_(c.try_at.is_(None), c.try_at <= self._now())
        statement = sa.select(t.events).where(c.id.in_(firsts), due).order_by(c.id).limit(1)
        with self._store.database.read_transaction() as transaction:
            row = transaction.execute(statement).mappings().one_or_none()
        if row is None:
            return None
        event = Event(**{name: row[name] for name in Event.__dataclass_fields__})
        return event, row["message_id"] or f"evt_{event.id}", row["tries"]

    def _deliver_event(self, connection: StoredConnection, waiting: tuple[Event, str, int]) -> bool:
        event, message_id, tries = waiting
        callback = connection.preferences["callback"]
        body = json.dumps(event.to_dict(), ensure_ascii=False).encode()
        timestamp = str(int(self._now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": sign(self._store.decrypt(callback["secret"]), message_id, timestamp, body),
        }
        try:
            taken = 200 <= self._post(callback["url"], body, headers) < 300  # noqa: PLR2004 (any 2xx)
        except (OSError, http.client.HTTPException):
            taken = False
        tries += 1
        pause = min(timedelta(seconds=10) * 2 ** min(tries - 1, 20), MAX_RETRY_DELAY)
        values = (
            {"delivery": DONE, "tries": tries}
            if taken
            else {
                "delivery": REFUSED if tries >= MAX_TRIES else WAITING,
                "tries": tries,
                "try_at": self._now() + pause,
            }
        )
        with self._store.database.write_transaction() as transaction:
            transaction.execute(sa.update(t.events).where(t.events.c.id == event.id).values(values))
        return taken


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Sign a message: ``v1,`` and the base64 HMAC-SHA256 over id, timestamp (Unix seconds) and raw body, with dots."""
    _, prefix, encoded = secret.rpartition(SECRET_PREFIX)
    key = base64.b64decode(encoded) if prefix else secret.encode()  # one of an earlier checkout has no prefix
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def http_post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """POST a body; redirects are not followed, proxies not used.

    Raises:
        OSError: if the receiver does not answer in time.
        HTTPException: if the answer is none.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection = (
        http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_SECONDS)
    )
    expired = threading.Event()

    def abort() -> None:  # a receiver that sends a byte a second meets no timeout of a single read
        expired.set()
        if connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    deadline = threading.Timer(TIMEOUT_SECONDS, abort)
    deadline.daemon = True
    deadline.start()
    try:
        connection.connect()
        if expired.is_set():  # there was no socket yet to shut down
            raise TimeoutError(f"no connection within {TIMEOUT_SECONDS:.0f} seconds")
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        status = connection.getresponse().status
        if expired.is_set():
            raise TimeoutError(f"no complete answer within {TIMEOUT_SECONDS:.0f} seconds")
        return status
    finally:
        deadline.cancel()
        connection.close()


def _require_safe_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    local = parts.scheme == "http" and parts.hostname in LOOPBACK
    sendable = url.isascii() and url.isprintable() and " " not in url
    if not sendable or not parts.hostname or parts.username or not (parts.scheme == "https" or local):
        raise reasons.BAD_CALLBACK.field("callback")

"""Outgoing webhooks: one signed HTTP request per event, in order, repeated until it is accepted.

The signature is HMAC-SHA256 over the timestamp, a dot and the raw body, with the secret that ``set`` made;
the receiver refuses what is old or does not match. An event may come twice (its ``id`` tells). It is repeated
until the receiver answers with a 2xx, for two days; then ``backlog`` counts it as given up.
"""

from __future__ import annotations

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
"""Connections whose events are delivered at once."""

DELIVERY_INTERVAL_SECONDS = 2.0
"""The time between two rounds of deliveries in the background."""

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
TIMEOUT_SECONDS = 10.0
MAX_RETRY_DELAY = timedelta(hours=1)
MAX_TRIES = 50
"""About two days of tries; then the event is ``refused`` and stays in the table."""

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
            secret = secrets.token_urlsafe(32)
            preferences["callback"] = {"url": url, "secret": self._store.encrypt(secret)}
        self._store.set_configuration(connection.id, connection.settings, preferences)
        return secret

    def deliver_due(self) -> DeliveryResult:
        """Send due events; a receiver that does not answer is tried again later, and holds up no other."""
        connections = [each for each in self._store.connections() if each.preferences.get("callback")]
        if len(connections) <= 1:
            results = list(map(self._deliver_connection, connections))
        else:
            with ThreadPoolExecutor(min(len(connections), MAX_PARALLEL), "webhooks") as pool:
                results = list(pool.map(self._deliver_connection, connections))
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

    def _deliver_connection(self, connection: StoredConnection) -> DeliveryResult:
        lease = self._leases.try_acquire(f"deliver:{connection.id}")
        if lease is None:
            return DeliveryResult()
        done = failed = 0
        try:
            while (event := self._next_event(connection)) is not None:
                if not self._deliver_event(connection, event):
                    failed += 1
                    break  # order holds: the later ones wait with it
                done += 1
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

    def _next_event(self, connection: StoredConnection) -> tuple[Event, int] | None:
        """Return the oldest event that waits, with its tries, unless it is not yet to be tried again."""
        c = t.events.c
        statement = (
            sa.select(t.events).where(c.connection_id == connection.id, c.delivery == WAITING).order_by(c.id).limit(1)
        )
        with self._store.database.read_transaction() as transaction:
            row = transaction.execute(statement).mappings().one_or_none()
        if row is None or (row["try_at"] is not None and row["try_at"] > self._now()):
            return None
        return Event(**{name: row[name] for name in Event.__dataclass_fields__}), row["tries"]

    def _deliver_event(self, connection: StoredConnection, waiting: tuple[Event, int]) -> bool:
        event, tries = waiting
        callback = connection.preferences["callback"]
        body = json.dumps(event.to_dict(), ensure_ascii=False).encode()
        stamp = str(int(self._now().timestamp()))
        signed = sign(self._store.decrypt(callback["secret"]), stamp, body)
        headers = {
            "Content-Type": "application/json",
            "X-Bizosaas-Event": str(event.id),
            "X-Bizosaas-Timestamp": stamp,
            "X-Bizosaas-Signature": f"sha256={signed}",
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


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Sign a body: hex HMAC-SHA256 over the timestamp, a dot and the raw body."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


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

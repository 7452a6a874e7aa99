"""Tell people that a plan waits, by e-mail, Slack or Teams through Apprise, with a link that decides nothing."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from bizosaas_xero.host import Host, StoredConnection, StoredPlan
from bizosaas_xero.host.connections.organisation_details import time_zone_of
from bizosaas_xero.host.storage.database_errors import is_database_error
from bizosaas_xero.host.text import make_visible
from bizosaas_xero.spec import NotFound, Unavailable
from bizosaas_xero.web import reasons, words
from bizosaas_xero.web.settings import WebSettings

PAUSE_SECONDS = 15.0
"""Between two looks for plans that wait."""

RETRY_AFTER = timedelta(minutes=5)
"""After which a message that no address took is tried again."""

MAX_NAME = 80

log = logging.getLogger(__name__)

Send = Callable[[SecretStr, str, str], bool]


def send_with_apprise(address: SecretStr, title: str, body: str) -> bool:
    """Send a message to one address; return whether it was taken."""
    apprise = _import_apprise()
    service = apprise.Apprise.instantiate(address.get_secret_value(), suppress_exceptions=True)
    return service is not None and bool(service.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT))


def check_address(address: SecretStr) -> None:
    """Refuse an address that Apprise does not know.

    Raises:
        Invalid: ``bad_notification``; the address is not repeated, because it is a secret.
        Misconfigured: The extra is not installed.
    """
    if _import_apprise().Apprise.instantiate(address.get_secret_value(), suppress_exceptions=True) is None:
        raise reasons.BAD_NOTIFICATION.field("notify")


class Announcer:
    """Tells about each waiting plan once.

    Args:
        host: Where plans wait.
        settings: Where the pages are.
        now: The clock.
        send: Sends a message to one address.
    """

    def __init__(
        self, host: Host, settings: WebSettings, *, now: Callable[[], datetime], send: Send = send_with_apprise
    ) -> None:
        self._host = host
        self._settings = settings
        self._now = now
        self._send = send
        self._pauses: dict[tuple[str, str], datetime] = {}

    def announce_waiting(self) -> int:
        """Tell about plans that began to wait; return of how many."""
        told = 0
        for connection in self._host.store.connections():
            addresses, since = self._host.announcements.list_addresses(connection.id)
            if not addresses or since is None:
                continue
            for plan in self._host.approvals.list_waiting(connection.id):
                if plan.created_at >= since and self._is_due(plan) and self._host.announcements.claim(plan):
                    told += self._tell(connection, plan, addresses)
        return told

    def _is_due(self, plan: StoredPlan) -> bool:
        return self._pauses.get((plan.connection_id, plan.plan.hash), self._now()) <= self._now()

    def _tell(self, connection: StoredConnection, plan: StoredPlan, addresses: list[SecretStr]) -> bool:
        title, body = self._write(connection, plan)
        taken = [self._send(address, title, body) for address in addresses]
        if any(taken):
            return True
        log.warning("no address took the message about plan %s; it is tried again", plan.short)
        self._host.announcements.give_back(plan)
        self._pauses[plan.connection_id, plan.plan.hash] = self._now() + RETRY_AFTER
        return False

    def _write(self, connection: StoredConnection, plan: StoredPlan) -> tuple[str, str]:
        """Return title and text. Names that others chose are short, and lead nowhere."""
        amount = "" if plan.plan.amount is None else f", {words.money(plan.plan.amount, plan.plan.currency)}"
        what = f"{_plain(self._action_title(connection, plan.action))}{amount}"
        until = words.local(plan.expires_at, time_zone_of(connection))
        body = (
            f"{what} in {_plain(connection.organisation)}, asked for by {_plain(words.join(plan.requesters))}.\n\n"
            f"Look at it, and decide when you are signed in, until {until}:\n"
            f"{self._settings.public_url}/approvals/{plan.connection_id}/{plan.plan.hash}\n\n"
            "The link alone decides nothing."
        )
        return f"Waits for approval: {what}", body

    def _action_title(self, connection: StoredConnection, name: str) -> str:
        try:
            found = {each.name: each.title for each in self._host.action_service.actions(connection.id)}
        except NotFound:  # its connector is not loaded
            found = {}
        return found.get(name, name)


@contextlib.contextmanager
def run_announcer(announcer: Announcer) -> Iterator[None]:
    """Tell about waiting plans in the background, until the block ends."""
    stopping = threading.Event()

    def run() -> None:
        while not stopping.wait(PAUSE_SECONDS):
            try:
                announcer.announce_waiting()
            except Unavailable as error:
                if not is_database_error(error):
                    raise
                log.warning("messages wait for the database: %s", error.reason)

    thread = threading.Thread(target=run, name="web-announce", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _plain(text: str) -> str:
    """Return a text in which no service finds a link, a mention or a format."""
    shown = make_visible(text)[:MAX_NAME].translate(str.maketrans("<>[]`*_~|&#", "()()'      "))
    return shown.replace("://", ": ").replace("@", " at ")


def _import_apprise() -> Any:
    try:
        import apprise
    except ImportError:
        raise reasons.NO_APPRISE() from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines may hold parts of an address
    return apprise

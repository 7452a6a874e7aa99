"""One organisation's calls: address, headers, limits, retries, and what each answer means.

Data flows through :meth:`Client.get` and :meth:`Client.write`: count the call, send it, turn a bad
answer into an error of :mod:`bizosaas_xero.spec.errors`, retry what is worth it, give up in time.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock, local
from typing import Any, TypeVar

import httpx

from bizosaas_xero.connector.auth import jwt
from bizosaas_xero.connector.http import errors, rate_limits, transport
from bizosaas_xero.connector.records import decode
from bizosaas_xero.connector.settings import Settings
from bizosaas_xero.spec.errors import (
    ConnectorError,
    OrganisationUnavailable,
    RateLimited,
    Unavailable,
)
from bizosaas_xero.spec.models import Connection

API_PATH = "/api.xro/2.0/"
ATTEMPTS = 4
MAX_WAIT = 65.0
"""Default seconds that limits may be waited for in one run: a little more than Xero's one-minute window."""

_COUNT = re.compile(r"[0-9]{1,9}")

Read = TypeVar("Read")


@dataclass
class Meter:
    """What a run has cost so far, and what Xero says is left."""

    calls: int = 0
    bytes: int = 0
    day_left: int | None = None
    minute_left: int | None = None

    def __post_init__(self) -> None:
        self._lock = Lock()

    def send(self, *request: Any, **more: Any) -> httpx.Response:
        """Send one request with :func:`.sending.send` and count it, answered or not."""
        with self._lock:
            self.calls += 1
        response = transport.send(*request, **more)
        with self._lock:
            self.bytes += response.num_bytes_downloaded
            self.day_left = _int_header(response, "X-DayLimit-Remaining", self.day_left)
            self.minute_left = _int_header(response, "X-MinLimit-Remaining", self.minute_left)
        return response

    def cost(self) -> dict[str, int | None]:
        """Return all of it, by the names that :class:`~bizosaas_xero.spec.models.Stats` has for it."""
        names = ("calls", "bytes", "day_left", "minute_left")
        return {name: getattr(self, name) for name in names}

    @contextmanager
    def charged(self) -> Iterator[None]:
        """Let an error that passes say what was spent until then: no result will."""
        try:
            yield
        except ConnectorError as error:
            error.cost = self.cost() if self.calls else None
            raise


@dataclass(frozen=True)
class Answer:
    """A good answer: the parsed body (``{}`` for a 304), Xero's own time, and the bytes it came as."""

    body: dict[str, Any]
    at: datetime | None
    content: bytes = b""


class Client:
    """One organisation for one run."""

    def __init__(self, connection: Connection, settings: Settings, feature: str, max_wait: float | None = None) -> None:
        """Make a client.

        Args:
            connection: Whose organisation and token.
            settings: Addresses and limits.
            feature: The entity or action on whose behalf calls are made; named in errors.
            max_wait: Seconds that limits may be waited for in all (default :data:`MAX_WAIT`).
        """
        self.meter = Meter()
        self._connection = connection
        self._settings = settings
        self._feature = feature
        self._wait_left = MAX_WAIT if max_wait is None else max_wait
        self._waits_until = 0.0
        self._spending, self._mine = Lock(), local()
        self._token = connection.access_token.get_secret_value()
        self._key = f"{settings.api_url}|{connection.organisation_id}"
        self._app = f"{settings.api_url}|app|{jwt.claims(self._token).get('client_id', '')}"

    def get(self, path: str, params: Mapping[str, str] | None = None, since: datetime | None = None) -> Answer:
        """Read ``path`` (under ``/api.xro/2.0/``), optionally only what changed since a moment.

        Raises:
            ConnectorError: what :mod:`bizosaas_xero.connector.http.errors` makes of the last answer.
        """
        return self._read(path, params, since, _answer)

    def fetch(
        self, path: str, params: Mapping[str, str] | None = None, since: datetime | None = None
    ) -> Callable[[], Answer]:
        """Read like :meth:`get`, but leave the parsing to the call of what is returned.

        An answer that waits for its turn takes a fiftieth of the room as it came. One that turns out damaged
        is read again then.

        Raises:
            ConnectorError: as :meth:`get`; what is returned raises it too.
        """
        response = self._read(path, params, since, lambda response: response)

        def parsed() -> Answer:
            try:
                return _answer(response)
            except Unavailable:
                return self._read(path, params, since, _answer, ATTEMPTS - 1)

        return parsed

    def _read(
        self,
        path: str,
        params: Mapping[str, str] | None,
        since: datetime | None,
        made: Callable[[httpx.Response], Read],
        attempts: int = ATTEMPTS,
    ) -> Read:
        """Ask, again where that is worth it, and return what is ``made`` of the answer."""
        headers = self._headers()
        if since:
            # Every client that works sends no zone here, as Xero's guide shows; the moment is UTC.
            headers["If-Modified-Since"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        url = f"{self._settings.api_url}{API_PATH}{path}"
        import stamina  # and with it asyncio: not needed to describe or to list

        # Jitter and pauses between attempts are stamina's; tests switch them off with its public switch.
        for attempt in stamina.retry_context(
            on=self.pause, attempts=attempts, timeout=None, wait_initial=0.3, wait_jitter=0.3
        ):
            with attempt:
                return made(self._once("GET", url, params, headers))
        raise AssertionError("stamina either returns or raises")

    def write(self, method: str, path: str, body: bytes, key: str, params: Mapping[str, str] | None = None) -> Answer:
        """Send one write, once: whether it may be sent again is for its caller to know.

        Args:
            method: PUT (create only) or POST.
            path: Under ``/api.xro/2.0/``.
            body: JSON; the same bytes each time, for Xero refuses a key that comes with others.
            key: The Idempotency-Key: at most 128 characters, unique over all organisations of the app.
            params: The query.

        Raises:
            ConnectorError: what :mod:`bizosaas_xero.connector.http.errors` makes of the answer, or of none.
        """
        headers = self._headers() | {"Content-Type": "application/json", "Idempotency-Key": key}
        return _answer(self._once(method, f"{self._settings.api_url}{API_PATH}{path}", params, headers, body))

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._token}",
            "Xero-Tenant-Id": self._connection.organisation_id,
            "Accept": "application/json",
        }

    def _once(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> httpx.Response:
        response = self._in_turn(method, url, params=params, headers=headers, content=body)
        # Either, where it was not asked for, would make an empty table of no answer at all.
        nothing_new = response.status_code == httpx.codes.NOT_MODIFIED and "If-Modified-Since" in headers
        if nothing_new or (response.status_code == httpx.codes.NO_CONTENT and body is not None):
            return response
        if response.status_code != httpx.codes.OK:
            error = errors.error_of(response, self._feature)
            if isinstance(error, OrganisationUnavailable) and self._is_connected():
                error = errors.not_permitted(response, self._feature)
            raise error
        return response

    def _is_connected(self) -> bool:
        """Tell a disconnected organisation from a user without the right: Xero answers both alike."""
        response = self.meter.send(
            "GET",
            f"{self._settings.api_url}/connections",
            self._settings,
            headers={"Authorization": f"Bearer {self._token}", "Accept": "application/json"},
        )
        if response.status_code != httpx.codes.OK:
            raise errors.error_of(response, self._feature)
        wanted = self._connection.organisation_id.lower()
        return any(str(item.get("tenantId", "")).lower() == wanted for item in errors.json_list(response))

    def _in_turn(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Send one request when a slot is free and the minute has room.

        It is counted with the slot in hand. Counted before, it might wait for one, and arrive with the calls
        of the minute after.
        """
        per_minute, shared = self._settings.calls_per_minute, self._settings.limiter_url
        # Here as well as where all count: a Redis that comes back empty has forgotten what was sent. There
        # first: what cannot be counted there is not sent, and must not count here.
        places = [shared, None] if shared else [None]
        owed = [(place, self._key, per_minute, "limit_minute") for place in places if per_minute]
        most = rate_limits.APP_CALLS_PER_MINUTE
        owed += [(place, self._app, most, "limit_app_minute") for place in places if per_minute]
        while True:
            with rate_limits.slots(os.getpid(), self._key):
                wait = 0.0
                while owed and not (wait := rate_limits.seconds_to_wait(*owed[0][:3])):
                    del owed[0]
                if not owed:
                    return self.meter.send(method, url, self._settings, **more)
            self._spend(wait, errors.limit_reached(owed[0][3], wait))
            time.sleep(wait)

    def pause(self, error: Exception) -> bool | float:
        """Decide on a retry, for stamina: no, yes with a growing pause, or after exactly so many seconds."""
        if isinstance(error, RateLimited) and error.retry_after is not None:
            # Xero's clock and ours tick apart: a hair more than asked saves a second refusal.
            wait = error.retry_after + 0.05
            try:
                self._spend(wait, error)
            except RateLimited:
                return False
            return wait
        return isinstance(error, Unavailable)

    def _spend(self, seconds: float, error: ConnectorError) -> None:
        """Take a wait that begins now from what may be waited; what threads wait together counts once.

        Raises:
            ConnectorError: ``error``, if that would be too long.
        """
        with self._spending:
            # A thread's waits follow each other, also in a test that does not really sleep.
            begin = max(time.monotonic(), getattr(self._mine, "waits_until", 0.0))
            end = begin + seconds
            alone = max(0.0, end - max(begin, self._waits_until))
            if alone > self._wait_left:
                raise error
            self._wait_left -= alone
            self._waits_until = max(self._waits_until, end)
            self._mine.waits_until = end


def _answer(response: httpx.Response) -> Answer:
    if response.status_code != httpx.codes.OK:  # a 304 or a 204, which hold nothing
        return Answer({}, _http_date(response))
    try:
        body = decode.parse_json(response.content)
    except ValueError:
        raise errors.garbled(response) from None
    if not isinstance(body, dict):
        raise errors.garbled(response)
    at = body.get("DateTimeUTC")
    try:
        moment = decode.stamp(at) if at else None
    except (ValueError, TypeError):
        moment = None
    return Answer(body, moment or _http_date(response), response.content)


def _http_date(response: httpx.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def _int_header(response: httpx.Response, name: str, default: int | None) -> int | None:
    value = response.headers.get(name, "")
    return int(value) if _COUNT.fullmatch(value) else default

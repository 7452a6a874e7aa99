"""Send one organisation's requests: address, headers, limits, retries, errors.

:meth:`Client.get` and :meth:`Client.write` count the call, send it, map an error response to an error of
:mod:`bizosaas_xero.spec.errors`, and retry within ``max_wait``.
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
MAX_ATTEMPTS = 4
DEFAULT_MAX_WAIT = 65.0
"""Default seconds that one run waits for limits: a little more than Xero's one-minute window."""

_COUNT = re.compile(r"[0-9]{1,9}")

Result = TypeVar("Result")


@dataclass
class CallCounter:
    """Count the calls and bytes of one run, and keep what Xero's headers say is left."""

    calls: int = 0
    bytes: int = 0
    day_left: int | None = None
    minute_left: int | None = None

    def __post_init__(self) -> None:
        self._lock = Lock()

    def send(self, *request: Any, **more: Any) -> httpx.Response:
        """Send one request with :func:`.transport.send` and count it, with or without a response."""
        with self._lock:
            self.calls += 1
        response = transport.send(*request, **more)
        with self._lock:
            self.bytes += response.num_bytes_downloaded
            self.day_left = _int_header(response, "X-DayLimit-Remaining", self.day_left)
            self.minute_left = _int_header(response, "X-MinLimit-Remaining", self.minute_left)
        return response

    def cost(self) -> dict[str, int | None]:
        """Return the counts by their names in :class:`~bizosaas_xero.spec.models.Stats`."""
        names = ("calls", "bytes", "day_left", "minute_left")
        return {name: getattr(self, name) for name in names}

    @contextmanager
    def attach_cost(self) -> Iterator[None]:
        """Set ``cost`` of an error that leaves the block, because no result will carry it."""
        try:
            yield
        except ConnectorError as error:
            error.cost = self.cost() if self.calls else None
            raise


@dataclass(frozen=True)
class ParsedResponse:
    """A successful response: parsed body (``{}`` for a 304), Xero's time, and the raw body."""

    body: dict[str, Any]
    server_time: datetime | None
    content: bytes = b""


class Client:
    """Sends the requests of one organisation during one run."""

    def __init__(self, connection: Connection, settings: Settings, feature: str, max_wait: float | None = None) -> None:
        """Make a client.

        Args:
            connection: The organisation and its access token.
            settings: Addresses and limits.
            feature: The entity or action that makes the calls; named in errors.
            max_wait: Total seconds to wait for limits (default :data:`DEFAULT_MAX_WAIT`).
        """
        self.counter = CallCounter()
        self._connection = connection
        self._settings = settings
        self._feature = feature
        self._wait_left = DEFAULT_MAX_WAIT if max_wait is None else max_wait
        self._waiting_until = 0.0
        self._wait_lock, self._this_thread = Lock(), local()
        self._token = connection.access_token.get_secret_value()
        self._key = f"{settings.api_url}|{connection.organisation_id}"
        self._app = f"{settings.api_url}|app|{jwt.claims(self._token).get('client_id', '')}"

    def get(self, path: str, params: Mapping[str, str] | None = None, since: datetime | None = None) -> ParsedResponse:
        """Read ``path`` (under ``/api.xro/2.0/``), optionally only what changed since a moment.

        Raises:
            ConnectorError: :mod:`bizosaas_xero.connector.http.errors` for the last response.
        """
        return self._get_with_retries(path, params, since, _parse_response)

    def get_deferred(
        self, path: str, params: Mapping[str, str] | None = None, since: datetime | None = None
    ) -> Callable[[], ParsedResponse]:
        """Like :meth:`get`, but return a function that parses the response.

        A compressed response waiting to be parsed takes a fiftieth of the memory. The function requests a
        damaged response again.

        Raises:
            ConnectorError: as :meth:`get`; the returned function raises it too.
        """
        response = self._get_with_retries(path, params, since, lambda response: response)

        def parse() -> ParsedResponse:
            try:
                return _parse_response(response)
            except Unavailable:
                return self._get_with_retries(path, params, since, _parse_response, MAX_ATTEMPTS - 1)

        return parse

    def _get_with_retries(
        self,
        path: str,
        params: Mapping[str, str] | None,
        since: datetime | None,
        convert: Callable[[httpx.Response], Result],
        attempts: int = MAX_ATTEMPTS,
    ) -> Result:
        """Send a GET request, with retries, and return ``convert(response)``."""
        headers = self._headers()
        if since:
            # Without a zone, as in Xero's guide and in every client that works; the time is UTC.
            headers["If-Modified-Since"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        url = f"{self._settings.api_url}{API_PATH}{path}"
        import stamina  # imports asyncio, which describing and listing do not need

        # stamina adds jitter and pauses between attempts; tests switch them off with its public switch.
        for attempt in stamina.retry_context(
            on=self.retry_delay, attempts=attempts, timeout=None, wait_initial=0.3, wait_jitter=0.3
        ):
            with attempt:
                return convert(self._send_once("GET", url, params, headers))
        raise AssertionError("stamina either returns or raises")

    def write(
        self, method: str, path: str, body: bytes, key: str, params: Mapping[str, str] | None = None
    ) -> ParsedResponse:
        """Send one write, once; the caller decides whether to send it again.

        Args:
            method: PUT (create only) or POST.
            path: Under ``/api.xro/2.0/``.
            body: JSON; the same bytes at each attempt, because Xero refuses a key with another body.
            key: The Idempotency-Key: at most 128 characters, unique over all organisations of the app.
            params: The query.

        Raises:
            ConnectorError: :mod:`bizosaas_xero.connector.http.errors` for the response, or for none.
        """
        headers = self._headers() | {"Content-Type": "application/json", "Idempotency-Key": key}
        return _parse_response(
            self._send_once(method, f"{self._settings.api_url}{API_PATH}{path}", params, headers, body)
        )

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._token}",
            "Xero-Tenant-Id": self._connection.organisation_id,
            "Accept": "application/json",
        }

    def _send_once(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> httpx.Response:
        response = self._send_within_limits(method, url, params=params, headers=headers, content=body)
        # An unrequested 304 or 204 would read as an empty table.
        nothing_new = response.status_code == httpx.codes.NOT_MODIFIED and "If-Modified-Since" in headers
        if nothing_new or (response.status_code == httpx.codes.NO_CONTENT and body is not None):
            return response
        if response.status_code != httpx.codes.OK:
            error = errors.from_response(response, self._feature)
            if isinstance(error, OrganisationUnavailable) and self._is_connected():
                error = errors.not_permitted(response, self._feature)
            raise error
        return response

    def _is_connected(self) -> bool:
        """Distinguish a disconnected organisation from a user without the right: Xero answers both with 403."""
        response = self.counter.send(
            "GET",
            f"{self._settings.api_url}/connections",
            self._settings,
            headers={"Authorization": f"Bearer {self._token}", "Accept": "application/json"},
        )
        if response.status_code != httpx.codes.OK:
            raise errors.from_response(response, self._feature)
        wanted = self._connection.organisation_id.lower()
        return any(str(item.get("tenantId", "")).lower() == wanted for item in errors.parse_json_list(response))

    def _send_within_limits(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Send one request when a slot is free and the minute limit has room.

        The call is counted while the slot is held. A call counted earlier could wait for a slot and reach Xero
        together with the calls of the next minute.
        """
        per_minute, shared = self._settings.calls_per_minute, self._settings.limiter_url
        # Count in Redis and here: a restarted Redis has lost its counts. In Redis first: a call that cannot be
        # counted there is not sent and must not count here.
        limiters = [shared, None] if shared else [None]
        uncounted = [(limiter, self._key, per_minute, "limit_minute") for limiter in limiters if per_minute]
        app_limit = rate_limits.MAX_APP_CALLS_PER_MINUTE
        uncounted += [(limiter, self._app, app_limit, "limit_app_minute") for limiter in limiters if per_minute]
        while True:
            with rate_limits.request_slots(os.getpid(), self._key):
                wait = 0.0
                while uncounted and not (wait := rate_limits.reserve_call(*uncounted[0][:3])):
                    del uncounted[0]
                if not uncounted:
                    return self.counter.send(method, url, self._settings, **more)
            self._reserve_wait(wait, errors.limit_reached(uncounted[0][3], wait))
            time.sleep(wait)

    def retry_delay(self, error: Exception) -> bool | float:
        """Decide on a retry for stamina: ``False``, ``True`` (growing pauses), or the exact seconds to wait."""
        if isinstance(error, RateLimited) and error.retry_after is not None:
            # Clocks differ slightly: waiting a little longer avoids a second refusal.
            wait = error.retry_after + 0.05
            try:
                self._reserve_wait(wait, error)
            except RateLimited:
                return False
            return wait
        return isinstance(error, Unavailable)

    def _reserve_wait(self, seconds: float, error: ConnectorError) -> None:
        """Deduct a wait that starts now from the total; waits of several threads at the same time count once.

        Raises:
            ConnectorError: ``error``, if the total would be exceeded.
        """
        with self._wait_lock:
            # A thread's waits follow each other, also in a test that does not sleep.
            begin = max(time.monotonic(), getattr(self._this_thread, "waiting_until", 0.0))
            end = begin + seconds
            alone = max(0.0, end - max(begin, self._waiting_until))
            if alone > self._wait_left:
                raise error
            self._wait_left -= alone
            self._waiting_until = max(self._waiting_until, end)
            self._this_thread.waiting_until = end


def _parse_response(response: httpx.Response) -> ParsedResponse:
    if response.status_code != httpx.codes.OK:  # a 304 or a 204 has no body
        return ParsedResponse({}, _http_date(response))
    try:
        body = decode.parse_json(response.content)
    except ValueError:
        raise errors.damaged_response(response) from None
    if not isinstance(body, dict):
        raise errors.damaged_response(response)
    at = body.get("DateTimeUTC")
    try:
        moment = decode.parse_timestamp(at) if at else None
    except (ValueError, TypeError):
        moment = None
    return ParsedResponse(body, moment or _http_date(response), response.content)


def _http_date(response: httpx.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def _int_header(response: httpx.Response, name: str, default: int | None) -> int | None:
    value = response.headers.get(name, "")
    return int(value) if _COUNT.fullmatch(value) else default

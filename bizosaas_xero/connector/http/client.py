"""Send one organisation's requests: address, headers, limits, retries, errors.

:meth:`Client.get` and :meth:`Client.write` count the call, send it, map an error response to an error of
:mod:`bizosaas_xero.spec.errors`, and retry within ``max_wait``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.http import errors, transport
from bizosaas_xero.connector.http.transport import XERO
from bizosaas_xero.connector.records import decode
from bizosaas_xero.connector.settings import Settings
from bizosaas_xero.spec.errors import OrganisationUnavailable, Unavailable
from bizosaas_xero.spec.models import Connection
from bizosaas_xero.toolkit import jwt
from bizosaas_xero.toolkit.costs import CallCounter
from bizosaas_xero.toolkit.errors import damaged_response, parse_json_list
from bizosaas_xero.toolkit.rate_limits import Limit, Limits, send_within_limits
from bizosaas_xero.toolkit.retries import WaitBudget, retry

API_PATH = "/api.xro/2.0/"
MAX_ATTEMPTS = 4

MAX_CONCURRENT_CALLS = 5
"""Calls in flight per organisation (Xero's limits page)."""

MAX_APP_CALLS_PER_MINUTE = 10_000
"""Calls a minute per app, over all its organisations (Xero's limits page)."""

DEFAULT_MAX_WAIT = 65.0
"""Default seconds that one run waits for limits: a little more than Xero's one-minute window."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class ParsedResponse:
    """A successful response.

    Args:
        body: The parsed body; ``{}`` for a 304.
        server_time: Xero's time.
        content: The raw body.
        damaged: The body is not valid JSON, and was parsed by :mod:`bizosaas_xero.connector.records.salvage`.
    """

    body: dict[str, Any]
    server_time: datetime | None
    content: bytes = b""
    damaged: bool = False


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
        self.counter = CallCounter(XERO)
        self.waits = WaitBudget(DEFAULT_MAX_WAIT if max_wait is None else max_wait)
        self._connection = connection
        self._settings = settings
        self._feature = feature
        self._token = connection.access_token.get_secret_value()
        self._limits = _limits(connection, settings, str(jwt.claims(self._token).get("client_id", "")))

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
        damaged response again; if that one is damaged too, its rows are salvaged.

        Raises:
            ConnectorError: as :meth:`get`; the returned function raises it too.
        """
        response = self._get_with_retries(path, params, since, lambda response: response)

        def parse() -> ParsedResponse:
            with suppress(Unavailable):  # left before the next request, so that its memory is free
                return _parse_response(response)
            return self._get_with_retries(path, params, since, _salvage_response, MAX_ATTEMPTS - 1)

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
        return retry(lambda: convert(self._send_once("GET", url, params, headers)), attempts, self.waits.retry_delay)

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
        response = send_within_limits(
            lambda: self._send(method, url, params=params, headers=headers, content=body), self._limits, self.waits
        )
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
        response = self._send(
            "GET",
            f"{self._settings.api_url}/connections",
            headers={"Authorization": f"Bearer {self._token}", "Accept": "application/json"},
        )
        if response.status_code != httpx.codes.OK:
            raise errors.from_response(response, self._feature)
        wanted = self._connection.organisation_id.lower()
        return any(str(item.get("tenantId", "")).lower() == wanted for item in parse_json_list(XERO, response))

    def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        return self.counter.count(lambda: transport.send(method, url, self._settings, **options))


def _limits(connection: Connection, settings: Settings, client_id: str) -> Limits:
    organisation = f"xero:{settings.api_url}|{connection.organisation_id}"
    limits = (
        Limit(organisation, settings.calls_per_minute, lambda wait: errors.limit_reached(reasons.LIMIT_MINUTE, wait)),
        Limit(
            f"xero:{settings.api_url}|app|{client_id}",
            MAX_APP_CALLS_PER_MINUTE,
            lambda wait: errors.limit_reached(reasons.LIMIT_APP_MINUTE, wait),
        ),
    )
    return Limits(
        per_minute=limits if settings.calls_per_minute else (),
        slots_key=organisation,
        max_concurrent=MAX_CONCURRENT_CALLS,
        limiter_url=settings.limiter_url,
    )


def _salvage_response(response: httpx.Response) -> ParsedResponse:
    _ = response.content  # one that cannot be read at all is not salvaged
    with suppress(Unavailable):
        return _parse_response(response)
    return _parse_response(response, salvage=True)


def _parse_response(response: httpx.Response, *, salvage: bool = False) -> ParsedResponse:
    if response.status_code != httpx.codes.OK:  # a 304 or a 204 has no body
        return ParsedResponse({}, _http_date(response))
    try:
        body = decode.parse_json(response.content, salvage=salvage)
    except ValueError:
        raise damaged_response(XERO, response) from None
    if not isinstance(body, dict):
        raise damaged_response(XERO, response)
    at = body.get("DateTimeUTC")
    try:
        moment = decode.parse_timestamp(str(at)) if at else None
    except ValueError:
        moment = None
    return ParsedResponse(body, moment or _http_date(response), response.content, salvage)


def _http_date(response: httpx.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None

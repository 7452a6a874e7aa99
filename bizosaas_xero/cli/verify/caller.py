"""Calls to Xero whose answers are looked at as they come: status, headers and body, good or bad."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx

from bizosaas_xero.cli.verify.recording import Exchange
from bizosaas_xero.connector.http import transport
from bizosaas_xero.connector.reasons import LIMIT_MINUTE
from bizosaas_xero.connector.settings import Settings

MAX_CALLS = 40
"""Calls of one ``verify``; ``--write`` may make as many again."""

API = "/api.xro/2.0/"


class OutOfCalls(Exception):
    """The calls that ``verify`` allows itself are used up."""


@dataclass(frozen=True)
class Answer:
    """What Xero said.

    Args:
        status: The HTTP status.
        headers: The response headers.
        body: The parsed JSON; ``None`` when it is none.
    """

    status: int
    headers: Mapping[str, str]
    body: Any

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a list; none when this is not one."""
        rows = self.body.get(name) if isinstance(self.body, dict) and self.status == httpx.codes.OK else None
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


@dataclass
class Caller:
    """Sends the calls of one organisation, and counts them.

    Args:
        settings: Addresses.
        token: The access token.
        organisation_id: The organisation.
        limit: Calls that may still be made.
        exchanges: Every request with its answer, if they are to be kept.
    """

    settings: Settings
    token: str
    organisation_id: str
    limit: int = MAX_CALLS
    keep: bool = False
    made: int = 0
    exchanges: list[Exchange] = field(default_factory=list)

    def get(self, path: str, since: str | None = None, **params: str | int) -> Answer:
        """Read a path of the Accounting API."""
        more = {"If-Modified-Since": since} if since else {}
        return self.call("GET", f"{self.settings.api_url}{API}{path}", params, headers=more)

    def write(self, method: str, path: str, body: Any, **params: str) -> Answer:
        """Write, with a JSON body."""
        content = body if isinstance(body, bytes) else json.dumps(body, default=float).encode()
        headers = {"Content-Type": "application/json"}
        return self.call(method, f"{self.settings.api_url}{API}{path}", params, headers=headers, content=content)

    def connections(self) -> Answer:
        """Read the connections of this sign-in."""
        return self.call("GET", f"{self.settings.api_url}/connections", {})

    def token_request(self, form: Mapping[str, str]) -> Answer:
        """Ask the token endpoint."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"{self.settings.identity_url}/connect/token"
        return self.call("POST", url, {}, headers=headers, content=urlencode(form).encode(), signed=False)

    def call(
        self,
        method: str,
        url: str,
        params: Mapping[str, str | int],
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        signed: bool = True,
    ) -> Answer:
        """Send one request.

        Raises:
            OutOfCalls: The calls are used up.
            RateLimited: Xero refuses more calls now.
            Unavailable: No complete answer came.
        """
        if self.made >= self.limit:
            raise OutOfCalls
        self.made += 1
        sent = {"Accept": "application/json", **(headers or {})}
        if signed:
            sent |= {"Authorization": f"Bearer {self.token}", "Xero-Tenant-Id": self.organisation_id}
        query = {name: str(value) for name, value in params.items()}
        response = transport.send(method, url, self.settings, params=query, headers=sent, content=content)
        if self.keep:
            self.exchanges.append(Exchange(method, str(httpx.URL(url, params=query)), sent, content, response))
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise LIMIT_MINUTE("Xero refuses more calls now.", remedy="Run bizosaas-xero verify again later.")
        try:
            body = json.loads(response.content, parse_float=Decimal)
        except ValueError:
            body = None
        return Answer(response.status_code, response.headers, body)

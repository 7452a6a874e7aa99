"""Xero as a service of the toolkit: its name, its headers, and requests to it."""

from __future__ import annotations

import re
from typing import Any

import httpx

from bizosaas_xero import __version__
from bizosaas_xero.connector.settings import Settings
from bizosaas_xero.toolkit import http
from bizosaas_xero.toolkit.service import Service

_DOCUMENT = re.compile(r"(/api\.xro/2\.0/(?!Reports/)[A-Za-z]+/)([^/]+)")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def is_guid(value: str) -> bool:
    """Tell whether a text is one of Xero's ids."""
    return _GUID.fullmatch(value) is not None


class _Xero(Service):
    def public_path(self, path: str) -> str:
        """Return a path without document numbers, which people write; Xero's own ids stay."""
        return _DOCUMENT.sub(lambda part: part[0] if is_guid(part[2]) else f"{part[1]}{{number}}", path)


XERO = _Xero(
    name="Xero",
    user_agent=f"bizosaas-xero/{__version__}",
    correlation_header="Xero-Correlation-Id",
    remaining_headers={"day_left": "X-DayLimit-Remaining", "minute_left": "X-MinLimit-Remaining"},
)


def http_client(settings: Settings) -> httpx.Client:
    """Return this process's HTTP client for the settings' addresses."""
    return http.http_client(XERO, settings.api_url, settings.timeout)


def send(method: str, url: str, settings: Settings, **more: Any) -> httpx.Response:
    """Send one request to Xero, as :func:`bizosaas_xero.toolkit.http.send`."""
    return http.send(http_client(settings), XERO, method, url, **more)


def close_clients() -> None:
    """Close this process's connections; they reopen when needed."""
    http.close_clients()

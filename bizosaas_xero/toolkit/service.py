"""What a connector says of its service: its name, and the headers that carry counts and ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

_COUNT = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Service:
    """The service that a connector talks to.

    Args:
        name: Its name in messages.
        user_agent: The header ``User-Agent``.
        correlation_header: The header that identifies a request to the service's support.
        remaining_headers: Name of a count, such as ``day_left``, to the header that carries it.
    """

    name: str
    user_agent: str
    correlation_header: str = "X-Correlation-Id"
    remaining_headers: Mapping[str, str] = field(default_factory=dict)

    def public_path(self, path: str) -> str:
        """Return a path for the log, without what people wrote (numbers, names)."""
        return path

    def correlation_id(self, response: httpx.Response) -> str | None:
        """Return the service's id of a request."""
        return response.headers.get(self.correlation_header) or None

    def remaining_calls(self, response: httpx.Response) -> dict[str, int]:
        """Return how many calls are left, by the names of ``remaining_headers``."""
        values = {name: response.headers.get(header, "") for name, header in self.remaining_headers.items()}
        return {name: int(value) for name, value in values.items() if _COUNT.fullmatch(value)}

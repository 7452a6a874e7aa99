"""HTTP itself: this process's connections, and whole answers within bounds.

Nothing here knows what an answer means, nor what may be asked; that is :mod:`bizosaas_xero.connector.http.client`.
"""

from __future__ import annotations

import atexit
import os
import zlib
from collections.abc import Mapping
from contextlib import closing
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import httpx

from bizosaas_xero import __version__
from bizosaas_xero.connector.http import errors
from bizosaas_xero.connector.settings import LOOPBACK, Settings
from bizosaas_xero.spec.errors import Invalid

unzipping: ModuleType
try:
    from isal import isal_zlib as unzipping  # the extra `fast`: a third of the time
except ImportError:
    unzipping = zlib

MOST_BYTES = 128 * 1024 * 1024
"""The longest answer that is read, unpacked: 1,000 invoices of 200 lines each have about 100 MB."""


class Whole(httpx.Response):
    """An answer read to its end and kept as it came: it is unpacked when it is looked at.

    ``content`` raises :class:`~bizosaas_xero.spec.errors.Unavailable` when it is longer than
    :data:`MOST_BYTES`, counted as it is unpacked (a little gzip holds gigabytes), or cannot be unpacked.
    """

    def __init__(self, answer: httpx.Response) -> None:
        """Read an answer whose body is still on the way."""
        super().__init__(answer.status_code, headers=answer.headers, request=answer.request)
        self._pieces: list[bytes] = []
        for piece in answer.iter_raw():
            self._pieces.append(piece)
            if answer.num_bytes_downloaded > MOST_BYTES:
                raise errors.too_long()
        self._on_the_wire = answer.num_bytes_downloaded

    @property
    def num_bytes_downloaded(self) -> int:
        """Return how long it was as it came."""
        return self._on_the_wire

    @cached_property
    def content(self) -> bytes:
        """Return the body, unpacked."""
        encoding = self.headers.get("Content-Encoding", "identity").lower()
        if encoding == "identity":
            return b"".join(self._pieces)
        if encoding != "gzip":  # nothing else was asked for
            raise errors.garbled(self)
        unzip, unpacked, size = unzipping.decompressobj(zlib.MAX_WBITS | 16), [], 0
        try:
            for piece in self._pieces:
                unpacked.append(unzip.decompress(piece, MOST_BYTES + 1 - size))
                size += len(unpacked[-1])
                if size > MOST_BYTES:
                    raise errors.too_long()
        except unzipping.error:
            raise errors.garbled(self) from None
        if not unzip.eof:
            raise errors.garbled(self)
        self._pieces.clear()
        return b"".join(unpacked)


def send(
    method: str,
    url: str,
    settings: Settings,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> httpx.Response:
    """Send one request over this process's connections.

    Raises:
        Invalid: What would be sent cannot stand in a header or an address.
        Unavailable: No answer came, it broke off, or is longer than any of Xero's.
    """
    if not all(value.isascii() and value.isprintable() for value in (headers or {}).values()):
        raise _unsendable()
    client = http(settings)
    try:
        return client.request(method, url, params=params, headers=headers, content=content)
    except httpx.RequestError as error:
        raise errors.unreachable(error) from None
    except (httpx.InvalidURL, UnicodeError):
        raise _unsendable() from None


def _unsendable() -> Invalid:
    # What it is may be a token: it is not shown.
    return Invalid(
        "A request to Xero would hold characters that cannot be sent.",
        remedy="Look for line breaks and stray characters in the access token, the organisation id and the "
        "addresses among the settings.",
        reason="unsendable",
    )


class BoundedClient(httpx.Client):
    """Gives each answer as a :class:`Whole` one."""

    def send(self, request: httpx.Request, *, stream: bool = False, **more: Any) -> httpx.Response:
        """Send a request; its answer is read whole unless it is to be streamed."""
        answer = super().send(request, stream=True, **more)
        if stream:
            return answer
        with closing(answer):
            return Whole(answer)


_clients: dict[tuple[int, str, float], httpx.Client] = {}


def http(settings: Settings) -> httpx.Client:
    """Return this process's HTTP client for the settings' API base.

    Connections are kept per process: one client used on both sides of a ``fork`` mixes up answers.
    """
    key = (os.getpid(), settings.api_url, settings.timeout)
    # A dict read needs no lock; one held by another thread over a fork would never be released.
    return _clients.get(key) or _clients.setdefault(key, _new_client(settings))


def _new_client(settings: Settings) -> httpx.Client:
    timeout = settings.timeout
    client = BoundedClient(
        timeout=httpx.Timeout(timeout, connect=min(10.0, timeout)),
        headers={"User-Agent": f"bizosaas-xero/{__version__}", "Accept-Encoding": "gzip"},
        follow_redirects=False,  # a token must not follow a redirect to another host
        trust_env=urlsplit(settings.api_url).hostname not in LOOPBACK,  # a proxy cannot reach this machine
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30),
    )
    # Clients are shared by organisations; a cookie must not carry anything from one to another.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


@atexit.register
def close() -> None:
    """Close this process's connections; they open again when needed. Runs by itself at exit."""
    for key in [key for key in _clients if key[0] == os.getpid()]:
        _clients.pop(key).close()

"""HTTP: this process's connections, and complete responses of bounded length.

:mod:`bizosaas_xero.connector.http.client` decides what to send and what a response means.
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

gzip_codec: ModuleType
try:
    from isal import isal_zlib as gzip_codec  # the extra `fast`: a third of the time
except ImportError:
    gzip_codec = zlib

MAX_BODY_BYTES = 128 * 1024 * 1024
"""The longest body that is read, decompressed: 1,000 invoices of 200 lines each have about 100 MB."""


class BufferedResponse(httpx.Response):
    """A response that was read to its end; its body is decompressed when it is first used.

    ``content`` raises :class:`~bizosaas_xero.spec.errors.Unavailable` when it is longer than
    :data:`MAX_BODY_BYTES`, counted during decompression (a little gzip holds gigabytes), or is damaged.
    """

    def __init__(self, answer: httpx.Response) -> None:
        """Read a streamed response to its end."""
        super().__init__(answer.status_code, headers=answer.headers, request=answer.request)
        self._chunks: list[bytes] = []
        for chunk in answer.iter_raw():
            self._chunks.append(chunk)
            if answer.num_bytes_downloaded > MAX_BODY_BYTES:
                raise errors.response_too_long()
        self._raw_length = answer.num_bytes_downloaded

    @property
    def num_bytes_downloaded(self) -> int:
        """Return the length of the body as received, compressed."""
        return self._raw_length

    @cached_property
    def content(self) -> bytes:
        """Return the decompressed body."""
        encoding = self.headers.get("Content-Encoding", "identity").lower()
        if encoding == "identity":
            return b"".join(self._chunks)
        if encoding != "gzip":  # no other encoding was requested
            raise errors.damaged_response(self)
        decompressor, decompressed, size = gzip_codec.decompressobj(zlib.MAX_WBITS | 16), [], 0
        try:
            for chunk in self._chunks:
                decompressed.append(decompressor.decompress(chunk, MAX_BODY_BYTES + 1 - size))
                size += len(decompressed[-1])
                if size > MAX_BODY_BYTES:
                    raise errors.response_too_long()
        except gzip_codec.error:
            raise errors.damaged_response(self) from None
        if not decompressor.eof:
            raise errors.damaged_response(self)
        self._chunks.clear()
        return b"".join(decompressed)


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
        Invalid: A header or the address holds characters that cannot be sent.
        Unavailable: No response came, it broke off, or it is longer than any of Xero.
    """
    if not all(value.isascii() and value.isprintable() for value in (headers or {}).values()):
        raise _unsendable_request()
    client = http_client(settings)
    try:
        return client.request(method, url, params=params, headers=headers, content=content)
    except httpx.RequestError as error:
        raise errors.no_response(error) from None
    except (httpx.InvalidURL, UnicodeError):
        raise _unsendable_request() from None


def _unsendable_request() -> Invalid:
    # The characters may be part of a token: they are not shown.
    return Invalid(
        "A request to Xero would hold characters that cannot be sent.",
        remedy="Look for line breaks and stray characters in the access token, the organisation id and the "
        "addresses among the settings.",
        reason="unsendable",
    )


class BoundedClient(httpx.Client):
    """An HTTP client that returns a :class:`BufferedResponse`."""

    def send(self, request: httpx.Request, *, stream: bool = False, **more: Any) -> httpx.Response:
        """Send a request; its response is read to its end unless ``stream`` is set."""
        answer = super().send(request, stream=True, **more)
        if stream:
            return answer
        with closing(answer):
            return BufferedResponse(answer)


_clients: dict[tuple[int, str, float], httpx.Client] = {}


def http_client(settings: Settings) -> httpx.Client:
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
        follow_redirects=False,  # a token must not be sent to another host
        trust_env=urlsplit(settings.api_url).hostname not in LOOPBACK,  # a proxy cannot reach this machine
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30),
    )
    # Clients are shared by organisations; a cookie must not carry anything from one to another.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


@atexit.register
def close_clients() -> None:
    """Close this process's connections; they reopen when needed. Also runs at exit."""
    for key in [key for key in _clients if key[0] == os.getpid()]:
        _clients.pop(key).close()

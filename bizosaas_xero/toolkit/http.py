"""HTTP: this process's connections, and complete responses of bounded length within a bounded time."""

from __future__ import annotations

import atexit
import logging
import os
import ssl
import time
import zlib
from collections.abc import Iterable, Mapping
from contextlib import closing
from http.cookiejar import DefaultCookiePolicy
from threading import local
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from bizosaas_xero.spec.errors import Invalid
from bizosaas_xero.toolkit import errors, reasons
from bizosaas_xero.toolkit.lazy import lazy_property
from bizosaas_xero.toolkit.service import Service

gzip_codec: ModuleType
try:
    from isal import isal_zlib as gzip_codec  # the extra `fast`: a third of the time
except ImportError:
    gzip_codec = zlib

MAX_BODY_BYTES = 128 * 1024 * 1024
"""The longest body that is read, decompressed: 1,000 invoices of 200 lines each have about 100 MB."""

MAX_CONNECT_SECONDS = 10.0
"""Seconds to wait for a connection, within the time for the whole response."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts of this machine."""

logger = logging.getLogger("bizosaas_xero.http")


class BufferedResponse(httpx.Response):
    """A response that was read to its end; its body is decompressed when it is first used.

    ``content`` raises :class:`~bizosaas_xero.spec.errors.Unavailable` when it is longer than
    :data:`MAX_BODY_BYTES`, counted during decompression (a little gzip holds gigabytes), or is damaged.
    """

    def __init__(self, response: httpx.Response, service: Service) -> None:
        """Read a streamed response to its end."""
        super().__init__(response.status_code, headers=response.headers, request=response.request)
        self._service = service
        self._chunks: list[bytes] = []
        for chunk in response.iter_raw():
            self._chunks.append(chunk)
            if response.num_bytes_downloaded > MAX_BODY_BYTES:
                raise errors.response_too_long(service)
        self._raw_length = response.num_bytes_downloaded

    @property
    def num_bytes_downloaded(self) -> int:
        """Return the length of the body as received, compressed."""
        return self._raw_length

    @lazy_property
    def content(self) -> bytes:
        """Return the decompressed body."""
        encoding = self.headers.get("Content-Encoding", "identity").lower()
        if encoding == "identity":
            return b"".join(self._chunks)
        if encoding != "gzip":  # no other encoding was requested
            raise errors.damaged_response(self._service, self)
        decompressor, decompressed, size = gzip_codec.decompressobj(zlib.MAX_WBITS | 16), [], 0
        try:
            for chunk in self._chunks:
                decompressed.append(decompressor.decompress(chunk, MAX_BODY_BYTES + 1 - size))
                size += len(decompressed[-1])
                if size > MAX_BODY_BYTES:
                    raise errors.response_too_long(self._service)
        except gzip_codec.error:
            raise errors.damaged_response(self._service, self) from None
        if not decompressor.eof:
            raise errors.damaged_response(self._service, self)
        self._chunks.clear()
        return b"".join(decompressed)


def send(
    client: httpx.Client,
    service: Service,
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> httpx.Response:
    """Send one request.

    Raises:
        Invalid: A header or the address holds characters that cannot be sent.
        Unavailable: No complete response came in time, or it is longer than :data:`MAX_BODY_BYTES`.
    """
    if not all(value.isascii() and value.isprintable() for value in (headers or {}).values()):
        raise _unsendable_request(service)
    try:
        return client.request(method, url, params=params, headers=headers, content=content)
    except httpx.RequestError as error:
        raise errors.no_response(service, error) from None
    except (httpx.InvalidURL, UnicodeError):
        raise _unsendable_request(service) from None


def _unsendable_request(service: Service) -> Invalid:
    # The characters may be part of a token: they are not shown.
    return reasons.UNSENDABLE(service=service.name)


class BoundedClient(httpx.Client):
    """An HTTP client that returns a :class:`BufferedResponse` within the service's time, and logs each request."""

    def __init__(self, service: Service, seconds: float, **options: Any) -> None:
        """Make a client of one service.

        Args:
            service: The service.
            seconds: The time for one whole response, from connecting to its last byte.
            options: Those of ``httpx.Client``.
        """
        super().__init__(**options)
        self._service = service
        self._seconds = seconds

    def send(self, request: httpx.Request, *, stream: bool = False, **more: Any) -> httpx.Response:
        """Send a request; its response is read to its end unless ``stream`` is set."""
        begin = time.monotonic()
        _deadline.at = begin + self._seconds
        try:
            response = super().send(request, stream=True, **more)
            if stream:
                return response
            with closing(response):
                buffered = BufferedResponse(response, self._service)
        except Exception as error:
            self._log(request, begin, error=type(error).__name__)
            raise
        finally:
            _deadline.at = None
        self._log(request, begin, buffered)
        return buffered

    def _log(
        self, request: httpx.Request, begin: float, response: httpx.Response | None = None, error: str | None = None
    ) -> None:
        """Log one request. No header but the counts of calls, no query and no body: they hold secrets and texts."""
        if not logger.isEnabledFor(logging.DEBUG):
            return
        details: dict[str, Any] = {
            "method": request.method,
            "path": self._service.public_path(request.url.path),
            "status": response.status_code if response is not None else None,
            "milliseconds": round((time.monotonic() - begin) * 1000),
            "correlation_id": self._service.correlation_id(response) if response is not None else None,
            **(self._service.remaining_calls(response) if response is not None else {}),
        }
        shown = " ".join(f"{name}={value}" for name, value in details.items() if value is not None)
        logger.debug("%s%s", shown, f" error={error}" if error else "", extra=details)


# ---------------------------------------------------------------- time for the whole response


class _Deadline(local):
    at: float | None = None


_deadline = _Deadline()
"""When the response that this thread waits for must be complete, on the monotonic clock."""


def _time_left(timeout: float | None, error: type[Exception]) -> float | None:
    if _deadline.at is None:
        return timeout
    left = _deadline.at - time.monotonic()
    if left <= 0:
        raise error("the time for the whole response is over")
    return left if timeout is None else min(timeout, left)


class _DeadlineStream(httpcore.NetworkStream):
    """Bounds each read and write by the time left for the whole response.

    httpx bounds each single read only: a server that sends one byte a second would hold the caller for hours.
    """

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _time_left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _time_left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _time_left(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections whose reads and writes are bounded by the time left for the whole response."""

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _time_left(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._backend.connect_tcp(host, port, left, local_address, socket_options))

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        left = _time_left(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._backend.connect_unix_socket(path, left, socket_options))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


def _bound_connections(client: httpx.Client) -> None:
    # httpx offers no public way to pass a network backend; a test of a trickling server guards this one.
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
        pool = getattr(transport, "_pool", None)
        if pool is not None:
            pool._network_backend = _DeadlineBackend(pool._network_backend)  # noqa: SLF001


# ---------------------------------------------------------------- connections of this process

_clients: dict[tuple[int, str, str, float], httpx.Client] = {}


def http_client(service: Service, base_url: str, seconds: float) -> httpx.Client:
    """Return this process's HTTP client for a service at an address.

    Connections are kept per process: one client used on both sides of a ``fork`` mixes up responses.

    Args:
        service: The service.
        base_url: The base of its addresses.
        seconds: The time for one whole response, from connecting to its last byte.
    """
    key = (os.getpid(), service.name, base_url, seconds)
    # A dict read needs no lock; one held by another thread over a fork would never be released.
    return _clients.get(key) or _clients.setdefault(key, _new_client(service, base_url, seconds))


def _new_client(service: Service, base_url: str, seconds: float) -> httpx.Client:
    client = BoundedClient(
        service,
        seconds,
        timeout=httpx.Timeout(seconds, connect=min(MAX_CONNECT_SECONDS, seconds)),
        headers={"User-Agent": service.user_agent, "Accept-Encoding": "gzip"},
        follow_redirects=False,  # a token must not be sent to another host
        trust_env=urlsplit(base_url).hostname not in LOOPBACK,  # a proxy cannot reach this machine
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30),
    )
    # Clients are shared by organisations; a cookie must not carry anything from one to another.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    _bound_connections(client)
    return client


@atexit.register
def close_clients() -> None:
    """Close this process's connections; they reopen when needed. Also runs at exit."""
    for key in [key for key in _clients if key[0] == os.getpid()]:
        _clients.pop(key).close()

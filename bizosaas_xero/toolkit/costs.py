"""Count what a run costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

import httpx

from bizosaas_xero.spec.errors import ConnectorError, Invalid
from bizosaas_xero.toolkit.service import Service


class CallCounter:
    """Count the calls and bytes of one run, and keep what the service says is left."""

    def __init__(self, service: Service) -> None:
        """Start at zero."""
        self.calls = 0
        self.bytes = 0
        self._service = service
        self._left: dict[str, int | None] = dict.fromkeys(service.remaining_headers)
        self._lock = Lock()

    def count(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Call ``send`` and count it, with or without a response, unless the service never saw the request."""
        with self._lock:
            self.calls += 1  # before the response: a page that is read ahead may still be under way when a run fails
        try:
            response = send()
        except ConnectorError as error:
            if not _was_sent(error):
                with self._lock:
                    self.calls -= 1
            raise
        with self._lock:
            self.bytes += response.num_bytes_downloaded
            self._left |= self._service.remaining_calls(response)
        return response

    def cost(self) -> dict[str, int | None]:
        """Return the counts by their names in :class:`~bizosaas_xero.spec.models.Stats`."""
        return {"calls": self.calls, "bytes": self.bytes, **self._left}

    @contextmanager
    def attach_cost(self) -> Iterator[None]:
        """Set ``cost`` of an error that leaves the block, because no result will carry it."""
        try:
            yield
        except ConnectorError as error:
            error.cost = self.cost() if self.calls else None
            raise


def _was_sent(error: ConnectorError) -> bool:
    """Return whether the service may have seen the request of an error of :func:`.http.send`."""
    never_sent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
    return not isinstance(error, Invalid) and not isinstance(error.__context__, never_sent)

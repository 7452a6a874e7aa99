"""Read a paged list without losing a row while it changes.

The rule: read the set *timestamp ≥ T* in the order of the immutable id, page after page. During the read, rows can
join that set but never leave it, so a joining row only pushes others to later pages: a row may come twice, none is
skipped. Page numbers over the *modified timestamp* lose rows, because an edited row moves to the end and pulls the
others forward.

Several pages may be requested at once; their responses may then show the set at different times. A response that
announces fewer rows than one accepted before is older and is requested again; if it still announces fewer, a row did
leave the set and the read starts over.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bizosaas_xero.toolkit import reasons


@dataclass(frozen=True)
class Page:
    """One page of a list.

    Args:
        number: From 1.
        rows: The rows as received.
        count: Rows in the whole set at the time of this response; ``None`` if the response does not state it.
        server_time: The service's time of the response.
        last: No page follows, according to this response.
        content: The raw body.
        damaged: The body is damaged; its rows were salvaged.
        reached: Rows of the set up to the end of this page, if every page before it was full.
    """

    number: int
    rows: list[dict[str, Any]]
    count: int | None
    server_time: datetime | None
    last: bool
    content: bytes = b""
    damaged: bool = False
    reached: int = 0


class RestartRead(Exception):
    """A row left the set during the read: the rows read are right, but the read must start over."""


FetchPage = Callable[[int], Callable[[], Page]]
"""Requests a page; the returned function parses the response when that page is next."""


def read_pages(fetch: FetchPage, start: int, floor: int | None, ahead: int) -> Iterator[Page]:
    """Yield the pages from ``start``, each accepted by the rule above.

    Args:
        fetch: Called in other threads when ``ahead`` is more than 0; the function it returns is not.
        start: The first page's number.
        floor: The count of the last accepted page of a resumed read, or ``None``.
        ahead: How many pages after the next one may be requested at once. The first page is always requested
            alone, because only its response says whether there is a second.

    Raises:
        RestartRead: A row left the set.
        Unavailable: A page ends the list before the count that earlier pages stated, and states none.
        ConnectorError: From ``fetch``, after the last good page.
    """
    number, pool = start, None
    upcoming: deque[Future[Callable[[], Page]]] = deque()
    try:
        while True:
            parse = upcoming.popleft().result() if upcoming else fetch(number)
            page = _accept_page(parse(), fetch, floor)
            del parse  # frees the raw body
            floor = page.count if page.count is not None else floor
            last, end = page.last, _last_page(page)
            yield page
            del page  # frees it while the next one is fetched
            if last:
                return
            number += 1
            if ahead:
                pool = pool or ThreadPoolExecutor(ahead + 1, thread_name_prefix="page")
                numbers = range(number + len(upcoming), min(number + ahead, end) + 1)
                upcoming.extend(pool.submit(fetch, later) for later in numbers)
    finally:
        if pool:
            pool.shutdown(wait=False, cancel_futures=True)


def _last_page(page: Page) -> int:
    # The last page by this response's count; without a count only the next page is certain to exist.
    if page.count is None or not page.rows:
        return page.number + 1
    return max(page.number + 1, math.ceil(page.count / len(page.rows)))


def _accept_page(page: Page, fetch: FetchPage, floor: int | None) -> Page:
    if floor is None or (page.reached if page.count is None else page.count) >= floor:
        return page
    page = fetch(page.number)()
    if page.count is None:
        if not page.last or page.reached >= floor:
            return page  # a short or empty page ends the list
        # Its number of rows would decide where the list ends, although the service counted more before.
        raise reasons.GARBLED_ANSWER("A page of the list came without the count that earlier pages had.")
    if page.count < floor:
        raise RestartRead
    return page


class DistinctKeys:
    """Count distinct keys in 8 bytes per key, so that a million take 8 MB.

    With a probability of 3 in 10^8, two of a million keys count as one; the read is then called incomplete,
    which costs a second read and loses nothing.
    """

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(256)]

    def add(self, key: str) -> None:
        """Add a key."""
        digest = hash(key)
        self._buckets[digest & 255].append(digest)

    def __len__(self) -> int:
        return sum(len(set(bucket)) for bucket in self._buckets)

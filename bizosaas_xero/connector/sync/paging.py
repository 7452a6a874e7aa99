"""How a collection is read without losing a row while it changes.

The rule: the set *stamp ≥ T* is read in the order of the immutable id, page after page. While we read, rows
can join that set but never leave it, so a joining row can only push others to later pages: a row may come
twice, none is skipped. Page numbers over the *modified stamp* lose rows instead, because editing a row moves
it behind the reader and pulls the others forward.

Several pages may be asked for at once; their answers may then show the set at different moments. An answer
that shows fewer rows than one accepted before it is older than that one and is asked for again; if it stays
so, a row did leave and the read starts over.
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

from bizosaas_xero.connector.http.client import Answer
from bizosaas_xero.spec.errors import Unavailable


@dataclass(frozen=True)
class Page:
    """One answer.

    Args:
        number: From 1.
        rows: As sent, undecoded.
        count: Rows in the whole set as this answer saw it; ``None`` when Xero did not say.
        at: Xero's time of the answer.
        last: No page follows, as far as this answer knows.
        content: The answer as it came.
    """

    number: int
    rows: list[dict[str, Any]]
    count: int | None
    at: datetime | None
    last: bool
    content: bytes = b""


class StartOver(Exception):
    """A row left the set while it was read: what was read is right, but more must be read again."""


Fetch = Callable[[int], Callable[[], Page]]
"""Asks for a page; what it returns parses the answer, once it is that page's turn."""


def page_of(number: int, rows: list[Any], answer: Answer, size: int) -> Page:
    """Make a page from the answer to a request for page ``number`` of ``size`` rows.

    Xero describes its pages only when paging; without that, a short page is the last. It clamps a page size
    silently and echoes the one it used.
    """
    pagination = answer.body.get("pagination")
    if not isinstance(pagination, dict):
        pagination = {}
    count, used = pagination.get("itemCount"), pagination.get("pageSize")
    if isinstance(count, int) and count >= 0:
        last = number >= math.ceil(count / (used if isinstance(used, int) and used > 0 else size))
        if not rows and not last:
            # Followed, an announcement of a billion rows would keep us asking for ever.
            raise Unavailable(f"Xero announced {count} records and sent an empty page.", reason="garbled_answer")
    else:
        last = len(rows) < size
        count = len(rows) if last and number == 1 else None
    return Page(number, rows, count, answer.at, last, answer.content)


def read(fetch: Fetch, start: int, floor: int | None, ahead: int) -> Iterator[Page]:
    """Yield the pages from ``start`` on, each accepted by the rule above.

    Args:
        fetch: Called from other threads when ``ahead`` is more than 0; what it returns never is.
        start: The first page's number.
        floor: The largest count that an accepted page showed before (a resumed read), or ``None``.
        ahead: How many pages more than the next one may be asked for at once. The first page is always
            fetched alone: until then nobody knows whether there is a second.

    Raises:
        StartOver: A row left the set.
        ConnectorError: From ``fetch``, after the last good page.
    """
    number, pool = start, None
    coming: deque[Future[Callable[[], Page]]] = deque()
    try:
        while True:
            answered = coming.popleft().result() if coming else fetch(number)
            page = _accepted(answered(), fetch, floor)
            del answered  # bytes of a page that is parsed
            floor = page.count if page.count is not None else floor
            last, end = page.last, _last_page(page)
            yield page
            del page  # not to be held while the next one is fetched
            if last:
                return
            number += 1
            if ahead:
                pool = pool or ThreadPoolExecutor(ahead + 1, thread_name_prefix="xero-page")
                wanted = range(number + len(coming), min(number + ahead, end) + 1)
                coming.extend(pool.submit(fetch, upcoming) for upcoming in wanted)
    finally:
        if pool:
            pool.shutdown(wait=False, cancel_futures=True)


def _last_page(page: Page) -> int:
    # The end known from this answer; without a count, only the next page is certain to exist.
    if page.count is None or not page.rows:
        return page.number + 1
    return max(page.number + 1, math.ceil(page.count / len(page.rows)))


def _accepted(page: Page, fetch: Fetch, floor: int | None) -> Page:
    if floor is None or page.count is None or page.count >= floor:
        return page
    page = fetch(page.number)()
    if page.count is not None and page.count < floor:
        raise StartOver
    return page


class DistinctKeys:
    """Counts distinct keys exactly enough in 8 bytes a key, so that a million fit in 8 MB.

    Two of a million keys are taken for one with a chance of 3 in 10^8; the read is then called incomplete,
    which costs a second reading and loses nothing.
    """

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(256)]

    def add(self, key: str) -> None:
        """Note a key."""
        digest = hash(key)
        self._buckets[digest & 255].append(digest)

    def __len__(self) -> int:
        return sum(len(set(bucket)) for bucket in self._buckets)

"""Xero's pages."""

from __future__ import annotations

import math
from typing import Any

from bizosaas_xero.connector.http.client import ParsedResponse
from bizosaas_xero.toolkit.paging import Page
from bizosaas_xero.toolkit.reasons import GARBLED_ANSWER


def parse_page(number: int, rows: list[Any], response: ParsedResponse, size: int) -> Page:
    """Build a page from the response to a request for page ``number`` of ``size`` rows.

    Xero sends ``pagination`` only when paging; without it, a short page is the last. Xero silently limits the page
    size and returns the size it used.

    Raises:
        Unavailable: The page is empty although ``pagination`` announces rows on it.
    """
    pagination = response.body.get("pagination")
    if not isinstance(pagination, dict):
        pagination = {}
    count, used = pagination.get("itemCount"), pagination.get("pageSize")
    if isinstance(count, int) and count >= 0:
        size = min(used, size) if isinstance(used, int) and used > 0 else size
        last = number >= math.ceil(count / size)
        if not rows and not last:
            # Otherwise an announcement of a billion rows would make the read endless.
            raise GARBLED_ANSWER(f"Xero announced {count} records and sent an empty page.")
        if rows and count < (number - 1) * size + len(rows):
            # Believed, the announcement would end the list before its rows: here a short page ends it.
            last, count = len(rows) < size, (number - 1) * size + len(rows)
    else:
        last = len(rows) < size
        count = len(rows) if last and number == 1 else None
    reached = (number - 1) * size + len(rows)
    return Page(number, rows, count, response.server_time, last, response.content, response.damaged, reached)

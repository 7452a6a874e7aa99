"""Requests for one entity's list: page by page, by ids, by a condition; and the records of what comes back."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bizosaas_xero.connector.http.client import Client, ParsedResponse
from bizosaas_xero.connector.settings import Settings
from bizosaas_xero.connector.sync.cursor import ReadPosition
from bizosaas_xero.connector.sync.entities import Entity
from bizosaas_xero.connector.sync.paging import parse_page
from bizosaas_xero.connector.sync.rows import decode_rows
from bizosaas_xero.spec.errors import Invalid
from bizosaas_xero.spec.models import Record, Rejected, Stats
from bizosaas_xero.toolkit import paging
from bizosaas_xero.toolkit.reasons import GARBLED_ANSWER

MAX_IDS_PER_FILTER = 15
"""Ids in one filter; the address must stay well under 2,000 characters."""

MAX_RECHECK_IDS = 300
"""Keys read by their ids in one run when Xero refuses the list of a re-check: 20 calls."""

logger = logging.getLogger("bizosaas_xero.sync")


class ListReader:
    """Reads one entity's list."""

    def __init__(self, entity: Entity, client: Client, settings: Settings, now: Callable[[], datetime]) -> None:
        self.entity = entity
        self.client = client
        self._settings = settings
        self._now = now

    def decode(self, page: paging.Page, seen: paging.DistinctKeys | None = None) -> tuple[list[Record], list[Rejected]]:
        """Return the records of a page, and its rows that cannot be decoded."""
        return decode_rows(self.entity, page.rows, page.content, damaged=page.damaged, seen=seen)

    def page_fetcher(self, reading: ReadPosition) -> paging.FetchPage:
        """Return what requests a page of a read by its number."""
        params = {**self.entity.params, "order": f"{self.entity.order} ASC", "pageSize": str(reading.size)}
        if self.entity.where:
            params["where"] = self.entity.where
        return lambda number: self._request_page(number, params, reading.size, reading.since)

    def _request_page(
        self, number: int, params: dict[str, str], size: int, since: datetime | None = None
    ) -> Callable[[], paging.Page]:
        parse_response = self.client.get_deferred(self.entity.path, {**params, "page": str(number)}, since)

        def parse() -> paging.Page:
            response = parse_response()
            return parse_page(number, self.rows(response), response, size)

        return parse

    def rows(self, response: ParsedResponse) -> list[Any]:
        """Return the rows of a response.

        Raises:
            Unavailable: It holds no list.
        """
        rows = response.body.get(self.entity.path, [] if not response.body else None)
        if not isinstance(rows, list):
            # A response without the list must not read as an empty list.
            raise GARBLED_ANSWER(f"Xero's answer holds no list of {self.entity.path}.")
        return rows

    def log_page(self, page: paging.Page, size: int, rejected: int) -> None:
        """Log a page that was read."""
        pages = None if page.count is None else max(1, math.ceil(page.count / size))
        details = {"entity": self.entity.name, "page": page.number, "pages": pages, "rows": len(page.rows)}
        logger.debug(
            "entity=%s page %d of %s rows=%d rejected=%d",
            *(value if value is not None else "?" for value in details.values()),
            rejected,
            extra={**details, "rejected": rejected},
        )

    def read_recheck(self, recheck: list[str], records: list[Record], rejected: list[Rejected], stats: Stats) -> None:
        """Add the records of these keys whose flag may have changed without a new timestamp.

        One list holds those with the old value; keys that are not in it have changed and are read by id. Xero refuses
        that list when an organisation has more than 100,000 records (HighVolumeException): then all keys are read by
        id, some in each run.
        """
        assert self.entity.recheck is not None  # noqa: S101 (the caller checked)
        keys = list(dict.fromkeys(map(str.lower, recheck)))
        try:
            unchanged = self._read_where(self.entity.recheck[1], records, rejected)
        except Invalid as error:
            part = _part_of_today(keys, self._now())
            stats.warnings.append(
                f"Xero refused the list of records to check again ({error.message} "
                f"{len(part)} of {len(keys)} were read by their ids instead."
            )
            self.read_ids(part, records, rejected)
            return
        self.read_ids([key for key in keys if key not in unchanged], records, rejected)

    def read_ids(self, keys: list[str], records: list[Record], rejected: list[Rejected]) -> None:
        """Add the records with these ids."""
        for start in range(0, len(keys), MAX_IDS_PER_FILTER):
            ids = keys[start : start + MAX_IDS_PER_FILTER]
            where = " OR ".join(f'{self.entity.key}==Guid("{key}")' for key in ids)
            self._read_where(where, records, rejected)

    def _read_where(self, where: str, records: list[Record], rejected: list[Rejected]) -> set[str]:
        size = self._settings.page_size
        params = {
            **self.entity.params,
            "order": f"{self.entity.order} ASC",
            "pageSize": str(size),
            "where": where,
        }
        keys: set[str] = set()
        number, last, counted = 1, False, 0
        while not last:
            page = self._request_page(number, params, size)()
            if page.count is None and page.last and page.reached < counted:
                raise GARBLED_ANSWER("A page of the list came without the count that earlier pages had.")
            counted = max(counted, page.count or 0)
            page_records, page_rejected = self.decode(page)
            records += page_records
            rejected += page_rejected
            keys.update(record.key for record in page_records)
            number, last = number + 1, page.last
        return keys


def _part_of_today(keys: list[str], now: datetime) -> list[str]:
    """Return at most :data:`MAX_RECHECK_IDS` keys, others on each day."""
    if len(keys) <= MAX_RECHECK_IDS:
        return keys
    start = now.toordinal() * MAX_RECHECK_IDS % len(keys)
    return (keys[start:] + keys[:start])[:MAX_RECHECK_IDS]

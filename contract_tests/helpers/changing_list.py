"""A list at Xero that changes while it is read: the smallest model that shows lost rows.

It is not the sandbox: it holds bare rows, is deterministic, and answers in whatever order a test wants.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import httpx

START = datetime(2026, 11, 1, tzinfo=UTC)


class ChangingList:
    """Rows by id; ids sort by their reversed text, so that a client that compares them is caught."""

    def __init__(self, size: int = 0, *, inclusive: bool = True, at: datetime = START) -> None:
        self.now = at
        self.inclusive = inclusive
        self.rows: dict[str, dict] = {}
        self.calls: list[httpx.Request] = []
        self.after_answer: Callable[[], None] = lambda: None
        self.wrong_by = timedelta(0)
        """How far the time that an answer says of itself is ahead of the rows' timestamps."""
        for _ in range(size):
            self.insert()

    def insert(self, position: int | None = None) -> str:
        number = len(self.rows)
        # The id's last digits sort first: `position` chooses where the new row lands in the server's order.
        place = (position if position is not None else number * 7919) % 0xFFFFFFFF
        key = f"{number:08x}-0000-4000-8000-{place:012x}"
        self.rows[key] = {"InvoiceID": key, "Type": "ACCREC", "Version": 0, "_stamp": self.now}
        return key

    def edit(self, index: int) -> None:
        row = list(self.rows.values())[index % len(self.rows)]
        row["Version"] += 1
        row["_stamp"] = self.now

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def versions(self) -> dict[str, int]:
        return {key: row["Version"] for key, row in self.rows.items()}

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        query = request.url.params
        since = request.headers.get("If-Modified-Since")
        rows = sorted(self.rows.values(), key=lambda row: row["InvoiceID"][24:] + row["InvoiceID"])
        if since:
            bound = datetime.fromisoformat(since).replace(tzinfo=UTC)
            rows = [r for r in rows if r["_stamp"] > bound or (self.inclusive and r["_stamp"] == bound)]
        page, size = int(query["page"]), int(query["pageSize"])
        body = {
            "DateTimeUTC": _ms(self.now + self.wrong_by).replace("+0000", ""),
            "pagination": {
                "page": page,
                "pageSize": size,
                "pageCount": -(-len(rows) // size),
                "itemCount": len(rows),
            },
            "Invoices": [
                {**{k: v for k, v in row.items() if k != "_stamp"}, "UpdatedDateUTC": _ms(row["_stamp"])}
                for row in rows[(page - 1) * size : page * size]
            ],
        }
        answer = httpx.Response(200, content=json.dumps(body).encode())
        self.after_answer()
        return answer


def _ms(moment: datetime) -> str:
    return f"/Date({int(moment.timestamp() * 1000)}+0000)/"


class ShuffledExecutor:
    """Runs what was submitted only when a result is wanted, in the order that a test draws."""

    def __init__(self, draw_order: Callable[[int], list[int]]) -> None:
        self._draw_order = draw_order
        self._waiting: list[tuple[Future, Callable]] = []

    def __call__(self, *_args: object, **_kwargs: object) -> ShuffledExecutor:
        return self

    def submit(self, function: Callable, *args: object) -> Future:
        future = _Lazy(self._run_all)
        self._waiting.append((future, lambda: function(*args)))
        return future

    def _run_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for index in self._draw_order(len(waiting)):
            future, work = waiting[index]
            future.run(work)

    def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:
        assert not wait
        assert cancel_futures
        self._waiting.clear()


class _Lazy(Future):
    def __init__(self, run_all: Callable[[], None]) -> None:
        super().__init__()
        self._run_all = run_all

    def run(self, work: Callable) -> None:
        try:
            self.set_result(work())
        except Exception as error:  # noqa: BLE001 (a future carries whatever happened)
            self.set_exception(error)

    def result(self, timeout: float | None = None):
        if not self.done():
            self._run_all()
        return super().result(timeout)

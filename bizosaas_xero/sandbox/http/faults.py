"""Faults: the kinds, the requests they match, and how often they strike."""

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bizosaas_xero.sandbox.core.clock import Clock

# every kind: its details, and the path it matches by default
FAULT_KINDS: dict[str, tuple[frozenset[str], str]] = {
    "latency": (frozenset({"seconds"}), ""),
    "rate_limit": (frozenset({"problem", "retry_after", "body"}), "/api.xro/"),
    "status": (frozenset({"status", "text", "body", "headers"}), ""),
    "cut": (frozenset({"where"}), ""),
    "trickle": (frozenset({"seconds", "bytes"}), ""),
    "malformed": (frozenset({"how"}), "/api.xro/"),
    "truncated": (frozenset({"share"}), "/api.xro/"),
    "bad_row": (frozenset({"field", "value", "row"}), "/api.xro/"),
    "contradict": (frozenset({"by"}), "/api.xro/"),
    "expire_token": (frozenset(), "/api.xro/"),
    "revoke_grant": (frozenset(), ""),
    "disconnect": (frozenset({"organisation"}), "/api.xro/"),
    "lost_refresh": (frozenset(), "/connect/token"),
    "redirect": (frozenset({"location"}), "/api.xro/"),
    "mutate": (
        frozenset({"organisation", "entity", "op", "which", "count", "ids", "changes", "blind"}),
        "/api.xro/",
    ),
    "clock_shift": (frozenset({"seconds"}), ""),
    "clock_ahead": (frozenset({"seconds"}), "/api.xro/"),
}
_MATCH_KEYS = {"path", "method", "tenant", "page", "query"}
_CUT_PLACES = {"headers", "body"}
_BODY_KINDS = {"json", "text", "html", "empty"}
# what makes the JSON of an answer unreadable or odd; each is inserted into the first text of a row
DAMAGES = {
    "syntax": b'"<<,}',
    "surrogate": b"\\ud83d",
    "utf8": b"\xff\xfe",
    "control": b"\x02",
    "bom": b"\xef\xbb\xbf",
    "nan": b"NaN",
    "huge": b"1e99999",
}
_MUTATE_OPS = {"edit", "insert", "archive", "delete"}


@dataclass
class Fault:
    """One fault.

    Attributes:
        kind: What goes wrong.
        match: The requests it strikes: `path` and `query` (parts of them), `method`, `tenant`, `page`.
        after: How many matching requests pass first.
        times: How many matching requests it takes; None means all.
        details: The settings of the kind.
        matched: How many matching requests it has taken.
        struck: How many of them it has changed. A damaged row, for example, needs an answer with rows.
    """

    id: int
    kind: str
    match: dict[str, Any]
    after: int = 0
    times: int | None = 1
    details: dict[str, Any] = field(default_factory=dict)
    matched: int = 0
    struck: int = 0

    def matches(self, method: str, path: str, query: Mapping[str, str], tenant: str) -> bool:
        """Return whether a request matches."""
        match = self.match
        return (
            str(match.get("path", "")).lower() in path.lower()
            and str(match.get("method", method)).upper() == method
            and str(match.get("tenant", tenant)).lower() == tenant
            and ("page" not in match or str(match["page"]) == query.get("page"))
            and str(match.get("query", "")) in "&".join(f"{k}={v}" for k, v in query.items())
        )

    def to_public(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "id": self.id, "kind": self.kind, "match": self.match, "after": self.after, "times": self.times,
            "struck": self.struck, **self.details,
        }  # fmt: skip


class Faults:
    """The faults of a sandbox.

    Args:
        clock: The clock that `clock_shift` makes wrong.

    Attributes:
        added: Every fault so far, also those that were removed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.added: list[Fault] = []
        self._pending: list[Fault] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def add(
        self,
        kind: str,
        *,
        match: Mapping[str, Any] | None = None,
        after: int = 0,
        times: int | None = 1,
        **details: Any,
    ) -> Fault:
        """Add a fault; `docs/sandbox.md` lists the kinds and what each needs.

        Args:
            kind: What goes wrong.
            match: The requests it strikes; by default those that the kind makes sense for.
            after: How many matching requests pass first.
            times: How many it strikes; None means all.
            details: The settings of the kind.

        Raises:
            ValueError: The kind, one of the details or its value is unknown.
        """
        if kind not in FAULT_KINDS:
            raise ValueError(f"no fault {kind!r}; there are {', '.join(FAULT_KINDS)}")
        allowed_details, path = FAULT_KINDS[kind]
        unknown_details = (set(details) - allowed_details) | (set(match or {}) - _MATCH_KEYS)
        if unknown_details:
            allowed = ", ".join(sorted(allowed_details))
            raise ValueError(f"{kind} does not know {', '.join(sorted(unknown_details))}; it knows {allowed}")
        if kind == "mutate" and (details.get("op") not in _MUTATE_OPS or "entity" not in details):
            raise ValueError(f"mutate needs entity and op, one of {', '.join(sorted(_MUTATE_OPS))}")
        if details.get("where", "headers") not in _CUT_PLACES:
            raise ValueError(f"where is one of {', '.join(sorted(_CUT_PLACES))}")
        if details.get("how", "syntax") not in DAMAGES:
            raise ValueError(f"how is one of {', '.join(DAMAGES)}")
        if details.get("body", "text") not in _BODY_KINDS:
            raise ValueError(f"body is one of {', '.join(sorted(_BODY_KINDS))}")
        fault = Fault(next(self._numbers), kind, {"path": path, **(match or {})}, after, times, details)
        if kind == "clock_shift":
            self._clock.shift = float(details.get("seconds", 0))
            fault.struck = 1
        with self._lock:
            self.added.append(fault)
            self._pending.append(fault)
        return fault

    def clear(self) -> None:
        """Remove every fault and reset the server's clock."""
        with self._lock:
            self._pending.clear()
        self._clock.shift = 0.0

    def pending(self) -> list[dict[str, Any]]:
        """Return the faults that have strikes left."""
        with self._lock:
            return [fault.to_public() for fault in self._pending]

    def unstruck(self) -> list[dict[str, Any]]:
        """Return the faults so far that struck no request: a test with such a fault has tested nothing."""
        with self._lock:
            return [fault.to_public() for fault in self.added if not fault.struck]

    def take(self, method: str, path: str, query: Mapping[str, str], tenant: str) -> list[Fault]:
        """Return the faults that match this request; the caller counts those that really strike it."""
        matching = []
        with self._lock:
            for fault in list(self._pending):
                if fault.kind == "clock_shift" or not fault.matches(method, path, query, tenant):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.matched += 1
                matching.append(fault)
                if fault.times is not None and fault.matched >= fault.times:
                    self._pending.remove(fault)
        return matching

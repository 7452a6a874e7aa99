"""Faults: what goes wrong, where, and how often."""

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.state import State

# every kind, what it needs to know, and where it strikes when not told
KINDS: dict[str, tuple[frozenset[str], str]] = {
    "latency": (frozenset({"seconds"}), ""),
    "rate_limit": (frozenset({"problem", "retry_after", "body"}), "/api.xro/"),
    "status": (frozenset({"status", "text", "body", "headers"}), ""),
    "cut": (frozenset({"where"}), ""),
    "malformed": (frozenset(), "/api.xro/"),
    "truncated": (frozenset({"share"}), "/api.xro/"),
    "bad_row": (frozenset({"field", "value", "row"}), "/api.xro/"),
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
}
_MATCH = {"path", "method", "tenant", "page", "query"}
_CUTS = {"headers", "body"}
_BODIES = {"json", "text", "html", "empty"}
_OPS = {"edit", "insert", "archive", "delete"}


@dataclass
class Fault:
    """One fault.

    Attributes:
        kind: What goes wrong.
        match: Which requests it strikes: `path` and `query` (parts of them), `method`, `tenant`, `page`.
        after: How many matching requests pass unharmed first.
        times: How many it strikes; None is for ever.
        details: What the kind needs to know.
        struck: How many it has struck.
    """

    id: int
    kind: str
    match: dict[str, Any]
    after: int = 0
    times: int | None = 1
    details: dict[str, Any] = field(default_factory=dict)
    struck: int = 0

    def matches(self, method: str, path: str, query: Mapping[str, str], tenant: str) -> bool:
        """Tell whether a request is meant."""
        want = self.match
        return (
            str(want.get("path", "")).lower() in path.lower()
            and str(want.get("method", method)).upper() == method
            and str(want.get("tenant", tenant)).lower() == tenant
            and ("page" not in want or str(want["page"]) == query.get("page"))
            and str(want.get("query", "")) in "&".join(f"{k}={v}" for k, v in query.items())
        )

    def public(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "id": self.id, "kind": self.kind, "match": self.match, "after": self.after, "times": self.times,
            "struck": self.struck, **self.details,
        }  # fmt: skip


class Faults:
    """The faults that wait to strike.

    Args:
        state: The sandbox they strike.
    """

    def __init__(self, state: "State") -> None:
        self._state = state
        self._waiting: list[Fault] = []
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
            match: Which requests it strikes; nothing given: where the kind makes sense.
            after: How many matching requests pass first.
            times: How many it strikes; None is for ever.
            details: What the kind needs to know.

        Raises:
            ValueError: There is no such kind, or it does not know one of these details or its value.
        """
        if kind not in KINDS:
            raise ValueError(f"no fault {kind!r}; there are {', '.join(KINDS)}")
        known, path = KINDS[kind]
        unknown = (set(details) - known) | (set(match or {}) - _MATCH)
        if unknown:
            raise ValueError(f"{kind} does not know {', '.join(sorted(unknown))}; it knows {', '.join(sorted(known))}")
        if kind == "mutate" and (details.get("op") not in _OPS or "entity" not in details):
            raise ValueError(f"mutate needs entity and op, one of {', '.join(sorted(_OPS))}")
        if details.get("where", "headers") not in _CUTS:
            raise ValueError(f"where is one of {', '.join(sorted(_CUTS))}")
        if details.get("body", "text") not in _BODIES:
            raise ValueError(f"body is one of {', '.join(sorted(_BODIES))}")
        fault = Fault(next(self._numbers), kind, {"path": path, **(match or {})}, after, times, details)
        if kind == "clock_shift":
            self._state.clock.shift = float(details.get("seconds", 0))
        with self._lock:
            self._waiting.append(fault)
        return fault

    def clear(self) -> None:
        """Remove every fault and set the server's clock right."""
        with self._lock:
            self._waiting.clear()
        self._state.clock.shift = 0.0

    def waiting(self) -> list[dict[str, Any]]:
        """Return the faults that have not struck as often as they should."""
        with self._lock:
            return [fault.public() for fault in self._waiting]

    def take(self, method: str, path: str, query: Mapping[str, str], tenant: str) -> list[Fault]:
        """Return the faults that strike this request."""
        hits = []
        with self._lock:
            for fault in list(self._waiting):
                if fault.kind == "clock_shift" or not fault.matches(method, path, query, tenant):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.struck += 1
                hits.append(fault)
                if fault.times is not None and fault.struck >= fault.times:
                    self._waiting.remove(fault)
        return hits

    def mutate(self, details: Mapping[str, Any], tenant: str) -> list[str]:
        """Change rows as a colleague of the person who syncs would, and return their ids.

        `which` chooses among rows in the order of their ids: `first` (already read by who pages by id),
        `last` (still to be read), or `spread` (every n-th); `ids` names them.

        Raises:
            KeyError: No such organisation, entity or row.
        """
        store = self._state.store(details.get("organisation") or tenant)
        entity, op, count = details["entity"], details["op"], int(details.get("count", 1))
        changes = details.get("changes") or {}
        if op == "insert":
            return [store.insert(entity, changes) for _ in range(count)]
        table = store.table(entity)
        with table.lock:
            order = table.by_id
            step = max(1, len(order) // max(1, count)) if details.get("which") == "spread" else 1
            slots = order[::step][:count] if details.get("which") != "last" else order[-count:]
            ids = list(details.get("ids") or [table.id(slot) for slot in slots])
            for guid in ids:
                if op == "edit":
                    store.edit(entity, guid, changes, blind=bool(details.get("blind")))
                elif op == "archive":
                    store.archive(entity, guid)
                else:
                    store.delete(entity, guid)
        return ids

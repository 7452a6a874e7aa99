"""Lists: which rows a query means, in which order, and which page of them.

The rules are those of Xero's pages on requests and responses, and of recordings of its API.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bizosaas_xero.sandbox.core.guids import sql_order
from bizosaas_xero.sandbox.core.store import Table
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.queries import filter_language
from bizosaas_xero.sandbox.queries.endpoints import Endpoint, shape
from bizosaas_xero.sandbox.queries.filter_language import Comparison, Condition, Joined, QueryError, Search

HIGH_VOLUME = 100_000
_SELECTIONS = 32
_MODIFIED = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE)


class HighVolumeError(Exception):
    """More rows than Xero hands out at once, or an unoptimised query over too many."""


@dataclass(frozen=True)
class Query:
    """What a request asks of a list.

    Attributes:
        page: The page asked for, or None for the whole list.
        size: Rows a page.
        form: `full`, `list` or `summary`.
        since: If-Modified-Since in whole seconds since the epoch.
        inclusive: Whether a row stamped in exactly that second is meant.
        order: Field and whether it falls, or None for Xero's own order.
        condition: The parsed `where`.
        picks: Field and the values it may have (`IDs`, `Statuses`, …).
        archived: Show archived rows.
        places: Decimal places of unit prices (`unitdp`).
    """

    page: int | None
    size: int
    form: str
    since: int | None
    inclusive: bool
    order: tuple[str, bool] | None
    condition: Condition | None
    picks: tuple[tuple[str, frozenset[str]], ...]
    archived: bool
    places: int = 2

    @property
    def cached(self) -> str:
        """The form under which rendered rows are kept."""
        return self.form if self.places == _CENTS else f"{self.form}{self.places}"


_CENTS = 2
_PICKS = {
    "ids": "",
    "statuses": "Status",
    "contactids": "Contact.ContactID",
    "invoicenumbers": "InvoiceNumber",
}


def modified_since(text: str) -> int | None:
    """Return If-Modified-Since in seconds since the epoch; None when it is not in a form Xero reads.

    Clients send it without suffix, with `Z` and with an offset, and Xero takes all three; an RFC 1123 date is
    not understood.
    """
    match = _MODIFIED.fullmatch(text.strip())
    if match is None:
        return None
    zone = (match[3] or "Z").upper()
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}{'+00:00' if zone == 'Z' else zone}")
    except ValueError:
        return None
    return int(moment.astimezone(UTC).timestamp())


def parse(
    endpoint: Endpoint,
    table: Table,
    params: Mapping[str, str],
    since: str | None,
    *,
    inclusive: bool,
    mine: frozenset[str] = frozenset(),
) -> Query:
    """Read a request's parameters; what Xero does not know it ignores.

    `mine` is what the asking app created itself.

    Raises:
        QueryError: The filter or the order names what is not there.
    """
    given = {name.lower(): value for name, value in params.items()}
    condition = filter_language.parse(given["where"]) if given.get("where", "").strip() else None
    if endpoint.searched and given.get("searchterm", "").strip():
        search = Search(given["searchterm"].strip(), endpoint.searched)
        condition = search if condition is None else Joined("and", (*_conjuncts(condition), search))
    order = _order(given["order"]) if given.get("order", "").strip() else None
    if condition is not None or order is not None:
        known = fields(endpoint, table)
        for name in (condition.fields() if condition else set()) | ({order[0]} if order else set()):
            if len(table) and name.lower() not in known:  # an empty list does not tell its fields
                raise QueryError(f"No property or field '{name}' exists in type '{endpoint.name}'")
    summary = bool(endpoint.summary_drops) and given.get("summaryonly", "").lower() == "true"
    forced = any(given.get(name, "") not in {"", "false"} for name in endpoint.forcing)
    paged = endpoint.paged and (endpoint.always or "page" in given or forced)
    picks = tuple(
        (
            field or endpoint.id_field,
            frozenset(_dashed(part.strip().lower()) for part in given[name].split(",")),
        )
        for name, field in _PICKS.items()
        if given.get(name) and (name == "ids" or endpoint.name == "Invoices")
    )
    if endpoint.name == "Invoices" and given.get("createdbymyapp", "").lower() == "true":
        picks = (*picks, (endpoint.id_field, mine))
    return Query(
        page=max(1, _whole(given.get("page"), 1)) if paged else None,
        size=min(1000, max(1, _whole(given.get("pagesize"), 100))),
        form="summary" if summary else "full" if paged or not endpoint.paged else "list",
        since=modified_since(since) if since and endpoint.modified else None,
        inclusive=inclusive,
        order=order,
        condition=condition,
        picks=picks,
        archived="true" in {given.get("includearchived", "").lower(), given.get("includedeleted", "").lower()},
        places=places(given),
    )


def _dashed(text: str) -> str:
    """Return an id with its dashes; pyxero sends ids without, and .NET reads both."""
    if re.fullmatch("[0-9a-f]{32}", text) is None:
        return text
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def places(params: Mapping[str, str]) -> int:
    """Return how many decimal places unit prices have: two, or four with `unitdp=4`."""
    return 4 if next((v for k, v in params.items() if k.lower() == "unitdp"), "") == "4" else 2


def _whole(text: str | None, default: int) -> int:
    try:
        return int(text) if text else default
    except ValueError:
        return default


def _order(text: str) -> tuple[str, bool]:
    field, _, direction = text.split(",", maxsplit=1)[0].strip().partition(" ")
    if direction.strip().upper() not in {"", "ASC", "DESC"}:
        raise QueryError(f"Syntax error near '{direction.strip()}'")
    return field, direction.strip().upper() == "DESC"


def fields(endpoint: Endpoint, table: Table) -> set[str]:
    """Return the fields that may be filtered and ordered by, in lower case, nested ones with a dot."""
    # A list that holds nothing has its fields all the same.
    known = {name.lower() for name in (endpoint.id_field, *endpoint.optional, *endpoint.optimised)}
    for slot in table.by_id[:20]:
        for name, value in table.peek(slot).items():
            known.add(name.lower())
            if isinstance(value, dict):
                known.update(f"{name}.{inner}".lower() for inner in value)
    return known


class Lists:
    """Answers queries, remembering the last few selections so that page 900 costs what page 1 costs."""

    def __init__(self) -> None:
        self._selected: OrderedDict[object, Sequence[int]] = OrderedDict()

    def select(self, endpoint: Endpoint, table: Table, query: Query) -> Sequence[int]:
        """Return the row numbers a query means, in order.

        Raises:
            HighVolumeError: Xero would refuse that many.
        """
        key = (
            id(table), table.version, query.since, query.inclusive, query.order, query.condition, query.picks,
            query.archived,
        )  # fmt: skip
        found = self._selected.get(key)
        if found is None:
            found = self._selected[key] = self._select(endpoint, table, query)
            if len(self._selected) > _SELECTIONS:
                self._selected.popitem(last=False)
        if query.page is None and len(found) > HIGH_VOLUME:
            raise HighVolumeError(f"{len(found)} {endpoint.name}")
        return found

    def _select(self, endpoint: Endpoint, table: Table, query: Query) -> Sequence[int]:
        order = query.order[0].lower() if query.order else "updateddateutc"
        slots: Sequence[int] = table.by_id if order == endpoint.id_field.lower() else table.by_stamp
        if query.since is not None:
            first = query.since + (not query.inclusive)
            slots = [slot for slot in slots if table.stamps[slot] // 1000 >= first]
        if endpoint.hidden and not query.archived:
            slots = _by_column(table, slots, *endpoint.hidden, equal=False)
        rest: list[Condition] = []
        for part in _conjuncts(query.condition):
            column = _column(table, part)
            if column and isinstance(part, Comparison):
                slots = _by_column(table, slots, column, str(part.value).upper(), equal=part.op in {"=", "=="})
            else:
                rest.append(part)
        if len(slots) > HIGH_VOLUME:
            asked = set().union(*(part.fields() for part in rest)) | ({query.order[0]} if query.order else set())
            if asked_lower := {name.lower() for name in asked} - {name.lower() for name in endpoint.optimised}:
                raise HighVolumeError(f"unoptimised {sorted(asked_lower)}")
        if query.picks:
            slots = self._picked(endpoint, table, slots, query.picks)
        if rest:
            slots = [slot for slot in slots if all(part.matches(table.peek(slot)) for part in rest)]
        if order not in {endpoint.id_field.lower(), "updateddateutc"}:
            slots = sorted(slots, key=lambda slot: (_sort_key(table.peek(slot), order), sql_order(table.id(slot))))
        return list(reversed(slots)) if query.order and query.order[1] else list(slots)

    @staticmethod
    def _picked(
        endpoint: Endpoint, table: Table, slots: Sequence[int], picks: tuple[tuple[str, frozenset[str]], ...]
    ) -> Sequence[int]:
        for field, values in picks:
            if field == endpoint.id_field:
                wanted = {slot for guid in values if (slot := table.find(guid)) is not None}
                slots = [slot for slot in slots if slot in wanted]
            else:
                slots = [s for s in slots if str(filter_language.lookup(table.peek(s), field)).lower() in values]
        return slots


def _conjuncts(condition: Condition | None) -> tuple[Condition, ...]:
    if condition is None:
        return ()
    return condition.parts if isinstance(condition, Joined) and condition.how == "and" else (condition,)


def _column(table: Table, part: Condition) -> str | None:
    if not isinstance(part, Comparison) or part.op not in {"=", "==", "!=", "<>"} or not isinstance(part.value, str):
        return None
    return next((name for name in table.columns if name.lower() == part.field.lower()), None)


def _by_column(table: Table, slots: Sequence[int], name: str, value: str, *, equal: bool) -> Sequence[int]:
    codes, code = table.columns[name].codes, table.columns[name].known(value)
    if equal:
        return [slot for slot in slots if codes[slot] == code]
    return [slot for slot in slots if codes[slot] != code]


def _sort_key(row: Row, field: str) -> tuple[int, Any]:
    value = filter_language.comparable(filter_language.lookup(row, field))
    if value is None or isinstance(value, dict | list):
        return 0, ""  # null sorts first
    return (1, value) if not isinstance(value, str) else (2, value.lower())


def page(endpoint: Endpoint, table: Table, query: Query, found: Sequence[int]) -> tuple[list[bytes], Row | None]:
    """Return the rendered rows of the page asked for, and its `pagination` object when there is one."""
    shaper = shape(endpoint, query.form, query.places)
    if query.page is None:
        return [table.text(slot, query.cached, shaper) for slot in found], None
    start = (query.page - 1) * query.size
    rows = [table.text(slot, query.cached, shaper) for slot in found[start : start + query.size]]
    return rows, {
        "page": query.page,
        "pageSize": query.size,
        "pageCount": -(-len(found) // query.size),
        "itemCount": len(found),
    }

"""Lists: the rows that a query selects, their order, and the page.

The rules are those of Xero's pages on requests and responses, and of recordings of its API.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bizosaas_xero.sandbox.core.guids import sql_sort_key
from bizosaas_xero.sandbox.core.table import Table
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.queries import filter_language, parameters
from bizosaas_xero.sandbox.queries.dialect import Dialect
from bizosaas_xero.sandbox.queries.endpoints import Endpoint, row_shaper
from bizosaas_xero.sandbox.queries.filter_language import Comparison, Condition, JoinedCondition, QueryError, TextSearch

_MAX_SELECTIONS = 32
_MODIFIED = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE)


class HighVolumeError(Exception):
    """More rows than Xero returns at once, or an unoptimised query over too many."""


@dataclass(frozen=True)
class Query:
    """The query of a list request.

    Attributes:
        page: The page asked for, or None for the whole list.
        size: Rows a page.
        form: `full`, `list` or `summary`.
        since: If-Modified-Since in whole seconds since the epoch.
        inclusive: Whether rows with exactly that timestamp are selected.
        order: Field and whether it descends, or None for Xero's own order.
        condition: The parsed `where`.
        value_filters: Field and the values it may have (`IDs`, `Statuses`, …).
        include_archived: Show archived rows.
        price_places: Decimal places of unit prices (`unitdp`).
        max_rows: More rows than this are a HighVolumeException.
    """

    page: int | None
    size: int
    form: str
    since: int | None
    inclusive: bool
    order: tuple[str, bool] | None
    condition: Condition | None
    value_filters: tuple[tuple[str, frozenset[str]], ...]
    include_archived: bool
    price_places: int = 2
    max_rows: int = 100_000

    @property
    def cache_form(self) -> str:
        """The form under which rendered rows are cached."""
        return self.form if self.price_places == _CENTS else f"{self.form}{self.price_places}"


_CENTS = 2
_VALUE_FILTERS = {
    "ids": "",
    "statuses": "Status",
    "contactids": "Contact.ContactID",
    "invoicenumbers": "InvoiceNumber",
}


def modified_since(text: str) -> int | None:
    """Return If-Modified-Since in seconds since the epoch; None when it is not in a form Xero reads.

    Xero accepts it without suffix, with `Z` and with an offset, but not an RFC 1123 date.
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


def parse_query(
    endpoint: Endpoint,
    table: Table,
    params: Mapping[str, str],
    since: str | None,
    *,
    inclusive: bool,
    own_ids: frozenset[str] = frozenset(),
    max_rows: int = 100_000,
) -> Query:
    """Parse the parameters of a request; unknown parameters are ignored, as at Xero.

    `own_ids` are the rows that the app itself created.

    Raises:
        QueryError: The filter or the order names an unknown field.
    """
    lower_params = {name.lower(): value for name, value in params.items()}
    condition = filter_language.parse_filter(lower_params["where"]) if lower_params.get("where", "").strip() else None
    if endpoint.search_fields and lower_params.get("searchterm", "").strip():
        search = TextSearch(lower_params["searchterm"].strip(), endpoint.search_fields)
        condition = search if condition is None else JoinedCondition("and", (*_split_conjuncts(condition), search))
    order = _parse_order(lower_params["order"]) if lower_params.get("order", "").strip() else None
    if condition is not None or order is not None:
        known_fields = filterable_fields(endpoint, table)
        for name in (condition.fields() if condition else set()) | ({order[0]} if order else set()):
            if len(table) and name.lower() not in known_fields:  # an empty list has no fields to check against
                raise QueryError(f"No property or field '{name}' exists in type '{endpoint.name}'")
    parts = (*_split_conjuncts(condition), *parameters.parameter_conditions(endpoint.name, lower_params))
    condition = JoinedCondition("and", parts) if len(parts) > 1 else next(iter(parts), None)
    summary = bool(endpoint.summary_drops) and lower_params.get("summaryonly", "").lower() == "true"
    forced = any(lower_params.get(name, "") not in {"", "false"} for name in endpoint.paging_params)
    paged = endpoint.paged and (endpoint.always_paged or "page" in lower_params or forced)
    picks = tuple(
        (
            field or endpoint.id_field,
            frozenset(_add_dashes(part.strip().lower()) for part in lower_params[name].split(",")),
        )
        for name, field in _VALUE_FILTERS.items()
        if lower_params.get(name) and (name == "ids" or endpoint.name == "Invoices")
    )
    if endpoint.name == "Invoices" and lower_params.get("createdbymyapp", "").lower() == "true":
        picks = (*picks, (endpoint.id_field, own_ids))
    return Query(
        page=max(1, _parse_int(lower_params.get("page"), 1)) if paged else None,
        size=min(1000, max(1, _parse_int(lower_params.get("pagesize"), 100))),
        form="summary" if summary else "full" if paged or not endpoint.paged else "list",
        since=modified_since(since) if since and endpoint.if_modified_since else None,
        inclusive=inclusive,
        order=order,
        condition=condition,
        value_filters=picks,
        include_archived="true"
        in {lower_params.get("includearchived", "").lower(), lower_params.get("includedeleted", "").lower()},
        price_places=unit_price_places(lower_params),
        max_rows=max_rows,
    )


def _add_dashes(text: str) -> str:
    """Return an id with dashes; pyxero sends ids without, and .NET reads both."""
    if re.fullmatch("[0-9a-f]{32}", text) is None:
        return text
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def unit_price_places(params: Mapping[str, str]) -> int:
    """Return how many decimal places unit prices have: two, or four with `unitdp=4`."""
    return 4 if next((v for k, v in params.items() if k.lower() == "unitdp"), "") == "4" else 2


def _parse_int(text: str | None, default: int) -> int:
    try:
        return int(text) if text else default
    except ValueError:
        return default


def _parse_order(text: str) -> tuple[str, bool]:
    field, _, direction = text.split(",", maxsplit=1)[0].strip().partition(" ")
    if direction.strip().upper() not in {"", "ASC", "DESC"}:
        raise QueryError(f"Syntax error near '{direction.strip()}'")
    return field, direction.strip().upper() == "DESC"


def filterable_fields(endpoint: Endpoint, table: Table) -> set[str]:
    """Return the fields for filters and orders, in lower case, nested ones with a dot."""
    names = {name.lower() for name in (endpoint.id_field, *endpoint.optional_fields, *endpoint.optimised)}
    for slot in table.by_id[:20]:
        for name, value in table.peek(slot).items():
            names.add(name.lower())
            if isinstance(value, dict):
                names.update(f"{name}.{inner}".lower() for inner in value)
    return names


class ListSelector:
    """Selects rows, with a cache of the last selections so that page 900 is as fast as page 1."""

    def __init__(self) -> None:
        self._selected: OrderedDict[object, Sequence[int]] = OrderedDict()

    def select(self, endpoint: Endpoint, table: Table, query: Query) -> Sequence[int]:
        """Return the row numbers that a query selects, in order.

        Raises:
            HighVolumeError: Xero would refuse this many rows.
        """
        key = (
            id(table), table.version, query.since, query.inclusive, query.order, query.condition, query.value_filters,
            query.include_archived,
            query.max_rows,
        )  # fmt: skip
        selection = self._selected.get(key)
        if selection is None:
            selection = self._selected[key] = self._select(endpoint, table, query)
            if len(self._selected) > _MAX_SELECTIONS:
                self._selected.popitem(last=False)
        if query.page is None and len(selection) > query.max_rows:
            raise HighVolumeError(f"{len(selection)} {endpoint.name}")
        return selection

    def _select(self, endpoint: Endpoint, table: Table, query: Query) -> Sequence[int]:
        order = query.order[0].lower() if query.order else "updateddateutc"
        slots: Sequence[int] = table.by_id if order == endpoint.id_field.lower() else table.by_timestamp
        if query.since is not None:
            first = query.since + (not query.inclusive)
            slots = [slot for slot in slots if table.timestamps[slot] // 1000 >= first]
        if endpoint.hidden and not query.include_archived:
            slots = _filter_by_column(table, slots, *endpoint.hidden, equal=False)
        remaining: list[Condition] = []
        for part in _split_conjuncts(query.condition):
            column = _find_column(table, part)
            if column and isinstance(part, Comparison):
                slots = _filter_by_column(table, slots, column, str(part.value).upper(), equal=part.op in {"=", "=="})
            else:
                remaining.append(part)
        if len(slots) > query.max_rows:
            queried_fields = set().union(*(part.fields() for part in remaining)) | (
                {query.order[0]} if query.order else set()
            )
            if asked_lower := {name.lower() for name in queried_fields} - {name.lower() for name in endpoint.optimised}:
                raise HighVolumeError(f"unoptimised {sorted(asked_lower)}")
        if query.value_filters:
            slots = self._filter_by_values(endpoint, table, slots, query.value_filters)
        if remaining:
            slots = [slot for slot in slots if all(part.matches(table.peek(slot)) for part in remaining)]
        if order not in {endpoint.id_field.lower(), "updateddateutc"}:
            slots = sorted(slots, key=lambda slot: (_sort_key(table.peek(slot), order), sql_sort_key(table.id(slot))))
        return list(reversed(slots)) if query.order and query.order[1] else list(slots)

    @staticmethod
    def _filter_by_values(
        endpoint: Endpoint, table: Table, slots: Sequence[int], picks: tuple[tuple[str, frozenset[str]], ...]
    ) -> Sequence[int]:
        for field, values in picks:
            if field == endpoint.id_field:
                wanted = {slot for guid in values if (slot := table.find(guid)) is not None}
                slots = [slot for slot in slots if slot in wanted]
            else:
                slots = [s for s in slots if str(filter_language.lookup_field(table.peek(s), field)).lower() in values]
        return slots


def _split_conjuncts(condition: Condition | None) -> tuple[Condition, ...]:
    if condition is None:
        return ()
    return condition.parts if isinstance(condition, JoinedCondition) and condition.how == "and" else (condition,)


def _find_column(table: Table, part: Condition) -> str | None:
    if not isinstance(part, Comparison) or part.op not in {"=", "==", "!=", "<>"} or not isinstance(part.value, str):
        return None
    return next((name for name in table.columns if name.lower() == part.field.lower()), None)


def _filter_by_column(table: Table, slots: Sequence[int], name: str, value: str, *, equal: bool) -> Sequence[int]:
    codes, code = table.columns[name].codes, table.columns[name].find_code(value)
    if equal:
        return [slot for slot in slots if codes[slot] == code]
    return [slot for slot in slots if codes[slot] != code]


def _sort_key(row: Row, field: str) -> tuple[int, Any]:
    value = filter_language.comparable_value(filter_language.lookup_field(row, field))
    if value is None or isinstance(value, dict | list):
        return 0, ""  # null sorts first
    return (1, value) if not isinstance(value, str) else (2, value.lower())


def render_page(
    endpoint: Endpoint, table: Table, query: Query, selection: Sequence[int], dialect: Dialect
) -> tuple[list[bytes], Row | None]:
    """Return the rendered rows of the requested page, and its `pagination` object if paged."""
    shaper, form = row_shaper(endpoint, query.form, query.price_places, dialect), query.cache_form + dialect.key
    if query.page is None:
        return [table.render(slot, form, shaper) for slot in selection], None
    start = (query.page - 1) * query.size
    rows = [table.render(slot, form, shaper) for slot in selection[start : start + query.size]]
    return rows, {
        "page": query.page,
        "pageSize": query.size,
        "pageCount": -(-len(selection) // query.size),
        "itemCount": len(selection),
    }

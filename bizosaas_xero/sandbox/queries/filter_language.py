"""Xero's `where` language, as far as clients of lists need it.

Comparisons of fields (also of nested ones, `Contact.ContactID`) with strings, numbers, booleans, null,
`Guid("…")` and `DateTime(y,m,d)`, joined by AND/OR (or `&&`/`||`) and parentheses. What Xero would take and
this does not (`.Contains()` and the like) is refused, never ignored.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bizosaas_xero.sandbox.core import xero_json

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<guid>guid\s*\(\s*"(?P<guid_text>[0-9a-fA-F-]{36})"\s*\))
    | (?P<day>datetime\s*\(\s*(?P<y>\d{4})\s*,\s*(?P<m>\d{1,2})\s*,\s*(?P<d>\d{1,2})\s*\))
    | (?P<string>"[^"]*")
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<op>==|!=|<>|>=|<=|&&|\|\||=|>|<|\(|\))
    | (?P<word>[A-Za-z_][A-Za-z0-9_.]*)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_WORDS: dict[str, object] = {"true": True, "false": False, "null": None}
_JOIN = {"and": "and", "&&": "and", "or": "or", "||": "or"}


class QueryError(ValueError):
    """A filter or an order that Xero would answer with `QueryParseException`."""


@dataclass(frozen=True)
class Comparison:
    """One field compared with one value."""

    field: str
    op: str
    value: object

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row passes; a missing field is null and equals nothing else."""
        found = comparable(lookup(row, self.field))
        if isinstance(self.value, str) and isinstance(found, str):
            return _COMPARE[self.op](found.lower(), self.value.lower())
        if found is None or self.value is None:
            same = found is None and self.value is None
            return same if self.op in {"=", "=="} else not same if self.op in {"!=", "<>"} else False
        if isinstance(found, str) or isinstance(self.value, str):
            return self.op in {"!=", "<>"}
        return _COMPARE[self.op](found, self.value)

    def fields(self) -> set[str]:
        """Return the fields that are looked at."""
        return {self.field}


@dataclass(frozen=True)
class Search:
    """A text that one of several fields holds, letter case aside (`searchTerm`)."""

    text: str
    names: tuple[str, ...]

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row passes."""
        return any(self.text.lower() in str(lookup(row, name) or "").lower() for name in self.names)

    def fields(self) -> set[str]:
        """Return the fields that are looked at; searching them is always allowed."""
        return set()


@dataclass(frozen=True)
class Joined:
    """Several conditions, all (`and`) or any (`or`) of which must hold."""

    how: str
    parts: "tuple[Condition, ...]"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row passes."""
        return (all if self.how == "and" else any)(part.matches(row) for part in self.parts)

    def fields(self) -> set[str]:
        """Return the fields that are looked at."""
        return set().union(*(part.fields() for part in self.parts))


Condition = Comparison | Joined | Search


def lookup(row: Any, path: str) -> Any:
    """Return a nested field; letter case does not matter, what is missing is None."""
    for name in path.split("."):
        if not isinstance(row, Mapping):
            return None
        value = row.get(name)
        if value is None:
            lower = name.lower()
            value = next((v for k, v in row.items() if k.lower() == lower), None)
        row = value
    return row


def comparable(value: Any) -> Any:
    """Return a field in the form it is compared in: stamps as milliseconds."""
    if isinstance(value, str):
        ms = xero_json.milliseconds(value)
        return value if ms is None else ms
    return value


def parse(text: str) -> Condition:
    """Parse a filter.

    Raises:
        QueryError: It is none, or needs more than this imitation knows.
    """
    tokens: list[tuple[str, object]] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise QueryError(f"Syntax error at position {at}")
        tokens.append(_token(match))
        at = match.end()
    reader = _Reader(tokens)
    condition = reader.any_of()
    if reader.at < len(tokens):
        raise QueryError(f"Syntax error near '{tokens[reader.at][1]}'")
    return condition


def _token(match: re.Match[str]) -> tuple[str, object]:  # noqa: PLR0911 - one return a kind
    if match["guid"]:
        return "value", match["guid_text"].lower()
    if match["day"]:
        try:
            return "value", xero_json.day_ms(int(match["y"]), int(match["m"]), int(match["d"]))
        except ValueError:
            raise QueryError(f"{match['day']} is no date") from None
    if match["string"]:
        return "value", match["string"][1:-1]
    if match["number"]:
        return "value", Decimal(match["number"])
    if match["op"]:
        return ("join", _JOIN[match["op"]]) if match["op"] in _JOIN else ("op", match["op"])
    word = match["word"]
    if word.lower() in _JOIN:
        return "join", _JOIN[word.lower()]
    if word.lower() in _WORDS:
        return "value", _WORDS[word.lower()]
    return "field", word


class _Reader:
    """Recursive descent over the tokens: OR binds weaker than AND."""

    def __init__(self, tokens: list[tuple[str, object]]) -> None:
        self.tokens = tokens
        self.at = 0

    def next(self, *kinds: str) -> object:
        if self.at >= len(self.tokens):
            raise QueryError("The filter ends too early")
        kind, value = self.tokens[self.at]
        if kind not in kinds:
            raise QueryError(f"Syntax error near '{value}'")
        self.at += 1
        return value

    def accept(self, kind: str, value: object) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at] == (kind, value)
        self.at += found
        return found

    def any_of(self) -> Condition:
        return self.joined("or", self.all_of)

    def all_of(self) -> Condition:
        return self.joined("and", self.one)

    def joined(self, how: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self.accept("join", how):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(how, tuple(parts))

    def one(self) -> Condition:
        if self.accept("op", "("):
            inner = self.any_of()
            if not self.accept("op", ")"):
                raise QueryError("A parenthesis is not closed")
            return inner
        field = str(self.next("field"))
        op = str(self.next("op"))
        if op not in _COMPARE:
            raise QueryError(f"Syntax error near '{op}'")
        return Comparison(field, op, self.next("value"))

"""Xero's `where` language, as far as clients of lists need it.

Comparisons of fields (also of nested ones, `Contact.ContactID`) with strings, numbers, booleans, null, `Guid("…")` and
`DateTime(y,m,d)`; `.Contains("…")`, `.StartsWith("…")`, `.EndsWith("…")`, `.ToLower()`; joined by AND/OR (or
`&&`/`||`) and parentheses. Syntax that Xero accepts and this does not is refused, never ignored.
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
    | (?P<method>[A-Za-z_][A-Za-z0-9_.]*?(?:\.to(?:lower|upper)\(\))?\.(?:contains|startswith|endswith)(?=\s*\())
    | (?P<word>[A-Za-z_][A-Za-z0-9_.]*?(?=\.to(?:lower|upper)\(\))|[A-Za-z_][A-Za-z0-9_.]*)
      (?:\.to(?:lower|upper)\(\))?
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
_LITERALS: dict[str, object] = {"true": True, "false": False, "null": None}
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
        """Return whether a row matches; a missing field is null and equals nothing else."""
        field_value = comparable_value(lookup_field(row, self.field))
        if isinstance(self.value, str) and isinstance(field_value, str):
            return _COMPARE[self.op](field_value.lower(), self.value.lower())
        if field_value is None or self.value is None:
            both_null = field_value is None and self.value is None
            return both_null if self.op in {"=", "=="} else not both_null if self.op in {"!=", "<>"} else False
        if isinstance(field_value, str) or isinstance(self.value, str):
            return self.op in {"!=", "<>"}
        return _COMPARE[self.op](field_value, self.value)

    def fields(self) -> set[str]:
        """Return the fields that the condition reads."""
        return {self.field}


_TEXT_METHODS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


@dataclass(frozen=True)
class TextMethod:
    """A text method of a field, such as `Name.Contains("x")`; letter case does not matter."""

    field: str
    method: str
    text: str

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row matches; a missing field does not."""
        value = lookup_field(row, self.field)
        return isinstance(value, str) and _TEXT_METHODS[self.method](value.lower(), self.text.lower())

    def fields(self) -> set[str]:
        """Return the fields that the condition reads."""
        return {self.field}


@dataclass(frozen=True)
class TextSearch:
    """A text that one of several fields holds, letter case aside (`searchTerm`)."""

    text: str
    names: tuple[str, ...]

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row matches."""
        return any(self.text.lower() in str(lookup_field(row, name) or "").lower() for name in self.names)

    def fields(self) -> set[str]:
        """Return no fields: searching is always allowed."""
        return set()


@dataclass(frozen=True)
class JoinedCondition:
    """Several conditions, all (`and`) or any (`or`) of which must hold."""

    how: str
    parts: "tuple[Condition, ...]"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row matches."""
        return (all if self.how == "and" else any)(part.matches(row) for part in self.parts)

    def fields(self) -> set[str]:
        """Return the fields that the condition reads."""
        return set().union(*(part.fields() for part in self.parts))


Condition = Comparison | TextMethod | JoinedCondition | TextSearch


def lookup_field(row: Any, path: str) -> Any:
    """Return a nested field, ignoring letter case; None when it is missing."""
    for name in path.split("."):
        if not isinstance(row, Mapping):
            return None
        value = row.get(name)
        if value is None:
            lower = name.lower()
            value = next((v for k, v in row.items() if k.lower() == lower), None)
        row = value
    return row


def comparable_value(value: Any) -> Any:
    """Return a field in the form in which it is compared: timestamps as milliseconds."""
    if isinstance(value, str):
        ms = xero_json.milliseconds(value)
        return value if ms is None else ms
    return value


def parse_filter(text: str) -> Condition:
    """Parse a filter.

    Raises:
        QueryError: The filter is not valid, or uses unsupported syntax.
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
    condition = reader.parse_or()
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
            raise QueryError(f"{match['day']} is not a date") from None
    if match["string"]:
        return "value", match["string"][1:-1]
    if match["number"]:
        return "value", Decimal(match["number"])
    if match["op"]:
        return ("join", _JOIN[match["op"]]) if match["op"] in _JOIN else ("op", match["op"])
    if match["method"]:
        return "method", match["method"]
    word = match["word"]
    if word.lower() in _JOIN:
        return "join", _JOIN[word.lower()]
    if word.lower() in _LITERALS:
        return "value", _LITERALS[word.lower()]
    return "field", word


class _Reader:
    """Recursive descent over the tokens: OR binds weaker than AND."""

    def __init__(self, tokens: list[tuple[str, object]]) -> None:
        self.tokens = tokens
        self.at = 0

    def expect(self, *kinds: str) -> object:
        if self.at >= len(self.tokens):
            raise QueryError("The filter ends too early")
        kind, value = self.tokens[self.at]
        if kind not in kinds:
            raise QueryError(f"Syntax error near '{value}'")
        self.at += 1
        return value

    def accept(self, kind: str, value: object) -> bool:
        accepted = self.at < len(self.tokens) and self.tokens[self.at] == (kind, value)
        self.at += accepted
        return accepted

    def parse_or(self) -> Condition:
        return self.parse_joined("or", self.parse_and)

    def parse_and(self) -> Condition:
        return self.parse_joined("and", self.parse_term)

    def parse_joined(self, join: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self.accept("join", join):
            parts.append(part())
        return parts[0] if len(parts) == 1 else JoinedCondition(join, tuple(parts))

    def parse_term(self) -> Condition:
        if self.accept("op", "("):
            inner = self.parse_or()
            if not self.accept("op", ")"):
                raise QueryError("A parenthesis is not closed")
            return inner
        if self.at < len(self.tokens) and self.tokens[self.at][0] == "method":
            return self.parse_method()
        field = str(self.expect("field"))
        op = str(self.expect("op"))
        if op not in _COMPARE:
            raise QueryError(f"Syntax error near '{op}'")
        return Comparison(field, op, self.expect("value"))

    def parse_method(self) -> Condition:
        field, _, method = str(self.expect("method")).rpartition(".")
        field = re.sub(r"\.to(?:lower|upper)\(\)$", "", field, flags=re.IGNORECASE)  # case never matters here
        if not self.accept("op", "("):
            raise QueryError("Syntax error: a method needs its argument")
        text = self.expect("value")
        if not isinstance(text, str) or not self.accept("op", ")"):
            raise QueryError(f"Syntax error near '{text}'")
        return TextMethod(field, method.lower(), text)

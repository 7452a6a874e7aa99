"""Compare recorded answers with the committed cassettes: removed fields, changed types, new fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from vcr.serializers import yamlserializer

_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TEXTS = {
    "moment": re.compile(r"/Date\(-?\d+([+-]\d{4})?\)/|\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)?"),
    "number in a text": re.compile(r"-?\d+\.\d+"),
}


class Change(NamedTuple):
    """One difference. ``error``: a field is gone or of another type; ``info``: a field is new."""

    level: Literal["error", "info"]
    endpoint: str
    field: str
    what: str


@dataclass
class _FieldShape:
    count: int = 0
    types: set[str] = field(default_factory=set)


Shapes = dict[str, dict[str, _FieldShape]]


def read_shapes(folder: Path, names: list[str]) -> Shapes:
    """Return the fields of every JSON answer with status 200 in some cassettes, by endpoint and path."""
    found: Shapes = {}
    for name in names:
        path = folder / f"{name}.yaml"
        if not path.is_file():
            continue
        for pair in yamlserializer.deserialize(path.read_text(encoding="utf-8"))["interactions"]:
            answer = pair["response"]
            if answer["status"]["code"] != 200:  # noqa: PLR2004 (only such answers carry records)
                continue
            try:
                body = json.loads(answer["body"]["string"])
            except (ValueError, TypeError):
                continue
            url = urlsplit(pair["request"]["uri"])
            endpoint = f"{pair['request']['method']} {_ID.sub('{id}', url.path)}"
            for where, value in _iter_values(body):
                seen = found.setdefault(endpoint, {}).setdefault(where, _FieldShape())
                seen.count += 1
                seen.types.add(_type_name(value))
    return found


def _iter_values(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    yield path, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _iter_values(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _iter_values(inner, f"{path}[]")


def _type_name(value: Any) -> str:
    if isinstance(value, str):
        return next((name for name, shape in _TEXTS.items() if shape.fullmatch(value)), "text")
    kinds = {bool: "flag", int: "number", float: "number", dict: "object", list: "list", type(None): "null"}
    return kinds[type(value)]


def compare(before: Shapes, now: Shapes) -> list[Change]:
    """Return what changed at the endpoints that both have. An optional field may be absent."""
    changes = []
    for endpoint in sorted(before.keys() & now.keys()):
        old, new = before[endpoint], now[endpoint]
        for path, seen in old.items():
            parent = path.rpartition(".")[0]
            holders = [shape[parent].count for shape in (old, new) if parent in shape]
            if path in new:
                ours, theirs = seen.types - {"null"}, new[path].types - {"null"}
                if ours and theirs and not ours & theirs:
                    change = f"was {', '.join(sorted(ours))}, is {', '.join(sorted(theirs))}"
                    changes.append(Change("error", endpoint, path, change))
            elif len(holders) == 2 and seen.count >= holders[0]:  # noqa: PLR2004 (both have its parent)
                changes.append(Change("error", endpoint, path, "is gone"))
        added = [path for path in new if path not in old and path.rpartition(".")[0] in old]
        changes += [Change("info", endpoint, path, "is new") for path in added]
    return changes

"""Every field of every entity, from the published schemas, with its meaning from ``fields.toml``."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

from bizosaas_xero.connector import describe

Meanings = dict[str, dict[str, str]]
build_info = functools.cache(describe.build_info)
"""What the connector publishes, made of its code once."""


def meanings() -> Meanings:
    """Return what is told of each kind of record and its fields."""
    return tomllib.loads(Path(__file__).with_name("fields.toml").read_text(encoding="utf-8"))


def shapes() -> dict[str, dict[str, Any]]:
    """Return the schema of each kind of record that an entity holds, the entities' own first."""
    found = {entity.json_schema["title"]: entity.json_schema for entity in build_info().entities}
    for entity in build_info().entities:
        for name, schema in entity.json_schema["$defs"].items():
            found.setdefault(name, schema)
    return found


def meaning(told: Meanings, shape: str, field: str) -> str:
    """Return what a field means, in its own kind of record or in every one."""
    return told[shape].get(field) or told["every"][field]


def kind(schema: dict[str, Any]) -> str:
    """Return a field's type in words, with a link to the kind of record that it holds."""
    if "anyOf" in schema:
        return _link(schema["anyOf"][0]["$ref"])
    if "items" in schema:
        return f"list of {_link(schema['items']['$ref'])}"
    if schema.get("x-type") == "decimal":
        return "decimal"
    return {"date": "date", "date-time": "stamp"}.get(schema.get("format", ""), schema["type"][0])


def _link(reference: str) -> str:
    name = reference.rsplit("/", 1)[1]
    return f"[{name}](#{name.lower()})"


def sections() -> list[tuple[str, str, list[list[str]]]]:
    """Return name, description and rows of each kind of record."""
    told = meanings()
    return [
        (
            name,
            told["about"][name],
            [[f"`{key}`", kind(field), meaning(told, name, key)] for key, field in schema["properties"].items()],
        )
        for name, schema in shapes().items()
    ]


def holders() -> list[list[str]]:
    """Return each entity with the kind of record that it holds."""
    return [
        [
            f"`{entity.name}`",
            f"[{entity.json_schema['title']}](#{entity.json_schema['title'].lower()})",
            f"`{entity.key}`",
        ]
        for entity in build_info().entities
    ]

"""The shape of an entity's table: what every table has, and the plain columns that a connector publishes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from bizosaas_xero.host import reasons
from bizosaas_xero.host.storage.database import DIALECTS, add_column, find_dialect
from bizosaas_xero.host.storage.tables import metadata, stamp
from bizosaas_xero.spec import EntityInfo

FIXED = {
    "organisation_id": "VARCHAR(128)",
    "key": "VARCHAR(256)",
    "record": "TEXT",
    "digest": "VARCHAR(32)",
    "updated_at": "VARCHAR(32)",
    "first_seen": "VARCHAR(32)",
    "changed_at": "VARCHAR(32)",
    "deleted_at": "VARCHAR(32)",
}
RESERVED = ("host_", *(f"{name}_" for name in DIALECTS))
"""Beginnings of names that are the host's or a database's own."""

MAX_AMOUNT_LENGTH = 1000
_NUMBER = re.compile(r"-?[0-9]{1,1000}(\.[0-9]{1,1000})?([eE][+-]?[0-9]{1,3})?")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


class RawColumnType(sa.types.UserDefinedType[Any]):
    """A column type by its SQL name; values go to the driver as they are.

    SQLAlchemy's own NUMERIC would pass money through float on SQLite; bound as text, the column is summable
    and ``record`` stays exact.
    """

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name


@compiles(RawColumnType)
def _spell_type(type_: RawColumnType, compiler: Any, **_: object) -> str:
    dialect = find_dialect(compiler)
    return dialect.column_types.get(type_.name, type_.name) if dialect else type_.name


@dataclass(frozen=True)
class EntityTable:
    """The table of one entity: ``paths`` and ``types`` by the name of each published column."""

    name: str
    paths: Mapping[str, str]
    types: Mapping[str, str]
    table: sa.Table

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EntityTable) and (self.name, self.paths, self.types) == (
            other.name,
            other.paths,
            other.types,
        )

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def for_entity(cls, entity: str, info: EntityInfo | None) -> EntityTable:
        """Plan the table of an entity.

        Raises:
            Misconfigured: if a published name cannot be used.
        """
        paths = dict(info.columns) if info else {}
        types = {
            validate_identifier(name, FIXED): sql_type(info.json_schema, path) for name, path in paths.items() if info
        }
        validate_identifier(entity, metadata.tables)
        table = sa.Table(
            entity,
            sa.MetaData(),
            sa.Column("organisation_id", RawColumnType(FIXED["organisation_id"]), primary_key=True),
            sa.Column("key", RawColumnType(FIXED["key"]), primary_key=True),
            *(sa.Column(name, RawColumnType(type_)) for name, type_ in types.items()),
            *(
                sa.Column(name, RawColumnType(type_), nullable=name in {"updated_at", "deleted_at"})
                for name, type_ in list(FIXED.items())[2:]
            ),
        )
        return cls(entity, paths, types, table)

    def values(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the published columns of a record."""
        row = {}
        for name, path in self.paths.items():
            value = get_path(data, path) if "." in path else data.get(path)
            if value is not None:  # in place, for every column of every record comes by here
                type_ = self.types[name]
                convert = _CONVERTERS[type_].get(type(value))
                value = convert(value) if convert else _to_column_value(value, type_)
            row[name] = value
        return row

    def migrate(self, connection: sa.Connection) -> None:
        """Create the table, or add the columns that it lacks and fill them from the stored records."""
        inspector = sa.inspect(connection)
        if not inspector.has_table(self.name):
            self.table.create(connection)
            return
        present = {column["name"] for column in inspector.get_columns(self.name)}
        lacking = [name for name in self.types if name not in present]
        if not lacking:
            return
        c = self.table.c
        for name in lacking:
            add_column(connection, c[name])
        fill = (
            sa.update(self.table)
            .where(c.organisation_id == sa.bindparam("of"), c.key == sa.bindparam("row"))
            .values({name: sa.bindparam(f"new_{name}") for name in lacking})
        )
        rows = connection.execute(sa.select(c.organisation_id, c.key, c.record)).partitions(1000)
        for part in rows:
            connection.execute(
                fill,
                [
                    {"of": of, "row": key}
                    | {
                        f"new_{name}": _to_column_value(
                            get_path(msgspec.json.decode(record), self.paths[name]), self.types[name]
                        )
                        for name in lacking
                    }
                    for of, key, record in part
                ],
            )


def validate_identifier(name: str, taken: Mapping[str, Any] | None = None) -> str:
    """Return a name that is safe as an identifier.

    Raises:
        Misconfigured: if it is not, or is ``taken`` by the host.
    """
    if not _NAME.fullmatch(name) or name in (taken or {}) or name.startswith(RESERVED):
        raise reasons.BAD_IDENTIFIER(name=name)
    return name


def get_path(data: Any, path: str) -> Any:
    """Return the value at a dotted path, or ``None``."""
    for name in path.split("."):
        if type(data) is not dict and not isinstance(data, Mapping):  # the first is ten times as fast
            return None
        data = data.get(name)
    return data


def iter_path(data: Any, path: str) -> Iterator[Any]:
    """Yield the values at a dotted path, of each element where a list is on the way."""
    name, _, rest = path.partition(".")
    value = data.get(name) if isinstance(data, Mapping) else None
    for each in value if isinstance(value, list) else (value,):
        if rest:
            yield from iter_path(each, rest)
        elif each is not None:
            yield each


def sql_type(schema: Mapping[str, Any], path: str) -> str:
    """Return the SQL type of the field at a dotted path of a JSON Schema; ``TEXT`` where it does not say."""
    here = _resolve_schema(schema, schema)
    for name in path.split("."):
        here = _resolve_schema(schema, here.get("properties", {}).get(name, {}))
    types = here.get("type", ())
    types = {types} if isinstance(types, str) else set(types)
    if "boolean" in types:
        return "BOOLEAN"
    if "integer" in types:
        return "BIGINT"
    if "number" in types or _is_decimal(here):
        return "NUMERIC"
    return {"date": "DATE", "date-time": "TIMESTAMP WITH TIME ZONE"}.get(here.get("format", ""), "TEXT")


def _resolve_schema(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "properties" in schema or "type" in schema:
        return schema  # its choices, if any, only narrow it
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if choice.get("type") != "null":
            return _resolve_schema(root, choice)
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    for name in reference[2:].split("/"):
        root = root.get(name, {})
    return root


def _is_decimal(schema: Mapping[str, Any]) -> bool:
    """Tell an amount, which the contract writes as a string, by what its pattern lets through."""
    pattern = schema.get("pattern")
    if not isinstance(pattern, str):
        return bool(schema.get("format") == "decimal")
    return bool(re.search(pattern, "-1234.50")) and not any(re.search(pattern, x) for x in ("x", "2026-01-01"))


def _to_column_value(value: Any, type_: str) -> Any:
    """Return a value as its column takes it; ``None`` for one that does not fit: ``record`` has it anyway."""
    if value is None:
        return None
    convert = _CONVERTERS[type_].get(type(value))
    if convert is not None:
        return convert(value)
    if type_ == "BOOLEAN":
        return value if isinstance(value, bool) else None
    if type_ == "BIGINT":
        fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
        return value if fits else None
    if isinstance(value, Decimal):
        text = format(value, "f") if value.is_finite() else ""
    elif isinstance(value, date):
        text = stamp(value)
    else:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return _parse_text(text, type_)


def _format_amount(value: Decimal) -> str | None:
    text = format(value, "f")
    return text if value.is_finite() and len(text) <= MAX_AMOUNT_LENGTH else _parse_text(text, "NUMERIC")


# How a value of the class that its column is made for is written.
_CONVERTERS: dict[str, dict[type, Callable[[Any], Any]]] = {
    "BOOLEAN": {bool: bool},
    "BIGINT": {},
    "NUMERIC": {Decimal: _format_amount},
    "DATE": {date: date.isoformat},
    "TIMESTAMP WITH TIME ZONE": {datetime: stamp},
    "TEXT": {str: lambda text: text.replace("\0", "")},  # PostgreSQL stores no NUL
}


def _parse_text(text: str, type_: str) -> str | None:
    try:
        if type_ == "NUMERIC":
            return format(Decimal(text), "f") if _NUMBER.fullmatch(text) else None
        if type_ == "DATE":
            return date.fromisoformat(text).isoformat()
        if type_ == "TIMESTAMP WITH TIME ZONE":
            return stamp(datetime.fromisoformat(text))
    except ValueError:
        return None
    return text.replace("\0", "")  # PostgreSQL stores no NUL

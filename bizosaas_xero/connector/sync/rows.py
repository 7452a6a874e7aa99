"""Turn the rows of a page into records; a row that cannot be read is set apart and named, and stops nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bizosaas_xero.connector.records import decode
from bizosaas_xero.connector.records.salvage import damaged_field, readable
from bizosaas_xero.connector.sync.entities import Entity
from bizosaas_xero.spec.models import Record, Rejected
from bizosaas_xero.toolkit.paging import DistinctKeys

MAX_KEY_LENGTH = 256
"""The longest key that a host must be able to store; Xero's ids have 36 characters."""

_NO_ID = "00000000-0000-0000-0000-000000000000"
_RECORD_FIELDS = set(Record.model_fields)


def decode_rows(
    entity: Entity, rows: list[Any], content: bytes, *, damaged: bool = False, seen: DistinctKeys | None = None
) -> tuple[list[Record], list[Rejected]]:
    """Return the records of a page and the rows that cannot be decoded.

    Args:
        entity: The entity of the rows.
        rows: The rows as parsed; they are converted in place.
        content: The raw body, from which rejected rows are reported as received.
        damaged: The body is not valid JSON and was parsed by :mod:`.salvage`.
        seen: Counts the distinct keys.
    """
    convert = decode.row_converter(entity.shape)
    timestamp, names = entity.timestamp, (entity.key, *entity.other_keys)
    records: list[Record] = []
    undecodable: list[tuple[int, str | None, str]] = []
    for index, row in enumerate(rows):
        key, problem = row_key(row, names)
        if seen is not None:
            seen.add(key or f"{index} {hash(content)}")
        if key is not None and damaged:
            problem = damaged_field(row)
        if key is None or problem:
            undecodable.append((index, key, problem or f"{names[0]}: missing"))
            continue
        try:
            convert(row)
        except decode.DecodeError as error:
            undecodable.append((index, key, str(error)))
            continue
        records.append(_make_record(key, row, row.get(timestamp)))
    if not undecodable:
        return records, []
    # Conversion works in place; parse again to report the row as received.
    raw = decode.parse_json(content, salvage=damaged)[entity.path]
    return records, [
        Rejected(key=key, reason=readable(reason), raw=readable(raw[index]) if damaged else raw[index])
        for index, key, reason in undecodable
    ]


def row_key(row: Any, names: tuple[str, ...]) -> tuple[str | None, str | None]:
    """Return the key of a row, or ``None`` and the problem."""
    if isinstance(row, dict):
        for name in names:
            value = row.get(name)
            if isinstance(value, str) and value and value != _NO_ID:
                if len(value) > MAX_KEY_LENGTH:
                    return None, f"{name}: longer than {MAX_KEY_LENGTH} characters"
                if not value.isprintable():
                    return None, f"{name}: holds characters that an id cannot have"
                return value.lower(), None
    return None, f"{names[0]}: missing"


def _make_record(key: str, data: decode.Row, updated_at: datetime | None) -> Record:
    """Build a record from decoded values without validating them again.

    Validation would cost more than decoding, and so would pydantic's ``model_construct``, which sets the fields one by
    one. Unpickling builds a record in the same way.
    """
    record = Record.__new__(Record)
    record.__setstate__(
        {
            "__dict__": {"key": key, "op": "upsert", "data": data, "updated_at": updated_at},
            "__pydantic_fields_set__": _RECORD_FIELDS,
            "__pydantic_extra__": None,
            "__pydantic_private__": None,
        }
    )
    return record

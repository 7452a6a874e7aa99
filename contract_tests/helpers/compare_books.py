"""Whether what was stored is what the sandbox holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from bizosaas_xero.connector.records import decode
from bizosaas_xero.connector.sync.entities import ENTITIES
from bizosaas_xero.sandbox import Store

DERIVED = {"IsCustomer", "IsSupplier"}
"""Of contacts: they follow from documents, and move no stamp. The weekly whole read brings them."""

KINDS = {"invoices": "ACCREC", "bills": "ACCPAY"}


def theirs(store: Store, entity: str) -> dict[str, dict[str, Any]]:
    """Return the rows of an entity as the sandbox holds them, by key."""
    row = ENTITIES[entity]
    kind = KINDS.get(entity)
    rows = (dict(each) for each in store.rows(row.path))
    return {str(each[row.key]).lower(): each for each in rows if kind is None or each["Type"] == kind}


def differences(store: Store, entity: str, stored: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Compare rows that were stored, typed or as JSON, with the sandbox's: their keys and plain fields."""
    wanted = theirs(store, entity)
    wrong = [f"{entity}: {key} is lost" for key in wanted.keys() - stored.keys()]
    wrong += [f"{entity}: {key} is too much" for key in stored.keys() - wanted.keys()]
    convert = decode.row_converter(ENTITIES[entity].shape)
    for key in wanted.keys() & stored.keys():
        theirs_ = convert({name: value for name, value in wanted[key].items() if not isinstance(value, dict | list)})
        for name, value in theirs_.items():
            if name in stored[key] and name not in DERIVED and _plain(stored[key][name]) != _plain(value):
                wrong.append(f"{entity}: {key} has {name} {stored[key][name]!r} for {value!r}")
    return wrong


def _plain(value: Any) -> Any:
    """Return a value such that its typed and its JSON form compare equal."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, str):
        try:
            return format(Decimal(value).normalize(), "f")
        except ArithmeticError:
            return value
    return value

"""Check the types of the rows that an action reads from Xero: a known field holds its type, or the row is refused.

A sync sets an undecodable row apart and continues. An action that counts must not count such a row, and must
say which record it left out, so the error names the record, the field and the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, NoReturn

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.money import CENT, round_to_cents
from bizosaas_xero.connector.records import decode
from bizosaas_xero.connector.records.fields import SHAPES
from bizosaas_xero.spec.errors import Invalid

Row = dict[str, Any]

_ID = re.compile(r"[0-9A-Za-z-]{0,64}")
MAX_EXPONENT = 18
"""The largest exponent of ten in an amount; Xero's amounts have 13 digits before the point."""

MIN_EXPONENT = -20
"""The smallest; Xero's rates have ten digits after the point."""

_MAX_VALUE_LENGTH = 60
_MONEY = {
    "SubTotal", "TotalTax", "Total", "TotalDiscount", "AmountDue", "AmountPaid", "AmountCredited", "Amount",
    "BankAmount", "AppliedAmount", "RemainingCredit", "TotalAmount", "LineAmount", "TaxAmount", "DiscountAmount",
}  # fmt: skip


class UnreadableRecord(Invalid):
    """A record, or a cell of a report, that cannot be read. Repeating the call does not help.

    Args:
        record: The record for a person, such as ``invoice INV-0042 (0c1d…)``.
        field: The path of the field.
        value: The value as Xero sent it; ``None`` if the field is missing.
    """

    def __init__(self, record: str, field: str, value: Any = None) -> None:
        self.record, self.path = record, field
        self.value = None if value is None else _shorten(value)
        unreadable = reasons.UNREADABLE_RECORD
        complaint = f"cannot be read: {self.value}" if self.value is not None else "is missing"
        super().__init__(
            unreadable.message.format(record=record, field=field, problem=complaint),
            remedy=unreadable.remedy,
            reason=unreadable.name,
            problems=[{"field": f"{record}.{field}", "message": complaint}],
        )


def _shorten(value: Any) -> str:
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else str(value)
    return text if len(text) <= _MAX_VALUE_LENGTH else f"{text[:_MAX_VALUE_LENGTH]}…"


class TypedRow(dict[str, Any]):
    """A row whose known fields have their types. Reading a field that Xero left out raises an error."""

    __slots__ = ()

    def __missing__(self, name: str) -> NoReturn:
        raise UnreadableRecord(record_name(self), name)


_KEYS = (
    "PaymentID", "InvoiceID", "CreditNoteID", "OverpaymentID", "PrepaymentID", "BatchPaymentID", "BankTransferID",
    "BankTransactionID", "ContactID", "AccountID",
)  # fmt: skip
_NUMBERS = ("InvoiceNumber", "CreditNoteNumber", "Code", "Name", "Reference")


def record_name(row: Row, shape: str = "") -> str:
    """Return what to call a row: its kind, its number or name, and its id."""
    key = f"{shape}ID" if row.get(f"{shape}ID") else next((name for name in _KEYS if row.get(name)), "")
    kind = shape or key.removesuffix("ID") or "record"
    number = next((str(row[name]) for name in _NUMBERS if isinstance(row.get(name), str) and row.get(name)), "")
    parts = [kind, _shorten(number) if number else "", f"({_shorten(row[key])})" if key else ""]
    return " ".join(part for part in parts if part)


def unreadable_record(problem: str) -> UnreadableRecord:
    """Make the error for a record that cannot be named."""
    field, _, value = problem.partition(": ")
    return UnreadableRecord("record", field, value or None)


def check_types(row: Row, shape: str) -> Row:
    """Return a row with typed values. A field that Xero sends as ``null``, or as an empty id, is left out.

    Raises:
        UnreadableRecord: A field holds a value of another type. Reading a missing field raises it as well.
    """
    try:
        return _check_row(decode.row_converter(shape)(row), shape, "")
    except decode.DecodeError as error:
        path = str(error).partition(":")[0]
        raise UnreadableRecord(record_name(row, shape), path, _value_at(row, path)) from None
    except _WrongTypeError as error:
        raise UnreadableRecord(record_name(row, shape), error.path, error.value) from None


class _WrongTypeError(ValueError):
    def __init__(self, path: str, value: Any) -> None:
        super().__init__(path)
        self.path, self.value = path, value


def _value_at(row: Any, path: str) -> Any:
    """Return the first value at a path that still has the type of JSON; inside lists, of any item."""
    values = [row]
    for name in path.split("."):
        values = [value for each in values for value in (each if isinstance(each, list) else [each])]
        values = [each[name] for each in values if isinstance(each, dict) and name in each]
    raw = [value for value in values if not isinstance(value, Decimal | date | bool)]
    return next(iter(raw or values), "")


def _check_row(row: Row, shape: str, path: str) -> Row:
    plain, nested = _field_checks(shape)
    result = TypedRow()
    for name, value in row.items():
        if name in nested:
            if value:
                result[name] = _check_nested(value, *nested[name], f"{path}{name}")
        elif name in plain:
            if value is not None and not plain[name](value):
                raise _WrongTypeError(f"{path}{name}", value)
            if name in _MONEY and value is not None:
                value = _with_cents(value)  # noqa: PLW2901 (the same amount)
            if value is not None and not (value == "" and plain[name] is _is_id):
                result[name] = value
        elif value is not None:
            result[name] = value
    return result


def _check_nested(value: Any, shape: str, is_list: bool, path: str) -> Any:
    items = value if is_list else [value]
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _WrongTypeError(path, value)
    checked = [_check_row(item, shape, f"{path}.") for item in items]
    return checked if is_list else checked[0]


def _with_cents(amount: Decimal) -> Decimal:
    """Return an amount with two digits after the point, as it is shown to people; finer ones keep theirs.

    Recordings of Xero have ``100.00``, ``100.0``, ``100`` and ``100.0000``.
    """
    if amount.as_tuple().exponent == CENT.as_tuple().exponent:
        return amount
    cents = round_to_cents(amount)
    return cents if cents == amount else amount


def _is_id(value: Any) -> bool:
    # It becomes a part of addresses: one like "../.." would lead elsewhere.
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _is_amount(value: Any) -> bool:
    if not isinstance(value, Decimal):
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= MIN_EXPONENT and max(exponent, value.adjusted()) <= MAX_EXPONENT


_TYPE_CHECKS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "decimals": _is_amount,
    "dates": lambda value: isinstance(value, date),
    "timestamps": lambda value: isinstance(value, date),
    "flags": lambda value: isinstance(value, bool),
    "integers": lambda value: type(value) is int,
}


@cache
def _field_checks(shape: str) -> tuple[dict[str, Callable[[Any], bool]], dict[str, tuple[str, bool]]]:
    """Return the check of each plain field of a shape, and of the others their shape and whether they are lists."""
    fields = SHAPES[shape]
    plain = {name: check for group, check in _TYPE_CHECKS.items() for name in getattr(fields, group).split()}
    plain |= {name: _is_id for name in fields.text.split() if name.endswith(("ID", "Id"))}
    nested = {name: (other, False) for name, other in fields.nested.items()}
    return plain, nested | {name: (other, True) for name, other in fields.lists.items()}

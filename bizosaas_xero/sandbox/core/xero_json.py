r"""Xero's JSON, byte by byte: indented by two, CRLF, `\/Date(…)\/`, money with its digits.

Recorded from Xero: money is `0.00`, quantities `1.0000`, rates `1.000000`; rows hold `Decimal` with exactly
those digits, so that rendering them needs no table.
"""

import datetime as dt
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, TypeVar
from xml.sax.saxutils import escape

Row = dict[str, Any]
T = TypeVar("T")

CENT = Decimal("0.01")
_FOUR_PLACES, _SIX_PLACES, _TEN_PLACES = Decimal("0.0001"), Decimal("0.000001"), Decimal("0.0000000001")
# decimal places, and the most there may be when they are not all zero
_DIGITS = {
    "Quantity": (_FOUR_PLACES, _FOUR_PLACES),
    "CurrencyRate": (_SIX_PLACES, _TEN_PLACES),
    "UnitAmount": (CENT, _FOUR_PLACES),
    "UnitPrice": (CENT, _FOUR_PLACES),
    "DisplayTaxRate": (_FOUR_PLACES, _FOUR_PLACES),
    "EffectiveRate": (_FOUR_PLACES, _FOUR_PLACES),
    "Rate": (_FOUR_PLACES, _FOUR_PLACES),
    "DiscountRate": (CENT, _FOUR_PLACES),
}
_DATE = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
_DAY_MS = 86_400_000
_EPOCH = dt.date(1970, 1, 1)


def xero_timestamp(ms: int) -> str:
    """Return a timestamp in Xero's format (from milliseconds since the epoch, UTC)."""
    return f"/Date({ms}+0000)/"


def milliseconds(value: object) -> int | None:
    """Return the milliseconds of a timestamp in Xero's format, or None for any other value."""
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) if match else None


def iso_day(ms: int) -> str:
    """Return `YYYY-MM-DDT00:00:00`, as in `DateString`."""
    return f"{_iso_date(ms // _DAY_MS)}T00:00:00"


def iso_second(ms: int) -> str:
    """Return `YYYY-MM-DDTHH:MM:SSZ`, as in `UpdatedDateUTCString`."""
    seconds = ms // 1000 % 86400
    return f"{iso_day(ms)[:11]}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}Z"


@lru_cache(4096)
def _iso_date(days: int) -> str:
    return (_EPOCH + dt.timedelta(days)).isoformat()


def day_ms(year: int, month: int, day: int) -> int:
    """Return a UTC midnight in milliseconds since the epoch.

    Raises:
        ValueError: The day does not exist.
    """
    return (dt.date(year, month, day) - _EPOCH).days * _DAY_MS


@lru_cache(4096)
def calendar_day(value: str) -> dt.date:
    """Return the calendar day of a date in Xero's format."""
    return _EPOCH + dt.timedelta((milliseconds(value) or 0) // _DAY_MS)


def xero_date(day: dt.date) -> str:
    """Return a calendar day in Xero's format: its UTC midnight."""
    return xero_timestamp((day - _EPOCH).days * _DAY_MS)


def round_to_cents(amount: Decimal) -> Decimal:
    """Round an amount to cents, halves away from zero."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def from_cents(cents: int) -> Decimal:
    """Return cents as an amount with two digits."""
    return Decimal(cents).scaleb(-2)


def copy_value(value: T) -> T:
    """Return a copy of a row or a part of it: its objects and lists are new, its other values cannot change."""
    if isinstance(value, dict):
        return {name: copy_value(inner) for name, inner in value.items()}  # type: ignore[return-value]
    return [copy_value(inner) for inner in value] if isinstance(value, list) else value  # type: ignore[return-value]


def normalise(value: Any, key: str = "") -> Any:
    """Give the numbers of an edited row the digits Xero would write.

    Integers and fractions become `Decimal`; whole numbers that Xero writes without a point stay integers.
    """
    if isinstance(value, Mapping):
        return {name: normalise(inner, name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [normalise(inner, key) for inner in value]
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or key in _INTEGER_FIELDS:
        return value
    amount = value if isinstance(value, Decimal) else Decimal(str(value))
    digits, max_digits = _DIGITS.get(key, (CENT, CENT))
    if digits != max_digits and amount != amount.quantize(digits, ROUND_HALF_UP):
        digits = max_digits
    return amount.quantize(digits, ROUND_HALF_UP)


_INTEGER_FIELDS = {"FinancialYearEndDay", "FinancialYearEndMonth", "Day", "SortOrder", "Number"}


def render(value: Any, pad: str = "\r\n") -> str:  # noqa: C901, PLR0911 - one case a type, hot
    """Return a value as Xero writes it; `pad` is the line break and indentation of its first line."""
    if isinstance(value, str):
        if value.startswith("/Date("):
            return f'"\\{value[:-1]}\\/"'
        return encode_basestring(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return "null"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        if not value:
            return "{}"
        inner = pad + "  "
        body = f",{inner}".join([f'"{key}": {render(item, inner)}' for key, item in value.items()])
        return f"{{{inner}{body}{pad}}}"
    if isinstance(value, list | tuple):
        if not value:
            return "[]"
        inner = pad + "  "
        return f"[{inner}{f',{inner}'.join([render(item, inner) for item in value])}{pad}]"
    return repr(value)


ROW_PAD = "\r\n    "  # rows are two levels deep
_ROW_SEPARATOR = ",\r\n    "


def row_text(row: Row) -> str:
    """Render one row as part of a list answer."""
    return render(row, ROW_PAD)


def envelope(head: Row, plural: str, rows: list[bytes]) -> bytes:
    """Return a list answer from rendered rows."""
    start = render(head)[: -len("\r\n}")].encode()
    if not rows:
        return start + f',\r\n  "{plural}": []\r\n}}'.encode()
    opening = f',\r\n  "{plural}": [\r\n    '.encode()
    return b"".join((start, opening, _ROW_SEPARATOR.encode().join(rows), b"\r\n  ]\r\n}"))


def xml_envelope(head: Row) -> bytes:
    """Return the answer to a request that does not accept JSON: Xero's default is XML; this one has no rows."""
    parts = "".join(f"<{key}>{escape(str(value))}</{key}>" for key, value in head.items())
    return f'<Response xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{parts}</Response>'.encode()

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
from typing import Any
from xml.sax.saxutils import escape

Row = dict[str, Any]

CENT = Decimal("0.01")
_FOUR, _SIX, _TEN = Decimal("0.0001"), Decimal("0.000001"), Decimal("0.0000000001")
# digits after the point, and how many there may be when they are not all zero
_DIGITS = {
    "Quantity": (_FOUR, _FOUR), "CurrencyRate": (_SIX, _TEN), "UnitAmount": (CENT, _FOUR),
    "UnitPrice": (CENT, _FOUR), "DisplayTaxRate": (_FOUR, _FOUR), "EffectiveRate": (_FOUR, _FOUR),
    "Rate": (_FOUR, _FOUR), "DiscountRate": (CENT, _FOUR),
}  # fmt: skip
_DATE = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
_DAY_MS = 86_400_000
_EPOCH = dt.date(1970, 1, 1)


def date(ms: int) -> str:
    """Return Xero's spelling of a stamp (milliseconds since the epoch, UTC)."""
    return f"/Date({ms}+0000)/"


def milliseconds(value: object) -> int | None:
    """Return the milliseconds inside Xero's spelling of a stamp, or None when it is none."""
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) if match else None


def iso_day(ms: int) -> str:
    """Return `YYYY-MM-DDT00:00:00`, as in `DateString`."""
    return f"{_iso(ms // _DAY_MS)}T00:00:00"


def iso_second(ms: int) -> str:
    """Return `YYYY-MM-DDTHH:MM:SSZ`, as in `UpdatedDateUTCString`."""
    rest = ms // 1000 % 86400
    return f"{iso_day(ms)[:11]}{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}Z"


@lru_cache(4096)
def _iso(days: int) -> str:
    return (_EPOCH + dt.timedelta(days)).isoformat()


def day_ms(year: int, month: int, day: int) -> int:
    """Return a UTC midnight in milliseconds since the epoch.

    Raises:
        ValueError: There is no such day.
    """
    return (dt.date(year, month, day) - _EPOCH).days * _DAY_MS


@lru_cache(4096)
def day(value: str) -> dt.date:
    """Return the calendar day inside Xero's spelling of a date."""
    return _EPOCH + dt.timedelta((milliseconds(value) or 0) // _DAY_MS)


def of_day(day: dt.date) -> str:
    """Return Xero's spelling of a calendar day: its UTC midnight."""
    return date((day - _EPOCH).days * _DAY_MS)


def cents(amount: Decimal) -> Decimal:
    """Round an amount to cents, halves away from zero."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def money(cents: int) -> Decimal:
    """Return cents as an amount with two digits."""
    return Decimal(cents).scaleb(-2)


def normalise(value: Any, key: str = "") -> Any:
    """Give the numbers of an edited row the digits Xero would write.

    Integers and fractions become `Decimal`; whole numbers that Xero writes without a point stay integers.
    """
    if isinstance(value, Mapping):
        return {name: normalise(inner, name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [normalise(inner, key) for inner in value]
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or key in _WHOLE:
        return value
    amount = value if isinstance(value, Decimal) else Decimal(str(value))
    digits, most = _DIGITS.get(key, (CENT, CENT))
    if digits != most and amount != amount.quantize(digits, ROUND_HALF_UP):
        digits = most
    return amount.quantize(digits, ROUND_HALF_UP)


_WHOLE = {"FinancialYearEndDay", "FinancialYearEndMonth", "Day", "SortOrder", "Number"}


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


ROW_PAD = "\r\n    "  # rows stand two levels deep
_BETWEEN = ",\r\n    "


def row_text(row: Row) -> str:
    """Return one row as it stands inside a list answer."""
    return render(row, ROW_PAD)


def envelope(head: Row, plural: str, rows: list[bytes]) -> bytes:
    """Return a list answer from rows that are rendered already."""
    start = render(head)[: -len("\r\n}")].encode()
    if not rows:
        return start + f',\r\n  "{plural}": []\r\n}}'.encode()
    opening = f',\r\n  "{plural}": [\r\n    '.encode()
    return b"".join((start, opening, _BETWEEN.encode().join(rows), b"\r\n  ]\r\n}"))


def xml(head: Row) -> bytes:
    """Return the answer for who did not ask for JSON: Xero's default is XML, the sandbox speaks JSON only."""
    parts = "".join(f"<{key}>{escape(str(value))}</{key}>" for key, value in head.items())
    return f'<Response xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{parts}</Response>'.encode()

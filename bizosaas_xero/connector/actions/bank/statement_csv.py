"""Read a bank's CSV file: detect its columns, the order of its dates and the form of its amounts."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from bizosaas_xero.connector.actions.bank.statement import (
    MAX_LINES,
    BankLine,
    Problems,
    Statement,
    invalid_statement,
    is_valid_amount,
)
from bizosaas_xero.connector.actions.models import Params

DateOrder = Literal["dmy", "mdy", "ymd"]


class Columns(Params):
    """The columns of the CSV file, each by its heading or by its number from 1."""

    date: str | int
    amount: str | int | None = Field(None, description="One column with signed amounts;")
    money_in: str | int | None = Field(None, description="or two columns without signs.")
    money_out: str | int | None = None
    payee: str | int | None = None
    reference: str | int | None = None
    description: str | int | None = None


# The headings that banks use, the preferred one first.
_HEADINGS = {
    "date": ("transaction date", "date", "posting date", "posted date", "booking date", "value date",
             "buchungstag", "buchungsdatum", "datum", "fecha", "data", "processed date"),
    "amount": ("amount", "transaction amount", "value", "betrag", "umsatz", "importe", "montant", "importo"),
    "money_in": ("credit", "credit amount", "money in", "paid in", "deposit", "deposits", "in", "haben",
                 "receipts"),
    "money_out": ("debit", "debit amount", "money out", "paid out", "withdrawal", "withdrawals", "out",
                  "soll", "payments"),
    "payee": ("payee", "name", "other party", "counterparty", "counter party", "merchant", "beneficiary",
              "payer", "empfanger", "auftraggeber"),
    "reference": ("reference", "ref", "payment reference", "customer reference", "code",
                  "verwendungszweck", "cheque number", "check number"),
    "description": ("description", "details", "transaction description", "narrative", "memo", "particulars",
                    "text", "type", "transaction type", "buchungstext"),
}  # fmt: skip
_FORMATS: dict[DateOrder, tuple[str, ...]] = {
    "dmy": ("%d/%m/%Y", "%d/%m/%y"),
    "mdy": ("%m/%d/%Y", "%m/%d/%y"),
    "ymd": ("%Y/%m/%d", "%Y%m%d"),
}
_NAMED_MONTHS = ("%d/%b/%Y", "%d/%b/%y", "%d/%B/%Y", "%b/%d/%Y", "%B/%d/%Y")
_MAX_PREAMBLE = 15  # rows above the headings, which name the account and the period


def from_csv(text: str, columns: Columns | None, order: DateOrder | None) -> Statement:
    """Read a CSV file; the separator, the signs and the order of dates are detected.

    Args:
        text: The decoded file; a byte order mark is ignored.
        columns: The columns; detected by their headings if not given.
        order: The order of day, month and year; detected if one of the dates can be read in one way only.

    Raises:
        Invalid: A column cannot be detected, the dates are ambiguous, or lines are wrong; each wrong line is
            named by its number in the file.
    """
    rows = _split_rows(text.lstrip("\ufeff"))
    places, first = _find_columns(rows, columns)
    body = [(number, row) for number, row in rows[first:] if any(cell.strip() for cell in row)]
    if len(body) > MAX_LINES:
        raise invalid_statement("csv", f"it holds more than {MAX_LINES} lines")

    def cell(row: Sequence[str], name: str) -> str:
        at = places.get(name)
        return row[at].strip() if at is not None and at < len(row) else ""

    order = order or _detect_order(cell(row, "date") for _, row in body)
    comma = _has_decimal_comma(cell(row, name) for _, row in body for name in ("amount", "money_in", "money_out"))
    problems, lines = Problems("csv"), []
    for number, row in body:
        where = f"line {number}"
        day = parse_day(cell(row, "date"), order)
        if day is None:
            problems.add(where, f"the date {cell(row, 'date')!r} cannot be read")
        try:
            amount = _line_amount(*(cell(row, name) for name in ("amount", "money_in", "money_out")), comma=comma)
        except ValueError as error:
            problems.add(where, str(error))
            continue
        if day and amount:
            texts = (cell(row, name) for name in ("payee", "reference", "description"))
            lines.append(BankLine(number, day, amount, *texts))
    problems.raise_if_any()
    if not lines:
        raise invalid_statement("csv", "it holds no line with an amount")
    return Statement(lines)


def parse_day(text: str, order: DateOrder) -> date | None:
    """Parse a day, or return ``None``; ISO dates are read whatever the order."""
    text = re.split(r"[ T]\d{1,2}:", text.strip())[0]
    plain = re.sub(r"[\s.,/-]+", "/", text).strip("/")
    if re.match(r"\d{4}/", plain):
        order = "ymd"
    for pattern in (*_FORMATS[order], *_NAMED_MONTHS):
        try:
            return datetime.strptime(plain, pattern).date()  # noqa: DTZ007 (a day has no zone)
        except ValueError:
            continue
    return None


def parse_amount(text: str, *, comma: bool) -> Decimal | None:
    """Parse an amount, or return ``None``: brackets, a trailing minus, DR, currency signs and spaces are read.

    Args:
        text: The cell of the file.
        comma: Whether decimals follow a comma.
    """
    plain = text.strip().upper().replace("\u2212", "-").replace("\u2013", "-")
    if re.search(r"[.,]\s*-$", plain):
        return None  # "5,-" means 5 at some banks and -5 at others
    # an amount is negative only if all of it is in brackets
    negative = bool(re.fullmatch(r"\(.*\)", plain)) or bool(re.search(r"(?<![A-Z])DR$|-$", plain))
    plain = re.sub(r"^\(|\)$|\s*-$|\s*(?<![A-Z])[CD]R$", "", plain)
    plain = re.sub(r"^([-+]?)\s*(?:[A-Z]{3}\b|[^\w\s.,+-]|[A-Z]{1,2}\$)?\s*", r"\1", plain)
    plain = re.sub(r"\s*(?:[A-Z]{3}|[€£¥])$", "", plain)
    plain = re.sub(r"^\+|(?<=\d)[\s'\u2019_](?=\d)", "", plain)
    point, group = (",", r"\.") if comma else (".", ",")
    if not re.fullmatch(
        rf"-?(?:\d+|\d{{1,3}}(?:{group}\d{{2,3}})*{group}\d{{3}})?(?:{re.escape(point)}\d*)?", plain
    ) or not any(sign.isdigit() for sign in plain):
        return None
    amount = Decimal(plain.replace("." if comma else ",", "").replace(",", "."))
    if not is_valid_amount(amount):
        return None
    return amount.copy_negate() if negative else amount


def _line_amount(amount: str, money_in: str, money_out: str, *, comma: bool) -> Decimal:
    """Return the amount of a line from its one or two columns; zero for a line without a movement."""
    if amount:
        signed = parse_amount(amount, comma=comma)
        if signed is None:
            raise ValueError(f"the amount {amount!r} cannot be read")
        return signed
    sides = []
    for cell in (money_in, money_out):
        side = parse_amount(cell, comma=comma) if cell not in {"", "-"} else Decimal(0)
        if side is None:
            raise ValueError(f"the amount {cell!r} cannot be read")
        sides.append(abs(side))
    if all(sides):
        raise ValueError("both columns of amounts are filled")
    if not money_in and not money_out:
        raise ValueError("the amount is missing")
    return sides[0] - sides[1]


def _split_rows(text: str) -> list[tuple[int, list[str]]]:
    """Return the rows with their line numbers, split by the separator that gives the most rows of one width."""
    if "\0" in text:
        raise invalid_statement("csv", "it contains zero bytes: it is not text, or has another encoding")
    best: list[tuple[int, list[str]]] = []
    score = (0, 0)
    for separator in ",;\t|":
        # skipinitialspace: some banks put a space between separator and quotation mark
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
        try:
            rows, started = [], 1
            for row in reader:
                rows.append((started, row))
                started = reader.line_num + 1
        except csv.Error:
            continue
        widths = [len(row) for _, row in rows if len(row) > 1]
        common = max(widths, key=widths.count, default=0)
        if (widths.count(common), common) > score:
            best, score = rows, (widths.count(common), common)
    if not best:
        raise invalid_statement("csv", "it holds no rows of several columns")
    return best


def _find_columns(rows: Sequence[tuple[int, list[str]]], columns: Columns | None) -> tuple[dict[str, int], int]:
    """Return the place of each column, and the index of the first row below the headings."""
    if columns is not None:
        return _find_named_columns(rows, columns)
    for at, (_, row) in enumerate(rows[:_MAX_PREAMBLE]):
        heads = [_normalise_heading(cell) for cell in row]
        places = {
            name: heads.index(word)
            for name, words in _HEADINGS.items()
            for word in [next((word for word in words if word in heads), "")]
            if word
        }
        if "date" in places and {"amount", "money_in", "money_out"} & set(places):
            if "amount" in places:  # then columns named credit and debit only name the direction
                places = {k: v for k, v in places.items() if k not in {"money_in", "money_out"}}
            elif not {"money_in", "money_out"} <= set(places):
                break
            return places, at + 1
    raise invalid_statement("csv", "cannot detect the columns from the headings; set csv_columns")


def _find_named_columns(rows: Sequence[tuple[int, list[str]]], columns: Columns) -> tuple[dict[str, int], int]:
    wanted = {name: value for name, value in columns.model_dump().items() if value is not None}
    if ("amount" in wanted) == bool({"money_in", "money_out"} & set(wanted)):
        raise invalid_statement("csv_columns", "name either amount, or money_in and money_out")
    names = {_normalise_heading(value): name for name, value in wanted.items() if isinstance(value, str)}
    numbers = {name: value - 1 for name, value in wanted.items() if isinstance(value, int)}
    if any(place < 0 for place in numbers.values()):
        raise invalid_statement("csv_columns", "columns are counted from 1")
    if not names:
        # without headings, the first line is the first row with a digit in the column of the date
        at = numbers["date"]
        first = next((i for i, (_, row) in enumerate(rows) if at < len(row) and re.search(r"\d", row[at])), 0)
        return numbers, first
    for at, (_, row) in enumerate(rows[:_MAX_PREAMBLE]):
        heads = [_normalise_heading(cell) for cell in row]
        if set(names) <= set(heads):
            return numbers | {name: heads.index(head) for head, name in names.items()}, at + 1
    missing = sorted(names)
    raise invalid_statement("csv_columns", f"no row holds the headings {', '.join(missing)}")


def _normalise_heading(text: str) -> str:
    plain = text.casefold().replace("ä", "a").replace("\ufeff", "")
    plain = re.sub(r"\([^)]*\)|[^a-z0-9 /]", " ", plain)  # "Amount (NZD)", "Betrag in €"
    return re.sub(r"^(?!money|paid)(.*?) (?:in|gbp|nzd|aud|usd|eur)$", r"\1", " ".join(plain.split()))


def _detect_order(days: Iterable[str]) -> DateOrder:
    """Return the order in which all dates can be read.

    Raises:
        Invalid: The dates can be read in two ways.
    """
    cells = [day for day in days if day]
    fits: dict[DateOrder, int] = {order: sum(parse_day(day, order) is not None for day in cells) for order in _FORMATS}
    max_count = max(fits.values(), default=0)
    best = [order for order, count in fits.items() if count == max_count]
    if len(best) > 1 and any(parse_day(day, best[0]) != parse_day(day, best[1]) for day in cells):
        raise invalid_statement("csv", "its dates can be read as day/month or as month/day; set date_format")
    return best[0]


def _has_decimal_comma(amounts: Iterable[str]) -> bool:
    """Return whether decimals follow a comma; a comma before three digits is undecided."""
    votes = 0
    for text in amounts:
        last = re.search(r"([.,])(\d+)\D*$", text)
        if last and (len(last[2]) != 3 or (len(re.findall(r"[.,]", text)) > 1 and  # noqa: PLR2004
                     len(set(re.findall(r"[.,]", text))) > 1)):  # fmt: skip
            votes += 1 if last[1] == "," else -1
    return votes > 0

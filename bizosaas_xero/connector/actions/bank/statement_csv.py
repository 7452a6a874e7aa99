"""A bank's CSV file: which column is what, how its days and amounts are written, and its lines."""

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
    MOST_LINES,
    BankLine,
    Complaints,
    Statement,
    refuse,
    sensible,
)
from bizosaas_xero.connector.actions.models import Params

DateOrder = Literal["dmy", "mdy", "ymd"]


class Columns(Params):
    """Which column of the CSV file holds what, by its heading or by its number from 1."""

    date: str | int
    amount: str | int | None = Field(None, description="One column with signed amounts;")
    money_in: str | int | None = Field(None, description="or two columns without signs.")
    money_out: str | int | None = None
    payee: str | int | None = None
    reference: str | int | None = None
    description: str | int | None = None


# What banks call their columns, in the order in which a heading is preferred.
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
_PREAMBLE = 15  # rows above the headings, in which banks name the account and the period


def from_csv(text: str, columns: Columns | None, order: DateOrder | None) -> Statement:
    """Read a CSV file, of whatever separator, sign and order of days.

    Args:
        text: The file, decoded; a byte order mark does not matter.
        columns: Which column is what; told by the headings if not given.
        order: How days are written; told by the days themselves if one of them can be read in one way only.

    Raises:
        Invalid: A column is not to be told, days can be read in two ways, or lines are wrong; each bad line
            is named by its number in the file.
    """
    rows = _rows(text.lstrip("\ufeff"))
    places, first = _places(rows, columns)
    body = [(number, row) for number, row in rows[first:] if any(cell.strip() for cell in row)]
    if len(body) > MOST_LINES:
        raise refuse("csv", f"it holds more than {MOST_LINES} lines")

    def cell(row: Sequence[str], name: str) -> str:
        at = places.get(name)
        return row[at].strip() if at is not None and at < len(row) else ""

    order = order or _order(cell(row, "date") for _, row in body)
    comma = _decimal_comma(cell(row, name) for _, row in body for name in ("amount", "money_in", "money_out"))
    complaints, lines = Complaints("csv"), []
    for number, row in body:
        where = f"line {number}"
        day = day_of(cell(row, "date"), order)
        if day is None:
            complaints.add(where, f"the date {cell(row, 'date')!r} cannot be read")
        try:
            amount = _signed(*(cell(row, name) for name in ("amount", "money_in", "money_out")), comma=comma)
        except ValueError as error:
            complaints.add(where, str(error))
            continue
        if day and amount:
            texts = (cell(row, name) for name in ("payee", "reference", "description"))
            lines.append(BankLine(number, day, amount, *texts))
    complaints.refuse()
    if not lines:
        raise refuse("csv", "it holds no line with an amount")
    return Statement(lines)


def day_of(text: str, order: DateOrder) -> date | None:
    """Return a day as written, or ``None``; ISO days are read in any order."""
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


def amount_of(text: str, *, comma: bool) -> Decimal | None:
    """Return an amount as written, or ``None``: brackets, a minus behind, DR, currency signs, any spaces.

    Args:
        text: What stands in the file.
        comma: Decimals stand after a comma.
    """
    plain = text.strip().upper().replace("\u2212", "-").replace("\u2013", "-")
    if re.search(r"[.,]\s*-$", plain):
        return None  # "5,-" is five to some banks and minus five to others
    # only what is wholly in brackets is negative: a note in brackets is no amount
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
    if not sensible(amount):
        return None
    return amount.copy_negate() if negative else amount


def _signed(amount: str, money_in: str, money_out: str, *, comma: bool) -> Decimal:
    """Return the amount of a line from its one or two columns; zero for a line that moves nothing."""
    if amount:
        found = amount_of(amount, comma=comma)
        if found is None:
            raise ValueError(f"the amount {amount!r} cannot be read")
        return found
    sides = []
    for told in (money_in, money_out):
        side = amount_of(told, comma=comma) if told not in {"", "-"} else Decimal(0)
        if side is None:
            raise ValueError(f"the amount {told!r} cannot be read")
        sides.append(abs(side))
    if all(sides):
        raise ValueError("both columns of amounts are filled")
    if not money_in and not money_out:
        raise ValueError("there is no amount")
    return sides[0] - sides[1]


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Return the rows with their line numbers, split by the separator that gives the most alike rows."""
    if "\0" in text:
        raise refuse("csv", "it holds zero bytes: it is no text, or of another encoding")
    best: list[tuple[int, list[str]]] = []
    score = (0, 0)
    for separator in ",;\t|":
        # skipinitialspace: some banks put a blank between separator and quotation mark
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
        raise refuse("csv", "it holds no rows of several columns")
    return best


def _places(rows: Sequence[tuple[int, list[str]]], columns: Columns | None) -> tuple[dict[str, int], int]:
    """Return the places of the columns, and which row is the first below the headings."""
    if columns is not None:
        return _named(rows, columns)
    for at, (_, row) in enumerate(rows[:_PREAMBLE]):
        heads = [_heading(cell) for cell in row]
        places = {
            name: heads.index(word)
            for name, words in _HEADINGS.items()
            for word in [next((word for word in words if word in heads), "")]
            if word
        }
        if "date" in places and {"amount", "money_in", "money_out"} & set(places):
            if "amount" in places:  # then columns named credit and debit say only which of them it is
                places = {k: v for k, v in places.items() if k not in {"money_in", "money_out"}}
            elif not {"money_in", "money_out"} <= set(places):
                break
            return places, at + 1
    raise refuse("csv", "its columns are not to be told by their headings: name them in csv_columns")


def _named(rows: Sequence[tuple[int, list[str]]], columns: Columns) -> tuple[dict[str, int], int]:
    wanted = {name: value for name, value in columns.model_dump().items() if value is not None}
    if ("amount" in wanted) == bool({"money_in", "money_out"} & set(wanted)):
        raise refuse("csv_columns", "name either amount, or money_in and money_out")
    names = {_heading(value): name for name, value in wanted.items() if isinstance(value, str)}
    numbers = {name: value - 1 for name, value in wanted.items() if isinstance(value, int)}
    if any(place < 0 for place in numbers.values()):
        raise refuse("csv_columns", "columns are counted from 1")
    if not names:
        # without headings named, the first row with a digit where the date is expected is the first line
        at = numbers["date"]
        first = next((i for i, (_, row) in enumerate(rows) if at < len(row) and re.search(r"\d", row[at])), 0)
        return numbers, first
    for at, (_, row) in enumerate(rows[:_PREAMBLE]):
        heads = [_heading(cell) for cell in row]
        if set(names) <= set(heads):
            return numbers | {name: heads.index(head) for head, name in names.items()}, at + 1
    missing = sorted(names)
    raise refuse("csv_columns", f"no row holds the headings {', '.join(missing)}")


def _heading(text: str) -> str:
    plain = text.casefold().replace("ä", "a").replace("\ufeff", "")
    plain = re.sub(r"\([^)]*\)|[^a-z0-9 /]", " ", plain)  # "Amount (NZD)", "Betrag in €"
    return re.sub(r"^(?!money|paid)(.*?) (?:in|gbp|nzd|aud|usd|eur)$", r"\1", " ".join(plain.split()))


def _order(days: Iterable[str]) -> DateOrder:
    """Return the order in which all days can be read.

    Raises:
        Invalid: The days of this file can be read in two ways.
    """
    found = [day for day in days if day]
    fits: dict[DateOrder, int] = {order: sum(day_of(day, order) is not None for day in found) for order in _FORMATS}
    most = max(fits.values(), default=0)
    best = [order for order, count in fits.items() if count == most]
    if len(best) > 1 and any(day_of(day, best[0]) != day_of(day, best[1]) for day in found):
        raise refuse("csv", "its days can be read as day/month or as month/day: say which in date_format")
    return best[0]


def _decimal_comma(amounts: Iterable[str]) -> bool:
    """Tell whether decimals stand after a comma; a comma before three digits alone says nothing."""
    votes = 0
    for text in amounts:
        last = re.search(r"([.,])(\d+)\D*$", text)
        if last and (len(last[2]) != 3 or (len(re.findall(r"[.,]", text)) > 1 and  # noqa: PLR2004
                     len(set(re.findall(r"[.,]", text))) > 1)):  # fmt: skip
            votes += 1 if last[1] == "," else -1
    return votes > 0

"""The bound: the least work that reads invoices exactly. Nobody would ship it; everybody can be held to it.

The bytes of each page are fetched with httpx, parsed by msgspec with exact decimals, and dates and stamps are
made where Xero's invoices have them, written out by hand for this one kind of record. Nothing is dropped, and
nothing is checked, named, counted or kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import httpx
import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONEY = (
    "SubTotal", "TotalTax", "Total", "TotalDiscount", "AmountDue", "AmountPaid", "AmountCredited",
    "CurrencyRate", "CISDeduction", "CISRate",
)  # fmt: skip
_LINE_MONEY = ("Quantity", "UnitAmount", "LineAmount", "TaxAmount", "DiscountRate", "DiscountAmount")
_PAYMENT_MONEY = ("Amount", "BankAmount", "CurrencyRate")
_CREDIT_MONEY = ("SubTotal", "TotalTax", "Total", "RemainingCredit", "AppliedAmount", "CurrencyRate")
_DATES = ("Date", "DueDate", "ExpectedPaymentDate", "PlannedPaymentDate", "FullyPaidOnDate")

parse = msgspec.json.Decoder(float_hook=Decimal).decode


@cache
def _day(text: str) -> date:
    return _stamp(text).date()


def _stamp(text: str) -> datetime:
    return _EPOCH + timedelta(milliseconds=int(text[6:-7]))


def _typed(row: dict[str, Any], money: tuple[str, ...]) -> None:
    for name in money:
        value = row.get(name)
        if value.__class__ is int:
            row[name] = Decimal(value)


def decoded(body: bytes) -> list[dict[str, Any]]:
    """Return the invoices of a page."""
    rows: list[dict[str, Any]] = parse(body)["Invoices"]
    for row in rows:
        _typed(row, _MONEY)
        for name in _DATES:
            if name in row:
                row[name] = _day(row[name])
        row["UpdatedDateUTC"] = _stamp(row["UpdatedDateUTC"])
        for line in row.get("LineItems", ()):
            _typed(line, _LINE_MONEY)
        for payment in row.get("Payments", ()):
            _typed(payment, _PAYMENT_MONEY)
            payment["Date"] = _day(payment["Date"])
        for kind in ("CreditNotes", "Prepayments", "Overpayments"):
            for credit in row.get(kind, ()):
                _typed(credit, _CREDIT_MONEY)
                if "Date" in credit:
                    credit["Date"] = _day(credit["Date"])
    return rows


def read(account: dict[str, Any], size: int = 1000) -> Iterator[list[dict[str, Any]]]:
    """Read every invoice, page after page."""
    headers = {
        "Authorization": f"Bearer {account['access_token']}",
        "xero-tenant-id": account["organisation"],
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
    }
    asked = {"where": 'Type=="ACCREC"', "order": "InvoiceID ASC", "pageSize": size}
    address = f"{account['url']}/api.xro/2.0/Invoices"
    number = 0
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
        while True:
            number += 1
            rows = decoded(client.get(address, params={**asked, "page": number}).raise_for_status().content)
            yield rows
            if len(rows) < size:
                return

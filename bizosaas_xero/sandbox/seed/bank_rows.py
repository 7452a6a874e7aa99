"""The seeded transfers between bank accounts, and the seeded payments that the bank saw as one batch."""

from dataclasses import dataclass, field
from decimal import Decimal

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row, money
from bizosaas_xero.sandbox.seed import rows as seed_rows
from bizosaas_xero.sandbox.seed.documents import DAY_MS, SPAN_DAYS, Books

TRANSFERS = SPAN_DAYS // 30  # one a month
_NEWEST, _MOST, _LARGEST = 400, 12, 5  # payments that are looked at, batches, payments of one batch
_DELETED = 2
_SAVE, _CARD = ("090", "091", 2_000_00), ("090", "093", 350_00)


def transfer(b: Books, number: int) -> Row:
    """Return a transfer: savings mostly, and every third month the card is paid off."""
    source, goal, cents = _CARD if number % 3 == 2 else _SAVE  # noqa: PLR2004
    bits, day = b.bits(1, number), transferred(b, number)
    newest = number >= TRANSFERS - 2
    return {
        "BankTransferID": b.ids["transfer"].id(number),
        "DateString": xero_json.iso_day(day * DAY_MS),
        "Date": xero_json.date(day * DAY_MS),
        "Status": "AUTHORISED",
        "FromBankAccount": b.account_stub(source, "AccountID", "Code", "Name"),
        "ToBankAccount": b.account_stub(goal, "AccountID", "Code", "Name"),
        "Amount": money(cents + bits % 40 * 25_00),
        "CurrencyRate": Decimal("1.000000"),
        "FromBankTransactionID": b.ids["side"].id(2 * number),
        "ToBankTransactionID": b.ids["side"].id(2 * number + 1),
        "FromIsReconciled": not newest,
        "ToIsReconciled": not newest,
        "Reference": "Card" if goal == "093" else "Savings",
        "HasAttachments": False,
        "FromTracking": [],
        "ToTracking": [],
        "CreatedDateUTC": xero_json.date(created(b, number)),
    }


def transferred(b: Books, number: int) -> int:
    """Return the day of a transfer."""
    return b.today - SPAN_DAYS + 30 * number + b.bits(1, number) // 64 % 20


def created(b: Books, number: int) -> int:
    """Return when a transfer was entered, milliseconds since the epoch: in the morning of its day."""
    return transferred(b, number) * DAY_MS + 32_400_000 + b.bits(1, number) % 3_600_000


@dataclass
class Batches:
    """The seeded payments that went through the bank together.

    Those of one day and one direction, in base currency, among the newest.

    Attributes:
        slots: The payments of each batch.
        of: The batch of each payment that is in one.
    """

    books: Books
    slots: list[list[int]] = field(default_factory=list)
    of: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        together: dict[tuple[int, bool], list[int]] = {}
        for slot in range(max(0, len(self.books.paid) - _NEWEST), len(self.books.paid)):
            invoice, which = divmod(self.books.paid[slot], 4)
            sketch = self.books.sketch(invoice)
            if which != _DELETED and not sketch.foreign:
                day = next(day for kind, _, day in sketch.payments if kind == which)
                together.setdefault((day, sketch.sales), []).append(slot)
        self.slots = [slots[:_LARGEST] for _, slots in sorted(together.items()) if len(slots) > 1][-_MOST:]
        self.of = {slot: number for number, slots in enumerate(self.slots) for slot in slots}

    def payment(self, slot: int) -> Row:
        """Return a payment, with the batch that it is part of."""
        row = seed_rows.payment(self.books, slot)
        if slot in self.of:
            number = self.of[slot]
            batch = self._head(number)
            row |= {
                "IsReconciled": batch["IsReconciled"],
                "BatchPaymentID": batch["BatchPaymentID"],
                "BatchPayment": batch,
            }
        return row

    def batch(self, number: int) -> Row:
        """Return a batch payment."""
        head = self._head(number)
        rows = [seed_rows.payment(self.books, slot) for slot in self.slots[number]]
        return {
            **head,
            "Reference": f"Run {number + 1}",
            "DateString": f"{xero_json.day(head['Date'])}T00:00:00",
            "Payments": [
                {
                    "Invoice": {name: value for name, value in row["Invoice"].items() if name != "Contact"},
                    **{name: row[name] for name in ("PaymentID", "Amount", "BankAmount")},
                }
                for row in rows
            ],
            "UpdatedDateUTC": xero_json.date(self.stamp(number)),
        }

    def stamp(self, number: int) -> int:
        """Return when a batch was last changed, milliseconds since the epoch."""
        return self.books.stamp(9, number)

    def _head(self, number: int) -> Row:
        rows = [seed_rows.payment(self.books, slot) for slot in self.slots[number]]
        b = self.books
        return {
            "Account": {
                **b.account_stub("090", "AccountID"),
                "CurrencyCode": b.organisation.currency,
            },
            "BatchPaymentID": b.ids["batch"].id(number),
            "Date": rows[0]["Date"],
            "Type": "RECBATCH" if rows[0]["PaymentType"] == "ACCRECPAYMENT" else "PAYBATCH",
            "Status": "AUTHORISED",
            "TotalAmount": sum((row["BankAmount"] for row in rows), Decimal(0)),
            "IsReconciled": rows[0]["IsReconciled"],
        }

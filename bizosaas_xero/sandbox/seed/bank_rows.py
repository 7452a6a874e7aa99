"""Seeded transfers between bank accounts, and seeded batch payments."""

from dataclasses import dataclass, field
from decimal import Decimal

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row, from_cents
from bizosaas_xero.sandbox.seed import rows as seed_rows
from bizosaas_xero.sandbox.seed.documents import DAY_MS, SPAN_DAYS, SeededBooks

TRANSFER_COUNT = SPAN_DAYS // 30  # one a month
_NEWEST_PAYMENTS, _MAX_BATCHES, _MAX_BATCH_PAYMENTS = (
    400,
    12,
    5,
)  # payments considered, batches, payments of one batch
_DELETED_KIND = 2
_SAVE, _CARD = ("090", "091", 2_000_00), ("090", "093", 350_00)


def transfer_row(books: SeededBooks, number: int) -> Row:
    """Return a transfer: savings mostly, and every third month the card is paid off."""
    source, target, cents = _CARD if number % 3 == 2 else _SAVE  # noqa: PLR2004
    bits, day = books.random_bits(1, number), transfer_day(books, number)
    newest = number >= TRANSFER_COUNT - 2
    return {
        "BankTransferID": books.ids["transfer"].id(number),
        "DateString": xero_json.iso_day(day * DAY_MS),
        "Date": xero_json.xero_timestamp(day * DAY_MS),
        "Status": "AUTHORISED",
        "FromBankAccount": books.account_stub(source, "AccountID", "Code", "Name"),
        "ToBankAccount": books.account_stub(target, "AccountID", "Code", "Name"),
        "Amount": from_cents(cents + bits % 40 * 25_00),
        "CurrencyRate": Decimal("1.000000"),
        "FromBankTransactionID": books.ids["side"].id(2 * number),
        "ToBankTransactionID": books.ids["side"].id(2 * number + 1),
        "FromIsReconciled": not newest,
        "ToIsReconciled": not newest,
        "Reference": "Card" if target == "093" else "Savings",
        "HasAttachments": False,
        "FromTracking": [],
        "ToTracking": [],
        "CreatedDateUTC": xero_json.xero_timestamp(transfer_created_ms(books, number)),
    }


def transfer_day(books: SeededBooks, number: int) -> int:
    """Return the day of a transfer."""
    return books.today - SPAN_DAYS + 30 * number + books.random_bits(1, number) // 64 % 20


def transfer_created_ms(books: SeededBooks, number: int) -> int:
    """Return when a transfer was entered, milliseconds since the epoch: in the morning of its day."""
    return transfer_day(books, number) * DAY_MS + 32_400_000 + books.random_bits(1, number) % 3_600_000


@dataclass
class SeededBatches:
    """Seeded batch payments: the newest payments of one day and direction, in base currency.

    Attributes:
        slots: The payments of each batch.
        batch_of: The batch of each payment that is in one.
    """

    books: SeededBooks
    slots: list[list[int]] = field(default_factory=list)
    batch_of: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        together: dict[tuple[int, bool], list[int]] = {}
        for slot in range(max(0, len(self.books.paid) - _NEWEST_PAYMENTS), len(self.books.paid)):
            invoice, wanted_kind = divmod(self.books.paid[slot], 4)
            sketch = self.books.sketch(invoice)
            if wanted_kind != _DELETED_KIND and not sketch.foreign:
                day = next(day for kind, _, day in sketch.payments if kind == wanted_kind)
                together.setdefault((day, sketch.sales), []).append(slot)
        self.slots = [slots[:_MAX_BATCH_PAYMENTS] for _, slots in sorted(together.items()) if len(slots) > 1][
            -_MAX_BATCHES:
        ]
        self.batch_of = {slot: number for number, slots in enumerate(self.slots) for slot in slots}

    def payment(self, slot: int) -> Row:
        """Return a payment, with the batch that it is part of."""
        row = seed_rows.payment_row(self.books, slot)
        if slot in self.batch_of:
            number = self.batch_of[slot]
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
        rows = [seed_rows.payment_row(self.books, slot) for slot in self.slots[number]]
        return {
            **head,
            "Reference": f"Run {number + 1}",
            "DateString": f"{xero_json.calendar_day(head['Date'])}T00:00:00",
            "Payments": [
                {
                    "Invoice": {name: value for name, value in row["Invoice"].items() if name != "Contact"},
                    **{name: row[name] for name in ("PaymentID", "Amount", "BankAmount")},
                }
                for row in rows
            ],
            "UpdatedDateUTC": xero_json.xero_timestamp(self.timestamp(number)),
        }

    def timestamp(self, number: int) -> int:
        """Return when a batch was last changed, milliseconds since the epoch."""
        return self.books.timestamp(9, number)

    def _head(self, number: int) -> Row:
        rows = [seed_rows.payment_row(self.books, slot) for slot in self.slots[number]]
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

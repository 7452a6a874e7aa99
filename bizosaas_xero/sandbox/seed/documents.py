"""The demo books: each row of a seeded organisation, computed from its number.

Everything is a function of seed, organisation, row number and the day the sandbox was started, so that the
same seed gives the same books, a million invoices cost no memory, and dates look current.
"""

from array import array
from bisect import bisect_left
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.countries import IN, OUT, Organisation
from bizosaas_xero.sandbox.core.guids import GuidSequence, digest, stable_guid
from bizosaas_xero.sandbox.core.xero_json import Row, from_cents
from bizosaas_xero.sandbox.seed import names

DAY_MS = 86_400_000
SPAN_DAYS = 540
_M64 = (1 << 64) - 1


class DocumentSketch(NamedTuple):
    """The money of one document, before its row is written out (amounts in cents, days since the epoch)."""

    sales: bool
    status: str
    contact: int
    day: int
    due: int
    mode: str
    foreign: bool
    lines: tuple[int, ...]
    subtotal: int
    tax: int
    payments: tuple[tuple[int, int, int], ...]  # kind, cents, day


class PooledLine(NamedTuple):
    """A line that many documents share, except for its id."""

    row: Row
    amount: int
    tax: int


_POOLED_LINES = 192
_MODES = ("Exclusive", "Exclusive", "Exclusive", "Inclusive", "NoTax")
_DELETED_PAYMENT = 2


class SeededBooks:
    """The seeded rows of one organisation.

    Args:
        seed: The seed of the sandbox.
        organisation: The organisation.
        invoices: The number of invoices and bills together.
        today_ms: The UTC midnight from which dates are counted back.
    """

    def __init__(self, seed: int, organisation: Organisation, invoices: int, today_ms: int) -> None:
        self.organisation = organisation
        self.today = today_ms // DAY_MS
        self.count = invoices
        self.contact_count = max(12, invoices // 10)
        self.bank_count = max(10, invoices // 2)
        self.credit_count = max(3, invoices // 50)
        self._key = digest(seed, organisation.id) & _M64
        families = "invoice line contact bank bankline payment account credit creditline transfer side batch"
        self.ids = {kind: GuidSequence(seed, organisation.id, kind) for kind in families.split()}
        self.account_number = {row[0]: number for number, row in enumerate(names.ACCOUNTS)}
        guid = partial(stable_guid, seed, organisation.id)
        self.tracking = [(name, guid(name), [(o, guid(o)) for o in options]) for name, options in names.TRACKING]
        self.theme = guid("theme")
        self._pool = {(sales, mode): _LinePool(self, sales, mode) for sales in (True, False) for mode in set(_MODES)}
        self.paid = array("Q")  # invoice number * 4 + which payment, in rising order
        for number in range(invoices):
            self.paid.extend(number * 4 + kind for kind in self._payment_kinds(number))

    def random_bits(self, salt: int, number: int) -> int:
        """Return 64 random bits that belong to one row (splitmix64)."""
        z = (self._key + (number * 16 + salt + 1) * 0x9E3779B97F4A7C15) & _M64
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & _M64
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & _M64
        return z ^ z >> 31

    def timestamp(self, salt: int, number: int) -> int:
        """Return when a row was last changed: four rows share a second, bulk imports hundreds."""
        group = number // 4 if number % 10 != 7 else -1 - number // 2500  # noqa: PLR2004
        second = self.random_bits(salt, group & 0xFFFFFFFF) % (SPAN_DAYS * 86_400)
        return (self.today * 86_400 - 1 - second) * 1000 + self.random_bits(salt + 1, number) % 1000

    def type_and_status(self, number: int) -> tuple[bool, str]:
        """Return whether an invoice is a sale, and its status."""
        bits = self.random_bits(0, number)
        contact = number % self.contact_count
        sales = (contact % 10 < 7) != ((bits >> 40) % 20 == 0)  # noqa: PLR2004
        age, roll = 1 - number / max(1, self.count), bits % 100
        for limit, status in ((5, "DRAFT"), (7, "SUBMITTED"), (10, "VOIDED"), (12, "DELETED")):
            if roll < limit:
                return sales, status
        return sales, "PAID" if (bits >> 8) % 100 < 25 + 70 * age else "AUTHORISED"

    def _payment_kinds(self, number: int) -> tuple[int, ...]:
        status, roll = self.type_and_status(number)[1], (self.random_bits(0, number) >> 16) % 20
        if status == "PAID":
            return (0, 1) if roll < 3 else (0,)  # noqa: PLR2004
        if status == "AUTHORISED":
            return (0,) if roll < 4 else (_DELETED_PAYMENT,) if roll == 4 else ()  # noqa: PLR2004
        return ()

    def sketch(self, number: int) -> DocumentSketch:
        """Return the money of an invoice."""
        sales, status = self.type_and_status(number)
        bits = self.random_bits(2, number)
        contact = number % self.contact_count
        day = self.today - SPAN_DAYS + SPAN_DAYS * number // max(1, self.count) - bits % 5
        mode = _MODES[(bits >> 8) % 5]
        lines = tuple((bits >> 16 + 8 * k) % _POOLED_LINES for k in range(1 + (bits >> 12) % 4))
        pool = self._pool[sales, mode]
        amount, tax = sum(pool[k].amount for k in lines), sum(pool[k].tax for k in lines)
        subtotal = amount - tax if mode == "Inclusive" else amount
        kinds = self._payment_kinds(number)
        total, paid_day = subtotal + tax, min(day + 3 + (bits >> 50) % 40, self.today - 1)
        share = total if status == "PAID" and len(kinds) == 1 else max(1, total * 2 // 5)
        amounts = (share, total - share, total)
        payments = tuple((kind, amounts[kind], min(paid_day + 7 * kind, self.today)) for kind in kinds)
        return DocumentSketch(
            sales, status, contact, day, day + (14 if sales else 20), mode, contact % 11 == 5,  # noqa: PLR2004
            lines, subtotal, tax, payments,
        )  # fmt: skip

    def invoice(self, number: int) -> Row:
        """Return an invoice or bill in its fullest form."""
        sketch = self.sketch(number)
        total = sketch.subtotal + sketch.tax
        paid_cents = sum(cents for kind, cents, _ in sketch.payments if kind != _DELETED_PAYMENT)
        live = sketch.status not in {"VOIDED", "DELETED"}
        stamp = self.timestamp(4, number)
        bits = self.random_bits(3, number)
        slot = bisect_left(self.paid, number * 4)
        rate = self.rate(sketch.foreign, sketch.day)
        row: Row = {
            "Type": "ACCREC" if sketch.sales else "ACCPAY",
            "InvoiceID": self.ids["invoice"].id(number),
            "InvoiceNumber": self.document_number(number, sketch.sales),
            "Reference": (f"P/O {9000 + bits % 900}" if bits % 4 else "") if sketch.sales else "",
            "Payments": [
                {
                    "PaymentID": self.ids["payment"].id(slot + k),
                    "Date": xero_json.xero_timestamp(day * DAY_MS),
                    "Amount": from_cents(cents),
                    **({"Reference": f"Payment {k + 1}"} if kind == 0 else {}),
                    "CurrencyRate": self.rate(sketch.foreign, day),
                    "HasAccount": False,
                    "HasValidationErrors": False,
                }
                for k, (kind, cents, day) in enumerate(sketch.payments)
                if kind != _DELETED_PAYMENT
            ],
            "CreditNotes": [],
            "Prepayments": [],
            "Overpayments": [],
            "AmountDue": from_cents(total - paid_cents if live else 0),
            "AmountPaid": from_cents(paid_cents),
            "AmountCredited": from_cents(0),
        }
        if sketch.sales:
            row["SentToContact"] = bool(bits >> 4 & 1) and sketch.status in {"AUTHORISED", "PAID"}
        row |= {
            "CurrencyRate": rate,
            "IsDiscounted": False,
            "HasAttachments": (bits >> 8) % 12 == 0,
            "HasErrors": False,
            "InvoicePaymentServices": [],
            "Contact": self.contact_stub(sketch.contact),
            "DateString": xero_json.iso_day(sketch.day * DAY_MS),
            "Date": xero_json.xero_timestamp(sketch.day * DAY_MS),
        }
        if sketch.status != "VOIDED" or bits >> 5 & 1:  # some voided documents at Xero have no due date
            row["DueDateString"] = xero_json.iso_day(sketch.due * DAY_MS)
            row["DueDate"] = xero_json.xero_timestamp(sketch.due * DAY_MS)
        if sketch.sales:
            row["BrandingThemeID"] = self.theme
        row |= {
            "Status": sketch.status,
            "LineAmountTypes": sketch.mode,
            "LineItems": self.line_rows("line", number, sketch.sales, sketch.mode, sketch.lines),
            "SubTotal": from_cents(sketch.subtotal),
            "TotalTax": from_cents(sketch.tax),
            "Total": from_cents(total),
            "UpdatedDateUTC": xero_json.xero_timestamp(stamp),
            "UpdatedDateUTCString": xero_json.iso_second(stamp),
            "CurrencyCode": self.organisation.foreign if sketch.foreign else self.organisation.currency,
        }
        if sketch.status == "PAID":
            row["FullyPaidOnDate"] = xero_json.xero_timestamp(sketch.payments[-1][2] * DAY_MS)
        return row

    def document_number(self, number: int, sales: bool) -> str:
        """Return the number of an invoice or bill."""
        if sales:
            return f"INV-{number + 1:04d}"
        return f"{('AP', 'RPT', '№')[self.random_bits(3, number) % 3]} {number + 7:05d}"

    def rate(self, foreign: bool, day: int) -> Decimal:
        """Return foreign units per base unit on a day."""
        if not foreign:
            return Decimal("1.000000")
        return Decimal(600_000 + self.random_bits(5, day // 7) % 40_000).scaleb(-6)

    def make_line(self, sales: bool, mode: str, number: int) -> PooledLine:
        """Compute a shared line."""
        bits = self.random_bits(6, number * 8 + sales)
        text, item, price = (names.SALES_LINES if sales else names.PURCHASE_LINES)[bits % 12]
        # quantities in quarters, so that amounts need rounding now and then
        quarters = 4 * (1 + (bits >> 8) % 6) if bits >> 16 & 3 else 1 + (bits >> 18) % 15
        amount = (price * quarters + 2) // 4
        taxed = mode != "NoTax" and (bits >> 24) % 8 != 0 and self.organisation.pays_tax
        standard, rate = self.organisation.rules.standard_tax(OUT if sales else IN)
        base = 10_000 + rate if mode == "Inclusive" else 10_000
        tax = (2 * amount * rate + base) // (2 * base) if taxed else 0
        accounts = names.SALES_ACCOUNTS if sales else names.COST_ACCOUNTS
        code = accounts[(bits >> 28) % len(accounts)]
        row: Row = {"Description": text, "UnitAmount": from_cents(price)}
        row["TaxType"] = standard if taxed else self.organisation.rules.untaxed
        row |= {"TaxAmount": from_cents(tax), "LineAmount": from_cents(amount), "AccountCode": code}
        if item:
            row["ItemCode"] = item
            row["Item"] = {"ItemID": self.item_id(item), "Name": text[:50], "Code": item}
        row["Tracking"] = [
            {
                "Name": category,
                "Option": options[(bits >> 36) % len(options)][0],
                "TrackingCategoryID": category_id,
                "TrackingOptionID": options[(bits >> 36) % len(options)][1],
            }
            for k, (category, category_id, options) in enumerate(self.tracking)
            if bits >> 40 + k & 1
        ]
        row |= {"Quantity": Decimal(quarters * 2500).scaleb(-4)}
        row |= {"AccountID": self.ids["account"].id(self.account_number[code]), "ValidationErrors": []}
        return PooledLine(row, amount, tax)

    def line_rows(self, kind: str, number: int, sales: bool, mode: str, pooled: tuple[int, ...]) -> list[Row]:
        """Return the lines of a document, each with an id of its own."""
        pool, ids = self._pool[sales, mode], self.ids[kind]
        return [{**pool[n].row, "LineItemID": ids.id(number * 4 + k)} for k, n in enumerate(pooled)]

    def pooled_line(self, sales: bool, mode: str, number: int) -> PooledLine:
        """Return a shared line."""
        return self._pool[sales, mode][number]

    def item_id(self, code: str) -> str:
        """Return the id of an item."""
        return stable_guid(self._key, "item", code)

    def contact_stub(self, number: int) -> Row:
        """Return a contact as part of a document."""
        return {
            "ContactID": self.ids["contact"].id(number),
            "Name": contact_name(number),
            "Addresses": [],
            "Phones": [],
            "ContactGroups": [],
            "ContactPersons": [],
            "HasValidationErrors": False,
        }

    def account_stub(self, code: str, *fields: str) -> Row:
        """Return an account as part of a payment or bank transaction."""
        number = self.account_number[code]
        values: dict[str, Any] = {
            "AccountID": self.ids["account"].id(number),
            "Code": code,
            "Name": names.ACCOUNTS[number][1],
        }
        return {name: values[name] for name in fields}


class _LinePool(dict[int, PooledLine]):
    """Lines that documents share, by number; each is computed when the first document needs it."""

    def __init__(self, books: SeededBooks, sales: bool, mode: str) -> None:
        self._books, self._sales, self._mode = books, sales, mode

    def __missing__(self, number: int) -> PooledLine:
        line = self[number] = self._books.make_line(self._sales, self._mode, number)
        return line


def contact_name(number: int) -> str:
    """Return the name of a contact; no two share one."""
    first, second = names.FIRST_WORDS[number % 30], names.SECOND_WORDS[number // 30 * 7 % 24]
    repeat, suffix = number // 720, names.SUFFIXES[(number // 3) % 6]
    return f"{first} {second} {suffix}".rstrip() + (f" {repeat + 1}" if repeat else "")

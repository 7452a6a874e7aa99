"""The demo books: what each row of a seeded organisation holds, computed from its number.

Everything is a function of seed, organisation, row number and the day the sandbox was started, so that the
same seed gives the same books, a million invoices cost no memory, and dates look current.
"""

from array import array
from bisect import bisect_left
from decimal import Decimal
from typing import Any, NamedTuple

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.countries import IN, OUT, Organisation
from bizosaas_xero.sandbox.core.guids import Scramble, digest, guid_of
from bizosaas_xero.sandbox.core.xero_json import Row, money
from bizosaas_xero.sandbox.seed import names

DAY_MS = 86_400_000
SPAN_DAYS = 540
_M64 = (1 << 64) - 1


class Sketch(NamedTuple):
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


class Line(NamedTuple):
    """A line that many documents share, all but its id."""

    row: Row
    amount: int
    tax: int


_POOL = 192
_MODES = ("Exclusive", "Exclusive", "Exclusive", "Inclusive", "NoTax")
_DELETED_PAYMENT = 2


class Books:
    """The seeded rows of one organisation.

    Args:
        seed: What makes these books differ from others.
        organisation: Whose books.
        invoices: How many invoices and bills together.
        today_ms: The UTC midnight that dates are counted back from.
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
        self.ids = {kind: Scramble(seed, organisation.id, kind) for kind in families.split()}
        self.account_number = {row[0]: number for number, row in enumerate(names.ACCOUNTS)}
        self.tracking = [
            (
                name,
                guid_of(seed, organisation.id, name),
                [(o, guid_of(seed, organisation.id, o)) for o in options],
            )
            for name, options in names.TRACKING
        ]
        self.theme = guid_of(seed, organisation.id, "theme")
        self._pool = {
            (sales, mode): [self._line(sales, mode, n) for n in range(_POOL)]
            for sales in (True, False)
            for mode in set(_MODES)
        }
        self.paid = array("Q")  # invoice number * 4 + which payment, in rising order
        for number in range(invoices):
            self.paid.extend(number * 4 + kind for kind in self._payment_kinds(number))

    def bits(self, salt: int, number: int) -> int:
        """Return 64 random bits that belong to one row (splitmix64)."""
        z = (self._key + (number * 16 + salt + 1) * 0x9E3779B97F4A7C15) & _M64
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & _M64
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & _M64
        return z ^ z >> 31

    def stamp(self, salt: int, number: int) -> int:
        """Return when a row was last changed: four rows share a second, bulk imports hundreds."""
        group = number // 4 if number % 10 != 7 else -1 - number // 2500  # noqa: PLR2004
        second = self.bits(salt, group & 0xFFFFFFFF) % (SPAN_DAYS * 86_400)
        return (self.today * 86_400 - 1 - second) * 1000 + self.bits(salt + 1, number) % 1000

    def kind(self, number: int) -> tuple[bool, str]:
        """Return whether an invoice is a sale, and its status."""
        bits = self.bits(0, number)
        contact = number % self.contact_count
        sales = (contact % 10 < 7) != ((bits >> 40) % 20 == 0)  # noqa: PLR2004
        age, roll = 1 - number / max(1, self.count), bits % 100
        for limit, status in ((5, "DRAFT"), (7, "SUBMITTED"), (10, "VOIDED"), (12, "DELETED")):
            if roll < limit:
                return sales, status
        return sales, "PAID" if (bits >> 8) % 100 < 25 + 70 * age else "AUTHORISED"

    def _payment_kinds(self, number: int) -> tuple[int, ...]:
        status, roll = self.kind(number)[1], (self.bits(0, number) >> 16) % 20
        if status == "PAID":
            return (0, 1) if roll < 3 else (0,)  # noqa: PLR2004
        if status == "AUTHORISED":
            return (0,) if roll < 4 else (_DELETED_PAYMENT,) if roll == 4 else ()  # noqa: PLR2004
        return ()

    def sketch(self, number: int) -> Sketch:
        """Return the money of an invoice."""
        sales, status = self.kind(number)
        bits = self.bits(2, number)
        contact = number % self.contact_count
        day = self.today - SPAN_DAYS + SPAN_DAYS * number // max(1, self.count) - bits % 5
        mode = _MODES[(bits >> 8) % 5]
        lines = tuple((bits >> 16 + 8 * k) % _POOL for k in range(1 + (bits >> 12) % 4))
        pool = self._pool[sales, mode]
        amount, tax = sum(pool[k].amount for k in lines), sum(pool[k].tax for k in lines)
        subtotal = amount - tax if mode == "Inclusive" else amount
        kinds = self._payment_kinds(number)
        total, at = subtotal + tax, min(day + 3 + (bits >> 50) % 40, self.today - 1)
        share = total if status == "PAID" and len(kinds) == 1 else max(1, total * 2 // 5)
        amounts = (share, total - share, total)
        payments = tuple((kind, amounts[kind], min(at + 7 * kind, self.today)) for kind in kinds)
        return Sketch(
            sales, status, contact, day, day + (14 if sales else 20), mode, contact % 11 == 5,  # noqa: PLR2004
            lines, subtotal, tax, payments,
        )  # fmt: skip

    def invoice(self, number: int) -> Row:
        """Return an invoice or bill in its fullest form."""
        s = self.sketch(number)
        total = s.subtotal + s.tax
        paid = sum(cents for kind, cents, _ in s.payments if kind != _DELETED_PAYMENT)
        live = s.status not in {"VOIDED", "DELETED"}
        stamp = self.stamp(4, number)
        bits = self.bits(3, number)
        slot = bisect_left(self.paid, number * 4)
        rate = self.rate(s.foreign, s.day)
        row: Row = {
            "Type": "ACCREC" if s.sales else "ACCPAY",
            "InvoiceID": self.ids["invoice"].id(number),
            "InvoiceNumber": self.number_of(number, s.sales),
            "Reference": (f"P/O {9000 + bits % 900}" if bits % 4 else "") if s.sales else "",
            "Payments": [
                {
                    "PaymentID": self.ids["payment"].id(slot + k),
                    "Date": xero_json.date(day * DAY_MS),
                    "Amount": money(cents),
                    **({"Reference": f"Payment {k + 1}"} if kind == 0 else {}),
                    "CurrencyRate": self.rate(s.foreign, day),
                    "HasAccount": False,
                    "HasValidationErrors": False,
                }
                for k, (kind, cents, day) in enumerate(s.payments)
                if kind != _DELETED_PAYMENT
            ],
            "CreditNotes": [],
            "Prepayments": [],
            "Overpayments": [],
            "AmountDue": money(total - paid if live else 0),
            "AmountPaid": money(paid),
            "AmountCredited": money(0),
        }
        if s.sales:
            row["SentToContact"] = bool(bits >> 4 & 1) and s.status in {"AUTHORISED", "PAID"}
        row |= {
            "CurrencyRate": rate,
            "IsDiscounted": False,
            "HasAttachments": (bits >> 8) % 12 == 0,
            "HasErrors": False,
            "InvoicePaymentServices": [],
            "Contact": self.contact_stub(s.contact),
            "DateString": xero_json.iso_day(s.day * DAY_MS),
            "Date": xero_json.date(s.day * DAY_MS),
        }
        if s.status != "VOIDED" or bits >> 5 & 1:  # some voided documents at Xero have lost their due date
            row["DueDateString"] = xero_json.iso_day(s.due * DAY_MS)
            row["DueDate"] = xero_json.date(s.due * DAY_MS)
        if s.sales:
            row["BrandingThemeID"] = self.theme
        row |= {
            "Status": s.status,
            "LineAmountTypes": s.mode,
            "LineItems": self.lines("line", number, s.sales, s.mode, s.lines),
            "SubTotal": money(s.subtotal),
            "TotalTax": money(s.tax),
            "Total": money(total),
            "UpdatedDateUTC": xero_json.date(stamp),
            "UpdatedDateUTCString": xero_json.iso_second(stamp),
            "CurrencyCode": self.organisation.foreign if s.foreign else self.organisation.currency,
        }
        if s.status == "PAID":
            row["FullyPaidOnDate"] = xero_json.date(s.payments[-1][2] * DAY_MS)
        return row

    def number_of(self, number: int, sales: bool) -> str:
        """Return the number that an invoice or bill carries."""
        if sales:
            return f"INV-{number + 1:04d}"
        return f"{('AP', 'RPT', '№')[self.bits(3, number) % 3]} {number + 7:05d}"

    def rate(self, foreign: bool, day: int) -> Decimal:
        """Return foreign units per base unit on a day."""
        if not foreign:
            return Decimal("1.000000")
        return Decimal(600_000 + self.bits(5, day // 7) % 40_000).scaleb(-6)

    def _line(self, sales: bool, mode: str, number: int) -> Line:
        bits = self.bits(6, number * 8 + sales)
        text, item, price = (names.SALES if sales else names.PURCHASES)[bits % 12]
        # quantities in quarters, so that amounts need rounding now and then
        quarters = 4 * (1 + (bits >> 8) % 6) if bits >> 16 & 3 else 1 + (bits >> 18) % 15
        amount = (price * quarters + 2) // 4
        taxed = mode != "NoTax" and (bits >> 24) % 8 != 0 and self.organisation.pays_tax
        standard, rate = self.organisation.rules.standard(OUT if sales else IN)
        base = 10_000 + rate if mode == "Inclusive" else 10_000
        tax = (2 * amount * rate + base) // (2 * base) if taxed else 0
        accounts = names.SALES_ACCOUNTS if sales else names.COST_ACCOUNTS
        code = accounts[(bits >> 28) % len(accounts)]
        row: Row = {"Description": text, "UnitAmount": money(price)}
        row["TaxType"] = standard if taxed else self.organisation.rules.untaxed
        row |= {"TaxAmount": money(tax), "LineAmount": money(amount), "AccountCode": code}
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
        return Line(row, amount, tax)

    def lines(self, kind: str, number: int, sales: bool, mode: str, which: tuple[int, ...]) -> list[Row]:
        """Return the lines of a document, each with an id of its own."""
        pool, ids = self._pool[sales, mode], self.ids[kind]
        return [{**pool[n].row, "LineItemID": ids.id(number * 4 + k)} for k, n in enumerate(which)]

    def amount_of(self, sales: bool, mode: str, line: int) -> int:
        """Return the amount of a shared line in cents."""
        return self._pool[sales, mode][line].amount

    def tax_of(self, sales: bool, mode: str, line: int) -> int:
        """Return the tax of a shared line in cents."""
        return self._pool[sales, mode][line].tax

    def item_id(self, code: str) -> str:
        """Return the id of a thing sold."""
        return guid_of(self._key, "item", code)

    def contact_stub(self, number: int) -> Row:
        """Return a contact as it stands inside a document."""
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
        """Return an account as it stands inside a payment or bank transaction."""
        number = self.account_number[code]
        every: dict[str, Any] = {
            "AccountID": self.ids["account"].id(number),
            "Code": code,
            "Name": names.ACCOUNTS[number][1],
        }
        return {name: every[name] for name in fields}


def contact_name(number: int) -> str:
    """Return the name of a contact; no two share one."""
    first, second = names.FIRST[number % 30], names.SECOND[number // 30 * 7 % 24]
    rest, suffix = number // 720, names.SUFFIX[(number // 3) % 6]
    return f"{first} {second} {suffix}".rstrip() + (f" {rest + 1}" if rest else "")

"""A document as its payments and allocations settle it, and the postings of its lines."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.books import LedgerBooks
from bizosaas_xero.sandbox.ledger.posting import ACCRUAL, BOTH, CASH, ZERO, Posting

ONE = Decimal(1)
# +1 where the control account is debited
_SIGNS = {"ACCREC": 1, "ACCPAY": -1, "ACCRECCREDIT": -1, "ACCPAYCREDIT": 1}
# the lists of credits in an invoice, and the id fields of the credits
CREDITS = {"CreditNotes": "CreditNoteID", "Prepayments": "PrepaymentID", "Overpayments": "OverpaymentID"}


class SettledDocument(NamedTuple):
    """One document as its payments and allocations settle it.

    Attributes:
        sign: +1 where the document debits its control account.
        total: In the document's currency.
        rate: Foreign units per base unit.
        currency: None for the base currency.
        control: The posting on the control account, or the lines of a document without a control account.
        shares: The lines and tax, which count on the cash basis as they are paid.
        contact_id: The contact.
        document_id: Its id.
        applied: Date, id and amount of each payment and allocation, in order.
    """

    sign: int
    total: Decimal
    rate: Decimal
    currency: str | None
    control: tuple[Posting, ...]
    shares: tuple[Posting, ...]
    contact_id: str | None
    document_id: str
    applied: tuple[tuple[dt.date, str, Decimal], ...]

    def settlement_postings(self, settlement_id: str, source: str) -> Iterator[Posting]:
        """Post this document's side of one payment or allocation."""
        remaining = self.total
        for date, guid, amount in self.applied:
            before, remaining = remaining, remaining - amount
            if guid == settlement_id:
                yield from self._part_postings(date, before, remaining, source, settlement_id)

    def carrying_amount(self, settlement_id: str) -> Decimal:
        """Return the book value, in base currency, of the part that one payment or allocation settles."""
        remaining = self.total
        for _, guid, amount in self.applied:
            before, remaining = remaining, remaining - amount
            if guid == settlement_id:
                return self.in_base(before) - self.in_base(remaining)
        return ZERO

    def in_base(self, amount: Decimal) -> Decimal:
        """Return an amount in base currency."""
        return to_base(amount, self.rate)

    def _part_postings(
        self, date: dt.date, before: Decimal, remaining: Decimal, source: str, settlement_id: str
    ) -> Iterator[Posting]:
        # the posting on the control account is reversed; on the cash basis the lines now count
        parts = [(self.control, -1, BOTH if self.shares == self.control else ACCRUAL)]
        if self.shares != self.control:
            parts.append((self.shares, 1, CASH))
        for postings, sign, basis in parts:
            share = (before - remaining) / self.total if self.total else ZERO
            for posting, amount in zip(postings, self._split_amounts(postings, before, remaining), strict=True):
                foreign = None if posting.foreign is None else sign * xero_json.round_to_cents(posting.foreign * share)
                yield posting._replace(
                    date=date, amount=sign * amount, foreign=foreign, source=source, source_id=settlement_id,
                    basis=basis, document_id=self.document_id,
                )  # fmt: skip

    def _split_amounts(self, postings: tuple[Posting, ...], before: Decimal, remaining: Decimal) -> list[Decimal]:
        """Return each posting's share of one part of the document, in proportion."""
        if not remaining and before == self.total:
            return [posting.amount for posting in postings]
        base_total = self.in_base(self.total)
        start, end = (
            self._cumulative_amounts(postings, base_total - self.in_base(open_amount), base_total)
            for open_amount in (before, remaining)
        )
        return [last - first for first, last in zip(start, end, strict=True)]

    @staticmethod
    def _cumulative_amounts(postings: tuple[Posting, ...], done: Decimal, base_total: Decimal) -> list[Decimal]:
        # the last posting takes the rounding difference, so that the shares add up
        parts = [xero_json.round_to_cents(p.amount * done / base_total) if base_total else ZERO for p in postings[:-1]]
        total = sum((p.amount for p in postings), ZERO)
        return [*parts, (done if total >= 0 else -done) - sum(parts, ZERO)]


def to_base(amount: Decimal, rate: Decimal) -> Decimal:
    """Return base currency for an amount: a rate is foreign units per base unit, so it divides."""
    return amount if rate == ONE else xero_json.round_to_cents(amount / rate)


def read_document(store: LedgerBooks, entity: str, row: Row) -> SettledDocument:
    """Read a document (invoice, credit note, prepayment, overpayment) with its settlements."""
    id_field = store.table(entity).id_field
    kind, guid = row["Type"], row[id_field]
    receivable = kind.startswith(("ACCREC", "RECEIVE"))
    sign = _SIGNS.get(kind) or (-1 if receivable else 1)
    rate = row.get("CurrencyRate") or ONE
    currency = row["CurrencyCode"] if row["CurrencyCode"] != store.currency else None
    contact = row["Contact"]["ContactID"]
    date, total = xero_json.calendar_day(row["Date"]), row["Total"]
    control: tuple[Posting, ...] = (
        Posting(
            date, store.system_account("DEBTORS" if receivable else "CREDITORS"), sign * to_base(total, rate),
            entity, guid, contact, (), None, sign * total if currency else None, currency, ACCRUAL, guid,
            row["Contact"].get("Name", ""),
        ),
    )  # fmt: skip
    if entity == "Overpayments":
        shares = tuple(posting._replace(basis=BOTH) for posting in control)
        control = shares
    else:
        prepaid = entity == "Prepayments"  # its lines take the place of the control account
        shares = tuple(
            line_postings(store, entity, row, guid, sign if prepaid else -sign, to_base(total, rate), currency)
        )
        control = shares if prepaid else control
    applied = [(xero_json.calendar_day(p["Date"]), p["PaymentID"], p["Amount"]) for p in row.get("Payments", ())]
    for name in CREDITS:  # credits that were set against an invoice
        applied += [
            (xero_json.calendar_day(c["Date"]), c["AllocationID"], c["AppliedAmount"]) for c in row.get(name, ())
        ]
    applied += [(xero_json.calendar_day(a["Date"]), a["AllocationID"], a["Amount"]) for a in row.get("Allocations", ())]
    return SettledDocument(sign, total, rate, currency, control, shares, contact, guid, tuple(sorted(applied)))


def line_postings(
    store: LedgerBooks, entity: str, row: Row, guid: str, sign: int, total: Decimal, currency: str | None
) -> Iterator[Posting]:
    """Post lines, tax by code, and the rounding difference to base currency."""
    rate, date = row.get("CurrencyRate") or ONE, xero_json.calendar_day(row["Date"])
    contact = (row.get("Contact") or {}).get("ContactID")
    inclusive = row.get("LineAmountTypes") == "Inclusive"
    taxes: dict[str, Decimal] = {}
    remaining = sign * total
    for line in row["LineItems"]:
        tax = line.get("TaxAmount") or ZERO
        amount = sign * (line["LineAmount"] - tax if inclusive else line["LineAmount"])
        if tax:
            taxes[line["TaxType"]] = taxes.get(line["TaxType"], ZERO) + sign * tax
        base = to_base(amount, rate)
        remaining -= base
        yield Posting(
            date, line.get("AccountID") or store.account_of_line(line), base, entity, guid, contact,
            tuple((t["TrackingCategoryID"], t["TrackingOptionID"]) for t in line.get("Tracking", ())),
            line.get("TaxType"), amount if currency else None, currency, ACCRUAL, guid,
            line.get("Description", ""),
        )  # fmt: skip
    for tax_type, tax in taxes.items():
        base = to_base(tax, rate)
        remaining -= base
        yield Posting(
            date, store.system_account("GST"), base, entity, guid, contact, (), tax_type,
            tax if currency else None, currency, ACCRUAL, guid, "", tax=True,
        )  # fmt: skip
    if remaining:
        yield Posting(
            date,
            store.system_account("ROUNDING"),
            remaining,
            entity,
            guid,
            contact,
            basis=ACCRUAL,
            document_id=guid,
        )

"""The postings of each kind of document.

An invoice posts its total to the control account (receivables or payables), its lines to their accounts and
its tax to the tax account. A payment or credit that settles it moves the control account by the book value of that
part; the difference to its value on that day is a realised currency gain.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.books import LedgerBooks
from bizosaas_xero.sandbox.ledger.ledger import ACCRUAL, BOTH, CASH, ZERO, Posting

LIVE = {"AUTHORISED", "PAID"}
# +1 where the control account is debited
_SIGNS = {"ACCREC": 1, "ACCPAY": -1, "ACCRECCREDIT": -1, "ACCPAYCREDIT": 1}
_ONE = Decimal(1)
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
    return amount if rate == _ONE else xero_json.round_to_cents(amount / rate)


def read_document(store: LedgerBooks, entity: str, row: Row) -> SettledDocument:
    """Read a document (invoice, credit note, prepayment, overpayment) with its settlements."""
    id_field = store.table(entity).id_field
    kind, guid = row["Type"], row[id_field]
    receivable = kind.startswith(("ACCREC", "RECEIVE"))
    sign = _SIGNS.get(kind) or (-1 if receivable else 1)
    rate = row.get("CurrencyRate") or _ONE
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
            _line_postings(store, entity, row, guid, sign if prepaid else -sign, to_base(total, rate), currency)
        )
        control = shares if prepaid else control
    applied = [(xero_json.calendar_day(p["Date"]), p["PaymentID"], p["Amount"]) for p in row.get("Payments", ())]
    for name in CREDITS:  # credits that were set against an invoice
        applied += [
            (xero_json.calendar_day(c["Date"]), c["AllocationID"], c["AppliedAmount"]) for c in row.get(name, ())
        ]
    applied += [(xero_json.calendar_day(a["Date"]), a["AllocationID"], a["Amount"]) for a in row.get("Allocations", ())]
    return SettledDocument(sign, total, rate, currency, control, shares, contact, guid, tuple(sorted(applied)))


def _line_postings(
    store: LedgerBooks, entity: str, row: Row, guid: str, sign: int, total: Decimal, currency: str | None
) -> Iterator[Posting]:
    """Post lines, tax by code, and the rounding difference to base currency."""
    rate, date = row.get("CurrencyRate") or _ONE, xero_json.calendar_day(row["Date"])
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


def document_postings(store: LedgerBooks, row: Row, entity: str) -> Iterator[Posting]:
    """Post an invoice or credit note, with its payments and allocations."""
    if row["Status"] not in LIVE or (entity == "Prepayments" and row["Type"].endswith("OVERPAYMENT")):
        return  # an overpayment among prepayments is a mirrored row
    this = read_document(store, entity, row)
    if entity in {"Invoices", "CreditNotes"}:  # the others are posted by their bank transaction
        yield from this.control
        yield from this.shares
    for part in row.get("Payments", ()):
        if store.table("Payments").find(part["PaymentID"]) is not None:  # rows can be removed by hand
            yield from _payment_postings(store, this, store.peek("Payments", part["PaymentID"]))
    for allocation in row.get("Allocations", ()):
        if store.table("Invoices").find(allocation["Invoice"]["InvoiceID"]) is not None:
            yield from _allocation_postings(store, this, allocation)


def _payment_postings(store: LedgerBooks, this: SettledDocument, payment: Row) -> Iterator[Posting]:
    guid, date = payment["PaymentID"], xero_json.calendar_day(payment["Date"])
    yield from this.settlement_postings(guid, "Payments")
    amount, rate = payment["Amount"], payment.get("CurrencyRate") or _ONE
    account = payment["Account"]["AccountID"]
    bank_currency = store.account_currency(account)
    abroad = bank_currency != store.currency
    # the amount on a bank account in base currency is exact; the rate is derived from it
    exact = this.currency is not None and not abroad and payment.get("BankAmount") is not None
    value = payment["BankAmount"] if exact else to_base(amount, rate)
    yield Posting(
        date, account, this.sign * value, "Payments", guid, this.contact_id,
        foreign=this.sign * Decimal(payment.get("BankAmount") or amount) if abroad else None,
        currency=bank_currency if abroad else None, document_id=this.document_id,
        description=payment.get("Reference", ""),
    )  # fmt: skip
    yield from _gain_postings(store, this, date, this.sign * (this.carrying_amount(guid) - value), "Payments", guid)


def _allocation_postings(store: LedgerBooks, this: SettledDocument, allocation: Row) -> Iterator[Posting]:
    guid, date = allocation["AllocationID"], xero_json.calendar_day(allocation["Date"])
    invoice = read_document(store, "Invoices", store.peek("Invoices", allocation["Invoice"]["InvoiceID"]))
    yield from this.settlement_postings(guid, "Allocations")
    yield from invoice.settlement_postings(guid, "Allocations")
    gain = this.sign * this.carrying_amount(guid) + invoice.sign * invoice.carrying_amount(guid)
    yield from _gain_postings(store, this, date, gain, "Allocations", guid)


def _gain_postings(
    store: LedgerBooks, this: SettledDocument, date: dt.date, amount: Decimal, source: str, guid: str
) -> Iterator[Posting]:
    if amount:
        account = store.system_account("REALISEDCURRENCYGAIN")
        yield Posting(
            date, account, amount, source, guid, this.contact_id, currency=this.currency,
            document_id=this.document_id,
        )  # fmt: skip


def bank_transaction_postings(store: LedgerBooks, row: Row) -> Iterator[Posting]:
    """Post money received or spent; an overpayment goes to the control account, not to its line."""
    if row["Status"] != "AUTHORISED" or row["Type"].endswith("TRANSFER"):
        return  # transfers are posted by their own row
    guid, date, received = (
        row["BankTransactionID"],
        xero_json.calendar_day(row["Date"]),
        row["Type"].startswith("RECEIVE"),
    )
    sign, rate = 1 if received else -1, row.get("CurrencyRate") or _ONE
    currency = row["CurrencyCode"] if row["CurrencyCode"] != store.currency else None
    total = to_base(row["Total"], rate)
    contact = (row.get("Contact") or {}).get("ContactID")
    bank = Posting(
        date, row["BankAccount"]["AccountID"], sign * total, "BankTransactions", guid, contact, (), None,
        sign * row["Total"] if currency else None, currency, BOTH, guid, row.get("Reference", ""),
    )  # fmt: skip
    yield bank
    if row["Type"].endswith("OVERPAYMENT"):
        control = store.system_account("DEBTORS" if received else "CREDITORS")
        foreign = -bank.foreign if bank.foreign is not None else None
        yield bank._replace(account_id=control, amount=-bank.amount, foreign=foreign)
        return
    for line in _line_postings(store, "BankTransactions", row, guid, -sign, total, currency):
        yield line._replace(basis=BOTH)


def bank_transfer_postings(store: LedgerBooks, row: Row) -> Iterator[Posting]:
    """Post a transfer between two bank accounts of the organisation."""
    if row.get("Status") == "DELETED":
        return
    guid, date = row["BankTransferID"], xero_json.calendar_day(row["Date"])
    base = to_base(row["Amount"], row.get("CurrencyRate") or _ONE)
    currency = store.account_currency(row["FromBankAccount"]["AccountID"])
    abroad = currency if currency != store.currency else None
    for name, sign in (("FromBankAccount", -1), ("ToBankAccount", 1)):
        yield Posting(
            date, row[name]["AccountID"], sign * base, "BankTransfers", guid, document_id=guid,
            foreign=sign * row["Amount"] if abroad else None, currency=abroad,
            description=row.get("Reference", ""),
        )  # fmt: skip


def journal_postings(store: LedgerBooks, row: Row) -> Iterator[Posting]:
    """Post a manual journal: lines with their sign, tax on its own account."""
    if row["Status"] != "POSTED":
        return
    guid, date = row["ManualJournalID"], xero_json.calendar_day(row["Date"])
    basis = BOTH if row.get("ShowOnCashBasisReports", True) else ACCRUAL
    for line in row["JournalLines"]:
        tax = line.get("TaxAmount") or ZERO
        net = line["LineAmount"] - (tax if row.get("LineAmountTypes") == "Inclusive" else ZERO)
        tracking = tuple((t["TrackingCategoryID"], t["TrackingOptionID"]) for t in line.get("Tracking", ()))
        yield Posting(
            date, line["AccountID"], net, "ManualJournals", guid, None, tracking, line.get("TaxType"),
            basis=basis, document_id=guid, description=line.get("Description") or row["Narration"],
        )  # fmt: skip
        if tax:
            yield Posting(
                date, store.system_account("GST"), tax, "ManualJournals", guid, None, (), line.get("TaxType"),
                basis=basis, document_id=guid, tax=True,
            )  # fmt: skip


def conversion_postings(store: LedgerBooks) -> Iterator[Posting]:
    """Post the opening balances; they net to zero."""
    for code, amount in store.opening_balances:
        yield Posting(store.conversion_date, store.account_id(code), amount, "ConversionBalances", "")


POSTING_RULES: dict[str, Callable[[LedgerBooks, Row], Iterator[Posting]]] = {
    **{
        name: partial(document_postings, entity=name)
        for name in ("Invoices", "CreditNotes", "Prepayments", "Overpayments")
    },
    "BankTransactions": bank_transaction_postings,
    "BankTransfers": bank_transfer_postings,
    "ManualJournals": journal_postings,
}

_SETTLED_ENTITIES = {"CREDIT": "CreditNotes", "PREPAYMENT": "Prepayments", "OVERPAYMENT": "Overpayments"}


def settled_entity(payment: Row) -> str:
    """Return the entity of the document that a payment settles, by its PaymentType (`ARCREDITPAYMENT`, …)."""
    kind = payment.get("PaymentType", "ACCRECPAYMENT").removesuffix("PAYMENT")[2:]
    return _SETTLED_ENTITIES.get(kind, "Invoices")


def affected_documents(
    store: LedgerBooks, entity: str, guid: str, slot: int, *, first: bool
) -> dict[tuple[str, str], None]:
    """Return the documents to post again because a row changed."""
    if first or entity not in {"Invoices", "Payments"}:
        return {(entity, guid): None}
    if store.table(entity).find(guid) is None:
        return {(entity, guid): None} if entity == "Invoices" else {}
    row = store.table(entity).peek(slot)
    if entity == "Payments":
        return {(settled_entity(row), row["Invoice"]["InvoiceID"]): None}
    changed: dict[tuple[str, str], None] = {(entity, guid): None}
    for name, id_field in CREDITS.items():
        changed |= {(name, credit[id_field]): None for credit in row.get(name, ())}
    return changed

"""What each kind of document posts.

An invoice posts its total to the control account (receivables or payables), its lines to their accounts and
its tax to the tax account. What settles it (a payment, a credit) moves the control account by what the books
carried for that part, and the difference to what it is worth that day is a realised currency gain.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import ACCRUAL, BOTH, CASH, ZERO, Posting

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company

LIVE = {"AUTHORISED", "PAID"}
# +1 where the control account is debited
_SIGNS = {"ACCREC": 1, "ACCPAY": -1, "ACCRECCREDIT": -1, "ACCPAYCREDIT": 1}
_ONE = Decimal(1)
# what stands in an invoice's own lists of credits, and where the credit itself is kept
CREDITS = {"CreditNotes": "CreditNoteID", "Prepayments": "PrepaymentID", "Overpayments": "OverpaymentID"}


class Side(NamedTuple):
    """One document as what settles it sees it.

    Attributes:
        sign: +1 where the document debits its control account.
        total: In the document's currency.
        rate: Foreign units per base unit.
        currency: None for the base currency.
        control: The control account's postings (one), or the lines where there is no control account.
        shares: The lines and tax: what counts on the cash basis as it is paid.
        contact_id: Whose.
        document_id: Its id.
        applied: Date, id and amount of everything that settles it, in order.
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

    def settles(self, which: str, source: str) -> Iterator[Posting]:
        """Post this document's side of one thing that settles it; `which` is the id of that."""
        left = self.total
        for date, guid, amount in self.applied:
            before, left = left, left - amount
            if guid == which:
                yield from self._part(date, before, left, source, which)

    def carried(self, which: str) -> Decimal:
        """Return what the books carried, in base currency, for the part that one thing settles."""
        left = self.total
        for _, guid, amount in self.applied:
            before, left = left, left - amount
            if guid == which:
                return self.base(before) - self.base(left)
        return ZERO

    def base(self, amount: Decimal) -> Decimal:
        """Return an amount in base currency."""
        return to_base(amount, self.rate)

    def _part(self, date: dt.date, before: Decimal, left: Decimal, source: str, which: str) -> Iterator[Posting]:
        # what the document posted to its control account is undone; on the cash basis its lines now count
        parts = [(self.control, -1, BOTH if self.shares == self.control else ACCRUAL)]
        if self.shares != self.control:
            parts.append((self.shares, 1, CASH))
        for postings, way, basis in parts:
            share = (before - left) / self.total if self.total else ZERO
            for posting, amount in zip(postings, self._split(postings, before, left), strict=True):
                foreign = None if posting.foreign is None else way * xero_json.cents(posting.foreign * share)
                yield posting._replace(
                    date=date, amount=way * amount, foreign=foreign, source=source, source_id=which,
                    basis=basis, document_id=self.document_id,
                )  # fmt: skip

    def _split(self, postings: tuple[Posting, ...], before: Decimal, left: Decimal) -> list[Decimal]:
        """Return what each posting has for one part of the document, in proportion."""
        if not left and before == self.total:
            return [posting.amount for posting in postings]
        whole = self.base(self.total)
        start, end = (self._upto(postings, whole - self.base(rest), whole) for rest in (before, left))
        return [last - first for first, last in zip(start, end, strict=True)]

    @staticmethod
    def _upto(postings: tuple[Posting, ...], done: Decimal, whole: Decimal) -> list[Decimal]:
        # the last one takes what rounding leaves, so that nothing is lost in the end
        parts = [xero_json.cents(p.amount * done / whole) if whole else ZERO for p in postings[:-1]]
        total = sum((p.amount for p in postings), ZERO)
        return [*parts, (done if total >= 0 else -done) - sum(parts, ZERO)]


def to_base(amount: Decimal, rate: Decimal) -> Decimal:
    """Return base currency for an amount: a rate is foreign units per base unit, so it divides."""
    return amount if rate == _ONE else xero_json.cents(amount / rate)


def side(store: "Company", entity: str, row: Row) -> Side:
    """Read a document (invoice, credit note, prepayment, overpayment) as what settles it sees it."""
    id_field = store.table(entity).id_field
    kind, guid = row["Type"], row[id_field]
    receivable = kind.startswith(("ACCREC", "RECEIVE"))
    sign = _SIGNS.get(kind) or (-1 if receivable else 1)
    rate = row.get("CurrencyRate") or _ONE
    currency = row["CurrencyCode"] if row["CurrencyCode"] != store.currency else None
    contact = row["Contact"]["ContactID"]
    date, total = xero_json.day(row["Date"]), row["Total"]
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
        prepaid = entity == "Prepayments"  # its lines stand where others have the control account
        shares = tuple(_lines(store, entity, row, guid, sign if prepaid else -sign, to_base(total, rate), currency))
        control = shares if prepaid else control
    applied = [(xero_json.day(p["Date"]), p["PaymentID"], p["Amount"]) for p in row.get("Payments", ())]
    for name in CREDITS:  # credits that were set against an invoice
        applied += [(xero_json.day(c["Date"]), c["AllocationID"], c["AppliedAmount"]) for c in row.get(name, ())]
    applied += [(xero_json.day(a["Date"]), a["AllocationID"], a["Amount"]) for a in row.get("Allocations", ())]
    return Side(sign, total, rate, currency, control, shares, contact, guid, tuple(sorted(applied)))


def _lines(
    store: "Company", entity: str, row: Row, guid: str, sign: int, total: Decimal, currency: str | None
) -> Iterator[Posting]:
    """Post lines, tax by code, and what rounding to base currency leaves over."""
    rate, date = row.get("CurrencyRate") or _ONE, xero_json.day(row["Date"])
    contact = (row.get("Contact") or {}).get("ContactID")
    inclusive = row.get("LineAmountTypes") == "Inclusive"
    taxes: dict[str, Decimal] = {}
    left = sign * total
    for line in row["LineItems"]:
        tax = line.get("TaxAmount") or ZERO
        amount = sign * (line["LineAmount"] - tax if inclusive else line["LineAmount"])
        if tax:
            taxes[line["TaxType"]] = taxes.get(line["TaxType"], ZERO) + sign * tax
        base = to_base(amount, rate)
        left -= base
        yield Posting(
            date, line.get("AccountID") or store.account_by(line), base, entity, guid, contact,
            tuple((t["TrackingCategoryID"], t["TrackingOptionID"]) for t in line.get("Tracking", ())),
            line.get("TaxType"), amount if currency else None, currency, ACCRUAL, guid,
            line.get("Description", ""),
        )  # fmt: skip
    for tax_type, tax in taxes.items():
        base = to_base(tax, rate)
        left -= base
        yield Posting(
            date, store.system_account("GST"), base, entity, guid, contact, (), tax_type,
            tax if currency else None, currency, ACCRUAL, guid, "", tax=True,
        )  # fmt: skip
    if left:
        yield Posting(
            date,
            store.system_account("ROUNDING"),
            left,
            entity,
            guid,
            contact,
            basis=ACCRUAL,
            document_id=guid,
        )


def document(store: "Company", row: Row, entity: str) -> Iterator[Posting]:
    """Post an invoice or credit note, and what settles it."""
    if row["Status"] not in LIVE:
        return
    this = side(store, entity, row)
    if entity in {"Invoices", "CreditNotes"}:  # the others are posted by their bank transaction
        yield from this.control
        yield from this.shares
    for part in row.get("Payments", ()):
        if store.table("Payments").find(part["PaymentID"]) is not None:  # rows can be removed by hand
            yield from _payment(store, this, store.look("Payments", part["PaymentID"]))
    for allocation in row.get("Allocations", ()):
        if store.table("Invoices").find(allocation["Invoice"]["InvoiceID"]) is not None:
            yield from _allocation(store, this, allocation)


def _payment(store: "Company", this: Side, payment: Row) -> Iterator[Posting]:
    guid, date = payment["PaymentID"], xero_json.day(payment["Date"])
    yield from this.settles(guid, "Payments")
    amount, rate = payment["Amount"], payment.get("CurrencyRate") or _ONE
    account = payment["Account"]["AccountID"]
    bank_currency = store.account_currency(account)
    abroad = bank_currency != store.currency
    # what a bank account in base currency really moved is exact; the rate is derived from it
    exact = this.currency is not None and not abroad and payment.get("BankAmount") is not None
    value = payment["BankAmount"] if exact else to_base(amount, rate)
    yield Posting(
        date, account, this.sign * value, "Payments", guid, this.contact_id,
        foreign=this.sign * Decimal(payment.get("BankAmount") or amount) if abroad else None,
        currency=bank_currency if abroad else None, document_id=this.document_id,
        description=payment.get("Reference", ""),
    )  # fmt: skip
    yield from _gain(store, this, date, this.sign * (this.carried(guid) - value), "Payments", guid)


def _allocation(store: "Company", this: Side, allocation: Row) -> Iterator[Posting]:
    guid, date = allocation["AllocationID"], xero_json.day(allocation["Date"])
    invoice = side(store, "Invoices", store.look("Invoices", allocation["Invoice"]["InvoiceID"]))
    yield from this.settles(guid, "Allocations")
    yield from invoice.settles(guid, "Allocations")
    gain = this.sign * this.carried(guid) + invoice.sign * invoice.carried(guid)
    yield from _gain(store, this, date, gain, "Allocations", guid)


def _gain(store: "Company", this: Side, date: dt.date, amount: Decimal, source: str, guid: str) -> Iterator[Posting]:
    if amount:
        account = store.system_account("REALISEDCURRENCYGAIN")
        yield Posting(
            date, account, amount, source, guid, this.contact_id, currency=this.currency,
            document_id=this.document_id,
        )  # fmt: skip


def bank_transaction(store: "Company", row: Row) -> Iterator[Posting]:
    """Post money received or spent; an overpayment goes to the control account, not to its line."""
    if row["Status"] != "AUTHORISED":
        return
    guid, date, received = (
        row["BankTransactionID"],
        xero_json.day(row["Date"]),
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
    for line in _lines(store, "BankTransactions", row, guid, -sign, total, currency):
        yield line._replace(basis=BOTH)


def bank_transfer(store: "Company", row: Row) -> Iterator[Posting]:
    """Post a transfer between two bank accounts of the organisation."""
    if row.get("Status") == "DELETED":
        return
    guid, date = row["BankTransferID"], xero_json.day(row["Date"])
    base = to_base(row["Amount"], row.get("CurrencyRate") or _ONE)
    currency = store.account_currency(row["FromBankAccount"]["AccountID"])
    abroad = currency if currency != store.currency else None
    for name, sign in (("FromBankAccount", -1), ("ToBankAccount", 1)):
        yield Posting(
            date, row[name]["AccountID"], sign * base, "BankTransfers", guid, document_id=guid,
            foreign=sign * row["Amount"] if abroad else None, currency=abroad,
            description=row.get("Reference", ""),
        )  # fmt: skip


def journal(store: "Company", row: Row) -> Iterator[Posting]:
    """Post a manual journal: lines with their sign, tax on its own account."""
    if row["Status"] != "POSTED":
        return
    guid, date = row["ManualJournalID"], xero_json.day(row["Date"])
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


def conversion(store: "Company") -> Iterator[Posting]:
    """Post what the seeded books began with; it nets to zero."""
    for code, amount in store.opening:
        yield Posting(store.opened, store.account_id(code), amount, "ConversionBalances", "")


RULES: dict[str, Callable[["Company", Row], Iterator[Posting]]] = {
    **{name: partial(document, entity=name) for name in ("Invoices", "CreditNotes", "Prepayments", "Overpayments")},
    "BankTransactions": bank_transaction,
    "BankTransfers": bank_transfer,
    "ManualJournals": journal,
}

_SETTLED = (("Invoice", "Invoices", "InvoiceID"), ("CreditNote", "CreditNotes", "CreditNoteID"),
            ("Prepayment", "Prepayments", "PrepaymentID"),
            ("Overpayment", "Overpayments", "OverpaymentID"))  # fmt: skip


def also_changed(store: "Company", entity: str, guid: str, slot: int, *, first: bool) -> dict[tuple[str, str], None]:
    """Return the documents to post anew because a row changed."""
    if first or entity not in {"Invoices", "Payments"}:
        return {(entity, guid): None}
    if store.table(entity).find(guid) is None:
        return {(entity, guid): None} if entity == "Invoices" else {}
    row = store.table(entity).peek(slot)
    if entity == "Payments":
        return {(name, row[key][id_field]): None for key, name, id_field in _SETTLED if key in row}
    changed: dict[tuple[str, str], None] = {(entity, guid): None}
    for name, id_field in CREDITS.items():
        changed |= {(name, credit[id_field]): None for credit in row.get(name, ())}
    return changed

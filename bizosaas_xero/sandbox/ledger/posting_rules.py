"""The postings of each kind of document.

An invoice posts its total to the control account (receivables or payables), its lines to their accounts and
its tax to the tax account. A payment or credit that settles it moves the control account by the book value of that
part; the difference to its value on that day is a realised currency gain.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.books import LedgerBooks
from bizosaas_xero.sandbox.ledger.posting import ACCRUAL, BOTH, ZERO, Posting
from bizosaas_xero.sandbox.ledger.settled_document import (
    CREDITS,
    ONE,
    SettledDocument,
    line_postings,
    read_document,
    to_base,
)

LIVE = {"AUTHORISED", "PAID"}


def document_postings(store: LedgerBooks, row: Row, entity: str) -> Iterator[Posting]:
    """Post an invoice or credit note, with its payments and allocations."""
    if row["Status"] not in LIVE:
        return
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
    amount, rate = payment["Amount"], payment.get("CurrencyRate") or ONE
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
    sign, rate = 1 if received else -1, row.get("CurrencyRate") or ONE
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
    for line in line_postings(store, "BankTransactions", row, guid, -sign, total, currency):
        yield line._replace(basis=BOTH)


def bank_transfer_postings(store: LedgerBooks, row: Row) -> Iterator[Posting]:
    """Post a transfer between two bank accounts of the organisation."""
    if row.get("Status") == "DELETED":
        return
    guid, date = row["BankTransferID"], xero_json.calendar_day(row["Date"])
    base = to_base(row["Amount"], row.get("CurrencyRate") or ONE)
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

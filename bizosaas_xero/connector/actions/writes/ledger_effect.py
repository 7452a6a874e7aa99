"""A write's postings to the ledger: which account is debited, which credited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from bizosaas_xero.connector.actions.books import Books, Row, account_name
from bizosaas_xero.connector.actions.invoices.lines import PricedLine, totals
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.writes.document_lookup import DocumentKind
from bizosaas_xero.connector.actions.writes.plan import ONE, ZERO

CONTROL_ACCOUNTS: dict[DocumentKind, str] = {"invoice": "DEBTORS", "bill": "CREDITORS"}


def posting(account: Row | None, amount: Decimal, currency: str, **more: Any) -> dict[str, Any]:
    """Return one line: a debit if the amount is positive, else a credit."""
    side = "debit" if amount >= 0 else "credit"
    return {
        "account": account_name(account),
        "account_id": account["AccountID"] if account else None,
        side: abs(amount),
        "currency": currency,
        **more,
    }


def invoice_postings(
    books: Books, priced: Sequence[PricedLine], control: str, sign: int, currency: str
) -> Iterator[dict[str, Any]]:
    """Yield the postings of a document when it is approved.

    Args:
        books: The organisation's books.
        priced: The document's lines.
        control: Xero's name of the control account: DEBTORS or CREDITORS.
        sign: 1 for an invoice, -1 for a credit note.
        currency: The document's.
    """
    net, tax = totals(priced)
    yield posting(books.system_account(control), sign * (net + tax), currency)
    by_account: dict[str, Decimal] = {}
    by_tax: dict[str, Decimal] = {}
    accounts, rates = {}, {}
    for line in priced:
        account_id = line.account["AccountID"].lower()
        accounts[account_id] = line.account
        by_account[account_id] = by_account.get(account_id, ZERO) - sign * line.net
        if line.rate and line.tax:
            tax_type = line.rate["TaxType"]
            rates[tax_type] = line.rate
            by_tax[tax_type] = by_tax.get(tax_type, ZERO) - sign * line.tax
    for account_id, amount in by_account.items():
        yield posting(accounts[account_id], amount, currency)
    for tax_type, amount in by_tax.items():
        yield _tax_posting(books, rates[tax_type], amount, currency)


def _tax_posting(books: Books, rate: Row, amount: Decimal, currency: str) -> dict[str, Any]:
    return posting(
        books.system_account("GST"), amount, currency, tax_type=rate["TaxType"], tax_rate=rate["EffectiveRate"]
    )


def transfer_postings(
    books: Books, amount: Decimal, debited: str, credited: str, currency: str
) -> Iterator[dict[str, Any]]:
    """Yield the postings of a transfer between two of Xero's system accounts."""
    yield posting(books.system_account(debited), amount, currency)
    yield posting(books.system_account(credited), -amount, currency)


def payment_postings(
    books: Books,
    kind: DocumentKind,
    invoice: Row,
    account: Row | None,
    amount: Decimal,
    rate: Decimal | None,
    surplus: Decimal = ZERO,
) -> Iterator[dict[str, Any]]:
    """Yield the postings of recording a payment, or with a negative amount of deleting it.

    Args:
        books: The organisation's books.
        kind: An invoice brings money in, a bill takes it out.
        invoice: The document before the payment.
        account: The account that the money is paid into or from.
        amount: In the invoice's currency.
        rate: The payment's; ``None``: the invoice is in base currency, or Xero takes the day's rate.
        surplus: The overpayment, in the same currency.
    """
    direction = 1 if kind == "invoice" else -1
    control = books.system_account(CONTROL_ACCOUNTS[kind])
    currency = str(invoice["CurrencyCode"])
    foreign = currency != books.base_currency
    if not foreign or rate is None:
        yield posting(account, direction * (amount + surplus), currency)
        yield posting(control, -direction * (amount + surplus), currency)
        if foreign:
            gains = books.system_account("REALISEDCURRENCYGAIN")
            yield {
                "account": account_name(gains),
                "account_id": gains["AccountID"] if gains else None,
                "computed_by_xero": "realised currency gain or loss, from the day's rate",
            }
        return
    banked = to_base_currency(amount, rate)
    carried = _carrying_amount(invoice, amount)
    banked_surplus, base = to_base_currency(surplus, rate), books.base_currency
    yield posting(account, direction * (banked + banked_surplus), base)
    yield posting(control, -direction * (carried + banked_surplus), base)
    if banked != carried:
        yield posting(books.system_account("REALISEDCURRENCYGAIN"), direction * (carried - banked), base)


def _carrying_amount(invoice: Row, amount: Decimal) -> Decimal:
    """Return the book value, in base currency, of the part of the invoice that is paid."""
    rate, due = invoice.get("CurrencyRate") or ONE, invoice["AmountDue"]
    return to_base_currency(due, rate) - to_base_currency(due - amount, rate)


def spending_postings(
    books: Books, account: Row, cost_account: Row, net: Decimal, tax: Decimal, rate: Row | None
) -> Iterator[dict[str, Any]]:
    """Yield the postings of money spent from a bank account.

    Args:
        books: The organisation's books.
        account: The bank account.
        cost_account: The account of the cost.
        net: The amount without tax.
        tax: The tax on it.
        rate: The tax rate's row.
    """
    currency = str(account.get("CurrencyCode") or books.base_currency)
    yield posting(cost_account, net, currency)
    if tax and rate:
        yield _tax_posting(books, rate, tax, currency)
    yield posting(account, -(net + tax), currency)

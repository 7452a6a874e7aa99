"""What the books gain: which account is debited, which credited."""

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
    """Yield what a document posts when it is approved.

    Args:
        books: Whose accounts.
        priced: The lines.
        control: Xero's word for the control account: DEBTORS or CREDITORS.
        sign: 1 for an invoice, -1 for a credit note.
        currency: Of the document.
    """
    net, tax = totals(priced)
    yield posting(books.system_account(control), sign * (net + tax), currency)
    by_account: dict[str, Decimal] = {}
    by_tax: dict[str, Decimal] = {}
    accounts, rates = {}, {}
    for each in priced:
        guid = each.account["AccountID"].lower()
        accounts[guid] = each.account
        by_account[guid] = by_account.get(guid, ZERO) - sign * each.net
        if each.rate and each.tax:
            code = each.rate["TaxType"]
            rates[code] = each.rate
            by_tax[code] = by_tax.get(code, ZERO) - sign * each.tax
    for guid, amount in by_account.items():
        yield posting(accounts[guid], amount, currency)
    for code, amount in by_tax.items():
        shown = {"tax_type": code, "tax_rate": rates[code]["EffectiveRate"]}
        yield posting(books.system_account("GST"), amount, currency, **shown)


def transfer_postings(
    books: Books, amount: Decimal, debited: str, credited: str, currency: str
) -> Iterator[dict[str, Any]]:
    """Yield an amount that goes from one of Xero's own accounts to another."""
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
    """Yield what recording a payment posts; what deleting it posts, if the amount is negative.

    Args:
        books: Whose accounts.
        kind: An invoice brings money in, a bill takes it out.
        invoice: As it is before.
        account: Where the money goes or comes from.
        amount: In the invoice's currency.
        rate: Of the payment; ``None``: the invoice is in base currency, or Xero takes the day's rate.
        surplus: Kept as an overpayment, in the same currency.
    """
    way = 1 if kind == "invoice" else -1
    control = books.system_account(CONTROL_ACCOUNTS[kind])
    currency = str(invoice["CurrencyCode"])
    foreign = currency != books.base_currency
    if not foreign or rate is None:
        yield posting(account, way * (amount + surplus), currency)
        yield posting(control, -way * (amount + surplus), currency)
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
    more, base = to_base_currency(surplus, rate), books.base_currency
    yield posting(account, way * (banked + more), base)
    yield posting(control, -way * (carried + more), base)
    if banked != carried:
        yield posting(books.system_account("REALISEDCURRENCYGAIN"), way * (carried - banked), base)


def _carrying_amount(invoice: Row, amount: Decimal) -> Decimal:
    """Return what the books hold, in base currency, for the part of the invoice that is settled."""
    rate, due = invoice.get("CurrencyRate") or ONE, invoice["AmountDue"]
    return to_base_currency(due, rate) - to_base_currency(due - amount, rate)


def spending_postings(
    books: Books, account: Row, on: Row, net: Decimal, tax: Decimal, rate: Row | None
) -> Iterator[dict[str, Any]]:
    """Yield what money spent from a bank account posts.

    Args:
        books: Whose accounts.
        account: The bank account.
        on: What it was spent on: the account of the cost.
        net: Without tax.
        tax: Of it.
        rate: The tax rate's row.
    """
    currency = str(account.get("CurrencyCode") or books.base_currency)
    yield posting(on, net, currency)
    if tax and rate:
        shown = {"tax_type": rate["TaxType"], "tax_rate": rate["EffectiveRate"]}
        yield posting(books.system_account("GST"), tax, currency, **shown)
    yield posting(account, -(net + tax), currency)

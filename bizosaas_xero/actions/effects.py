"""What the books gain from money that moves: which account is debited, which credited."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from bizosaas_xero.actions.ageing import in_base
from bizosaas_xero.actions.books import Books, Row
from bizosaas_xero.actions.documents import Kind
from bizosaas_xero.actions.writing import ONE, ZERO

CONTROLS: dict[Kind, str] = {"invoice": "DEBTORS", "bill": "CREDITORS"}


def account_name(account: Row | None) -> str:
    """Return code and name of an account, or what stands for one that Xero does not list."""
    if account is None:
        return "Xero's own account"
    return f"{account.get('Code') or ''} {account.get('Name')}".strip()


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


def settled(
    books: Books,
    kind: Kind,
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
    control = books.system_account(CONTROLS[kind])
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
    banked = in_base(amount, rate)
    carried = _carried(invoice, amount)
    more, base = in_base(surplus, rate), books.base_currency
    yield posting(account, way * (banked + more), base)
    yield posting(control, -way * (carried + more), base)
    if banked != carried:
        yield posting(books.system_account("REALISEDCURRENCYGAIN"), way * (carried - banked), base)


def _carried(invoice: Row, amount: Decimal) -> Decimal:
    """Return what the books hold, in base currency, for the part of the invoice that is settled."""
    rate, due = invoice.get("CurrencyRate") or ONE, invoice["AmountDue"]
    return in_base(due, rate) - in_base(due - amount, rate)


def spent(
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

"""A write's postings to the ledger: which account is debited, which credited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from bizosaas_xero.connector.actions.books import Books, Row, account_name
from bizosaas_xero.connector.actions.invoices.lines import PricedLine, totals
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.writes.document_lookup import DocumentKind
from bizosaas_xero.connector.actions.writes.plan import ONE, ZERO

CONTROL_ACCOUNTS: dict[DocumentKind, str] = {"invoice": "DEBTORS", "bill": "CREDITORS"}


def posting(
    account: Row | None, amount: Decimal, currency: str, base: Decimal | None = None, **more: Any
) -> dict[str, Any]:
    """Return one line: a debit if the amount is positive, else a credit; ``base`` is the amount in base currency."""
    side = "debit" if amount >= 0 else "credit"
    if base is not None:
        more["base_amount"] = base if amount >= 0 else -base
    return {
        "account": account_name(account),
        "account_id": account["AccountID"] if account else None,
        side: abs(amount),
        "currency": currency,
        **more,
    }


def computed_by_xero(account: Row | None, what: str) -> dict[str, Any]:
    """Return a line whose amount only Xero can know."""
    return {
        "account": account_name(account),
        "account_id": account["AccountID"] if account else None,
        "computed_by_xero": what,
    }


def line_postings(
    books: Books,
    priced: Sequence[PricedLine],
    control: Row | None,
    sign: int,
    currency: str,
    *,
    rate: Decimal | None = None,
    total: Decimal | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the postings of a document when it is approved, or of money spent.

    With a known rate, a posting in a foreign currency has its ``base_amount``: each line and each tax type is
    converted and rounded by itself, and what they differ from the converted total goes to the rounding account.

    Args:
        books: The organisation's books.
        priced: The document's lines.
        control: The account of its total: receivables, payables, or the bank account.
        sign: 1 for an invoice, -1 for a credit note, a bill, or money spent.
        currency: The document's.
        rate: The document's; ``None``: Xero takes the day's rate.
        total: The document's, if it is not the sum of its lines: a person may have corrected it by a few cents.
    """
    convert = partial(to_base_currency, rate=rate) if rate and currency != books.base_currency else None
    net, tax = totals(priced)
    rounding = ZERO if total is None else total - net - tax
    lines_of: dict[tuple[str, str], list[PricedLine]] = {}
    for line in priced:
        lines_of.setdefault(("", line.account["AccountID"].lower()), []).append(line)
    for line in priced:
        if line.rate and line.tax:
            lines_of.setdefault((line.rate["TaxType"], ""), []).append(line)

    base_rest = convert(net + tax + rounding) if convert else None
    yield posting(control, sign * (net + tax + rounding), currency, _times(sign, base_rest))
    for (tax_type, _), lines in lines_of.items():
        first, base = lines[0], None
        amount = sum((line.tax if tax_type else line.net for line in lines), ZERO)
        if convert and base_rest is not None:
            base = convert(amount) if tax_type else sum((convert(line.net) for line in lines), ZERO)
            base_rest -= base
        account = books.system_account("GST") if tax_type else first.account
        more = _tax_fields(first.rate) if tax_type and first.rate else {}
        yield posting(account, -sign * amount, currency, _times(-sign, base), **more)
    if rounding:
        yield posting(books.system_account("ROUNDING"), -sign * rounding, currency, _times(-sign, base_rest))
    elif base_rest:
        yield posting(books.system_account("ROUNDING"), -sign * base_rest, books.base_currency)
    elif currency != books.base_currency and not convert:
        yield computed_by_xero(books.system_account("ROUNDING"), "cents of rounding into base currency, if any")


def _times(sign: int, amount: Decimal | None) -> Decimal | None:
    return None if amount is None else sign * amount


def _tax_fields(rate: Row) -> dict[str, Any]:
    return {"tax_type": rate["TaxType"], "tax_rate": rate["EffectiveRate"]}


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
            yield computed_by_xero(gains, "realised currency gain or loss, from the day's rate")
        return
    banked = to_base_currency(amount, rate)
    carried = _carrying_amount(invoice, invoice["AmountDue"], amount)
    banked_surplus, base = to_base_currency(surplus, rate), books.base_currency
    yield posting(account, direction * (banked + banked_surplus), base)
    yield posting(control, -direction * (carried + banked_surplus), base)
    if banked != carried:
        yield posting(books.system_account("REALISEDCURRENCYGAIN"), direction * (carried - banked), base)


def allocation_postings(books: Books, invoice: Row, credit: Decimal, amount: Decimal) -> Iterator[dict[str, Any]]:
    """Yield what applying a new credit note to an invoice of the same rate posts: at most cents of rounding.

    Args:
        books: The organisation's books.
        invoice: The invoice before it.
        credit: The total of the credit note.
        amount: How much of it is applied.
    """
    difference = _carrying_amount(invoice, invoice["AmountDue"], amount) - _carrying_amount(invoice, credit, amount)
    if difference:
        base = books.base_currency
        yield posting(books.system_account("DEBTORS"), -difference, base)
        yield posting(books.system_account("REALISEDCURRENCYGAIN"), difference, base)


def _carrying_amount(document: Row, open_amount: Decimal, amount: Decimal) -> Decimal:
    """Return the book value, in base currency, of the part that is settled of what is open of a document."""
    rate = document.get("CurrencyRate") or ONE
    return to_base_currency(open_amount, rate) - to_base_currency(open_amount - amount, rate)

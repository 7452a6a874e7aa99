"""Citations: names of figures in results, and reading such a figure from Xero again.

======================================================= =====================================================
``invoice:ID.FIELD``                                     total, subtotal, tax, amount_due, amount_paid,
                                                         amount_credited of an invoice or bill (id or number)
``contact:ID.owes``                                      what a contact owes
``pnl:FROM..TO:BASIS:WHAT``                              an account's id, a section's name, gross_profit,
                                                         net_profit or currency_gains
``balance_sheet:DATE:BASIS:WHAT``                        an account's id, assets, liabilities, equity,
                                                         net_assets or current_year_earnings
``aged_receivables:DATE:WHO:WHAT``, ``aged_payables:…``  WHO a contact's id or ``all``; total; for ``all`` also
                                                         overdue, documents, contacts, overdue_documents
======================================================= =====================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, cast

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Books
from bizosaas_xero.connector.actions.filters import parse_guid
from bizosaas_xero.connector.actions.reports import generate_pnl_report, get_aged, get_balance_sheet
from bizosaas_xero.connector.actions.reports.aged_models import AgedParams, AgedResult
from bizosaas_xero.connector.actions.reports.days import FIRST_DAY, LAST_DAY
from bizosaas_xero.connector.actions.reports.documents import PAYABLES, RECEIVABLES
from bizosaas_xero.connector.actions.reports.pnl_models import PnlParams, PnlResult
from bizosaas_xero.connector.actions.writes.document_lookup import resolve_document
from bizosaas_xero.spec.errors import Invalid

Basis = Literal["accrual", "cash"]

INVOICE_FIELDS = {
    "total": "Total",
    "subtotal": "SubTotal",
    "tax": "TotalTax",
    "amount_due": "AmountDue",
    "amount_paid": "AmountPaid",
    "amount_credited": "AmountCredited",
}
AGED_FIGURES = ("total", "overdue", "documents", "contacts", "overdue_documents")
FORMS = (
    "invoice:ID.FIELD, contact:ID.owes, pnl:FROM..TO:BASIS:WHAT, balance_sheet:DATE:BASIS:WHAT, "
    "aged_receivables:DATE:WHO:WHAT or aged_payables:DATE:WHO:WHAT"
)
_SAFE = re.compile(r"[^/?#%\\\s]+")
_ZERO = Decimal(0)


@dataclass(frozen=True)
class Cited:
    """The figure that a citation names, read now. A count has no currency."""

    amount: Decimal
    currency: str | None


class Reader:
    """Reads cited figures; each source is read once.

    Args:
        books: The organisation's books.
    """

    def __init__(self, books: Books) -> None:
        self._books = books
        self._cache: dict[tuple[str, ...], Any] = {}

    def read(self, ref: str) -> Cited:
        """Return the figure that a citation names.

        Raises:
            Invalid: The citation has an unknown form.
            NotFound: The figure does not exist.
        """
        kind, _, rest = ref.partition(":")
        readers: dict[str, Callable[[str], Cited]] = {
            "invoice": self._invoice,
            "contact": self._contact,
            "pnl": self._pnl,
            "balance_sheet": self._balance_sheet,
            "aged_receivables": lambda rest: self._aged(kind, rest),
            "aged_payables": lambda rest: self._aged(kind, rest),
        }
        if kind not in readers:
            raise _unknown_citation(f"{kind!r} is not a source of citations.")
        return readers[kind](rest)

    def _read_once(self, *key: str, read: Callable[[], Any]) -> Any:
        if key not in self._cache:
            self._cache[key] = read()
        return self._cache[key]

    def _invoice(self, rest: str) -> Cited:
        key, _, field = rest.rpartition(".")
        if field not in INVOICE_FIELDS or not _SAFE.fullmatch(key):
            raise _unknown_citation(
                f"An invoice's figure is invoice:ID.FIELD with one of: {', '.join(INVOICE_FIELDS)}."
            )
        row = resolve_document(self._books, key, field="ref")
        return Cited(row.get(INVOICE_FIELDS[field]) or _ZERO, str(row.get("CurrencyCode")))

    def _contact(self, rest: str) -> Cited:
        key, _, field = rest.rpartition(".")
        if field != "owes":
            raise _unknown_citation("A contact's figure is contact:ID.owes.")
        row = self._books.get("Contacts", parse_guid(key, "ref"), "Contact")
        balances = (row.get("Balances") or {}).get("AccountsReceivable") or {}
        return Cited(balances.get("Outstanding") or _ZERO, self._books.base_currency)

    def _pnl(self, rest: str) -> Cited:
        period, basis, what = _split_parts(rest, "pnl:FROM..TO:BASIS:WHAT")
        first, dots, last = period.partition("..")
        if not dots:
            raise _unknown_citation("A period is FROM..TO.")
        params = PnlParams.model_construct(
            from_date=_parse_day(first),
            to_date=_parse_day(last),
            basis=_parse_basis(basis),
            tracking=None,
            formats=[],
        )
        if params.from_date > params.to_date:
            raise _unknown_citation("A period does not end before it begins.")
        report: PnlResult = self._read_once(
            "pnl", period, basis, read=lambda: generate_pnl_report.run(self._books, params)
        )
        totals = {section.name: section.total for section in report.sections}
        totals |= {"gross_profit": report.gross_profit, "net_profit": report.net_profit}
        totals |= {} if report.currency_gains is None else {"currency_gains": report.currency_gains}
        rows = {each.account_id.lower(): each.amount for section in report.sections for each in section.accounts}
        return self._figure(what, totals, rows, report.currency)

    def _balance_sheet(self, rest: str) -> Cited:
        day, basis, what = _split_parts(rest, "balance_sheet:DATE:BASIS:WHAT")
        params = get_balance_sheet.BalanceSheetParams.model_construct(
            on_date=_parse_day(day), basis=_parse_basis(basis), compare=False
        )
        report: get_balance_sheet.BalanceSheetResult = self._read_once(
            "balance_sheet", day, basis, read=lambda: get_balance_sheet.run(self._books, params)
        )
        sheet = report.sheets[0]
        if sheet.as_of != _parse_day(day):
            raise reasons.UNKNOWN_FIGURE(f"Xero's balance sheet of {day} is of {sheet.as_of}.")
        totals = {"assets": sheet.assets.total, "liabilities": sheet.liabilities.total}
        totals |= {"equity": sheet.equity.total, "net_assets": sheet.net_assets}
        totals |= {"current_year_earnings": sheet.current_year_earnings}
        rows = {
            each.account_id.lower(): each.amount
            for part in (sheet.assets, sheet.liabilities, sheet.equity)
            for each in part.accounts
            if each.account_id
        }
        return self._figure(what, totals, rows, report.currency)

    def _figure(self, what: str, totals: dict[str, Decimal], rows: dict[str, Decimal], currency: str) -> Cited:
        if what in totals:
            return Cited(totals[what], currency)
        key = what.lower()
        if key not in self._books.accounts:
            raise reasons.UNKNOWN_FIGURE(f"{what!r} is neither an account's id nor one of: {', '.join(totals)}.")
        return Cited(rows.get(key, _ZERO), currency)  # reports leave out accounts without a figure

    def _aged(self, kind: str, rest: str) -> Cited:
        day, who, what = _split_parts(rest, f"{kind}:DATE:WHO:WHAT")
        side = RECEIVABLES if kind == "aged_receivables" else PAYABLES
        contact = None if who == "all" else parse_guid(who, "ref")
        if what not in (AGED_FIGURES if contact is None else {"total"}):
            named = ", ".join(f"all:{name}" for name in AGED_FIGURES)
            raise _unknown_citation(f"{kind} has the figures {named} and CONTACT_ID:total.")
        params = AgedParams(as_of=_parse_day(day), contact_limit=500, overdue_limit=0)
        report: AgedResult = self._read_once(kind, day, read=lambda: get_aged.run(self._books, params, side))
        if contact is None:
            amounts = {"total": report.total, "overdue": report.overdue.base}
            if what in amounts:
                return Cited(amounts[what], report.currency)
            counts = {
                "documents": sum(row.documents for row in report.by_currency),
                "contacts": len(report.contacts) + report.others.contacts,
                "overdue_documents": report.overdue.documents,
            }
            return Cited(Decimal(counts[what]), None)
        totals = {each.contact_id.lower(): each.total for each in report.contacts}
        if contact in totals:
            return Cited(totals[contact], report.currency)
        if not report.others.contacts:
            self._books.get("Contacts", contact, "Contact")  # an unknown id must not be reported as owing 0
            return Cited(_ZERO, report.currency)
        of_contact = params.model_copy(update={"contact_id": contact})
        single: AgedResult = self._read_once(
            kind, day, contact, read=lambda: get_aged.run(self._books, of_contact, side)
        )
        return Cited(single.total, single.currency)


def _split_parts(rest: str, form: str) -> tuple[str, str, str]:
    parts = rest.split(":")
    if len(parts) != 3:  # noqa: PLR2004 (as its form says)
        raise _unknown_citation(f"Its form is {form}.")
    return parts[0], parts[1], parts[2]


def _parse_day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise _unknown_citation(f"{text!r} is not a date of the form YYYY-MM-DD.") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise _unknown_citation(f"{text} is not from {FIRST_DAY} to {LAST_DAY}.")
    return day


def _parse_basis(text: str) -> Basis:
    if text not in {"accrual", "cash"}:
        raise _unknown_citation(f"{text!r} is not a basis; use accrual or cash.")
    return cast("Basis", text)


def _unknown_citation(message: str) -> Invalid:
    return reasons.UNKNOWN_CITATION(message, forms=FORMS)

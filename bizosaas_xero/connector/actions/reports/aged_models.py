"""Parameters and results of get_aged_receivables and get_aged_payables."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from bizosaas_xero.connector.actions.models import Money, Params, Result
from bizosaas_xero.connector.actions.reports import aged_tie_out, ageing
from bizosaas_xero.connector.actions.reports.days import ReportDay
from bizosaas_xero.connector.actions.unreadable import Unreadable


class AgedParams(Params):
    """Which day, and which buckets."""

    as_of: ReportDay | None = Field(
        None, description="The day, as YYYY-MM-DD; by default today in the organisation's time zone."
    )
    contact_id: str | None = Field(None, description="Only this contact. Its report of Xero is compared too.")
    age_by: ageing.AgeBy = Field(
        "due_date", description="`due_date` tells how late something is, `invoice_date` how old."
    )
    bucket_unit: ageing.StepUnit = Field(
        "days",
        description="`days`: steps of `bucket_days`. `months`: calendar months. `xero`: the columns of Xero's own aged "
        "reports (current, < 1 month, 1, 2, 3 months, older).",
    )
    bucket_days: int = Field(30, ge=1, le=366, description="The length of a step, for `days`.")
    bucket_count: int = Field(3, ge=1, le=24, description="How many steps before the last, open one.")
    contact_limit: int = Field(
        20, ge=1, le=500, description="How many contacts are listed, largest first; the others are summed."
    )
    overdue_limit: int = Field(
        20, ge=0, le=500, description="How many overdue documents are listed, the longest overdue first."
    )
    bridge: bool = Field(False, description="Compare each listed contact with Xero's own report, at one call each.")
    formats: list[Literal["markdown", "csv"]] = Field(
        default_factory=list, description="Also give the result as text for a person: table or file."
    )


class BucketTotal(Result):
    """One bucket; its dates limit the deciding date, `null` means no limit."""

    label: str
    from_date: date | None
    to_date: date | None
    amount: Money


class CurrencyTotal(Result):
    """The open documents of one currency."""

    currency: str
    documents: int
    amount: Money = Field(description="In that currency.")
    base: Money = Field(description="In base currency, each document at its own rate.")


class ContactTotal(Result):
    """One contact, in base currency; `buckets` are in the order of the result's."""

    contact_id: str
    contact: str
    total: Money
    buckets: list[Money]
    currencies: dict[str, Money] = Field(description="The total by currency of the documents.")
    link: str | None


class Others(Result):
    """The contacts that are not listed."""

    contacts: int
    total: Money
    buckets: list[Money]


class OverdueItem(Result):
    """One invoice or bill that is late."""

    invoice_id: str
    number: str | None
    contact_id: str
    contact: str
    invoice_date: date
    due_date: date
    days: int = Field(description="Since it was due.")
    currency: str
    amount_due: Money = Field(description="In the document's currency.")
    base: Money
    link: str | None


class Overdue(Result):
    """All overdue documents, and the longest overdue one by one. Credits are not deducted."""

    documents: int
    base: Money
    listed: list[OverdueItem]


class Prepaid(Result):
    """Prepayments that are not used up: in no total of this result, and not on the control account."""

    documents: int
    base: Money
    currencies: dict[str, Money]


class AgedResult(Result):
    """The open documents of a day by age, contact and currency, and the comparison with Xero's own figures."""

    organisation: str
    kind: Literal["receivables", "payables"]
    currency: str = Field(description="The base currency, in which amounts are unless said otherwise.")
    as_of: date
    ref: str = Field(description="Cite as [REF:CONTACT_ID:total], [REF:all:total] or [REF:all:overdue].")
    as_books_stand_now: bool = Field(
        description="A past day, computed from the books of today; say so with the figures."
    )
    counted: str = Field(description="What is counted and what is excluded; say it with the figures.")
    age_by: ageing.AgeBy
    total: Money
    buckets: list[BucketTotal]
    by_currency: list[CurrencyTotal]
    contacts: list[ContactTotal]
    others: Others
    overdue: Overdue
    prepayments: Prepaid
    unreadable: Unreadable = Field(description="Documents that are in no total, because they cannot be read.")
    tie_out: bool | None = Field(
        description="Whether Xero's own figures are reached to the cent; `null` if they were not compared or it cannot "
        "be known. The parts are in `bridge`."
    )
    not_tied_because: str | None = Field(description="Why `tie_out` is not true.")
    bridge: aged_tie_out.Bridge
    texts: dict[str, str] = Field(default_factory=dict, description="By format, as asked for.")

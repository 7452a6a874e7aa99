"""get_aged_receivables and get_aged_payables: who owes what, how old it is, and how it ties to the books."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Literal

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.models import Money, Params, Result
from bizosaas_xero.connector.actions.reports import aged_formats, aged_tie_out, ageing, open_items
from bizosaas_xero.connector.actions.reports.ageing import ZERO
from bizosaas_xero.connector.actions.reports.open_items import PAYABLES, RECEIVABLES, Item, Side
from bizosaas_xero.spec.errors import Invalid

COUNTED = (
    "Counted are approved documents only, less credit notes and overpayments that are not used up. Draft, "
    "submitted and voided documents are excluded. Prepayments are shown apart and are in no total."
)
AS_BOOKS_STAND = (
    "This is {day} as the books stand now: payments and allocations dated later are undone, but what was "
    "voided, deleted or edited since shows as it is today."
)


class AgedParams(Params):
    """Which day, and how it is divided."""

    as_of: date | None = Field(
        None, description="The day, as YYYY-MM-DD; by default today in the organisation's time zone."
    )
    contact_id: str | None = Field(None, description="Only this contact. Its report of Xero is compared too.")
    age_by: ageing.AgeBy = Field(
        "due_date", description="`due_date` tells how late something is, `invoice_date` how old."
    )
    bucket_unit: ageing.StepUnit = Field(
        "days", description="`days`: steps of `bucket_days`. `months`: calendar months."
    )
    bucket_days: int = Field(30, ge=1, le=366, description="The length of a step, for `days`.")
    bucket_count: int = Field(3, ge=1, le=24, description="How many steps before the last, open one.")
    contact_limit: int = Field(
        20, ge=1, le=500, description="How many contacts are listed, largest first; the others are summed."
    )
    overdue_limit: int = Field(20, ge=0, le=500, description="How many overdue documents, latest first.")
    bridge: bool = Field(False, description="Compare each listed contact with Xero's own report, at one call each.")
    formats: list[Literal["markdown", "csv"]] = Field(
        default_factory=list, description="Also give the result as text for a person: table or file."
    )


class BucketTotal(Result):
    """One bucket; its dates are those of the deciding date, `null` is no end."""

    label: str
    from_date: date | None
    to_date: date | None
    amount: Money


class CurrencyTotal(Result):
    """What is open in one currency of documents."""

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
    """All that is late, and the latest of it one by one. Credits are not taken off."""

    documents: int
    base: Money
    listed: list[OverdueItem]


class Prepaid(Result):
    """Prepayments that are not used up: in no total here, and not on the control account."""

    documents: int
    base: Money
    currencies: dict[str, Money]


class AgedResult(Result):
    """What is open on a day, by age, contact and currency; and the bridge to Xero's own figures."""

    organisation: str
    kind: Literal["receivables", "payables"]
    currency: str = Field(description="The base currency, in which amounts are unless said otherwise.")
    as_of: date
    ref: str = Field(description="Cite as [REF:CONTACT_ID:total], [REF:all:total] or [REF:all:overdue].")
    as_books_stand_now: bool = Field(description="A past day, worked out from today's books; say so with the figures.")
    counted: str = Field(description="What is counted and what is excluded; say it with the figures.")
    age_by: ageing.AgeBy
    total: Money
    buckets: list[BucketTotal]
    by_currency: list[CurrencyTotal]
    contacts: list[ContactTotal]
    others: Others
    overdue: Overdue
    prepayments: Prepaid
    bridge: aged_tie_out.Bridge
    texts: dict[str, str] = Field(default_factory=dict, description="By format, as asked for.")


def run(books: Books, params: AgedParams, side: Side) -> AgedResult:
    """Read what is open, divide it by age, and compare it with Xero's own figures."""
    as_of = params.as_of or books.today
    if as_of > books.today:
        complaint = f"must not be after {books.today}, which is today for the organisation"
        raise Invalid(f"params.as_of {complaint}.", problems=[{"field": "params.as_of", "message": complaint}])
    only = open_items.contact_of(params.contact_id)
    every = open_items.read(books, side, as_of, only)
    items = [item for item in every if item.kind != "prepayment"]
    steps = ageing.buckets(as_of, params.age_by, params.bucket_unit, params.bucket_days, params.bucket_count)
    spread = partial(_spread, steps, params.age_by)
    ranked = _ranked(items)
    listed, rest = ranked[: params.contact_limit], ranked[params.contact_limit :]
    left_over = [item for _, theirs in rest for item in theirs]
    past = as_of < books.today
    result = AgedResult(
        organisation=str(books.organisation.get("Name")),
        kind="receivables" if side is RECEIVABLES else "payables",
        currency=books.base_currency,
        as_of=as_of,
        ref=f"aged_{'receivables' if side is RECEIVABLES else 'payables'}:{as_of}",
        as_books_stand_now=past,
        counted=f"{COUNTED} {AS_BOOKS_STAND.format(day=as_of)}" if past else COUNTED,
        age_by=params.age_by,
        total=_total(items),
        buckets=[
            BucketTotal(label=step.label, from_date=step.first, to_date=step.last, amount=amount)
            for step, amount in zip(steps, spread(items), strict=True)
        ],
        by_currency=_by_currency(items),
        contacts=[
            ContactTotal(
                contact_id=key,
                contact=theirs[0].contact,
                total=_total(theirs),
                buckets=spread(theirs),
                currencies=_currencies(theirs),
                link=books.link("contact", key),
            )
            for key, theirs in listed
        ],
        others=Others(contacts=len(rest), total=_total(left_over), buckets=spread(left_over)),
        overdue=_overdue(books, side, items, as_of, params.overdue_limit),
        prepayments=_prepaid(every),
        bridge=aged_tie_out.build(
            books,
            side,
            as_of,
            every,
            [only] if only else _compared(every, ranked, params),
            whole=only is None,
        ),
    )
    result.texts = {name: aged_formats.FORMATS[name](result) for name in params.formats}
    return result


def _total(items: Iterable[Item]) -> Decimal:
    return sum((item.base for item in items), ZERO)


def _spread(steps: list[ageing.Bucket], age_by: ageing.AgeBy, items: Iterable[Item]) -> list[Decimal]:
    """Return the total of each bucket; what has no due date, as most credits, goes by its own date."""
    found = [ZERO] * len(steps)
    for item in items:
        decides = (item.due if age_by == "due_date" else None) or item.dated
        found[ageing.place(steps, decides)] += item.base
    return found


def _ranked(items: Iterable[Item]) -> list[tuple[str, list[Item]]]:
    """Return the items of each contact, the contact with the largest total first."""
    found: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        found[item.contact_id].append(item)
    return sorted(found.items(), key=lambda each: (-_total(each[1]), each[1][0].contact, each[0]))


def _compared(every: Iterable[Item], ranked: Iterable[tuple[str, list[Item]]], params: AgedParams) -> list[str]:
    """Return whose reports to read: the listed contacts, then those who have only prepaid."""
    if not params.bridge:
        return []
    keys = dict.fromkeys([key for key, _ in ranked] + [item.contact_id for item in every])
    return list(keys)[: params.contact_limit]


def _currencies(items: Iterable[Item]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for item in items:
        found[item.currency] += item.left
    return dict(sorted(found.items()))


def _by_currency(items: Sequence[Item]) -> list[CurrencyTotal]:
    found = []
    for currency, amount in _currencies(items).items():
        theirs = [item for item in items if item.currency == currency]
        found.append(CurrencyTotal(currency=currency, documents=len(theirs), amount=amount, base=_total(theirs)))
    return found


def _overdue(books: Books, side: Side, items: Iterable[Item], as_of: date, limit: int) -> Overdue:
    late = [
        (ageing.days_late(as_of, item.due), item.due, item)
        for item in items
        if item.kind == "invoice" and item.due and item.due < as_of
    ]
    late.sort(key=lambda each: (-each[0], -each[2].base, each[2].id))
    return Overdue(
        documents=len(late),
        base=_total(item for _, _, item in late),
        listed=[
            OverdueItem(
                invoice_id=item.id,
                number=item.number,
                contact_id=item.contact_id,
                contact=item.contact,
                invoice_date=item.dated,
                due_date=due,
                days=days,
                currency=item.currency,
                amount_due=item.left,
                base=item.base,
                link=books.link(side.link, item.id),
            )
            for days, due, item in late[:limit]
        ],
    )


def _prepaid(items: Iterable[Item]) -> Prepaid:
    found = [item for item in items if item.kind == "prepayment"]
    return Prepaid(documents=len(found), base=_total(found), currencies=_currencies(found))


def _row(side: Side, name: str, title: str, opening: str) -> ReadAction:
    return ReadAction(
        name=name,
        title=title,
        description=(
            f"{opening} Whole organisation or one contact, today or on a past day, in base and document "
            "currency, checked against the control account. Not for single documents, nor for "
            "profit. Reads only. Costs 8 calls up to 1,000 open documents, one more for each further "
            "1,000; with `bridge` one more a contact. Say what was excluded (`counted`); if `bridge.ties` is "
            "not true, say why."
        ),
        params=AgedParams,
        result=AgedResult,
        run=partial(run, side=side),
    )


ACTIONS = (
    _row(
        RECEIVABLES,
        "get_aged_receivables",
        "Get Aged Receivables",
        "Who owes the organisation how much, and how late. Use it for open invoices, debtors and dunning.",
    ),
    _row(
        PAYABLES,
        "get_aged_payables",
        "Get Aged Payables",
        "What the organisation owes its suppliers, and how late. Use it for open bills and payment runs.",
    ),
)

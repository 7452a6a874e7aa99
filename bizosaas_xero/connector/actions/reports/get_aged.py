"""get_aged_receivables and get_aged_payables: open amounts by contact and age, tied to the control account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import ClassVar

from bizosaas_xero.connector.actions.books import Books
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.reports import aged_formats, aged_tie_out, ageing, open_items
from bizosaas_xero.connector.actions.reports.aged_models import (
    AgedParams,
    AgedResult,
    BucketTotal,
    ContactTotal,
    CurrencyTotal,
    Others,
    Overdue,
    OverdueItem,
    Prepaid,
)
from bizosaas_xero.connector.actions.reports.ageing import ZERO
from bizosaas_xero.connector.actions.reports.documents import PAYABLES, RECEIVABLES, Item, Side
from bizosaas_xero.connector.actions.unreadable import describe_unreadable, list_unreadable
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.spec.errors import SUBJECT, Invalid

COUNTED = (
    "Counted are approved documents only, less credit notes and overpayments that are not used up. Draft, "
    "submitted and voided documents are excluded. Prepayments are shown apart and are in no total."
)
RECONSTRUCTED = (
    "These are the balances of {day} by the books of today: later payments and allocations are undone, but "
    "documents that were voided, deleted or edited since are shown as they are today."
)


def run(books: Books, params: AgedParams, side: Side) -> AgedResult:
    """Read the open documents, group them by age, and compare them with Xero's own figures."""
    as_of = params.as_of or books.today
    if as_of > books.today:
        complaint = f"must not be after {books.today}, which is today for the organisation"
        raise Invalid.field("params.as_of", complaint, summary=SUBJECT)
    only = open_items.parse_contact_id(params.contact_id)
    opened = open_items.read_open_items(books, side, as_of, only)
    all_items = opened.items
    items = [item for item in all_items if item.kind != "prepayment"]
    buckets = ageing.make_buckets(as_of, params.age_by, params.bucket_unit, params.bucket_days, params.bucket_count)
    spread = partial(_spread, buckets, params.age_by)
    ranked = _rank_contacts(items)
    listed, rest = ranked[: params.contact_limit], ranked[params.contact_limit :]
    other_items = [item for _, contact_items in rest for item in contact_items]
    past = as_of < books.today
    compared = [only] if only else _contacts_to_compare(all_items, ranked, params)
    bridge = aged_tie_out.build_bridge(books, side, as_of, opened, compared, all_contacts=only is None)
    counted = [COUNTED, RECONSTRUCTED.format(day=as_of) if past else "", describe_unreadable(books)]
    result = AgedResult(
        organisation=str(books.organisation.get("Name")),
        kind="receivables" if side is RECEIVABLES else "payables",
        currency=books.base_currency,
        as_of=as_of,
        ref=f"aged_{'receivables' if side is RECEIVABLES else 'payables'}:{as_of}",
        as_books_stand_now=past,
        counted=" ".join(filter(None, counted)),
        age_by=params.age_by,
        total=_total(items),
        buckets=[
            BucketTotal(label=bucket.label, from_date=bucket.first, to_date=bucket.last, amount=amount)
            for bucket, amount in zip(buckets, spread(items), strict=True)
        ],
        by_currency=_by_currency(items),
        contacts=[
            ContactTotal(
                contact_id=key,
                contact=contact_items[0].contact,
                total=_total(contact_items),
                buckets=spread(contact_items),
                currencies=_amounts_by_currency(contact_items),
                link=books.link("contact", key),
            )
            for key, contact_items in listed
        ],
        others=Others(contacts=len(rest), total=_total(other_items), buckets=spread(other_items)),
        overdue=_overdue(books, side, items, as_of, params.overdue_limit),
        prepayments=_prepayments(all_items),
        unreadable=list_unreadable(books),
        tie_out=bridge.ties,
        not_tied_because=bridge.not_tied_because,
        bridge=bridge,
    )
    result.texts = {name: aged_formats.FORMATS[name](result) for name in params.formats}
    return result


def _total(items: Iterable[Item]) -> Decimal:
    return sum((item.base for item in items), ZERO)


def _spread(buckets: list[ageing.Bucket], age_by: ageing.AgeBy, items: Iterable[Item]) -> list[Decimal]:
    """Return the total of each bucket; documents without a due date, as most credits, go by their own date."""
    totals = [ZERO] * len(buckets)
    for item in items:
        deciding_date = (item.due if age_by == "due_date" else None) or item.dated
        totals[ageing.bucket_index(buckets, deciding_date)] += item.base
    return totals


def _rank_contacts(items: Iterable[Item]) -> list[tuple[str, list[Item]]]:
    """Return the items of each contact, the contact with the largest total first."""
    by_contact: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_contact[item.contact_id].append(item)
    return sorted(by_contact.items(), key=lambda each: (-_total(each[1]), each[1][0].contact, each[0]))


def _contacts_to_compare(
    all_items: Iterable[Item], ranked: Iterable[tuple[str, list[Item]]], params: AgedParams
) -> list[str]:
    """Return the contacts whose reports to read: those listed, then those with prepayments only."""
    if not params.bridge:
        return []
    keys = dict.fromkeys([key for key, _ in ranked] + [item.contact_id for item in all_items])
    return list(keys)[: params.contact_limit]


def _amounts_by_currency(items: Iterable[Item]) -> dict[str, Decimal]:
    amounts: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for item in items:
        amounts[item.currency] += item.amount
    return dict(sorted(amounts.items()))


def _by_currency(items: Sequence[Item]) -> list[CurrencyTotal]:
    totals = []
    for currency, amount in _amounts_by_currency(items).items():
        documents = [item for item in items if item.currency == currency]
        totals.append(CurrencyTotal(currency=currency, documents=len(documents), amount=amount, base=_total(documents)))
    return totals


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
                amount_due=item.amount,
                base=item.base,
                link=books.link(side.link, item.id),
            )
            for days, due, item in late[:limit]
        ],
    )


def _prepayments(items: Iterable[Item]) -> Prepaid:
    prepayments = [item for item in items if item.kind == "prepayment"]
    return Prepaid(documents=len(prepayments), base=_total(prepayments), currencies=_amounts_by_currency(prepayments))


class _GetAged(ReadAction[AgedParams]):
    params_model = AgedParams
    result_model = AgedResult
    side: ClassVar[Side]

    def run(self) -> AgedResult:
        """Read, and return the result."""
        return run(self.books, self.params, self.side)


def _description(opening: str) -> str:
    return (
        f"{opening} Whole organisation or one contact, today or on a past day, in base and document "
        "currency, checked against the control account. Not for single documents, nor for "
        "profit. Reads only. Costs 8 calls up to 1,000 open documents, one more for each further "
        "1,000 and one more if the control account differs; with `bridge` one more a contact. Say what was "
        "excluded (`counted`); if `tie_out` is not true, say why."
    )


class GetAgedReceivables(_GetAged):
    """``get_aged_receivables``."""

    name = "get_aged_receivables"
    # compared with other reports only if the grant allows reading them
    permissions = (scopes.INVOICES, scopes.PAYMENTS, scopes.SETTINGS)
    title = "Get Aged Receivables"
    description = _description(
        "Which customers owe the organisation how much, and for how long. Use it for open invoices and dunning."
    )
    position = 90
    side = RECEIVABLES


class GetAgedPayables(_GetAged):
    """``get_aged_payables``."""

    name = "get_aged_payables"
    # compared with other reports only if the grant allows reading them
    permissions = (scopes.INVOICES, scopes.PAYMENTS, scopes.SETTINGS)
    title = "Get Aged Payables"
    description = _description(
        "What the organisation owes its suppliers, and for how long. Use it for open bills and payment runs."
    )
    position = 100
    side = PAYABLES

"""Compare aged totals with Xero's own figures: the control account and the per-contact reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import partial

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.models import Money, Result
from bizosaas_xero.connector.actions.reports import layout, trial_balance
from bizosaas_xero.connector.actions.reports.ageing import ZERO
from bizosaas_xero.connector.actions.reports.documents import Item, Side
from bizosaas_xero.connector.actions.reports.early_settlements import EarlySettlement, read_early_settlements
from bizosaas_xero.connector.actions.reports.open_items import OpenItems
from bizosaas_xero.connector.actions.reports.optional import read_optional
from bizosaas_xero.connector.actions.reports.revaluation import can_be_revaluation, split_difference
from bizosaas_xero.connector.actions.typed_rows import UnreadableRecord
from bizosaas_xero.connector.actions.unreadable import describe_unreadable

MAX_LISTED_SETTLEMENTS = 20


class EarlySettlementItem(Result):
    """A payment, refund or allocation up to the day, of a document that is dated after it."""

    document: str
    document_date: date
    settled: date
    base: Money = Field(description="What it adds to the control account.")


class ControlBridge(Result):
    """`balance` = `documents` + `early_settlements` + `revaluation` + `rounding` + `unexplained`."""

    account_id: str
    account: str
    balance: Money = Field(description="By the trial balance of that day, year to date.")
    documents: Money = Field(description="The total of this result, foreign documents at their own rates.")
    early_settlements: Money = Field(
        description="Settlements up to the day whose document is dated after it. They are looked for only if the "
        "balance differs."
    )
    early_settlement_items: list[EarlySettlementItem]
    revaluation: Money = Field(
        description="What foreign documents are worth more at the day's rates. Zero if none is open."
    )
    revaluation_proved: bool = Field(
        description="Whether Xero's per-contact reports give the same amount; if not, it is only the difference."
    )
    rounding: Money = Field(description="Cents between rounding each foreign document and rounding their sum.")
    unexplained: Money
    ties: bool | None = Field(
        description="`null`: it cannot be known whether revaluation, or documents left out, are the difference."
    )
    explanation: str


class ContactBridge(Result):
    """`report` = `documents` + `prepayments` + `revaluation` + `unexplained`."""

    contact_id: str
    contact: str
    report: Money = Field(description="The closing balance of Xero's report for this contact.")
    documents: Money
    prepayments: Money = Field(description="Zero or less; Xero lists them in this report.")
    revaluation: Money = Field(description="Of this contact's foreign documents, one by one.")
    unexplained: Money
    ties: bool


class Bridge(Result):
    """How this result leads to Xero's own figures, in base currency."""

    control: ControlBridge | None
    contacts: list[ContactBridge]
    ties: bool | None = Field(
        description="Xero's own figures are reached to the cent. `null`: nothing was compared, or a "
        "difference can be revaluation and was not proved to be."
    )
    not_tied_because: str | None = Field(description="Why `ties` is not true.")
    not_compared: list[str] = Field(description="What was not compared, and why.")


def build_bridge(
    books: Books, side: Side, as_of: date, open_items: OpenItems, contacts: Sequence[str], *, all_contacts: bool
) -> Bridge:
    """Compare with Xero's own figures. A report that Xero refuses is not compared, and the reason is given.

    Args:
        books: The organisation's books.
        side: Receivables or payables.
        as_of: The day.
        open_items: The open documents, prepayments included.
        contacts: Ids of the contacts whose report is read, one call each.
        all_contacts: The items are those of all contacts, so that the control account can be compared.
    """
    items = open_items.items
    of_contact = defaultdict(list)
    for item in items:
        of_contact[item.contact_id].append(item)
    not_compared: list[str] = []
    comparisons: dict[str, tuple[ContactBridge, Decimal]] = {}
    for key in contacts:
        comparison, reason = read_optional(partial(_compare_contact, books, side, as_of, key, of_contact[key]))
        if comparison is None:
            not_compared.append(f"Xero's reports of contacts could not be read: {reason}")
            break
        comparisons[key] = comparison
    compared = [bridge for bridge, _ in comparisons.values()]
    foreign = {item.contact_id for item in items if _is_revalued(books, item)}
    proof = None
    if foreign <= comparisons.keys():
        proof = sum((on_control for _, on_control in comparisons.values()), ZERO)
    control = None
    if all_contacts:
        control, reason = read_optional(lambda: _compare_control(books, side, as_of, open_items, proof))
        if control is None:
            not_compared.append(f"The control account could not be read: {reason}")
    else:
        not_compared.append("The control account holds all contacts; this result is of one contact.")
    refused = not_compared[0] if control is None and (all_contacts or len(comparisons) < len(contacts)) else None
    unread = len(of_contact.keys() - comparisons.keys())
    if unread:
        not_compared.append(f"The reports of {unread} contacts were not read; each costs a call.")
    ties, reason = _tie_verdict(control, compared, refused)
    return Bridge(control=control, contacts=compared, ties=ties, not_tied_because=reason, not_compared=not_compared)


def _is_revalued(books: Books, item: Item) -> bool:
    return item.currency != books.base_currency and item.kind != "prepayment"


# ---------------------------------------------------------------- the control account


def _compare_control(
    books: Books, side: Side, as_of: date, open_items: OpenItems, proof: Decimal | None
) -> ControlBridge:
    account = next((row for row in books.accounts.values() if row.get("SystemAccount") == side.control), None)
    if account is None:
        raise UnreadableRecord("chart of accounts", f"{side.control} account")
    balance = trial_balance.read_balances(books, as_of).get(str(account["AccountID"]).lower(), ZERO)
    if side.control == "CREDITORS":
        balance = -balance
    counted = [item for item in open_items.items if item.kind != "prepayment"]
    documents = sum((item.base for item in counted), ZERO)
    foreign = [item for item in counted if _is_revalued(books, item)]
    difference = balance - documents
    early: list[EarlySettlement] = []
    if difference and not (foreign and split_difference(difference, foreign, proof)[2]):
        early = read_early_settlements(books, side, as_of, open_items.credit_uses)
    early_total = sum((each.base for each in early), ZERO)
    unproved = [_as_item(each) for each in early if each.currency != books.base_currency]
    if unproved:  # the ledger revalues them too, and no report of a contact shows them
        foreign, proof = foreign + unproved, None
    revaluation, rounding, proved, explanation = split_difference(difference - early_total, foreign, proof)
    unexplained = difference - early_total - revaluation - rounding
    if early:
        explanation = f"{_describe_early(early)} {explanation}"
    return ControlBridge(
        account_id=account["AccountID"],
        account=str(account.get("Name")),
        balance=balance,
        documents=documents,
        early_settlements=early_total,
        early_settlement_items=[
            EarlySettlementItem(document=each.document, document_date=each.dated, settled=each.settled, base=each.base)
            for each in early[:MAX_LISTED_SETTLEMENTS]
        ],
        revaluation=revaluation,
        revaluation_proved=proved,
        rounding=rounding,
        unexplained=unexplained,
        ties=_control_ties(books, unexplained, foreign, proof, proved=proved),
        explanation=f"{explanation} {describe_unreadable(books)}".strip(),
    )


def _as_item(early: EarlySettlement) -> Item:
    name = early.document
    return Item("invoice", name, name, "", "", early.dated, None, early.currency, early.base, early.base)


def _control_ties(
    books: Books, unexplained: Decimal, foreign: Sequence[Item], proof: Decimal | None, *, proved: bool
) -> bool | None:
    if not unexplained:
        return proved or None
    if books.unreadable:
        return None
    return None if proof is None and can_be_revaluation(unexplained, foreign) else False


def _describe_early(early: Sequence[EarlySettlement]) -> str:
    named = ", ".join(
        f"{each.document} ({each.base} on {each.settled}, dated {each.dated})"
        for each in early[:MAX_LISTED_SETTLEMENTS]
    )
    more = f" and {len(early) - MAX_LISTED_SETTLEMENTS} more" if len(early) > MAX_LISTED_SETTLEMENTS else ""
    total = sum((each.base for each in early), ZERO)
    return f"{total} is from settlements dated before their document: {named}{more}."


# ---------------------------------------------------------------- Xero's report of one contact


def _compare_contact(
    books: Books, side: Side, as_of: date, contact_id: str, items: Sequence[Item]
) -> tuple[ContactBridge, Decimal]:
    """Return the comparison, and the revaluation of the documents on the control account."""
    query = {"contactId": contact_id, "date": f"{as_of}", "toDate": f"{as_of}"}
    if items:  # older documents would come as one opening balance
        query["fromDate"] = f"{min(item.dated for item in items)}"
    total, by_document = _read_dues(books.read_report(side.report, query), side.report)
    documents = prepayments = revaluation = on_control = ZERO
    for item in items:
        prepaid = item.kind == "prepayment"
        documents += ZERO if prepaid else item.base
        prepayments += item.base if prepaid else ZERO
        if item.currency != books.base_currency and item.id.lower() in by_document:
            change = by_document[item.id.lower()] - item.base
            revaluation += change
            on_control += ZERO if prepaid else change
    unexplained = total - documents - prepayments - revaluation
    bridge = ContactBridge(
        contact_id=contact_id,
        contact=items[0].contact if items else "",
        report=total,
        documents=documents,
        prepayments=prepayments,
        revaluation=revaluation,
        unexplained=unexplained,
        ties=not unexplained,
    )
    return bridge, on_control


def _read_dues(report: Row, name: str) -> tuple[Decimal, dict[str, Decimal]]:
    """Return the sum of the last column, and the same by document, without the opening balance."""
    total, by_document = ZERO, {}
    for section in report.get("Rows") or []:
        for row in section.get("Rows") or []:
            cells = row.get("Cells") or []
            if row.get("RowType") != "Row" or not cells:
                continue
            due = layout.amount(cells[-1].get("Value"), str(cells[0].get("Value")), name) or ZERO
            total += due
            marks = layout.attributes(cells)
            if "invoiceid" in marks:
                by_document[marks["invoiceid"]] = due
    return total, by_document


def _tie_verdict(
    control: ControlBridge | None, contacts: Sequence[ContactBridge], refused: str | None
) -> tuple[bool | None, str | None]:
    if control and control.ties is False:
        return False, f"{control.account} differs by {control.unexplained}. {control.explanation}"
    different = next((each for each in contacts if not each.ties), None)
    if different:
        return False, f"Xero's report for {different.contact} differs by {different.unexplained}, which is unexplained."
    if control and control.ties is None:
        return None, control.explanation
    if refused:
        return None, refused
    return (True, None) if control or contacts else (None, "Nothing was compared.")

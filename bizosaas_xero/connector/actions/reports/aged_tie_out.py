"""Compare aged totals with Xero's own figures: the control account and the per-contact reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.models import Money, Result
from bizosaas_xero.connector.actions.reports import layout
from bizosaas_xero.connector.actions.reports.ageing import ZERO
from bizosaas_xero.connector.actions.reports.open_items import Item, Side
from bizosaas_xero.spec.errors import Unavailable

MAX_REVALUATION_SHARE = Decimal("0.25")
"""A difference larger than this share of the open foreign amounts is not taken for revaluation."""

_HALF_CENT = Decimal("0.005")


class ControlBridge(Result):
    """`balance` = `documents` + `revaluation` + `rounding` + `unexplained`."""

    account_id: str
    account: str
    balance: Money = Field(description="By the trial balance of that day, year to date.")
    documents: Money = Field(description="The total of this result, foreign documents at their own rates.")
    revaluation: Money = Field(
        description="What foreign documents are worth more at the day's rates. Zero if none is open."
    )
    revaluation_proved: bool = Field(
        description="Whether Xero's per-contact reports give the same amount; if not, it is only the difference."
    )
    rounding: Money = Field(description="Cents between rounding each foreign document and rounding their sum.")
    unexplained: Money
    ties: bool | None = Field(description="`null`: the difference may be revaluation, which is not proved.")
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
    books: Books, side: Side, as_of: date, items: Sequence[Item], contacts: Sequence[str], *, all_contacts: bool
) -> Bridge:
    """Compare with Xero's own figures.

    Args:
        books: The organisation's books.
        side: Receivables or payables.
        as_of: The day.
        items: Every open document, prepayments included.
        contacts: Ids of the contacts whose report is read, one call each.
        all_contacts: The items are those of all contacts, so that the control account can be compared.
    """
    of_contact = defaultdict(list)
    for item in items:
        of_contact[item.contact_id].append(item)
    comparisons = [_compare_contact(books, side, as_of, key, of_contact[key]) for key in contacts]
    compared = [bridge for bridge, _ in comparisons]
    foreign = {item.contact_id for item in items if _is_revalued(books, item)}
    proof = sum((on_control for _, on_control in comparisons), ZERO) if foreign <= set(contacts) else None
    control = _compare_control(books, side, as_of, items, proof) if all_contacts else None
    not_compared = []
    if not all_contacts:
        not_compared.append("The control account holds all contacts; this result is of one contact.")
    unread = len(of_contact.keys() - set(contacts))
    if unread:
        not_compared.append(f"The reports of {unread} contacts were not read; each costs a call.")
    ties, reason = _tie_verdict(control, compared)
    return Bridge(control=control, contacts=compared, ties=ties, not_tied_because=reason, not_compared=not_compared)


def _is_revalued(books: Books, item: Item) -> bool:
    return item.currency != books.base_currency and item.kind != "prepayment"


# ---------------------------------------------------------------- the control account


def _compare_control(
    books: Books, side: Side, as_of: date, items: Sequence[Item], proof: Decimal | None
) -> ControlBridge:
    account = next((row for row in books.accounts.values() if row.get("SystemAccount") == side.control), None)
    if account is None:
        raise Unavailable(f"The chart has no {side.control} account.", reason="unreadable_record")
    balance = _trial_balance_of(books, str(account["AccountID"]).lower(), as_of)
    if side.control == "CREDITORS":
        balance = -balance
    counted = [item for item in items if item.kind != "prepayment"]
    documents = sum((item.base for item in counted), ZERO)
    foreign = [item for item in counted if _is_revalued(books, item)]
    difference = balance - documents
    revaluation, rounding, proved, explanation = _split_difference(difference, foreign, proof)
    unexplained = difference - revaluation - rounding
    return ControlBridge(
        account_id=account["AccountID"],
        account=str(account.get("Name")),
        balance=balance,
        documents=documents,
        revaluation=revaluation,
        revaluation_proved=proved,
        rounding=rounding,
        unexplained=unexplained,
        ties=False if unexplained else proved or None,
        explanation=explanation,
    )


def _split_difference(
    difference: Decimal, foreign: Sequence[Item], proof: Decimal | None
) -> tuple[Decimal, Decimal, bool, str]:
    """Return revaluation, rounding, whether Xero's reports prove them, and an explanation."""
    if not difference:
        return ZERO, ZERO, True, "The control account equals the open documents."
    if not foreign:
        return ZERO, ZERO, False, "All open documents are in base currency, so nothing explains a difference."
    max_rounding = _HALF_CENT * (len(foreign) + len({item.currency for item in foreign}))
    if proof is not None and abs(difference - proof) <= max_rounding:
        explanation = "Xero's per-contact reports give the same revaluation of foreign documents, to rounding."
        return proof, difference - proof, True, explanation
    if proof is not None:
        return proof, ZERO, False, "Xero's per-contact reports give another revaluation than the difference."
    gross = sum((abs(item.base) for item in foreign), ZERO)
    if abs(difference) > gross * MAX_REVALUATION_SHARE:
        return ZERO, ZERO, False, (
            f"Foreign documents worth {gross} are open, too few for the difference to be their revaluation."
        )  # fmt: skip
    return difference, ZERO, False, (
        f"The difference is taken for the revaluation of foreign documents worth {gross} at their own rates; "
        "the API publishes no rates, so only `bridge` over all contacts who have some can prove it."
    )  # fmt: skip


def _trial_balance_of(books: Books, account_id: str, as_of: date) -> Decimal:
    for line in layout.lines(books.read_report("TrialBalance", {"date": f"{as_of}"})):
        if line.account_id == account_id:
            debit, credit = line.values[-2:]
            return (debit or ZERO) - (credit or ZERO)
    return ZERO  # an account without a balance has no line


# ---------------------------------------------------------------- Xero's report of one contact


def _compare_contact(
    books: Books, side: Side, as_of: date, contact_id: str, items: Sequence[Item]
) -> tuple[ContactBridge, Decimal]:
    """Return the comparison, and the revaluation of the documents on the control account."""
    query = {"contactId": contact_id, "date": f"{as_of}", "toDate": f"{as_of}"}
    if items:  # older documents would come as one opening balance
        query["fromDate"] = f"{min(item.dated for item in items)}"
    total, by_document = _read_dues(books.read_report(side.report, query))
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


def _read_dues(report: Row) -> tuple[Decimal, dict[str, Decimal]]:
    """Return the sum of the last column, and the same by document, without the opening balance."""
    total, by_document = ZERO, {}
    for section in report.get("Rows") or []:
        for row in section.get("Rows") or []:
            cells = row.get("Cells") or []
            if row.get("RowType") != "Row" or not cells:
                continue
            due = layout.amount(cells[-1].get("Value"), str(cells[0].get("Value"))) or ZERO
            total += due
            marks = {
                str(mark.get("Id", "")).lower(): str(mark.get("Value", "")).lower()
                for cell in cells
                for mark in cell.get("Attributes") or ()
            }
            if "invoiceid" in marks:
                by_document[marks["invoiceid"]] = due
    return total, by_document


def _tie_verdict(control: ControlBridge | None, contacts: Sequence[ContactBridge]) -> tuple[bool | None, str | None]:
    if control and control.ties is False:
        return False, f"{control.account} differs by {control.unexplained}. {control.explanation}"
    different = next((each for each in contacts if not each.ties), None)
    if different:
        return False, f"Xero's report for {different.contact} differs by {different.unexplained}."
    if control and control.ties is None:
        return None, control.explanation
    return (True, None) if control or contacts else (None, "Nothing was compared.")

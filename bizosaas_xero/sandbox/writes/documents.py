"""Writing invoices, bills and credit notes.

They are drafted, submitted and approved; a draft is deleted, what is approved is voided while nothing is paid
or credited. `PAID` is never set by a client: it follows from what settles the document.
"""

import copy
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import ZERO
from bizosaas_xero.sandbox.writes import contacts, line_items, rules, values
from bizosaas_xero.sandbox.writes.unit_of_work import MissingError, RefusedError, Work


@dataclass(frozen=True)
class Kind:
    """What differs between invoices and credit notes.

    Attributes:
        noun: What Xero calls one in its messages.
        sales: The type that goes to customers.
    """

    entity: str
    id_field: str
    number: str
    noun: str
    sales: str
    purchases: str
    prefix: str


KINDS = {
    "Invoices": Kind("Invoices", "InvoiceID", "InvoiceNumber", "Invoice", "ACCREC", "ACCPAY", "INV-"),
    "CreditNotes": Kind(
        "CreditNotes",
        "CreditNoteID",
        "CreditNoteNumber",
        "Credit note",
        "ACCRECCREDIT",
        "ACCPAYCREDIT",
        "CN-",
    ),
}
# from each status, the ones a client may ask for
_NEXT = {
    "": {"DRAFT", "SUBMITTED", "AUTHORISED"},
    "DRAFT": {"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"},
    "SUBMITTED": {"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"},
    "AUTHORISED": {"AUTHORISED", "VOIDED"},
    "PAID": {"PAID", "AUTHORISED", "VOIDED"},
    "VOIDED": set(),
    "DELETED": set(),
}
_NOT_VALID = "not of valid status for modification"
_SETTLED = "This document cannot be edited as it has a payment or credit note allocated to it."
# what may still change once something is paid or credited
_FREE_LINE = {"LineItemID", "Description", "AccountCode", "AccountID", "Tracking"}
_LONGEST = 255


def save_invoice(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or update an invoice or bill and return its id."""
    return _save(work, KINDS["Invoices"], given, create=create, key=key)


def save_credit_note(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or update a credit note and return its id."""
    return _save(work, KINDS["CreditNotes"], given, create=create, key=key)


def _save(work: Work, kind: Kind, given: Mapping[str, Any], *, create: bool, key: str | None) -> str:
    old = _existing(work, kind, given, create=create, key=key)
    known = copy.deepcopy(old)
    before = str(old["Status"]) if old else ""
    row = old or _new(work, kind, given)
    status = str(given.get("Status") or before or "DRAFT").upper()
    if status not in _NEXT[before] or (not old and status == "PAID"):
        raise RefusedError(f"{kind.noun} {_NOT_VALID}")
    paid = old is not None and _is_settled(kind, old)
    if status in rules.DEAD:
        if paid:
            raise RefusedError(f"{kind.noun} {_NOT_VALID} {_SETTLED}")
        if status == "VOIDED":
            rules.check_lock(work, xero_json.day(row["Date"]))
            work.refuse_if_wrong()
        row["Status"] = status
        return _keep(work, kind, row, {"VOIDED": "Voided", "DELETED": "Deleted"}[status])
    if old and old["Type"] != str(given.get("Type") or old["Type"]).upper():
        work.problems.append(f"{kind.noun} type cannot be changed.")
    if before in rules.LIVE and _changes_books(given):
        rules.check_lock(work, xero_json.day(row["Date"]))
    mode = str(row["LineAmountTypes"])
    _fields(work, kind, given, row, paid=paid)
    if status != "PAID":  # only payments and credits make it PAID
        row["Status"] = status
    _lines(work, given, row, paid=paid, status=status, before=before, mode=mode)
    if status in rules.LIVE:
        _approved(work, kind, row, given, before)
    work.refuse_if_wrong()
    verb = "Approved" if status in rules.LIVE and before not in rules.LIVE else "Edited"
    unseen = known is not None and _unseen(known, row, paid=paid)
    return _keep(work, kind, row, verb if old or verb == "Approved" else "Created", blind=unseen)


def _unseen(old: Row, new: Row, *, paid: bool) -> bool:
    """Tell whether a change is one of those that do not move Xero's stamp.

    They are due date and SentToContact of what is paid in part, and another account on a line.
    """
    changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    if paid and changed and changed <= {"DueDate", "DueDateString", "SentToContact"}:
        return True
    return changed == {"LineItems"} and _recoded(old["LineItems"]) == _recoded(new["LineItems"])


def _recoded(rows: list[Row]) -> list[Row]:
    """Return lines without their accounts."""
    return [{k: v for k, v in line.items() if k not in {"AccountCode", "AccountID"}} for line in rows]


def _keep(work: Work, kind: Kind, row: Row, verb: str, *, blind: bool = False) -> str:
    if kind.entity == "Invoices":
        rules.put_invoice(work, row, blind=blind)
    else:
        rules.put_credit(work, "CreditNotes", row)
    guid = str(row[kind.id_field])
    work.note(kind.entity, guid, verb, f"{row.get(kind.number) or ''} for {row['Total']}".strip())
    return guid


def _existing(work: Work, kind: Kind, given: Mapping[str, Any], *, create: bool, key: str | None) -> Row | None:
    guid, number = str(given.get(kind.id_field) or "").lower(), str(given.get(kind.number) or "")
    if key is not None:
        row = work.get(kind.entity, key) or next(iter(work.find(kind.entity, kind.number, key)), None)
        if row is None:
            raise MissingError(key)
        return row
    if guid and guid != values.ZERO_ID:
        row = work.get(kind.entity, guid)
        if row is None:
            raise RefusedError(f"An existing {kind.noun} with the specified {kind.id_field} could not be found")
        if create:
            raise RefusedError(f"{kind.noun} # must be unique.")
        return row
    sales = str(given.get("Type") or "").upper() == kind.sales
    taken = [r for r in work.find(kind.entity, kind.number, number) if r["Type"] == kind.sales] if number else []
    taken = [row for row in taken if row["Status"] != "DELETED"]
    if taken and (sales or not given.get("Type")):
        if create:
            raise RefusedError(f"{kind.noun} # must be unique.")
        return taken[0]  # POST finds what the customer's number belongs to; bills may share theirs
    return None


def _new(work: Work, kind: Kind, given: Mapping[str, Any]) -> Row:
    type_ = str(given.get("Type") or "").upper()
    if type_ not in {kind.sales, kind.purchases}:
        raise RefusedError(f"{kind.noun} type is mandatory and must be {kind.sales} or {kind.purchases}.")
    guid = work.id()
    row: Row = {"Type": type_, kind.id_field: guid, kind.number: "", "Reference": "", "Payments": []}
    if kind.entity == "Invoices":
        row |= {"CreditNotes": [], "Prepayments": [], "Overpayments": [], "AmountDue": ZERO,
                "AmountPaid": ZERO, "AmountCredited": ZERO, "SentToContact": False,
                "InvoicePaymentServices": []}  # fmt: skip
    else:
        row |= {"ID": guid, "Allocations": [], "RemainingCredit": ZERO, "SentToContact": False}
    return row | {
        "CurrencyRate": 1, "IsDiscounted": False, "HasAttachments": False, "HasErrors": False, "Contact": {},
        "DateString": "", "Date": "", "Status": "DRAFT", "LineAmountTypes": "Exclusive", "LineItems": [],
        "SubTotal": ZERO, "TotalTax": ZERO, "Total": ZERO, "UpdatedDateUTC": "", "UpdatedDateUTCString": "",
        "CurrencyCode": work.books.currency,
    }  # fmt: skip


def _is_settled(kind: Kind, row: Row) -> bool:
    return bool(rules.settled(row) if kind.entity == "Invoices" else rules.used(row))


def _changes_books(given: Mapping[str, Any]) -> bool:
    return bool({"LineItems", "Date", "DateString", "Contact", "CurrencyRate", "LineAmountTypes"} & set(given))


def _fields(work: Work, kind: Kind, given: Mapping[str, Any], row: Row, *, paid: bool) -> None:
    if "Contact" in given or not row["Contact"]:
        contact = contacts.of_document(work, given)
        if contact is not None:
            row["Contact"] = contacts.stub(contact)
    today = work.books.today()
    date = values.day(work, given, "Date", xero_json.day(row["Date"]) if row["Date"] else today) or today
    currency = contacts.currency(work, given, default=str(row["CurrencyCode"]))
    if paid and (date != xero_json.day(row["Date"]) or currency != row["CurrencyCode"] or _other_mode(given, row)):
        raise RefusedError(f"{kind.noun} {_NOT_VALID} {_SETTLED}")
    same = row["Date"] == xero_json.of_day(date) and currency == row["CurrencyCode"]
    if not paid and not ("CurrencyRate" not in given and same):
        row["CurrencyRate"] = rules.rate(work, given, currency, date)
    row |= {"Date": xero_json.of_day(date), "CurrencyCode": currency}
    row["DateString"] = xero_json.iso_day(xero_json.milliseconds(row["Date"]) or 0)
    _dates(work, kind, given, row)
    row["LineAmountTypes"] = line_items.mode_of(given, str(row["LineAmountTypes"]))
    if "Reference" in given:
        row["Reference"] = values.text(work, given, "Reference", _LONGEST)
    if given.get("Url"):
        row["Url"] = values.address(work, given)
    if "SentToContact" in given and row["Type"] == kind.sales:
        row["SentToContact"] = values.flag(given, "SentToContact")
    if given.get("BrandingThemeID") and work.get("BrandingThemes", given["BrandingThemeID"]) is None:
        work.problems.append("The branding theme could not be found.")
    elif given.get("BrandingThemeID"):
        row["BrandingThemeID"] = str(given["BrandingThemeID"])
    _numbered(work, kind, given, row)


def _other_mode(given: Mapping[str, Any], row: Row) -> bool:
    return line_items.mode_of(given, str(row["LineAmountTypes"])) != str(row["LineAmountTypes"])


def _dates(work: Work, kind: Kind, given: Mapping[str, Any], row: Row) -> None:
    if kind.entity != "Invoices":
        return
    for name in ("DueDate", "ExpectedPaymentDate", "PlannedPaymentDate"):
        day = values.day(work, given, name)
        if day is not None:
            row[name] = xero_json.of_day(day)
            row[f"{name}String"] = xero_json.iso_day(xero_json.milliseconds(row[name]) or 0)
    due: dt.date | None = xero_json.day(row["DueDate"]) if row.get("DueDate") else None
    if due is not None and due < xero_json.day(row["Date"]):
        work.problems.append("The due date cannot be before the invoice date.")


def _numbered(work: Work, kind: Kind, given: Mapping[str, Any], row: Row) -> None:
    sales = row["Type"] == kind.sales
    if given.get(kind.number):
        row[kind.number] = values.text(work, given, kind.number, _LONGEST)
        same = work.find(kind.entity, kind.number, row[kind.number]) if sales else []
        if any(
            other[kind.id_field] != row[kind.id_field] and other["Type"] == kind.sales and other["Status"] != "DELETED"
            for other in same
        ):
            work.problems.append(f"{kind.noun} # must be unique.")
    elif sales and not row[kind.number]:
        number = work.books.next_number(kind.entity)
        while work.find(kind.entity, kind.number, f"{kind.prefix}{number:04d}"):
            number = work.books.next_number(kind.entity)
        row[kind.number] = f"{kind.prefix}{number:04d}"


def _lines(work: Work, given: Mapping[str, Any], row: Row, *, paid: bool, status: str, before: str, mode: str) -> None:
    live, old = status in rules.LIVE, row["LineItems"]
    fresh = mode != row["LineAmountTypes"]
    sent = values.parts(given, "LineItems")
    if "LineItems" not in given:  # also for a draft that is approved: its lines must now be complete
        sent = [{"LineItemID": line["LineItemID"]} for line in old]
    elif paid and not _harmless(sent, {line["LineItemID"]: line for line in old}):
        raise RefusedError(f"Invoice {_NOT_VALID} {_SETTLED}")
    if "LineItems" in given or fresh or (live and before not in rules.LIVE):
        setting = line_items.Setting(row["LineAmountTypes"], row["Type"].startswith("ACCREC"), live, fresh)
        row["LineItems"] = line_items.read(work, sent, old, setting)
    line_items.total(row)
    if row["Total"] < 0:
        work.problems.append("The document total must not be negative.")


def _harmless(sent: list[Mapping[str, Any]], known: Mapping[str, Row]) -> bool:
    """Tell whether lines change only what may change once something is paid."""
    return len(sent) == len(known) and all(
        (before := known.get(str(line.get("LineItemID") or "").lower())) is not None
        and all(name in _FREE_LINE or _same(before.get(name), value) for name, value in line.items())
        for line in sent
    )


def _same(old: object, new: object) -> bool:
    if isinstance(new, list | dict) or old is None:
        return True
    return str(old) == str(new) or values.number({"x": old}, "x") == values.number({"x": new}, "x")


def _approved(work: Work, kind: Kind, row: Row, given: Mapping[str, Any], before: str) -> None:
    if not row["LineItems"]:
        work.problems.append("One or more line items must be specified")
    if kind.entity == "Invoices" and not row.get("DueDate"):
        work.problems.append("Invoice DueDate must be specified for approved invoices.")
    if before not in rules.LIVE or _changes_books(given):
        rules.check_lock(work, xero_json.day(row["Date"]))

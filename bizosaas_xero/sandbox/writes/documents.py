"""Writing invoices, bills and credit notes.

They are drafted, submitted and approved; a draft is deleted, an approved document is voided while nothing is
paid or credited. A client never sets `PAID`: it follows from payments and credits.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.posting import ZERO
from bizosaas_xero.sandbox.writes import contacts, line_items, rules, values
from bizosaas_xero.sandbox.writes.unit_of_work import NotFoundError, RefusedError, UnitOfWork


@dataclass(frozen=True)
class DocumentKind:
    """The differences between invoices and credit notes.

    Attributes:
        noun: Its name in Xero's messages.
        sales: The type for customers.
    """

    entity: str
    id_field: str
    number: str
    noun: str
    sales: str
    purchases: str
    prefix: str


DOCUMENT_KINDS = {
    "Invoices": DocumentKind("Invoices", "InvoiceID", "InvoiceNumber", "Invoice", "ACCREC", "ACCPAY", "INV-"),
    "CreditNotes": DocumentKind(
        "CreditNotes", "CreditNoteID", "CreditNoteNumber", "Credit note", "ACCRECCREDIT", "ACCPAYCREDIT", "CN-"
    ),
}
# the statuses a client may set from each status
_NEXT_STATUSES = {
    "": {"DRAFT", "SUBMITTED", "AUTHORISED"},
    "DRAFT": {"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"},
    "SUBMITTED": {"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"},
    "AUTHORISED": {"AUTHORISED", "VOIDED"},
    "PAID": {"PAID", "AUTHORISED", "VOIDED"},
    "VOIDED": set(),
    "DELETED": set(),
}
_NOT_VALID = "not of valid status for modification"
_SETTLED_MESSAGE = "This document cannot be edited as it has a payment or credit note allocated to it."
# line fields that may change after a payment or credit
_FREE_LINE_FIELDS = {"LineItemID", "Description", "AccountCode", "AccountID", "Tracking"}
_MAX_TEXT = 255


def save_invoice(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or update an invoice or bill and return its id."""
    return _save_document(work, DOCUMENT_KINDS["Invoices"], element, create=create, key=key)


def save_credit_note(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or update a credit note and return its id."""
    return _save_document(work, DOCUMENT_KINDS["CreditNotes"], element, create=create, key=key)


def _save_document(
    work: UnitOfWork, kind: DocumentKind, element: Mapping[str, Any], *, create: bool, key: str | None
) -> str:
    old = _find_existing(work, kind, element, create=create, key=key)
    row_before = xero_json.copy_value(old)
    status_before = str(old["Status"]) if old else ""
    row = old or _new_row(work, kind, element)
    status = str(element.get("Status") or status_before or "DRAFT").upper()
    if status not in _NEXT_STATUSES[status_before] or (not old and status == "PAID"):
        raise RefusedError(f"{kind.noun} {_NOT_VALID}")
    settled = old is not None and _is_settled(kind, old)
    if status in rules.DEAD:
        if settled:
            raise RefusedError(f"{kind.noun} {_NOT_VALID} {_SETTLED_MESSAGE}")
        if status == "VOIDED":
            rules.check_lock(work, xero_json.calendar_day(row["Date"]))
            work.raise_problems()
        row["Status"] = status
        return _store_document(work, kind, row, {"VOIDED": "Voided", "DELETED": "Deleted"}[status])
    if old and old["Type"] != str(element.get("Type") or old["Type"]).upper():
        work.problems.append(f"{kind.noun} type cannot be changed.")
    if status_before in rules.LIVE and _changes_books(element):
        rules.check_lock(work, xero_json.calendar_day(row["Date"]))
    mode = str(row["LineAmountTypes"])
    _set_fields(work, kind, element, row, settled=settled)
    if status != "PAID":  # only payments and credits set PAID
        row["Status"] = status
    _set_lines(work, element, row, settled=settled, status=status, status_before=status_before, mode=mode)
    if status in rules.LIVE:
        _check_approval(work, kind, row, element, status_before)
    work.raise_problems()
    verb = "Approved" if status in rules.LIVE and status_before not in rules.LIVE else "Edited"
    unseen = row_before is not None and _keeps_timestamp(row_before, row, settled=settled)
    return _store_document(work, kind, row, verb if old or verb == "Approved" else "Created", blind=unseen)


def _keeps_timestamp(old: Row, new: Row, *, settled: bool) -> bool:
    """Return whether a change keeps Xero's timestamp.

    These are due date and SentToContact of a part-paid document, and another account on a line.
    """
    changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    if settled and changed and changed <= {"DueDate", "DueDateString", "SentToContact"}:
        return True
    return changed == {"LineItems"} and _without_accounts(old["LineItems"]) == _without_accounts(new["LineItems"])


def _without_accounts(rows: list[Row]) -> list[Row]:
    """Return lines without their accounts."""
    return [{k: v for k, v in line.items() if k not in {"AccountCode", "AccountID"}} for line in rows]


def _store_document(work: UnitOfWork, kind: DocumentKind, row: Row, verb: str, *, blind: bool = False) -> str:
    if kind.entity == "Invoices":
        rules.put_invoice(work, row, blind=blind)
    else:
        rules.put_credit(work, "CreditNotes", row)
    guid = str(row[kind.id_field])
    work.add_note(kind.entity, guid, verb, f"{row.get(kind.number) or ''} for {row['Total']}".strip())
    return guid


def _find_existing(
    work: UnitOfWork, kind: DocumentKind, element: Mapping[str, Any], *, create: bool, key: str | None
) -> Row | None:
    guid, number = str(element.get(kind.id_field) or "").lower(), str(element.get(kind.number) or "")
    if key is not None:
        row = work.get(kind.entity, key) or next(iter(work.find(kind.entity, kind.number, key)), None)
        if row is None:
            raise NotFoundError(key)
        return row
    if guid and guid != values.ZERO_ID:
        row = work.get(kind.entity, guid)
        if row is None:
            raise RefusedError(f"An existing {kind.noun} with the specified {kind.id_field} could not be found")
        if create:
            raise RefusedError(f"{kind.noun} # must be unique.")
        return row
    sales = str(element.get("Type") or "").upper() == kind.sales
    numbered = [r for r in work.find(kind.entity, kind.number, number) if r["Type"] == kind.sales] if number else []
    numbered = [row for row in numbered if row["Status"] != "DELETED"]
    if numbered and (sales or not element.get("Type")):
        if create:
            raise RefusedError(f"{kind.noun} # must be unique.")
        return numbered[0]  # POST finds a sales document by its number; bills may share theirs
    return None


def _new_row(work: UnitOfWork, kind: DocumentKind, element: Mapping[str, Any]) -> Row:
    type_ = str(element.get("Type") or "").upper()
    if type_ not in {kind.sales, kind.purchases}:
        raise RefusedError(f"{kind.noun} type is mandatory and must be {kind.sales} or {kind.purchases}.")
    guid = work.new_id()
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


def _is_settled(kind: DocumentKind, row: Row) -> bool:
    return bool(rules.settled_amount(row) if kind.entity == "Invoices" else rules.used_amount(row))


def _changes_books(element: Mapping[str, Any]) -> bool:
    return bool({"LineItems", "Date", "DateString", "Contact", "CurrencyRate", "LineAmountTypes"} & set(element))


def _set_fields(work: UnitOfWork, kind: DocumentKind, element: Mapping[str, Any], row: Row, *, settled: bool) -> None:
    if "Contact" in element or not row["Contact"]:
        contact = contacts.resolve_document_contact(work, element)
        if contact is not None:
            row["Contact"] = contacts.contact_stub(contact)
    today = work.books.today()
    date = (
        values.parse_day(work, element, "Date", xero_json.calendar_day(row["Date"]) if row["Date"] else today) or today
    )
    currency = contacts.check_currency(work, element, default=str(row["CurrencyCode"]))
    if settled and (
        date != xero_json.calendar_day(row["Date"]) or currency != row["CurrencyCode"] or _changes_mode(element, row)
    ):
        raise RefusedError(f"{kind.noun} {_NOT_VALID} {_SETTLED_MESSAGE}")
    unchanged = row["Date"] == xero_json.xero_date(date) and currency == row["CurrencyCode"]
    if not settled and not ("CurrencyRate" not in element and unchanged):
        row["CurrencyRate"] = rules.currency_rate(work, element, currency, date)
    row |= {"Date": xero_json.xero_date(date), "CurrencyCode": currency}
    row["DateString"] = xero_json.iso_day(xero_json.milliseconds(row["Date"]) or 0)
    _set_dates(work, kind, element, row)
    row["LineAmountTypes"] = line_items.parse_mode(element, str(row["LineAmountTypes"]))
    if "Reference" in element:
        row["Reference"] = values.parse_text(work, element, "Reference", _MAX_TEXT)
    if element.get("Url"):
        row["Url"] = values.parse_url(work, element)
    if "SentToContact" in element and row["Type"] == kind.sales:
        row["SentToContact"] = values.parse_flag(element, "SentToContact")
    if element.get("BrandingThemeID") and work.get("BrandingThemes", element["BrandingThemeID"]) is None:
        work.problems.append("The branding theme could not be found.")
    elif element.get("BrandingThemeID"):
        row["BrandingThemeID"] = str(element["BrandingThemeID"])
    _set_number(work, kind, element, row)


def _changes_mode(element: Mapping[str, Any], row: Row) -> bool:
    return line_items.parse_mode(element, str(row["LineAmountTypes"])) != str(row["LineAmountTypes"])


def _set_dates(work: UnitOfWork, kind: DocumentKind, element: Mapping[str, Any], row: Row) -> None:
    if kind.entity != "Invoices":
        return
    for name in ("DueDate", "ExpectedPaymentDate", "PlannedPaymentDate"):
        day = values.parse_day(work, element, name)
        if day is not None:
            row[name] = xero_json.xero_date(day)
            row[f"{name}String"] = xero_json.iso_day(xero_json.milliseconds(row[name]) or 0)
    due: dt.date | None = xero_json.calendar_day(row["DueDate"]) if row.get("DueDate") else None
    if due is not None and due < xero_json.calendar_day(row["Date"]):
        work.problems.append("The due date cannot be before the invoice date.")


def _set_number(work: UnitOfWork, kind: DocumentKind, element: Mapping[str, Any], row: Row) -> None:
    sales = row["Type"] == kind.sales
    if element.get(kind.number):
        row[kind.number] = values.parse_text(work, element, kind.number, _MAX_TEXT)
        namesakes = work.find(kind.entity, kind.number, row[kind.number]) if sales else []
        if any(
            other[kind.id_field] != row[kind.id_field] and other["Type"] == kind.sales and other["Status"] != "DELETED"
            for other in namesakes
        ):
            work.problems.append(f"{kind.noun} # must be unique.")
    elif sales and not row[kind.number]:
        number = work.books.next_number(kind.entity)
        while work.find(kind.entity, kind.number, f"{kind.prefix}{number:04d}"):
            number = work.books.next_number(kind.entity)
        row[kind.number] = f"{kind.prefix}{number:04d}"


def _set_lines(
    work: UnitOfWork, element: Mapping[str, Any], row: Row, *, settled: bool, status: str, status_before: str, mode: str
) -> None:
    live, old = status in rules.LIVE, row["LineItems"]
    mode_changed = mode != row["LineAmountTypes"]
    line_parts = values.children(element, "LineItems")
    if "LineItems" not in element:  # also when a draft is approved: its lines must now be complete
        line_parts = [{"LineItemID": line["LineItemID"]} for line in old]
    elif settled and not _lines_may_change(line_parts, {line["LineItemID"]: line for line in old}):
        raise RefusedError(f"Invoice {_NOT_VALID} {_SETTLED_MESSAGE}")
    if "LineItems" in element or mode_changed or (live and status_before not in rules.LIVE):
        setting = line_items.LineContext(row["LineAmountTypes"], row["Type"].startswith("ACCREC"), live, mode_changed)
        row["LineItems"] = line_items.read_lines(work, line_parts, old, setting)
    line_items.set_totals(row)
    if row["Total"] < 0:
        work.problems.append("The document total must not be negative.")


def _lines_may_change(line_parts: list[Mapping[str, Any]], lines_before: Mapping[str, Row]) -> bool:
    """Return whether lines change only fields that may change after a payment."""
    return len(line_parts) == len(lines_before) and all(
        (line_before := lines_before.get(str(line.get("LineItemID") or "").lower())) is not None
        and all(
            name in _FREE_LINE_FIELDS or _is_same_value(line_before.get(name), value) for name, value in line.items()
        )
        for line in line_parts
    )


def _is_same_value(old: object, new: object) -> bool:
    if isinstance(new, list | dict) or old is None:
        return True
    return str(old) == str(new) or values.parse_number({"x": old}, "x") == values.parse_number({"x": new}, "x")


def _check_approval(
    work: UnitOfWork, kind: DocumentKind, row: Row, element: Mapping[str, Any], status_before: str
) -> None:
    if not row["LineItems"]:
        work.problems.append("One or more line items must be specified")
    if kind.entity == "Invoices" and not row.get("DueDate"):
        work.problems.append("Invoice DueDate must be specified for approved invoices.")
    if status_before not in rules.LIVE or _changes_books(element):
        rules.check_lock(work, xero_json.calendar_day(row["Date"]))

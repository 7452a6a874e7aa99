"""Allocating credit notes, prepayments and overpayments to invoices, and deleting allocations."""

from collections.abc import Mapping
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.writes import rules, values
from bizosaas_xero.sandbox.writes.unit_of_work import NotFoundError, RefusedError, UnitOfWork

NUMBER_FIELDS = {"CreditNotes": "CreditNoteNumber", "Prepayments": "", "Overpayments": ""}
_NOT_FOUND = "The document with the supplied id was not found for this endpoint."


def get_credit(work: UnitOfWork, entity: str, key: str) -> Row:
    """Return the credit of an address, by id or number.

    Raises:
        NotFoundError: No credit has it.
    """
    row = work.get(entity, key)
    if row is None and NUMBER_FIELDS[entity]:
        row = next(iter(work.find(entity, NUMBER_FIELDS[entity], key)), None)
    if row is None:
        raise NotFoundError(key)
    return row


def allocate(work: UnitOfWork, entity: str, key: str, element: Mapping[str, Any]) -> Row:
    """Allocate part of a credit to an invoice and return the allocation."""
    credit = get_credit(work, entity, key)
    invoice_part = values.child(element, "Invoice")
    invoice = work.get("Invoices", invoice_part.get("InvoiceID"))
    if invoice is None and invoice_part.get("InvoiceNumber"):
        invoice = next(iter(work.find("Invoices", "InvoiceNumber", invoice_part["InvoiceNumber"])), None)
    if invoice is None:
        raise RefusedError(_NOT_FOUND)
    amount = values.parse_money(element, "Amount", values.parse_money(element, "AppliedAmount"))
    date = values.parse_day(work, element, "Date", work.books.today()) or work.books.today()
    if amount is None or amount <= 0:
        raise RefusedError("The allocation amount must be greater than zero.")
    _check_allocation(work, credit, invoice)
    if amount > credit["RemainingCredit"]:
        work.problems.append("The amount exceeds the remaining credit of this document.")
    if amount > invoice["AmountDue"]:
        work.problems.append("Allocation amount exceeds the amount outstanding on this document")
    rules.check_lock(work, date)
    work.raise_problems()
    id_field = rules.CREDITS[entity]
    guid, xero_day = work.new_id(), xero_json.xero_date(date)
    allocation: Row = {
        "AllocationID": guid,
        "Amount": amount,
        "Date": xero_day,
        "Invoice": {name: invoice[name] for name in ("InvoiceID", "InvoiceNumber")},
        "IsDeleted": False,
    }
    credit["Allocations"] = [*credit["Allocations"], allocation]
    inner: Row = {
        id_field: credit[id_field],
        "ID": credit[id_field],
        "AppliedAmount": amount,
        "DateString": f"{date}T00:00:00",
        "Date": xero_day,
        "AllocationID": guid,
        "LineItems": [],
        "Total": credit["Total"],
    }
    if NUMBER_FIELDS[entity]:
        inner[NUMBER_FIELDS[entity]] = credit[NUMBER_FIELDS[entity]]
    invoice[entity] = [*invoice[entity], inner]
    _store(work, entity, credit, invoice)
    work.add_note(entity, credit[id_field], "Allocated", f"{amount} to {invoice['InvoiceNumber']}")
    return allocation


def _check_allocation(work: UnitOfWork, credit: Row, invoice: Row) -> None:
    receivable = credit["Type"].startswith(("ACCREC", "RECEIVE"))
    if credit["Status"] != "AUTHORISED" or invoice["Status"] != "AUTHORISED":
        work.problems.append("Credits can only be allocated from and to Authorised documents")
    if (invoice["Type"] == "ACCREC") != receivable:
        work.problems.append("The type of the credit does not match the type of the invoice.")
    if credit["CurrencyCode"] != invoice["CurrencyCode"]:
        work.problems.append("The currency of the credit does not match the currency of the invoice.")
    if credit["Contact"]["ContactID"] != invoice["Contact"]["ContactID"]:
        work.problems.append("The contact of the credit does not match the contact of the invoice.")


def delete_allocation(work: UnitOfWork, entity: str, key: str, guid: str) -> Row:
    """Delete an allocation and return it.

    Raises:
        NotFoundError: No allocation has this id.
    """
    credit = get_credit(work, entity, key)
    allocation = next((a for a in credit["Allocations"] if a["AllocationID"] == guid.lower()), None)
    if allocation is None:
        raise NotFoundError(guid)
    rules.check_lock(work, xero_json.calendar_day(allocation["Date"]))
    work.raise_problems()
    invoice = work.get("Invoices", allocation["Invoice"]["InvoiceID"])
    if invoice is None:
        raise NotFoundError(guid)
    credit["Allocations"] = [a for a in credit["Allocations"] if a is not allocation]
    invoice[entity] = [c for c in invoice[entity] if c["AllocationID"] != allocation["AllocationID"]]
    _store(work, entity, credit, invoice)
    return {**allocation, "IsDeleted": True}


def _store(work: UnitOfWork, entity: str, credit: Row, invoice: Row) -> None:
    rules.put_credit(work, entity, credit)
    # whether an allocation moves the invoice's timestamp at Xero is unknown
    rules.put_invoice(work, invoice, blind=not work.context.switches.allocation_moves_stamp)

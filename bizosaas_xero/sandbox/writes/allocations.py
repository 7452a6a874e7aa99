"""Setting credit notes, prepayments and overpayments against invoices, and taking that back."""

from collections.abc import Mapping
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.writes import rules, values
from bizosaas_xero.sandbox.writes.unit_of_work import MissingError, RefusedError, Work

NUMBERS = {"CreditNotes": "CreditNoteNumber", "Prepayments": "", "Overpayments": ""}
_NOT_FOUND = "The document with the supplied id was not found for this endpoint."


def credit_of(work: Work, entity: str, key: str) -> Row:
    """Return the credit that an address names, by id or number.

    Raises:
        MissingError: There is none.
    """
    row = work.get(entity, key)
    if row is None and NUMBERS[entity]:
        row = next(iter(work.find(entity, NUMBERS[entity], key)), None)
    if row is None:
        raise MissingError(key)
    return row


def allocate(work: Work, entity: str, key: str, given: Mapping[str, Any]) -> Row:
    """Set part of a credit against an invoice and return the allocation."""
    credit = credit_of(work, entity, key)
    sent = values.part(given, "Invoice")
    invoice = work.get("Invoices", sent.get("InvoiceID"))
    if invoice is None and sent.get("InvoiceNumber"):
        invoice = next(iter(work.find("Invoices", "InvoiceNumber", sent["InvoiceNumber"])), None)
    if invoice is None:
        raise RefusedError(_NOT_FOUND)
    amount = values.money(given, "Amount", values.money(given, "AppliedAmount"))
    date = values.day(work, given, "Date", work.books.today()) or work.books.today()
    if amount is None or amount <= 0:
        raise RefusedError("The allocation amount must be greater than zero.")
    _check(work, credit, invoice)
    if amount > credit["RemainingCredit"]:
        work.problems.append("The amount exceeds the remaining credit of this document.")
    if amount > invoice["AmountDue"]:
        work.problems.append("Allocation amount exceeds the amount outstanding on this document")
    rules.check_lock(work, date)
    work.refuse_if_wrong()
    id_field = rules.CREDITS[entity]
    guid, at = work.id(), xero_json.of_day(date)
    allocation: Row = {
        "AllocationID": guid,
        "Amount": amount,
        "Date": at,
        "Invoice": {name: invoice[name] for name in ("InvoiceID", "InvoiceNumber")},
        "IsDeleted": False,
    }
    credit["Allocations"] = [*credit["Allocations"], allocation]
    inner: Row = {
        id_field: credit[id_field],
        "ID": credit[id_field],
        "AppliedAmount": amount,
        "DateString": f"{date}T00:00:00",
        "Date": at,
        "AllocationID": guid,
        "LineItems": [],
        "Total": credit["Total"],
    }
    if NUMBERS[entity]:
        inner[NUMBERS[entity]] = credit[NUMBERS[entity]]
    invoice[entity] = [*invoice[entity], inner]
    _keep(work, entity, credit, invoice)
    work.note(entity, credit[id_field], "Allocated", f"{amount} to {invoice['InvoiceNumber']}")
    return allocation


def _check(work: Work, credit: Row, invoice: Row) -> None:
    receivable = credit["Type"].startswith(("ACCREC", "RECEIVE"))
    if credit["Status"] != "AUTHORISED" or invoice["Status"] != "AUTHORISED":
        work.problems.append("Credits can only be allocated from and to Authorised documents")
    if (invoice["Type"] == "ACCREC") != receivable:
        work.problems.append("The type of the credit does not match the type of the invoice.")
    if credit["CurrencyCode"] != invoice["CurrencyCode"]:
        work.problems.append("The currency of the credit does not match the currency of the invoice.")
    if credit["Contact"]["ContactID"] != invoice["Contact"]["ContactID"]:
        work.problems.append("The contact of the credit does not match the contact of the invoice.")


def take_back(work: Work, entity: str, key: str, guid: str) -> Row:
    """Delete an allocation and return it.

    Raises:
        MissingError: There is no such allocation.
    """
    credit = credit_of(work, entity, key)
    found = next((a for a in credit["Allocations"] if a["AllocationID"] == guid.lower()), None)
    if found is None:
        raise MissingError(guid)
    rules.check_lock(work, xero_json.day(found["Date"]))
    work.refuse_if_wrong()
    invoice = work.get("Invoices", found["Invoice"]["InvoiceID"])
    if invoice is None:
        raise MissingError(guid)
    credit["Allocations"] = [a for a in credit["Allocations"] if a is not found]
    invoice[entity] = [c for c in invoice[entity] if c["AllocationID"] != found["AllocationID"]]
    _keep(work, entity, credit, invoice)
    return {**found, "IsDeleted": True}


def _keep(work: Work, entity: str, credit: Row, invoice: Row) -> None:
    rules.put_credit(work, entity, credit)
    # whether Xero moves the invoice's stamp for an allocation is not known
    rules.put_invoice(work, invoice, blind=not work.who.switches.allocation_moves_stamp)

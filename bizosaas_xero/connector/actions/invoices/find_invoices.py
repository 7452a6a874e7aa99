"""find_invoices and get_invoice: invoices and bills by number, contact, status or date."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field, field_validator

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.filters import date_filter, parse_guid, quote
from bizosaas_xero.connector.actions.models import Money, Params, Result, not_before_from_date
from bizosaas_xero.connector.actions.unreadable import Unreadable, list_unreadable
from bizosaas_xero.connector.actions.writes.document_lookup import TYPES, document_reference, resolve_document
from bizosaas_xero.connector.actions.writes.text import single_spaces
from bizosaas_xero.connector.auth import scopes


class FindInvoicesParams(Params):
    """Which invoices or bills; every condition must hold."""

    kind: Literal["invoice", "bill"] = "invoice"
    number: str | None = Field(None, min_length=1)
    reference: str | None = Field(None, min_length=1)
    contact_id: str | None = None
    status: Literal["DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED"] | None = None
    unpaid: bool = Field(False, description="Only approved ones with an amount due.")
    from_date: date | None = None
    to_date: date | None = None
    limit: int = Field(20, ge=1, le=100, description="The maximum number of documents.")

    _in_order = field_validator("to_date")(not_before_from_date)


class InvoiceItem(Result):
    """One invoice or bill in short."""

    invoice_id: str
    ref: str = Field(description="Cite a figure as [REF.total], [REF.amount_due], or another of its amounts.")
    number: str | None
    reference: str | None
    contact_id: str | None
    contact: str | None
    status: str
    invoice_date: date | None
    due_date: date | None
    currency: str | None
    total: Money | None
    amount_due: Money | None
    link: str | None


class InvoicesResult(Result):
    """The documents that match, newest first."""

    invoices: list[InvoiceItem]
    more: bool = Field(description="There are more than `limit`.")
    unreadable: Unreadable


def find_invoices(books: Books, params: FindInvoicesParams) -> InvoicesResult:
    """Find invoices or bills."""
    conditions = [f'Type=="{TYPES[params.kind]}"']
    if params.number:
        conditions.append(f"InvoiceNumber=={quote(single_spaces(params.number), 'params.number')}")
    if params.reference:
        conditions.append(f"Reference=={quote(params.reference.strip(), 'params.reference')}")
    if params.contact_id:
        conditions.append(f'Contact.ContactID==Guid("{parse_guid(params.contact_id, "params.contact_id")}")')
    if params.unpaid:
        conditions.append('Status=="AUTHORISED" AND AmountDue>0')
    elif params.status:
        conditions.append(f'Status=="{params.status}"')
    for day, operator in ((params.from_date, ">="), (params.to_date, "<=")):
        if day:
            conditions.append(f"Date{operator}{date_filter(day)}")
    query = {"where": " AND ".join(conditions), "order": "Date DESC", "summaryOnly": "true"}
    rows = books.iter_rows("Invoices", "Invoice", query, limit=params.limit + 1, tolerant=True)
    items = list(books.convert_rows(rows, lambda row: InvoiceItem(**_summary(books, row))))
    return InvoicesResult(
        invoices=items[: params.limit], more=len(items) > params.limit, unreadable=list_unreadable(books)
    )


def _summary(books: Books, row: Row) -> dict[str, Any]:
    contact = row.get("Contact") or {}
    return {
        **document_reference(books, row),
        "ref": f"invoice:{row['InvoiceID']}",
        "reference": row.get("Reference") or None,
        "contact_id": contact.get("ContactID"),
        "contact": contact.get("Name"),
        "invoice_date": row.get("Date"),
        "due_date": row.get("DueDate"),
        "currency": row.get("CurrencyCode"),
        "total": row.get("Total"),
        "amount_due": row.get("AmountDue"),
    }


class GetInvoiceParams(Params):
    """One invoice or bill."""

    invoice: str = Field(min_length=1, description="Its id, or its number.", pattern=r"^[^/?#%\\]+$")


class LineResult(Result):
    """One line."""

    description: str | None
    quantity: Money | None
    unit_amount: Money | None
    account_code: str | None
    tax_type: str | None
    tax: Money | None
    amount: Money | None


class InvoiceResult(InvoiceItem):
    """One invoice or bill with its lines and payments."""

    subtotal: Money | None
    tax: Money | None
    amount_paid: Money | None
    amount_credited: Money | None
    sent: bool | None
    lines: list[LineResult]
    payment_ids: list[str]


def get_invoice(books: Books, params: GetInvoiceParams) -> InvoiceResult:
    """Return one invoice or bill.

    Raises:
        Invalid: Several have this number, such as an invoice and a bill; the error names them.
        NotFound: None has it.
    """
    row = resolve_document(books, params.invoice)
    return InvoiceResult(
        **_summary(books, row),
        subtotal=row.get("SubTotal"),
        tax=row.get("TotalTax"),
        amount_paid=row.get("AmountPaid"),
        amount_credited=row.get("AmountCredited"),
        sent=row.get("SentToContact"),
        lines=[
            LineResult(
                description=line.get("Description"),
                quantity=line.get("Quantity"),
                unit_amount=line.get("UnitAmount"),
                account_code=line.get("AccountCode"),
                tax_type=line.get("TaxType"),
                tax=line.get("TaxAmount"),
                amount=line.get("LineAmount"),
            )
            for line in row.get("LineItems") or ()
        ],
        payment_ids=[payment["PaymentID"] for payment in row.get("Payments") or () if payment.get("PaymentID")],
    )


class FindInvoices(ReadAction[FindInvoicesParams]):
    """``find_invoices``."""

    name = "find_invoices"
    permissions = (scopes.INVOICES, scopes.SETTINGS)
    title = "Find Invoices"
    description = (
        "Sales invoices or bills by number, reference, contact, status or date, newest first. Use it to find "
        "one document or the latest few; not to add up what is owed. Reads only; at most two calls."
    )
    position = 160
    params_model = FindInvoicesParams
    result_model = InvoicesResult

    def run(self) -> InvoicesResult:
        """Read, and return the result."""
        return find_invoices(self.books, self.params)


class GetInvoice(ReadAction[GetInvoiceParams]):
    """``get_invoice``."""

    name = "get_invoice"
    permissions = (scopes.INVOICES, scopes.SETTINGS)
    title = "Get Invoice"
    description = "One invoice or bill with its lines, tax, and its payments. Reads only; two calls."
    position = 170
    params_model = GetInvoiceParams
    result_model = InvoiceResult

    def run(self) -> InvoiceResult:
        """Read, and return the result."""
        return get_invoice(self.books, self.params)

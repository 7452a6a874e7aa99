"""The small reads without which the larger actions are not usable: who, which document, which account."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row, guid, quoted
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.models import Money, Params, Result


class NoParams(Params):
    """Nothing to say."""


class OrganisationResult(Result):
    """The organisation, and what binds work in it."""

    name: str
    country: str | None
    base_currency: str
    today: date = Field(description="Today in the organisation's own time zone.")
    pays_tax: bool | None
    financial_year_start: date
    financial_year_end: date
    period_lock_date: date | None
    end_of_year_lock_date: date | None
    is_demo: bool | None


def get_organisation(books: Books, _params: NoParams) -> OrganisationResult:
    """Read the organisation."""
    row = books.organisation
    return OrganisationResult(
        name=str(row.get("Name")),
        country=row.get("CountryCode"),
        base_currency=books.base_currency,
        today=books.today,
        pays_tax=row.get("PaysTax"),
        financial_year_start=books.year_start(books.today),
        financial_year_end=books.year_end(books.today),
        period_lock_date=row.get("PeriodLockDate"),
        end_of_year_lock_date=row.get("EndOfYearLockDate"),
        is_demo=row.get("IsDemoCompany"),
    )


class AccountsParams(Params):
    """Which accounts."""

    only: Literal["all", "bank", "revenue", "expense", "takes_payments"] = Field(
        "all", description="`takes_payments`: those that an invoice may be paid into."
    )
    include_archived: bool = False


class AccountItem(Result):
    """One account."""

    account_id: str
    code: str | None
    name: str
    type: str
    account_class: str | None
    tax_type: str | None
    status: str | None


class AccountsResult(Result):
    """The accounts asked for."""

    accounts: list[AccountItem]


def list_accounts(books: Books, params: AccountsParams) -> AccountsResult:
    """Read the chart of accounts."""

    def wanted(row: Row) -> bool:
        if row.get("Status") != "ACTIVE" and not params.include_archived:
            return False
        return {
            "all": True,
            "bank": row.get("Type") == "BANK",
            "revenue": row.get("Class") == "REVENUE",
            "expense": row.get("Class") == "EXPENSE",
            "takes_payments": row.get("Type") == "BANK" or row.get("EnablePaymentsToAccount") is True,
        }[params.only]

    rows = sorted(filter(wanted, books.accounts.values()), key=lambda row: str(row.get("Code") or ""))
    return AccountsResult(
        accounts=[
            AccountItem(
                account_id=row["AccountID"],
                code=row.get("Code") or None,
                name=str(row.get("Name")),
                type=str(row.get("Type")),
                account_class=row.get("Class"),
                tax_type=row.get("TaxType"),
                status=row.get("Status"),
            )
            for row in rows
        ]
    )


class FindContactsParams(Params):
    """One of the three says who."""

    name: str | None = Field(None, min_length=1, description="The whole name; capitals and accents do not matter.")
    email: str | None = Field(None, min_length=3)
    account_number: str | None = Field(None, min_length=1)
    limit: int = Field(20, ge=1, le=100)


class ContactItem(Result):
    """One contact."""

    contact_id: str
    ref: str = Field(description="Cite what they owe as [REF.owes].")
    name: str
    email: str | None
    account_number: str | None
    status: str | None
    owes: Money | None = Field(description="What they owe the organisation, as Xero last computed it.")
    link: str | None


class ContactsResult(Result):
    """Who was found. Several: ask which is meant, do not guess."""

    contacts: list[ContactItem]


def find_contacts(books: Books, params: FindContactsParams) -> ContactsResult:
    """Find contacts by what they are called."""
    conditions = [
        f"{column}=={quoted(value, f'params.{field}')}"
        for field, column, value in (
            ("name", "Name", params.name),
            ("email", "EmailAddress", params.email),
            ("account_number", "AccountNumber", params.account_number),
        )
        if value
    ]
    query = {"order": "Name ASC"} | ({"where": " AND ".join(conditions)} if conditions else {})
    rows = books.pages("Contacts", "Contact", query, most=params.limit)
    return ContactsResult(contacts=[_contact(books, row) for row in rows])


def _contact(books: Books, row: Row) -> ContactItem:
    balances = (row.get("Balances") or {}).get("AccountsReceivable") or {}
    return ContactItem(
        contact_id=row["ContactID"],
        ref=f"contact:{row['ContactID']}",
        name=str(row.get("Name")),
        email=row.get("EmailAddress") or None,
        account_number=row.get("AccountNumber") or None,
        status=row.get("ContactStatus"),
        owes=balances.get("Outstanding"),
        link=books.link("contact", row["ContactID"]),
    )


class FindInvoicesParams(Params):
    """Which invoices or bills; conditions add up."""

    kind: Literal["invoice", "bill"] = "invoice"
    number: str | None = Field(None, min_length=1)
    reference: str | None = Field(None, min_length=1)
    contact_id: str | None = None
    status: Literal["DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED"] | None = None
    unpaid: bool = Field(False, description="Only approved ones with an amount due.")
    from_date: date | None = None
    to_date: date | None = None
    limit: int = Field(20, ge=1, le=100)


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
    """What was found, newest first."""

    invoices: list[InvoiceItem]
    more: bool = Field(description="There are more than `limit`.")


def find_invoices(books: Books, params: FindInvoicesParams) -> InvoicesResult:
    """Find invoices or bills."""
    conditions = [f'Type=="{"ACCREC" if params.kind == "invoice" else "ACCPAY"}"']
    if params.number:
        conditions.append(f"InvoiceNumber=={quoted(params.number, 'params.number')}")
    if params.reference:
        conditions.append(f"Reference=={quoted(params.reference, 'params.reference')}")
    if params.contact_id:
        conditions.append(f'Contact.ContactID==Guid("{guid(params.contact_id, "params.contact_id")}")')
    if params.unpaid:
        conditions.append('Status=="AUTHORISED" AND AmountDue>0')
    elif params.status:
        conditions.append(f'Status=="{params.status}"')
    for day, compared in ((params.from_date, ">="), (params.to_date, "<=")):
        if day:
            conditions.append(f"Date{compared}DateTime({day.year},{day.month:02},{day.day:02})")
    query = {"where": " AND ".join(conditions), "order": "Date DESC", "summaryOnly": "true"}
    rows = list(books.pages("Invoices", "Invoice", query, most=params.limit + 1))
    items = [InvoiceItem(**_short(books, row)) for row in rows[: params.limit]]
    return InvoicesResult(invoices=items, more=len(rows) > params.limit)


def _short(books: Books, row: Row) -> dict[str, Any]:
    contact = row.get("Contact") or {}
    kind = "bill" if row.get("Type") == "ACCPAY" else "invoice"
    return {
        "invoice_id": row["InvoiceID"],
        "ref": f"invoice:{row['InvoiceID']}",
        "number": row.get("InvoiceNumber") or None,
        "reference": row.get("Reference") or None,
        "contact_id": contact.get("ContactID"),
        "contact": contact.get("Name"),
        "status": str(row.get("Status")),
        "invoice_date": row.get("Date"),
        "due_date": row.get("DueDate"),
        "currency": row.get("CurrencyCode"),
        "total": row.get("Total"),
        "amount_due": row.get("AmountDue"),
        "link": books.link(kind, row["InvoiceID"]),
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
    """One invoice or bill with its lines and what was paid."""

    subtotal: Money | None
    tax: Money | None
    amount_paid: Money | None
    amount_credited: Money | None
    sent: bool | None
    lines: list[LineResult]
    payment_ids: list[str]


def get_invoice(books: Books, params: GetInvoiceParams) -> InvoiceResult:
    """Read one invoice or bill."""
    row = books.one("Invoices", params.invoice, "Invoice")
    return InvoiceResult(
        **_short(books, row),
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


ACTIONS = (
    ReadAction(
        "get_organisation",
        "Get Organisation",
        "Name, country, currency, today's date, financial year and lock dates of the organisation. Use it "
        "first when dates or currency matter. Reads only; one call, free of egress.",
        NoParams,
        OrganisationResult,
        get_organisation,
    ),
    ReadAction(
        "list_accounts",
        "List Accounts",
        "The chart of accounts, or the part of it that is asked for. Use it to choose an account for a line "
        "or a payment. Reads only; one call.",
        AccountsParams,
        AccountsResult,
        list_accounts,
    ),
    ReadAction(
        "find_contacts",
        "Find Contacts",
        "Contacts by exact name, e-mail or account number. Use it before anything that names a customer. If "
        "several are found, ask which is meant. Reads only; two calls.",
        FindContactsParams,
        ContactsResult,
        find_contacts,
    ),
    ReadAction(
        "find_invoices",
        "Find Invoices",
        "Sales invoices or bills by number, reference, contact, status or date, newest first. Use it to find "
        "one document or the latest few; not to add up what is owed. Reads only; two calls.",
        FindInvoicesParams,
        InvoicesResult,
        find_invoices,
    ),
    ReadAction(
        "get_invoice",
        "Get Invoice",
        "One invoice or bill with its lines, tax, and what was paid. Reads only; two calls.",
        GetInvoiceParams,
        InvoiceResult,
        get_invoice,
    ),
)

"""The table of synced entities: path, key, interval, columns, events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.connector.records import fields
from bizosaas_xero.spec.models import EntityInfo, EventRule, Recheck, Reference

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True)
class Entity:
    """One kind of record.

    Args:
        path: Under ``/api.xro/2.0/``; also the name of the list in the answer.
        key: The immutable id.
        interval: Default seconds between syncs.
        permissions: What reading it needs at Xero.
        order: The name by which Xero sorts by id (its spelling differs from the field's); ``None`` for a
            list that Xero does not page.
        where: A filter whose result a row never leaves.
        recheck: A flag that can change without a new timestamp, and the filter for rows with the old value.
        other_keys: Ids that identify rows without ``key``.
        events: The changes of a record that a host reports.
        deal: The fields that can hold the key of a deal.
        references: The fields that name accounts; an unknown one means that the chart of accounts has changed.
    """

    name: str
    title: str
    path: str
    key: str
    shape: str
    interval: int
    permissions: tuple[scopes.Permission, ...]
    columns: Mapping[str, str]
    order: str | None = None
    where: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    recheck: tuple[Recheck, str] | None = None
    timestamp: str = "UpdatedDateUTC"
    other_keys: tuple[str, ...] = ()
    events: tuple[EventRule, ...] = ()
    deal: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()

    def info(self) -> EntityInfo:
        """Return what ``describe()`` publishes."""
        return EntityInfo(
            name=self.name,
            title=self.title,
            key=self.key,
            stamp=self.timestamp,
            json_schema=fields.json_schema(self.shape, (self.key, *self.other_keys)),
            interval=self.interval,
            columns=dict(self.columns),
            scopes=scopes.scopes_by_vocabulary(self.permissions),
            recheck=self.recheck[0] if self.recheck else None,
            events=list(self.events),
            deal=list(self.deal),
            references=list(self.references),
        )


_DOCUMENT_COLUMNS = {
    "number": "InvoiceNumber",
    "reference": "Reference",
    "status": "Status",
    "contact_id": "Contact.ContactID",
    "contact_name": "Contact.Name",
    "date": "Date",
    "due_date": "DueDate",
    "currency": "CurrencyCode",
    "subtotal": "SubTotal",
    "tax": "TotalTax",
    "total": "Total",
    "amount_due": "AmountDue",
    "amount_paid": "AmountPaid",
    "fully_paid_on": "FullyPaidOnDate",
    "sent": "SentToContact",
}

_OPEN = {"where": {"Status": ["AUTHORISED"]}, "above": {"AmountDue": "0"}}


def _event(name: str, title: str, **conditions: Any) -> EventRule:
    return EventRule.model_validate({"name": name, "title": title, **conditions})


_DEAL = ("Url", "Reference")
"""An action writes the business key into the address, and the deal's number into the reference."""

_INVOICE_EVENTS = (
    _event(
        "invoice_sent",
        "Invoice sent",
        where={"Status": ["AUTHORISED", "PAID"], "SentToContact": [True]},
    ),
    _event(
        "invoice_part_paid",
        "Invoice part paid",
        where={"Status": ["AUTHORISED"]},
        above={"AmountPaid": "0", "AmountDue": "0"},
        again="AmountPaid",
    ),
    _event("invoice_paid", "Invoice paid", where={"Status": ["PAID"]}),
    _event("invoice_overdue", "Invoice overdue", **_OPEN, date="DueDate", days=1),
    _event("invoice_voided", "Invoice voided", where={"Status": ["VOIDED"]}),
)

_BILL_EVENTS = (
    _event("bill_due", "Bill due", **_OPEN, date="DueDate"),
    _event("bill_paid", "Bill paid", where={"Status": ["PAID"]}),
)


def _account_references(*paths: str) -> tuple[Reference, ...]:
    by = {"AccountCode": "Code"}
    names = {path: path.rpartition(".")[2] for path in paths}
    return tuple(Reference(path=path, entity="accounts", by=by.get(name, name)) for path, name in names.items())


_LINE_ACCOUNTS = ("LineItems.AccountID", "LineItems.AccountCode")

_TABLE = (
    Entity(
        name="invoices",
        references=_account_references(*_LINE_ACCOUNTS),
        title="Sales invoices",
        path="Invoices",
        key="InvoiceID",
        shape="Invoice",
        interval=15 * MINUTE,
        permissions=(scopes.INVOICES,),
        order="InvoiceID",
        where='Type=="ACCREC"',
        columns=_DOCUMENT_COLUMNS,
        events=_INVOICE_EVENTS,
        deal=_DEAL,
    ),
    Entity(
        name="bills",
        references=_account_references(*_LINE_ACCOUNTS),
        title="Bills to pay",
        path="Invoices",
        key="InvoiceID",
        shape="Invoice",
        interval=30 * MINUTE,
        permissions=(scopes.INVOICES,),
        order="InvoiceID",
        where='Type=="ACCPAY"',
        columns=_DOCUMENT_COLUMNS,
        events=_BILL_EVENTS,
        deal=_DEAL,
    ),
    Entity(
        name="contacts",
        title="Contacts",
        path="Contacts",
        key="ContactID",
        shape="Contact",
        interval=HOUR,
        permissions=(scopes.CONTACTS,),
        order="ContactID",
        params={"includeArchived": "true"},
        events=(_event("contact_archived", "Contact archived", where={"ContactStatus": ["ARCHIVED"]}),),
        columns={
            "name": "Name",
            "status": "ContactStatus",
            "email": "EmailAddress",
            "account_number": "AccountNumber",
            "is_customer": "IsCustomer",
            "is_supplier": "IsSupplier",
            "default_currency": "DefaultCurrency",
            "receivable": "Balances.AccountsReceivable.Outstanding",
            "payable": "Balances.AccountsPayable.Outstanding",
        },
    ),
    Entity(
        name="bank_transactions",
        references=_account_references(*_LINE_ACCOUNTS, "BankAccount.AccountID"),
        title="Bank transactions",
        path="BankTransactions",
        key="BankTransactionID",
        other_keys=("OverpaymentID", "PrepaymentID"),
        shape="BankTransaction",
        interval=DAY,
        permissions=(scopes.BANK,),
        order="BankTransactionID",
        recheck=(Recheck(field="IsReconciled", equals=False, every=DAY), "IsReconciled==false"),
        columns={
            "type": "Type",
            "status": "Status",
            "date": "Date",
            "reference": "Reference",
            "bank_account_id": "BankAccount.AccountID",
            "bank_account": "BankAccount.Name",
            "contact_id": "Contact.ContactID",
            "contact_name": "Contact.Name",
            "currency": "CurrencyCode",
            "total": "Total",
            "reconciled": "IsReconciled",
        },
    ),
    Entity(
        name="accounts",
        title="Chart of accounts",
        path="Accounts",
        key="AccountID",
        shape="Account",
        interval=HOUR,
        permissions=(scopes.SETTINGS,),
        columns={
            "code": "Code",
            "name": "Name",
            "type": "Type",
            "class": "Class",
            "status": "Status",
            "tax_type": "TaxType",
            "currency": "CurrencyCode",
            "payments_enabled": "EnablePaymentsToAccount",
        },
    ),
    Entity(
        name="payments",
        references=_account_references("Account.AccountID"),
        title="Payments",
        path="Payments",
        key="PaymentID",
        shape="Payment",
        interval=30 * MINUTE,
        permissions=(scopes.PAYMENTS,),
        order="PaymentID",
        columns={
            "type": "PaymentType",
            "status": "Status",
            "date": "Date",
            "amount": "Amount",
            "bank_amount": "BankAmount",
            "currency_rate": "CurrencyRate",
            "reference": "Reference",
            "invoice_id": "Invoice.InvoiceID",
            "invoice_number": "Invoice.InvoiceNumber",
            "account_id": "Account.AccountID",
            "reconciled": "IsReconciled",
        },
    ),
)

ENTITIES: dict[str, Entity] = {entity.name: entity for entity in _TABLE}
"""Every entity by its name."""

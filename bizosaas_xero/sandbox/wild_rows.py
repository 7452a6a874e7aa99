"""Rows with every field that recordings hold: of lists that nothing is written into, and with fields that few have."""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row, from_cents
from bizosaas_xero.sandbox.ledger.company import Company
from bizosaas_xero.sandbox.writes.contacts import contact_stub

_ATTACHED = ("Contacts", "Invoices", "BankTransactions", "BankTransfers", "CreditNotes", "ManualJournals",
             "Overpayments", "Prepayments", "PurchaseOrders", "RepeatingInvoices")  # fmt: skip
_RATE = Decimal("1.000000")
_LOCKED_UNTIL = dt.date(2019, 12, 31)


def add_full_rows(books: Company, new_id: Callable[[], str], customer: str) -> None:
    """Add the rows, and the fields of rows that are there."""
    day = books.today()
    dates = {"Date": xero_json.xero_date(day), "DateString": f"{day}T00:00:00"}
    contact = books.peek("Contacts", customer)
    lines = _lines(books, new_id)
    money = {"SubTotal": from_cents(10000), "TotalTax": from_cents(0), "Total": from_cents(10000)}
    common: Row = {"Contact": contact_stub(contact), "LineItems": lines, "LineAmountTypes": "Exclusive", **money,
                   "CurrencyCode": books.currency}  # fmt: skip
    theme = next(iter(books.rows("BrandingThemes")))
    _add_group(books, new_id, contact)
    books.put(
        "RepeatingInvoices",
        {"RepeatingInvoiceID": new_id(), "ID": new_id(), "Type": "ACCREC", "Status": "AUTHORISED", "Reference": "Rent",
         "Schedule": {"Period": 1, "Unit": "MONTHLY", "DueDate": 20, "DueDateType": "OFFOLLOWINGMONTH",
                      "StartDate": dates["Date"], "NextScheduledDate": dates["Date"], "EndDate": dates["Date"]},
         "ApprovedForSending": False, "SendCopy": False, "MarkAsSent": False, "IncludePDF": False,
         "HasAttachments": False, **common},
    )  # fmt: skip
    books.put(
        "PurchaseOrders",
        {"PurchaseOrderNumber": "PO-0001", "Status": "AUTHORISED", "Type": "PURCHASEORDER", "Reference": "Desks",
         "DeliveryDate": dates["Date"], "DeliveryDateString": dates["DateString"], "DeliveryAddress": "1 Quay Street",
         "AttentionTo": "Stores", "Telephone": "04 1234567", "DeliveryInstructions": "At the back",
         "CurrencyRate": _RATE, "HasErrors": False, "IsDiscounted": False, "TotalDiscount": from_cents(0),
         "SentToContact": False, "HasAttachments": False, "BrandingThemeID": theme["BrandingThemeID"],
         **dates, **common},
    )  # fmt: skip
    books.put(
        "Quotes",
        {"QuoteNumber": "QU-0001", "Status": "SENT", "Reference": "Desks", "Terms": "14 days", "Title": "Desks",
         "Summary": "Two desks", "ExpiryDate": dates["Date"], "ExpiryDateString": dates["DateString"],
         "CurrencyRate": _RATE, "TotalDiscount": from_cents(0), "BrandingThemeID": theme["BrandingThemeID"],
         **dates, **common, "LineAmountTypes": "EXCLUSIVE"},
    )  # fmt: skip
    detail = {"UnitPrice": 4, "AccountCode": "429", "TaxType": "NONE", "COGSAccountCode": "429"}
    books.put(
        "Items",
        {"Code": "TRACKED", "Name": "Tracked item", "Description": "Tracked", "PurchaseDescription": "Tracked",
         "IsTrackedAsInventory": True, "InventoryAssetAccountCode": "630", "QuantityOnHand": 12, "IsSold": True,
         "TotalCostPool": from_cents(4800), "IsPurchased": True, "PurchaseDetails": detail,
         "SalesDetails": {"UnitPrice": 10, "AccountCode": "200"}},
    )  # fmt: skip
    _add_rare_fields(books, customer, theme)
    _add_rare_parts(books, theme, lines[0]["Tracking"])
    for entity in _ATTACHED:
        _attach(books, entity, new_id())
    _add_billable_expense(books, customer)


def _add_billable_expense(books: Company, customer: str) -> None:
    """Link a line of a bill to the line of a sales invoice with which the customer pays for it."""
    sold, bought = (
        next(row for row in books.rows("Invoices") if row["Type"] == kind and row["LineItems"])
        for kind in ("ACCREC", "ACCPAY")
    )
    books.put(
        "LinkedTransactions",
        {"SourceTransactionID": bought["InvoiceID"], "SourceLineItemID": bought["LineItems"][0]["LineItemID"],
         "ContactID": customer, "TargetTransactionID": sold["InvoiceID"],
         "TargetLineItemID": sold["LineItems"][0]["LineItemID"], "Status": "BILLED", "Type": "BILLABLEEXPENSE",
         "SourceTransactionTypeCode": "ACCPAY"},
    )  # fmt: skip


def _lines(books: Company, new_id: Callable[[], str]) -> list[Row]:
    category = next(iter(books.rows("TrackingCategories")), None)
    option = category["Options"][0] if category else None
    tracking = [
        {"TrackingCategoryID": category["TrackingCategoryID"], "Name": category["Name"], "Option": option["Name"],
         "TrackingOptionID": option["TrackingOptionID"]}
    ] if category and option else []  # fmt: skip
    line: Row = {
        "LineItemID": new_id(), "Description": "Retainer", "Quantity": 1, "UnitAmount": from_cents(10000),
        "TaxType": "NONE", "TaxAmount": from_cents(0), "LineAmount": from_cents(10000), "AccountCode": "200",
        "ItemCode": "TRACKED", "DiscountRate": 0, "DiscountEnteredAsPercent": True, "Tracking": tracking,
    }  # fmt: skip
    return [line]


def _add_group(books: Company, new_id: Callable[[], str], contact: Mapping[str, Any]) -> None:
    group = {"ContactGroupID": new_id(), "Name": "Wild group", "Status": "ACTIVE", "HasValidationErrors": False}
    member = {"ContactID": contact["ContactID"], "Name": contact["Name"], "HasValidationErrors": False}
    books.put("ContactGroups", {**group, "Contacts": [member]})
    books.edit("Contacts", contact["ContactID"], {"ContactGroups": [group]})


def _add_rare_fields(books: Company, customer: str, theme: Row) -> None:
    bank = {"BankAccountNumber": "01-0123-0123456-00", "BankAccountName": "Wild", "Details": "Wild"}
    address = {"AddressType": "STREET", "City": "Nelson", "AttentionTo": "Stores",
               "Region": "Tasman", "PostalCode": "7010", "Country": "New Zealand",
               **{f"AddressLine{n}": f"Line {n}" for n in range(1, 5)}}  # fmt: skip
    books.edit(
        "Contacts", customer,
        {"Addresses": [address], "DefaultCurrency": books.currency,
         "BatchPayments": {**bank, "Code": "W", "Reference": "W"},
         "SkypeUserName": "wild",
         "AccountsReceivableTaxType": "NONE", "AccountsPayableTaxType": "NONE", "CompanyNumber": "1234567",
         "BrandingTheme": {"BrandingThemeID": theme["BrandingThemeID"], "Name": theme["Name"]},
         "SalesDefaultLineAmountType": "NONE", "PurchasesDefaultLineAmountType": "NONE", "Discount": 5,
         "PurchasesDefaultAccountCode": "429", "SalesDefaultAccountCode": "200"},
    )  # fmt: skip
    for entity in ("Overpayments", "Prepayments"):
        for row in books.rows(entity):
            settled = {"HasErrors": False, "IsDiscounted": False}
            parts = [{**part, "Invoice": {**part["Invoice"], **settled}} for part in row["Allocations"]]
            lines = [{**line, "DiscountEnteredAsPercent": True} for line in row["LineItems"]]
            books.edit(entity, row[f"{entity[:-1]}ID"], {"Allocations": parts, "LineItems": lines})


def _add_rare_parts(books: Company, theme: Row, tracking: list[Row]) -> None:
    """Add what is seen on few bank rows, credits and settings."""
    for guid in [row["PrepaymentID"] for row in books.rows("Prepayments")][:1]:
        books.edit("Prepayments", guid, {"InvoiceNumber": "INV-9999", "BrandingThemeID": theme["BrandingThemeID"]})
    for row in list(books.rows("BankTransfers"))[:1]:
        created = xero_json.iso_second(xero_json.milliseconds(row["CreatedDateUTC"]) or 0)
        more = {"CreatedDateUTCString": created, "FromTracking": tracking, "ToTracking": tracking}
        books.edit("BankTransfers", row["BankTransferID"], more)
    batches = list(books.rows("BatchPayments"))
    for batch in batches[:1]:
        fields = (
            "Account",
            "BatchPaymentID",
            "Date",
            "Type",
            "Status",
            "TotalAmount",
            "UpdatedDateUTC",
            "IsReconciled",
        )
        part = {name: batch[name] for name in fields}
        books.edit(
            "BankTransactions", next(books.rows("BankTransactions"))["BankTransactionID"], {"BatchPayment": part}
        )
        paid = [{**each, "Reference": "W"} for each in batch["Payments"]]
        books.edit("BatchPayments", batch["BatchPaymentID"], {"Payments": paid})
    for row in books.rows("ManualJournals"):
        lines = [{**line, "Tracking": tracking} for line in row["JournalLines"]]
        books.edit("ManualJournals", row["ManualJournalID"], {"JournalLines": lines})
    for row in books.rows("CreditNotes"):
        if row["Payments"]:
            paid = [{**each, "Reference": "W"} for each in row["Payments"]]
            books.edit("CreditNotes", row["CreditNoteID"], {"Payments": paid})
    drafts = [row["InvoiceID"] for row in books.rows("Invoices") if row["Status"] == "DRAFT"]
    for guid in drafts[:1]:
        books.edit(
            "Invoices", guid, {"RepeatingInvoiceID": next(books.rows("RepeatingInvoices"))["RepeatingInvoiceID"]}
        )
    rate = next(books.rows("TaxRates"))
    books.edit("TaxRates", rate["TaxType"], {"ReportTaxType": "NONE"})
    books.edit("Organisation", books.organisation["OrganisationID"], {"TaxNumber": "12-345-678"})
    for lock in ("PeriodLockDate", "EndOfYearLockDate"):
        books.lock_period(lock, _LOCKED_UNTIL)  # before all documents


def _attach(books: Company, entity: str, guid: str) -> None:
    row = next(iter(books.rows(entity)), None)
    if row is None:
        return
    address = f"https://api.xero.com/api.xro/2.0/{entity}/{row[f'{entity[:-1]}ID']}/Attachments/note.txt"
    attachment = {"AttachmentID": guid, "FileName": "note.txt", "Url": address, "MimeType": "text/plain",
                  "ContentLength": 12}  # fmt: skip
    books.edit(entity, row[f"{entity[:-1]}ID"], {"HasAttachments": True, "Attachments": [attachment]})

"""The known fields of Xero's records: amounts, dates, timestamps, and nested objects.

One table serves the decoder and the published JSON Schemas. Fields not listed here are kept as Xero sends
them; recordings show dozens that Xero documents nowhere. Source: Xero's accounting OpenAPI 16.1.0, and
public recordings where they go further.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Shape:
    """The typed fields of one kind of object. Strings hold field names separated by spaces."""

    text: str = ""
    decimals: str = ""
    dates: str = ""
    timestamps: str = ""
    flags: str = ""
    integers: str = ""
    nested: dict[str, str] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)


_DOCUMENT_STATE = "StatusAttributeString"
_ERRORS = {"ValidationErrors": "Message", "Warnings": "Message"}

SHAPES: dict[str, Shape] = {
    "Invoice": Shape(
        text="InvoiceID Type InvoiceNumber Reference Status LineAmountTypes CurrencyCode BrandingThemeID Url "
        f"RepeatingInvoiceID DateString DueDateString UpdatedDateUTCString {_DOCUMENT_STATE}",
        decimals="SubTotal TotalTax Total TotalDiscount AmountDue AmountPaid AmountCredited CurrencyRate "
        "CISDeduction CISRate",
        dates="Date DueDate ExpectedPaymentDate PlannedPaymentDate FullyPaidOnDate",
        timestamps="UpdatedDateUTC",
        flags="SentToContact HasAttachments IsDiscounted HasErrors",
        nested={"Contact": "Contact"},
        lists={
            "LineItems": "LineItem",
            "Payments": "Payment",
            "CreditNotes": "CreditNote",
            "Prepayments": "Credit",
            "Overpayments": "Credit",
            "InvoiceAddresses": "Address",
            "Attachments": "Attachment",
            **_ERRORS,
        },
    ),
    "LineItem": Shape(
        text="LineItemID Description ItemCode AccountCode AccountID AccountId TaxType Taxability RepeatingInvoiceID",
        decimals="Quantity UnitAmount LineAmount TaxAmount DiscountRate DiscountAmount",
        nested={"Item": "Item"},
        lists={"Tracking": "Tracking", "TaxBreakdown": "TaxBreakdown", "ValidationErrors": "Message"},
    ),
    "TaxBreakdown": Shape(
        text="TaxComponentId Type Name StateAssignedNo JurisdictionRegion",
        decimals="TaxPercentage TaxAmount TaxableAmount NonTaxableAmount ExemptAmount",
    ),
    "Item": Shape(text="ItemID Code Name"),
    # Parts of documents, for lists in which only these fields matter: an odd value elsewhere blocks nothing.
    "InvoiceMark": Shape(text="InvoiceID InvoiceNumber Reference Status Url"),
    "InvoiceAmount": Shape(text="InvoiceID", decimals="Total", dates="Date"),
    "CreditNoteSummary": Shape(
        text="CreditNoteID CreditNoteNumber Reference Status CurrencyCode",
        decimals="Total RemainingCredit",
        dates="Date",
    ),
    "PriceListItem": Shape(
        text="ItemID Code Name Description",
        flags="IsSold IsTrackedAsInventory",
        nested={"SalesDetails": "SalesDetails"},
    ),
    "SalesDetails": Shape(text="AccountCode TaxType", decimals="UnitPrice"),
    "Tracking": Shape(text="TrackingCategoryID TrackingOptionID Name Option"),
    "Message": Shape(text="Message"),
    "Attachment": Shape(text="AttachmentID FileName Url MimeType", integers="ContentLength", flags="IncludeOnline"),
    "Contact": Shape(
        text="ContactID ContactNumber AccountNumber ContactStatus Name FirstName LastName CompanyNumber "
        "EmailAddress BankAccountDetails TaxNumber TaxNumberType AccountsReceivableTaxType "
        "AccountsPayableTaxType SalesDefaultLineAmountType PurchasesDefaultLineAmountType DefaultCurrency "
        "XeroNetworkKey SalesDefaultAccountCode PurchasesDefaultAccountCode MergedToContactID Website "
        f"TrackingCategoryName TrackingCategoryOption {_DOCUMENT_STATE}",
        decimals="Discount",
        timestamps="UpdatedDateUTC",
        flags="IsSupplier IsCustomer HasAttachments HasValidationErrors",
        nested={
            "Balances": "Balances",
            "PaymentTerms": "PaymentTerms",
            "BatchPayments": "BatchDetails",
            "BrandingTheme": "BrandingTheme",
        },
        lists={
            "Addresses": "Address",
            "Phones": "Phone",
            "ContactPersons": "ContactPerson",
            "ContactGroups": "ContactGroup",
            "SalesTrackingCategories": "DefaultTracking",
            "PurchasesTrackingCategories": "DefaultTracking",
            "Attachments": "Attachment",
            "ValidationErrors": "Message",
        },
    ),
    "Balances": Shape(nested={"AccountsReceivable": "Balance", "AccountsPayable": "Balance"}),
    "Balance": Shape(decimals="Outstanding Overdue"),
    "PaymentTerms": Shape(nested={"Bills": "Term", "Sales": "Term"}),
    "Term": Shape(integers="Day", text="Type"),
    "BatchDetails": Shape(text="BankAccountNumber BankAccountName Details Code Reference"),
    "BrandingTheme": Shape(text="BrandingThemeID Name LogoUrl Type", integers="SortOrder", timestamps="CreatedDateUTC"),
    "Address": Shape(
        text="AddressType InvoiceAddressType AddressLine1 AddressLine2 AddressLine3 AddressLine4 City Region "
        "PostalCode Country AttentionTo"
    ),
    "Phone": Shape(text="PhoneType PhoneNumber PhoneAreaCode PhoneCountryCode"),
    "ContactPerson": Shape(text="FirstName LastName EmailAddress", flags="IncludeInEmails"),
    "ContactGroup": Shape(text="ContactGroupID Name Status"),
    "DefaultTracking": Shape(text="TrackingCategoryName TrackingOptionName"),
    "BankTransaction": Shape(
        text="BankTransactionID Type Status Reference CurrencyCode Url LineAmountTypes PrepaymentID "
        f"OverpaymentID DateString {_DOCUMENT_STATE}",
        decimals="SubTotal TotalTax Total CurrencyRate",
        dates="Date",
        timestamps="UpdatedDateUTC",
        flags="IsReconciled HasAttachments",
        nested={"Contact": "Contact", "BankAccount": "Account"},
        lists={"LineItems": "LineItem", "ValidationErrors": "Message"},
    ),
    "Account": Shape(
        text="AccountID Code Name Type Status Description BankAccountNumber BankAccountType CurrencyCode "
        "TaxType Class SystemAccount ReportingCode ReportingCodeName",
        timestamps="UpdatedDateUTC CreatedDateUTC",
        flags="EnablePaymentsToAccount ShowInExpenseClaims HasAttachments AddToWatchlist",
        lists={"ValidationErrors": "Message"},
    ),
    "TaxRate": Shape(
        text="Name TaxType Status ReportTaxType",
        decimals="EffectiveRate DisplayTaxRate",
        flags="CanApplyToAssets CanApplyToEquity CanApplyToExpenses CanApplyToLiabilities CanApplyToRevenue",
    ),
    "Payment": Shape(
        text="PaymentID PaymentType Status Reference Code InvoiceNumber CreditNoteNumber BatchPaymentID "
        f"BankAccountNumber Particulars Details UpdatedDateUTCString {_DOCUMENT_STATE}",
        decimals="Amount BankAmount CurrencyRate",
        dates="Date",
        timestamps="UpdatedDateUTC",
        flags="IsReconciled HasAccount HasValidationErrors",
        nested={
            "Invoice": "Invoice",
            "CreditNote": "CreditNote",
            "Prepayment": "Credit",
            "Overpayment": "Credit",
            "Account": "Account",
            "BatchPayment": "BatchPayment",
        },
        lists=_ERRORS,
    ),
    "BatchPayment": Shape(
        text="BatchPaymentID Type Status Reference Particulars Code Details Narrative DateString",
        decimals="Amount TotalAmount",
        dates="Date",
        timestamps="UpdatedDateUTC",
        flags="IsReconciled",
        nested={"Account": "Account"},
    ),
    "BankTransfer": Shape(
        text="BankTransferID Status Reference FromBankTransactionID ToBankTransactionID DateString",
        decimals="Amount CurrencyRate",
        dates="Date",
        timestamps="CreatedDateUTC",
        flags="FromIsReconciled ToIsReconciled HasAttachments",
        nested={"FromBankAccount": "Account", "ToBankAccount": "Account"},
    ),
    "CreditNote": Shape(
        text="CreditNoteID CreditNoteNumber Type Status Reference LineAmountTypes CurrencyCode "
        f"BrandingThemeID UpdatedDateUTCString {_DOCUMENT_STATE}",
        decimals="SubTotal TotalTax Total RemainingCredit AppliedAmount CurrencyRate CISDeduction CISRate",
        dates="Date DueDate FullyPaidOnDate",
        timestamps="UpdatedDateUTC",
        flags="SentToContact HasAttachments HasErrors",
        nested={"Contact": "Contact"},
        lists={"LineItems": "LineItem", "Allocations": "Allocation", "Payments": "Payment"},
    ),
    "Credit": Shape(
        text="PrepaymentID OverpaymentID Type Status Reference InvoiceNumber LineAmountTypes CurrencyCode "
        "BrandingThemeID UpdatedDateUTCString",
        decimals="SubTotal TotalTax Total RemainingCredit AppliedAmount CurrencyRate",
        dates="Date",
        timestamps="UpdatedDateUTC",
        flags="HasAttachments",
        nested={"Contact": "Contact"},
        lists={"LineItems": "LineItem", "Allocations": "Allocation", "Payments": "Payment"},
    ),
    "Allocation": Shape(
        text="AllocationID",
        decimals="Amount",
        dates="Date",
        flags="IsDeleted",
        nested={"Invoice": "Invoice", "CreditNote": "CreditNote"},
    ),
    # Read by actions only; no entity has these.
    "Organisation": Shape(
        text="OrganisationID Name CountryCode BaseCurrency Timezone ShortCode DefaultSalesTax",
        dates="PeriodLockDate EndOfYearLockDate",
        flags="PaysTax IsDemoCompany",
        integers="FinancialYearEndDay FinancialYearEndMonth",
    ),
    "Currency": Shape(text="Code Description"),
    "TrackingCategory": Shape(text="TrackingCategoryID Name Status", lists={"Options": "TrackingOption"}),
    "TrackingOption": Shape(text="TrackingOptionID Name Status"),
    "OnlineInvoice": Shape(text="OnlineInvoiceUrl"),
    "HistoryRecord": Shape(text="Changes User Details", timestamps="DateUTC"),
    "Report": Shape(text="ReportName", lists={"Rows": "ReportRow"}),
    "ReportRow": Shape(text="RowType Title", lists={"Cells": "ReportCell", "Rows": "ReportRow"}),
    "ReportCell": Shape(text="Value", lists={"Attributes": "ReportMark"}),
    "ReportMark": Shape(text="Id Value"),
}

DECIMAL_PATTERN = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"

_JSON_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": ["string", "null"]},
    "decimals": {"type": ["string", "null"], "pattern": DECIMAL_PATTERN, "x-type": "decimal"},
    "dates": {"type": ["string", "null"], "format": "date"},
    "timestamps": {"type": ["string", "null"], "format": "date-time"},
    "flags": {"type": ["boolean", "null"]},
    "integers": {"type": ["integer", "null"]},
}


def json_schema(name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a shape's JSON form.

    Args:
        name: A name in :data:`SHAPES`.
        keys: Fields of which at least one is required.
    """
    reachable: list[str] = [name]
    for reached in reachable:
        shape = SHAPES[reached]
        reachable += [n for n in (*shape.nested.values(), *shape.lists.values()) if n not in reachable]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        **_object(SHAPES[name]),
        "anyOf": [{"required": [key]} for key in keys],
        "$defs": {other: _object(SHAPES[other]) for other in reachable},
    }


def _object(shape: Shape) -> dict[str, Any]:
    properties = {
        field_name: dict(json_type)
        for group, json_type in _JSON_TYPES.items()
        for field_name in getattr(shape, group).split()
    }
    for field_name, other in shape.nested.items():
        properties[field_name] = {"anyOf": [{"$ref": f"#/$defs/{other}"}, {"type": "null"}]}
    for field_name, other in shape.lists.items():
        properties[field_name] = {"type": ["array", "null"], "items": {"$ref": f"#/$defs/{other}"}}
    return {"type": "object", "properties": properties, "additionalProperties": True}

"""Names of fields in requests: Xero reads them in any letter case (a live integration sends `AccountId`)."""

from typing import Any

_NAMES = """
    Account AccountCode AccountID AccountNumber Accounts AccountsPayable AccountsPayableTaxType
    AccountsReceivable AccountsReceivableTaxType Actions AddToWatchlist AddressType Addresses AllocationID
    Allocations Amount AmountCredited AmountDue AmountPaid AppliedAmount AttachFilesIntoInvoice AttentionTo
    Balances BankAccount BankAccountDetails BankAccountNumber BankAccountType BankAmount BankTransactionID
    BankTransactions BankTransferID BankTransfers BatchPayment BatchPaymentID BatchPayments BrandingThemeID
    BrandingThemes City Class Code CompanyNumber Contact ContactGroups ContactID ContactNumber
    ContactPersons ContactStatus Contacts Country CreateApprovedBill CreateApprovedInvoice
    CreateApprovedPurchaseOrder CreateDraftBill CreateDraftInvoice CreateDraftPurchaseOrder CreateDraftQuote
    CreateInvoicePayment CreateRepeatingBill CreateRepeatingInvoice CreateSentQuote CreatedDateUTC
    CreditNote CreditNoteID CreditNoteNumber CreditNotes Currencies CurrencyCode CurrencyRate Date
    DateString DefaultCurrency Description Details DiscountAmount DiscountPercentage DiscountRate
    DisplayTaxRate DueDate DueDateString EffectiveRate Elements EmailAddress EnablePaymentsToAccount
    EndOfYearLockDate ErrorNumber ExpectedPaymentDate FirstName From FromBankTransactionID FromIsReconciled
    FromTracking FullyPaidOnDate HasAccount HasAttachments HasErrors HasValidationErrors HistoryRecords ID
    IncludeInEmails Invoice InvoiceID InvoiceNumber InvoicePaymentServices Invoices IsActive IsArchived
    IsBlank IsCompound IsCustomer IsDeleted IsDiscounted IsNonRecoverable IsPurchased IsReconciled IsSold
    IsSupplier IsTrackedAsInventory Item ItemCode ItemID Items JournalLines LastName LineAmount
    LineAmountTypes LineItemID LineItems ManualJournalID ManualJournals Message Name Narration Narrative
    NoDataProcessedException OnlineInvoiceUrl OnlineInvoices Option Options Outstanding Overdue Overpayment
    OverpaymentID Overpayments Particulars PaymentID PaymentTerms PaymentType Payments PaysTax
    PeriodLockDate PhoneAreaCode PhoneCountryCode PhoneNumber PhoneType Phones PlannedPaymentDate
    PostDataInvalidException PostalCode Prepayment PrepaymentID Prepayments PurchaseDescription
    PurchaseDetails PurchasesDefaultAccountCode Quantity Rate Reference Region RemainingCredit ReportingCode
    ReportingCodeName SalesDefaultAccountCode SalesDetails SentToContact ShowInExpenseClaims
    ShowOnCashBasisReports SkypeUserName Status StatusAttributeString SubTotal SystemAccount TaxAmount
    TaxComponents TaxNumber TaxRates TaxType To ToBankTransactionID ToIsReconciled ToTracking Total
    TotalAmount TotalTax Tracking TrackingCategories TrackingCategoryID TrackingOptionID Type UnitAmount
    UnitPrice UpdatedDateUTC UpdatedDateUTCString Url UseMulticurrency ValidationErrors ValidationException
    Warnings Website QuoteID QuoteNumber Quotes Terms Title Summary ExpiryDate ExpiryDateString TotalDiscount
"""
_BY_LOWER_NAME = {name.lower(): name for name in _NAMES.split()}


def with_xero_names(value: Any) -> Any:
    """Return a request body whose known names are spelled as Xero spells them; unknown ones stay."""
    if isinstance(value, list):
        return [with_xero_names(item) for item in value]
    if isinstance(value, dict):
        return {_BY_LOWER_NAME.get(name.lower(), name): with_xero_names(item) for name, item in value.items()}
    return value

"""The methods of xero-node's Accounting API: what each reads of the sandbox, and those that it does not have."""

# method: the table of the sandbox, and the key of its rows; with the number of the `page` argument
LISTS = {
    "getAccounts": "Accounts", "getBankTransfers": "BankTransfers", "getBatchPayments": "BatchPayments",
    "getBrandingThemes": "BrandingThemes", "getContactGroups": "ContactGroups", "getCurrencies": "Currencies",
    "getItems": "Items", "getOrganisations": "Organisation", "getTaxRates": "TaxRates",
    "getTrackingCategories": "TrackingCategories", "getUsers": "Users", "getRepeatingInvoices": "RepeatingInvoices",
}  # fmt: skip
PAGED = {
    "getBankTransactions": ("BankTransactions", 4), "getContacts": ("Contacts", 5),
    "getCreditNotes": ("CreditNotes", 4),
    "getInvoices": ("Invoices", 8), "getManualJournals": ("ManualJournals", 4), "getOverpayments": ("Overpayments", 4),
    "getPayments": ("Payments", 4), "getPrepayments": ("Prepayments", 4), "getPurchaseOrders": ("PurchaseOrders", 6),
    "getQuotes": ("Quotes", 8), "getLinkedTransactions": ("LinkedTransactions", 1),
}  # fmt: skip
SINGLE = {
    "getAccount": "Accounts", "getBankTransaction": "BankTransactions", "getBankTransfer": "BankTransfers",
    "getBatchPayment": "BatchPayments", "getBrandingTheme": "BrandingThemes", "getContact": "Contacts",
    "getContactGroup": "ContactGroups", "getCreditNote": "CreditNotes", "getInvoice": "Invoices", "getItem": "Items",
    "getManualJournal": "ManualJournals", "getOverpayment": "Overpayments", "getPayment": "Payments",
    "getPrepayment": "Prepayments", "getPurchaseOrder": "PurchaseOrders", "getQuote": "Quotes",
    "getLinkedTransaction": "LinkedTransactions",
    "getRepeatingInvoice": "RepeatingInvoices", "getTrackingCategory": "TrackingCategories", "getUser": "Users",
}  # fmt: skip
HISTORIES = {
    "BankTransfers": ("getBankTransferHistory", "createBankTransferHistoryRecord"),
    "BankTransactions": ("getBankTransactionsHistory", "createBankTransactionHistoryRecord"),
    "BatchPayments": ("getBatchPaymentHistory", "createBatchPaymentHistoryRecord"),
    "Contacts": ("getContactHistory", "createContactHistory"),
    "CreditNotes": ("getCreditNoteHistory", "createCreditNoteHistory"),
    "Invoices": ("getInvoiceHistory", "createInvoiceHistory"),
    "Items": ("getItemHistory", "createItemHistory"),
    "ManualJournals": ("getManualJournalsHistory", "createManualJournalHistoryRecord"),
    "Overpayments": ("getOverpaymentHistory", "createOverpaymentHistory"),
    "Payments": ("getPaymentHistory", "createPaymentHistory"),
    "Prepayments": ("getPrepaymentHistory", "createPrepaymentHistory"),
    "PurchaseOrders": ("getPurchaseOrderHistory", "createPurchaseOrderHistory"),
    "Quotes": ("getQuoteHistory", "createQuoteHistory"),
    "RepeatingInvoices": ("getRepeatingInvoiceHistory", "createRepeatingInvoiceHistory"),
}
REPORTS = {"getReportBalanceSheet", "getReportBankSummary", "getReportExecutiveSummary", "getReportProfitAndLoss",
           "getReportTrialBalance"}  # fmt: skip
AGED = {"getReportAgedPayablesByContact", "getReportAgedReceivablesByContact"}
PRINTED = {"getInvoiceAsPdf": "Invoices", "getCreditNoteAsPdf": "CreditNotes", "getQuoteAsPdf": "Quotes",
           "getPurchaseOrderAsPdf": "PurchaseOrders"}  # fmt: skip
OTHER_READS = {"getContactByContactNumber", "getOnlineInvoice", "getOrganisationActions", "getPurchaseOrderByNumber",
               "getTaxRateByTaxType"}  # fmt: skip
# the sandbox does not have these, and says so: documentation, "Not supported"
NOT_HERE = {
    *("createBrandingThemePaymentServices", "createContactGroup", "createContactGroupContacts", "createReceipt"),
    *("createExpenseClaimHistory", "createExpenseClaims", "createLinkedTransaction", "createPaymentService"),
    *("createPurchaseOrders", "createReceiptHistory", "createRepeatingInvoices", "deleteContactGroupContact"),
    *("deleteContactGroupContacts", "deleteLinkedTransaction", "getBrandingThemePaymentServices", "getBudget"),
    *("getBudgets", "getContactCISSettings", "getExpenseClaim", "getExpenseClaimHistory", "getExpenseClaims"),
    *("getInvoiceReminders", "getJournal", "getJournalByNumber", "getJournals"),
    *("getOrganisationCISSettings", "getPaymentServices", "getReceipt", "getReceiptHistory", "getReceipts"),
    *("getReportBudgetSummary", "getReportFromId", "getReportTenNinetyNine", "getReportsList", "updateContactGroup"),
    *("updateExpenseClaim", "updateLinkedTransaction", "updateOrCreatePurchaseOrders", "updatePurchaseOrder"),
    *("updateOrCreateRepeatingInvoices", "updateReceipt", "updateRepeatingInvoice"),
}

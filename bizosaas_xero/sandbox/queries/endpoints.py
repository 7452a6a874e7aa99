"""One table: what each list of Xero's Accounting API takes, hides and needs."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from bizosaas_xero.sandbox.core.xero_json import CENT, Row


@dataclass(frozen=True)
class Endpoint:
    """One list.

    Attributes:
        name: Xero's endpoint name, in the path.
        id_field: The field that holds a row's id.
        scopes: The scopes (without `.read`) that open it, of either vocabulary; one is enough.
        number: A second field by which a single row can be asked for.
        paged: Knows `page` and `pageSize`.
        always: Is paged even without `page`.
        modified: Knows If-Modified-Since.
        drops: Fields that the list without `page` leaves out.
        summary_drops: Fields that `summaryOnly` leaves out.
        forcing: Parameters that switch paging on by themselves.
        optimised: What may be filtered or ordered by above 100,000 rows.
        plural: The key of the rows in the answer, when it is not `name`.
        hidden: A field and the value that hides a row unless `includeArchived`.
        optional: Fields a row may lack and still be filtered by.
        searched: Fields that `searchTerm` looks into.
    """

    name: str
    id_field: str
    scopes: tuple[str, ...]
    number: str = ""
    paged: bool = False
    always: bool = False
    modified: bool = False
    drops: tuple[str, ...] = ()
    summary_drops: tuple[str, ...] = ()
    forcing: tuple[str, ...] = ()
    optimised: tuple[str, ...] = ()
    plural: str = ""
    hidden: tuple[str, str] | None = None
    optional: tuple[str, ...] = ()
    searched: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The key of the rows in the answer."""
        return self.plural or self.name


_LEGACY = "accounting.transactions"
_SETTINGS = ("accounting.settings",)
_DOCUMENT = ("Type", "Status", "Date", "DueDate", "Contact.ContactID", "UpdatedDateUTC", "Reference")

ENDPOINTS = {
    endpoint.name.lower(): endpoint
    for endpoint in (
        Endpoint(
            "Invoices", "InvoiceID", ("accounting.invoices", _LEGACY), number="InvoiceNumber",
            paged=True, modified=True,
            drops=("LineItems",), summary_drops=("LineItems", "Payments", "HasAttachments", "CISDeduction"),
            forcing=("statuses", "summaryonly"), searched=("InvoiceNumber", "Reference"),
            optimised=(*_DOCUMENT, "AmountDue", "AmountPaid", "InvoiceNumber", "InvoiceID", "Contact.Name"),
            optional=("DueDate", "DueDateString", "BrandingThemeID", "SentToContact", "FullyPaidOnDate",
                      "ExpectedPaymentDate", "PlannedPaymentDate", "Url", "RepeatingInvoiceID"),
        ),
        Endpoint(
            "Contacts", "ContactID", ("accounting.contacts",), number="ContactNumber",
            paged=True, modified=True,
            drops=("ContactPersons", "ContactGroups", "Balances", "PaymentTerms", "Website",
                   "MergedToContactID"),
            summary_drops=("Addresses", "Balances", "ContactGroups", "ContactPersons", "IsCustomer",
                           "IsSupplier", "PaymentTerms", "Website"),
            forcing=("summaryonly",),
            searched=("Name", "FirstName", "LastName", "ContactNumber", "CompanyNumber", "EmailAddress"),
            optimised=("Name", "EmailAddress", "AccountNumber", "ContactID", "UpdatedDateUTC"),
            hidden=("ContactStatus", "ARCHIVED"),
            optional=("ContactNumber", "AccountNumber", "Website", "PaymentTerms", "Balances", "TaxNumber",
                      "CompanyNumber"),
        ),
        Endpoint(
            "BankTransactions", "BankTransactionID", ("accounting.banktransactions", _LEGACY),
            paged=True, modified=True,
            drops=("LineItems",), optimised=("BankTransactionID", *_DOCUMENT),
            optional=("PrepaymentID", "OverpaymentID", "CurrencyRate", "Url"),
        ),
        Endpoint(
            "Payments", "PaymentID", ("accounting.payments", _LEGACY),
            paged=True, modified=True,
            optimised=("PaymentID", "PaymentType", "Status", "Date", "Invoice.InvoiceID", "Reference",
                       "UpdatedDateUTC"),
            optional=("Reference", "BatchPaymentID"),
        ),
        Endpoint(
            "Accounts", "AccountID", _SETTINGS, modified=True,
            optional=("SystemAccount", "Description", "CurrencyCode"),
        ),
        Endpoint(
            "CreditNotes", "CreditNoteID", ("accounting.invoices", _LEGACY), number="CreditNoteNumber",
            paged=True, modified=True, drops=("LineItems",), optimised=("CreditNoteID", *_DOCUMENT),
        ),
        Endpoint(
            "Prepayments", "PrepaymentID", ("accounting.payments", _LEGACY),
            paged=True, modified=True, drops=("LineItems",), optimised=("PrepaymentID", *_DOCUMENT),
        ),
        Endpoint(
            "Overpayments", "OverpaymentID", ("accounting.payments", _LEGACY),
            paged=True, modified=True, drops=("LineItems",), optimised=("OverpaymentID", *_DOCUMENT),
            optional=_DOCUMENT,
        ),
        Endpoint(
            "BatchPayments", "BatchPaymentID", ("accounting.payments", _LEGACY), modified=True,
            optional=("Type", "Status", "Date", "Account.AccountID", "UpdatedDateUTC", "Reference"),
        ),
        Endpoint(
            "BankTransfers", "BankTransferID", ("accounting.banktransactions", _LEGACY), modified=True,
            optional=("Date", "Amount", "CreatedDateUTC", "FromBankAccount.AccountID",
                      "ToBankAccount.AccountID"),
            hidden=("Status", "DELETED"),
        ),
        Endpoint(
            "ManualJournals", "ManualJournalID", ("accounting.manualjournals", _LEGACY),
            paged=True, modified=True, drops=("JournalLines",),
            optimised=("ManualJournalID", "UpdatedDateUTC", "Date", "Narration"),
            optional=("Narration", "Date", "Status", "UpdatedDateUTC"),
        ),
        # lists that nothing is seeded into; `/_sandbox/data` can
        Endpoint("Quotes", "QuoteID", ("accounting.invoices", _LEGACY), paged=True, modified=True,
                 optional=_DOCUMENT),
        Endpoint(
            "PurchaseOrders", "PurchaseOrderID", ("accounting.invoices", _LEGACY),
            paged=True, always=True, modified=True, optional=_DOCUMENT,
        ),
        Endpoint("RepeatingInvoices", "RepeatingInvoiceID", ("accounting.invoices", _LEGACY)),
        Endpoint("LinkedTransactions", "LinkedTransactionID", ("accounting.invoices", _LEGACY), paged=True,
                 always=True),
        Endpoint("ContactGroups", "ContactGroupID", ("accounting.contacts",)),
        Endpoint("Items", "ItemID", (*_SETTINGS, "accounting.invoices"), number="Code", modified=True),
        Endpoint("Organisation", "OrganisationID", _SETTINGS, plural="Organisations"),
        Endpoint("TaxRates", "TaxType", _SETTINGS),
        Endpoint("Currencies", "Code", _SETTINGS),
        Endpoint(
            "TrackingCategories", "TrackingCategoryID", _SETTINGS, hidden=("Status", "ARCHIVED")
        ),
        Endpoint("BrandingThemes", "BrandingThemeID", _SETTINGS),
        Endpoint("Users", "UserID", _SETTINGS, modified=True),
    )
}  # fmt: skip
# both spellings are in use: Xero documents the singular, pyxero and tap-xero send the plural
ENDPOINTS["organisations"] = ENDPOINTS["organisation"]


def shape(endpoint: Endpoint, form: str, places: int = 2) -> Callable[[Row], Row]:
    """Return what turns a full row into one of its forms: `full`, `list` (no page) or `summary`.

    Unit prices have two decimal places unless `unitdp` asks for four.
    """
    drops = () if form == "full" else endpoint.drops if form == "list" else endpoint.summary_drops
    drops = drops or (endpoint.drops if form == "summary" else ())

    def reduced(row: Row) -> Row:
        kept = {name: value for name, value in row.items() if name not in drops}
        for lines in ("LineItems", "JournalLines"):
            if lines in row and lines in drops:
                kept[lines] = []  # recorded from Xero: the key stays, empty
        if isinstance(kept.get("Contact"), dict):
            contact = kept["Contact"]
            kept["Contact"] = {name: contact[name] for name in _CONTACT if name in contact}
        return kept

    def shaped(row: Row) -> Row:
        row = reduced(row) if drops else row
        if places > _CENTS or not any(_is_fine(line) for line in row.get("LineItems", ())):
            return row
        lines = [
            {**line, "UnitAmount": line["UnitAmount"].quantize(CENT, ROUND_HALF_UP)} if _is_fine(line) else line
            for line in row["LineItems"]
        ]
        return {**row, "LineItems": lines}

    return shaped


_CENTS = 2


def _is_fine(line: Row) -> bool:
    unit = line.get("UnitAmount")
    return isinstance(unit, Decimal) and int(unit.as_tuple().exponent) < -_CENTS


_CONTACT = (
    "ContactID",
    "Name",
    "Addresses",
    "Phones",
    "ContactGroups",
    "ContactPersons",
    "HasValidationErrors",
)

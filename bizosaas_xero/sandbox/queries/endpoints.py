"""The table of endpoints: what each list of Xero's Accounting API accepts, hides and requires."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from bizosaas_xero.sandbox.core.xero_json import CENT, Row
from bizosaas_xero.sandbox.queries.dialect import PLAIN, Dialect


@dataclass(frozen=True)
class Endpoint:
    """One list.

    Attributes:
        name: Xero's endpoint name, in the path.
        id_field: The field that holds a row's id.
        scopes: The scopes (without `.read`), granular and broad, that allow it; one is enough.
        number_field: A second field by which a single row can be read.
        paged: Supports `page` and `pageSize`.
        always_paged: Is paged even without `page`.
        if_modified_since: Supports If-Modified-Since.
        list_drops: Fields that the list without `page` leaves out.
        summary_drops: Fields that `summaryOnly` leaves out.
        paging_params: Parameters that switch paging on by themselves.
        optimised: Fields that may be filtered or ordered by above 100,000 rows.
        plural: The key of the rows in the answer, when it is not `name`.
        hidden: A field and the value that hides a row unless `includeArchived`.
        optional_fields: Fields a row may lack and still be filtered by.
        search_fields: Fields that `searchTerm` looks into.
    """

    name: str
    id_field: str
    scopes: tuple[str, ...]
    number_field: str = ""
    paged: bool = False
    always_paged: bool = False
    if_modified_since: bool = False
    list_drops: tuple[str, ...] = ()
    summary_drops: tuple[str, ...] = ()
    paging_params: tuple[str, ...] = ()
    optimised: tuple[str, ...] = ()
    plural: str = ""
    hidden: tuple[str, str] | None = None
    optional_fields: tuple[str, ...] = ()
    search_fields: tuple[str, ...] = ()

    @property
    def plural_key(self) -> str:
        """The key of the rows in the answer."""
        return self.plural or self.name


_LEGACY_SCOPE = "accounting.transactions"
_SETTINGS_SCOPES = ("accounting.settings",)
_DOCUMENT_FIELDS = ("Type", "Status", "Date", "DueDate", "Contact.ContactID", "UpdatedDateUTC", "Reference")

ENDPOINTS = {
    endpoint.name.lower(): endpoint
    for endpoint in (
        Endpoint(
            "Invoices", "InvoiceID", ("accounting.invoices", _LEGACY_SCOPE), number_field="InvoiceNumber",
            paged=True, if_modified_since=True,
            list_drops=("LineItems",), summary_drops=("LineItems", "Payments", "HasAttachments", "CISDeduction"),
            paging_params=("statuses", "summaryonly"), search_fields=("InvoiceNumber", "Reference"),
            optimised=(*_DOCUMENT_FIELDS, "AmountDue", "AmountPaid", "InvoiceNumber", "InvoiceID", "Contact.Name"),
            optional_fields=("DueDate", "DueDateString", "BrandingThemeID", "SentToContact", "FullyPaidOnDate",
                      "ExpectedPaymentDate", "PlannedPaymentDate", "Url", "RepeatingInvoiceID",
                      "Contact.ContactNumber", "Contact.AccountNumber", "Contact.EmailAddress"),
        ),
        Endpoint(
            "Contacts", "ContactID", ("accounting.contacts",), number_field="ContactNumber",
            paged=True, if_modified_since=True,
            list_drops=("ContactPersons", "ContactGroups", "Balances", "PaymentTerms", "Website",
                   "MergedToContactID"),
            summary_drops=("Addresses", "Balances", "ContactGroups", "ContactPersons", "IsCustomer",
                           "IsSupplier", "PaymentTerms", "Website"),
            paging_params=("summaryonly",),
            search_fields=("Name", "FirstName", "LastName", "ContactNumber", "CompanyNumber", "EmailAddress"),
            optimised=("Name", "EmailAddress", "AccountNumber", "ContactID", "UpdatedDateUTC"),
            hidden=("ContactStatus", "ARCHIVED"),
            optional_fields=("ContactNumber", "AccountNumber", "Website", "PaymentTerms", "Balances", "TaxNumber",
                      "CompanyNumber"),
        ),
        Endpoint(
            "BankTransactions", "BankTransactionID", ("accounting.banktransactions", _LEGACY_SCOPE),
            paged=True, if_modified_since=True,
            list_drops=("LineItems",), optimised=("BankTransactionID", *_DOCUMENT_FIELDS),
            optional_fields=("PrepaymentID", "OverpaymentID", "CurrencyRate", "Url"),
        ),
        Endpoint(
            "Payments", "PaymentID", ("accounting.payments", _LEGACY_SCOPE),
            paged=True, if_modified_since=True,
            optimised=("PaymentID", "PaymentType", "Status", "Date", "Invoice.InvoiceID", "Reference",
                       "UpdatedDateUTC"),
            optional_fields=("Reference", "BatchPaymentID", "Invoice.Contact.ContactID", "Invoice.Contact.Name"),
        ),
        Endpoint(
            "Accounts", "AccountID", _SETTINGS_SCOPES, if_modified_since=True,
            optional_fields=("SystemAccount", "Description", "CurrencyCode"),
        ),
        Endpoint(
            "CreditNotes", "CreditNoteID", ("accounting.invoices", _LEGACY_SCOPE), number_field="CreditNoteNumber",
            paged=True, if_modified_since=True, list_drops=("LineItems",),
            optimised=("CreditNoteID", *_DOCUMENT_FIELDS),
        ),
        Endpoint(
            "Prepayments", "PrepaymentID", ("accounting.payments", _LEGACY_SCOPE),
            paged=True, if_modified_since=True, list_drops=("LineItems",),
            optimised=("PrepaymentID", *_DOCUMENT_FIELDS),
        ),
        Endpoint(
            "Overpayments", "OverpaymentID", ("accounting.payments", _LEGACY_SCOPE),
            paged=True, if_modified_since=True, list_drops=("LineItems",),
            optimised=("OverpaymentID", *_DOCUMENT_FIELDS),
            optional_fields=_DOCUMENT_FIELDS,
        ),
        Endpoint(
            "BatchPayments", "BatchPaymentID", ("accounting.payments", _LEGACY_SCOPE), if_modified_since=True,
            optional_fields=("Type", "Status", "Date", "Account.AccountID", "UpdatedDateUTC", "Reference"),
        ),
        Endpoint(
            "BankTransfers", "BankTransferID", ("accounting.banktransactions", _LEGACY_SCOPE), if_modified_since=True,
            optional_fields=("Date", "Amount", "CreatedDateUTC", "FromBankAccount.AccountID",
                      "ToBankAccount.AccountID"),
            hidden=("Status", "DELETED"),
        ),
        Endpoint(
            "ManualJournals", "ManualJournalID", ("accounting.manualjournals", _LEGACY_SCOPE),
            paged=True, if_modified_since=True, list_drops=("JournalLines",),
            optimised=("ManualJournalID", "UpdatedDateUTC", "Date", "Narration"),
            optional_fields=("Narration", "Date", "Status", "UpdatedDateUTC"),
        ),
        # lists without seeded rows; `/_sandbox/data` can add some
        Endpoint("Quotes", "QuoteID", ("accounting.invoices", _LEGACY_SCOPE), paged=True, if_modified_since=True,
                 optional_fields=_DOCUMENT_FIELDS),
        Endpoint(
            "PurchaseOrders", "PurchaseOrderID", ("accounting.invoices", _LEGACY_SCOPE),
            number_field="PurchaseOrderNumber",
            paged=True, always_paged=True, if_modified_since=True, optional_fields=_DOCUMENT_FIELDS,
        ),
        Endpoint("RepeatingInvoices", "RepeatingInvoiceID", ("accounting.invoices", _LEGACY_SCOPE)),
        Endpoint("LinkedTransactions", "LinkedTransactionID", ("accounting.invoices", _LEGACY_SCOPE), paged=True,
                 always_paged=True),
        Endpoint("Employees", "EmployeeID", _SETTINGS_SCOPES),
        Endpoint("ContactGroups", "ContactGroupID", ("accounting.contacts",)),
        Endpoint("Items", "ItemID", (*_SETTINGS_SCOPES, "accounting.invoices"), number_field="Code",
                 if_modified_since=True),
        Endpoint("Organisation", "OrganisationID", _SETTINGS_SCOPES, plural="Organisations"),
        Endpoint("TaxRates", "TaxType", _SETTINGS_SCOPES),
        Endpoint("Currencies", "Code", _SETTINGS_SCOPES),
        Endpoint(
            "TrackingCategories", "TrackingCategoryID", _SETTINGS_SCOPES, hidden=("Status", "ARCHIVED")
        ),
        Endpoint("BrandingThemes", "BrandingThemeID", _SETTINGS_SCOPES),
        Endpoint("Users", "UserID", _SETTINGS_SCOPES, if_modified_since=True),
    )
}  # fmt: skip
# both spellings are in use: Xero documents the singular, pyxero and tap-xero send the plural
ENDPOINTS["organisations"] = ENDPOINTS["organisation"]


def row_shaper(endpoint: Endpoint, form: str, price_places: int = 2, dialect: Dialect = PLAIN) -> Callable[[Row], Row]:
    """Return the function that turns a full row into a form: `full`, `single`, `list` (no page) or `summary`.

    Unit prices have two decimal places unless `unitdp` asks for four.
    """
    drops = () if form in {"full", "single"} else endpoint.list_drops if form == "list" else endpoint.summary_drops
    drops = drops or (endpoint.list_drops if form == "summary" else ())

    def reduced(row: Row) -> Row:
        reduced_row = {name: value for name, value in row.items() if name not in drops}
        for lines in ("LineItems", "JournalLines"):
            if lines in row and lines in drops:
                reduced_row[lines] = []  # recorded from Xero: the key stays, empty
        if isinstance(reduced_row.get("Contact"), dict):
            contact = reduced_row["Contact"]
            reduced_row["Contact"] = {name: contact[name] for name in _CONTACT_FIELDS if name in contact}
        return reduced_row

    def shaped(row: Row) -> Row:
        row = dialect.apply(endpoint.name, reduced(row) if drops else row, single=form == "single")
        if price_places > _CENTS or not any(_has_fine_price(line) for line in row.get("LineItems", ())):
            return row
        lines = [
            {**line, "UnitAmount": line["UnitAmount"].quantize(CENT, ROUND_HALF_UP)} if _has_fine_price(line) else line
            for line in row["LineItems"]
        ]
        return {**row, "LineItems": lines}

    return shaped


_CENTS = 2


def _has_fine_price(line: Row) -> bool:
    unit = line.get("UnitAmount")
    return isinstance(unit, Decimal) and int(unit.as_tuple().exponent) < -_CENTS


_CONTACT_FIELDS = (
    "ContactID",
    "Name",
    "Addresses",
    "Phones",
    "ContactGroups",
    "ContactPersons",
    "HasValidationErrors",
)

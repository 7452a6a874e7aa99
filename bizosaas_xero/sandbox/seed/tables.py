"""The tables of an organisation, and its short lists: tax rates, currencies, tracking, people."""

from collections.abc import Callable

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.countries import OUT, tax_rates
from bizosaas_xero.sandbox.core.guids import GuidSequence, GuidSubset, stable_guid
from bizosaas_xero.sandbox.core.table import SeededRows, Table
from bizosaas_xero.sandbox.core.xero_json import Row, from_cents
from bizosaas_xero.sandbox.seed import bank_rows, names
from bizosaas_xero.sandbox.seed import rows as seed_rows
from bizosaas_xero.sandbox.seed.documents import SeededBooks, contact_name

_EMPTY_LISTS = {
    "Overpayments": "OverpaymentID",
    "ManualJournals": "ManualJournalID",
    "Quotes": "QuoteID",
    "Employees": "EmployeeID",
    "PurchaseOrders": "PurchaseOrderID",
    "RepeatingInvoices": "RepeatingInvoiceID",
    "LinkedTransactions": "LinkedTransactionID",
    "ContactGroups": "ContactGroupID",
}


def build_tables(books: SeededBooks, organisation: Row) -> dict[str, Table]:
    """Return every table of an organisation, seeded.

    Args:
        books: Computes the rows.
        organisation: The organisation's own row.
    """
    b, batches = books, bank_rows.SeededBatches(books)
    # id field, id sequence, count, row maker, salt of timestamps, columns that lists select by
    large_tables: dict[str, tuple[str, str, int, Callable[[int], Row], int, dict[str, Callable[[int], str]]]] = {
        "Invoices": (
            "InvoiceID", "invoice", b.count, b.invoice, 4,
            {
                "Type": lambda n: "ACCREC" if b.type_and_status(n)[0] else "ACCPAY",
                "Status": lambda n: b.type_and_status(n)[1],
            },
        ),
        "Contacts": (
            "ContactID", "contact", b.contact_count, lambda n: seed_rows.contact_row(b, n), 6,
            {"ContactStatus": seed_rows.contact_status},
        ),
        "BankTransactions": (
            "BankTransactionID", "bank", b.bank_count, lambda n: seed_rows.bank_transaction_row(b, n), 8,
            {
                "Type": lambda n: seed_rows.bank_type(b.random_bits(10, n)),
                "Status": lambda n: seed_rows.bank_status(b.random_bits(10, n)),
            },
        ),
        "Payments": ("PaymentID", "payment", len(b.paid), batches.payment, 11, {}),
        "Accounts": ("AccountID", "account", len(names.ACCOUNTS), lambda n: seed_rows.account_row(b, n), 13, {}),
        "CreditNotes": (
            "CreditNoteID", "credit", b.credit_count, lambda n: seed_rows.credit_note_row(b, n), 14, {},
        ),
    }  # fmt: skip
    quick: dict[str, dict[str, Callable[[int], str]]] = {
        "Invoices": {"InvoiceNumber": lambda n: b.document_number(n, b.type_and_status(n)[0])},
        "Contacts": {"Name": contact_name},
    }
    tables: dict[str, Table] = {}
    for name, (id_field, ids, count, make, salt, columns) in large_tables.items():
        stamps = [b.timestamp(salt, number) for number in range(count)]
        tables[name] = Table(
            id_field, SeededRows(b.ids[ids], count, make, stamps.__getitem__, columns, quick.get(name, {}))
        )
    prepaid = [n for n in range(b.bank_count) if seed_rows.bank_type(b.random_bits(10, n)).endswith("PREPAYMENT")]
    tables["Prepayments"] = Table(
        "PrepaymentID",
        SeededRows(
            GuidSubset(b.ids["bank"], prepaid),
            len(prepaid),
            lambda slot: seed_rows.prepayment_row(b, prepaid[slot]),
            lambda slot: b.timestamp(8, prepaid[slot]),
        ),
    )
    tables["BatchPayments"] = Table(
        "BatchPaymentID", SeededRows(b.ids["batch"], len(batches.slots), batches.batch, batches.timestamp)
    )
    tables["BankTransfers"] = Table(
        "BankTransferID",
        SeededRows(
            b.ids["transfer"],
            bank_rows.TRANSFER_COUNT,
            lambda n: bank_rows.transfer_row(b, n),
            lambda n: bank_rows.transfer_created_ms(b, n),
            # the list hides deleted transfers by their status
            {"Status": lambda _: "AUTHORISED"},
        ),
        "CreatedDateUTC",
    )
    for name, id_field in _EMPTY_LISTS.items():
        tables[name] = _empty_table(b, name, id_field)
    for name, (id_field, rows) in _short_lists(b, organisation).items():
        # here the id may be a code such as NZD
        tables[name] = _empty_table(b, name, id_field)
        for row in rows:
            tables[name].put(row)
    return tables


def _empty_text(_: int) -> str:
    return ""


_TIMESTAMP_FIELDS = {"TaxRates": "", "Currencies": "", "TrackingCategories": "",
           "BrandingThemes": "CreatedDateUTC", "Organisation": ""}  # fmt: skip


def _empty_table(books: SeededBooks, name: str, id_field: str) -> Table:
    # the list hides archived tracking categories by their status
    columns = {"Status": _empty_text} if name == "TrackingCategories" else {}
    seeded = SeededRows(GuidSequence(books.organisation.id, name), 0, lambda _: {}, lambda _: 0, columns)
    return Table(id_field, seeded, _TIMESTAMP_FIELDS.get(name, "UpdatedDateUTC"))


def _short_lists(books: SeededBooks, organisation_row: Row) -> dict[str, tuple[str, list[Row]]]:
    organisation = books.organisation
    stamp = xero_json.xero_timestamp(books.timestamp(13, 99))
    return {
        "Organisation": ("OrganisationID", [organisation_row]),
        "Items": (
            "ItemID",
            [
                {
                    "ItemID": books.item_id(code),
                    "Code": code,
                    "Description": text,
                    "UpdatedDateUTC": stamp,
                    "PurchaseDetails": {},
                    "SalesDetails": {
                        "UnitPrice": from_cents(price),
                        "AccountCode": "200",
                        "TaxType": organisation.rules.standard_tax(OUT)[0],
                    },
                    "Name": text[:50],
                    "IsTrackedAsInventory": False,
                    "IsSold": True,
                    "IsPurchased": False,
                }
                for text, code, price in names.SALES_LINES
                if code
            ],
        ),
        "TaxRates": ("TaxType", tax_rates(organisation)),
        "Currencies": (
            "Code",
            [{"Code": code, "Description": code} for code in (organisation.currency, organisation.foreign)],
        ),
        "TrackingCategories": (
            "TrackingCategoryID",
            [
                {
                    "Name": name,
                    "Status": "ACTIVE",
                    "TrackingCategoryID": guid,
                    "Options": [
                        {
                            "TrackingOptionID": option_id,
                            "Name": option,
                            "Status": "ACTIVE",
                            "HasValidationErrors": False,
                            "IsDeleted": False,
                            "IsArchived": False,
                            "IsActive": True,
                        }
                        for option, option_id in options
                    ],
                }
                for name, guid, options in books.tracking
            ],
        ),
        "BrandingThemes": (
            "BrandingThemeID",
            [{"BrandingThemeID": books.theme, "Name": "Standard", "SortOrder": 0, "CreatedDateUTC": stamp}],
        ),
        "Users": (
            "UserID",
            [
                {
                    "UserID": stable_guid(organisation.id, "user", last),
                    "EmailAddress": f"user{k}@example.com",
                    "FirstName": first,
                    "LastName": last,
                    "UpdatedDateUTC": stamp,
                    "IsSubscriber": k == 0,
                    "OrganisationRole": "STANDARD",
                }
                for k, (first, last) in enumerate(names.PEOPLE[:3])
            ],
        ),
    }

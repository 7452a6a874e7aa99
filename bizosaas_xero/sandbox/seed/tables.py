"""The tables of an organisation, and its short lists: tax rates, currencies, tracking, people."""

from collections.abc import Callable

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.countries import OUT, tax_rates
from bizosaas_xero.sandbox.core.guids import Chosen, Scramble, guid_of
from bizosaas_xero.sandbox.core.store import Seeded, Table
from bizosaas_xero.sandbox.core.xero_json import Row, money
from bizosaas_xero.sandbox.seed import bank_rows, names
from bizosaas_xero.sandbox.seed import rows as seed_rows
from bizosaas_xero.sandbox.seed.documents import Books, contact_name

_EMPTY = {
    "Overpayments": "OverpaymentID",
    "ManualJournals": "ManualJournalID",
    "Quotes": "QuoteID",
    "PurchaseOrders": "PurchaseOrderID",
    "RepeatingInvoices": "RepeatingInvoiceID",
    "LinkedTransactions": "LinkedTransactionID",
    "ContactGroups": "ContactGroupID",
}


def tables(books: Books, organisation: Row) -> dict[str, Table]:
    """Return every table of an organisation, seeded.

    Args:
        books: Computes the rows.
        organisation: The row of the organisation itself.
    """
    b, batches = books, bank_rows.Batches(books)
    # id family, how many, what makes a row, salt of its stamps, columns that lists select by
    many: dict[str, tuple[str, str, int, Callable[[int], Row], int, dict[str, Callable[[int], str]]]] = {
        "Invoices": (
            "InvoiceID", "invoice", b.count, b.invoice, 4,
            {"Type": lambda n: "ACCREC" if b.kind(n)[0] else "ACCPAY", "Status": lambda n: b.kind(n)[1]},
        ),
        "Contacts": (
            "ContactID", "contact", b.contact_count, lambda n: seed_rows.contact(b, n), 6,
            {"ContactStatus": seed_rows.contact_status},
        ),
        "BankTransactions": (
            "BankTransactionID", "bank", b.bank_count, lambda n: seed_rows.bank_transaction(b, n), 8,
            {
                "Type": lambda n: seed_rows.bank_type(b.bits(10, n)),
                "Status": lambda n: seed_rows.bank_status(b.bits(10, n)),
            },
        ),
        "Payments": ("PaymentID", "payment", len(b.paid), batches.payment, 11, {}),
        "Accounts": ("AccountID", "account", len(names.ACCOUNTS), lambda n: seed_rows.account(b, n), 13, {}),
        "CreditNotes": (
            "CreditNoteID", "credit", b.credit_count, lambda n: seed_rows.credit_note(b, n), 14, {},
        ),
    }  # fmt: skip
    quick: dict[str, dict[str, Callable[[int], str]]] = {
        "Invoices": {"InvoiceNumber": lambda n: b.number_of(n, b.kind(n)[0])},
        "Contacts": {"Name": contact_name},
    }
    made: dict[str, Table] = {}
    for name, (id_field, ids, count, make, salt, columns) in many.items():
        stamps = [b.stamp(salt, number) for number in range(count)]
        made[name] = Table(id_field, Seeded(b.ids[ids], count, make, stamps.__getitem__, columns, quick.get(name, {})))
    prepaid = [n for n in range(b.bank_count) if seed_rows.bank_type(b.bits(10, n)).endswith("PREPAYMENT")]
    made["Prepayments"] = Table(
        "PrepaymentID",
        Seeded(
            Chosen(b.ids["bank"], prepaid),
            len(prepaid),
            lambda slot: seed_rows.prepayment(b, prepaid[slot]),
            lambda slot: b.stamp(8, prepaid[slot]),
        ),
    )
    made["BatchPayments"] = Table(
        "BatchPaymentID", Seeded(b.ids["batch"], len(batches.slots), batches.batch, batches.stamp)
    )
    made["BankTransfers"] = Table(
        "BankTransferID",
        Seeded(
            b.ids["transfer"],
            bank_rows.TRANSFERS,
            lambda n: bank_rows.transfer(b, n),
            lambda n: bank_rows.created(b, n),
            # the list hides deleted transfers by their status
            {"Status": lambda _: "AUTHORISED"},
        ),
        "CreatedDateUTC",
    )
    for name, id_field in _EMPTY.items():
        made[name] = _empty(b, name, id_field)
    for name, (id_field, rows) in _short_lists(b, organisation).items():
        # here the id may be a code such as NZD
        made[name] = _empty(b, name, id_field)
        for row in rows:
            made[name].put(row)
    return made


def _nothing(_: int) -> str:
    return ""


_STAMPS = {"TaxRates": "", "Currencies": "", "TrackingCategories": "",
           "BrandingThemes": "CreatedDateUTC", "Organisation": ""}  # fmt: skip


def _empty(b: Books, name: str, id_field: str) -> Table:
    # the list hides archived tracking categories by their status
    columns = {"Status": _nothing} if name == "TrackingCategories" else {}
    seeded = Seeded(Scramble(b.organisation.id, name), 0, lambda _: {}, lambda _: 0, columns)
    return Table(id_field, seeded, _STAMPS.get(name, "UpdatedDateUTC"))


def _short_lists(b: Books, organisation: Row) -> dict[str, tuple[str, list[Row]]]:
    o = b.organisation
    stamp = xero_json.date(b.stamp(13, 99))
    return {
        "Organisation": ("OrganisationID", [organisation]),
        "Items": (
            "ItemID",
            [
                {
                    "ItemID": b.item_id(code),
                    "Code": code,
                    "Description": text,
                    "UpdatedDateUTC": stamp,
                    "PurchaseDetails": {},
                    "SalesDetails": {
                        "UnitPrice": money(price),
                        "AccountCode": "200",
                        "TaxType": o.rules.standard(OUT)[0],
                    },
                    "Name": text[:50],
                    "IsTrackedAsInventory": False,
                    "IsSold": True,
                    "IsPurchased": False,
                }
                for text, code, price in names.SALES
                if code
            ],
        ),
        "TaxRates": ("TaxType", tax_rates(o)),
        "Currencies": ("Code", [{"Code": code, "Description": code} for code in (o.currency, o.foreign)]),
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
                for name, guid, options in b.tracking
            ],
        ),
        "BrandingThemes": (
            "BrandingThemeID",
            [{"BrandingThemeID": b.theme, "Name": "Standard", "SortOrder": 0, "CreatedDateUTC": stamp}],
        ),
        "Users": (
            "UserID",
            [
                {
                    "UserID": guid_of(o.id, "user", last),
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

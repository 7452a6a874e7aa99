"""The rows of contacts, bank transactions, payments, accounts and credit notes, each from its number."""

from decimal import Decimal

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.countries import IN, OUT
from bizosaas_xero.sandbox.core.xero_json import Row, from_cents
from bizosaas_xero.sandbox.seed import names
from bizosaas_xero.sandbox.seed.documents import DAY_MS, SPAN_DAYS, SeededBooks, contact_name

_RECEIVE_PERCENT = 35  # percent of bank transactions
_BANK_CODES = ("090", "090", "090", "091", "093")


def contact_status(number: int) -> str:
    """Return whether a contact is archived."""
    return "ARCHIVED" if number % 13 == 9 else "ACTIVE"  # noqa: PLR2004


def contact_row(books: SeededBooks, number: int) -> Row:
    """Return a contact; its balances are the open amounts of its seeded documents."""
    bits = books.random_bits(12, number)
    first, last = names.PEOPLE[bits % 10]
    town, code = names.TOWNS[(bits >> 4) % 5]
    status = contact_status(number)
    sales = purchases = 0
    owed = {True: [0, 0], False: [0, 0]}
    for invoice in range(number, books.count, books.contact_count):
        sketch = books.sketch(invoice)
        sales, purchases = sales + sketch.sales, purchases + (not sketch.sales)
        if sketch.status == "AUTHORISED":
            due = sketch.subtotal + sketch.tax - sum(cents for kind, cents, _ in sketch.payments if kind == 0)
            owed[sketch.sales][0] += due
            owed[sketch.sales][1] += due if sketch.due < books.today else 0
    row: Row = {
        "ContactID": books.ids["contact"].id(number),
        **({"ContactNumber": f"C-{number + 1:05d}"} if bits >> 8 & 1 else {}),
        **({"AccountNumber": f"{bits >> 9 & 0xFFFF}"} if bits >> 25 & 1 else {}),
        "ContactStatus": status,
        "Name": contact_name(number),
        "FirstName": first,
        "LastName": last,
        "EmailAddress": f"accounts{number + 1}@example.com" if bits >> 26 & 3 else "",
        "BankAccountDetails": "",
        "Addresses": [
            {"AddressType": "STREET", "City": "", "Region": "", "PostalCode": "", "Country": ""},
            {
                "AddressType": "POBOX",
                "AddressLine1": f"P O Box {bits >> 30 & 0xFFF}",
                "City": town,
                "Region": "",
                "PostalCode": code,
                "Country": "",
                "AttentionTo": "",
            },
        ],
        "Phones": [
            {"PhoneType": kind, "PhoneNumber": "", "PhoneAreaCode": "", "PhoneCountryCode": ""}
            if kind != "DEFAULT"
            else {
                "PhoneType": kind,
                "PhoneNumber": f"{bits >> 40 & 0x7FFFF:07d}",
                "PhoneAreaCode": "04",
                "PhoneCountryCode": "64",
            }
            for kind in ("DDI", "DEFAULT", "FAX", "MOBILE")
        ],
        "UpdatedDateUTC": xero_json.xero_timestamp(books.timestamp(6, number)),
        "ContactGroups": [],
        "IsSupplier": purchases > 0,
        "IsCustomer": sales > 0,
        "DefaultCurrency": books.organisation.foreign if number % 11 == 5 else books.organisation.currency,  # noqa: PLR2004
    }
    if sales or purchases:
        row["Balances"] = {
            side: {"Outstanding": from_cents(owed[flag][0]), "Overdue": from_cents(owed[flag][1])}
            for side, flag in (("AccountsReceivable", True), ("AccountsPayable", False))
        }
    if bits >> 60 & 1:
        row["Website"] = f"https://example.com/{number + 1}"
        row["PaymentTerms"] = {
            "Bills": {"Day": 20, "Type": "OFFOLLOWINGMONTH"},
            "Sales": {"Day": 14, "Type": "DAYSAFTERBILLDATE"},
        }
    row["ContactPersons"] = (
        [{"FirstName": last, "LastName": first, "EmailAddress": "", "IncludeInEmails": False}] if bits >> 61 & 1 else []
    )
    row |= {"HasAttachments": False, "HasValidationErrors": False}
    return row


def bank_type(bits: int) -> str:
    """Return the type of a bank transaction."""
    verb = "RECEIVE" if bits % 100 < _RECEIVE_PERCENT else "SPEND"
    return verb + ("-PREPAYMENT" if (bits >> 8) % 40 == 0 else "")


def bank_status(bits: int) -> str:
    """Return the status of a bank transaction."""
    return "DELETED" if (bits >> 16) % 25 == 0 else "AUTHORISED"


def bank_transaction_row(books: SeededBooks, number: int) -> Row:
    """Return a bank transaction: money spent or received without an invoice."""
    bits = books.random_bits(10, number)
    kind = bank_type(bits)
    sales = kind.startswith("RECEIVE")
    day = books.today - SPAN_DAYS + SPAN_DAYS * number // books.bank_count - bits % 4
    pooled = tuple((bits >> 24 + 8 * k) % 192 for k in range(1 + (bits >> 20) % 2))
    tax = sum(books.pooled_line(sales, "Inclusive", n).tax for n in pooled)
    total = sum(books.pooled_line(sales, "Inclusive", n).amount for n in pooled)
    guid = books.ids["bank"].id(number)
    return {
        "BankTransactionID": guid,
        "BankAccount": books.account_stub(_BANK_CODES[(bits >> 44) % 5], "AccountID", "Code", "Name"),
        "Type": kind,
        "Reference": f"card {bits >> 48 & 0xFFF:04d}" if bits >> 47 & 1 else "",
        "IsReconciled": (bits >> 60) % 4 != 0,
        **({"PrepaymentID": guid} if kind.endswith("PREPAYMENT") else {}),
        "HasAttachments": False,
        "Contact": books.contact_stub((bits >> 50) % books.contact_count),
        "DateString": xero_json.iso_day(day * DAY_MS),
        "Date": xero_json.xero_timestamp(day * DAY_MS),
        "Status": bank_status(bits),
        "LineAmountTypes": "Inclusive",
        "LineItems": books.line_rows("bankline", number, sales, "Inclusive", pooled),
        "SubTotal": from_cents(total - tax),
        "TotalTax": from_cents(tax),
        "Total": from_cents(total),
        "UpdatedDateUTC": xero_json.xero_timestamp(books.timestamp(8, number)),
        "CurrencyCode": books.organisation.currency,
    }


def prepayment_row(books: SeededBooks, number: int) -> Row:
    """Return the prepayment of a bank transaction of that type; nothing is allocated yet."""
    row = bank_transaction_row(books, number)
    stamp = books.timestamp(8, number)
    copied_fields = ("Type", "Contact", "Date", "DateString", "LineAmountTypes", "LineItems", "SubTotal", "TotalTax",
            "Total", "Reference", "CurrencyCode")  # fmt: skip
    live = row["Status"] == "AUTHORISED"
    return {
        "PrepaymentID": row["BankTransactionID"],
        **{name: row[name] for name in copied_fields},
        "Status": "AUTHORISED" if live else "VOIDED",
        "CurrencyRate": Decimal("1.000000"),
        "RemainingCredit": row["Total"] if live else from_cents(0),
        "Allocations": [],
        "Payments": [],
        "HasAttachments": False,
        "UpdatedDateUTC": xero_json.xero_timestamp(stamp),
        "UpdatedDateUTCString": xero_json.iso_second(stamp),
        "ID": row["BankTransactionID"],
        "HasErrors": False,
    }


def payment_row(books: SeededBooks, number: int) -> Row:
    """Return a payment of an invoice or bill."""
    invoice, kind_wanted = divmod(books.paid[number], 4)
    sketch = books.sketch(invoice)
    kind, cents, day = next(p for p in sketch.payments if p[0] == kind_wanted)
    rate = books.rate(sketch.foreign, day)
    stamp = books.timestamp(11, number)
    return {
        "PaymentID": books.ids["payment"].id(number),
        "Date": xero_json.xero_timestamp(day * DAY_MS),
        "BankAmount": from_cents(round(cents / rate)) if sketch.foreign else from_cents(cents),
        "Amount": from_cents(cents),
        **({"Reference": f"Payment {kind_wanted + 1}"} if kind == 0 else {}),
        "CurrencyRate": rate,
        "PaymentType": "ACCRECPAYMENT" if sketch.sales else "ACCPAYPAYMENT",
        "Status": "DELETED" if kind == 2 else "AUTHORISED",  # noqa: PLR2004
        "UpdatedDateUTC": xero_json.xero_timestamp(stamp),
        "UpdatedDateUTCString": xero_json.iso_second(stamp),
        "HasAccount": True,
        "IsReconciled": books.random_bits(9, number) % 3 != 0,
        "Account": books.account_stub("090", "AccountID", "Code"),
        "Invoice": {
            "Type": "ACCREC" if sketch.sales else "ACCPAY",
            "InvoiceID": books.ids["invoice"].id(invoice),
            "InvoiceNumber": books.document_number(invoice, sketch.sales),
            "Payments": [],
            "CreditNotes": [],
            "Prepayments": [],
            "Overpayments": [],
            "IsDiscounted": False,
            "HasErrors": False,
            "InvoicePaymentServices": [],
            "Contact": books.contact_stub(sketch.contact),
            "LineItems": [],
            "CurrencyCode": books.organisation.foreign if sketch.foreign else books.organisation.currency,
        },
        "HasValidationErrors": False,
    }


def account_row(books: SeededBooks, number: int) -> Row:
    """Return an account of the chart."""
    code, name, kind, group, tax, system, payable, status = names.ACCOUNTS[number]
    rules = books.organisation.rules
    tax_type = {"o": rules.standard_tax(OUT)[0], "i": rules.standard_tax(IN)[0]}.get(tax, rules.untaxed)
    if not books.organisation.pays_tax:
        tax_type = rules.untaxed
    name = rules.tax_name if system == "GST" else name
    row: Row = {
        "AccountID": books.ids["account"].id(number),
        "Code": code,
        "Name": name,
        "Status": status,
        "Type": kind,
        "TaxType": tax_type,
        **({"Description": f"{name} of the business"} if kind != "BANK" else {}),
        "Class": group,
        **({"SystemAccount": system} if system else {}),
        "EnablePaymentsToAccount": payable,
        "ShowInExpenseClaims": False,
    }
    if kind == "BANK":
        card = "Card" in name
        row["BankAccountNumber"] = "" if card else f"{books.random_bits(15, number) % 10**15:015d}"
        row["BankAccountType"] = "CREDITCARD" if card else "BANK"
        row["CurrencyCode"] = books.organisation.foreign if code == "092" else books.organisation.currency
    else:
        row["BankAccountType"] = ""
    row |= {
        "ReportingCode": group[:3],
        "ReportingCodeName": group.title(),
        "HasAttachments": False,
        "UpdatedDateUTC": xero_json.xero_timestamp(books.timestamp(13, number)),
        "AddToWatchlist": code in {"200", "400"},
    }
    return row


def credit_note_row(books: SeededBooks, number: int) -> Row:
    """Return a credit note without allocations."""
    bits = books.random_bits(14, number)
    sales, pooled = bits % 3 != 0, ((bits >> 8) % 192,)
    _, amount, tax = books.pooled_line(sales, "Exclusive", pooled[0])
    day, stamp = books.today - 20 - bits % 300, books.timestamp(14, number)
    status = "DRAFT" if (bits >> 20) % 4 == 0 else "AUTHORISED"
    return {
        "CreditNoteID": books.ids["credit"].id(number),
        "CreditNoteNumber": f"CN-{number + 1:04d}",
        "Payments": [],
        "ID": books.ids["credit"].id(number),
        "HasErrors": False,
        "CurrencyRate": Decimal("1.000000"),
        "Type": "ACCRECCREDIT" if sales else "ACCPAYCREDIT",
        "Reference": "",
        "SentToContact": False,
        "RemainingCredit": from_cents(amount + tax),
        "Allocations": [],
        "HasAttachments": False,
        "Contact": books.contact_stub((bits >> 30) % books.contact_count),
        "DateString": xero_json.iso_day(day * DAY_MS),
        "Date": xero_json.xero_timestamp(day * DAY_MS),
        "Status": status,
        "LineAmountTypes": "Exclusive",
        "LineItems": books.line_rows("creditline", number, sales, "Exclusive", pooled),
        "SubTotal": from_cents(amount),
        "TotalTax": from_cents(tax),
        "Total": from_cents(amount + tax),
        "UpdatedDateUTC": xero_json.xero_timestamp(stamp),
        "UpdatedDateUTCString": xero_json.iso_second(stamp),
        "CurrencyCode": books.organisation.currency,
    }

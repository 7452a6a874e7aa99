"""The rows of contacts, bank transactions, payments, accounts and credit notes, each from its number."""

from decimal import Decimal

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.countries import IN, OUT
from bizosaas_xero.sandbox.core.xero_json import Row, money
from bizosaas_xero.sandbox.seed import names
from bizosaas_xero.sandbox.seed.documents import DAY_MS, SPAN_DAYS, Books, contact_name

_RECEIVE = 35  # percent of bank transactions
_BANKS = ("090", "090", "090", "091", "093")


def contact_status(number: int) -> str:
    """Return whether a contact is archived."""
    return "ARCHIVED" if number % 13 == 9 else "ACTIVE"  # noqa: PLR2004


def contact(b: Books, number: int) -> Row:
    """Return a contact; its balances are what its seeded documents leave open."""
    bits = b.bits(12, number)
    first, last = names.PEOPLE[bits % 10]
    town, code = names.TOWNS[(bits >> 4) % 5]
    status = contact_status(number)
    sales = purchases = 0
    owed = {True: [0, 0], False: [0, 0]}
    for invoice in range(number, b.count, b.contact_count):
        s = b.sketch(invoice)
        sales, purchases = sales + s.sales, purchases + (not s.sales)
        if s.status == "AUTHORISED":
            due = s.subtotal + s.tax - sum(cents for kind, cents, _ in s.payments if kind == 0)
            owed[s.sales][0] += due
            owed[s.sales][1] += due if s.due < b.today else 0
    row: Row = {
        "ContactID": b.ids["contact"].id(number),
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
        "UpdatedDateUTC": xero_json.date(b.stamp(6, number)),
        "ContactGroups": [],
        "IsSupplier": purchases > 0,
        "IsCustomer": sales > 0,
        "DefaultCurrency": b.organisation.foreign if number % 11 == 5 else b.organisation.currency,  # noqa: PLR2004
    }
    if sales or purchases:
        row["Balances"] = {
            side: {"Outstanding": money(owed[flag][0]), "Overdue": money(owed[flag][1])}
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
    verb = "RECEIVE" if bits % 100 < _RECEIVE else "SPEND"
    return verb + ("-PREPAYMENT" if (bits >> 8) % 40 == 0 else "")


def bank_status(bits: int) -> str:
    """Return the status of a bank transaction."""
    return "DELETED" if (bits >> 16) % 25 == 0 else "AUTHORISED"


def bank_transaction(b: Books, number: int) -> Row:
    """Return money spent or received without an invoice."""
    bits = b.bits(10, number)
    kind = bank_type(bits)
    sales = kind.startswith("RECEIVE")
    day = b.today - SPAN_DAYS + SPAN_DAYS * number // b.bank_count - bits % 4
    which = tuple((bits >> 24 + 8 * k) % 192 for k in range(1 + (bits >> 20) % 2))
    tax = sum(b.tax_of(sales, "Inclusive", n) for n in which)
    total = sum(b.amount_of(sales, "Inclusive", n) for n in which)
    guid = b.ids["bank"].id(number)
    return {
        "BankTransactionID": guid,
        "BankAccount": b.account_stub(_BANKS[(bits >> 44) % 5], "AccountID", "Code", "Name"),
        "Type": kind,
        "Reference": f"card {bits >> 48 & 0xFFF:04d}" if bits >> 47 & 1 else "",
        "IsReconciled": (bits >> 60) % 4 != 0,
        **({"PrepaymentID": guid} if kind.endswith("PREPAYMENT") else {}),
        "HasAttachments": False,
        "Contact": b.contact_stub((bits >> 50) % b.contact_count),
        "DateString": xero_json.iso_day(day * DAY_MS),
        "Date": xero_json.date(day * DAY_MS),
        "Status": bank_status(bits),
        "LineAmountTypes": "Inclusive",
        "LineItems": b.lines("bankline", number, sales, "Inclusive", which),
        "SubTotal": money(total - tax),
        "TotalTax": money(tax),
        "Total": money(total),
        "UpdatedDateUTC": xero_json.date(b.stamp(8, number)),
        "CurrencyCode": b.organisation.currency,
    }


def prepayment(b: Books, number: int) -> Row:
    """Return the prepayment that a bank transaction of its type is; nothing is allocated yet."""
    row = bank_transaction(b, number)
    stamp = b.stamp(8, number)
    kept = ("Type", "Contact", "Date", "DateString", "LineAmountTypes", "LineItems", "SubTotal", "TotalTax",
            "Total", "Reference", "CurrencyCode")  # fmt: skip
    live = row["Status"] == "AUTHORISED"
    return {
        "PrepaymentID": row["BankTransactionID"],
        **{name: row[name] for name in kept},
        "Status": "AUTHORISED" if live else "VOIDED",
        "CurrencyRate": Decimal("1.000000"),
        "RemainingCredit": row["Total"] if live else money(0),
        "Allocations": [],
        "Payments": [],
        "HasAttachments": False,
        "UpdatedDateUTC": xero_json.date(stamp),
        "UpdatedDateUTCString": xero_json.iso_second(stamp),
        "ID": row["BankTransactionID"],
        "HasErrors": False,
    }


def payment(b: Books, number: int) -> Row:
    """Return a payment of an invoice or bill."""
    invoice, which = divmod(b.paid[number], 4)
    s = b.sketch(invoice)
    kind, cents, day = next(p for p in s.payments if p[0] == which)
    rate = b.rate(s.foreign, day)
    stamp = b.stamp(11, number)
    return {
        "PaymentID": b.ids["payment"].id(number),
        "Date": xero_json.date(day * DAY_MS),
        "BankAmount": money(round(cents / rate)) if s.foreign else money(cents),
        "Amount": money(cents),
        **({"Reference": f"Payment {which + 1}"} if kind == 0 else {}),
        "CurrencyRate": rate,
        "PaymentType": "ACCRECPAYMENT" if s.sales else "ACCPAYPAYMENT",
        "Status": "DELETED" if kind == 2 else "AUTHORISED",  # noqa: PLR2004
        "UpdatedDateUTC": xero_json.date(stamp),
        "UpdatedDateUTCString": xero_json.iso_second(stamp),
        "HasAccount": True,
        "IsReconciled": b.bits(9, number) % 3 != 0,
        "Account": b.account_stub("090", "AccountID", "Code"),
        "Invoice": {
            "Type": "ACCREC" if s.sales else "ACCPAY",
            "InvoiceID": b.ids["invoice"].id(invoice),
            "InvoiceNumber": b.number_of(invoice, s.sales),
            "Payments": [],
            "CreditNotes": [],
            "Prepayments": [],
            "Overpayments": [],
            "IsDiscounted": False,
            "HasErrors": False,
            "InvoicePaymentServices": [],
            "Contact": b.contact_stub(s.contact),
            "LineItems": [],
            "CurrencyCode": b.organisation.foreign if s.foreign else b.organisation.currency,
        },
        "HasValidationErrors": False,
    }


def account(b: Books, number: int) -> Row:
    """Return an account of the chart."""
    code, name, kind, group, tax, system, payable, status = names.ACCOUNTS[number]
    rules = b.organisation.rules
    tax_type = {"o": rules.standard(OUT)[0], "i": rules.standard(IN)[0]}.get(tax, rules.untaxed)
    if not b.organisation.pays_tax:
        tax_type = rules.untaxed
    name = rules.tax_name if system == "GST" else name
    row: Row = {
        "AccountID": b.ids["account"].id(number),
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
        row["BankAccountNumber"] = "" if card else f"{b.bits(15, number) % 10**15:015d}"
        row["BankAccountType"] = "CREDITCARD" if card else "BANK"
        row["CurrencyCode"] = b.organisation.foreign if code == "092" else b.organisation.currency
    else:
        row["BankAccountType"] = ""
    row |= {
        "ReportingCode": group[:3],
        "ReportingCodeName": group.title(),
        "HasAttachments": False,
        "UpdatedDateUTC": xero_json.date(b.stamp(13, number)),
        "AddToWatchlist": code in {"200", "400"},
    }
    return row


def credit_note(b: Books, number: int) -> Row:
    """Return a credit note that is not allocated to anything yet."""
    bits = b.bits(14, number)
    sales, which = bits % 3 != 0, ((bits >> 8) % 192,)
    amount, tax = b.amount_of(sales, "Exclusive", which[0]), b.tax_of(sales, "Exclusive", which[0])
    day, stamp = b.today - 20 - bits % 300, b.stamp(14, number)
    status = "DRAFT" if (bits >> 20) % 4 == 0 else "AUTHORISED"
    return {
        "CreditNoteID": b.ids["credit"].id(number),
        "CreditNoteNumber": f"CN-{number + 1:04d}",
        "Payments": [],
        "ID": b.ids["credit"].id(number),
        "HasErrors": False,
        "CurrencyRate": Decimal("1.000000"),
        "Type": "ACCRECCREDIT" if sales else "ACCPAYCREDIT",
        "Reference": "",
        "SentToContact": False,
        "RemainingCredit": money(amount + tax),
        "Allocations": [],
        "HasAttachments": False,
        "Contact": b.contact_stub((bits >> 30) % b.contact_count),
        "DateString": xero_json.iso_day(day * DAY_MS),
        "Date": xero_json.date(day * DAY_MS),
        "Status": status,
        "LineAmountTypes": "Exclusive",
        "LineItems": b.lines("creditline", number, sales, "Exclusive", which),
        "SubTotal": money(amount),
        "TotalTax": money(tax),
        "Total": money(amount + tax),
        "UpdatedDateUTC": xero_json.date(stamp),
        "UpdatedDateUTCString": xero_json.iso_second(stamp),
        "CurrencyCode": b.organisation.currency,
    }

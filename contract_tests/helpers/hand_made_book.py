"""A small book, worked out by hand: what each report must say about it.

A customer's invoice E (1 Feb, 500 + 75 tax) belongs to the financial year before, which ends on 31 March,
and was paid on 1 March. Of this year: invoice A (10 Apr, 1,000 + 150, paid by halves on 5 May and 3 June),
invoice B (20 Aug, 200 + 30, open), rent C (15 May, 400 + 60, paid on 1 June), goods D (1 Sep, 100 + 15),
bank fees of 3.00 on 31 May and 12.00 on 10 September. Today is 21 September 2026.
"""

import datetime as dt
from decimal import Decimal

from bizosaas_xero.sandbox import Clock, Sandbox
from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.reports.endpoint import ReportsApi

CUSTOMER, SUPPLIER = "Customer", "Supplier"


class Book:
    """Puts documents into an organisation and asks for its reports."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.reports = ReportsApi(sandbox)
        self.store = sandbox.store()
        self.store.opening_balances = ()
        for entity in (
            "Invoices",
            "Payments",
            "CreditNotes",
            "BankTransactions",
            "BankTransfers",
            "BatchPayments",
            "Prepayments",
            "Overpayments",
        ):
            table = self.store.table(entity)
            for guid in [table.id(slot) for slot in table.by_id]:
                table.delete(guid)
        self.contacts = {
            name: self.store.put("Contacts", {"Name": name, "ContactStatus": "ACTIVE"}) for name in (CUSTOMER, SUPPLIER)
        }
        categories = {row["Name"]: row for row in self.store.rows("TrackingCategories")}
        category, self.second = categories["Region"], categories["Department"]["TrackingCategoryID"]
        self.category = category["TrackingCategoryID"]
        self.options = {option["Name"]: option["TrackingOptionID"] for option in category["Options"]}

    def document(self, sort, on, due, code, net, option=None, status="AUTHORISED", number=""):
        net = Decimal(net)
        tax = (net * 15 / 100).quantize(Decimal("0.01"))
        tracking = [{"TrackingCategoryID": self.category, "TrackingOptionID": self.options.get(option)}]
        contact = CUSTOMER if sort == "ACCREC" else SUPPLIER
        return self.store.put(
            "Invoices",
            {
                "Type": sort, "Status": status, "Date": date(on), "DueDate": date(due),
                "InvoiceNumber": number, "LineAmountTypes": "Exclusive",
                "Contact": {"ContactID": self.contacts[contact], "Name": contact},
                "LineItems": [
                    {"AccountCode": code, "LineAmount": net, "TaxAmount": tax, "TaxType": "OUTPUT2",
                     "Tracking": tracking if option else []}
                ],
                "Total": net + tax, "AmountDue": net + tax, "AmountPaid": Decimal(0), "CurrencyCode": "NZD",
                "Payments": [], "CreditNotes": [], "Prepayments": [], "Overpayments": [],
            },
        )  # fmt: skip

    def pay(self, invoice, on, amount):
        row, amount = self.store.get("Invoices", invoice), Decimal(amount)
        payment = self.store.put(
            "Payments",
            {
                "Date": date(on), "Amount": amount, "BankAmount": amount, "Status": "AUTHORISED",
                "Invoice": {"InvoiceID": invoice}, "Account": {"AccountID": self.store.account_id("090")},
            },
        )  # fmt: skip
        row["Payments"].append({"PaymentID": payment, "Date": date(on), "Amount": amount})
        row["AmountDue"] -= amount
        row["Status"] = "AUTHORISED" if row["AmountDue"] else "PAID"
        self.store.put("Invoices", row)

    def fee(self, on, amount):
        self.store.put(
            "BankTransactions",
            {
                "Type": "SPEND", "Status": "AUTHORISED", "Date": date(on), "Total": Decimal(amount),
                "BankAccount": {"AccountID": self.store.account_id("090")}, "LineAmountTypes": "NoTax",
                "LineItems": [{"AccountCode": "404", "LineAmount": Decimal(amount), "TaxAmount": Decimal(0),
                               "TaxType": "NONE"}],
                "CurrencyCode": "NZD",
            },
        )  # fmt: skip

    def rows(self, key, **query):
        """A report without its attributes: section title, then each row's values."""
        found = []
        for row in self.reports.report(key, query)["Rows"]:
            if row["RowType"] == "Header":
                found.append(values(row))
                continue
            if row["Title"] or not row["Rows"]:
                found.append(row["Title"])
            found += [values(inner) for inner in row["Rows"]]
        return found


def values(row):
    """What the cells of a row hold; a blank cell may lack its value."""
    return [cell.get("Value", "") for cell in row["Cells"]]


def date(text):
    return xero_json.xero_date(dt.date.fromisoformat(text))


def make_book():
    """Write the book."""
    book = Book(Sandbox(1, 7, clock=Clock(lambda: 1.79e9)))
    e = book.document("ACCREC", "2026-02-01", "2026-02-15", "260", "500", number="INV-E")
    book.pay(e, "2026-03-01", "575")
    a = book.document("ACCREC", "2026-04-10", "2026-04-24", "200", "1000", "North", number="INV-A")
    book.pay(a, "2026-05-05", "575")
    book.pay(a, "2026-06-03", "575")
    book.document("ACCREC", "2026-08-20", "2026-09-03", "200", "200", "South", number="INV-B")
    c = book.document("ACCPAY", "2026-05-15", "2026-06-04", "469", "400", number="C")
    book.pay(c, "2026-06-01", "460")
    book.document("ACCPAY", "2026-09-01", "2026-09-21", "300", "100", number="D")
    book.fee("2026-05-31", "3")
    book.fee("2026-09-10", "12")
    for status in ("DRAFT", "SUBMITTED", "VOIDED", "DELETED"):
        book.document("ACCREC", "2026-09-02", "2026-09-16", "200", "9999", status=status)
    return book

"""Books that are not tame: a few rows of each kind that recordings of Xero hold and the plain books do not.

They are written through the same rules as requests of clients, so that the ledger stays right.
"""

import datetime as dt
import itertools
from collections.abc import Mapping
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.guids import stable_guid
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.company import Company
from bizosaas_xero.sandbox.switches import Switches
from bizosaas_xero.sandbox.wild_rows import add_full_rows
from bizosaas_xero.sandbox.writes import allocations, bank_transactions, contacts, documents, manual_journals, payments
from bizosaas_xero.sandbox.writes.dispatch import Saver
from bizosaas_xero.sandbox.writes.unit_of_work import UnitOfWork, WriteContext

BANK, FOREIGN_BANK = "090", "092"
_FAR_DAYS = (dt.date(2206, 11, 1), dt.date(2500, 12, 31))
_EARLY_DAY = dt.date(202, 3, 4)  # a year typed with a missing digit, as recorded


def add_wild_rows(books: Company, seed: int) -> None:
    """Add the rows to the books of an organisation; the same seed gives the same ids."""
    _WildBooks(books, seed).add_all()


class _WildBooks:
    def __init__(self, books: Company, seed: int) -> None:
        numbers, organisation = itertools.count(1), books.organisation["OrganisationID"]
        self._books = books
        self._today = books.today()
        self._work = UnitOfWork(
            books,
            WriteContext(
                "Wild books", adviser=False, places=2, switches=Switches(),
                new_id=lambda: stable_guid(seed, organisation, "wild", next(numbers)),
            ),
        )  # fmt: skip
        self._customer = self._contact("Wild Customer", TaxNumber="12-345-678", BankAccountDetails="01-0123-0123456-00")
        self._supplier = self._contact("Wild Supplier", EmailAddress="")

    def add_all(self) -> None:
        """Add every kind of row."""
        self._add_odd_invoices()
        self._add_credit_notes()
        self._add_advances()
        self._add_bank_rows()
        add_full_rows(self._books, self._work.new_id, self._customer)

    def _add_odd_invoices(self) -> None:
        self._invoice(LineItems=[self._line(200, DiscountRate=10), self._line(-25, Description="Returned goods")])
        self._invoice(LineItems=[self._line(80, DiscountRate=100)])  # a total of zero is PAID at once
        for day in _FAR_DAYS:
            self._invoice(DueDate=day.isoformat())
        early = self._invoice()
        self._books.edit("Invoices", early, {"DueDate": xero_json.xero_date(_EARLY_DAY)})
        paid_early = self._invoice(days_ago=10)
        self._pay("Invoice", "InvoiceID", paid_early, 115, days_ago=20)
        for _ in range(2):  # bills without a number
            self._invoice(Type="ACCPAY", contact=self._supplier, code="429")

    def _add_credit_notes(self) -> None:
        invoice = self._invoice(LineItems=[self._line(300)], LineAmountTypes="NoTax")
        self._allocate("CreditNotes", self._credit_note(100), invoice, 100)
        self._allocate("CreditNotes", self._credit_note(100), invoice, 30)
        refunded = self._credit_note(60)
        self._pay("CreditNote", "CreditNoteID", refunded, 60)
        self._save(documents.save_credit_note, {"Status": "VOIDED"}, key=self._credit_note(40))

    def _add_advances(self) -> None:
        invoice = self._invoice(LineItems=[self._line(500)], LineAmountTypes="NoTax")
        for kind, entity, name in (
            ("PREPAYMENT", "Prepayments", "Prepayment"),
            ("OVERPAYMENT", "Overpayments", "Overpayment"),
        ):
            advance = self._bank_transaction(f"RECEIVE-{kind}", 150)
            self._allocate(entity, advance, invoice, 90)
            self._pay(name, f"{name}ID", advance, 20)

    def _add_bank_rows(self) -> None:
        self._bank_transaction("SPEND", 75, bank=FOREIGN_BANK)
        bills = [self._invoice(Type="ACCPAY", contact=self._supplier, code="429") for _ in range(2)]
        part = [
            {"Invoice": {"InvoiceID": bill}, "Amount": self._books.peek("Invoices", bill)["Total"]} for bill in bills
        ]
        self._save(payments.save_batch, {"Account": {"Code": BANK}, "Date": self._day(2), "Payments": part})
        sold = [{"Invoice": {"InvoiceID": self._invoice()}, "Amount": 115}]  # on the day of the overpayment
        self._save(payments.save_batch, {"Account": {"Code": BANK}, "Date": self._day(12), "Payments": sold})
        lines = [{"LineAmount": 250, "AccountCode": "416"}, {"LineAmount": -250, "AccountCode": "711"}]
        journal = {"Narration": "Depreciation", "Date": self._day(30), "Status": "POSTED", "JournalLines": lines}
        self._save(manual_journals.save_manual_journal, journal)
        account = next(row for row in self._books.rows("Accounts") if row["Code"] == BANK)
        account |= {"AccountID": self._work.new_id(), "Name": "Bank Account without a Code"}
        del account["Code"]
        self._books.put("Accounts", account)

    def _save(self, save: Saver, element: Mapping[str, Any], key: str | None = None) -> str:
        self._work.begin()
        guid = save(self._work, element, create=key is None, key=key)
        self._work.commit()
        return guid

    def _contact(self, name: str, **more: str) -> str:
        return self._save(contacts.save_contact, {"Name": name, "EmailAddress": "wild@example.com", **more})

    def _invoice(self, *, contact: str = "", code: str = "200", days_ago: int = 25, **more: Any) -> str:
        element = {
            "Type": "ACCREC", "Contact": {"ContactID": contact or self._customer}, "Date": self._day(days_ago),
            "DueDate": self._day(days_ago - 14), "Status": "AUTHORISED", "LineItems": [self._line(115, code)],
            "LineAmountTypes": "Inclusive", **more,
        }  # fmt: skip
        return self._save(documents.save_invoice, element)

    def _credit_note(self, amount: int) -> str:
        element = {
            "Type": "ACCRECCREDIT", "Contact": {"ContactID": self._customer}, "Date": self._day(15),
            "Status": "AUTHORISED", "LineItems": [self._line(amount)], "LineAmountTypes": "NoTax",
        }  # fmt: skip
        return self._save(documents.save_credit_note, element)

    def _bank_transaction(self, kind: str, amount: int, bank: str = BANK) -> str:
        element = {
            "Type": kind, "Contact": {"ContactID": self._customer}, "BankAccount": {"Code": bank},
            "Date": self._day(12), "LineItems": [self._line(amount, "429")], "LineAmountTypes": "NoTax",
        }  # fmt: skip
        return self._save(bank_transactions.save_bank_transaction, element)

    def _pay(self, name: str, id_field: str, guid: str, amount: int, days_ago: int = 5) -> None:
        element = {name: {id_field: guid}, "Account": {"Code": BANK}, "Amount": amount, "Date": self._day(days_ago)}
        self._save(payments.save_payment, element)

    def _allocate(self, entity: str, credit: str, invoice: str, amount: int) -> None:
        self._work.begin()
        allocations.allocate(self._work, entity, credit, {"Invoice": {"InvoiceID": invoice}, "Amount": amount})
        self._work.commit()

    @staticmethod
    def _line(amount: int, code: str = "200", **more: Any) -> Row:
        return {"Description": "Work", "Quantity": 1, "UnitAmount": amount, "AccountCode": code, **more}

    def _day(self, days_ago: int) -> str:
        return (self._today - dt.timedelta(days_ago)).isoformat()

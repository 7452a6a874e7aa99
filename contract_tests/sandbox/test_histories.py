"""After any history of writes, valid and invalid, the books are right; a refused write changes nothing."""

import json
import random
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bizosaas_xero.sandbox import Sandbox
from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.guids import stable_guid
from bizosaas_xero.sandbox.ledger.posting import ACCRUAL, CASH
from bizosaas_xero.sandbox.queries.endpoints import ENDPOINTS
from bizosaas_xero.sandbox.writes.dispatch import WriteRequest, answer_write
from bizosaas_xero.sandbox.writes.subresources import answer_subresource
from bizosaas_xero.sandbox.writes.unit_of_work import UnitOfWork, WriteContext

WATCHED = ("Invoices", "CreditNotes", "Payments", "BankTransactions", "Prepayments", "Overpayments",
           "BankTransfers", "ManualJournals", "BatchPayments", "Contacts")  # fmt: skip
AMOUNTS = (0.01, 0.33, 9.99, 10, 40, 57.5, 100, 1000, -5)
DAYS = ("2026-03-30", "2026-04-01", "2026-06-15", "2026-10-01", "2026-11-20")
CREDITS = ("CreditNotes", "Prepayments", "Overpayments")
DONE: Counter = Counter()


class History:
    """People and apps write, mostly sense; the books must hold."""

    def __init__(self, seed, organisation=0):
        self.rng = random.Random(seed)  # noqa: S311 - histories, not secrets
        self.sandbox = Sandbox(8, 3, clock=lambda: 1_795_300_000.0)
        self.store = self.sandbox.store(self.sandbox.organisations[organisation].id)
        rules = self.sandbox.organisations[organisation].rules
        self.sales_tax, self.none = rules.standard_tax("out")[0], rules.untaxed
        self.foreign = self.sandbox.organisations[organisation].foreign
        self.count = 0
        self.whom = [r["ContactID"] for r in self.store.rows("Contacts") if r["ContactStatus"] == "ACTIVE"][:2]

    def new_id(self):
        self.count += 1
        return stable_guid("history", self.count)

    def snapshot(self):
        return {name: self.store.table(name).version for name in WATCHED}

    def ask(self, method, entity, body, key=None, part=None, part_key=None):
        """Write as the API does, and return the status."""
        before = self.snapshot()
        work = UnitOfWork(self.store, WriteContext("app", False, 2, self.sandbox.switches, self.new_id))
        raw = json.dumps(body).encode()
        asked = WriteRequest(method, key, raw, "application/json", True)
        endpoint = ENDPOINTS[entity.lower()]
        if part:
            status, _, body = answer_subresource(work, endpoint, asked, {}, part, part_key)
        else:
            status, _, body = answer_write(work, endpoint, asked, {})
        assert status in {200, 204, 400, 404}, body
        DONE[method, entity, part, status] += 1
        if status >= 400:
            assert self.snapshot() == before, "a refused write changes nothing"
            assert status == 404 or b"Message" in body
        return status

    def chance(self, percent):
        return self.rng.random() * 100 < percent

    def some(self, entity, **wanted):
        """Pick a row, mostly one that is as wanted."""
        rows = list(self.store.rows(entity))
        fit = [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]
        return self.rng.choice((fit if fit and self.chance(90) else rows) or [None])

    def line(self, sales):
        code = ("200", "260") if sales else ("429", "404")
        made = {
            "Description": "x", "Quantity": self.rng.choice((1, 2.5, 0.333)),
            "UnitAmount": self.rng.randint(1 if self.chance(95) else -300, 40_000) / 100,
            "AccountCode": "999" if self.chance(2) else self.rng.choice(code),
        }  # fmt: skip
        if self.chance(30):
            made["TaxType"] = self.sales_tax if self.chance(10) else self.none
        if self.chance(20):
            made["Tracking"] = [{"Name": "Region", "Option": "North"}]
        return made

    def contact(self):
        return {"ContactID": self.rng.choice(self.whom)}

    def day(self):
        return self.rng.choice(DAYS)

    def part_of(self, left):
        """Return all of what is left, part of it, or nonsense."""
        if self.chance(60):
            return float(left)
        return float(xero_json.round_to_cents(left / 3)) if self.chance(60) else self.rng.choice(AMOUNTS)

    def document(self, entity, sales):
        kind = ("ACCREC" if sales else "ACCPAY") + ("CREDIT" if entity == "CreditNotes" else "")
        body = {
            "Type": kind, "Contact": self.contact(), "Date": self.day(), "DueDate": "2026-12-01",
            "Status": self.rng.choice(("DRAFT", "AUTHORISED", "AUTHORISED", "AUTHORISED")),
            "LineAmountTypes": self.rng.choice(("Exclusive", "Inclusive", "NoTax")),
            "LineItems": [self.line(sales) for _ in range(self.rng.randint(1, 3))],
        }  # fmt: skip
        if self.chance(40):
            body["CurrencyCode"] = self.foreign if self.chance(95) else "XAU"
        self.ask("PUT", entity, body)

    def invoice(self):
        self.document("Invoices", self.chance(60))

    def credit_note(self):
        self.document("CreditNotes", self.chance(60))

    def change(self):
        entity = self.rng.choice(("Invoices", "CreditNotes"))
        row = self.some(entity)
        body = {
            "Status": self.rng.choice(("AUTHORISED", "VOIDED", "DELETED", "PAID")),
            "DueDate": "2026-12-31",
        }
        if self.chance(30):
            body = {"LineItems": [self.line(row["Type"].startswith("ACCREC"))]}
        if self.chance(20):
            body = {"LineAmountTypes": self.rng.choice(("Exclusive", "Inclusive", "NoTax")), "Reference": "r"}
        self.ask("POST", entity, body, key=row[self.store.table(entity).id_field])

    def pay(self):
        entity = self.rng.choice(("Invoices", "Invoices", "Invoices", *CREDITS))
        row = self.some(entity, Status="AUTHORISED")
        if row is None:
            return
        left = row["AmountDue" if entity == "Invoices" else "RemainingCredit"]
        body = {entity[:-1]: {f"{entity[:-1]}ID": row[f"{entity[:-1]}ID"]}, "Amount": self.part_of(left),
                "Account": {"Code": self.rng.choice(("090", "090", "650", "092", "200"))}, "Date": self.day(),
                "IsReconciled": self.chance(20)}  # fmt: skip
        if self.chance(40):
            body["CurrencyRate"] = self.rng.choice((0.5, 0.7))
        elif self.chance(20):
            body["BankAmount"] = 33.33
        self.ask("PUT", "Payments", body)

    def take_back(self):
        row = self.some("Payments", Status="AUTHORISED")
        if row:
            self.ask("POST", "Payments", {"Status": "DELETED"}, key=row["PaymentID"])

    def batch(self):
        kind = self.rng.choice(("ACCREC", "ACCPAY"))
        rows = [self.some("Invoices", Status="AUTHORISED", Type=kind) for _ in range(self.rng.randint(1, 3))]
        parts = [{"Invoice": {"InvoiceID": r["InvoiceID"]}, "Amount": self.part_of(r["AmountDue"])} for r in rows]
        self.ask("PUT", "BatchPayments", {"Account": {"Code": "090"}, "Date": self.day(), "Payments": parts})

    def delete_batch(self):
        row = self.some("BatchPayments", Status="AUTHORISED")
        if row:
            self.ask("POST", "BatchPayments", {"Status": "DELETED"}, key=row["BatchPaymentID"])

    def allocate(self):
        entity = self.rng.choice(CREDITS)
        row = self.some(entity, Status="AUTHORISED")
        if row is None:
            return
        kind = "ACCREC" if row["Type"].startswith(("ACCREC", "RECEIVE")) else "ACCPAY"
        invoice = self.some("Invoices", Status="AUTHORISED", Type=kind, CurrencyCode=row["CurrencyCode"],
                            Contact=row["Contact"])  # fmt: skip
        most = min(invoice["AmountDue"], row["RemainingCredit"])
        body = {
            "Invoice": {"InvoiceID": invoice["InvoiceID"]},
            "Amount": self.part_of(most),
            "Date": self.day(),
        }
        self.ask("PUT", entity, body, key=row[self.store.table(entity).id_field], part="Allocations")

    def take_back_allocation(self):
        found = [(entity, row) for entity in CREDITS for row in self.store.rows(entity) if row["Allocations"]]
        if found:
            entity, row = self.rng.choice(found)
            guid = self.rng.choice(row["Allocations"])["AllocationID"]
            self.ask("DELETE", entity, None, row[self.store.table(entity).id_field], "Allocations", guid)

    def bank(self):
        sales, kind = self.chance(50), self.rng.choice(("", "-OVERPAYMENT", "-PREPAYMENT"))
        self.ask("PUT", "BankTransactions", {
            "Type": ("RECEIVE" if sales else "SPEND") + kind, "Contact": self.contact(), "Date": self.day(),
            "BankAccount": {"Code": self.rng.choice(("090", "092", "093"))},
            "LineAmountTypes": self.rng.choice(("Exclusive", "Inclusive")),
            "LineItems": [self.line(sales), self.line(sales)],
        })  # fmt: skip

    def change_bank(self):
        row = self.some("BankTransactions", Status="AUTHORISED")
        body = {"Status": "DELETED"} if self.chance(50) else {"Date": self.day(), "LineItems": [
            self.line(row["Type"].startswith("RECEIVE"))]}  # fmt: skip
        self.ask("POST", "BankTransactions", body, key=row["BankTransactionID"])

    def transfer(self):
        row = self.some("BankTransfers", Status="AUTHORISED")
        if row and self.chance(40):
            self.ask("POST", "BankTransfers", {"Status": "DELETED"}, key=row["BankTransferID"])
            return
        goal = {"Code": self.rng.choice(("091", "091", "093", "092", "090"))}
        body = {"FromBankAccount": {"Code": "090"}, "ToBankAccount": goal, "Date": self.day()}
        self.ask("PUT", "BankTransfers", {**body, "Amount": self.rng.choice(AMOUNTS)})

    def journal(self):
        row = self.some("ManualJournals", Status="POSTED")
        if row and self.chance(40):
            status = self.rng.choice(("POSTED", "VOIDED", "DELETED"))
            self.ask("POST", "ManualJournals", {"Status": status}, key=row["ManualJournalID"])
            return
        one, two = self.rng.choice(AMOUNTS), self.rng.choice(AMOUNTS)
        lines = [{"LineAmount": one, "AccountCode": "404"}, {"LineAmount": -two, "AccountCode": "900"},
                 {"LineAmount": two - one, "AccountCode": "437"}]  # fmt: skip
        self.ask("PUT", "ManualJournals", {
            "Narration": "n", "Date": self.day(), "Status": self.rng.choice(("DRAFT", "POSTED", "POSTED")),
            "JournalLines": lines, "LineAmountTypes": self.rng.choice(("NoTax", "Exclusive", "Inclusive")),
            "ShowOnCashBasisReports": self.chance(70),
        })  # fmt: skip

    def lock(self):
        day = self.store.today().replace(month=3, day=31)
        name = self.rng.choice(("PeriodLockDate", "EndOfYearLockDate"))
        self.store.lock_period(name, day if self.chance(30) else None)

    ACTIONS = (invoice, invoice, invoice, credit_note, change, pay, pay, pay, take_back, batch, delete_batch,
               allocate, allocate, allocate, take_back_allocation, bank, bank, change_bank, transfer, journal,
               lock)  # fmt: skip

    def run(self, steps):
        for step in range(steps):
            self.rng.choice(self.ACTIONS)(self)
            if step % 5 == 4:
                self.the_books_hold()
        self.the_books_hold()
        self.documents_hold()

    def the_books_hold(self):
        for basis in (ACCRUAL, CASH):
            sums = {}
            for posting in self.store.ledger.postings(basis):
                key = posting.source, posting.source_id
                sums[key] = sums.get(key, Decimal(0)) + posting.amount
            assert {key: amount for key, amount in sums.items() if amount} == {}
        for sales, account in ((True, "DEBTORS"), (False, "CREDITORS")):
            posted = sum(
                p.amount for p in self.store.ledger.postings()
                if p.account_id == self.store.system_account(account)
            )  # fmt: skip
            assert posted == owed(self.store, sales=sales)

    def documents_hold(self):
        due = {}
        payments = {r["PaymentID"]: r for r in self.store.rows("Payments")}
        for row in self.store.rows("Invoices"):
            assert 0 <= row["AmountDue"] <= row["Total"]
            live = row["Status"] in {"AUTHORISED", "PAID"}
            assert row["AmountPaid"] == sum(p["Amount"] for p in row["Payments"])
            if live:
                assert row["AmountDue"] == row["Total"] - row["AmountPaid"] - row["AmountCredited"]
                assert (row["Status"] == "PAID") == (row["AmountDue"] == 0)
            assert all(payments[p["PaymentID"]]["Status"] == "AUTHORISED" for p in row["Payments"])
            if row["Status"] == "AUTHORISED":
                key = row["Contact"]["ContactID"], row["Type"]
                due[key] = due.get(key, 0) + row["AmountDue"]
        for entity in ("CreditNotes", "Prepayments", "Overpayments"):
            assert all(0 <= row["RemainingCredit"] <= row["Total"] for row in self.store.rows(entity))
        for row in self.store.rows("Contacts"):
            for side, kind in (("AccountsReceivable", "ACCREC"), ("AccountsPayable", "ACCPAY")):
                known = row.get("Balances", {}).get(side, {}).get("Outstanding", 0)
                assert known == due.get((row["ContactID"], kind), 0)


def owed(sandbox_store, *, sales):
    """Return what the control account must hold: the open documents, in base currency."""
    total = Decimal(0)
    ways = (
        ("Invoices", "ACCREC" if sales else "ACCPAY", "AmountDue", 1),
        ("CreditNotes", "ACCRECCREDIT" if sales else "ACCPAYCREDIT", "RemainingCredit", -1),
        ("Overpayments", f"{'RECEIVE' if sales else 'SPEND'}-OVERPAYMENT", "RemainingCredit", -1),
    )
    for entity, kind, left, sign in ways:
        for row in sandbox_store.rows(entity):
            if row["Type"] == kind and row["Status"] == "AUTHORISED":
                rate = row.get("CurrencyRate") or 1
                total += sign * (row[left] if rate == 1 else xero_json.round_to_cents(row[left] / rate))
    return total if sales else -total


LOOK = [HealthCheck.too_slow]


@settings(max_examples=40, deadline=None, suppress_health_check=LOOK)
@given(seed=st.integers(0, 2**32), organisation=st.integers(0, 5))
def test_any_history_of_writes_keeps_the_books_right(seed, organisation):
    History(seed, organisation).run(60)


def test_histories_use_every_kind_of_write():
    """A proof by histories is worth what the histories do."""
    DONE.clear()
    for seed in range(16):
        history = History(seed)
        history.sandbox.switches.set("batch_delete", "allowed")
        history.run(120)
    done = {key for key, count in DONE.items() if count >= 3}
    for method, entity in [("PUT", name) for name in ("Invoices", "CreditNotes", "Payments", "BatchPayments",
                           "BankTransactions", "BankTransfers", "ManualJournals")] + [
                           ("POST", name) for name in ("Invoices", "CreditNotes", "Payments", "BatchPayments",
                           "BankTransactions", "BankTransfers", "ManualJournals")]:  # fmt: skip
        assert (method, entity, None, 200) in done
        assert (method, entity, None, 400) in done or (method, entity) == ("POST", "BatchPayments")
    for entity in CREDITS:
        assert ("PUT", entity, "Allocations", 200) in done
        assert ("DELETE", entity, "Allocations", 200) in done


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=LOOK)
@given(seed=st.integers(0, 2**32), organisation=st.integers(0, 5))
def test_long_histories_keep_the_books_right(seed, organisation):
    History(seed, organisation).run(150)

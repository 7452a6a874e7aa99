"""reconcile_bank_feeds against the sandbox's books: unmatched entries, duplicates, a statement, both balances."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal

import httpx
import pytest

from bizosaas_xero import plugin
from bizosaas_xero.connector.actions.bank.batches import merge_batches
from bizosaas_xero.connector.actions.bank.ledger_entries import Entry
from bizosaas_xero.connector.actions.bank.unmatched import find_double_entries
from bizosaas_xero.sandbox import serve
from bizosaas_xero.sandbox.core import xero_json
from contract_tests.helpers.xero_account import Account, calls

pytestmark = pytest.mark.xero_sandbox(invoices=400, seed=2)

ACTION = "reconcile_bank_feeds"
IN = {"ACCRECPAYMENT", "APCREDITPAYMENT", "APPREPAYMENTPAYMENT", "APOVERPAYMENTPAYMENT"}


class Hand:
    """A new bank account that a test fills by hand, through the API."""

    def __init__(self, box) -> None:
        self.person = Account(box).connect()
        self.headers = {
            "Authorization": f"Bearer {self.person.grant['access_token']}",
            "Xero-Tenant-Id": self.person.organisation_id,
            "Accept": "application/json",
        }
        self.account = self.put("Accounts", Code="BK1", Name="By hand", Type="BANK", BankAccountNumber="12-34")
        rows = list(box.sandbox.store().rows("Accounts"))
        self.other = next(row for row in rows if row.get("Code") == "090")["AccountID"]
        self.contact = self.put("Contacts", Name="Acme Builders Ltd")["ContactID"]

    def put(self, path, **row):
        url = f"{self.person.settings['api_url']}/api.xro/2.0/{path}"
        answer = httpx.put(url, headers=self.headers, json=row)
        assert answer.status_code == 200, answer.text
        return answer.json()[path][0]

    @property
    def at(self):
        return {"AccountID": self.account["AccountID"]}

    def invoice(self, number, amount, day="2026-05-01", kind="ACCREC"):
        line = {
            "Description": "work",
            "Quantity": 1,
            "UnitAmount": amount,
            "AccountCode": "200",
            "TaxType": "NONE",
        }
        if kind == "ACCPAY":
            line["AccountCode"] = "400"
        return self.put(
            "Invoices", Type=kind, InvoiceNumber=number, Contact={"ContactID": self.contact}, Date=day,
            DueDate=day, LineItems=[line], LineAmountTypes="NoTax", Status="AUTHORISED",
        )["InvoiceID"]  # fmt: skip

    def paid(self, number, amount, day, paid=None):
        invoice = self.invoice(number, amount)
        self.put("Payments", Invoice={"InvoiceID": invoice}, Account=self.at, Date=day, Amount=paid or amount)

    def moved(self, kind, amount, day, reference="", **more):
        line = {
            "Description": "x",
            "Quantity": 1,
            "UnitAmount": amount,
            "AccountCode": "400",
            "TaxType": "NONE",
        }
        self.put(
            "BankTransactions", Type=kind, Contact={"ContactID": self.contact}, BankAccount=self.at, Date=day,
            LineItems=[line], LineAmountTypes="NoTax", Reference=reference, **more,
        )  # fmt: skip

    def ask(self, **params):
        return plugin.run_action(self.person.connection(), ACTION, {"bank_account": "BK1", **params}, {}).data


@pytest.fixture
def hand_bank():
    with serve(invoices=20, seed=4, limits=False) as box:
        yield Hand(box)


def lines(*rows):
    keys = ("date", "amount", "payee", "reference")
    return [dict(zip(keys, row, strict=False)) for row in rows]


# ---------------------------------------------------------------- unmatched entries


def unmatched(store):
    """Account, day and amount of the unmatched entries: a batch is one, a transfer has two sides."""
    for row in store.rows("Payments"):
        if row["Status"] == "AUTHORISED" and not row["IsReconciled"] and "BatchPaymentID" not in row:
            sign = 1 if row["PaymentType"] in IN else -1
            yield row["Account"]["AccountID"], row["Date"], sign * row["BankAmount"]
    for row in store.rows("BatchPayments"):
        if not row["IsReconciled"]:
            sign = 1 if row["Type"] == "RECBATCH" else -1
            yield row["Account"]["AccountID"], row["Date"], sign * row["TotalAmount"]
    for row in store.rows("BankTransactions"):
        if row["Status"] == "AUTHORISED" and not row["IsReconciled"]:
            sign = 1 if row["Type"].startswith("RECEIVE") else -1
            yield row["BankAccount"]["AccountID"], row["Date"], sign * row["Total"]
    for row in store.rows("BankTransfers"):
        for side, sign in (("From", -1), ("To", 1)):
            if not row[f"{side}IsReconciled"]:
                yield row[f"{side}BankAccount"]["AccountID"], row["Date"], sign * row["Amount"]


def test_unmatched_entries_equal_those_of_the_books_by_account_and_age(run_read, shared_sandbox_server):
    store = shared_sandbox_server.sandbox.store()
    banks = {row["AccountID"] for row in store.rows("Accounts") if row["Type"] == "BANK"}
    expected = {}
    for account, day, amount in unmatched(store):
        if account in banks:
            expected.setdefault(account, []).append((day, amount))
    result = run_read(ACTION, limit=500)
    found = {account["account_id"]: account for account in result.data["accounts"]}
    assert set(expected) <= set(found) == banks
    for key, rows in expected.items():
        account = found[key]
        assert account["count"] == len(rows) == sum(age["count"] for age in account["ages"])
        assert account["money_in"] + account["money_out"] == sum(amount for _, amount in rows)
        assert account["money_in"] == sum(age["money_in"] for age in account["ages"])
        assert account["oldest"] == min(xero_json.calendar_day(day) for day, _ in rows)
    assert len(result.data["entries"]) + result.data["more_entries"] == sum(map(len, expected.values()))
    assert [e["date"] for e in result.data["entries"]] == sorted(e["date"] for e in result.data["entries"])
    assert "not matched to a bank line" in result.data["note"]
    assert "a person does that in Xero" in result.data["note"]
    assert result.calls == 9
    assert run_read(ACTION, look_for_duplicates=False).calls == 6


def test_only_entries_of_the_given_days_are_listed(run_read):
    part = run_read(ACTION, from_date="2026-06-01", to_date="2026-08-31", limit=500).data
    assert part["entries"]
    assert all("2026-06-01" <= f"{entry['date']}" <= "2026-08-31" for entry in part["entries"])


def test_a_batch_is_one_entry_a_transfer_two_and_a_clearing_account_none(hand_bank):
    one, two = hand_bank.invoice("T-1", "100.10"), hand_bank.invoice("T-2", "50.05")
    both = [
        {"Invoice": {"InvoiceID": one}, "Amount": "100.10"},
        {"Invoice": {"InvoiceID": two}, "Amount": "50.05"},
    ]
    hand_bank.put("BatchPayments", Account=hand_bank.at, Date="2026-06-01", Reference="run 7", Payments=both)
    other = {"AccountID": hand_bank.other}
    hand_bank.put("BankTransfers", FromBankAccount=hand_bank.at, ToBankAccount=other, Amount="30.00", Date="2026-06-02")
    hand_bank.put("Accounts", Code="CL1", Name="Clearing", Type="CURRENT", EnablePaymentsToAccount=True)
    third = hand_bank.invoice("T-3", "7.00")
    hand_bank.put("Payments", Invoice={"InvoiceID": third}, Account={"Code": "CL1"}, Date="2026-06-03", Amount="7.00")
    found = hand_bank.ask()
    assert [(e["kind"], e["amount"]) for e in found["entries"]] == [
        ("batch_payment", Decimal("150.15")),
        ("bank_transfer", Decimal("-30.00")),
    ]
    assert sorted(found["entries"][0]["numbers"]) == ["T-1", "T-2"]
    there = hand_bank.ask(bank_account="090", limit=500)["entries"]
    moved = next(e["id"] for e in found["entries"] if e["kind"] == "bank_transfer")
    assert [e["amount"] for e in there if e["id"] == moved] == [Decimal("30.00")]
    statement = lines(("2026-06-02", "150.15", "ACME", ""), ("2026-06-02", "-30.00", "TRANSFER", ""))
    matched = hand_bank.ask(lines=statement)["statement"]
    assert {m["entries"][0]["kind"] for m in matched["matches"]} <= {"batch_payment", "bank_transfer"}


def test_only_real_duplicates_are_suspected(hand_bank):
    hand_bank.paid("T-1", "115.00", "2026-11-03")
    hand_bank.moved("RECEIVE", "115.00", "2026-11-05")
    hand_bank.paid("T-2", "80.00", "2026-11-03")
    hand_bank.moved("RECEIVE", "80.00", "2026-10-03")  # a month apart
    hand_bank.moved("SPEND", "115.00", "2026-11-04")  # the other way
    hand_bank.invoice("B-9", "33.00", "2026-11-01", "ACCPAY")
    hand_bank.invoice("b 9", "33.00", "2026-11-18", "ACCPAY")
    hand_bank.invoice("C-1", "500.00", "2026-10-01", "ACCPAY")
    hand_bank.invoice("C-2", "500.00", "2026-11-01", "ACCPAY")  # a rent
    found = hand_bank.ask()["duplicates"]
    assert [(d["what"], d["amount"]) for d in found] == [
        ("payment_and_bank_transaction", Decimal("115.00")),
        ("repeated_bill", Decimal("-33.00")),
    ]
    assert {e["kind"] for e in found[0]["entries"]} == {"payment", "bank_transaction"}
    assert "2 days apart" in found[0]["reasons"]
    assert hand_bank.ask(look_for_duplicates=False)["duplicates"] == []


def test_a_reconciled_pair_is_not_a_duplicate_and_a_batch_without_payments_counts():
    both = [
        Entry(kind, kind, "bank", date(2026, 6, 1), Decimal(5), "Acme", reconciled=True)
        for kind in ("payment", "bank_transaction")
    ]
    assert find_double_entries(both, 7) == []
    assert len(find_double_entries([both[0], replace(both[1], reconciled=False)], 7)) == 1
    batch = replace(both[0], kind="batch_payment", id="b")
    assert merge_batches(both, [batch]) == [*both, batch]


# ---------------------------------------------------------------- the two balances


def identity(found):
    assert found["expected_statement_balance"] == (
        found["ledger_balance"] - found["ledger_only"] + found["statement_only"]
    )
    for side in ("ledger_only", "statement_only"):
        assert found[side] == sum((i["amount"] for i in found["items"] if i["side"] == side), Decimal(0))
    assert found["difference"] == found["statement_balance"] - found["expected_statement_balance"]
    assert found["difference"] == found["brought_forward"] - found["not_in_the_lists"]
    return found


def test_the_balances_agree_to_the_cent_with_every_kind_of_difference(hand_bank):
    hand_bank.moved("RECEIVE", "1000.00", "2026-04-20", "opening")  # before, not matched, on no line
    hand_bank.moved("RECEIVE", "500.00", "2026-05-20", IsReconciled=True)  # on an earlier statement
    hand_bank.moved("RECEIVE", "9.00", "2026-07-01")  # after the last day
    hand_bank.paid("T-101", "115.00", "2026-06-03")  # on a line
    hand_bank.paid("T-102", "200.00", "2026-06-04")  # on a line, a fee taken off
    hand_bank.moved("SPEND", "40.00", "2026-06-29", "chq 1001")  # not at the bank yet
    hand_bank.paid("T-103", "60.00", "2026-07-02")  # at the bank on 30 June, recorded in July
    hand_bank.invoice("T-104", "75.00", "2026-06-10")  # at the bank, not recorded
    statement = lines(
        ("2026-06-04", "115.00", "ACME BUILDERS", "T-101 paid"),
        ("2026-06-06", "193.90", "ACME BUILDERS LTD", "INV T-102"),
        ("2026-06-12", "75.00", "ACME BUILDERS LTD", "T-104"),
        ("2026-06-30", "60.00", "ACME BUILDERS LTD", "T-103"),
        ("2026-06-30", "-5.00", "ACCOUNT FEE", ""),
    )
    at_the_bank = 500 + sum(Decimal(row["amount"]) for row in statement)
    result = hand_bank.ask(
        lines=statement, statement_balance=str(at_the_bank), to_date="2026-06-30", from_date="2026-06-01"
    )
    found = identity(result["reconciliation"])
    assert found["difference"] == Decimal("0.00"), found
    assert found["ledger_balance"] == Decimal("1775.00")
    assert found["explanation"] == "The balances agree to the cent."
    assert {(i["side"], i["amount"]) for i in found["items"]} == {
        ("ledger_only", Decimal("1000.00")),
        ("ledger_only", Decimal("-40.00")),
        ("statement_only", Decimal("75.00")),
        ("statement_only", Decimal("60.00")),
        ("statement_only", Decimal("-5.00")),
        ("statement_only", Decimal("-6.10")),
    }
    to_do = {m["lines"][0]["line"]: m["to_do"] for m in result["statement"]["matches"]}
    assert to_do == {1: "match_in_xero", 2: "match_in_xero", 3: "record_payment", 4: "match_in_xero"}


def test_a_difference_from_before_the_period_is_reported_separately(hand_bank):
    hand_bank.moved("RECEIVE", "10.00", "2026-06-03", "dep 1001")
    statement = lines(("2026-06-03", "10.00", "ACME BUILDERS LTD", "dep 1001"))
    found = identity(hand_bank.ask(lines=statement, statement_balance="33.33")["reconciliation"])
    assert (found["difference"], found["brought_forward"]) == (Decimal("23.33"), Decimal("23.33"))
    assert "23.33 is from before 2026-06-03" in found["explanation"]
    without = hand_bank.ask(lines=statement)["reconciliation"]
    assert (without["difference"], without["expected_statement_balance"]) == (None, Decimal("10.00"))
    assert "statement_balance" in without["explanation"]


def test_a_foreign_account_is_matched_without_a_ledger_balance(run_read):
    found = run_read(ACTION, bank_account="092", lines=lines(("2026-06-03", "10.00", "X")), statement_balance="1").data
    assert found["reconciliation"]["ledger_balance"] is None
    assert "NZD" in found["reconciliation"]["explanation"]


def test_a_statement_is_matched_without_permission_for_reports(hand_bank):
    hand_bank.moved("RECEIVE", "10.00", "2026-06-03", "dep 1001")
    hand_bank.person.connect(scopes=[s for s in hand_bank.person.grant["scopes"] if "reports" not in s], user="adviser")
    found = hand_bank.ask(lines=lines(("2026-06-03", "10.00", "ACME BUILDERS LTD", "dep 1001")), statement_balance="10")
    assert found["statement"]["totals"][0]["lines"] == 1
    assert found["reconciliation"]["ledger_balance"] is None
    assert "could not be read" in found["reconciliation"]["explanation"]


def test_csv_and_ofx_give_the_same_result_as_lines(hand_bank):
    hand_bank.paid("T-1", "115.00", "2026-06-03")
    row = ("2026-06-04", "115.00", "ACME BUILDERS LTD", "T-1")
    csv = "Date,Amount,Payee,Reference\n" + ",".join(row) + "\n"
    ofx = (
        "<OFX><STMTRS><CURDEF>NZD</CURDEF><STMTTRN><DTPOSTED>20260604</DTPOSTED><TRNAMT>115.00</TRNAMT>"
        "<NAME>ACME BUILDERS LTD</NAME><MEMO>T-1</MEMO></STMTTRN>"
        "<LEDGERBAL><BALAMT>115.00</BALAMT><DTASOF>20260605</DTASOF></LEDGERBAL></STMTRS></OFX>"
    )
    ids = {
        hand_bank.ask(**given)["statement"]["matches"][0]["entries"][0]["id"]
        for given in ({"lines": lines(row)}, {"csv": csv}, {"ofx": ofx})
    }
    assert len(ids) == 1
    told = identity(hand_bank.ask(ofx=ofx)["reconciliation"])
    assert (told["difference"], f"{told['to_date']}") == (Decimal("0.00"), "2026-06-05")


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"lines": lines(("2026-06-03", "1")), "csv": "x"}, "params"),
        ({"statement_balance": "1"}, "params"),
        ({"date_format": "dmy"}, "params"),
        ({"from_date": "2026-06-03", "to_date": "2026-06-02"}, "params.to_date"),
        ({"csv": "nonsense"}, "params.csv"),
        ({"ofx": "nonsense"}, "params.ofx"),
        ({"lines": lines(("2026-06-03", "NaN"))}, "params.lines"),
    ],
)
def test_wrong_statements_are_refused_before_any_request(shared_sandbox_server, books_reader, params, field):
    shared_sandbox_server.sandbox.log.clear()
    with pytest.raises(Exception, match="params") as caught:
        plugin.run_action(books_reader.connection(), ACTION, params, {})
    assert caught.value.code == "invalid"
    assert caught.value.problems[0]["field"].startswith(field)
    assert not calls(shared_sandbox_server)


@pytest.mark.parametrize("account", [None, "200", "nonsense"])
def test_an_unknown_or_ambiguous_bank_account_is_refused(run_read, account):
    with pytest.raises(Exception, match="bank_account") as caught:
        run_read(ACTION, bank_account=account, lines=lines(("2026-06-03", "1.00")))
    assert "090 (Business Bank Account)" in caught.value.problems[0]["message"]


def test_a_line_outside_the_period_is_refused(run_read):
    with pytest.raises(Exception, match="line 1 is not between"):
        run_read(
            ACTION,
            bank_account="090",
            lines=lines(("2026-06-03", "1.00")),
            to_date="2026-06-02",
            from_date="2026-06-01",
        )


def test_without_the_extra_a_statement_is_refused_and_unmatched_entries_are_listed(
    shared_sandbox_server, books_reader, run_read, monkeypatch
):
    monkeypatch.setitem(sys.modules, "rapidfuzz", None)
    shared_sandbox_server.sandbox.log.clear()
    with pytest.raises(Exception, match=r"bizosaas-xero\[reconcile\]") as caught:
        run_read(ACTION, bank_account="090", lines=lines(("2026-06-03", "1.00")))
    assert (caught.value.code, caught.value.reason) == ("misconfigured", "missing_extra")
    assert not calls(shared_sandbox_server)
    assert run_read(ACTION).data["accounts"]


def test_reconciling_writes_nothing(hand_bank):
    hand_bank.moved("RECEIVE", "10.00", "2026-06-03", "dep 1001")
    hand_bank.person.box.sandbox.log.clear()
    hand_bank.ask(lines=lines(("2026-06-03", "10.00", "ACME BUILDERS LTD", "dep 1001")), statement_balance="10")
    assert {line["method"] for line in calls(hand_bank.person.box)} == {"GET"}

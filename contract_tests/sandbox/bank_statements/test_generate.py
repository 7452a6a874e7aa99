"""Bank statements: each line has an answer, each entry of the books counts once, nothing gives it away."""

import datetime as dt
import json
from collections import Counter
from decimal import Decimal

import httpx
import pytest

from bizosaas_xero.sandbox import Clock, Sandbox
from bizosaas_xero.sandbox.bank_statements.entries import read_bank_entries
from bizosaas_xero.sandbox.bank_statements.generate import KINDS, answers_by_line, generate_statement

SINCE, TO = dt.date(2025, 6, 1), dt.date(2026, 9, 21)
NOTHING = {"unmatched", "duplicate", "same_amount_other_date", "other_amount_same_date"}


@pytest.fixture(scope="module")
def statement_sandbox():
    return Sandbox(600, 5, clock=Clock(lambda: 1.79e9))


@pytest.fixture(scope="module")
def statement(statement_sandbox):
    return generate_statement(statement_sandbox.store(), 3, SINCE, TO)


@pytest.fixture(scope="module")
def statement_entries(statement_sandbox):
    return {(e.entity, e.id, e.account): e for e in read_bank_entries(statement_sandbox.store())}


def of(statement, kind):
    lines = {line["line_id"]: line for line in statement.lines}
    return [(lines[name], answer) for name, answer in statement.answers.items() if answer["kind"] == kind]


def test_a_statement_holds_every_kind_of_line(statement):
    found = Counter(answer["kind"] for answer in statement.answers.values())
    assert set(found) == (set(KINDS) - {"missing"}) | {"unbooked_invoice"}
    assert statement.missing
    assert len(statement.lines) == len(statement.answers)
    assert {line["line_id"] for line in statement.lines} == set(statement.answers)


def test_the_answers_account_for_the_books(statement_sandbox, statement, statement_entries):
    """Each entry of these days is on one line, on two parts, or missing; and the amounts add up."""
    seen = Counter()
    for line in statement.lines:
        answer = statement.answers[line["line_id"]]
        assert bool(answer["matches"]) == (answer["kind"] not in NOTHING)
        for match in answer["matches"]:
            if match["entity"] != "Invoices":
                seen[match["entity"], match["id"], line["account_id"]] += match["amount"]
    gone = {(m["entity"], m["id"], m["account_id"]) for m in statement.missing}
    assert not gone & set(seen)
    seen.update(dict.fromkeys(gone, 0))
    booked_here = {key: e.amount for key, e in statement_entries.items() if SINCE <= e.date <= TO}
    assert set(seen) == set(booked_here)
    assert all(seen[key] == amount for key, amount in booked_here.items() if key not in gone)


def test_the_amounts_of_lines_and_answers_agree(statement):
    for line in statement.lines:
        answer = statement.answers[line["line_id"]]
        whole = sum((match["amount"] for match in answer["matches"]), Decimal(0)) - answer.get("fee", 0)
        if answer["matches"]:
            assert line["amount"] == whole
        assert line["amount"] == round(line["amount"], 2) != 0


def test_near_misses_belong_to_nothing(statement, statement_entries):
    """What looks alike and is not: by date, by amount, twice."""
    by_entry = {}
    for line in statement.lines:
        for match in statement.answers[line["line_id"]]["matches"]:
            by_entry[match["id"]] = line
    amounts = Counter(line["amount"] for line in statement.lines)
    for line, _ in of(statement, "same_amount_other_date"):
        assert amounts[line["amount"]] > 1
    for line, answer in of(statement, "duplicate"):
        twin = next(each for each in statement.lines if each["line_id"] == answer["duplicate_of"])
        assert {k: v for k, v in line.items() if k != "line_id"} == {k: v for k, v in twin.items() if k != "line_id"}
    for line, answer in of(statement, "fee_deducted"):
        assert Decimal(0) < answer["fee"] < line["amount"]
    for _, answer in of(statement, "combined"):
        assert len({match["id"] for match in answer["matches"]}) == 2
    for line, answer in of(statement, "typo"):
        match = answer["matches"][0]
        entry = statement_entries[match["entity"], match["id"], line["account_id"]]
        assert line["reference"] != entry.reference
    for line, _ in of(statement, "no_reference"):
        assert line["reference"] == ""


def test_lines_hold_nothing_that_a_bank_does_not_know(statement):
    """A matcher sees what a bank sends: no id of a document, and no order by kind."""
    text = json.dumps(statement.lines, default=str)
    for answer in statement.answers.values():
        assert not any(match["id"] in text for match in answer["matches"])
    assert {tuple(line) for line in statement.lines} == {
        ("line_id", "account_id", "date", "amount", "payee", "reference", "description")
    }
    assert [line["date"] for line in statement.lines] == sorted(line["date"] for line in statement.lines)


def test_the_same_seed_gives_the_same_statement(statement_sandbox, statement):
    again = generate_statement(statement_sandbox.store(), 3, SINCE, TO)
    assert (again.lines, again.answers, again.missing) == (
        statement.lines,
        statement.answers,
        statement.missing,
    )
    other = generate_statement(statement_sandbox.store(), 4, SINCE, TO)
    assert answers_by_line(other.answers) != answers_by_line(statement.answers)


def test_the_default_is_the_last_90_days_of_every_account(statement_sandbox):
    store = statement_sandbox.store()
    account = store.account_id("091")
    made = generate_statement(store, 1, account=account)
    assert {line["account_id"] for line in made.lines} == {account}
    booked_days = [m for m in made.answers.values() if m["kind"] == "exact"]
    assert booked_days
    with pytest.raises(ValueError, match="unknown bank account"):
        generate_statement(store, 1, account=store.account_id("200"))
    with pytest.raises(ValueError, match="after"):
        generate_statement(store, 1, TO, SINCE)


def test_batches_and_transfers_are_one_line(statement_sandbox):
    store = Sandbox(40, 5, clock=Clock(lambda: 1.79e9)).store()
    loose = [row for row in store.rows("Payments") if "BatchPaymentID" not in row]
    payments = [row for row in loose if row["Status"] == "AUTHORISED"][:2]
    for row in payments:
        store.table("Payments").put({**row, "BatchPaymentID": "b-1"})
    moved = store.put(
        "BankTransfers",
        {
            "Date": "/Date(1789948800000+0000)/", "Amount": 12, "Reference": "to savings",
            "FromBankAccount": {"AccountID": store.account_id("090")},
            "ToBankAccount": {"AccountID": store.account_id("091")},
        },
    )  # fmt: skip
    found = list(read_bank_entries(store))
    (batch,) = (e for e in found if e.id == "b-1")
    ways = [(1 if row["PaymentType"] == "ACCRECPAYMENT" else -1) * row["BankAmount"] for row in payments]
    assert (batch.entity, batch.amount) == ("BatchPayments", sum(ways))
    assert {e.amount for e in found if e.id == moved} == {Decimal(12), Decimal(-12)}
    assert not {row["PaymentID"] for row in payments} & {e.id for e in found}


def test_statements_are_made_over_http(sandbox_server):
    with httpx.Client(base_url=f"{sandbox_server.url}/_sandbox") as control:
        asked = {"from": "2001-01-01", "seed": 2}
        made = control.post("/statements", json=asked)
        assert made.status_code == 201
        body = made.json()
        assert set(body) == {"id", "lines"}
        answers = control.get(f"/statements/{body['id']}/answers").json()
        assert [a["line_id"] for a in answers["answers"]] == sorted(line["line_id"] for line in body["lines"])
        assert control.post("/statements", json=asked).json()["lines"] == body["lines"]
        second = sandbox_server.info["organisations"][1]["id"]
        assert control.post("/statements", json={**asked, "organisation": second}).json()["lines"] != body["lines"]
        assert control.get("/statements/9/answers").status_code == 404
        for bad in ({"from": "shoe"}, {"shoe": 1}, {"account": "x"}, {"seed": "x"}):
            assert control.post("/statements", json=bad).status_code == 400
        assert control.post("/statements", json={"organisation": "x"}).status_code == 404

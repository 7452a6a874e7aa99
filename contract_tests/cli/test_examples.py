"""Each SQL statement that the demo and the documentation show gives the right figures."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from decimal import Decimal

import pytest

from bizosaas_xero.cli.commands.demo import WHO_OWES_MOST
from contract_tests.helpers.paths import ROOT
from contract_tests.helpers.person import Person

BLOCKS = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "five-minutes.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def demo_database(tmp_path_factory):
    """Return a function that runs a statement on the demo's database, and all invoices as Xero sent them."""
    shown = Person(tmp_path_factory.mktemp("home")).json("demo", "--invoices", "400")
    with closing(sqlite3.connect(shown["database"])) as database:

        def query(statement):
            return database.execute(statement).fetchall()

        texts = [text for (text,) in query("SELECT record FROM invoices")]
        yield query, [json.loads(text, parse_float=Decimal) for text in texts]


def money(value):
    return Decimal(str(value)).quantize(Decimal("0.01"))


def day(row, name):
    return row[name][:10]


def test_no_other_page_has_a_statement_that_is_not_compared():
    others = [path for path in ROOT.glob("docs/**/*.md") if "```sql" in path.read_text(encoding="utf-8")]
    assert [path.name for path in others] == ["five-minutes.md"]
    assert len(BLOCKS) == 3


def test_who_owes_most_adds_approved_invoices_of_one_currency(demo_database):
    query, invoices = demo_database
    owed = Counter()
    for row in invoices:
        if row["Status"] == "AUTHORISED":
            owed[row["Contact"]["Name"], row["CurrencyCode"]] += Decimal(row["AmountDue"])
    found = query(WHO_OWES_MOST)
    assert [money(due) for *_, due in found] == [money(due) for _, due in owed.most_common(5)]
    assert all(money(owed[name, currency]) == money(due) for name, currency, due in found)
    assert len({row["CurrencyCode"] for row in invoices}) > 1, "else adding them would not show"
    assert any(row["Status"] == "DRAFT" and Decimal(row["AmountDue"]) for row in invoices)


def test_who_owes_and_since_when_counts_overdue_invoices_alone(demo_database):
    query, invoices = demo_database
    [(today,)] = query("SELECT date('now')")
    owed, since = Counter(), {}
    for row in invoices:
        if row["Status"] == "AUTHORISED" and row["CurrencyCode"] == "NZD" and day(row, "DueDate") < today:
            name = row["Contact"]["Name"]
            owed[name] += Decimal(row["AmountDue"])
            since[name] = min(since.get(name, "9999"), day(row, "DueDate"))
    found = query(BLOCKS[0])
    assert found
    assert [money(owes) for *_, owes in found] == [money(due) for _, due in owed.most_common(5)]
    assert all((since[name], money(owed[name])) == (first, money(owes)) for name, first, owes in found)


def test_sales_of_each_month_add_approved_and_paid_invoices(demo_database):
    query, invoices = demo_database
    months = defaultdict(list)
    for row in invoices:
        if row["Status"] in {"AUTHORISED", "PAID"} and row["CurrencyCode"] == "NZD":
            months[day(row, "Date")[:7]].append(Decimal(row["Total"]))
    expected = [(month, len(months[month]), money(sum(months[month]))) for month in sorted(months, reverse=True)[:6]]
    assert [(month, count, money(sales)) for month, count, sales in query(BLOCKS[1])] == expected


def test_lines_of_the_newest_invoices_are_those_that_xero_sent(demo_database):
    query, invoices = demo_database
    ordered = sorted(invoices, key=lambda row: row["InvoiceNumber"])
    ordered.sort(key=lambda row: day(row, "Date"), reverse=True)
    lines = [
        (row["InvoiceNumber"], line["Description"], money(line["LineAmount"]))
        for row in ordered
        for line in row["LineItems"]
    ]
    found = [(number, text, money(amount)) for number, text, amount in query(BLOCKS[2])]
    assert found
    assert [number for number, *_ in found] == [number for number, *_ in lines[:5]]
    assert set(found) <= set(lines)

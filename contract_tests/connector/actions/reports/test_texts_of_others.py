"""Formulas, HTML and Markdown in names and descriptions do nothing in any format of any report."""

from __future__ import annotations

import csv
import io
import re
from xml.etree import ElementTree as ET

import pytest

ATTACKS = (
    '=HYPERLINK("http://e.example")', "+1+1", "-1+1", "@SUM(1)", " =1", "\uff1d1+1",
    "a|b|c", "a\nb", "\\|=1", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt;",
    "![i](http://e.example/i)", "[l](javascript:alert(1))", "# heading", "**bold**", "`code`", 'quo"te, comma',
)  # fmt: skip


@pytest.fixture
def hostile_company(uk_company):
    """Give contacts, accounts, references and lines of the company names that attack whatever shows them."""
    for entity, key, field in (("Contacts", "ContactID", "Name"), ("Accounts", "AccountID", "Name")):
        for number, row in enumerate(uk_company.rows(entity)):
            attack = ATTACKS[number % len(ATTACKS)]
            uk_company.store.edit(entity, row[key], {field: f"{attack} {number}"})
    for number, row in enumerate(uk_company.rows("Invoices")):
        attack = ATTACKS[number % len(ATTACKS)]
        lines = [line | {"Description": attack} for line in row["LineItems"]]
        uk_company.store.edit("Invoices", row["InvoiceID"], {"Reference": attack, "LineItems": lines})
    return uk_company


REPORTS = [
    *(
        (name, {"formats": [kind]})
        for name in ("get_aged_receivables", "get_aged_payables")
        for kind in ("markdown", "csv")
    ),
    *(
        ("generate_pnl_report", {"formats": [kind], "from_date": "2026-01-01", "to_date": "2026-11-22"})
        for kind in ("markdown", "csv", "svg")
    ),
]


def cells_of_table(line):
    """Return the cells of a line of a Markdown table."""
    return re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1]


@pytest.mark.parametrize(
    ("action", "params"), REPORTS, ids=lambda value: value if isinstance(value, str) else value["formats"][0]
)
def test_a_report_in_each_format(hostile_company, action, params):
    result = hostile_company.act(action, params).data
    ((kind, text),) = result["texts"].items()
    assert len(text) > 100
    if kind == "svg":
        assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314 (our own)
        assert "<script" not in text
    elif kind == "csv":
        rows = list(csv.reader(io.StringIO(text)))
        assert len({len(row) for row in rows}) == 1
        for cell in (cell for row in rows for cell in row):
            number = re.fullmatch(r"-?[0-9.,]+", cell)
            assert number or cell.lstrip()[:1] not in {*"=+-@", "\uff1d"}, cell
    else:
        table = [line for line in text.splitlines() if line.startswith("|")]
        assert len({len(cells_of_table(line)) for line in table}) == 1, "no name adds a column or a row"
        assert not re.search(r"<(script|img)", text)
        assert not [line for line in text.splitlines() if line.startswith("#")]


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("find_contacts", {"limit": 50}), ("find_invoices", {"limit": 50}), ("list_accounts", {}),
        ("get_balance_sheet", {}), ("get_organisation", {}),
    ],
)  # fmt: skip
def test_a_list_is_answered_with_the_texts_as_they_are(hostile_company, action, params):
    assert hostile_company.act(action, params).status == "done"


def test_the_contact_to_whom_each_request_of_an_email_is_struck_has_an_address(uk_company):
    """The matrix strikes e-mail at each request; it would prove nothing of an invoice that cannot be sent."""
    from contract_tests.helpers.write_examples import WRITES

    number = WRITES["email_invoice"](uk_company)["invoice"]
    (invoice,) = uk_company.rows("Invoices", InvoiceNumber=number)
    (contact,) = uk_company.rows("Contacts", ContactID=invoice["Contact"]["ContactID"])
    assert "@" in contact["EmailAddress"]

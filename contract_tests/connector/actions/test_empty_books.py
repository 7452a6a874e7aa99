"""An organisation in which nothing has happened yet: every read answers, and says so with zeros."""

from __future__ import annotations

from decimal import Decimal

import pytest

from contract_tests.connector.actions.test_lookups import EXAMPLES

LISTS = (
    "BankTransactions", "Payments", "CreditNotes", "Contacts", "Invoices", "Overpayments", "Prepayments",
    "BatchPayments", "BankTransfers",
)  # fmt: skip


@pytest.fixture
def empty_company(make_company):
    at = make_company(0)
    for entity in LISTS:
        for row in at.rows(entity):
            at.store.delete(entity, row[at.store.table(entity).id_field])
    return at


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - {"get_invoice"}))
def test_every_read_action_works_in_empty_books(empty_company, name):
    assert empty_company.act(name, EXAMPLES[name]).status == "done"


def test_empty_books_give_zero_totals(empty_company):
    owed = empty_company.act("get_aged_receivables", {}).data
    assert (owed["total"], owed["contacts"]) == (Decimal(0), [])
    profit = empty_company.act("generate_pnl_report", EXAMPLES["generate_pnl_report"]).data
    assert profit["net_profit"] == Decimal(0)
    assert empty_company.act("find_contacts", {}).data["contacts"] == []

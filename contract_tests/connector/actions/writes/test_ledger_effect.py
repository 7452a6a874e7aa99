"""What a plan says that a write posts, worked out by hand: sides, base amounts, cents of rounding, gains."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest

from bizosaas_xero.connector.actions.invoices.lines import PricedLine
from bizosaas_xero.connector.actions.writes import ledger_effect

NAMES = {
    "GST": ("820", "Tax"), "ROUNDING": ("860", "Rounding"), "DEBTORS": ("610", "Debtors"),
    "CREDITORS": ("800", "Creditors"), "REALISEDCURRENCYGAIN": ("499", "Gains"),
}  # fmt: skip


def row(code, name):
    return {"AccountID": f"id-{code}", "Code": code, "Name": name}


BOOKS = SimpleNamespace(base_currency="GBP", system_account=lambda key: row(*NAMES[key]))
SALES, OTHER, DEBTORS, BANK = row("200", "Sales"), row("260", "Other"), row("610", "Debtors"), row("090", "Bank")
RATES = {
    "OUTPUT2": {"TaxType": "OUTPUT2", "EffectiveRate": Decimal(20)},
    "RR": {"TaxType": "RR", "EffectiveRate": Decimal(5)},
}


def line(net, tax="0", account=SALES, rate=None):
    return PricedLine(None, account, RATES.get(rate), Decimal(net), Decimal(tax))


def shown(postings):
    """Each posting: account, debit (credits are below zero), currency, and base amount if one is given."""
    found = []
    for each in postings:
        if "computed_by_xero" in each:
            found.append((each["account"], each["computed_by_xero"]))
            continue
        assert ("debit" in each) != ("credit" in each)
        assert all(each[side] >= 0 for side in ("debit", "credit", "base_amount") if side in each)
        assert each["account_id"] == f"id-{each['account'].split()[0]}"
        sign = 1 if "debit" in each else -1
        amount = sign * (each.get("debit", 0) + each.get("credit", 0))
        base = (sign * each["base_amount"],) if "base_amount" in each else ()
        found.append((each["account"].split()[1], amount, each["currency"], *base))
    return found


def of(*numbers):
    return tuple(Decimal(number) if number[-1].isdigit() else number for number in numbers)


def posted(lines, sign=1, currency="GBP", control=DEBTORS, **more):
    more = {name: None if value is None else Decimal(value) for name, value in more.items()}
    return shown(ledger_effect.line_postings(BOOKS, lines, control, sign, currency, **more))


def test_an_invoice_debits_its_total_and_credits_each_account_and_tax_type_once():
    lines = [line("100", "20", SALES, "OUTPUT2"), line("10", "0.5", OTHER, "RR"), line("1", "0.2", SALES, "OUTPUT2")]
    assert posted(lines) == [
        of("Debtors", "131.7", "GBP"), of("Sales", "-101", "GBP"), of("Other", "-10", "GBP"), of("Tax", "-20.2", "GBP"),
        of("Tax", "-0.5", "GBP"),
    ]  # fmt: skip
    effect = list(ledger_effect.line_postings(BOOKS, lines, DEBTORS, 1, "GBP"))
    assert [(each.get("tax_type"), each.get("tax_rate")) for each in effect[3:]] == [("OUTPUT2", 20), ("RR", 5)]
    assert "tax_type" not in effect[1]


def test_a_credit_note_goes_the_other_way_and_a_line_without_tax_posts_none():
    assert posted([line("100", "0", SALES, "RR"), line("5")], -1) == [
        of("Debtors", "-105", "GBP"), of("Sales", "105", "GBP"),
    ]  # fmt: skip


def test_a_corrected_total_goes_to_the_rounding_account():
    assert posted([line("100", "20", SALES, "OUTPUT2")], total="119.98") == [
        of("Debtors", "119.98", "GBP"),
        of("Sales", "-100", "GBP"),
        of("Tax", "-20", "GBP"),
        of("Rounding", "0.02", "GBP"),
    ]
    assert len(posted([line("100", "20", SALES, "OUTPUT2")], total="120")) == 3


def test_a_foreign_invoice_has_base_amounts_and_its_cents_go_to_rounding():
    lines = [line("0.50", "0.10", SALES, "OUTPUT2"), line("0.50", "0.10", OTHER, "OUTPUT2")]
    # 1.20 / 1.6 = 0.75; each 0.50 / 1.6 = 0.3125, so 0.31; 0.20 / 1.6 = 0.125, so 0.13: together 0.75
    assert posted(lines, currency="EUR", rate="1.6") == [
        of("Debtors", "1.20", "EUR", "0.75"),
        of("Sales", "-0.50", "EUR", "-0.31"),
        of("Other", "-0.50", "EUR", "-0.31"),
        of("Tax", "-0.20", "EUR", "-0.13"),
    ]
    # of one account each line is rounded by itself: 0.31 + 0.31 of 0.63, and a cent is left
    assert posted([line("0.50"), line("0.50")], currency="EUR", rate="1.6") == [
        of("Debtors", "1.00", "EUR", "0.63"), of("Sales", "-1.00", "EUR", "-0.62"), of("Rounding", "-0.01", "GBP"),
    ]  # fmt: skip
    assert posted([line("0.50"), line("0.50")], -1, currency="EUR", rate="1.6")[-1] == of("Rounding", "0.01", "GBP")


def test_a_corrected_foreign_total_rounds_in_both_currencies():
    assert posted([line("1.00")], currency="EUR", rate="1.6", total="1.02") == [
        of("Debtors", "1.02", "EUR", "0.64"),
        of("Sales", "-1.00", "EUR", "-0.63"),
        of("Rounding", "-0.02", "EUR", "-0.01"),
    ]


def test_without_a_rate_the_cents_are_xeros_to_know():
    found = posted([line("1.00")], currency="EUR")
    assert found[:2] == [of("Debtors", "1.00", "EUR"), of("Sales", "-1.00", "EUR")]
    assert found[2:] == [("860 Rounding", "cents of rounding into base currency, if any")]
    assert len(posted([line("1.00")], currency="GBP", rate="1.6")) == 2, "base currency has no rate"


def test_an_account_that_xero_does_not_list_is_named_so():
    [control, _] = ledger_effect.line_postings(BOOKS, [line("1")], None, 1, "GBP")
    assert (control["account"], control["account_id"]) == ("Xero's own account", None)
    assert ledger_effect.computed_by_xero(None, "x")["account_id"] is None


# ---------------------------------------------------------------- payments


def paid(kind="invoice", amount="40", rate=None, surplus="0", **document):
    invoice = {"CurrencyCode": "GBP", "AmountDue": Decimal(100)} | document
    rate = rate and Decimal(rate)
    return shown(ledger_effect.payment_postings(BOOKS, kind, invoice, BANK, Decimal(amount), rate, Decimal(surplus)))


@pytest.mark.parametrize(
    ("given", "bank"),
    [({}, "40"), ({"kind": "bill"}, "-40"), ({"amount": "-40"}, "-40"), ({"surplus": "2"}, "42"),
     ({"kind": "bill", "surplus": "2"}, "-42"), ({"rate": "1.6"}, "40")],
)  # fmt: skip
def test_a_payment_moves_money_between_bank_and_control_account(given, bank):
    control = "Creditors" if given.get("kind") == "bill" else "Debtors"
    assert paid(**given) == [of("Bank", bank, "GBP"), (control, -Decimal(bank), "GBP")]


def test_a_foreign_payment_at_the_rate_of_the_day_leaves_the_gain_to_xero():
    assert paid(CurrencyCode="EUR", CurrencyRate=Decimal("1.6")) == [
        of("Bank", "40", "EUR"), of("Debtors", "-40", "EUR"),
        ("499 Gains", "realised currency gain or loss, from the day's rate"),
    ]  # fmt: skip


EUR = {"CurrencyCode": "EUR", "CurrencyRate": Decimal("1.6")}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"rate": "1.6"}, [("Bank", "25.00"), ("Debtors", "-25.00")]),
        ({"rate": "1.25"}, [("Bank", "32.00"), ("Debtors", "-25.00"), ("Gains", "-7.00")]),
        ({"rate": "2"}, [("Bank", "20.00"), ("Debtors", "-25.00"), ("Gains", "5.00")]),
        ({"rate": "2", "kind": "bill"}, [("Bank", "-20.00"), ("Creditors", "25.00"), ("Gains", "-5.00")]),
        (
            {"rate": "2", "amount": "100", "surplus": "4"},
            [("Bank", "52.00"), ("Debtors", "-64.50"), ("Gains", "12.50")],
        ),
        # the last part takes what is left of the book value: 33.33 / 1.6 is 20.83, of 100 open it takes 20.83
        ({"rate": "1.6", "amount": "33.33"}, [("Bank", "20.83"), ("Debtors", "-20.83")]),
        # 0.50 of 1.00 open: 0.63 less 0.31 is 0.32, the bank gets 0.31
        (
            {"rate": "1.6", "amount": "0.50", "AmountDue": Decimal("1.00")},
            [("Bank", "0.31"), ("Debtors", "-0.32"), ("Gains", "0.01")],
        ),
    ],
)
def test_a_foreign_payment_realises_the_difference_to_the_book_value(given, expected):
    assert paid(**EUR | given) == [of(name, amount, "GBP") for name, amount in expected]


def test_applying_a_credit_moves_the_cents_between_two_roundings():
    invoice = EUR | {"AmountDue": Decimal("1.00")}
    found = shown(ledger_effect.allocation_postings(BOOKS, invoice, Decimal("0.50"), Decimal("0.50")))
    # of the invoice 0.63 - 0.31 = 0.32 goes, of the credit note 0.31
    assert found == [of("Debtors", "-0.01", "GBP"), of("Gains", "0.01", "GBP")]
    assert shown(ledger_effect.allocation_postings(BOOKS, invoice, Decimal("1.00"), Decimal("1.00"))) == []
    base = {"CurrencyCode": "GBP", "AmountDue": Decimal("1.00")}
    assert shown(ledger_effect.allocation_postings(BOOKS, base, Decimal("0.50"), Decimal("0.50"))) == []

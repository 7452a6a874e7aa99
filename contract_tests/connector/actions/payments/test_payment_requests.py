"""What a payment sends, what a policy is told of it, and what its result names, field by field."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from contract_tests.helpers.colleague import contact, invoice, write
from contract_tests.helpers.payments import FEE, PAY


@pytest.mark.parametrize(
    ("day", "acts"),
    [("2026-11-21", ["pay", "backdate"]), ("2026-11-22", ["pay"]), ("2026-11-23", ["pay"]), (None, ["pay"])],
)
def test_only_a_payment_of_a_past_day_is_backdated(uk_company, day, acts):
    sold = invoice(uk_company)
    plan = uk_company.plan(PAY, {"invoice": sold["InvoiceID"], "account": "090", "payment_date": day})
    assert plan.acts == acts


def body_of(plan, step):
    [request] = [each for each in plan.requests if each["step"] == step]
    [body] = request["body"]["BankTransactions"]
    return body


def test_surplus_and_fee_are_sent_as_money_of_the_account(uk_company, named_fee):
    sold = invoice(uk_company)
    params = {"invoice": sold["InvoiceID"], "account": "090", "payment_date": "2026-11-20"}
    plan = uk_company.plan(PAY, params | {"amount": "110.00", "on_surplus": "overpayment", "fee": named_fee})
    surplus, fee = body_of(plan, "overpayment"), body_of(plan, "fee")
    account = next(row["AccountID"] for row in uk_company.rows("Accounts") if row.get("Code") == "090")
    for body in (surplus, fee):
        assert body["BankAccount"] == {"AccountID": account}
        assert body["Date"] == "2026-11-20"
        assert "CurrencyRate" not in body
        assert "IsReconciled" not in body
    assert (surplus["Type"], surplus["LineAmountTypes"]) == ("RECEIVE-OVERPAYMENT", "NoTax")
    assert [line["UnitAmount"] for line in surplus["LineItems"]] == ["10.00"]
    assert (fee["Type"], fee["LineAmountTypes"], fee["Reference"]) == ("SPEND", "Inclusive", sold["InvoiceNumber"])
    [line] = fee["LineItems"]
    assert (line["UnitAmount"], line["AccountCode"], line["Quantity"]) == ("3.20", "404", "1")
    assert line["TaxType"]
    assert fee["Contact"]["ContactID"] == contact(uk_company, 3)["ContactID"] != surplus["Contact"]["ContactID"]


@pytest.mark.parametrize(("account", "sent"), [("090", False), ("0915", True)])
def test_a_rate_is_sent_only_for_money_of_a_foreign_account(uk_company, named_fee, account, sent):
    write(uk_company, "PUT", "Accounts", {"Code": "0915", "Name": "EUR bank", "Type": "BANK", "BankAccountNumber": "9",
                                          "CurrencyCode": "EUR"})  # fmt: skip
    sold = invoice(uk_company, CurrencyCode="EUR", CurrencyRate=1.25)
    params = {"invoice": sold["InvoiceID"], "account": account, "currency_rate": "1.3", "fee": named_fee}
    assert (body_of(uk_company.plan(PAY, params), "fee").get("CurrencyRate") == "1.3") is sent


def test_the_result_and_the_history_name_day_account_and_parts(uk_company, named_fee):
    sold = invoice(uk_company)
    params = {"invoice": sold["InvoiceID"], "account": "090", "payment_date": "2026-11-20", "amount": "110.00"}
    done = uk_company.commit(PAY, params | {"on_surplus": "overpayment", "fee": named_fee}).data
    account = next(row["AccountID"] for row in uk_company.rows("Accounts") if row.get("Code") == "090")
    assert (done["payment_date"], done["account_id"]) == (date(2026, 11, 20), account)
    assert (done["amount"], done["amount_due"], done["kind"]) == (Decimal("100.00"), 0, "invoice")
    note = uk_company.notes("Invoices", sold["InvoiceID"])[-1]
    assert note.startswith("Payment of 100.00 recorded by mark_invoice_paid, with overpayment ")
    assert f", with fee {done['fee_id']}" in note
    assert done["overpayment_id"] in note


@pytest.mark.parametrize(("enabled", "works"), [(True, True), (False, False)])
def test_an_account_that_is_no_bank_takes_payments_only_where_xero_allows_it(uk_company, enabled, works):
    row = next(row for row in uk_company.rows("Accounts") if row.get("Code") == "404")
    uk_company.store.edit("Accounts", row["AccountID"], {"EnablePaymentsToAccount": enabled})
    params = {"invoice": invoice(uk_company)["InvoiceID"], "account": "404"}
    if works:
        assert uk_company.plan(PAY, params).requests
        return
    with pytest.raises(Exception, match="takes no payments"):
        uk_company.plan(PAY, params)


def test_a_fee_or_surplus_needs_a_bank_account(uk_company, named_fee):
    row = next(row for row in uk_company.rows("Accounts") if row.get("Code") == "404")
    uk_company.store.edit("Accounts", row["AccountID"], {"EnablePaymentsToAccount": True})
    params = {"invoice": invoice(uk_company)["InvoiceID"], "account": "404"}
    for more, field in (
        ({"fee": {**named_fee, "account": FEE["account"]}}, "params.fee"),
        ({"amount": "110.00", "on_surplus": "overpayment"}, "params.on_surplus"),
    ):
        with pytest.raises(Exception, match="not of the type BANK") as caught:
            uk_company.plan(PAY, params | more)
        assert [problem["field"] for problem in caught.value.problems] == [field]


@pytest.mark.parametrize(("currency", "named"), [("GBP", "GBP"), ("EUR", "EUR or in GBP")])
def test_an_account_of_another_currency_is_refused_with_each_right_currency_once(uk_company, currency, named):
    there = write(uk_company, "PUT", "Accounts", {"Code": "0915", "Name": "EUR bank", "Type": "BANK",
                                                  "BankAccountNumber": "9", "CurrencyCode": "EUR"})  # fmt: skip
    uk_company.store.edit("Accounts", there["AccountID"], {"CurrencyCode": "AUD"})
    sold = invoice(uk_company, CurrencyCode=currency, **({"CurrencyRate": 1.25} if currency == "EUR" else {}))
    with pytest.raises(Exception, match="is in AUD") as caught:
        uk_company.plan(PAY, {"invoice": sold["InvoiceID"], "account": "0915"})
    assert caught.value.reason == "wrong_currency"
    assert f"Name an account in {named}." in str(caught.value.remedy)

"""``create_invoice``: currency, account, tracking and dates; the plan, the books, and sending."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bizosaas_xero.connector.actions.invoices import lines
from bizosaas_xero.connector.actions.writes import dates
from contract_tests.helpers.invoices import DEAL, params, refused
from contract_tests.helpers.write_examples import customer

# ------------------------------------------------------------ currency, account, tracking, dates


def test_the_deals_currency_is_a_default_and_needs_confirming(uk_company):
    said = refused(uk_company, "invalid", "params.currency", currency=None)
    assert "USD" in said
    assert "GBP" in said
    assert "not enabled" in refused(uk_company, "invalid", "params.currency", currency="JPY")
    plan = uk_company.plan("create_invoice", params(uk_company, currency="EUR"))
    assert plan.amount is None
    assert any("EUR" in warning for warning in plan.warnings)
    made = uk_company.commit("create_invoice", params(uk_company, currency="EUR")).data
    assert made["currency"] == "EUR"


def test_a_deal_in_the_customers_own_currency_needs_no_confirming(uk_company):
    euro = customer(uk_company, DefaultCurrency="GBP")
    uk_company.store.edit("Contacts", euro["ContactID"], {"DefaultCurrency": "EUR"})
    plan = uk_company.plan(
        "create_invoice",
        params(uk_company, contact={"id": euro["ContactID"]}, deal={**DEAL, "currency": "eur"}, currency=None),
    )
    assert plan.requests[0]["body"]["Invoices"][0]["CurrencyCode"] == "EUR"


def test_the_account_comes_from_line_action_contact_or_settings_or_the_error_asks_for_it(uk_company):
    def account(uk_company, **changes):
        plan = uk_company.plan("create_invoice", params(uk_company, **changes))
        return plan.requests[0]["body"]["Invoices"][0]["LineItems"][0]["AccountCode"]

    said = refused(uk_company, "invalid", "params.lines.0.account", account=None)
    assert "200 Sales" in said
    uk_company.account.settings["sales_account"] = "260"
    assert account(uk_company, account=None) == "260"
    contact = customer(uk_company, DefaultCurrency="GBP")
    uk_company.store.edit("Contacts", contact["ContactID"], {"SalesDefaultAccountCode": "200"})
    assert account(uk_company, account=None) == "200"
    assert account(uk_company, account="260") == "260"


@pytest.mark.parametrize(("code", "why"), [("999", "no account"), ("090", "no invoice lines"), ("610", "no invoice")])
def test_an_account_that_takes_no_sales_is_refused(uk_company, code, why):
    assert why in refused(uk_company, "invalid", "params.lines.0.account", account=code)


def test_an_archived_account_is_refused(uk_company):
    uk_company.store.edit("Accounts", uk_company.store.account_id("260"), {"Status": "ARCHIVED"})
    assert "archived" in refused(uk_company, "invalid", "params.lines.0.account", account="260")


def test_tracking_is_checked_against_the_categories_in_xero(uk_company):
    category = uk_company.rows("TrackingCategories")[0]
    option = category["Options"][0]["Name"]
    made = uk_company.commit("create_invoice", params(uk_company, tracking={category["Name"].lower(): option})).data
    line = uk_company.store.peek("Invoices", made["invoice_id"])["LineItems"][0]
    assert line["Tracking"][0]["Option"] == option
    said = refused_now(uk_company, tracking={category["Name"]: "Nowhere"})
    assert option in said
    assert category["Name"] in refused_now(uk_company, tracking={"Nothing": "x"})


def refused_now(uk_company, **changes):
    with pytest.raises(Exception, match="tracking") as caught:
        uk_company.plan("create_invoice", params(uk_company, **changes))
    assert caught.value.code == "invalid"
    return str(caught.value)


def test_the_due_date_comes_from_terms_and_is_needed_for_an_approved_one(uk_company):
    contact = customer(uk_company, DefaultCurrency="GBP")
    uk_company.store.edit("Contacts", contact["ContactID"], {"PaymentTerms": {}})
    said = refused(uk_company, "invalid", "params.due_date", due_date=None, status="authorised")
    assert "payment terms" in said
    uk_company.account.settings["payment_days"] = 10
    assert "due 2026-12-02" in uk_company.plan("create_invoice", params(uk_company, due_date=None)).summary
    uk_company.store.edit(
        "Contacts", contact["ContactID"], {"PaymentTerms": {"Sales": {"Day": 20, "Type": "OFFOLLOWINGMONTH"}}}
    )
    assert "due 2026-12-20" in uk_company.plan("create_invoice", params(uk_company, due_date=None)).summary
    assert "before" in refused(uk_company, "invalid", "params.due_date", due_date="2026-11-01")


@pytest.mark.parametrize(
    ("kind", "day", "due"),
    [
        ("DAYSAFTERBILLDATE", 14, date(2026, 2, 14)),
        ("DAYSAFTERBILLMONTH", 7, date(2026, 3, 7)),
        ("OFCURRENTMONTH", 31, date(2026, 2, 28)),
        ("OFFOLLOWINGMONTH", 31, date(2026, 3, 31)),
    ],
)
def test_each_type_of_payment_terms_gives_its_due_date(kind, day, due):
    on = date(2026, 2, 10) if kind != "DAYSAFTERBILLDATE" else date(2026, 1, 31)
    assert dates.date_by_terms({"Type": kind, "Day": day}, on) == due


def test_a_past_day_of_the_current_month_moves_to_the_next_month():
    assert dates.date_by_terms({"Type": "OFCURRENTMONTH", "Day": 5}, date(2026, 12, 10)) == date(2027, 1, 5)


def test_the_locked_period_refuses_what_enters_the_ledger_even_for_an_adviser(uk_company):
    uk_company.store.lock_period("PeriodLockDate", date(2026, 10, 31))
    said = refused(uk_company, "invalid", "params.invoice_date", invoice_date="2026-10-31", status="authorised")
    assert "2026-10-31" in said
    plan = uk_company.plan("create_invoice", params(uk_company, invoice_date="2026-10-31"))
    assert any("locked" in warning for warning in plan.warnings)
    assert plan.acts == ["draft"]
    assert uk_company.plan(
        "create_invoice", params(uk_company, invoice_date="2026-11-01", status="authorised")
    ).acts == [
        "authorise",
        "backdate",
    ]


# ------------------------------------------------------------ the plan, and the books


def test_the_planned_effect_equals_the_change_of_the_ledger(uk_company):
    before = uk_company.store.ledger.trial_balance(date(2026, 12, 31))
    plan = uk_company.plan("create_invoice", params(uk_company, status="authorised"))
    uk_company.commit("create_invoice", params(uk_company, status="authorised"))
    after = uk_company.store.ledger.trial_balance(date(2026, 12, 31))
    moved = {guid: after.get(guid, 0) - before.get(guid, 0) for guid in {*after, *before}}
    meant = {row["account_id"]: Decimal(row.get("debit", 0)) - Decimal(row.get("credit", 0)) for row in plan.effect}
    assert {guid: amount for guid, amount in moved.items() if amount} == meant
    assert sum(meant.values()) == 0


def test_a_draft_has_no_effect_and_no_acts(uk_company):
    plan = uk_company.plan("create_invoice", params(uk_company))
    assert (plan.effect, plan.acts) == ([], ["draft"])
    assert "does not enter the ledger" in plan.summary
    before = uk_company.store.ledger.trial_balance(date(2026, 12, 31))
    assert uk_company.commit("create_invoice", params(uk_company)).data["status"] == "DRAFT"
    assert uk_company.store.ledger.trial_balance(date(2026, 12, 31)) == before


def test_the_requests_sent_are_exactly_those_planned(uk_company):
    asked = params(uk_company, status="authorised", send=True)
    plan = uk_company.plan("create_invoice", asked)
    uk_company.commit("create_invoice", asked)
    kept = [
        line for line in uk_company.box.sandbox.log if line["method"] == "PUT" and line["path"].endswith("/Invoices")
    ]
    assert len(kept) == 1
    (made,) = uk_company.rows("Invoices", Url=plan.requests[0]["body"]["Invoices"][0]["Url"])
    body = plan.requests[0]["body"]["Invoices"][0]
    assert made["Reference"] == body["Reference"]
    assert str(made["LineItems"][0]["UnitAmount"]) == "1234.50"


def test_a_possible_duplicate_is_named(uk_company):
    first = uk_company.commit("create_invoice", params(uk_company), "k-1").data
    warnings = uk_company.plan("create_invoice", params(uk_company), "k-2").warnings
    assert [warning for warning in warnings if first["number"] in warning and "D-1042" in warning]
    other = params(uk_company, deal={**DEAL, "id": "D-2"})
    assert any("same total" in warning for warning in uk_company.plan("create_invoice", other, "k-3").warnings)


def test_markdown_of_a_customer_cannot_break_the_summary(uk_company):
    contact = customer(uk_company, DefaultCurrency="GBP")
    uk_company.store.edit("Contacts", contact["ContactID"], {"Name": "A | B\n**approved** <b>"})
    summary = uk_company.plan("create_invoice", params(uk_company)).summary
    assert "A \\| B **approved** &lt;b>" in summary


# ------------------------------------------------------------ sending


def test_sending_needs_approval_and_gives_the_online_link(uk_company):
    refused(uk_company, "invalid", "params", send=True)
    made = uk_company.commit(
        "create_invoice", params(uk_company, status="authorised", send=True), requester="agent 7", approver="Aroha"
    ).data
    assert made["emailed"] == "sent"
    assert made["online_url"].startswith("https://")
    (note,) = uk_company.notes("Invoices", made["invoice_id"])
    assert "agent 7" in note
    assert "Aroha" in note
    assert "key-1" in note


def test_a_refused_email_leaves_the_invoice_and_gives_a_warning(make_company):
    demo = make_company(0)  # a Demo Company sends no e-mail
    result = demo.commit("create_invoice", params(demo, status="authorised", send=True))
    assert result.status == "partial"
    assert result.data["emailed"] == "refused"
    assert result.data["status"] == "AUTHORISED"
    assert any("did not send" in warning and "limit" in warning for warning in result.warnings)


def test_an_invoice_that_xero_made_differently_is_not_sent(uk_company, monkeypatch):
    asked = params(uk_company, status="authorised", send=True)
    monkeypatch.setattr(lines, "_split_tax", lambda amount, _rate, _mode: (amount, Decimal("1.00")))
    result = uk_company.commit("create_invoice", asked)
    assert result.status == "partial"
    assert result.data["emailed"] == "no"
    assert any("TotalTax 246.90 where 1.00 was expected" in warning for warning in result.warnings)
    assert not [path for path in uk_company.writes() if path.endswith("/Email")]


def test_an_error_carries_every_message_of_xero(uk_company):
    uk_company.box.sandbox.faults.add(
        "status",
        match={"path": "Invoices", "method": "PUT"},
        status=400,
        times=None,
        text='{"ErrorNumber":10,"Type":"ValidationException","Message":"A validation exception occurred",'
        '"Elements":[{"ValidationErrors":[{"Message":"One."}],'
        '"LineItems":[{"ValidationErrors":[{"Message":"Two."}]}]}]}',
    )
    with pytest.raises(Exception, match="One") as caught:
        uk_company.commit("create_invoice", params(uk_company))
    assert caught.value.problems == [
        {"field": "", "message": "One."},
        {"field": "LineItems.0", "message": "Two."},
    ]

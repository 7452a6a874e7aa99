"""The day of an action: the organisation's, or that of the configured time zone; UTC is never taken silently."""

from datetime import timedelta

import pytest

from bizosaas_xero import plugin
from bizosaas_xero.connector.actions import books
from bizosaas_xero.spec import Misconfigured
from contract_tests.helpers.company import MOMENT

UNKNOWN = "days are those of UTC"
PAGO_PAGO = {"timezone": "Pacific/Pago_Pago"}  # 11 hours behind: there it is still the day before
PARAMS = {
    "contact": {"name": "Day & Night", "create": True},
    "lines": [{"description": "Work", "quantity": 1, "unit_amount": 10}],
}


@pytest.fixture
def act(uk_company):
    def run(action, params, control=None, **settings):
        settings = {"sales_account": "200", **settings}
        return plugin.run_action(uk_company.connection(settings=settings), action, params, control or {})

    return run


def test_a_configured_time_zone_moves_the_day_of_an_action(act):
    assert act("get_organisation", {}).data["today"] == MOMENT.date()
    assert act("get_organisation", {}, **PAGO_PAGO).data["today"] == MOMENT.date() - timedelta(days=1)


def test_an_invoice_is_dated_by_the_configured_time_zone(act):
    plan = act("create_invoice", PARAMS, {"mode": "plan", "business_key": "day"}, **PAGO_PAGO).plan
    body = next(each for each in plan.requests if each["path"].endswith("Invoices"))["body"]
    assert f"'Date': '{MOMENT.date() - timedelta(days=1)}" in str(body)


def test_a_zone_that_is_not_known_is_said_by_reads_plans_and_runs(act, monkeypatch):
    monkeypatch.setattr(books, "to_iana", lambda _name: None)
    read = act("get_organisation", {})
    assert read.data["today"] == MOMENT.date()
    assert [text for text in read.warnings if UNKNOWN in text]
    plan = act("create_invoice", PARAMS, {"mode": "plan", "business_key": "day"}).plan
    assert [text for text in plan.warnings if UNKNOWN in text]
    done = act("create_invoice", PARAMS, {"mode": "run", "business_key": "day"})
    assert sum(UNKNOWN in text for text in done.warnings) == 1


def test_a_known_or_configured_zone_gives_no_warning(act, monkeypatch):
    assert act("get_organisation", {}).warnings == []
    monkeypatch.setattr(books, "to_iana", lambda _name: None)
    assert act("get_organisation", {}, **PAGO_PAGO).warnings == []


def test_a_time_zone_that_does_not_exist_is_refused_by_name(act):
    with pytest.raises(Misconfigured) as refused:
        act("get_organisation", {}, timezone="Middle/Earth")
    assert refused.value.problems[0]["field"] == "settings.timezone"

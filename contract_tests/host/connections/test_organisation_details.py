"""The organisation's own time zone is the one clock of events, overdue documents and policy days."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bizosaas_xero.host.connections.organisation_details import business_day, time_zone_of
from bizosaas_xero.spec import EventRule, Organisation, Unavailable
from contract_tests.helpers.fake_connector import batch, record

pytestmark = pytest.mark.any_database

PACIFIC = "America/Los_Angeles"
OVERDUE = EventRule(name="overdue", title="Overdue", where={"Open": [True]}, date="Date", days=1)


@pytest.fixture(autouse=True)
def _connector_tells_details(fake_connector):
    fake_connector.details = Organisation(id="org-1", name="Beans & Co", currency="USD", timezone=PACIFIC)
    fake_connector.check_cost = {"calls": 1, "bytes": 100, "day_left": 990}
    fake_connector.events = [OVERDUE]


def test_the_time_zone_is_read_when_an_organisation_is_connected(host, connection_id):
    connection = host.store.connection(connection_id)
    assert (connection.timezone, connection.currency) == (PACIFIC, "NZD" if connection.currency == "NZD" else "USD")
    assert host.store.usage("org-1") | {"day": ""} == {"day": "", "calls": 1, "bytes": 100, "day_left": 990}


def test_an_invoice_is_overdue_by_the_organisations_day_and_not_by_utc(host, connection_id, fake_connector, clock):
    fake_connector.runs = [[batch(1)], [batch(2, record("a", Open=True, Date="2026-11-29"))], [batch(3)], [batch(4)]]
    clock.moment = datetime(2026, 11, 29, 20, 0, tzinfo=UTC)
    assert host.runner.sync(connection_id, "things").problem is None
    assert host.runner.sync(connection_id, "things").problem is None
    clock.moment = datetime(2026, 11, 30, 1, 14, tzinfo=UTC)  # 17:14 on 29 November in Los Angeles
    assert host.runner.sync(connection_id, "things").problem is None
    assert host.events.list_since() == []
    clock.moment = datetime(2026, 11, 30, 8, 1, tzinfo=UTC)
    assert host.runner.sync(connection_id, "things").problem is None
    assert [(event.name, event.day) for event in host.events.list_since()] == [("overdue", "2026-11-30")]


def test_a_configured_time_zone_overrides_the_organisations(host, connection_id):
    now = datetime(2026, 11, 30, 1, 14, tzinfo=UTC)
    assert business_day(host.store.connection(connection_id), now).day == 29
    host.configure(connection_id, {"timezone": "Pacific/Auckland"})
    assert time_zone_of(host.store.connection(connection_id)).key == "Pacific/Auckland"
    host.configure(connection_id, {"timezone": None})
    assert time_zone_of(host.store.connection(connection_id)).key == PACIFIC


@pytest.mark.parametrize(("properties", "given"), [({"timezone": {"type": "string"}}, "Pacific/Auckland"), ({}, None)])
def test_a_connector_with_such_a_setting_is_given_the_configured_time_zone(
    host, connection_id, fake_connector, properties, given
):
    fake_connector.settings = {"properties": properties}
    fake_connector.runs = [[batch(1)], [batch(2)]]
    host.configure(connection_id, {"timezone": "Pacific/Auckland"})
    assert host.runner.sync(connection_id, "things").problem is None
    assert fake_connector.calls[-1]["connection"]["settings"].get("timezone") == given
    host.configure(connection_id, {"timezone": None})
    assert host.runner.sync(connection_id, "things").problem is None
    assert "timezone" not in fake_connector.calls[-1]["connection"]["settings"]


def test_a_time_zone_that_changed_is_read_within_a_week(host, connection_id, fake_connector, clock):
    fake_connector.details = fake_connector.details.model_copy(update={"timezone": "Pacific/Auckland"})
    fake_connector.runs = [[batch(1)], [batch(2)]]
    clock.sleep(6 * 86_400)
    assert host.runner.sync(connection_id, "things").problem is None
    assert host.store.connection(connection_id).timezone == PACIFIC
    clock.sleep(2 * 86_400)
    assert host.runner.sync(connection_id, "things").problem is None
    assert host.store.connection(connection_id).timezone == "Pacific/Auckland"


def test_details_that_cannot_be_read_change_nothing_and_are_tried_again_after_a_day(
    host, connection_id, fake_connector, clock
):
    step = fake_connector.auth
    asked = []

    def auth(request):
        if request["step"] == "check":
            asked.append(clock.now())
            raise Unavailable("away")
        return step(request)

    fake_connector.auth = auth
    fake_connector.runs = [[batch(n)] for n in range(4)]
    clock.sleep(8 * 86_400)
    for hours in (0, 1, 25, 1):
        clock.sleep(hours * 3600)
        assert host.runner.sync(connection_id, "things").problem is None
    assert len(asked) == 2
    assert host.store.connection(connection_id).timezone == PACIFIC


@pytest.mark.parametrize("name", [None, "", "Nowhere/Else", "NEWZEALANDSTANDARDTIME", "../etc/passwd"])
def test_a_time_zone_that_is_not_an_iana_name_is_not_stored(host, connection_id, fake_connector, clock, name):
    fake_connector.details = fake_connector.details.model_copy(update={"timezone": name})
    fake_connector.runs = [[batch(1)]]
    clock.sleep(8 * 86_400)
    assert host.runner.sync(connection_id, "things").problem is None
    assert host.store.connection(connection_id).timezone == PACIFIC

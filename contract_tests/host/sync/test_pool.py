"""One slow organisation, or one slow receiver of events, holds up no other."""

from __future__ import annotations

import json
import socket
import threading
import time
from datetime import UTC, datetime

import pytest

from bizosaas_xero.host.sync import scheduler, webhooks
from bizosaas_xero.spec import App, Organisation
from contract_tests.helpers.fake_connector import batch
from contract_tests.helpers.processes import until

APP = App(client_id="app", client_secret="app-secret", redirect_uri="http://localhost/callback")


@pytest.fixture
def two_organisations(host, fake_connector):
    """Connect two organisations; ``slow`` waits until the event that is returned is set."""
    fake_connector.organisations = [Organisation(id=name, name=name) for name in ("slow", "quick")]
    url = host.connections.begin_consent("fake", APP)
    offer = host.connections.finish_consent(f"http://localhost/callback?code=c&{url.split('?')[1]}")
    for organisation in fake_connector.organisations:
        host.connections.choose(offer, organisation.id)
    released = threading.Event()

    def sync_entity(connection, entity, cursor, options):
        fake_connector.calls.append({"organisation": connection["organisation_id"], **options})
        if connection["organisation_id"] == "slow":
            assert released.wait(20)
        yield batch(1)

    fake_connector.sync_entity = sync_entity
    yield released
    released.set()
    host.scheduler.stop()


def names(outcomes):
    return [connection.organisation for connection, _ in outcomes]


def test_a_slow_organisation_holds_up_no_other_and_its_outcome_comes_later(
    host, two_organisations, fake_connector, clock, monkeypatch
):
    monkeypatch.setattr(scheduler, "PATIENCE_SECONDS", 0.2)
    until(lambda: names(host.scheduler.run_due(workers=4)) == ["quick"])
    clock.sleep(1000)
    until(lambda: names(host.scheduler.run_due(workers=4)) == ["quick"])  # again, while the slow one still runs
    assert sum(call["organisation"] == "slow" for call in fake_connector.calls) == 1
    two_organisations.set()
    assert until(lambda: "slow" in names(host.scheduler.run_due(workers=4)))


def test_a_slow_organisation_that_is_due_alone_holds_up_no_other(
    host, two_organisations, fake_connector, clock, monkeypatch
):
    monkeypatch.setattr(scheduler, "PATIENCE_SECONDS", 0.2)
    two_organisations.set()
    found = []
    until(lambda: found.extend(names(host.scheduler.run_due(workers=4))) or sorted(found) == ["quick", "slow"])
    two_organisations.clear()
    host.store.update_entity("fake:slow", "things", next_due=clock.now())
    assert names(host.scheduler.run_due(workers=4)) == []
    clock.sleep(1000)
    until(lambda: names(host.scheduler.run_due(workers=4)) == ["quick"])


def test_the_pool_waits_five_seconds_for_a_limit_and_a_single_sync_longer(host, two_organisations, fake_connector):
    two_organisations.set()
    found = []
    until(lambda: found.extend(names(host.scheduler.run_due(workers=4))) or sorted(found) == ["quick", "slow"])
    assert {call["max_wait"] for call in fake_connector.calls} == {5.0}
    host.runner.sync("fake:quick", "things")
    assert fake_connector.calls[-1]["max_wait"] == 65.0


def test_a_single_worker_waits_no_longer_for_a_limit(host, two_organisations, fake_connector):
    two_organisations.set()
    assert sorted(names(host.scheduler.run_due())) == ["quick", "slow"]
    assert {call["max_wait"] for call in fake_connector.calls} == {5.0}


@pytest.mark.parametrize("seconds_to_connect", [0, 0.6])
def test_a_receiver_that_sends_a_byte_at_a_time_meets_a_deadline(monkeypatch, seconds_to_connect):
    monkeypatch.setattr(webhooks, "TIMEOUT_SECONDS", 0.5)
    connect = socket.create_connection

    def connect_late(*where, **how):  # as where the first of several addresses does not answer
        time.sleep(seconds_to_connect)
        return connect(*where, **how)

    monkeypatch.setattr(socket, "create_connection", connect_late)
    with socket.create_server(("127.0.0.1", 0)) as server:
        stopped = threading.Event()

        def trickle():
            connection, _ = server.accept()
            with connection:
                for byte in b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 10_000:
                    if stopped.wait(0.05):
                        return
                    try:
                        connection.send(bytes([byte]))
                    except OSError:
                        return

        thread = threading.Thread(target=trickle)
        thread.start()
        begin = time.monotonic()
        with pytest.raises((OSError, webhooks.http.client.HTTPException)):
            webhooks.http_post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {})
        assert time.monotonic() - begin < 5
        stopped.set()
        thread.join()


def test_a_receiver_that_does_not_answer_delays_no_other_receiver(make_host, two_organisations, clock):
    host = make_host()
    gate, came = threading.Event(), []

    def post(url, body, headers):
        if "slow" in url:
            assert gate.wait(20)
        came.append(url)
        return 200

    host.webhooks._post = post
    for name in ("slow", "quick"):
        host.webhooks.set_url(f"fake:{name}", f"https://{name}.example/")
        host.events.record_recovery(host.store.connection(f"fake:{name}"), host.store.entity_state(f"fake:{name}", "t"))
    with host.webhooks.deliver_in_background():
        until(lambda: came == ["https://quick.example/"])
        gate.set()
    assert sorted(came) == ["https://quick.example/", "https://slow.example/"]


def test_one_receiver_of_two_organisations_gets_events_in_order_and_a_refusal_holds_up_only_its_own(
    host, two_organisations
):
    came, refused = [], set()

    def post(url, body, headers):
        event = json.loads(body)
        came.append((event["organisation_id"], event["id"]))
        return 500 if event["organisation_id"] in refused else 204

    host.webhooks._post = post
    organisations = ["quick", "slow", "slow", "quick", "quick", "slow"]
    for name in ("slow", "quick"):
        host.webhooks.set_url(f"fake:{name}", "https://one.example/")
    for name in organisations:
        host.events.record_recovery(host.store.connection(f"fake:{name}"), host.store.entity_state(f"fake:{name}", "t"))
    refused.add("quick")
    assert vars(host.webhooks.deliver_due()) == {"done": 3, "failed": 1}
    assert [name for name, _ in came] == ["quick", "slow", "slow", "slow"]
    for name in organisations:
        host.events.record_recovery(host.store.connection(f"fake:{name}"), host.store.entity_state(f"fake:{name}", "t"))
    refused.clear()
    came.clear()
    host.webhooks._now = lambda: datetime(2100, 1, 1, tzinfo=UTC)
    host.webhooks.deliver_due()
    assert [name for name, _ in came] == ["quick"] * 3 + organisations
    assert came == sorted(came, key=lambda each: each[1])

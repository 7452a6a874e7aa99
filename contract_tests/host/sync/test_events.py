"""Each event is emitted once: whatever changed, however often records are read, and wherever a process dies."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from bizosaas_xero.connector.describe import build_info
from bizosaas_xero.host.sync import webhooks
from bizosaas_xero.host.sync.events import rule_holds
from bizosaas_xero.host.sync.webhooks import http_post, sign
from bizosaas_xero.spec import EventRule, Invalid
from contract_tests.helpers.fake_connector import batch, record

RULES = [
    EventRule(name="closed", title="Closed", where={"Open": [False]}),
    EventRule(name="big", title="Big", above={"Total": "100"}, again="Total"),
    EventRule(name="late", title="Late", where={"Open": [True]}, date="Date", days=1),
]


@pytest.fixture
def new_events(host, connection_id, fake_connector):
    """Sync one batch after another, and return the names and keys of the events that are new."""
    fake_connector.events, fake_connector.deal = list(RULES), ["Deal", "Contact.Name"]
    seen = [0]

    def tell(*records, run=True):
        if run:
            fake_connector.runs = [[batch(len(fake_connector.calls) + 1, *records)]]
            assert host.runner.sync(connection_id, "things").problem is None
        found = host.events.list_since(seen[0])
        seen[0] = max([seen[0], *(event.id for event in found)])
        return [(event.name, event.key) for event in found]

    return tell


def test_history_is_no_news_and_each_change_is_told_once(new_events):
    assert new_events(record("a", Open=False), record("b", Open=True, Total=Decimal(500))) == []
    assert new_events(record("b", Open=False, Total=Decimal(500))) == [("closed", "b")]
    assert new_events(record("b", Open=False, Total=Decimal(500))) == []
    assert new_events(record("c", Open=False)) == [("closed", "c")], "a new record, once the first reading is done"
    assert new_events(record("b", Open=True, Total=Decimal(500)), record("b", Open=False, Total=Decimal(500))) == []
    assert new_events(record("b", Open=True, Total=Decimal(50))) == []
    assert new_events(record("b", Open=False, Total=Decimal(500))) == [("closed", "b"), ("big", "b")]
    assert new_events(record("b", Open=False, Total=Decimal("500.50"))) == [("big", "b")], "the amount is emitted again"


def test_days_pass_in_the_organisations_time_zone(host, connection_id, new_events, clock):
    host.configure(connection_id, {"timezone": "Pacific/Auckland"})  # where it is 1 a.m. of 2 March
    due = {"Open": True, "Date": date(2026, 3, 2)}
    assert new_events(record("a", **due), record("b", Open=True, Date=date(2026, 2, 1))) == []
    clock.sleep(22 * 3600)
    assert new_events() == []
    clock.sleep(3600)
    assert new_events() == [("late", "a")]
    assert new_events() == []
    assert new_events(record("c", **due)) == [("late", "c")], "new, and late already"
    clock.sleep(86_400)
    assert new_events(record("a", **due, More=1)) == []
    assert new_events(record("a", Open=False, Date=date(2026, 3, 2))) == [("closed", "a")]
    assert new_events(record("a", **due)) == [("late", "a")], "opened again, it is late again"


def test_an_event_carries_the_deal_and_what_people_ask_for(host, new_events):
    new_events()
    new_events(record("a", Open=False, Contact={"Name": "Ann"}), record("b", Open=False, Deal="deal-7"))
    first, second = host.events.list_since()
    assert (first.deal, second.deal) == ("Ann", "deal-7")
    assert first.data == {"total": None, "date": None, "open": False, "contact": "Ann"}
    assert first.to_dict()["day"] == "2026-03-01"
    assert json.dumps(first.to_dict())


def test_an_event_is_stored_with_its_row_or_not_at_all(host, connection_id, new_events, fake_connector):
    new_events(record("a", Open=True))
    write = host.sink.write

    class Cut(Exception):
        pass

    def cut(kept, batch, lease):
        with pytest.raises(Cut), host.database.write_transaction() as outer:  # noqa: PT012
            host.sink._database = _Joined(host.database, outer)
            write(kept, batch, lease)
            raise Cut
        host.sink._database = host.database
        raise KeyboardInterrupt

    host.sink.write = cut
    host.events._database = host.database
    fake_connector.runs = [[batch(9, record("a", Open=False))]]
    with pytest.raises(KeyboardInterrupt):
        host.runner.sync(connection_id, "things")
    host.sink.write = write
    assert new_events(run=False) == []
    assert new_events(record("a", Open=False)) == [("closed", "a")]


class _Joined:
    """A database whose writing takes part in a transaction that is about to fail."""

    def __init__(self, database, outer):
        self._database, self._outer = database, outer

    def __getattr__(self, name):
        return getattr(self._database, name)

    def write_transaction(self):
        import contextlib

        return contextlib.nullcontext(self._outer)


things = st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=3)


@pytest.mark.parametrize("database_kind", ["sqlite"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(st.tuples(things, st.booleans()), max_size=6))
def test_any_history_read_again_and_again_tells_each_change_once(host, new_events, history):
    with host.database.write_transaction() as connection:
        for table in ("things", "host_events", "host_entities"):
            if sa.inspect(connection).has_table(table):
                connection.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608 (names of tables)
    new_events(run=False)
    new_events()
    state, expected = {}, []
    for changes, twice in history:
        newest = dict(changes)
        expected += [("closed", key) for key, is_open in newest.items() if not is_open and state.get(key, True)]
        state |= newest
        new_events(*(record(key, Open=is_open) for key, is_open in newest.items()))
        if twice:
            new_events(*(record(key, Open=is_open) for key, is_open in state.items()))
    assert sorted((event.name, event.key) for event in host.events.list_since()) == sorted(expected)


XERO = {
    ("invoices", "invoice_sent"): {"Status": "AUTHORISED", "SentToContact": True},
    ("invoices", "invoice_part_paid"): {"Status": "AUTHORISED", "AmountPaid": "1.00", "AmountDue": "2.00"},
    ("invoices", "invoice_paid"): {"Status": "PAID", "AmountPaid": "3.00", "AmountDue": "0.00"},
    ("invoices", "invoice_overdue"): {"Status": "AUTHORISED", "AmountDue": "3.00", "DueDate": "2026-03-01"},
    ("invoices", "invoice_voided"): {"Status": "VOIDED"},
    ("bills", "bill_due"): {"Status": "AUTHORISED", "AmountDue": "3.00", "DueDate": "2026-03-02"},
    ("bills", "bill_paid"): {"Status": "PAID"},
    ("contacts", "contact_archived"): {"ContactStatus": "ARCHIVED"},
}


@pytest.mark.parametrize(("entity", "name"), XERO)
def test_the_event_rules_of_xero_fire(entity, name):
    found = next(item for item in build_info().entities if item.name == entity)
    data = XERO[entity, name]
    assert [rule.name for rule in found.events if rule_holds(rule, data, date(2026, 3, 2))] == [name]
    for draft in ({"Status": "DRAFT", "AmountDue": "3.00", "DueDate": "2026-01-01"}, {}, {"AmountDue": "x"}):
        assert not any(rule_holds(rule, draft, date(2026, 3, 2)) for rule in found.events)


# ---------------------------------------------------------------- call-backs


class Receiver:
    """Takes what is posted, and answers as told."""

    def __init__(self):
        self.came, self.answers = [], []

    def __call__(self, url, body, headers):
        self.came.append((url, body, headers))
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def event_receiver(host):
    host.webhooks._post = Receiver()
    return host.webhooks._post


def test_events_are_posted_in_order_signed_and_again_until_taken(
    host, connection_id, new_events, event_receiver, clock
):
    secret = host.webhooks.set_url(connection_id, "https://crm.example/hook?x=1")
    new_events()
    new_events(record("a", Open=False), record("b", Open=False))
    event_receiver.answers = [ConnectionRefusedError(), 500]
    assert (host.webhooks.deliver_due().done, len(event_receiver.came)) == (0, 1)
    assert host.webhooks.deliver_due().failed == 0, "not yet due again"
    clock.sleep(10)
    assert host.webhooks.deliver_due().failed == 1
    clock.sleep(20)
    assert host.webhooks.deliver_due().done == 2
    assert host.webhooks.deliver_due().done == 0
    keys = [json.loads(body)["key"] for _, body, _ in event_receiver.came]
    assert keys == ["a", "a", "a", "b"]
    url, body, headers = event_receiver.came[-1]
    assert url == "https://crm.example/hook?x=1"
    assert headers["webhook-id"] == f"evt_{json.loads(body)['id']}"
    assert len({headers["webhook-id"] for _, _, headers in event_receiver.came}) == 2, "a repetition has the same id"
    assert secret not in json.dumps(host.store.connection(connection_id).preferences)


def test_the_reference_library_of_standard_webhooks_verifies_what_is_posted(
    host, connection_id, new_events, event_receiver, clock
):
    clock.moment = datetime.now(UTC)  # the library refuses what is older or newer than five minutes
    secret = host.webhooks.set_url(connection_id, "https://crm.example/hook")
    new_events()
    new_events(record("a", Open=False, Contact={"Name": "Čaj \u2028 & Söhne"}))
    host.webhooks.deliver_due()
    ((_, body, headers),) = event_receiver.came
    assert Webhook(secret).verify(body, headers)["key"] == "a"
    for changed in (
        (body + b" ", headers),
        (body, headers | {"webhook-id": "evt_1"}),
        (body, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(*changed)
    stale = str(int((clock.moment - timedelta(minutes=6)).timestamp()))
    old = {"webhook-id": "evt_1", "webhook-timestamp": stale, "webhook-signature": sign(secret, "evt_1", stale, body)}
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret).verify(body, old)


def test_a_secret_of_an_earlier_checkout_still_signs():
    now = str(int(datetime.now(UTC).timestamp()))
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": now,
        "webhook-signature": sign("old-one", "evt_1", now, b"{}"),
    }
    assert Webhook(b"old-one").verify(b"{}", headers) == {}


def test_doctor_tells_what_was_not_delivered(host, connection_id, new_events, event_receiver, clock, monkeypatch):
    def events():
        return [(found.level, found.message) for found in host.doctor.examine() if found.part == "events"]

    new_events()
    assert events() == []
    host.webhooks.set_url(connection_id, "https://crm.example/hook?token=x")
    assert events() == [("ok", "Events are posted to crm.example.")]
    new_events(record("a", Open=False), record("b", Open=False))
    assert events()[0][0] == "ok", "not tried yet"
    event_receiver.answers = [500, OSError("away"), 500]
    host.webhooks.deliver_due()
    clock.sleep(7200)
    host.webhooks.deliver_due()
    assert events() == [("warning", "Events that wait: 2. crm.example did not take the first (tries: 2).")]
    monkeypatch.setattr(webhooks, "MAX_TRIES", 3)
    clock.sleep(7200)
    host.webhooks.deliver_due()
    assert events() == [("warning", "Never taken by crm.example, and sent no more: 1 of the events.")]
    clock.sleep(7200)
    host.webhooks.deliver_due()
    assert host.webhooks.backlog(connection_id) == webhooks.Backlog(0, 0, 1)


def test_nothing_is_posted_unless_asked_for_or_after_it_was_taken_back(host, connection_id, new_events, event_receiver):
    new_events()
    new_events(record("a", Open=False))
    host.webhooks.set_url(connection_id, "https://crm.example/")
    host.webhooks.set_url(connection_id, None)
    new_events(record("b", Open=False))
    assert host.webhooks.deliver_due().done == 0


@pytest.mark.parametrize("url", ["http://crm.example/", "ftp://x/", "https://u:p@x/", "https://", "x", "http://[::1"])
def test_unsafe_webhook_addresses_are_refused(host, connection_id, url):
    with pytest.raises(Invalid):
        host.webhooks.set_url(connection_id, url)


def test_the_request_of_a_webhook_is_signed(tmp_path):
    came = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            came.append((self.path, self.rfile.read(int(self.headers["Content-Length"])), self.headers["X-A"]))
            self.send_response(307)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        assert http_post(f"http://127.0.0.1:{server.server_port}/hook?x=1", b"body", {"X-A": "1"}) == 307
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert came == [("/hook?x=1", b"body", "1")]
    with pytest.raises(OSError, match="refused"):
        http_post(f"http://127.0.0.1:{server.server_port}/", b"", {})


def test_a_rotated_key_makes_the_old_one_needless(make_host, host, connection_id, new_events, event_receiver):
    from cryptography.fernet import Fernet

    secret = host.webhooks.set_url(connection_id, "https://crm.example/")
    new, old = Fernet.generate_key().decode(), (host.home / "secret.key").read_text()
    both = make_host(environ={"BIZOSAAS_SECRET_KEY": f"{new},{old}"})
    assert both.store.rotate_key() == 4, "the check, the app's secret, the grant and the call-back's secret"
    only = make_host(environ={"BIZOSAAS_SECRET_KEY": new})
    assert only.store.grant("fake", "app:user").grant.access_token.get_secret_value() == "access-1"
    assert only.store.app("fake", "app").app.client_secret.get_secret_value() == "app-secret"
    assert only.store.decrypt(only.store.connection(connection_id).preferences["callback"]["secret"]) == secret

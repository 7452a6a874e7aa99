"""Messages about waiting plans: each once, to each address, with a link that decides nothing."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from pydantic import SecretStr

from bizosaas_xero.spec import Invalid
from bizosaas_xero.web.announce import Announcer, check_address
from bizosaas_xero.web.app import create_app
from bizosaas_xero.web.settings import Identity, WebSettings
from contract_tests.helpers.browser import Browser
from contract_tests.helpers.ledger_connector import Payer

ORIGIN = "https://books.example"
SECRET = "slack://token-a/token-b/token-c"

pytestmark = [pytest.mark.any_database, pytest.mark.connector_class(cls=Payer)]


@pytest.fixture
def sent():
    return []


@pytest.fixture
def announcer(host, connection_id, clock, sent):
    def send(address, title, body):
        sent.append((address.get_secret_value(), title, body))
        return "broken" not in address.get_secret_value()

    host.announcements.set_addresses(connection_id, [SecretStr(SECRET)])
    return Announcer(host, WebSettings.checked(ORIGIN), now=clock.now, send=send)


def test_a_waiting_plan_is_told_once_with_its_link(announcer, pay, sent, host):
    plan = pay().stored_plan
    assert [announcer.announce_waiting(), announcer.announce_waiting()] == [1, 0]
    ((address, title, body),) = sent
    assert address == SECRET
    assert "Waits for approval" in title
    assert "10.00" in title
    assert f"{ORIGIN}/approvals/{plan.connection_id}/{plan.plan.hash}" in body
    assert "The link alone decides nothing." in body


def test_what_a_person_decided_or_the_rules_let_run_is_not_told(announcer, pay, sent, host, set_rule):
    host.approvals.approve(pay().stored_plan, "olaf")
    set_rule("always")
    pay("plan", to="Eve")
    assert (announcer.announce_waiting(), sent) == (0, [])


def test_plans_of_before_are_not_told(host, connection_id, pay, clock, announcer, sent):
    pay()
    clock.moment += timedelta(minutes=1)
    host.announcements.set_addresses(connection_id, [SecretStr(SECRET)])
    assert (announcer.announce_waiting(), sent) == (0, [])


def test_without_addresses_no_message_is_sent(host, connection_id, pay, announcer, sent):
    pay()
    host.announcements.set_addresses(connection_id, [])
    assert (announcer.announce_waiting(), sent) == (0, [])


def test_what_no_address_took_is_tried_again_later(host, connection_id, pay, clock, announcer, sent):
    host.announcements.set_addresses(connection_id, [SecretStr("json://broken")])
    pay()
    assert [announcer.announce_waiting(), announcer.announce_waiting(), len(sent)] == [0, 0, 1]
    clock.moment += timedelta(minutes=6)
    host_now = clock.moment - timedelta(minutes=10)
    assert announcer.announce_waiting() == 0
    assert (len(sent), host_now < clock.moment) == (2, True)


def test_one_broken_address_keeps_no_other_from_it(host, connection_id, pay, announcer, sent):
    host.announcements.set_addresses(connection_id, [SecretStr("json://broken"), SecretStr(SECRET)])
    pay()
    assert [announcer.announce_waiting(), announcer.announce_waiting()] == [1, 0]
    assert [address for address, _, _ in sent] == ["json://broken", SECRET]


def test_two_processes_tell_a_plan_once(host, announcer, pay, clock, sent):
    plan = pay().stored_plan
    assert [host.announcements.claim(plan), host.announcements.claim(plan)] == [True, False]
    assert announcer.announce_waiting() == 0


def test_names_of_others_cannot_format_mention_or_link(announcer, pay, sent):
    pay(requester='mcp: "<!channel> @here [x](https://evil.example) *b*" for ann')
    announcer.announce_waiting()
    asked = sent[0][2].split("asked for by ")[1].split("\n")[0]
    assert not set("<>[]*@`_") & set(asked)
    assert "://" not in asked


def test_addresses_are_secret_and_encrypted_and_follow_the_key(host, connection_id, announcer, host_home):
    addresses, _ = host.announcements.list_addresses(connection_id)
    assert "token-a" not in repr(addresses)
    with host.database.read_transaction() as transaction:
        stored = transaction.exec_driver_sql("SELECT addresses FROM host_notifications").scalar_one()
    assert "slack" not in stored
    host.store.rotate_key()
    with host.database.read_transaction() as transaction:
        assert transaction.exec_driver_sql("SELECT addresses FROM host_notifications").scalar_one() != stored
    assert host.announcements.list_addresses(connection_id)[0][0].get_secret_value() == SECRET


@pytest.mark.parametrize("address", ["no-address", "slack://secret", "https:/x", "nothing://x"])
def test_an_unknown_address_is_refused_without_repeating_it(address):
    with pytest.raises(Invalid) as refused:
        check_address(SecretStr(address))
    assert refused.value.reason == "bad_notification"
    assert address not in str(refused.value)


def test_apprise_itself_delivers_the_message(host, connection_id, pay, clock):
    """Over HTTP, to a server of this test: other services of Apprise were not tried."""
    heard = []

    class Hears(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Hears) as server:
        server.timeout = 5
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        host.announcements.set_addresses(connection_id, [SecretStr(f"json://127.0.0.1:{server.server_port}/")])
        pay()
        assert Announcer(host, WebSettings.checked(ORIGIN), now=clock.now).announce_waiting() == 1
        thread.join()
    assert "Waits for approval" in heard[0]["title"]
    assert "The link alone decides nothing" in heard[0]["message"]


def test_the_link_decides_nothing_however_it_is_opened(host, pay, announcer, sent):
    plan = pay().stored_plan
    announcer.announce_waiting()
    path = f"/approvals/{plan.connection_id}/{plan.plan.hash}"
    who = [None]
    with create_app(host, WebSettings.checked(ORIGIN), identify=lambda _: who[0]) as pages:
        visitor = Browser(pages, ORIGIN)
        assert visitor.get(path).status == 401
        for identity in (Identity("vera", "viewer"), Identity("olaf", "approver")):
            who[0] = identity
            assert visitor.get(path).status == 200
            for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
                visitor.send(method, f"{path}/approve")
        assert visitor.post(f"{path}/approve", {}).status == 403
    assert host.plans.list_open()[0].decision is None

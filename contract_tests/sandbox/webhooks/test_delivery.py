"""Webhooks over sockets: a receiver that listens, addresses, signatures, and what writes tell."""

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from bizosaas_xero.sandbox.webhooks.delivery import check_address, send, sign
from contract_tests.sandbox.webhooks.test_subscriptions import KEY, URL, Receiver, spell


@pytest.mark.parametrize("url", ["http://192.0.2.1/", "https://example.com/", "ftp://localhost/", "", "http:///x"])
def test_only_addresses_of_this_machine_are_allowed(url):
    with pytest.raises(ValueError, match="this machine"):
        check_address(url)


def test_a_signature_is_the_hmac_of_the_raw_body():
    body = b'{"events":[]}'
    assert sign(KEY, body) == base64.b64encode(hmac.new(KEY.encode(), body, hashlib.sha256).digest()).decode()


@pytest.fixture
def served_receiver():
    """A receiver on a socket."""
    got = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            right = hmac.compare_digest(sign(KEY, body), self.headers["x-xero-signature"])
            self.send_response(200 if right else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()
            if right:
                got.extend(json.loads(body)["events"])

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook?x=1", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_delivery_is_posted_over_http(client, sandbox_server, served_receiver):
    url, got = served_receiver
    with httpx.Client(base_url=f"{sandbox_server.url}/_sandbox", timeout=20) as control:
        made = control.post("/webhooks", json={"url": url, "key": KEY})
        assert (made.status_code, made.json()["status"], made.json()["key"]) == (201, "ok", KEY)
        guid = client.rows("Invoices")[0]["InvoiceID"]
        control.post(f"/data/{client.tenant}/Invoices", json={"op": "edit", "id": guid, "changes": {"Reference": "y"}})
        until = time.monotonic() + 10
        while not got and time.monotonic() < until:  # the sandbox sends by itself
            time.sleep(0.02)
        assert client.http.get(got[0]["resourceUrl"], headers=client.headers()).status_code == 200
        listed = control.get("/webhooks")
        assert KEY not in listed.text
        assert listed.json()[0]["last_sequence"] == 1
        assert control.post("/webhooks/deliver").json() == {"taken": 0}
        assert control.post("/webhooks/web/intent").json()["status"] == "ok"
        assert control.delete("/webhooks/web").status_code == 204
        assert control.delete("/webhooks/web").status_code == 404
        assert control.get("/webhooks").json() == []
        for bad in ({"url": "http://example.com"}, {"app": "x", "url": url}, {"url": url, "shoe": 1},
                    {"url": url, "categories": ["SHOE"]}):  # fmt: skip
            assert control.post("/webhooks", json=bad).status_code == 400


def test_a_closed_port_is_a_failed_delivery():
    answer = send(URL, b"{}", {})
    assert not answer.ok
    assert "ConnectionRefusedError" in answer.problem


@pytest.mark.parametrize("on_payment", [True, False])
def test_each_write_makes_the_events_that_xero_would_send(client, sandbox_server, on_payment):
    spell(sandbox_server.sandbox)
    sandbox_server.sandbox.switches.set("webhook_invoice_on_payment", on_payment)
    receiver = sandbox_server.sandbox.webhooks.sender = Receiver()
    sandbox_server.sandbox.webhooks.configure("web", URL, KEY, ("CONTACT", "INVOICE", "CREDITNOTE", "PAYMENT"))
    assert sandbox_server.sandbox.webhooks.prove_intent("web").status == "ok"

    def write(path, **element):
        answer = client.http.put(f"/api.xro/2.0/{path}", headers=client.headers(), json=element)
        return answer.json().get(path, [None])[0]

    def heard():
        sandbox_server.sandbox.webhooks.deliver_due()
        found = sorted((event["eventCategory"], event["eventType"]) for event in receiver.events())
        receiver.got.clear()
        return found

    contact = write("Contacts", Name="Of a webhook")
    assert heard() == [("CONTACT", "CREATE")]
    line = {"Description": "Work", "Quantity": 1, "UnitAmount": 10, "AccountCode": "200"}
    document = {"Contact": {"ContactID": contact["ContactID"]}, "Date": "2026-09-01", "DueDate": "2026-09-20",
                "Status": "AUTHORISED", "LineItems": [line]}  # fmt: skip
    invoice = write("Invoices", Type="ACCREC", **document)
    assert heard() == [("INVOICE", "CREATE")]
    write("Payments", Invoice={"InvoiceID": invoice["InvoiceID"]}, Account={"Code": "090"}, Date="2026-09-02",
          Amount=invoice["Total"])  # fmt: skip
    assert heard() == [("INVOICE", "UPDATE"), ("PAYMENT", "CREATE")][not on_payment :]
    write("CreditNotes", Type="ACCRECCREDIT", **document)
    assert heard() == [("CREDITNOTE", "CREATE")]
    write("Invoices", Type="ACCREC", Contact=document["Contact"], Status="AUTHORISED")
    assert heard() == [], "what is refused has not happened"

"""What an attacker would try: addresses, names, headers, exports, forged returns (docs/security.md)."""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
import stat
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bizosaas_xero import plugin
from bizosaas_xero.adapters.mcp import resources as mcp_tables
from bizosaas_xero.connector.actions.escaping import escape_csv
from bizosaas_xero.connector.http import transport as http_transport
from bizosaas_xero.host import discover, open_host
from bizosaas_xero.host.sync import webhooks
from bizosaas_xero.sandbox import serve
from bizosaas_xero.spec import ConnectorError, Invalid
from contract_tests.helpers.byte_readers import APP, CONNECTION, ORGANISATION, WHERE
from contract_tests.helpers.company import Company
from contract_tests.helpers.write_examples import WRITES
from contract_tests.helpers.xero_account import Account, callback, calls

pytestmark = pytest.mark.attempts(1)

HOST = "http://localhost:1"


@pytest.fixture
def sent_requests(monkeypatch):
    """Every request that would be sent, answered with an empty list."""
    seen = []

    def handler(request):
        seen.append(request)
        bodies = {"Organisation": "Organisations", "Invoices": "Invoices"}
        name = request.url.path.rsplit("/", 1)[-1]
        return httpx.Response(200, json={bodies.get(name, name): []})

    transport = httpx.Client(transport=httpx.MockTransport(handler))
    monkeypatch.setattr(http_transport, "http_client", lambda _: transport)
    return seen


# ---------------------------------------------------------------- requests that an attacker controls


@pytest.fixture
def other_server():
    """An unrelated server on this machine, and the paths that were requested from it."""
    paths = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_POST = do_PUT = do_GET  # noqa: N815 (http.server's names)

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()


def test_no_answer_of_xeros_leads_to_another_address(other_server):
    """Redirects, pagination links and online addresses are read, never followed."""
    url, paths = other_server
    with serve(invoices=60, seed=2, limits=False) as box:
        at = Company(box)
        box.sandbox.faults.add("redirect", location=f"{url}/stolen", times=None)
        with pytest.raises(ConnectorError) as caught:
            list(at.account.sync("invoices"))
        assert caught.value.reason == "redirected"
        box.sandbox.faults.clear()
        for row in at.rows("Invoices")[:5]:
            at.store.edit("Invoices", row["InvoiceID"], {"Url": f"{url}/document", "Reference": url})
        at.account.settings["page_size"] = 5
        list(at.account.sync("invoices"))
        at.act("create_invoice", WRITES["create_invoice"](at), mode="run", business_key="k")
        at.act("email_invoice", WRITES["email_invoice"](at), mode="run", business_key="k")
    assert paths == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_token_follows_a_redirect(other_server, status):
    url, paths = other_server
    with serve(invoices=20, seed=2, limits=False) as box:
        account = Account(box).connect()
        for path in ("/connections", "/connect/token"):
            box.sandbox.faults.add(
                "status",
                match={"path": path},
                times=9,
                status=status,
                body="empty",
                headers={"Location": url},
            )
        for step in ("organisations", "refresh"):
            with pytest.raises(ConnectorError):
                account.auth(step, grant=account.grant)
    assert paths == []


@pytest.mark.parametrize(
    "url",
    [
        *("http://169.254.169.254", "http://metadata.internal", "http://10.0.0.1", "file:///etc/passwd"),
        *("gopher://localhost", "https://user@host.example", "https://host.example@evil.example"),
        *(
            "http://localhost@evil.example",
            "http://localhost.evil.example",
            "http://127.0.0.1\\@evil.example",
        ),
        *(
            "https://host.example?next=",
            "https://host.example#",
            "https://host.example/../x",
            "http://[::ffff:a00:1]",
        ),
        *("https://host\r\nHost: evil.example", "https://host.example/%0d%0a", " https://host.example"),
    ],
)
@pytest.mark.parametrize("name", ["api_url", "identity_url", "login_url"])
def test_no_setting_sends_a_token_over_plain_http_or_to_a_smuggled_host(sent_requests, name, url):
    connection = {**CONNECTION, "settings": {**CONNECTION["settings"], name: url}}
    with pytest.raises(ConnectorError) as caught:
        list(plugin.sync_entity(connection, "invoices", None, None))
    assert (caught.value.code, caught.value.reason) == ("misconfigured", "bad_setting")
    with pytest.raises(ConnectorError):
        plugin.auth({"step": "authorize", "app": APP, "settings": {**WHERE, name: url}})
    assert sent_requests == []


def test_a_cursor_names_no_address(sent_requests):
    cursor = {"v": 1, "entity": "invoices", "org": ORGANISATION}
    for more in ({"next": "http://evil.example"}, {"read": {"kind": "first", "size": 5, "url": "http://e"}}):
        with pytest.raises(ConnectorError) as caught:
            list(plugin.sync_entity(CONNECTION, "invoices", {**cursor, **more}, None))
        assert caught.value.code == "cursor_rejected"
    assert sent_requests == []


NASTY = [
    "../../connections",
    "..",
    "x/../../y",
    "a?b=c",
    "a#b",
    "a%2f..%2fb",
    "\u2025/\u2025",
    "a\r\nX: y",
    "a\\b",
    "",
]


@pytest.mark.parametrize("name", NASTY)
def test_names_are_escaped_in_addresses(sent_requests, name):
    """Numbers and ids from people never become a path of their own: each request goes where its list is."""
    for action, params in (
        ("get_invoice", {"invoice": name}),
        ("mark_invoice_paid", {"invoice": name, "account": "090"}),
        ("void_invoice", {"invoice": name}),
        ("email_invoice", {"invoice": name}),
        ("create_credit_note", {"invoice": name}),
        ("delete_payment", {"payment_id": name}),
    ):
        with pytest.raises(ConnectorError):
            plugin.run_action(CONNECTION, action, params, {"mode": "plan"} if action != "get_invoice" else {})
    for request in sent_requests:
        path = request.url.raw_path.decode().split("?")[0]
        assert path.startswith("/api.xro/2.0/"), path
        assert ".." not in path
        assert path.count("/") <= 4, path


# ---------------------------------------------------------------- headers


@pytest.mark.parametrize("stray", ["a\nb", "a\r\nX-Evil: 1", "\0", "\x7f", "ä", "\u2028"])
def test_line_breaks_cannot_enter_a_header(sent_requests, stray):
    for changed in ({"access_token": stray}, {"organisation_id": stray}):
        with pytest.raises(ConnectorError) as caught:
            list(plugin.sync_entity({**CONNECTION, **changed}, "invoices", None, None))
        assert (caught.value.code, caught.value.reason) == ("invalid", "unsendable")
        assert stray not in str(caught.value.to_dict())
    assert sent_requests == []


def test_business_key_and_requester_reach_no_header():
    """The key that is sent is a hash; the requester is in the History only, as text."""
    stray = "k\r\nX-Evil: 1"
    with serve(invoices=60, seed=2, limits=False) as box:
        at = Company(box)
        given_ = WRITES["mark_invoice_paid"](at)
        result = at.act("mark_invoice_paid", given_, mode="run", business_key=stray, requester=stray)
        assert result.status == "done"
        keys = {line["idempotency_key"] for line in calls(box)} - {None}
        assert keys
        assert all(len(key) == 64 and set(key) <= set("0123456789abcdef") for key in keys)


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example",
        "https://",
        "https://a@b.example",
        "ftp://localhost",
        "https://x/\r\nX: y",
        "https://x/ü",
    ],
)
def test_outgoing_webhooks_go_to_allowed_addresses_only(url):
    with pytest.raises(Invalid):
        webhooks._require_safe_url(url)


# ---------------------------------------------------------------- exports


names = st.text(max_size=12) | st.builds(
    "{}{}{}".format,
    st.sampled_from(["", " ", "\t", "\u00a0", "\n"]),
    st.sampled_from("=+-@\uff1d\uff0b\uff0d\uff20"),
    st.text(max_size=8),
)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(names)
def test_no_text_in_an_export_is_a_formula(name):
    for cell in (escape_csv(name), mcp_tables._to_cell(name)):
        out = io.StringIO()
        csv.writer(out).writerow([cell, "1"])
        [back] = csv.reader(io.StringIO(out.getvalue(), newline=""))
        seen = back[0].lstrip()
        number = seen.lstrip("-").replace(".", "", 1).isdecimal()
        assert number or not seen.startswith(("=", "+", "-", "@")), back


@pytest.mark.parametrize(
    ("action", "params", "entity", "field"),
    [
        ("get_aged_receivables", {"formats": ["csv"]}, "Contacts", "Name"),
        (
            "generate_pnl_report",
            {"from_date": "2026-01-01", "to_date": "2026-10-31", "formats": ["csv"]},
            "Accounts",
            "Name",
        ),
    ],
)
def test_reports_as_csv_run_no_formula(action, params, entity, field):
    with serve(invoices=60, seed=2, limits=False) as box:
        at = Company(box, 0)
        for row in list(at.rows(entity)):
            guid = row[at.store.table(entity).id_field]
            at.store.edit(entity, guid, {field: f" =HYPERLINK({guid})"})
        for row in list(at.rows("Invoices")):
            at.store.edit("Invoices", row["InvoiceID"], {"Contact": {**row["Contact"], "Name": " =1+1"}})
        result = at.act(action, params).data
        text = result["texts"]["csv"]
    cells = list(itertools.chain(*csv.reader(io.StringIO(text, newline=""))))
    assert any("=" in cell for cell in cells)
    for cell in cells:
        assert not cell.lstrip().startswith(("=", "@", "+")), cell


# ---------------------------------------------------------------- sign-in


def test_a_forged_or_foreign_state_is_turned_away():
    with serve(invoices=20, seed=2) as box:
        account = Account(box)
        right = callback(account)
        for changes in ({"state": "forged"}, {"state": ""}, {"state": None}):
            forged = {**callback(account, **changes), "pending": right["pending"]}
            with pytest.raises(ConnectorError) as caught:
                account.auth("callback", **forged)
            assert caught.value.reason == "state_mismatch"
        other = callback(account)
        with pytest.raises(ConnectorError) as caught:
            account.auth("callback", pending=right["pending"], callback_url=other["callback_url"])
        assert caught.value.reason == "state_mismatch"
        account.keep(account.auth("callback", **right))
        with pytest.raises(ConnectorError) as caught:
            account.auth("callback", **right)
        assert caught.value.recovery == "reconnect"


# ---------------------------------------------------------------- files and processes


def test_files_of_the_host_are_readable_by_their_owner_only(tmp_path):
    before = os.umask(0)
    try:
        with open_host(tmp_path / "home", report=discover(["xero"]), environ={}):
            pass
    finally:
        os.umask(before)
    found = [tmp_path / "home", *Path(tmp_path / "home").rglob("*")]
    assert len(found) > 2
    for path in found:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_children_get_no_secret_by_argument_or_environment():
    """What starts a process is known, and gives it no secret. ``cli/test_secrets.py`` watches it at work."""
    package = Path(plugin.__file__).parent
    start = re.compile(
        r"\b(subprocess\.\w+|os\.(system|popen|fork\w*|exec\w+|spawn\w+|posix_spawn\w*)|create_subprocess_\w+"
        r"|pty\.\w+|multiprocessing\.\w+|ProcessPoolExecutor|Popen)\("
    )
    starts = {path for path in package.rglob("*.py") if start.search(path.read_text(encoding="utf-8"))}
    assert {path.relative_to(package).as_posix() for path in starts} == {
        "contract/connector.py",
        "contract/report.py",
        "cli/recording/record.py",
    }, "a new place starts a process: check its arguments and environment"
    for path in starts:
        text = path.read_text(encoding="utf-8")
        assert {found[1] for found in start.finditer(text)} == {"subprocess.run"}, path
        assert text.count("subprocess.run(") == 1, path
        assert "get_secret_value" not in text.split("subprocess.run(")[1][:400], path

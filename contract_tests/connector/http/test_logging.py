"""The loggers `bizosaas_xero.*`: what they say of a request, a page, a retry and a sign-in, and what they never say."""

from __future__ import annotations

import logging

import pytest

from bizosaas_xero import plugin
from bizosaas_xero.spec import NotFound
from contract_tests.helpers.xero_account import Account, callback

pytestmark = pytest.mark.xero_sandbox(invoices=120, limits=True)

CUSTOMER, NUMBER = "Ridgeline Secretive Ltd", "PLANTED-NUMBER"


@pytest.fixture
def debug_log(caplog):
    caplog.set_level(logging.DEBUG, logger="bizosaas_xero")
    return caplog


def records(debug_log, name):
    return [record for record in debug_log.records if record.name == f"bizosaas_xero.{name}"]


def test_a_request_is_logged_with_method_path_status_time_and_what_is_left(debug_log, connected_account):
    list(connected_account.sync("accounts"))
    record = records(debug_log, "http")[-1]
    assert (record.method, record.path, record.status) == ("GET", "/api.xro/2.0/Accounts", 200)
    assert record.milliseconds >= 0
    assert record.correlation_id
    assert record.minute_left > 0
    assert "path=/api.xro/2.0/Accounts status=200" in record.getMessage()


def test_each_page_is_logged_with_the_number_of_pages(debug_log, connected_account):
    connected_account.settings["page_size"] = 20
    batches = list(connected_account.sync("invoices"))
    pages = [(record.entity, record.page, record.pages) for record in records(debug_log, "sync")]
    assert pages == [("invoices", number, len(batches)) for number in range(1, len(batches) + 1)]
    assert f"page 1 of {len(batches)}" in records(debug_log, "sync")[0].getMessage()


def test_a_retry_is_logged_with_its_reason(debug_log, sandbox_server, connected_account):
    sandbox_server.sandbox.faults.add("status", match={"path": "Accounts"}, status=500, body="text")
    list(connected_account.sync("accounts"))
    [record] = records(debug_log, "retry")
    assert (record.reason, record.repeat) == ("server_error", True)


def test_a_failed_request_is_logged_with_the_name_of_its_error(debug_log, sandbox_server, connected_account):
    sandbox_server.sandbox.faults.add("cut", match={"path": "Accounts"}, where="headers")
    list(connected_account.sync("accounts"))
    assert [record for record in records(debug_log, "http") if "error=" in record.getMessage()]


def test_no_secret_and_no_business_text_is_logged(debug_log, sandbox_server):
    """Sign-in, refresh, sync, a look-up by number and a write; also in the attributes that a JSON log prints."""
    account = Account(sandbox_server)
    account.app["pkce"] = True
    sandbox_server.sandbox.switches.web_pkce = "accepted"
    sent = callback(account)
    account.keep(account.auth("callback", **sent))
    old = account.grant
    account.refresh()
    list(account.sync("invoices", max_batches=1))
    list(account.sync("accounts"))
    params = {"name": CUSTOMER, "email": "planted@example.com"}
    plugin.run_action(account.connection(), "create_contact", params, {"mode": "run", "business_key": "planted-key"})
    with pytest.raises(NotFound, match=NUMBER):
        plugin.run_action(account.connection(), "get_invoice", {"invoice": NUMBER}, {})
    account.auth("disconnect", grant=account.grant, revoke=True)
    secrets = [
        *(old[name] for name in ("access_token", "refresh_token")),
        *(account.grant[name] for name in ("access_token", "refresh_token")),
        account.app["client_secret"],
        account.app["client_id"],
        sent["pending"],
        *sent["callback_url"].partition("?")[2].replace("&", "=").split("=")[1::2],
        *(CUSTOMER, CUSTOMER.split(maxsplit=1)[0], NUMBER, "planted"),
    ]
    assert records(debug_log, "http")
    assert records(debug_log, "auth")
    ours = [record for record in debug_log.records if record.name.startswith("bizosaas_xero")]
    for record in ours:
        text = f"{record.getMessage()} {vars(record)}"
        for secret in secrets:
            assert secret not in text, record

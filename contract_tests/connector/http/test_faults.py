"""Each fault at each entity: the right code and recovery, and nothing lost on the next run."""

from __future__ import annotations

import pytest

from bizosaas_xero.connector.sync.entities import ENTITIES
from contract_tests.connector.sync.test_sync import collect, held
from contract_tests.helpers.xero_account import calls, refused

pytestmark = pytest.mark.xero_sandbox(invoices=120, limits=True)

PATHS = {entity.name: entity.path for entity in ENTITIES.values()}

# fault, its details, how often it strikes (None: until it is cleared), the code and recovery it ends in
# (None: the run overcomes it by itself)
FAULTS = {
    "slow": ("latency", {"seconds": 0.05}, 1, None),
    "minute limit, short": ("rate_limit", {"problem": "minute", "retry_after": 0, "body": "json"}, 2, None),
    "minute limit, long": (
        "rate_limit",
        {"problem": "minute", "retry_after": 100, "body": "text"},
        1,
        ("rate_limited", "wait"),
    ),
    "minute limit, unsaid": (
        "rate_limit",
        {"problem": "minute", "retry_after": None, "body": "empty"},
        None,
        ("rate_limited", "wait"),
    ),
    "day limit": (
        "rate_limit",
        {"problem": "day", "retry_after": 40_000, "body": "json"},
        1,
        ("rate_limited", "wait"),
    ),
    "day limit, unsaid": (
        "rate_limit",
        {"problem": "day", "retry_after": None, "body": "empty"},
        1,
        ("rate_limited", "wait"),
    ),
    "app limit": ("rate_limit", {"problem": "appminute", "retry_after": 0, "body": "empty"}, 1, None),
    "too many at once": (
        "rate_limit",
        {"problem": "concurrent", "retry_after": None, "body": "empty"},
        1,
        None,
    ),
    "500 once": ("status", {"status": 500, "body": "json"}, 1, None),
    "500 for long": ("status", {"status": 500, "body": "html"}, None, ("unavailable", "retry")),
    "502": ("status", {"status": 502, "body": "html"}, None, ("unavailable", "retry")),
    "offline": (
        "status",
        {"status": 503, "body": "text", "text": "The Organisation is offline"},
        None,
        ("unavailable", "retry"),
    ),
    "cut before the answer": ("cut", {"where": "headers"}, None, ("unavailable", "retry")),
    "cut in the body": ("cut", {"where": "body"}, None, ("unavailable", "retry")),
    "cut once": ("cut", {"where": "body"}, 1, None),
    "malformed": ("malformed", {}, None, ("unavailable", "retry")),
    "truncated once": ("truncated", {}, 1, None),
    "truncated": ("truncated", {}, None, ("unavailable", "retry")),
    "empty 200": ("status", {"status": 200, "body": "empty"}, None, ("unavailable", "retry")),
    "html 200": ("status", {"status": 200, "body": "html"}, None, ("unavailable", "retry")),
    "redirect": ("redirect", {"location": "https://elsewhere.example/"}, None, ("unavailable", "retry")),
    "400": ("status", {"status": 400, "body": "json"}, None, ("invalid", "fix")),
    "404": ("status", {"status": 404, "body": "html"}, None, ("not_found", "none")),
    "412": ("status", {"status": 412, "body": "empty"}, None, ("invalid", "fix")),
    "token dies": ("expire_token", {}, 1, ("auth_expired", "refresh")),
    "disconnected": ("disconnect", {}, 1, ("organisation_unavailable", "reconnect")),
}


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_ends_in_the_right_error_and_loses_nothing(
    sandbox_server, connected_account, name, entity, monkeypatch
):
    sandbox_server.sandbox.switches.not_modified_304 = False  # a 304 has no body that could break
    kind, details, times, outcome = FAULTS[name]
    monkeypatch.setattr("bizosaas_xero.toolkit.rate_limits.time.sleep", lambda _: None)
    connected_account.settings["page_size"] = 20
    first = next(iter(connected_account.sync(entity)))
    sandbox_server.sandbox.faults.add(kind, match={"path": PATHS[entity]}, times=times, **details)
    store, cursor, problem = {record.key: record for record in first.records}, first.cursor, None
    try:
        for batch in connected_account.sync(entity, cursor, max_wait=50):
            store |= {record.key: record for record in batch.records}
            cursor = batch.cursor
    except Exception as error:  # noqa: BLE001 (its kind is what is tested)
        problem = error
    if outcome is None:
        assert problem is None
    else:
        assert (problem.code, problem.recovery) == outcome
        assert problem.message
        assert problem.remedy
        if problem.code == "rate_limited":
            assert problem.retry_after > 0
    sandbox_server.sandbox.faults.clear()
    if outcome == ("organisation_unavailable", "reconnect"):
        connected_account.connect()
    elif outcome == ("auth_expired", "refresh"):
        connected_account.refresh()
    rest, last = collect(connected_account.sync(entity, cursor))
    assert set(store | rest) == set(held(sandbox_server, connected_account, entity))
    assert last.stats.complete is not False


def test_a_role_without_the_right_is_distinguished_from_a_disconnected_organisation(sandbox_server, connected_account):
    sandbox_server.sandbox.faults.add("status", match={"path": "Invoices"}, times=None, status=403, body="json")
    with pytest.raises(Exception, match="may not read") as caught:
        list(connected_account.sync("invoices"))
    assert (caught.value.code, caught.value.reason) == ("misconfigured", "user_role")


def test_a_wrong_organisation_is_reported_as_not_connected(connected_account):
    connection = connected_account.connection(organisation_id="00000000-0000-4000-8000-00000000dead")
    from bizosaas_xero import plugin

    with pytest.raises(Exception, match="not connected") as caught:
        list(plugin.sync_entity(connection, "invoices", None, None))
    assert (caught.value.code, caught.value.reason) == (
        "organisation_unavailable",
        "organisation_not_connected",
    )


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_missing_scope_is_named_before_any_call(sandbox_server, entity, connected_account):
    everything = set(connected_account.grant["scopes"])
    lacking = {
        "invoices": "accounting.invoices",
        "bills": "accounting.invoices",
        "contacts": "accounting.contacts",
        "bank_transactions": "accounting.banktransactions",
        "accounts": "accounting.settings",
        "payments": "accounting.payments",
    }[entity]
    sandbox_server.sandbox.log.clear()
    connection = connected_account.connection(scopes=sorted(everything - {lacking}))
    from bizosaas_xero import plugin

    with pytest.raises(Exception, match=lacking) as caught:
        plugin.sync_entity(connection, entity, None, None)
    assert (caught.value.code, caught.value.recovery) == ("missing_scope", "reconnect")
    assert entity in caught.value.message
    assert not calls(sandbox_server)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("entity", ENTITIES)
def test_a_scope_that_xero_finds_missing_is_an_error_not_an_empty_table(sandbox_server, entity, status, monkeypatch):
    from bizosaas_xero.toolkit import jwt
    from contract_tests.helpers.xero_account import Account

    sandbox_server.sandbox.switches.missing_scope_status = status
    account = Account(sandbox_server).connect(scopes="offline_access accounting.reports.aged.read")
    monkeypatch.setattr(jwt, "scopes", lambda _: [])  # an opaque token: only Xero knows
    connection = account.connection(scopes=None)
    from bizosaas_xero import plugin

    with pytest.raises(Exception, match=entity) as caught:
        list(plugin.sync_entity(connection, entity, None, None))
    assert caught.value.code == "missing_scope"


def test_long_limits_raise_at_once(sandbox_server, connected_account, monkeypatch):
    slept = []
    monkeypatch.setattr("bizosaas_xero.toolkit.rate_limits.time.sleep", slept.append)
    sandbox_server.sandbox.faults.add("rate_limit", problem="day", retry_after=66_975, body="empty")
    with pytest.raises(Exception, match="used up") as caught:
        list(connected_account.sync("invoices"))
    assert caught.value.retry_after == 66_975
    assert not slept


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_one_entity_names_it_and_leaves_the_others(sandbox_server, connected_account, status):
    details = {"status": status, "body": "json", "text": "AuthorizationUnsuccessful"}
    sandbox_server.sandbox.faults.add("status", match={"path": "BankTransactions"}, times=None, **details)
    with pytest.raises(Exception, match="may not read") as caught:
        list(connected_account.sync("bank_transactions"))
    assert (caught.value.code, caught.value.features) == ("misconfigured", ["bank_transactions"])
    assert caught.value.to_dict()["features"] == ["bank_transactions"]
    assert list(connected_account.sync("invoices"))


def test_an_error_of_the_whole_connection_names_no_entity(sandbox_server, connected_account):
    sandbox_server.sandbox.faults.add("disconnect", match={"path": "Invoices"})
    with pytest.raises(Exception, match="not connected") as caught:
        list(connected_account.sync("invoices"))
    assert caught.value.features == []


@pytest.mark.parametrize("body", ["html", "text", "empty"])
@pytest.mark.parametrize("entity", ENTITIES)
def test_a_403_that_is_not_xeros_json_passes_and_is_no_verdict(sandbox_server, connected_account, entity, body):
    details = {"status": 403, "body": body, "text": "Access Denied: role not permitted"}
    sandbox_server.sandbox.faults.add("status", match={"path": PATHS[entity]}, times=1, **details)
    assert list(connected_account.sync(entity))[-1].stats.complete, "once: the next attempt overcomes it"
    sandbox_server.sandbox.faults.add("status", match={"path": PATHS[entity]}, times=None, **details)
    assert refused(lambda: list(connected_account.sync(entity))) == ("unavailable", "retry", "intercepted")

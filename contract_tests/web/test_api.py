"""The JSON API: every route is described, what it answers is true, and any input gets an answer."""

from __future__ import annotations

import json
import time

import pytest
import sqlalchemy as sa
from starlette.routing import Route

from bizosaas_xero.web import openapi
from bizosaas_xero.web.app import create_app
from bizosaas_xero.web.settings import Identity, WebSettings
from contract_tests.helpers.browser import Browser
from contract_tests.helpers.fake_connector import batch, record
from contract_tests.helpers.ledger_connector import Payer

ORIGIN = "https://books.example"

pytestmark = [pytest.mark.any_database, pytest.mark.connector_class(cls=Payer)]


@pytest.fixture
def who():
    return [Identity("olaf", "owner")]


@pytest.fixture
def api_pages(host, who, clock):
    settings = WebSettings.checked(ORIGIN)
    with create_app(host, settings, identify=lambda _: who[0], now=clock.now) as made:
        yield made


@pytest.fixture
def caller(api_pages):
    return Browser(api_pages, ORIGIN)


def read(caller, path, status=200):
    page = caller.get(f"/api/v1{path}")
    assert page.status == status, page.html
    assert page.headers["content-type"] == "application/json"
    return json.loads(page.html)


def change(caller, path, **fields):
    token = read(caller, "/session")["csrf"]
    return caller.post(f"/api/v1{path}", {"csrf": token} | fields)


def test_every_route_of_the_api_is_described_and_the_other_way_round(api_pages):
    routes = {
        (method, each.path)
        for each in api_pages.asgi._app.routes
        if isinstance(each, Route) and each.path.startswith(openapi.ROOT) and each.path != openapi.PATH
        for method in each.methods - {"HEAD"}
    }
    paths = openapi.describe(ORIGIN)["paths"]
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert routes == described
    assert len(described) == len(openapi.ENDPOINTS) > 10


def test_the_description_is_served_to_signed_in_people(caller, who):
    document = read(caller, "/openapi.json")
    assert document["servers"] == [{"url": ORIGIN}]
    who[0] = None
    assert read(caller, "/openapi.json", 401)["error"]["title"] == "Please sign in"


def test_connections_runs_and_rejected_records(caller, connection_id, sync_things, fake_connector):
    fake_connector.runs = [[batch(1, record("a"))]]
    sync_things()
    assert [each["id"] for each in read(caller, "/connections")["connections"]] == [connection_id]
    status = read(caller, f"/connections/{connection_id}")
    assert (status["id"], status["state"], [each["rows"] for each in status["entities"]][:1]) == (
        connection_id,
        "active",
        [1],
    )
    (run,) = read(caller, f"/connections/{connection_id}/runs")["runs"]
    assert (run["entity"], run["outcome"]["new"]) == ("things", 1)
    assert read(caller, f"/connections/{connection_id}/rejected/things") == {"total": 0, "rejected": []}
    assert read(caller, f"/connections/{connection_id}/runs?limit=0", 400)
    assert read(caller, f"/connections/{connection_id}/runs?limit=501", 400)
    assert read(caller, f"/connections/{connection_id}/runs?limit=0000000011111", 400)
    assert read(caller, "/connections/nothing", 404)["error"]["reason"] == "unknown_connection"


def test_no_secret_and_no_cursor_is_in_an_answer(caller, connection_id, host):
    texts = [caller.get(f"/api/v1{path}").html for path in ("/connections", f"/connections/{connection_id}")]
    assert not [text for text in texts if "secret" in text or "cursor" in text or "token" in text]


def test_a_plan_is_read_approved_and_refused(caller, connection_id, pay, host):
    hashed = pay().stored_plan.plan.hash
    (plan,) = read(caller, "/plans")["plans"]
    assert (plan["hash"], plan["policy"]["run"], plan["amount"]) == (hashed, "ask", "10.00")
    decided = json.loads(change(caller, f"/plans/{connection_id}/{hashed}/approve").html)
    assert (decided["decision"], decided["approver"]) == ("approved", "olaf")
    other = pay(to="Eve", key="D-2").stored_plan.plan.hash
    change(caller, f"/plans/{connection_id}/{other}/refuse", reason="Wrong person")
    assert read(caller, f"/plans/{connection_id}/{other}")["decision"]["decision"] == "refused"
    assert [each.kind for each in host.audit.entries()][-1] == "refusal"


def test_what_one_asked_for_is_not_approved_over_the_api(caller, connection_id, pay, host):
    host.configure(connection_id, {"owner": "olaf"})
    hashed = host.act(
        connection_id, "pay", {"to": "Bob", "amount": "10.00"}, requester="olaf", mode="plan", in_person=True
    ).stored_plan.plan.hash
    page = change(caller, f"/plans/{connection_id}/{hashed}/approve")
    assert (page.status, json.loads(page.html)["error"]["reason"]) == (400, "not_confirmed")
    assert host.plans.list_open()[0].decision is None


def test_a_change_needs_role_and_token(caller, connection_id, pay, who, host):
    path = f"/plans/{connection_id}/{pay().stored_plan.plan.hash}/approve"
    assert caller.post(f"/api/v1{path}", {}).status == 403
    assert caller.post(f"/api/v1{path}", {"csrf": "x"}, headers={"origin": "https://evil.example"}).status == 403
    assert caller.send("POST", f"/api/v1{path}", json={}).status == 415
    who[0] = Identity("vera", "viewer")
    assert change(caller, path).status == 403
    assert change(caller, f"/connections/{connection_id}/sync").status == 403
    assert host.plans.list_open()[0].decision is None


def test_requesters_and_audit(caller, pay):
    pay()
    (requester,) = read(caller, "/requesters")["requesters"]
    assert requester["actions"] == {"pay": 2}
    audit = read(caller, "/audit?limit=1")
    assert (len(audit["entries"]), audit["head"].partition(":")[0]) == (1, "2")


def count_statements(host, use):
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    sa.event.listen(host.database.engine, "before_cursor_execute", note)
    try:
        use()
    finally:
        sa.event.remove(host.database.engine, "before_cursor_execute", note)
    return len(seen)


PAGES = ("/", "/connections/fake:org-1", "/connections/fake:org-1/history", "/activity", "/approvals", "/api/v1/plans")


def test_queries_of_a_page_do_not_grow_with_the_books(caller, connection_id, host, sync_things, fake_connector):
    def count():
        return {path: count_statements(host, lambda path=path: caller.get(path)) for path in PAGES}

    fake_connector.runs = [[batch(1, record("a"))], [batch(2, *(record(f"b{each}") for each in range(2_000)))]]
    sync_things()
    before = count()
    sync_things()
    assert count() == before
    assert max(before.values()) <= 40, before


@pytest.mark.slow
def test_a_hundred_thousand_records_make_no_page_slow(caller, connection_id, host, sync_things, fake_connector):
    """Statements as with one record, and each page within two seconds on a busy machine."""
    fake_connector.runs = [[batch(1, record("a"))], []]
    sync_things()
    before = {path: count_statements(host, lambda path=path: caller.get(path)) for path in PAGES}
    fake_connector.runs = [
        [batch(2 + page, *(record(f"b{page}-{each}") for each in range(1_000)), more=page < 99) for page in range(100)]
    ]
    assert sync_things().new == 100_000
    for path in PAGES:
        begin = time.monotonic()
        assert count_statements(host, lambda path=path: caller.get(path)) == before[path]
        assert time.monotonic() - begin < 2, path


@pytest.mark.parametrize("text", ["%00", "a%00b", "%ED%A0%80", "%FF", "%2e%2e", "x" * 3_000, "%E2%80%AE"])
def test_a_text_that_no_database_takes_is_not_found(caller, connection_id, text):
    for path in (f"/connections/{text}", f"/api/v1/connections/{text}", f"/approvals/{connection_id}/{text}"):
        assert caller.get(path).status in {400, 404}
    assert caller.get(f"/connections/{connection_id}/history?entity={text}").status == 404
    assert change(caller, f"/connections/{connection_id}/sync", entity="\x00").status == 400


@pytest.mark.slow
def test_any_input_gets_an_answer(api_pages, host, connection_id, pay, sync_things, fake_connector):
    """Schemathesis over the whole description: no input makes the server fail."""
    import schemathesis
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st
    from schemathesis.generation import GenerationMode

    hashed = pay().stored_plan.plan.hash
    fake_connector.runs = [[batch(1, record("a"))]] * 10_000
    caller = Browser(api_pages, ORIGIN)
    schema = schemathesis.openapi.from_dict(read(caller, "/openapi.json"))
    known = {"connection": connection_id, "hash": hashed, "entity": "things"}
    tried = []

    for result in schema.get_all_operations():
        operation = result.ok()

        right, wrong = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)
        cases = st.one_of(right, wrong) if operation.query or operation.body else right

        @given(case=cases, real=st.booleans())
        @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def answer(case, real):
            if real:
                case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
            token = read(caller, "/session")["csrf"]
            path = case.formatted_path
            query = {name: str(value).encode(errors="replace").decode() for name, value in (case.query or {}).items()}
            if case.method == "POST":
                fields = dict(case.body) if isinstance(case.body, dict) else {}
                page = caller.post(path, {**fields, "csrf": token} if real else fields)
            else:
                page = caller.get(path, params=query)
            tried.append(page.status)
            assert page.status < 500, (case.method, path, query, page.html)

        answer()
    assert {200, 400, 403, 404} <= set(tried)

"""What the client sends, counts, waits for and never does."""

from __future__ import annotations

import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from bizosaas_xero import plugin
from bizosaas_xero.connector.http import client, transport
from bizosaas_xero.connector.settings import Settings, load_settings
from bizosaas_xero.spec import Connection, RateLimited, Unavailable
from bizosaas_xero.toolkit import rate_limits
from contract_tests.helpers.services import needs_redis

EMPTY = {"Invoices": [], "DateTimeUTC": "/Date(1763769600000)/"}


def run(connection, **options):
    return list(plugin.sync_entity(connection, "invoices", None, options))


def fail(connection, **options):
    with pytest.raises(Exception, match=r".") as caught:
        run(connection, **options)
    error = caught.value
    assert type(error).__module__ == "bizosaas_xero.spec.errors"
    return error


def said(status, text="", challenge=None, **body):
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    return httpx.Response(status, headers=headers, **({"json": body} if body else {"text": text}))


def limited(problem=None, after=None):
    headers = {"X-Rate-Limit-Problem": problem, "Retry-After": after}
    return httpx.Response(429, headers={name: value for name, value in headers.items() if value})


MEANINGS = [
    (said(401, Detail="TokenExpired: token expired at 11/22/2026"), "auth_expired/token_expired"),
    (said(401, detail="AuthenticationUnsuccessful"), "auth_expired/token_refused"),
    (said(401), "auth_expired/token_refused"),
    (said(401, "<html>"), "unavailable/intercepted"),
    (said(401, "<html>", challenge="Bearer error=invalid_token"), "auth_expired/token_refused"),
    (said(403, "<html>Access Denied</html>"), "unavailable/intercepted"),
    (said(403, "You are not permitted to be here"), "unavailable/intercepted"),
    (said(403), "unavailable/intercepted"),
    (httpx.Response(403, json=["no role"]), "unavailable/intercepted"),
    (said(401, challenge="Bearer error=insufficent_scope"), "missing_scope/missing_scope"),
    (said(401, challenge='Bearer error="insufficient_scope"'), "missing_scope/missing_scope"),
    (said(403, Detail="insufficient scope"), "missing_scope/missing_scope"),
    (
        httpx.Response(403, headers={"WWW-Authenticate": "Bearer error=insufficent_scope"}),
        "missing_scope/missing_scope",
    ),
    (said(401, Message="You are not permitted to access this resource"), "misconfigured/user_role"),
    (said(403, Message="without the reporting role or higher"), "misconfigured/user_role"),
    (said(404, "<html>"), "not_found/not_found"),
    (said(400, "what?"), "invalid/refused_by_xero"),
    (said(400, Type="QueryParseException", Message="no such field"), "invalid/refused_by_xero"),
    (said(412), "invalid/refused_by_xero"),
    (said(415), "invalid/refused_by_xero"),
    (said(501), "unavailable/server_error"),
    (said(503, "The Organisation is offline"), "unavailable/offline"),
    (limited("Day", "9000"), "rate_limited/limit_day"),
    (limited(None, "9000"), "rate_limited/limit_day"),
    (limited("appminute", "90"), "rate_limited/limit_app_minute"),
    (limited("minute", "90"), "rate_limited/limit_minute"),
    (limited("novelty", "90"), "rate_limited/limit_minute"),
    (limited("day", "soon"), "rate_limited/limit_day"),
    (httpx.Response(301, headers={"Location": "https://elsewhere.example"}), "unavailable/redirected"),
    (said(200, "<html>"), "unavailable/garbled_answer"),
    (httpx.Response(200, json=[1]), "unavailable/garbled_answer"),
    (said(200, Status="OK"), "unavailable/garbled_answer"),
    (httpx.Response(200, json={"Invoices": None}), "unavailable/garbled_answer"),
    (said(204), "unavailable/garbled_answer"),
]


@pytest.mark.parametrize(("answer", "outcome"), MEANINGS)
def test_each_response_has_one_error(answer_with, connection, answer, outcome):
    answer_with(lambda _: answer)
    error = fail(connection, max_wait=50)
    assert f"{error.code}/{error.reason}" == outcome


def test_every_validation_message_is_kept(answer_with, connection):
    body = {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": [
            {
                "ValidationErrors": [{"Message": "first"}],
                "LineItems": [{"ValidationErrors": [{"Message": "second"}]}],
            },
            {"ValidationErrors": [{"Description": "third"}]},
        ],
    }
    answer_with(lambda _: httpx.Response(400, json=body, headers={"Xero-Correlation-Id": "c-1"}))
    error = fail(connection)
    assert [problem["message"] for problem in error.problems] == ["first", "second", "third"]
    assert error.correlation_id == "c-1"


def test_a_request_has_the_expected_headers_and_page_size(answer_with, connection):
    seen = []

    def handler(request):
        seen.append(request)
        return httpx.Response(200, json=EMPTY, headers={"Set-Cookie": "who=tenant-one; Path=/"})

    answer_with(handler)
    run(connection)
    run(connection)
    headers = seen[0].headers
    assert headers["Authorization"] == "Bearer token"
    assert headers["Xero-Tenant-Id"] == connection["organisation_id"]
    assert headers["Accept"] == "application/json"
    assert seen[0].url.params["pageSize"] == "1000"
    assert "If-Modified-Since" not in headers


def test_the_shared_http_client_is_safe_for_tokens():
    http = transport.http_client(Settings())
    assert http.headers["User-Agent"].startswith("bizosaas-xero/")
    assert http.headers["Accept-Encoding"] == "gzip"
    assert http.follow_redirects is False
    assert http is transport.http_client(Settings())
    request = httpx.Request("GET", "https://api.xero.com/")
    http.cookies.extract_cookies(httpx.Response(200, headers={"Set-Cookie": "a=b"}, request=request))
    assert not list(http.cookies.jar)


def test_a_retry_after_is_waited_for_exactly(answer_with, connection, monkeypatch):
    waits = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    import stamina

    stamina.set_testing(False)
    answers = iter([httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(200, json=EMPTY)])
    answer_with(lambda _: next(answers))
    [batch] = run(connection)
    assert batch.stats.calls == 2
    assert waits == [pytest.approx(7.05)]


def test_waits_add_up_to_max_wait_and_no_more(answer_with, connection):
    calls = []
    answer_with(lambda request: calls.append(request) or limited("minute", "30"))
    error = fail(connection, max_wait=65)
    assert error.retry_after == 30
    assert len(calls) == 3  # two waits of 30 fit into 65, a third does not


def test_the_remaining_calls_of_the_headers_are_reported(answer_with, connection):
    headers = {"X-DayLimit-Remaining": "812", "X-MinLimit-Remaining": "55"}
    answer_with(lambda _: httpx.Response(200, json=EMPTY, headers=headers))
    [batch] = run(connection)
    assert (batch.stats.day_left, batch.stats.minute_left) == (812, 55)


# ---------------------------------------------------------------- counting calls


@pytest.mark.usefixtures("fresh_call_counts")
def test_calls_are_counted_per_organisation(answer_with, connection):
    answer_with(lambda _: httpx.Response(200, json=EMPTY))
    connection["settings"]["calls_per_minute"] = 3
    for _ in range(3):
        run(connection)
    error = fail(connection, max_wait=5)
    assert error.code == "rate_limited"
    assert 50 < error.retry_after <= 61
    run({**connection, "organisation_id": "another"})


@pytest.mark.usefixtures("fresh_call_counts")
def test_a_short_wait_for_the_limiter_is_slept(answer_with, connection, monkeypatch):
    answer_with(lambda _: httpx.Response(200, json=EMPTY))
    waits = iter([0, 0, 0.25, 0, 0])
    slept = []
    monkeypatch.setattr(rate_limits, "reserve_call", lambda *_: next(waits))
    monkeypatch.setattr("bizosaas_xero.toolkit.rate_limits.time.sleep", slept.append)
    connection["settings"]["calls_per_minute"] = 1
    run(connection)
    run(connection)
    assert slept == [0.25]


@pytest.mark.usefixtures("fresh_call_counts")
@pytest.mark.parametrize("url", ["ftp://x", "redis://127.0.0.1:99999999/0", "redis://127.0.0.1:x"])
def test_a_limiter_url_that_is_not_redis_is_a_wrong_setting(answer_with, connection, url):
    answer_with(lambda _: httpx.Response(200, json=EMPTY))
    connection["settings"] |= {"calls_per_minute": 1, "limiter_url": url}
    error = fail(connection)
    assert (error.code, error.recovery) == ("misconfigured", "fix")
    assert "limiter_url" in error.message


@needs_redis
@pytest.mark.usefixtures("fresh_call_counts")
def test_two_processes_share_one_count_in_redis():
    key = f"test:{time.time_ns()}"
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        taken = pool.starmap(_take, [(key, 10)] * 2)
    assert sum(taken) == 10


def _take(key, tries):
    url = "redis://127.0.0.1:6379/0"
    return sum(
        rate_limits.reserve_call(url, rate_limits.Limit(key, 10, client.errors.limit_reached)) == 0
        for _ in range(tries)
    )


def test_no_more_than_five_calls_of_an_organisation_at_once(answer_with, connection):
    in_flight, peak, lock, five_in_flight = [0], [0], threading.Lock(), threading.Event()

    def handler(_):
        with lock:
            in_flight[0] += 1
            peak[0] = max(peak[0], in_flight[0])
            if in_flight[0] == 5:
                five_in_flight.set()
        assert five_in_flight.wait(30)
        time.sleep(0.02)  # time for a sixth
        with lock:
            in_flight[0] -= 1
        return httpx.Response(200, json=EMPTY)

    answer_with(handler)
    threads = [threading.Thread(target=run, args=(connection,)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert peak[0] == 5


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    "url",
    [
        "http://api.xero.com",
        "http://evil.example",
        "https://",
        "ftp://localhost",
        "https://x@evil.example",
        "x",
    ],
)
def test_a_token_is_sent_only_to_safe_addresses(connection, url):
    connection["settings"]["api_url"] = url
    error = fail(connection)
    assert (error.code, error.problems[0]["field"]) == ("misconfigured", "settings.api_url")


def test_settings_come_from_the_mapping_then_the_environment_at_the_time_of_the_call(monkeypatch):
    assert load_settings({}).api_url == "https://api.xero.com"
    monkeypatch.setenv("XERO_API_URL", "http://localhost:9/")
    monkeypatch.setenv("XERO_PAGE_SIZE", "50")
    assert (load_settings({}).api_url, load_settings({}).page_size) == ("http://localhost:9", 50)
    assert (
        load_settings({"api_url": "https://mine.example", "other": 1, "page_size": None}).api_url
        == "https://mine.example"
    )


def test_credentials_are_never_taken_from_the_environment(monkeypatch):
    monkeypatch.setenv("XERO_CLIENT_ID", "from-env")
    monkeypatch.setenv("XERO_CLIENT_SECRET", "from-env")
    with pytest.raises(Exception, match="client_id"):
        plugin.auth({"step": "authorize", "app": {"redirect_uri": "http://localhost/callback"}})


def test_a_forked_process_does_not_share_connections():
    settings = Settings()
    parents = transport.http_client(settings)
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()

    def child():
        there.send(transport.http_client(settings) is parents)

    process = context.Process(target=child)
    process.start()
    process.join(10)
    assert here.recv() is False


def test_a_proxy_is_used_for_xero_and_not_for_this_machine(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    transport.close_clients()
    assert transport.http_client(Settings()).trust_env
    assert not transport.http_client(load_settings({"api_url": "http://localhost:9"})).trust_env
    transport.close_clients()


def test_an_unreachable_server_is_unavailable():
    connection = Connection(organisation_id="o", access_token="t", settings={"api_url": "http://127.0.0.1:1"})
    with pytest.raises(Unavailable) as caught:
        list(plugin.sync_entity(connection, "invoices", None, None))
    assert caught.value.reason == "connection_failed"


def test_simultaneous_waits_of_several_threads_count_once(connection):
    at_limit = RateLimited("full", reason="limit_minute", retry_after=40)
    one = client.Client(Connection(**connection), load_settings({}), "invoices", 65)
    with ThreadPoolExecutor(4) as pool:
        all_there = threading.Barrier(4)
        together = list(pool.map(lambda _: all_there.wait() < 4 and one.waits.retry_delay(at_limit), range(4)))
    assert together == [40.05] * 4
    assert one.waits.retry_delay(at_limit) == 40.05, "this thread waits at the same time"
    assert one.waits.retry_delay(at_limit) is False, "and then not again"


def test_a_request_that_never_reached_xero_is_not_counted():
    connection = Connection(organisation_id="o", access_token="t", settings={"api_url": "http://127.0.0.1:1"})
    with pytest.raises(Unavailable) as caught:
        list(plugin.sync_entity(connection, "invoices", None, None))
    assert not (caught.value.cost or {}).get("calls")

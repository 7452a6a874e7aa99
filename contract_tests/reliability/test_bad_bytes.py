"""Whatever bytes come in: they are read, or refused with an error of the contract. Nothing else, and soon."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bizosaas_xero import plugin
from bizosaas_xero.adapters.brain_gateway.webhooks import WebhookReceiver
from bizosaas_xero.connector import settings as connection_settings
from bizosaas_xero.connector.actions.bank.statement import from_ofx
from bizosaas_xero.connector.actions.bank.statement_csv import from_csv
from bizosaas_xero.connector.actions.registry import ACTIONS
from bizosaas_xero.connector.http import transport as http_transport
from bizosaas_xero.connector.sync.entities import ENTITIES
from bizosaas_xero.spec import ConnectorError
from bizosaas_xero.toolkit import jwt
from contract_tests.helpers.byte_readers import APP, CONNECTION, CURSOR, WHERE, calm, read_or_refused, sync

pytestmark = pytest.mark.attempts(1)

DEEP = b"[" * 100_000 + b"]" * 100_000

texts = st.text(st.characters(), max_size=60)  # lone surrogates too
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.sampled_from(["1e999999999", "/Date(99999999999999999)/", "0001-01-01T00:00:00+14:00", "9" * 5000])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def answer_bytes(monkeypatch):
    """Answer every request with what is set."""
    answer = {}

    def handler(_request):
        return httpx.Response(answer["status"], headers=answer.get("headers"), content=answer["body"])

    transport = httpx.Client(transport=httpx.MockTransport(handler))
    monkeypatch.setattr(http_transport, "http_client", lambda _: transport)
    return answer


# ---------------------------------------------------------------- Xero's answers


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("body", [DEEP, b'{"a":' * 900 + b"1" + b"}" * 900, b"\xff\xfe", b"\0" * 100, b"9" * 9999])
def test_bodies_that_no_parser_accepts_end_in_a_contract_error(answer_bytes, status, body):
    answer_bytes |= {"status": status, "body": body}
    assert isinstance(read_or_refused(sync), ConnectorError)


@calm
@given(status=st.sampled_from([200, 400, 401, 403, 429, 500]), body=st.binary(max_size=200))
def test_bodies_of_any_bytes_end_in_a_contract_error(answer_bytes, status, body):
    answer_bytes |= {"status": status, "body": body}
    read_or_refused(sync)


NAMES = [
    *("InvoiceID", "Total", "Date", "UpdatedDateUTC", "Contact", "LineItems", "Payments", "Type", "Status"),
    *("CreditNotes", "SentToContact", "CurrencyRate"),
]


@calm
@given(
    name=st.sampled_from(list(ENTITIES)),
    rows=st.lists(st.dictionaries(st.sampled_from(NAMES), values) | values, max_size=4),
    stamp=values,
    pages=values | st.fixed_dictionaries({"itemCount": values, "pageSize": values}),
)
@example(name="invoices", rows=[], stamp=None, pages={"itemCount": 10**9, "pageSize": 1})
@example(name="invoices", rows=[], stamp="0001-01-01T00:00:00+14:00", pages=5)
def test_answers_of_any_json_end_in_a_result_or_contract_error(answer_bytes, name, rows, stamp, pages):
    for row in rows:
        if isinstance(row, dict):
            row.setdefault("InvoiceID", "a")
    whole = {ENTITIES[name].path: rows, "DateTimeUTC": stamp, "pagination": pages}
    answer_bytes |= {"status": 200, "body": json.dumps(whole).encode("utf-8", "surrogatepass")}
    read_or_refused(sync, name)


@pytest.mark.parametrize("number", ["1e999999999", "1e-999999999", "0e999999", "9" * 100_000, "-1e4000"])
def test_numbers_with_huge_exponents_are_refused(answer_bytes, number):
    for sent in (number, f'"{number}"'):
        answer_bytes |= {"status": 200, "body": b'{"Invoices":[{"InvoiceID":"a","Total":%s}]}' % sent.encode()}
        found = read_or_refused(sync)
        assert isinstance(found, ConnectorError) or found[0].rejected or number.startswith("0e")


@calm
@given(
    name=st.sampled_from(["Retry-After", "Date", "X-DayLimit-Remaining", "X-Rate-Limit-Problem", "WWW-Authenticate"]),
    value=st.binary(max_size=30) | st.sampled_from([b"inf", b"nan", b"1e400", b"-1", b"\xb2", b"9" * 5000]),
    status=st.sampled_from([200, 401, 429, 503]),
)
@example(name="Date", value=b"Fri, 31 Dec 9999 23:59:59 -1200", status=200)
def test_headers_of_any_bytes_do_no_harm(answer_bytes, name, value, status):
    answer_bytes |= {"status": status, "headers": [(name.encode(), value)], "body": b'{"Invoices":[]}'}
    read_or_refused(sync)


@calm
@given(token=texts | st.binary(max_size=60).map(lambda raw: f"a.{base64.urlsafe_b64encode(raw).decode()}.c"))
@example(token=f"a.{base64.urlsafe_b64encode(DEEP).decode()}.c")
def test_tokens_of_any_text_do_no_harm(answer_bytes, token):
    assert isinstance(jwt.claims(token), dict)
    answer_bytes |= {"status": 200, "body": b'{"Invoices":[]}'}
    read_or_refused(lambda: sync(access_token=token))


# ---------------------------------------------------------------- what a host gives


moments = scalars | st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")
readings = st.dictionaries(
    st.sampled_from(["kind", "since", "started", "page", "size", "first_count", "count", "rows"]), moments
)


@calm
@given(cursor=values | st.fixed_dictionaries({}, optional={"since": moments, "full_at": moments, "read": readings}))
@example(cursor={"since": "0001-01-01T00:00:00+00:00", "full_at": "9999-12-31T23:59:59+00:00"})
def test_cursors_of_any_json_are_read_or_rejected(answer_bytes, cursor):
    answer_bytes |= {"status": 200, "body": b'{"Invoices":[]}'}
    read_or_refused(sync, "invoices", {**CURSOR, **cursor} if isinstance(cursor, dict) else cursor)


@calm
@given(st.dictionaries(st.sampled_from(sorted(connection_settings.Settings.model_fields)) | texts, values))
def test_settings_of_any_json_are_read_or_refused(given_):
    read_or_refused(connection_settings.load_settings, given_)


@calm
@given(name=st.sampled_from(["api_url", "identity_url", "login_url"]), url=texts, end=texts)
@example(name="api_url", url="https://x:abc", end="")
@example(name="api_url", url="https://a..b", end="")
@example(name="api_url", url="https://" + "a." * 5000, end="!")
def test_addresses_of_any_text_are_read_or_refused(name, url, end):
    for made in (url, f"https://{url}", f"http://localhost{url}", f"https://host/{end}"):
        found = read_or_refused(connection_settings.load_settings, {name: made})
        if not isinstance(found, ConnectorError):
            assert httpx.URL(getattr(found, name)).host  # what is let through can be sent


@calm
@given(pending=texts | st.binary(max_size=80).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
@example(pending=base64.urlsafe_b64encode(DEEP).decode())
def test_pending_secrets_of_any_text_are_refused(pending):
    asked = {"step": "callback", "app": APP, "settings": WHERE, "pending": pending}
    found = read_or_refused(plugin.auth, {**asked, "callback_url": "http://localhost/cb?code=c&state=s"})
    assert found.code in {"invalid", "reconnect_required"}


@calm
@given(url=texts, query=texts)
@example(url="http://[", query="")
def test_callback_addresses_of_any_text_are_refused(url, query):
    begun = plugin.auth({"step": "authorize", "app": APP, "settings": WHERE}).model_dump(mode="json")
    for made in (url, f"http://localhost/cb?{query}", f"http://localhost/cb?code={query}&state={query}"):
        asked = {"step": "callback", "app": APP, "settings": WHERE, "pending": begun["pending"]}
        found = read_or_refused(plugin.auth, {**asked, "callback_url": made})
        assert isinstance(found, ConnectorError)


@calm
@given(data=st.data(), name=st.sampled_from(list(ACTIONS)))
def test_parameters_of_any_json_are_read_or_refused(answer_bytes, data, name):
    """Names are the action's own; whatever their values are, it is refused, or Xero is asked."""
    answer_bytes |= {"status": 503, "body": b""}
    names = sorted(ACTIONS[name].params_model.model_fields)
    params = data.draw(st.dictionaries(st.sampled_from(names) if names else texts, values))
    read_or_refused(plugin.run_action, CONNECTION, name, params, {"mode": "plan"})


# ---------------------------------------------------------------- files and webhooks


lines = st.lists(
    st.lists(texts | st.sampled_from(["2026-01-31", "31/01/2026", "1,000.50", "(5)", "1e9"]), max_size=4),
    max_size=4,
)


@calm
@given(text=texts | lines.map(lambda rows: "\n".join(["date,amount,payee", *(",".join(row) for row in rows)])))
@example(text="date,amount\n2026-01-01," + "9" * 100_000)
@example(text="date,amount\n2026-01-01," + "1,000" * 3000)
@example(text='"' * 100_001)
def test_csv_files_of_any_text_are_read_or_refused(text):
    read_or_refused(from_csv, text, None, None)


TRANSACTION = "<OFX><STMTRS><STMTTRN><DTPOSTED>{}<TRNAMT>{}</STMTTRN></STMTRS></OFX>"


@calm
@given(text=texts | st.builds(TRANSACTION.format, texts | st.just("20260131"), texts | st.just("1.50")))
@example(text=TRANSACTION.format("20260101", "1e999999999"))
@example(text=TRANSACTION.format("20260101", "1e9999999999999999999999"))
@example(text="<OFX>" + "<STMTRS>" * 3000)
@example(text="<OFX><!DOCTYPE a [<!ENTITY b 'x'><!ENTITY c '&b;&b;'>]>&c;</OFX>")
def test_ofx_files_of_any_text_are_read_or_refused(text):
    found = read_or_refused(from_ofx, text)
    if not isinstance(found, ConnectorError):
        assert all(abs(line.amount) < 10**28 for line in found.lines)


@calm
@given(body=st.binary(max_size=100) | values.map(lambda value: json.dumps(value).encode()), signed=st.booleans())
@example(body=DEEP, signed=True)
@example(body=b"[1]", signed=True)
def test_webhooks_of_any_bytes_are_answered(body, signed):
    taken = []
    receiver = WebhookReceiver("key", taken.append)
    mark = base64.b64encode(hmac.new(b"key", body, hashlib.sha256).digest()) if signed else b"x" * 44
    sent = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "headers": [(b"x-xero-signature", mark)]}
    asyncio.run(receiver(scope, receive, send))
    assert sent[0]["status"] in ({200, 400} if signed else {401})
    assert all(isinstance(each, dict) for each in taken)

"""No secret and no personal data stay in a cassette, in requests or answers."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlencode

import pytest
from vcr.request import Request

from bizosaas_xero.contract.scrub import Scrubber

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJ4ZXJvX3VzZXJpZCI6IjEifQ.c2lnbmF0dXJlMTIz"
PLANTED = {
    "access": TOKEN,
    "refresh": "Qx7vTq9kLm3nPw5yRz8u",
    "secret": "sUpErSeCrEt-0123456789",
    "client": "0123456789ABCDEF0123456789ABCDEF",
    "code": "c0de-abcdefghijklmnop",
    "verifier": "v3rifier-abcdefghijklmnopqrstuvwxyz",
    "cookie": "session=d34db33f",
    "person": "Wilhelmina",
    "family": "Featherstonehaugh",
    "email": "wilhelmina@featherstone.co.uk",
    "phone": "0279876543",
    "account": "12-3456-7890123-00",
    "iban": "GB29NWBK60161331926819",
}
HEADERS = ("authorization", "accept", "cookie")


def request_of():
    form = {
        "grant_type": "refresh_token",
        "refresh_token": PLANTED["refresh"],
        "client_secret": PLANTED["secret"],
        "code": PLANTED["code"],
        "code_verifier": PLANTED["verifier"],
    }
    pair = base64.b64encode(f"{PLANTED['client']}:{PLANTED['secret']}".encode()).decode()
    headers = {
        "Authorization": f"Basic {pair}",
        "Cookie": PLANTED["cookie"],
        "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
        "Accept": "application/json",
        "User-Agent": "x",
    }
    query = urlencode({"email": PLANTED["email"], "page": "1"})
    return Request("POST", f"http://127.0.0.1:9/connect/token?{query}", urlencode(form), headers)


def response_of():
    body = {
        "access_token": PLANTED["access"],
        "refresh_token": PLANTED["refresh"],
        "Contacts": [
            {
                "FirstName": PLANTED["person"],
                "LastName": PLANTED["family"],
                "EmailAddress": PLANTED["email"],
                "Note": f"mail {PLANTED['email']}, Bearer {TOKEN}",
                "Phones": [{"PhoneType": "MOBILE", "PhoneNumber": PLANTED["phone"], "PhoneAreaCode": 27}],
                "BankAccountDetails": PLANTED["account"],
                "IBAN": PLANTED["iban"],
            }
        ],
    }
    text = json.dumps(body, indent=1)[:-1] + ', "Total": 1234.10, "Rate": 1.000000, "Code": "200"}'
    headers = {
        "Content-Type": ["application/json"],
        "Set-Cookie": [PLANTED["cookie"]],
        "Content-Length": [str(len(text))],
        "Location": [f"https://x.example/?code={PLANTED['code']}"],
    }
    return {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": {"string": text.encode()}}


def text_of(request, response):
    return f"{request.uri} {request.body} {dict(request.headers)} {response}"


@pytest.fixture
def scrubber():
    return Scrubber(bases={"http://127.0.0.1:9": {"": "https://api.vendor.example"}}, headers=HEADERS)


def test_nothing_planted_is_left(scrubber):
    text = text_of(scrubber.request(request_of()), scrubber.response(response_of()))
    assert not [name for name, value in PLANTED.items() if value in text]
    assert base64.b64encode(PLANTED["client"].encode())[:12].decode() not in text


def test_scrubbing_twice_changes_nothing(scrubber):
    request, response = scrubber.request(request_of()), scrubber.response(response_of())
    again, after = scrubber.request(request), scrubber.response(response)
    assert (again.uri, again.body, dict(again.headers)) == (request.uri, request.body, dict(request.headers))
    assert after == response


def test_a_value_has_one_pseudonym_on_both_sides(scrubber):
    body = json.loads(scrubber.response(response_of())["body"]["string"])
    sent = scrubber.request(request_of())
    assert body["refresh_token"] in sent.body.decode()
    bearer = Request("GET", "https://x.example/", None, {"Authorization": f"Bearer {TOKEN}"})
    assert scrubber.request(bearer).headers["authorization"] == f"Bearer {body['access_token']}"


def test_what_is_no_secret_stays_to_the_digit(scrubber):
    text = scrubber.response(response_of())["body"]["string"].decode()
    assert '"Total": 1234.10, "Rate": 1.000000, "Code": "200"' in text
    assert '"PhoneType": "MOBILE"' in text


def test_known_values_get_the_names_that_they_are_given():
    scrubber = Scrubber({PLANTED["refresh"]: "scrubbed-refresh-token"}, headers=HEADERS)
    assert "refresh_token=scrubbed-refresh-token" in scrubber.request(request_of()).body.decode()


def test_another_salt_gives_other_pseudonyms():
    one, other = (Scrubber(salt=salt).value("phone", PLANTED["phone"]) for salt in (b"one", b"other"))
    assert one != other


def test_an_address_becomes_the_one_that_it_stands_for(scrubber):
    assert scrubber.request(request_of()).uri.startswith("https://api.vendor.example/connect/token?")

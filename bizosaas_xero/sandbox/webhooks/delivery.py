"""One webhook delivery over HTTP: allowed addresses, the signature, and which answers accept it."""

import base64
import hashlib
import hmac
import http.client
import ipaddress
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5  # Xero waits this long for an answer
_ACCEPTED_STATUS = range(200, 300)
_UNSIGNED_STATUS = 401


class DeliveryAnswer(NamedTuple):
    """The answer of a receiver; `status` is None without one, and `problem` says why."""

    status: int | None
    body: bytes = b""
    cookies: bool = False
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether the delivery was accepted."""
        return self.status in _ACCEPTED_STATUS


Sender = Callable[[str, bytes, Mapping[str, str]], DeliveryAnswer]


def sign(key: str, body: bytes) -> str:
    """Return `x-xero-signature`: HMAC-SHA256 over the raw body, keyed with the text of the key, base64."""
    return base64.b64encode(hmac.digest(key.encode(), body, hashlib.sha256)).decode()


def signed_headers(key: str, body: bytes) -> dict[str, str]:
    """Return the headers of a delivery."""
    return {"Content-Type": "application/json; charset=utf-8", "x-xero-signature": sign(key, body)}


def check_address(url: str) -> None:
    """Refuse addresses outside this machine.

    Raises:
        ValueError: It is not an http address of the loopback interface.
    """
    parts = urlsplit(url)
    try:
        local = parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        local = False
    if parts.scheme not in {"http", "https"} or not local:
        raise ValueError(f"url must be on this machine, such as http://127.0.0.1:9000/hook, not {url!r}")


def send(url: str, body: bytes, headers: Mapping[str, str]) -> DeliveryAnswer:
    """Post a delivery and return the answer; a failed connection is an answer without status."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=TIMEOUT_SECONDS)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body, dict(headers))
        response = connection.getresponse()
        body_received = response.read()
        problem = "" if response.status in _ACCEPTED_STATUS else f"the receiver answered {response.status}"
        return DeliveryAnswer(response.status, body_received, response.getheader("Set-Cookie") is not None, problem)
    except (OSError, http.client.HTTPException) as error:
        return DeliveryAnswer(None, problem=f"no answer within {TIMEOUT_SECONDS} seconds: {type(error).__name__}")
    finally:
        connection.close()


def intent_problem(answer: DeliveryAnswer, *, signed: bool) -> str:
    """Return the problem of an answer to a test of intent, empty when it is right.

    Xero requires 200 for a right signature and 401 for a wrong one, without body and cookies.
    """
    expected = 200 if signed else _UNSIGNED_STATUS
    if answer.status != expected:
        actual = f"not {answer.status}" if answer.status is not None else f"and there was {answer.problem}"
        return f"a {'rightly' if signed else 'wrongly'} signed request must be answered with {expected}, {actual}"
    if answer.cookies:
        return "the answer sets a cookie"
    return "the answer has a body" if answer.body else ""

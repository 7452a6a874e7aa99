"""One webhook delivery over HTTP: where it may go, how it is signed, what counts as taken."""

import base64
import hashlib
import hmac
import http.client
import ipaddress
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

TIMEOUT = 5  # seconds that Xero waits for an answer
_TAKEN = range(200, 300)
_UNSIGNED = 401


class Answer(NamedTuple):
    """What a receiver said; `status` is None when it said nothing in time, `words` then tell why."""

    status: int | None
    body: bytes = b""
    cookies: bool = False
    words: str = ""

    @property
    def ok(self) -> bool:
        """Whether the delivery counts as taken."""
        return self.status in _TAKEN


Sender = Callable[[str, bytes, Mapping[str, str]], Answer]


def sign(key: str, body: bytes) -> str:
    """Return `x-xero-signature`: HMAC-SHA256 over the raw body, keyed with the text of the key, base64."""
    return base64.b64encode(hmac.digest(key.encode(), body, hashlib.sha256)).decode()


def headers(key: str, body: bytes) -> dict[str, str]:
    """Return the headers of a delivery."""
    return {"Content-Type": "application/json; charset=utf-8", "x-xero-signature": sign(key, body)}


def check_address(url: str) -> None:
    """Let nothing leave this machine.

    Raises:
        ValueError: It is no http address of the loopback interface.
    """
    parts = urlsplit(url)
    try:
        local = parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        local = False
    if parts.scheme not in {"http", "https"} or not local:
        raise ValueError(f"url is on this machine, such as http://127.0.0.1:9000/hook, not {url!r}")


def send(url: str, body: bytes, head: Mapping[str, str]) -> Answer:
    """Post a delivery and return the answer, whatever happened."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=TIMEOUT)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body, dict(head))
        response = connection.getresponse()
        said = response.read()
        words = "" if response.status in _TAKEN else f"the receiver answered {response.status}"
        return Answer(response.status, said, response.getheader("Set-Cookie") is not None, words)
    except (OSError, http.client.HTTPException) as error:
        return Answer(None, words=f"no answer within {TIMEOUT} seconds: {type(error).__name__}")
    finally:
        connection.close()


def intent_problem(answer: Answer, *, signed: bool) -> str:
    """Tell what is wrong with the answer to a test of intent; nothing, if it is right.

    Xero wants 200 for a right signature and 401 for a wrong one, no body and no cookies.
    """
    wanted = 200 if signed else _UNSIGNED
    if answer.status != wanted:
        said = answer.status if answer.status is not None else answer.words
        return f"a {'rightly' if signed else 'wrongly'} signed request wants {wanted}, not {said}"
    if answer.cookies:
        return "the answer sets a cookie"
    return "the answer has a body" if answer.body else ""

"""Replace secrets and personal data by stable pseudonyms, in requests and in answers.

The same value gets the same pseudonym everywhere, so that a token in an answer still equals the token of the next
request. A pseudonym is not changed again, so that scrubbing twice changes nothing. Text is edited in place:
digits, spaces and the order of fields stay as they were sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from vcr.request import Request

_KINDS = {
    "secret": (
        "access_token refresh_token id_token token client_secret client_id secret password api_key apikey "
        "assertion client_assertion authorization cookie set_cookie session"
    ),
    "constant": "code_verifier code_challenge nonce",
    "name": (
        "name first_name last_name full_name contact_name tenant_name legal_name display_name given_name "
        "family_name short_name addressline1 addressline2 addressline3 addressline4 attention_to"
    ),
    "email": "email email_address e_mail",
    "phone": "phone phone_number phone_area_code phone_country_code mobile fax telephone",
    "account": (
        "bank_account_number bank_account_details account_number iban bic sort_code tax_number "
        "card_number company_number registration_number"
    ),
}


def _normalise(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_KIND_BY_FIELD = {_normalise(name): kind for kind, names in _KINDS.items() for name in names.split()}

# Names that belong to OAuth in a form or an address, and have other meanings in a record.
_FORM_FIELDS = {"code": "code", "state": "constant"}

EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*")
# A challenge, `Bearer error="…"`, does not hold a token.
BEARER = re.compile(r"(?i)\bbearer\s+(?!scrubbed-)([A-Za-z0-9._~+/-]{8,}+=*+)(?!\")")
_JSON_PAIR = re.compile(r'("((?:[^"\\]|\\.)*)"\s*:\s*)("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*)')
_PSEUDONYM = {
    "secret": re.compile(r"scrubbed-[a-z0-9-]+"),
    "constant": re.compile(r"scrubbed"),
    "code": re.compile(r"scrubbed-code"),
    "name": re.compile(r"(?:Name [0-9a-f]{8}|.* \(scrubbed\))"),
    "email": re.compile(r"[a-z0-9-]+@example\.(?:com|org|invalid)"),
    "phone": re.compile(r"555\d{4}"),
    "account": re.compile(r"000000-\d{8}"),
}
_DROPPED_HEADERS = {"content-length", "transfer-encoding", "connection", "keep-alive", "server", "content-encoding"}
_FORM = "application/x-www-form-urlencoded"
_BASIC = "basic "


class Scrubber:
    """Scrubs requests and answers.

    Args:
        known: Values with fixed pseudonyms, such as a test account's tokens.
        bases: Recorded addresses, with those that replace them, by part of the path; the entry of an empty
            part is for all other paths.
        headers: Request headers to keep.
        salt: Makes it impossible to guess short values, such as phone numbers, from their pseudonyms.
    """

    def __init__(
        self,
        known: Mapping[str, str] | None = None,
        bases: Mapping[str, Mapping[str, str]] | None = None,
        headers: Iterable[str] = (),
        salt: bytes = b"synthetic",
    ) -> None:
        self._known = {value: name for value, name in (known or {}).items() if value and value != name}
        self._bases = bases or {}
        self._headers = {name.lower() for name in headers} | {"content-type"}
        self._salt = salt

    # ------------------------------------------------------------ values

    def value(self, kind: str, value: str) -> str:
        """Return the pseudonym of a value."""
        if not value or _PSEUDONYM[kind].fullmatch(value):
            return value
        if value in self._known:
            return self._known[value]
        mark = hmac.new(self._salt, f"{kind} {value}".encode(), hashlib.sha256).hexdigest()
        number = int(mark[:12], 16)
        return {
            "secret": f"scrubbed-{mark[:8]}",
            "constant": "scrubbed",
            "code": "scrubbed-code",
            "name": f"Name {mark[:8]}",
            "email": f"person-{mark[:8]}@example.com",
            "phone": f"555{number % 10**4:04d}",
            "account": f"000000-{number % 10**8:08d}",
        }[kind]

    def text(self, text: str) -> str:
        """Scrub a text: JSON fields by their names, the rest by its shape."""
        text = _JSON_PAIR.sub(self._pair, text)
        for value, name in self._known.items():
            text = text.replace(value, name)
        text = JWT.sub(lambda found: self.value("secret", found[0]), text)
        text = BEARER.sub(lambda found: f"Bearer {self.value('secret', found[1])}", text)
        return EMAIL.sub(lambda found: self.value("email", found[0]), text)

    def _pair(self, found: re.Match[str]) -> str:
        head, name, value = found[1], found[2], found[3]
        kind = _KIND_BY_FIELD.get(_normalise(name))
        if kind is None:
            return found[0]
        if not value.startswith('"'):
            # Account and phone numbers are sent as texts or as numbers.
            return f"{head}0" if kind in {"phone", "account"} else found[0]
        return f'{head}"{self.value(kind, value[1:-1])}"'

    def form(self, text: str) -> str:
        """Scrub a form or a query string."""
        pairs = parse_qsl(text, keep_blank_values=True)
        return urlencode([(name, self._field(name, value)) for name, value in pairs], quote_via=quote)

    def _field(self, name: str, value: str) -> str:
        kind = _KIND_BY_FIELD.get(_normalise(name)) or _FORM_FIELDS.get(name.lower())
        return self.value(kind, value) if kind else self.text(value)

    def url(self, url: str) -> str:
        """Scrub an address, and replace its base."""
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}"
        places = self._bases.get(base)
        if places:
            found = next((to for part, to in places.items() if part and part in parts.path), places[""])
            base = found
        path = self.text(parts.path)
        scrubbed = self.form(parts.query)
        # A query without secrets stays as it was written.
        query = scrubbed if parse_qsl(scrubbed) != parse_qsl(parts.query) else parts.query
        return urlunsplit((*urlsplit(base)[:2], path, query, parts.fragment))

    # ------------------------------------------------------------ interactions

    def request(self, request: Request) -> Request:
        """Return a request without secrets; also applied to requests that are looked up in a cassette."""
        headers = {
            name: self.header(name, _to_text(value))
            for name, value in request.headers.items()
            if name.lower() in self._headers or name.lower() == "authorization"
        }
        body = request.body_bytes
        if body:
            body = self.body(body, _to_text(request.headers.get("content-type") or ""))
        return Request(request.method, self.url(request.uri), body or None, headers)

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """Return an answer without secrets."""
        headers = {
            name: [self.header(name, value) for value in values]
            for name, values in response["headers"].items()
            if name.lower() not in _DROPPED_HEADERS
        }
        kind = next((_to_text(v) for n, v in headers.items() if n.lower() == "content-type"), "")
        body = response["body"].get("string") or b""
        body = body.encode() if isinstance(body, str) else body
        return {**response, "headers": headers, "body": {"string": self.body(body, kind)}}

    def body(self, body: bytes, content_type: str) -> bytes:
        """Scrub a body; a binary body is dropped."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return b"scrubbed"
        return (self.form(text) if _FORM in content_type else self.text(text)).encode()

    def header(self, name: str, value: str) -> str:
        """Scrub one header."""
        if name.lower() in {"cookie", "set-cookie"}:
            return "scrubbed-cookie"
        if name.lower() == "location":
            return self.url(value)
        if name.lower() != "authorization":
            return self.text(value)
        kind, _, secret = value.partition(" ")
        if kind.lower() + " " != _BASIC:
            return f"{kind} {self.value('secret', secret)}" if secret else self.value("secret", kind)
        return f"{kind} {self._basic(secret)}"

    def _basic(self, secret: str) -> str:
        if secret.startswith("scrubbed-"):
            return secret
        try:
            user, _, password = base64.b64decode(secret, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return self.value("secret", secret)
        # Not encoded: the two pseudonyms would look like a secret.
        return f"{self.value('secret', user)}:{self.value('secret', password)}"


def _to_text(value: Any) -> str:
    value = value[0] if isinstance(value, list) else value
    return value.decode() if isinstance(value, bytes) else str(value)

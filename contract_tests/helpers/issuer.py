"""An OpenID Connect issuer in this process: real keys and signatures, and one wrong thing at a time."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import secrets
import time
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

ISSUER = "https://login.example"
CLIENT = "pages"
SECRET = "client-secret"


@functools.cache
def make_key() -> RSAKey:
    """Return the issuer's key: one for all tests, because making one takes its time."""
    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


class FakeIssuer:
    """Answers as an issuer does; what a test changes is in ``claims``, ``key`` and ``algorithm``."""

    def __init__(self, clock=time.time) -> None:
        self.clock = clock
        self.key = self.published = make_key()
        self.algorithm = "RS256"
        self.person = {"sub": "1", "email": "ann@shop.example", "email_verified": True, "roles": ["owner"]}
        self.change: dict = {}
        self.description: dict = {}
        self.codes: dict[str, dict] = {}
        self.requests: list[str] = []
        self.client = httpx.Client(transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request.url.path)
        if request.url.path == "/.well-known/openid-configuration":
            return httpx.Response(200, json=self.describe())
        if request.url.path == "/keys":
            return httpx.Response(200, json=KeySet([self.published]).as_dict(private=False))
        if request.url.path == "/token":
            return self.redeem(request)
        return httpx.Response(404)

    def describe(self) -> dict:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "authorization_response_iss_parameter_supported": True,
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        } | self.description

    def authorize(self, url: str, *, signed_in_at: float | None = None) -> str:
        """Let the person sign in; return the address that leads them back."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert url.startswith(f"{ISSUER}/authorize?")
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        auth_time = self.clock() if asked.get("prompt") == "login" else signed_in_at
        self.codes[code] = asked | ({"auth_time": int(auth_time)} if auth_time is not None else {})
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': ISSUER})}"

    def redeem(self, request: httpx.Request) -> httpx.Response:
        sent = dict(parse_qsl(request.content.decode()))
        asked = self.codes.pop(sent.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = _encode(digest)
        if (
            asked is None
            or request.headers.get("authorization") != f"Basic {basic}"
            or challenge != asked["code_challenge"]
            or sent.get("redirect_uri") != asked["redirect_uri"]
        ):
            return httpx.Response(400, json={"error": "invalid_grant"})
        claims = {"nonce": asked["nonce"]} | ({"auth_time": asked["auth_time"]} if "auth_time" in asked else {})
        return httpx.Response(
            200, json={"access_token": "opaque", "token_type": "Bearer", "id_token": self.sign(CLIENT, **claims)}
        )

    def sign(self, audience: str, **claims) -> str:
        now = int(self.clock())
        whole = {"iss": ISSUER, "aud": audience, "iat": now, "exp": now + 300} | self.person | claims | self.change
        whole = {name: value for name, value in whole.items() if value is not None}
        if self.algorithm in {"none", "HS256"}:
            signed = ".".join(
                _encode(json.dumps(part).encode()) for part in ({"alg": self.algorithm, "kid": "one"}, whole)
            )
            secret = self.published.as_pem(private=False)  # the public key as the secret
            mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest() if self.algorithm == "HS256" else b""
            return f"{signed}.{_encode(mac)}"
        return jwt.encode({"alg": self.algorithm, "kid": self.key.kid}, whole, self.key, algorithms=[self.algorithm])


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

"""Talk to an OpenID Connect issuer: its description, its keys, and a code for tokens (Authlib over our HTTP client)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, import_key

from bizosaas_xero import __version__
from bizosaas_xero.spec import ConnectorError
from bizosaas_xero.toolkit import http
from bizosaas_xero.toolkit.oauth import request_token, token_client
from bizosaas_xero.toolkit.service import Service
from bizosaas_xero.web import reasons
from bizosaas_xero.web.people import OpenIdSettings
from bizosaas_xero.web.settings import is_safe_origin
from bizosaas_xero.web.tokens import verify_token

TIMEOUT_SECONDS = 15.0
DESCRIPTION_LIFETIME = timedelta(hours=1)
"""After which the issuer's description and keys are read again."""

KEYS_PAUSE = timedelta(minutes=1)
"""Before which unknown keys are not looked for again, so that forged tokens do not make requests."""

_METHODS = ("client_secret_basic", "client_secret_post")


def _usable_keys(found: list[dict[str, Any]]) -> Iterator[Key]:
    """Give the keys that are known here; an issuer may publish others as well."""
    for each in found:
        with contextlib.suppress(JoseError, ValueError):
            key = import_key(each)
            if each["kty"] in {"RSA", "EC", "OKP"}:
                yield key


class Issuer:
    """The issuer that signs people in.

    Args:
        settings: Which, and who we are there.
        now: The clock.
        client: Sends requests; by default this process's client.
    """

    def __init__(
        self, settings: OpenIdSettings, *, now: Callable[[], datetime], client: httpx.Client | None = None
    ) -> None:
        self._settings = settings
        self._now = now
        self._given_client = client
        self._service = Service("the sign-in service", f"bizosaas-xero/{__version__}")
        self._lock = threading.Lock()
        self._description: tuple[datetime, dict[str, Any]] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    @property
    def settings(self) -> OpenIdSettings:
        """Which it is, and what its claims mean here."""
        return self._settings

    def authorization_url(self, redirect_uri: str, state: str, nonce: str, verifier: str, **more: str) -> str:
        """Return the address at which a person signs in; ``more`` are further parameters, such as ``prompt``."""
        client = self._client(redirect_uri)
        endpoint = self._describe("authorization_endpoint")
        url, _ = client.create_authorization_url(endpoint, state=state, code_verifier=verifier, nonce=nonce, **more)
        return str(url)

    def redeem(self, code: str, redirect_uri: str, nonce: str, verifier: str) -> Mapping[str, Any]:
        """Return the verified claims of the person who came back with a code.

        Raises:
            Invalid: The issuer refused the code, or its token is not valid (``sign_in_refused``).
            ConnectorError: The issuer does not answer as it should.
        """
        client, endpoint = self._client(redirect_uri), self._describe("token_endpoint")

        def send() -> Any:
            return client.fetch_token(
                endpoint,
                code=code,
                grant_type="authorization_code",
                redirect_uri=redirect_uri,
                code_verifier=verifier,
            )

        def refusal(error: str, description: str) -> ConnectorError:  # noqa: ARG001 (it may hold anything)
            return reasons.SIGN_IN_REFUSED(cause="the sign-in service refused the code, which can be used once")

        token = request_token(send, self._service, refusal)
        if not isinstance(token.get("id_token"), str):
            raise reasons.SIGN_IN_REFUSED(cause="the sign-in service sent no ID token")
        return self.verify(token["id_token"], self.settings.client_id, nonce)

    def verify(self, token: str, audience: str, nonce: str | None = None) -> Mapping[str, Any]:
        """Return the claims of a token of this issuer that is meant for an audience.

        Raises:
            Invalid: It is not valid.
            ConnectorError: The issuer does not answer as it should.
        """
        return verify_token(
            token,
            self._find_keys,
            issuer=self.settings.issuer,
            audience=audience,
            now=self._now(),
            nonce=nonce,
        )

    def check_response_issuer(self, given: str | None) -> None:
        """Refuse a response that another issuer sent (RFC 9207).

        Raises:
            Invalid: It names another issuer, or none although this one says that it does.
        """
        says = self._load().get("authorization_response_iss_parameter_supported") is True
        if given != self.settings.issuer and (given is not None or says):
            raise reasons.SIGN_IN_REFUSED(cause="the response is not of this sign-in service")

    def _client(self, redirect_uri: str) -> Any:
        secret = self.settings.client_secret
        offered = self._load().get("token_endpoint_auth_methods_supported") or [_METHODS[0]]
        method = next((each for each in _METHODS if each in offered), _METHODS[0]) if secret else "none"
        return token_client(
            self._http(),
            self._service,
            self.settings.client_id,
            secret.get_secret_value() if secret else None,
            redirect_uri=redirect_uri,
            scope=self.settings.scopes,
            code_challenge_method="S256",
            token_endpoint_auth_method=method,
        )

    def _http(self) -> httpx.Client:
        return self._given_client or http.http_client(self._service, self.settings.issuer, TIMEOUT_SECONDS)

    def _describe(self, name: str) -> str:
        url = self._load().get(name)
        if not isinstance(url, str) or not is_safe_origin(url.partition("?")[0]):
            raise self._unusable(f"its {name} is missing, or has no https address")
        return url

    def _load(self) -> dict[str, Any]:
        with self._lock:
            if self._description is None or self._description[0] + DESCRIPTION_LIFETIME <= self._now():
                found = self._get(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
                if found.get("issuer") != self.settings.issuer:
                    raise self._unusable("it calls itself by another name; use exactly that one")
                self._description = (self._now(), found)
            return self._description[1]

    def _find_keys(self, again: bool) -> KeySet:
        url = self._describe("jwks_uri")
        with self._lock:
            now = self._now()
            age = now - self._keys[0] if self._keys else None
            if self._keys is None or age is None or age >= (KEYS_PAUSE if again else DESCRIPTION_LIFETIME):
                found = self._get(url)
                try:
                    public = [each for each in found["keys"] if each.get("use", "sig") == "sig"]
                    self._keys = (now, KeySet(list(_usable_keys(public))))
                except (KeyError, TypeError, AttributeError):
                    raise self._unusable("its keys cannot be read") from None
            return self._keys[1]

    def _get(self, url: str) -> dict[str, Any]:
        response = http.send(self._http(), self._service, "GET", url, headers={"Accept": "application/json"})
        try:
            found = response.json() if response.is_success else None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self._unusable(f"{url} does not answer with its description (status {response.status_code})")
        return found

    def _unusable(self, cause: str) -> ConnectorError:
        return reasons.ISSUER_UNUSABLE(issuer=self.settings.issuer, cause=cause)

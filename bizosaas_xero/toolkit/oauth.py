"""OAuth 2.0: token requests with Authlib over this package's own HTTP client."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import httpx
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client

from bizosaas_xero.spec.errors import ConnectorError
from bizosaas_xero.toolkit import errors, reasons, retries
from bizosaas_xero.toolkit.service import Service

MAX_ATTEMPTS = 3

PASSING_ERRORS = frozenset({"server_error", "temporarily_unavailable"})
"""Error codes of OAuth 2.0 (RFC 6749, 4.1.2.1) that pass by themselves."""

logger = logging.getLogger("bizosaas_xero.auth")

Result = TypeVar("Result")


class _ClientAuth(httpx.Auth, ClientAuth):  # type: ignore[misc]  # Authlib carries no types
    """Authlib's client authentication on our HTTP client; its own httpx integration would bring another client."""

    requires_request_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        url, headers, body = self.prepare(request.method, str(request.url), request.headers, request.content.decode())
        headers["Content-Length"] = str(len(body))
        yield httpx.Request(request.method, url, headers=headers, content=body, extensions=request.extensions)


class TokenClient(OAuth2Client):  # type: ignore[misc]  # Authlib carries no types
    """Authlib's OAuth 2.0 client over our HTTP client."""

    client_auth_class = _ClientAuth


def token_client(
    session: httpx.Client, service: Service, client_id: str, client_secret: str | None, **options: Any
) -> TokenClient:
    """Return a client of the service's token endpoint; ``options`` are Authlib's.

    Its requests raise :class:`~bizosaas_xero.spec.errors.ConnectorError` for a response that is not OAuth's.
    """
    client = TokenClient(session, client_id, client_secret, **options)

    def check(response: httpx.Response) -> httpx.Response:
        return check_token_response(response, service)

    client.register_compliance_hook("access_token_response", check)
    client.register_compliance_hook("refresh_token_response", check)
    return client


def check_token_response(response: httpx.Response, service: Service) -> httpx.Response:
    """Return a response that holds a token or an OAuth error; anything else is passing trouble.

    Raises:
        ConnectorError: Another response: a limit, an internal problem, a page of a firewall.
    """
    body = errors.parse_json(response)
    oauth_error = body.get("error") if isinstance(body, dict) else None
    if response.status_code in {400, 401, 403} and isinstance(oauth_error, str) and oauth_error not in PASSING_ERRORS:
        return response
    if isinstance(oauth_error, str) and oauth_error in PASSING_ERRORS:
        raise reasons.SERVER_ERROR(service=service.name, cause=oauth_error)
    if response.is_success:
        if isinstance(body, dict):
            return response
        raise errors.damaged_response(service, response)
    if response.status_code in {400, 401, 403, 404}:
        raise errors.intercepted_response(service, response)
    raise errors.error_from_status(response, service)


def request_token(
    send: Callable[[], Any], service: Service, make_error: Callable[[str, str], ConnectorError]
) -> dict[str, Any]:
    """Send a token request, with retries.

    Args:
        send: Sends it, with a client of :func:`token_client`.
        service: The service that was asked.
        make_error: Makes the error for a refusal, from OAuth's ``error`` and ``error_description``.

    Raises:
        ConnectorError: The refusal, or no usable response came.
    """
    try:
        token = send_with_retries(send, service)
    except OAuth2Error as error:
        logger.debug("token refused: %s", error.error, extra={"oauth_error": str(error.error)})
        raise make_error(str(error.error), str(error.description or "")) from None
    if not isinstance(token, dict) or not isinstance(token.get("access_token"), str):
        raise reasons.GARBLED_ANSWER(f"{service.name}'s sign-in service sent no token.")
    logger.debug("token received")
    return dict(token)


def send_with_retries(send: Callable[[], Result], service: Service) -> Result:
    """Call ``send``, with retries; its HTTP errors become errors of the contract.

    Raises:
        ConnectorError: No usable response came.
        OAuth2Error: The request was refused.
    """

    def attempt() -> Result:
        try:
            return send()
        except httpx.RequestError as error:
            raise errors.no_response(service, error) from None
        except OAuth2Error:
            raise
        except ValueError:  # raised by Authlib for a body that is not a JSON object
            raise errors.damaged_response(service) from None

    return retries.retry(attempt, MAX_ATTEMPTS, retries.is_passing)

"""MCP over HTTP: behind a token of the server's, or as an OAuth 2.1 resource server in which people sign in."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mcp.server import Server
from mcp.server.auth.settings import AuthSettings

from bizosaas_xero.adapters.mcp.http import MIN_TOKEN_LENGTH, BearerAuthMiddleware, local_host_names
from bizosaas_xero.adapters.mcp.people import PersonVerifier
from bizosaas_xero.cli import reasons
from bizosaas_xero.spec import Misconfigured
from bizosaas_xero.web.settings import WebSettings, require_safe_listening

if TYPE_CHECKING:
    from bizosaas_xero.web.signin import Issuer

TOKEN_VARIABLE = "BIZOSAAS_MCP_TOKEN"  # noqa: S105 (the variable's name)
PATH = "/mcp"

_NEW_TOKEN_COMMAND = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'  # noqa: S105 (makes one)


@dataclass(frozen=True)
class HttpOptions:
    """Where the HTTP transport listens, and who may call it."""

    host: str
    port: int
    token_file: Path | None
    allowed_hosts: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    public_url: str | None = None
    proxies: tuple[str, ...] = ()


def make_app(server: Server[Any], http: HttpOptions, access: str | Issuer, port: int) -> BearerAuthMiddleware:
    """Return the application: behind the server's token, or with an issuer as an OAuth 2.1 resource server.

    Args:
        server: What is served.
        http: Where, and who may call.
        access: The token, or who signs people in.
        port: On which it listens.
    """
    hosts = [*local_host_names(port), *http.allowed_hosts]
    if isinstance(access, str):  # the middleware checks Host and Origin
        app = server.streamable_http_app(streamable_http_path=PATH, host="")
        return BearerAuthMiddleware(app, access, hosts, http.allowed_origins)
    resource = (http.public_url or "").rstrip("/")
    address = urlsplit(resource)
    urls = {"issuer_url": access.settings.issuer, "resource_server_url": resource}  # to the letter
    auth = AuthSettings.model_validate(urls | {"validate_token_resource": True})
    app = server.streamable_http_app(
        streamable_http_path=address.path or "/",
        host="",
        auth=auth,
        token_verifier=PersonVerifier(access, resource),
    )
    may_send = WebSettings(resource, proxies=http.proxies).is_proxy
    return BearerAuthMiddleware(app, None, [*hosts, address.netloc], http.allowed_origins, may_send)


def find_issuer(http: HttpOptions) -> Issuer:
    """Return who signs people in.

    Raises:
        Misconfigured: No issuer is configured, or the way to this server is not encrypted.
    """
    from bizosaas_xero.web.people import OpenIdSettings
    from bizosaas_xero.web.signin import Issuer

    settings = OpenIdSettings.from_environ(os.environ, needs_client=False)
    if settings is None:
        raise reasons.MCP_NO_ISSUER()
    where = WebSettings.checked(http.public_url or "", proxies=http.proxies)
    require_safe_listening(http.host, where, signs_in=True, tls=False)
    return Issuer(settings, now=lambda: datetime.now(UTC))


def read_token(file: Path | None, environ: Mapping[str, str]) -> str:
    """Return the token that clients must send.

    Raises:
        Misconfigured: it is missing or too short, or other users can read its file.
    """
    if file is None:
        token = environ.get(TOKEN_VARIABLE, "").strip()
    else:
        try:
            mode = file.stat().st_mode
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not a text file"
            raise _token_error(f"The token's file {file} cannot be read: {reason}.") from None
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise _token_error(f"Others can read the token's file {file}.", f"Run: chmod 600 {file}")
    if not token:
        raise _token_error("HTTP needs a token, and none was given.")
    if len(token) < MIN_TOKEN_LENGTH or not token.isascii():
        raise _token_error(f"The token must have at least {MIN_TOKEN_LENGTH} ASCII characters.")
    return token


def _token_error(message: str, remedy: str | None = None) -> Misconfigured:
    return reasons.MCP_TOKEN(message, remedy=remedy, command=_NEW_TOKEN_COMMAND, variable=TOKEN_VARIABLE)

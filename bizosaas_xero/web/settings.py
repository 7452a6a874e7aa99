"""Where the pages are, and what an operator decides about them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from bizosaas_xero.web import reasons

Role = Literal["viewer", "approver", "owner"]

ROLES: tuple[Role, ...] = ("viewer", "approver", "owner")
"""The roles; each may do what those before it may."""

MAX_PATH_LENGTH = 500


SESSION_LIFETIME = timedelta(hours=12)
"""After which a person signs in again, unless it is set otherwise."""


@dataclass(frozen=True)
class Identity:
    """A signed-in person. A viewer looks, an approver also decides about plans, an owner also changes settings.

    Args:
        name: Theirs.
        role: What they may do.
        signed_in_at: When they last proved who they are, if that is known; OpenID Connect calls it ``auth_time``.
    """

    name: str
    role: Role
    signed_in_at: datetime | None = field(default=None, compare=False)

    def may(self, role: Role) -> bool:
        """Return whether the person has at least this role."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True)
class WebSettings:
    """Where the pages are, as a browser sees it.

    Args:
        public_url: Scheme, host and port, and the path under which the application is mounted.
        callback_url: The redirect address of consents, with ``{connector}``; by default the application's own.
        support: A mail or web address for people who need help.
        idle: After which time without a request a person signs in again.
        lifetime: After which time a person signs in again in any case.
        proxies: Addresses or networks of the proxies that may pass requests on; empty: requests come directly.
    """

    public_url: str
    callback_url: str | None = None
    support: str | None = None
    idle: timedelta = SESSION_LIFETIME
    lifetime: timedelta = SESSION_LIFETIME
    proxies: tuple[str, ...] = ()

    @classmethod
    def checked(cls, public_url: str, callback_url: str | None = None, support: str | None = None, **more: Any) -> Self:
        """Return settings whose addresses are safe to show and to use.

        Raises:
            Misconfigured: naming the wrong address.
        """
        for name, url in (("public_url", public_url), ("callback_url", callback_url)):
            if url is not None and not is_safe_origin(url):
                raise reasons.BAD_ADDRESS.field(name, "must be an https:// address; http:// only on this machine")
        if support is not None and not support.startswith(("mailto:", "https://")):
            raise reasons.BAD_ADDRESS.field("support", "must begin with mailto: or https://")
        for each in more.get("proxies", ()):
            try:
                ipaddress.ip_network(each)
            except ValueError:
                raise reasons.BAD_ADDRESS.field("trusted_proxy", "must be an IP address or a network") from None
        return cls(public_url.rstrip("/"), callback_url, support, **more)

    @property
    def origin(self) -> str:
        """Scheme, host and port, as browsers send it."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}".lower()

    @property
    def path(self) -> str:
        """The path under which the application is mounted; empty at the root."""
        return urlsplit(self.public_url).path.rstrip("/")

    @property
    def secure(self) -> bool:
        """Whether browsers come by https."""
        return self.public_url.startswith("https://")

    def is_proxy(self, address: str) -> bool:
        """Return whether requests may come from this address: from a named proxy, or this machine."""
        if is_loopback(address):
            return True
        try:
            return any(ipaddress.ip_address(address) in ipaddress.ip_network(each) for each in self.proxies)
        except ValueError:
            return False

    def redirect_uri(self, connector: str) -> str:
        """Return the address to which a provider sends the person back."""
        template = self.callback_url or f"{self.public_url}/api/auth/callback/{{connector}}"
        return template.replace("{connector}", connector)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_safe_origin(url: str) -> bool:
    """Return whether an address is https, or http on this machine, and holds no user or query."""
    parts = urlsplit(url)
    local = parts.scheme == "http" and is_loopback(parts.hostname or "")
    return (
        bool(parts.hostname)
        and not (parts.username or parts.query or parts.fragment)
        and (parts.scheme == "https" or local)
    )


def is_own_path(path: str) -> bool:
    """Return whether a text is a path of these pages, and leads nowhere else."""
    plain = len(path) <= MAX_PATH_LENGTH and path.isascii() and path.isprintable() and "\\" not in path
    return plain and path.startswith("/") and not path.startswith("//")


def require_safe_listening(host: str, settings: WebSettings, *, signs_in: bool, tls: bool) -> None:
    """Refuse to serve other machines without a sign-in for their people, or without encryption.

    Args:
        host: The address to listen on.
        settings: Where browsers find the pages.
        signs_in: Whether an issuer signs people in.
        tls: Whether the pages are served with a certificate of their own.

    Raises:
        Misconfigured: ``no_sign_in`` or ``no_https``.
    """
    if is_loopback(host) and is_loopback(urlsplit(settings.public_url).hostname or ""):
        return
    if not signs_in:
        raise reasons.NO_SIGN_IN.field("host", host=host if not is_loopback(host) else settings.public_url)
    if not settings.secure or not (tls or settings.proxies or is_loopback(host)):
        raise reasons.NO_HTTPS.field("host", host=host)

"""Where the pages are, and what an operator decides about them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Self
from urllib.parse import urlsplit

from bizosaas_xero.web import reasons

Role = Literal["viewer", "approver", "owner"]

_ORDER: tuple[Role, ...] = ("viewer", "approver", "owner")


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
        return _ORDER.index(self.role) >= _ORDER.index(role)


@dataclass(frozen=True)
class WebSettings:
    """Where the pages are, as a browser sees it.

    Args:
        public_url: Scheme, host and port, and the path under which the application is mounted.
        callback_url: The redirect address of consents, with ``{connector}``; by default the application's own.
        support: A mail or web address for people who need help.
    """

    public_url: str
    callback_url: str | None = None
    support: str | None = None

    @classmethod
    def checked(cls, public_url: str, callback_url: str | None = None, support: str | None = None) -> Self:
        """Return settings whose addresses are safe to show and to use.

        Raises:
            Misconfigured: naming the wrong address.
        """
        for name, url in (("public_url", public_url), ("callback_url", callback_url)):
            if url is not None and not is_safe_origin(url):
                raise reasons.BAD_ADDRESS.field(name, "must be an https:// address; http:// only on this machine")
        if support is not None and not support.startswith(("mailto:", "https://")):
            raise reasons.BAD_ADDRESS.field("support", "must begin with mailto: or https://")
        return cls(public_url.rstrip("/"), callback_url, support)

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


def require_loopback(host: str) -> None:
    """Refuse to listen where other machines can connect: they could not sign in.

    Raises:
        Misconfigured: The address is not this machine's own.
    """
    if not is_loopback(host):
        raise reasons.NO_SIGN_IN.field("host", host=host)

"""Who signs in: how an issuer is configured, and what its claims say of a person's name and role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from bizosaas_xero.host.actions.names import AGENT_PREFIX, validate_name
from bizosaas_xero.spec import Invalid
from bizosaas_xero.web import reasons
from bizosaas_xero.web.settings import ROLES, Identity, Role, is_safe_origin

PREFIX = "BIZOSAAS_OIDC_"
"""How the variables of the environment begin."""

DEFAULT_SCOPES = "openid profile email"


@dataclass(frozen=True)
class OpenIdSettings:
    """An OpenID Connect issuer, and what its claims mean here.

    Args:
        issuer: Its address, as its tokens name it.
        client_id: Of this application there.
        client_secret: The secret; ``None`` for a public client.
        scopes: What is asked for.
        name_claim: The claim that names a person in approvals and in the audit.
        role_claim: The claim that holds roles: a text, a list, or a path with dots.
        roles: What a value of that claim means here.
    """

    issuer: str
    client_id: str
    client_secret: SecretStr | None = None
    scopes: str = DEFAULT_SCOPES
    name_claim: str = "email"
    role_claim: str = "roles"
    roles: Mapping[str, Role] | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], *, needs_client: bool = True) -> OpenIdSettings | None:
        """Return what the environment says; ``None``: no issuer is configured.

        Args:
            environ: The environment.
            needs_client: Whether people are led to the issuer from here.

        Raises:
            Misconfigured: naming the wrong variable.
        """
        given = {name: environ.get(f"{PREFIX}{name}", "").strip() for name in _VARIABLES}
        if not given["ISSUER"]:
            return None
        if not is_safe_origin(given["ISSUER"]):
            raise reasons.BAD_ADDRESS.field(f"{PREFIX}ISSUER", "must be an https:// address")
        if needs_client and not given["CLIENT_ID"]:
            raise reasons.BAD_ADDRESS.field(f"{PREFIX}CLIENT_ID", "is missing")
        secret = given["CLIENT_SECRET"]
        return cls(
            given["ISSUER"],
            given["CLIENT_ID"],
            SecretStr(secret) if secret else None,
            given["SCOPES"] or DEFAULT_SCOPES,
            given["NAME_CLAIM"] or "email",
            given["ROLE_CLAIM"] or "roles",
            _parse_roles(given["ROLES"]),
        )

    def identify(self, claims: Mapping[str, Any]) -> Identity:
        """Return the person whom claims describe; the highest of several roles counts.

        Raises:
            Invalid: They have no usable name (``name_missing``), or no role here (``no_role``).
        """
        name = _find(claims, self.name_claim)
        if self.name_claim == "email" and claims.get("email_verified") is False:
            raise reasons.NAME_MISSING(claim=self.name_claim, cause="the sign-in service did not verify the address")
        if not isinstance(name, str) or name.strip().startswith(AGENT_PREFIX.strip()):
            raise reasons.NAME_MISSING(claim=self.name_claim, cause="the sign-in service does not send it")
        try:
            shown = validate_name(name, "name")
        except Invalid as error:
            raise reasons.NAME_MISSING(claim=self.name_claim, cause=error.problems[0]["message"]) from None
        values = _find(claims, self.role_claim)
        known = self.roles or {role: role for role in ROLES}
        values = [values] if isinstance(values, str) else values if isinstance(values, list) else []
        found = [known[value] for value in values if isinstance(value, str) and value in known]
        if not found:
            raise reasons.NO_ROLE(name=shown, claim=self.role_claim)
        return Identity(shown, max(found, key=ROLES.index))


_VARIABLES = ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "SCOPES", "NAME_CLAIM", "ROLE_CLAIM", "ROLES")


def _parse_roles(text: str) -> dict[str, Role] | None:
    """Read ``owner=VALUE,approver=VALUE``; empty: each value is the role of its name."""
    found: dict[str, Role] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        role, _, value = (each.strip() for each in part.partition("="))
        known: Role | None = next((each for each in ROLES if each == role), None)
        if known is None or not value or value in found:
            problem = "must be pairs such as owner=VALUE,approver=VALUE,viewer=VALUE, each value once"
            raise reasons.BAD_ADDRESS.field(f"{PREFIX}ROLES", problem)
        found[value] = known
    return found or None


def _find(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim by its name, or by a path with dots."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value

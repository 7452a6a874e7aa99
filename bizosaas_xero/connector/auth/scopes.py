"""Xero's scopes in both of its vocabularies, and what of them a grant lacks for an entity or action.

The row of an entity and the class of an action carry their permissions; ``published.json`` has them for readers that
load neither.

Apps made since 2 March 2026 know only the *granular* names; older apps know the *legacy* ones too, until
September 2027 (Xero's granular-scopes FAQ). Xero's OpenAPI file names only the legacy ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple, get_args

from pydantic_core import from_json

from bizosaas_xero.connector import reasons
from bizosaas_xero.spec.errors import MissingScope

OFFLINE = "offline_access"
_WRITE = ":write"

Vocabulary = Literal["granular", "legacy"]


class Permission(NamedTuple):
    """One permission: its name in each vocabulary. A name with `.read` added allows reading only."""

    granular: str
    legacy: str
    write: bool = False

    def for_writing(self) -> Permission:
        """Return the permission that allows writing."""
        return self._replace(write=True)

    def granted_by(self, granted: Iterable[str]) -> bool:
        """Return whether the granted scopes include this permission, in either vocabulary."""
        names = {self.granular, self.legacy}
        if not self.write:
            names |= {f"{name}.read" for name in names}
        return not names.isdisjoint(granted)


INVOICES = Permission("accounting.invoices", "accounting.transactions")
PAYMENTS = Permission("accounting.payments", "accounting.transactions")
BANK = Permission("accounting.banktransactions", "accounting.transactions")
CONTACTS = Permission("accounting.contacts", "accounting.contacts")
SETTINGS = Permission("accounting.settings", "accounting.settings")
PROFIT_AND_LOSS = Permission("accounting.reports.profitandloss.read", "accounting.reports.read")
TRIAL_BALANCE = Permission("accounting.reports.trialbalance.read", "accounting.reports.read")
BALANCE_SHEET = Permission("accounting.reports.balancesheet.read", "accounting.reports.read")
AGED = Permission("accounting.reports.aged.read", "accounting.reports.read")


PERMISSIONS = (
    *(INVOICES, PAYMENTS, BANK, CONTACTS, SETTINGS),
    *(PROFIT_AND_LOSS, TRIAL_BALANCE, BALANCE_SHEET, AGED),
)

DEFAULT_PROFILE = "granular"

Needs = Mapping[str, Sequence[Permission]]
"""Entity or action to the permissions it needs."""


# ---------------------------------------------------------------- from the rows of entities and actions


def scopes_by_vocabulary(permissions: Iterable[Permission]) -> dict[str, list[str]]:
    """Return the scopes of some permissions, by vocabulary."""
    permissions = list(permissions)
    return {name: sorted({getattr(each, name) for each in permissions}) for name in get_args(Vocabulary)}


def build_profiles(needs: Needs) -> dict[str, list[str]]:
    """Return the scopes to request, by profile name: exactly those that the entities and actions need."""
    needed = scopes_by_vocabulary(permission for permissions in needs.values() for permission in permissions)
    return {name: [OFFLINE, *scopes] for name, scopes in needed.items()}


def dump_needs(needs: Needs) -> dict[str, list[str]]:
    """Return what each entity and action needs as JSON values, for ``published.json``."""
    return {
        feature: [f"{each.granular}{_WRITE * each.write}" for each in each_needs]
        for feature, each_needs in needs.items()
    }


# ---------------------------------------------------------------- from published.json, which is made of the rows


@cache
def _published() -> dict[str, Any]:
    content: dict[str, Any] = from_json((resources.files("bizosaas_xero.connector") / "published.json").read_bytes())
    return content


@cache
def load_needs() -> Needs:
    """Return entity or action to the permissions it needs."""
    by_name = {permission.granular: permission for permission in PERMISSIONS}
    return {
        feature: tuple(by_name[name.removesuffix(_WRITE)]._replace(write=name.endswith(_WRITE)) for name in names)
        for feature, names in _published()["permissions"].items()
    }


def entity_names() -> list[str]:
    """Return the synced entities; a connection that lacks the scopes of one has the status ``missing_scope``."""
    return [entity["name"] for entity in _published()["entities"]]


def requested_scopes(scopes: str | Sequence[str] | None) -> list[str]:
    """Return the scopes to request: those of a profile, or the given list or space-separated string."""
    profiles = _published()["auth"]["scope_profiles"]
    if not scopes:
        return list(profiles[DEFAULT_PROFILE])
    if isinstance(scopes, str):
        return list(profiles.get(scopes.strip(), scopes.split()))
    return list(scopes)


def required_scopes(feature: str | None) -> dict[str, list[str]]:
    """Return the scopes that an entity or action needs, by vocabulary; none for an unknown one."""
    return scopes_by_vocabulary(load_needs().get(feature or "", ()))


def missing_scopes(granted: Sequence[str], feature: str) -> list[str]:
    """Return the scopes that the grant lacks for a feature, in the vocabulary of the grant."""
    legacy_names = {"accounting.transactions", "accounting.reports"}
    speaks_legacy = any(scope.removesuffix(".read") in legacy_names for scope in granted)
    vocabulary = "legacy" if speaks_legacy else "granular"
    lacking = [permission for permission in load_needs()[feature] if not permission.granted_by(granted)]
    return sorted({getattr(permission, vocabulary) for permission in lacking})


def require_scopes(granted: Sequence[str] | None, feature: str) -> None:
    """Refuse a feature that the grant does not cover, before any request is made.

    Args:
        granted: The grant's scopes; ``None`` or empty if they are unknown (Xero then decides).
        feature: An entity or an action.

    Raises:
        MissingScope: naming the scopes and the feature.
    """
    lacking = missing_scopes(granted, feature) if granted else []
    if lacking:
        raise missing_scope_error(lacking, feature)


def missing_scope_error(scopes: Sequence[str], feature: str | None = None) -> MissingScope:
    """Return the error for permissions that the grant lacks."""
    what = f"'{feature}'" if feature else "This"
    named = f"the Xero permission {', '.join(scopes)}" if scopes else "a Xero permission"
    features = [feature] if feature else ()
    return reasons.MISSING_SCOPE(scopes=scopes, features=features, what=what, permission=named)

"""Which entity and action needs which Xero scope, in both of Xero's vocabularies.

Apps made since 2 March 2026 know only the *granular* names; older apps know the *legacy* ones too, until
September 2027 (Xero's granular-scopes FAQ). Xero's OpenAPI file names only the legacy ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from bizosaas_xero.spec.errors import MissingScope

OFFLINE = "offline_access"

Vocabulary = Literal["granular", "legacy"]


class Permission(NamedTuple):
    """One permission: its name in each vocabulary. A name with `.read` added allows reading only."""

    granular: str
    legacy: str
    write: bool = False

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


def _write(permission: Permission) -> Permission:
    return permission._replace(write=True)


_ENTITIES: dict[str, Sequence[Permission]] = {
    "invoices": (INVOICES,),
    "bills": (INVOICES,),
    "contacts": (CONTACTS,),
    "bank_transactions": (BANK,),
    "accounts": (SETTINGS,),
    "payments": (PAYMENTS,),
}
_ACTIONS: dict[str, Sequence[Permission]] = {
    "create_invoice": (_write(INVOICES), _write(CONTACTS), SETTINGS),
    # notes are left in the invoice's History; fees and surpluses are bank transactions
    "mark_invoice_paid": (_write(PAYMENTS), _write(BANK), _write(INVOICES), CONTACTS, SETTINGS),
    "delete_payment": (_write(PAYMENTS), _write(INVOICES), SETTINGS),
    "create_contact": (_write(CONTACTS), SETTINGS),
    "email_invoice": (_write(INVOICES), CONTACTS, SETTINGS),
    "void_invoice": (_write(INVOICES), SETTINGS),
    "create_credit_note": (_write(INVOICES), CONTACTS, SETTINGS),
    # these and the profit and loss are compared with other reports only if the grant allows reading them
    "get_aged_receivables": (INVOICES, PAYMENTS, SETTINGS),
    "get_aged_payables": (INVOICES, PAYMENTS, SETTINGS),
    "reconcile_bank_feeds": (BANK, PAYMENTS, INVOICES, SETTINGS),
    "generate_pnl_report": (PROFIT_AND_LOSS, SETTINGS),
    "get_balance_sheet": (BALANCE_SHEET, SETTINGS),
    "get_organisation": (SETTINGS,),
    "list_accounts": (SETTINGS,),
    "find_contacts": (CONTACTS, SETTINGS),
    "find_invoices": (INVOICES, SETTINGS),
    "get_invoice": (INVOICES, SETTINGS),
    "verify_figures": (
        *(INVOICES, PAYMENTS, CONTACTS, SETTINGS),
        *(AGED, TRIAL_BALANCE, PROFIT_AND_LOSS, BALANCE_SHEET),
    ),
}

REQUIRED_PERMISSIONS = _ENTITIES | _ACTIONS
"""Entity or action to the permissions it needs."""

ENTITIES = tuple(_ENTITIES)
"""The synced entities; a connection without one of their permissions has the status `missing_scope`."""


def _profile(vocabulary: Vocabulary) -> list[str]:
    needed = {getattr(permission, vocabulary) for needs in REQUIRED_PERMISSIONS.values() for permission in needs}
    return [OFFLINE, *sorted(needed)]


PROFILES: dict[str, list[str]] = {"granular": _profile("granular"), "legacy": _profile("legacy")}
"""Scopes to request, by profile name: exactly those that the entities and actions need."""

DEFAULT_PROFILE = "granular"


def requested_scopes(scopes: str | Sequence[str] | None) -> list[str]:
    """Return the scopes to request: those of a profile, or the given list or space-separated string."""
    if not scopes:
        return PROFILES[DEFAULT_PROFILE]
    if isinstance(scopes, str):
        return PROFILES.get(scopes.strip(), scopes.split())
    return list(scopes)


def required_scopes(feature: str) -> dict[str, list[str]]:
    """Return the scopes that an entity or action needs, by vocabulary."""
    needs = REQUIRED_PERMISSIONS[feature]
    return {
        "granular": sorted({permission.granular for permission in needs}),
        "legacy": sorted({permission.legacy for permission in needs}),
    }


def missing_scopes(granted: Sequence[str], feature: str) -> list[str]:
    """Return the scopes that the grant lacks for a feature, in the vocabulary of the grant."""
    legacy_names = {"accounting.transactions", "accounting.reports"}
    speaks_legacy = any(scope.removesuffix(".read") in legacy_names for scope in granted)
    vocabulary = "legacy" if speaks_legacy else "granular"
    lacking = [permission for permission in REQUIRED_PERMISSIONS[feature] if not permission.granted_by(granted)]
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
    what = f"'{feature}' needs" if feature else "This needs"
    named = f"the Xero permission {', '.join(scopes)}" if scopes else "a Xero permission"
    return MissingScope(
        f"{what} {named}, which was not granted.",
        remedy="In Settings → Integrations → Xero choose Authorize with Xero again and allow everything. "
        "Apps made since 2 March 2026 need the granular scopes.",
        scopes=scopes,
        features=[feature] if feature else (),
    )

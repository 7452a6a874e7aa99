"""The apps, people and scopes of the sandbox."""

import random
import re
from dataclasses import dataclass, field

from bizosaas_xero.sandbox.core.guids import digest, stable_guid

HOSTED_REDIRECT = "https://api.bizoholic.com/api/auth/callback/xero"
LOCAL_REDIRECT = "http://localhost[:port]/callback"
_LOCAL_REDIRECT_PATTERN = re.compile(r"http://localhost(:\d{1,5})?/callback")

IDENTITY_SCOPES = ("openid", "profile", "email", "offline_access")
_READABLE = (
    "accounting.settings", "accounting.contacts", "accounting.attachments",
)  # fmt: skip
_GRANULAR_READABLE = (
    "accounting.invoices", "accounting.payments", "accounting.banktransactions", "accounting.manualjournals",
)  # fmt: skip
_REPORTS = ("profitandloss", "balancesheet", "trialbalance", "banksummary", "budgetsummary",
            "executivesummary", "aged", "taxreports", "tenninetynine")  # fmt: skip


def _with_read(names: tuple[str, ...]) -> set[str]:
    return {f"{name}{ending}" for name in names for ending in ("", ".read")}


SHARED_SCOPES = _with_read(_READABLE) | {"accounting.budgets.read"}
GRANULAR_SCOPES = _with_read(_GRANULAR_READABLE) | {f"accounting.reports.{name}.read" for name in _REPORTS}
LEGACY_SCOPES = _with_read(("accounting.transactions",)) | {"accounting.reports.read"}

_IDENTITY_DESCRIPTIONS = {
    "openid": "Know who you are",
    "profile": "Know your name",
    "email": "Know your e-mail address",
    "offline_access": "Stay connected while you are away",
}
# the data of each scope: viewed, and changed unless the scope ends in `.read`
_SCOPE_SUBJECTS = {
    "accounting.settings": "the organisation's settings, accounts, items and tax rates",
    "accounting.contacts": "customers and suppliers",
    "accounting.invoices": "invoices, bills, credit notes and quotes",
    "accounting.payments": "payments, prepayments and overpayments",
    "accounting.banktransactions": "bank transactions and transfers",
    "accounting.manualjournals": "manual journals",
    "accounting.transactions": "invoices, bills, payments and bank transactions",
    "accounting.attachments": "the files attached to documents",
    "accounting.budgets": "budgets",
    "accounting.reports": "all reports",
    "accounting.reports.profitandloss": "the profit and loss report",
    "accounting.reports.balancesheet": "the balance sheet",
    "accounting.reports.trialbalance": "the trial balance",
    "accounting.reports.banksummary": "the bank summary",
    "accounting.reports.budgetsummary": "the budget summary",
    "accounting.reports.executivesummary": "the executive summary",
    "accounting.reports.aged": "what each customer and supplier owes or is owed, by age",
    "accounting.reports.taxreports": "tax reports that were published",
    "accounting.reports.tenninetynine": "the 1099 report on contractors",
}


def describe_scope(scope: str) -> str:
    """Return a scope in words; an unknown one unchanged."""
    base = scope.removesuffix(".read")
    if base in _SCOPE_SUBJECTS:
        return f"{'View' if base != scope else 'View and change'} {_SCOPE_SUBJECTS[base]}"
    return _IDENTITY_DESCRIPTIONS.get(scope, scope)


@dataclass(frozen=True)
class App:
    """An app that is registered at the sandbox.

    Attributes:
        kind: `web` (has a secret), `pkce` (has none), or `custom` (client credentials, one organisation).
        scopes: The scopes it may request.
        organisation_id: The one organisation of a custom connection.
    """

    name: str
    kind: str
    client_id: str
    client_secret: str | None
    scopes: frozenset[str]
    redirect_uris: tuple[str, ...] = (HOSTED_REDIRECT, LOCAL_REDIRECT)
    organisation_id: str | None = None

    def allows_redirect(self, uri: str) -> bool:
        """Return whether a redirect URI is registered: byte for byte, any port on `http://localhost`.

        At Xero each port is registered separately; any port is a convenience of the sandbox.
        """
        return bool(self.redirect_uris) and (
            uri in self.redirect_uris[:1] or _LOCAL_REDIRECT_PATTERN.fullmatch(uri) is not None
        )

    def to_public(self) -> dict[str, object]:
        """Return the credentials that Xero's developer site shows."""
        return {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "kind": self.kind,
            "redirect_uris": list(self.redirect_uris),
        }


@dataclass(frozen=True)
class User:
    """A person who can sign in.

    Attributes:
        practice: Id and name of the accounting practice the user also works for.
        reports: The user may see reports.
    """

    id: str
    key: str
    name: str
    email: str
    practice: tuple[str, str] | None = None
    reports: bool = True


def demo_apps(seed: int, custom_organisation: str) -> dict[str, App]:
    """Return the four apps; the same seed gives the same credentials."""

    def made(name: str, kind: str, scopes: set[str], *, secret: bool = True, custom: bool = False) -> App:
        rng = random.Random(digest(seed, "app", name))  # noqa: S311 - demo credentials, the same for a seed
        return App(
            name=f"Sandbox {name} app",
            kind=kind,
            client_id=f"{rng.getrandbits(128):032X}",
            client_secret=f"sandbox-{rng.getrandbits(160):040x}" if secret else None,
            scopes=frozenset(scopes),
            redirect_uris=() if custom else (HOSTED_REDIRECT, LOCAL_REDIRECT),
            organisation_id=custom_organisation if custom else None,
        )

    new = SHARED_SCOPES | GRANULAR_SCOPES
    return {
        "web": made("web", "web", new | set(IDENTITY_SCOPES)),
        "pkce": made("pkce", "pkce", new | set(IDENTITY_SCOPES), secret=False),
        "custom": made("custom", "custom", new, custom=True),
        "legacy": made("legacy", "web", new | LEGACY_SCOPES | set(IDENTITY_SCOPES)),
    }


def demo_users(seed: int) -> tuple[User, ...]:
    """Return the users: an owner, an adviser of an accounting practice, a clerk without reports."""
    return (
        User(stable_guid(seed, "owner"), "owner", "Aroha Ngata", "aroha@example.com"),
        User(
            stable_guid(seed, "adviser"), "adviser", "Sam Whitfield", "sam@example.com",
            (stable_guid(seed, "practice"), "Harbourside Accountants"),
        ),
        User(stable_guid(seed, "clerk"), "clerk", "Tane Pohatu", "tane@example.com", reports=False),
    )  # fmt: skip


@dataclass
class Switches:
    """Behaviours that are unknown of Xero or that differ: each can be set either way.

    Attributes:
        ims_inclusive: If-Modified-Since returns rows with exactly that timestamp.
        not_modified_304: An empty incremental answer is a 304 without a body.
        invalid_client_status: HTTP status of `invalid_client` (400 or 401).
        refused_scope_as: A refused scope ends on a `page`, or goes to the app as a `redirect`.
        web_pkce: Web apps may use PKCE (`accepted`, with their secret) or not (`refused`).
        missing_scope_status: HTTP status of a call that lacks its scope (401 or 403).
        multi_select: One consent may connect several organisations.
        custom_scope_required: Client credentials without `scope` are refused.
        write_ms_dates: Writes may spell a date `/Date(…)/`.
        reconciled_delete: Whether a reconciled payment can be deleted (`allowed`) or not (`refused`).
        batch_delete: Whether a batch payment can be deleted.
        allocation_moves_stamp: Allocating credit to an invoice moves the invoice's `UpdatedDateUTC`.
        body_cap: Largest request body in bytes.
        reports_role_status: HTTP status of a report for a person who may not see reports (401 or 403).
        report_periods_max: Most comparison periods of a report (11 or 12).
        report_blanks: The value of a blank cell of a report is `empty` or `absent`.
        aged_dates: Dates in aged reports are written with a `T` or a `space` before the time.
        webhook_casing: Event types and categories in `upper` or `title` case.
        webhook_payment_category: The category of payments, or `none` for no such events.
        webhook_invoice_on_payment: A payment is an event of its invoice too.
    """

    ims_inclusive: bool = True
    not_modified_304: bool = False
    invalid_client_status: int = 400
    refused_scope_as: str = "page"
    web_pkce: str = "accepted"
    missing_scope_status: int = 401
    multi_select: bool = False
    custom_scope_required: bool = True
    write_ms_dates: bool = True
    reconciled_delete: str = "allowed"
    batch_delete: str = "allowed"
    allocation_moves_stamp: bool = True
    body_cap: int = 3_500_000
    reports_role_status: int = 403
    report_periods_max: int = 11
    report_blanks: str = "empty"
    aged_dates: str = "T"
    webhook_casing: str = "upper"
    webhook_payment_category: str = "PAYMENT"
    webhook_invoice_on_payment: bool = True
    _choices: dict[str, tuple[object, ...]] = field(
        default_factory=lambda: {
            "invalid_client_status": (400, 401),
            "refused_scope_as": ("page", "redirect"),
            "web_pkce": ("accepted", "refused"),
            "missing_scope_status": (401, 403),
            "reconciled_delete": ("allowed", "refused"),
            "batch_delete": ("allowed", "refused"),
            "body_cap": (3_500_000, 10_000_000),
            "reports_role_status": (401, 403),
            "report_periods_max": (11, 12),
            "report_blanks": ("empty", "absent"),
            "aged_dates": ("T", "space"),
            "webhook_casing": ("upper", "title"),
            "webhook_payment_category": ("PAYMENT", "PAYMENTS", "none"),
        },
        repr=False,
    )

    def choices(self) -> dict[str, tuple[object, ...]]:
        """Return every switch and what it can be set to."""
        return {name: self._choices.get(name, (True, False)) for name in self.settings()}

    def set(self, name: str, value: object) -> None:
        """Set one switch.

        Raises:
            ValueError: The switch or its setting is unknown.
        """
        if name.startswith("_") or name not in self.__dataclass_fields__:
            raise ValueError(f"no switch {name!r}; there are {', '.join(self.settings())}")
        choices = self.choices()[name]
        if value not in choices or isinstance(value, bool) != isinstance(choices[0], bool):
            raise ValueError(f"{name} is one of {choices}")
        setattr(self, name, value)

    def settings(self) -> dict[str, object]:
        """Return every switch and its setting."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if not name.startswith("_")}

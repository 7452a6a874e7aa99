"""The apps, people and scopes of the sandbox."""

import random
import re
from dataclasses import dataclass

from bizosaas_xero.sandbox.core.guids import digest, stable_guid

HOSTED_REDIRECT = "https://api.bizoholic.com/api/auth/callback/xero"
LOCAL_REDIRECT = "http://localhost[:port]/callback"
LOCAL_PAGES_REDIRECT = "http://localhost[:port]/api/auth/callback/xero"
_LOCAL_REDIRECT_PATTERN = re.compile(r"http://localhost(:\d{1,5})?(/api/auth/callback/xero|/callback)")

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


# families other than accounting: apps of either age may ask for them; their APIs are not part of the sandbox
_PAYROLL = ("employees", "leaveapplications", "payitems", "payrollcalendars", "payruns", "payslip", "settings",
            "superfundproducts", "superfunds", "timesheets")  # fmt: skip
OTHER_SCOPES = _with_read((*(f"payroll.{name}" for name in _PAYROLL), "files", "assets", "projects")) | {
    "bankfeeds", "paymentservices", "einvoicing", "finance.accountingactivity.read", "finance.bankstatementsplus.read",
    "finance.cashvalidation.read", "finance.statements.read", "practicemanager", "practicemanager.read",
}  # fmt: skip
JOURNALS_SCOPE = "accounting.journals.read"  # since 2 March 2026 for apps of the Advanced tier only

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
    "accounting.journals": "the general ledger",
    **{f"payroll.{name}": f"payroll {name}" for name in _PAYROLL},
    "files": "files",
    "assets": "fixed assets",
    "projects": "projects",
    "bankfeeds": "bank feeds",
    "paymentservices": "payment services",
    "einvoicing": "electronic invoices",
    "practicemanager": "the practice manager",
    "finance.accountingactivity": "how the books are kept",
    "finance.bankstatementsplus": "bank statements with their accounting",
    "finance.cashvalidation": "cash validation",
    "finance.statements": "financial statements",
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
    redirect_uris: tuple[str, ...] = (HOSTED_REDIRECT, LOCAL_REDIRECT, LOCAL_PAGES_REDIRECT)
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
    """Return the five apps; the same seed gives the same credentials."""

    def make_app(name: str, kind: str, scopes: set[str], *, secret: bool = True, custom: bool = False) -> App:
        rng = random.Random(digest(seed, "app", name))  # noqa: S311 - demo credentials, the same for a seed
        return App(
            name=f"Sandbox {name} app",
            kind=kind,
            client_id=f"{rng.getrandbits(128):032X}",
            client_secret=f"sandbox-{rng.getrandbits(160):040x}" if secret else None,
            scopes=frozenset(scopes),
            redirect_uris=() if custom else (HOSTED_REDIRECT, LOCAL_REDIRECT, LOCAL_PAGES_REDIRECT),
            organisation_id=custom_organisation if custom else None,
        )

    new = SHARED_SCOPES | GRANULAR_SCOPES | OTHER_SCOPES
    old = new | LEGACY_SCOPES | {JOURNALS_SCOPE}
    return {
        "web": make_app("web", "web", new | set(IDENTITY_SCOPES)),
        "pkce": make_app("pkce", "pkce", new | set(IDENTITY_SCOPES), secret=False),
        "legacy_custom": make_app("legacy_custom", "custom", old, custom=True),
        "custom": make_app("custom", "custom", new, custom=True),
        "legacy": make_app("legacy", "web", old | set(IDENTITY_SCOPES)),
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

"""What a page shows to a person who connects Xero, and the figures of an overview. Words of Xero's own pages.

``docs/start.md`` says the same; a test compares its table of troubles with :func:`build_setup`.
"""

from __future__ import annotations

from typing import Any

from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.spec.models import Card, Link, Permission, Setup, SetupDefault, SetupStep, Trouble

_PURPOSES: dict[scopes.Permission, str] = {
    scopes.INVOICES: "invoices, bills, credit notes",
    scopes.PAYMENTS: "payments",
    scopes.BANK: "bank transactions",
    scopes.CONTACTS: "contacts",
    scopes.SETTINGS: "chart of accounts, tax rates, the organisation",
    scopes.AGED: "aged receivables and payables",
    scopes.BALANCE_SHEET: "balance sheet",
    scopes.PROFIT_AND_LOSS: "profit and loss",
    scopes.TRIAL_BALANCE: "trial balance, against which reports are checked",
}
_OFFLINE_PURPOSE = "renewing the access by itself; without it the sync stops after 30 minutes"

_PORTAL = Link(title="developer.xero.com, My Apps", url="https://developer.xero.com/app/manage")


def _account(*names: str) -> dict[str, list[Any]]:
    return {"Name": list(names)}


_STEPS = [
    SetupStep(
        title="Create your app at Xero",
        text="Sign in with your Xero login and choose New app. Give it a name, choose the integration type Web app, "
        "and enter your company's web address.",
        link=_PORTAL,
    ),
    SetupStep(
        title="Enter the redirect URI",
        text="Copy this address to the letter: a missing or extra slash at the end is a different address.",
        shows="redirect_uri",
    ),
    SetupStep(
        title="Copy the client id and secret",
        text="Create the app and open Configuration. Copy the client id. Choose Generate a secret and copy it at once: "
        "Xero shows it only this time.",
    ),
    SetupStep(
        title="What will be asked for",
        text="There is nothing to enter at Xero, except for a Custom Connection, where you tick these scopes. Apps "
        "made since 2 March 2026 know the granular names, older apps the legacy ones.",
        shows="scopes",
    ),
]

_DEFAULTS = [
    SetupDefault(
        setting="sales_account",
        title="Sales account",
        text="For the lines of an invoice that name none.",
        label=["Code", "Name"],
        prefer=[_account("Sales"), {"Type": ["SALES"]}, {"Type": ["REVENUE"]}],
    ),
    SetupDefault(
        setting="tax_type",
        title="Tax on sales",
        text="Where neither the customer nor the account says.",
        label=["TaxType"],
        follows="sales_account.TaxType",
    ),
    SetupDefault(
        setting="payment_account",
        title="Payment account",
        text="Into which payments go.",
        label=["Code", "Name"],
        prefer=[
            {"Type": ["BANK"], "BankAccountType": ["BANK"], "CurrencyCode": ["{currency}"]},
            {"Type": ["BANK"], "CurrencyCode": ["{currency}"]},
            {"Type": ["BANK"]},
        ],
    ),
    SetupDefault(
        setting="payment_days",
        title="Payment days",
        text="Days until an invoice is due, where neither the customer nor the organisation has terms.",
        value=14,
    ),
]


def _trouble(seen: str, code: str, reason: str, remedy: str) -> Trouble:
    return Trouble(seen=seen, code=code, reason=reason, remedy=remedy)


_TROUBLES = [
    _trouble(
        "`invalid_client`",
        "misconfigured",
        "invalid_client",
        "Client id or secret is wrong. Copy the client id again, generate a new secret, and paste both.",
    ),
    _trouble("Token expired", "auth_expired", "token_expired", "Nothing: the platform renews the access by itself."),
    _trouble(
        "The access has ended, also after waiting",
        "reconnect_required",
        "grant_ended",
        "It was revoked at Xero, or not used for 60 days. Authorize with Xero again. Nothing that was synced is lost.",
    ),
    _trouble(
        "The sync runs, and stops after 30 minutes",
        "missing_scope",
        "offline_access_missing",
        "`offline_access` was not among the scopes. Add it, and Authorize with Xero again.",
    ),
    _trouble(
        "The organisation does not sync",
        "organisation_unavailable",
        "organisation_not_connected",
        "Another organisation was chosen, or it was disconnected in Xero. Choose again; if it is not offered, "
        "Authorize with Xero and pick it on Xero's page. A demo company that was reset is a new organisation.",
    ),
    _trouble(
        "One list does not sync",
        "missing_scope",
        "missing_scope",
        "Its permission was not granted. Authorize with Xero again and allow everything.",
    ),
    _trouble(
        "Xero's page says invalid scope, or requested wrong apps scopes",
        "misconfigured",
        "scopes_refused",
        "The scopes do not fit the app's age. Use `granular`, for an old app `legacy`.",
    ),
    _trouble(
        "Xero's page says unauthorized client, or invalid redirect",
        "misconfigured",
        "unauthorized_client",
        "Compare the app's type and its redirect URI, letter by letter.",
    ),
    _trouble(
        "Access was not allowed",
        "reconnect_required",
        "consent_cancelled",
        "Authorize with Xero again and press Allow access.",
    ),
    _trouble(
        "The authorisation is too old, or was used",
        "reconnect_required",
        "code_refused",
        "Authorize with Xero again and finish within 5 minutes.",
    ),
    _trouble(
        "Your user may not read it",
        "misconfigured",
        "user_role",
        "Give your user a role in Xero that may, or let a colleague who has one authorise.",
    ),
    _trouble("Today's calls are used up", "rate_limited", "limit_day", "Nothing: it continues when Xero allows."),
    _trouble("Xero is offline", "unavailable", "offline", "Nothing: it is tried again."),
]

_OPEN = {"status": ["AUTHORISED"]}

OVERVIEW = [
    Card(
        name="receivable",
        title="owed to you",
        entity="invoices",
        where=_OPEN,
        sum="amount_due",
        currency="currency",
        late="due_date",
        late_title="overdue",
    ),
    Card(
        name="payable",
        title="to pay",
        entity="bills",
        where=_OPEN,
        sum="amount_due",
        currency="currency",
        late="due_date",
        late_title="overdue",
    ),
]


def build_setup(profiles: dict[str, list[str]]) -> Setup:
    """Return the setup with every permission of the profiles.

    Args:
        profiles: The scopes to request, by vocabulary.
    """
    permissions = [
        Permission(scopes={"granular": each.granular, "legacy": each.legacy}, purpose=purpose)
        for each, purpose in _PURPOSES.items()
        if each.granular in profiles["granular"]
    ]
    offline = Permission(scopes=dict.fromkeys(profiles, scopes.OFFLINE), purpose=_OFFLINE_PURPOSE)
    return Setup(
        title="Authorize with Xero",
        role="A Xero login that may manage the organisation. What that user may not read is not synced.",
        kinds={"web": "Web app", "pkce": "Mobile or desktop app", "custom": "Custom Connection"},
        steps=_STEPS,
        permissions=[*permissions, offline],
        defaults=_DEFAULTS,
        troubles=_TROUBLES,
    )

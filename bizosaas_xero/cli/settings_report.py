"""A connection's settings, as JSON values and as text (``configure`` and ``status``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from bizosaas_xero.host import Host, StoredConnection
from bizosaas_xero.host.actions.policy import plan_lifetime_hours
from bizosaas_xero.host.sync.runner import interval

SETTING_TITLES = {
    "sales_account": "Sales account",
    "tax_type": "Tax type",
    "payment_account": "Payment account",
    "clearing_account": "Clearing account",
}


def read_settings(host: Host, connection: StoredConnection) -> dict[str, Any]:
    """Return what a person set for a connection, as JSON values without secrets."""
    info = host.report.connector(connection.connector).describe()
    return {
        "intervals": {entity.name: interval(connection, entity) for entity in (info.entities if info else ())},
        "timezone": connection.preferences.get("timezone"),
        "organisation_timezone": connection.timezone,
        "settings": {name: connection.settings[name] for name in SETTING_TITLES if name in connection.settings},
        "policy": connection.preferences.get("policy", {}),
        "plan_hours": plan_lifetime_hours(connection),
        "owner": connection.preferences.get("owner"),
        "notify": [_scheme(each) for each in host.announcements.list_addresses(connection.id)[0]],
        "callback": connection.preferences.get("callback", {}).get("url"),
    }


def _scheme(address: SecretStr) -> str:
    """Return which service an address is of; the rest is a secret."""
    return address.get_secret_value().partition("://")[0].lower()


def describe_time_zone(settings: Mapping[str, Any]) -> str:
    """Write the time zone of business dates, and where it comes from."""
    own = settings["organisation_timezone"]
    if settings["timezone"]:
        return f"{settings['timezone']} (set here; the organisation's own is {own or 'not known'})"
    return f"{own} (the organisation's own)" if own else "UTC (the organisation's own is not known yet)"


def describe_rule(rule: Mapping[str, Any]) -> str:
    """Write a rule of the action policy for a person."""
    mode = {"always": "runs by itself", "approval": "needs a person's approval", "never": "never runs"}[rule["run"]]
    amounts = [
        f"{words} {rule[name]}"
        for name, words in (("max_amount", "at most"), ("daily_total", "a day at most"))
        if name in rule and rule["run"] != "never"
    ]
    beyond = ["above that a person is asked"] if amounts and rule["run"] == "always" else []
    return ", ".join([mode, *amounts, *beyond, *(["--yes is enough"] if rule.get("yes") else [])])

"""``configure``: what a person decides about a connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bizosaas_xero.cli import common
from bizosaas_xero.cli.commands.actions import me
from bizosaas_xero.cli.output import OK, Output, duration, table
from bizosaas_xero.host import Host, StoredConnection
from bizosaas_xero.host.actions.policy import hours
from bizosaas_xero.host.sync.runner import interval
from bizosaas_xero.spec import Invalid

DEFAULT = "a person approves what enters the ledger or reaches anybody"

DECIDED = {
    "sales_account": "Sales account",
    "tax_type": "Tax type",
    "payment_account": "Payment account",
    "clearing_account": "Clearing account",
}


@dataclass(frozen=True)
class Request:
    """What ``configure`` was asked for; ``None`` leaves a thing as it is, an empty text takes it back."""

    organisation: str | None
    intervals: list[str]
    policy: list[str]
    timezone: str | None
    plan_hours: str | None
    callback: str | None
    settings: Mapping[str, str | None]


def configure(output: Output, asked: Request) -> int:
    """Change what is asked for, and show what is decided."""
    changes = _changes(asked)
    with common.the_host() as host:
        found = common.connections(host, asked.organisation)
        secret = None
        if changes:
            host.configure(common.one(found).id, changes, who=me(None) if asked.policy else None)
        if asked.callback is not None:
            secret = host.callbacks.set(common.one(found).id, asked.callback or None)
        shown = [host.store.connection(kept.id) for kept in found]
        for kept in shown:
            _show(output, host, kept)
        if secret:
            output.say()
            output.say("The secret of the signatures, shown this once:", "bold")
            output.command(secret)
        result = {"connections": [common.short(kept) | decided(host, kept) for kept in shown]}
        output.data(result | ({"callback_secret": secret} if secret else {}))
    return OK


def decided(host: Host, kept: StoredConnection) -> dict[str, Any]:
    """Return what is decided about a connection, as JSON values; no secret is among it."""
    info = host.report.connector(kept.connector).describe()
    return {
        "intervals": {entity.name: interval(kept, entity) for entity in (info.entities if info else ())},
        "timezone": kept.preferences.get("timezone"),
        "settings": {name: kept.settings[name] for name in DECIDED if name in kept.settings},
        "policy": kept.preferences.get("policy", {}),
        "plan_hours": hours(kept),
        "callback": kept.preferences.get("callback", {}).get("url"),
    }


def _show(output: Output, host: Host, kept: StoredConnection) -> None:
    known = decided(host, kept)
    output.say(kept.organisation, "bold")
    often = [(name, f"every {duration(s)}" if s else "never") for name, s in known["intervals"].items()]
    rows = [(f"Read {name}", text.replace("every 1 ", "every ")) for name, text in often]
    rows += [(words, known["settings"].get(name, "not set")) for name, words in DECIDED.items()]
    rows.append(("Time zone of dates", known["timezone"] or "UTC"))
    rows += [(f"Action {name}", in_words(rule)) for name, rule in known["policy"].items()]
    rows.append(("Other actions that write" if known["policy"] else "Actions that write", DEFAULT))
    rows.append(("A plan waits for a person", f"{known['plan_hours']} hours"))
    rows.append(("Events are posted to", known["callback"] or "nobody"))
    output.show(table(("What", "Decided"), rows))


def in_words(rule: Mapping[str, Any]) -> str:
    """Write a rule of the policy for a person."""
    said = {"always": "runs by itself", "approval": "needs a person's yes", "never": "is never run"}
    amounts = [
        f"{words} {rule[name]}"
        for name, words in (("max_amount", "at most"), ("daily_total", "a day at most"))
        if name in rule and rule["run"] != "never"
    ]
    beyond = ["beyond that a person is asked"] if amounts and rule["run"] == "always" else []
    return ", ".join([said[rule["run"]], *amounts, *beyond, *(["--yes is enough"] if rule.get("yes") else [])])


def _changes(asked: Request) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    settings = {name: value or None for name, value in asked.settings.items() if value is not None}
    if settings:
        changes["settings"] = settings
    if asked.intervals:
        changes["intervals"] = {name: _seconds(name, value) for name, value in map(_pair, asked.intervals)}
    if asked.policy:
        changes["policy"] = {name: _rule(value) for name, value in map(_pair, asked.policy)}
    if asked.timezone is not None:
        changes["timezone"] = asked.timezone or None
    if asked.plan_hours is not None:
        given = asked.plan_hours
        if given and not (given.isascii() and given.isdecimal()):
            raise _wrong(f"plan_hours={given}", "must be a whole number of hours")
        changes["plan_hours"] = int(given) if given else None
    return changes


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise _wrong(text, "must look like NAME=VALUE")
    return name.strip(), value.strip()


def _seconds(name: str, value: str) -> int | None:
    if value and not value.isdecimal():
        raise _wrong(f"{name}={value}", "must be a whole number of seconds")
    return int(value) if value else None


def _rule(value: str) -> dict[str, Any] | None:
    parts = [part.strip() for part in value.split(",")]
    names = ("run", "max_amount", "daily_total")
    yes = len(parts) == len(names) + 1 and parts[-1] == "yes"
    if yes:
        parts.pop()
    if len(parts) > len(names):
        raise _wrong(value, "must be a word, at most two amounts, and perhaps `yes`")
    rule: dict[str, Any] = {name: part for name, part in zip(names, parts, strict=False) if part}
    return (rule | {"yes": True} if yes else rule) or None


def _wrong(text: str, why: str) -> Invalid:
    return Invalid(
        f"{text!r} {why}.",
        remedy="Look at: bizosaas-xero configure --help",
        reason="bad_configuration",
        problems=[{"field": text.partition("=")[0], "message": why}],
    )

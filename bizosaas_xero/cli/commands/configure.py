"""``configure``: a connection's sync intervals, default accounts and action policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bizosaas_xero.cli.common import (
    connection_summary,
    current_user,
    find_connections,
    handle_errors,
    open_cli_host,
    require_one,
)
from bizosaas_xero.cli.options import AsJson, Organisation
from bizosaas_xero.cli.output import OK, Output, format_duration

if TYPE_CHECKING:
    from pydantic import SecretStr

    from bizosaas_xero.host import Host, StoredConnection
    from bizosaas_xero.spec import Invalid

DEFAULT_RULE = "a person approves what enters the ledger or is sent to someone"

Account = Annotated[str | None, typer.Option(help="The account's code or id; an empty text removes the setting.")]


@handle_errors
def configure(  # noqa: PLR0913 (options)
    *,
    organisation: Organisation = None,
    interval: Annotated[
        list[str] | None,
        typer.Option(metavar="ENTITY=SECONDS", help="Sync interval; 0: never, empty: the default."),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(help="Time zone of business dates, such as Pacific/Auckland; default: the organisation's."),
    ] = None,
    sales_account: Account = None,
    tax_type: Annotated[
        str | None, typer.Option(help="Tax type of sales, such as OUTPUT2; an empty text removes the setting.")
    ] = None,
    payment_account: Account = None,
    clearing_account: Account = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ACTION=RULE",
            help="always, approval or never; always,500,2000: without approval up to 500 each, 2000 a day.",
        ),
    ] = None,
    plan_hours: Annotated[
        str | None, typer.Option(metavar="HOURS", help="How long a plan waits for approval (24).")
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who may approve what they asked for; an empty text ends owner mode."),
    ] = None,
    callback: Annotated[
        str | None, typer.Option(help="Post signed events to this https address; an empty text stops it.")
    ] = None,
    notify: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File with one Apprise address a line, for waiting plans; empty: none."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show or change settings: sync intervals, default accounts, action policy."""
    from bizosaas_xero.cli.settings_report import read_settings

    output = Output(as_json=as_json)
    settings = {
        "sales_account": sales_account,
        "tax_type": tax_type,
        "payment_account": payment_account,
        "clearing_account": clearing_account,
    }
    changes = _parse_changes(settings, interval or [], policy or [], timezone, plan_hours)
    if owner is not None:
        changes["owner"] = owner or None
    with open_cli_host() as host:
        connections = find_connections(host, organisation)
        secret = None
        if changes:
            audited = bool(policy) or owner is not None
            host.configure(require_one(connections).id, changes, who=current_user() if audited else None)
        if callback is not None:
            secret = host.webhooks.set_url(require_one(connections).id, callback or None)
        if notify is not None:
            host.announcements.set_addresses(require_one(connections).id, _read_addresses(notify))
        connections = [host.store.connection(connection.id) for connection in connections]
        for connection in connections:
            _show(output, host, connection)
        if secret:
            output.say()
            output.say("The secret of the signatures, shown only once:", style="bold")
            output.command(secret)
        result = {"connections": [connection_summary(each) | read_settings(host, each) for each in connections]}
        output.write_json(result | ({"callback_secret": secret} if secret else {}))
    return OK


def _show(output: Output, host: Host, connection: StoredConnection) -> None:
    from bizosaas_xero.cli.settings_report import SETTING_TITLES, describe_rule, describe_time_zone, read_settings

    settings = read_settings(host, connection)
    output.say(connection.organisation, style="bold")
    intervals = [
        (name, f"every {format_duration(seconds)}" if seconds else "never")
        for name, seconds in settings["intervals"].items()
    ]
    rows = [(f"Sync {name}", text.replace("every 1 ", "every ")) for name, text in intervals]
    rows += [(title, settings["settings"].get(name, "not set")) for name, title in SETTING_TITLES.items()]
    rows.append(("Time zone of dates", describe_time_zone(settings)))
    rows += [(f"Action {name}", describe_rule(rule)) for name, rule in settings["policy"].items()]
    rows.append(("Other write actions" if settings["policy"] else "Write actions", DEFAULT_RULE))
    rows.append(("A plan waits for approval", f"{settings['plan_hours']} hours"))
    rows.append(("May approve what they asked for", settings["owner"] or "no one"))
    rows.append(("Events are posted to", settings["callback"] or "no address"))
    rows.append(("Waiting plans are announced to", ", ".join(settings["notify"]) or "no address"))
    output.table(("Setting", "Value"), rows)


def _read_addresses(file: Path) -> list[SecretStr]:
    """Return the addresses in a file; they are secrets, so no argument holds them.

    Raises:
        Invalid: The file cannot be read, or a line is not an address.
    """
    from pydantic import SecretStr

    from bizosaas_xero.web.announce import check_address

    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise _invalid("notify", "must be a text file that can be read") from None
    addresses = [SecretStr(line.strip()) for line in lines if line.strip()]
    for address in addresses:
        check_address(address)
    return addresses


def _parse_changes(
    settings: dict[str, str | None],
    intervals: list[str],
    policy: list[str],
    timezone: str | None,
    plan_hours: str | None,
) -> dict[str, Any]:
    """Return the changes for the host; ``None`` keeps a setting, an empty text removes it.

    Raises:
        Invalid: an option's value has the wrong form.
    """
    changes: dict[str, Any] = {}
    changed_settings = {name: value or None for name, value in settings.items() if value is not None}
    if changed_settings:
        changes["settings"] = changed_settings
    if intervals:
        changes["intervals"] = {name: _parse_seconds(name, value) for name, value in map(_split_pair, intervals)}
    if policy:
        changes["policy"] = {name: _parse_rule(value) for name, value in map(_split_pair, policy)}
    if timezone is not None:
        changes["timezone"] = timezone or None
    if plan_hours is not None:
        if plan_hours and not (plan_hours.isascii() and plan_hours.isdecimal()):
            raise _invalid(f"plan_hours={plan_hours}", "must be a whole number of hours")
        changes["plan_hours"] = int(plan_hours) if plan_hours else None
    return changes


def _split_pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise _invalid(text, "must look like NAME=VALUE")
    return name.strip(), value.strip()


def _parse_seconds(name: str, value: str) -> int | None:
    if value and not value.isdecimal():
        raise _invalid(f"{name}={value}", "must be a whole number of seconds")
    return int(value) if value else None


def _parse_rule(value: str) -> dict[str, Any] | None:
    """Read ``RUN[,MAX_AMOUNT[,DAILY_TOTAL[,yes]]]``."""
    parts = [part.strip() for part in value.split(",")]
    names = ("run", "max_amount", "daily_total")
    yes = len(parts) == len(names) + 1 and parts[-1] == "yes"
    if yes:
        parts.pop()
    if len(parts) > len(names):
        raise _invalid(value, "must be a word, at most two amounts, and optionally `yes`")
    rule: dict[str, Any] = {name: part for name, part in zip(names, parts, strict=False) if part}
    return (rule | {"yes": True} if yes else rule) or None


def _invalid(text: str, message: str) -> Invalid:
    from bizosaas_xero.cli import reasons

    return reasons.BAD_CONFIGURATION.field(text.partition("=")[0], message, value=text)

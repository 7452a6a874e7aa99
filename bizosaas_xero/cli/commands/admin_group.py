"""The options of ``configure``, ``events`` and ``doctor``; what each does is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bizosaas_xero.cli import common
from bizosaas_xero.cli.app import app
from bizosaas_xero.cli.options import AsJson, Organisation

Decision = Annotated[str | None, typer.Option(help="Its code or id; an empty text takes it back.")]


@app.command()
@common.ends_well
def configure(  # noqa: PLR0913 (options)
    *,
    organisation: Organisation = None,
    interval: Annotated[
        list[str] | None,
        typer.Option(metavar="ENTITY=SECONDS", help="How often to read; 0 never, nothing the default."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Of business dates, such as Pacific/Auckland; UTC if none is set.")
    ] = None,
    sales_account: Decision = None,
    tax_type: Annotated[
        str | None, typer.Option(help="Of sales, such as OUTPUT2; an empty text takes it back.")
    ] = None,
    payment_account: Decision = None,
    clearing_account: Decision = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ACTION=RULE",
            help="always, approval or never; always,500,2000: by itself up to that for one, and a day.",
        ),
    ] = None,
    plan_hours: Annotated[
        str | None, typer.Option(metavar="HOURS", help="How long a plan waits for a person (24).")
    ] = None,
    callback: Annotated[
        str | None, typer.Option(help="Post events, signed, to this https address; an empty text stops it.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Decide how often to read, and what actions may do. Without options: show it."""
    from bizosaas_xero.cli.commands import configure as command

    asked = command.Request(
        organisation=organisation,
        intervals=interval or [],
        policy=policy or [],
        timezone=timezone,
        plan_hours=plan_hours,
        callback=callback,
        settings={
            "sales_account": sales_account,
            "tax_type": tax_type,
            "payment_account": payment_account,
            "clearing_account": clearing_account,
        },
    )
    return command.configure(common.open_output(as_json=as_json), asked)


@app.command()
@common.ends_well
def events(
    *,
    organisation: Organisation = None,
    since: Annotated[int, typer.Option(min=0, help="Only those after the event of this number.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for more until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> int:
    """Tell what happened: invoices sent, paid, overdue, and more."""
    from bizosaas_xero.cli.commands import events as command

    return command.events(common.open_output(as_json=as_json), organisation, since, follow=follow)


@app.command()
@common.ends_well
def doctor(
    *,
    bundle: Annotated[
        Path | None, typer.Option(help="Write a file for support, without names, secrets or amounts.")
    ] = None,
    rotate_key: Annotated[
        bool, typer.Option("--rotate-key", help="Encrypt everything anew with the newest key.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Examine everything a sync needs, and say what to do about it."""
    from bizosaas_xero.cli.commands import doctor as command

    return command.doctor(common.open_output(as_json=as_json), bundle, rotate_key=rotate_key)

"""The options of ``actions``, ``run``, ``approve`` and ``audit``; what each does is imported when it runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bizosaas_xero.cli import common
from bizosaas_xero.cli.app import app
from bizosaas_xero.cli.options import AsJson, Organisation

Name = Annotated[str | None, typer.Option("--as", metavar="NAME", help="Who you are; else your user name.")]


class Form(StrEnum):
    """The forms in which actions are listed."""

    TABLE = "table"
    JSON = "json"
    OPENAI = "openai"
    OPENAI_RESPONSES = "openai-responses"
    ANTHROPIC = "anthropic"
    JSON_SCHEMA = "json-schema"


@app.command()
@common.ends_well
def actions(
    name: Annotated[str | None, typer.Argument(help="Only this one, in detail.")] = None,
    *,
    form: Annotated[
        Form, typer.Option("--format", help="For a person, a program, or as an agent framework's tools.")
    ] = Form.TABLE,
    as_json: AsJson = False,
) -> int:
    """List what can be asked for, and with which parameters."""
    from bizosaas_xero.cli.commands import actions as command

    chosen = Form.JSON if as_json and form is Form.TABLE else form
    return command.actions(common.open_output(as_json=chosen is not Form.TABLE), name, chosen.value)


@app.command()
@common.ends_well
def run(
    action: Annotated[str, typer.Argument(help="Such as create_invoice.")],
    *,
    params: Annotated[
        str | None, typer.Option(metavar="JSON", help="A JSON object, @FILE that holds one, or - for stdin.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what it would do.")] = False,
    commit: Annotated[
        str | None, typer.Option(metavar="HASH", help="Do the plan of this hash; 8 characters are enough.")
    ] = None,
    business_key: Annotated[
        str | None, typer.Option(help="Names the intent, such as a deal's number: it is done once, ever.")
    ] = None,
    organisation: Organisation = None,
    name: Name = None,
    as_json: AsJson = False,
) -> int:
    """Run an action. What writes is planned, allowed by policy or a person, and done once."""
    from bizosaas_xero.cli.commands import actions as command

    asked = command.Request(action, params, plan, commit, business_key, organisation, name)
    return command.run(common.open_output(as_json=as_json), asked)


@app.command()
@common.ends_well
def approve(
    plan: Annotated[
        str | None, typer.Argument(metavar="HASH", help="8 characters are enough. Without it: what waits.")
    ] = None,
    *,
    refuse: Annotated[bool, typer.Option("--refuse", help="Say no to it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; only where the policy allows that.")] = False,
    organisation: Organisation = None,
    name: Name = None,
    as_json: AsJson = False,
) -> int:
    """Show a plan to a person, and take their yes or no."""
    from bizosaas_xero.cli.commands import approve as command

    asked = command.Request(plan, organisation, name, refuse=refuse, yes=yes)
    return command.approve(common.open_output(as_json=as_json), asked)


@app.command()
@common.ends_well
def audit(  # noqa: PLR0913 (options)
    *,
    action: Annotated[str | None, typer.Option(help="Only of this action.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="A day or moment, such as 2026-01-31 or …T12:00Z; UTC.")
    ] = None,
    organisation: Organisation = None,
    key: Annotated[str | None, typer.Option(help="Only of the write of this business key or plan.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Only so many, the newest; 0 for all.")] = 50,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all that is asked for, one JSON a line.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Compute the chain again.")] = False,
    head: Annotated[
        bool, typer.Option("--head", help="Print the last entry's SEQ:HASH, to be noted elsewhere.")
    ] = False,
    noted: Annotated[
        str | None, typer.Option(metavar="SEQ:HASH", help="With --verify: this entry must still be there.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Tell who or what asked for what, and what came of it."""
    from bizosaas_xero.cli.commands import audit as command

    asked = command.Request(action, since, organisation, key, limit, export, noted, verify=verify, head=head)
    return command.audit(common.open_output(as_json=as_json), asked)

"""``actions``: what can be run, with which parameters."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bizosaas_xero.cli.common import CONNECTOR, handle_errors
from bizosaas_xero.cli.options import AsJson
from bizosaas_xero.cli.output import OK, Output

if TYPE_CHECKING:
    from bizosaas_xero.spec import Action


class ListFormat(StrEnum):
    """The formats in which actions are listed."""

    TABLE = "table"
    JSON = "json"
    OPENAI = "openai"
    OPENAI_RESPONSES = "openai-responses"
    ANTHROPIC = "anthropic"
    JSON_SCHEMA = "json-schema"


@handle_errors
def actions(
    name: Annotated[str | None, typer.Argument(help="Only this action, in detail.")] = None,
    *,
    form: Annotated[
        ListFormat, typer.Option("--format", help="For a person, a program, or an agent framework.")
    ] = ListFormat.TABLE,
    as_json: AsJson = False,
) -> int:
    """List actions and their parameters."""
    from bizosaas_xero.adapters.tool_schemas import FORMATS
    from bizosaas_xero.cli import reasons
    from bizosaas_xero.host import discover

    form = ListFormat.JSON if as_json and form is ListFormat.TABLE else form
    output = Output(as_json=form is not ListFormat.TABLE)
    known = discover([CONNECTOR]).connector(CONNECTOR).list_actions(None)
    chosen = [action for action in known if name in {None, action.name}]
    if not chosen:
        raise reasons.UNKNOWN_ACTION(name=name, names=", ".join(action.name for action in known))
    if form in FORMATS:
        output.write_json(FORMATS[form](chosen))
    elif form is ListFormat.JSON:
        output.write_json([action.model_dump(mode="json") for action in chosen])
    elif name is None:
        output.table(("Action", "Effect", "Title"), [(action.name, _effect(action), action.title) for action in chosen])
        output.say()
        output.say("Show one action with its parameters:")
        output.command(f"bizosaas-xero actions {chosen[0].name}")
    else:
        _describe(output, chosen[0])
    return OK


def _effect(action: Action) -> str:
    if action.effect == "read":
        return "reads"
    return "removes" if action.destructive else "writes"


def _describe(output: Output, action: Action) -> None:
    output.say(f"{action.name}: {action.title}", style="bold")
    output.say(action.description)
    output.say()
    required = set(action.params.get("required", ()))
    rows = [
        (name, "yes" if name in required else "", schema.get("description", ""))
        for name, schema in action.params.get("properties", {}).items()
    ]
    if rows:
        output.table(("Parameter", "Required", "Meaning"), rows)
    else:
        output.say("It takes no parameters.")
    output.say()
    output.say("As JSON Schema:")
    output.command(f"bizosaas-xero actions {action.name} --format json-schema")

"""``actions`` and ``run``: what can be asked for, and asking for it."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from rich.text import Text

from bizosaas_xero.adapters.tool_schemas import FORMATS
from bizosaas_xero.cli import common, render
from bizosaas_xero.cli.output import OK, PARTIAL, PERSON, Output, exit_code, table
from bizosaas_xero.host import Host, discover
from bizosaas_xero.host.actions.plan_markdown import visible
from bizosaas_xero.spec import Action, ConnectorError, Invalid, NotFound

CODES = {"done": OK, "planned": OK, "partial": PARTIAL, "needs_approval": PERSON}


@dataclass(frozen=True)
class Request:
    """What ``run`` was asked for."""

    action: str
    params: str | None
    plan: bool
    commit: str | None
    business_key: str | None
    organisation: str | None
    name: str | None


def me(name: str | None) -> str:
    """Return who somebody says they are; else the name of this system's user.

    Raises:
        Invalid: The system has no name for its user.
    """
    if name is not None:
        return name
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        complaint = "this system has no name for its user"
        raise Invalid(
            f"Who are you? {complaint.capitalize()}.",
            remedy="Say it: --as NAME.",
            reason="bad_name",
            problems=[{"field": "as", "message": complaint}],
        ) from None


def actions(output: Output, name: str | None, form: str) -> int:
    """List the actions, or one of them."""
    found = discover([common.NAME]).connector(common.NAME).list_actions(None)
    chosen = [action for action in found if name in {None, action.name}]
    if not chosen:
        raise NotFound(
            f"There is no action {name!r}.",
            remedy=f"Use one of: {', '.join(action.name for action in found)}.",
            reason="unknown_action",
        )
    if form in FORMATS:
        output.data(FORMATS[form](chosen))
    elif form == "json":
        output.data([action.model_dump(mode="json") for action in chosen])
    elif name is None:
        rows = [(action.name, _effect(action), action.title) for action in chosen]
        output.show(table(("Action", "Effect", "What"), rows))
        output.say()
        output.say("One in detail, with its parameters:")
        output.command(f"bizosaas-xero actions {chosen[0].name}")
    else:
        _describe(output, chosen[0])
    return OK


def _effect(action: Action) -> str:
    if action.effect == "read":
        return "reads"
    return "takes away" if action.destructive else "writes"


def _describe(output: Output, action: Action) -> None:
    output.say(f"{action.name}: {action.title}", "bold")
    output.say(action.description)
    output.say()
    needed = set(action.params.get("required", ()))
    rows = [
        (name, "yes" if name in needed else "", about.get("description", ""))
        for name, about in action.params.get("properties", {}).items()
    ]
    if rows:
        output.show(table(("Parameter", "Needed", "Meaning"), rows))
    else:
        output.say("It takes no parameters.")
    output.say()
    output.say("As JSON Schema:")
    output.command(f"bizosaas-xero actions {action.name} --format json-schema")


def run(output: Output, asked: Request) -> int:
    """Run, plan or commit an action."""
    if asked.plan and asked.commit is not None:
        raise Invalid(
            "--plan and --commit exclude each other.",
            problems=[{"field": "commit", "message": "excludes --plan"}],
        )
    mode: Literal["run", "plan", "commit"] = "plan" if asked.plan else "commit" if asked.commit else "run"
    params = read_params(asked.params)
    try:
        with common.the_host() as host:
            connection_id, plan_hash = _where(host, asked)
            found = host.act(
                connection_id,
                asked.action,
                params,
                mode=mode,
                plan_hash=plan_hash,
                business_key=asked.business_key,
                requester=me(asked.name),
            )
    except ConnectorError as error:
        if error.recovery not in {"wait", "retry"}:
            raise
        return _later(output, error)
    output.data(found.to_dict())
    if not output.as_json:
        render.outcome(output, found)
    return CODES[found.status]


def read_params(text: str | None) -> Mapping[str, Any] | None:
    """Read ``--params``: a JSON object, ``@FILE``, or ``-``; amounts keep their digits.

    Raises:
        Invalid: It is none.
    """
    if text is None:
        return None
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).read_text(encoding="utf-8")
        found = json.loads(text, parse_float=Decimal)
    except OSError as error:
        raise _bad_params(f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _bad_params("the file is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise _bad_params(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise _bad_params("must be a JSON object")
    return found


def _bad_params(message: str) -> Invalid:
    return Invalid(
        f"--params: {message}.",
        remedy="Give a JSON object, @FILE that holds one, or - to read it from standard input.",
        problems=[{"field": "params", "message": message}],
    )


def _where(host: Host, asked: Request) -> tuple[str, str | None]:
    """Return the connection, and the whole hash of the plan; a hash also says whose books it is about."""
    found = common.connections(host, asked.organisation)
    if asked.commit is None:
        return common.one(found).id, None
    plan = host.plans.find(asked.commit, None if asked.organisation is None else common.one(found).id)
    return plan.connection_id, plan.plan.hash


def _later(output: Output, error: ConnectorError) -> int:
    """Tell of an error after which the same call makes sense; with its business key it is done once."""
    problem = error.to_dict()
    output.data({"error": problem})
    if not output.as_json:
        output.errors.print(Text.assemble(("Error: ", "bold red"), visible(error.message)))
        output.errors.print(Text.assemble(("What to do: ", "bold"), visible(error.remedy)))
        if error.retry_after:
            output.errors.print(Text(f"Ask again in {error.retry_after:.0f} s, with the same words."))
    return exit_code(problem)

"""``run``: run, plan or commit an action."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bizosaas_xero.cli.common import current_user, find_connections, handle_errors, open_cli_host, require_one
from bizosaas_xero.cli.options import AsJson, Organisation, UserName
from bizosaas_xero.cli.output import OK, PARTIAL, PERSON, Output, Styled, exit_code

if TYPE_CHECKING:
    from bizosaas_xero.host import Host
    from bizosaas_xero.spec import ConnectorError, Invalid

EXIT_CODE_BY_STATUS = {"done": OK, "planned": OK, "partial": PARTIAL, "needs_approval": PERSON}


@handle_errors
def run(
    action: Annotated[str, typer.Argument(help="The action, such as create_invoice.")],
    *,
    params: Annotated[
        str | None, typer.Option(metavar="JSON", help="A JSON object, @FILE that holds one, or - for stdin.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what it would do.")] = False,
    commit: Annotated[
        str | None, typer.Option(metavar="HASH", help="Commit this plan; the first 8 characters are enough.")
    ] = None,
    business_key: Annotated[
        str | None, typer.Option(help="Identifies the intent, such as a deal's number: written once, ever.")
    ] = None,
    organisation: Organisation = None,
    name: UserName = None,
    as_json: AsJson = False,
) -> int:
    """Run an action. A write is planned, approved by policy or a person, and done once."""
    from bizosaas_xero.cli.render import show_outcome
    from bizosaas_xero.spec import ConnectorError, Invalid

    if plan and commit is not None:
        raise Invalid.field("commit", "excludes --plan", summary="--plan and --commit exclude each other.")
    output = Output(as_json=as_json)
    values = _read_params(params)
    try:
        with open_cli_host() as host:
            connection_id, plan_hash = _resolve_connection(host, commit, organisation)
            outcome = host.act(
                connection_id,
                action,
                values,
                mode="plan" if plan else "commit" if commit else "run",
                plan_hash=plan_hash,
                business_key=business_key,
                requester=current_user(name),
                in_person=sys.stderr.isatty(),  # a program reads what is said there
            )
    except ConnectorError as error:
        if error.recovery not in {"wait", "retry"}:
            raise
        return _report_retryable(output, error)
    output.write_json(outcome.to_dict())
    if not as_json:
        show_outcome(output, outcome)
    return EXIT_CODE_BY_STATUS[outcome.status]


def _read_params(text: str | None) -> Mapping[str, Any] | None:
    """Read ``--params``: a JSON object, ``@FILE``, or ``-``; amounts keep their digits.

    Raises:
        Invalid: the text is not a JSON object, or the file cannot be read.
    """
    if text is None:
        return None
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).read_text(encoding="utf-8")
        params = json.loads(text, parse_float=Decimal)
    except OSError as error:
        raise _invalid_params(f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _invalid_params("the file is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise _invalid_params(f"not JSON: {error}") from None
    if not isinstance(params, dict):
        raise _invalid_params("must be a JSON object")
    return params


def _invalid_params(message: str) -> Invalid:
    from bizosaas_xero.spec import Invalid

    return Invalid.field(
        "params",
        message,
        "Give a JSON object, @FILE that holds one, or - to read it from standard input.",
        summary="--params: {message}.",
    )


def _resolve_connection(host: Host, commit: str | None, organisation: str | None) -> tuple[str, str | None]:
    """Return the connection's id, and the full hash of the plan to commit; a plan names its connection."""
    connections = find_connections(host, organisation)
    if commit is None:
        return require_one(connections).id, None
    stored = host.plans.find_by_prefix(commit, None if organisation is None else require_one(connections).id)
    return stored.connection_id, stored.plan.hash


def _report_retryable(output: Output, error: ConnectorError) -> int:
    """Report an error after which the same command can be run again; its business key keeps it done once."""
    problem = error.to_dict()
    output.write_json({"error": problem})
    if not output.as_json:
        output.prompt(Styled("Error: ", "bold red"), error.message)
        output.prompt(Styled("What to do: ", "bold"), error.remedy)
        if error.retry_after:
            output.prompt(f"Run the same command again in {error.retry_after:.0f} s.")
    return exit_code(problem)

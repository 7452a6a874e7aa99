"""``sandbox``: serve the local imitation of Xero."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bizosaas_xero.cli.common import handle_errors, invalid_option
from bizosaas_xero.cli.options import AsJson, Invoices, Seed
from bizosaas_xero.cli.output import OK, Output

if TYPE_CHECKING:
    from bizosaas_xero.sandbox import Sandbox


@handle_errors
def sandbox(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8378,
    invoices: Invoices = 500,
    seed: Seed = 1,
    facts: Annotated[Path | None, typer.Option(help="Behave as verify found Xero: the file of verify --facts.")] = None,
    as_json: AsJson = False,
) -> int:
    """Run a local imitation of Xero."""
    from bizosaas_xero.cli import reasons
    from bizosaas_xero.sandbox import Sandbox

    output = Output(as_json=as_json)
    try:
        server = Sandbox(invoices, seed)
        if facts is not None:
            _set_switches(server, facts)
        server.run_forever(port=port, on_ready=lambda info: _show(output, info))
    except OSError as error:
        raise reasons.PORT_TAKEN(port=port, cause=error.strerror) from None
    return OK


def _set_switches(server: Sandbox, path: Path) -> None:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        for name, value in dict(facts["switches"]).items():
            server.switches.set(name, value)
    except OSError as error:
        raise invalid_option("facts", f"cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError) as error:
        raise invalid_option("facts", f"is not a file of verify --facts: {error}") from None


def _show(output: Output, info: dict[str, Any]) -> None:
    output.write_json(info)
    output.say(f"The sandbox runs at {info['api_url']}. Ctrl-C stops it.", style="bold")
    output.say()
    output.table(("Organisation", "Id"), [(each["name"], each["id"]) for each in info["organisations"]])
    output.say()
    output.say("Use it from another terminal:")
    app = info["apps"]["web"]
    names = ("api_url", "identity_url", "login_url")
    settings = {f"XERO_{name.upper()}": info[name] for name in names} | {
        "XERO_CLIENT_ID": app["client_id"],
        "XERO_CLIENT_SECRET": app["client_secret"],
    }
    for name, value in settings.items():
        output.command(f"export {name}={value}")
    output.command("bizosaas-xero connect")

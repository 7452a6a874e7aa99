"""``demo``: the product from discovery to a paid invoice, against the local sandbox."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bizosaas_xero.cli.common import CONNECTOR, connection_summary, handle_errors, open_cli_host
from bizosaas_xero.cli.options import AsJson, Invoices, Seed
from bizosaas_xero.cli.output import OK, Output, Styled

if TYPE_CHECKING:
    from bizosaas_xero.host import Host, StoredConnection

REDIRECT_URI = "http://localhost:8377/callback"
WHO_OWES_MOST = (
    "SELECT contact_name, currency, sum(amount_due) AS due FROM invoices WHERE status = 'AUTHORISED' "
    "GROUP BY contact_name, currency ORDER BY due DESC LIMIT 5"
)


@handle_errors
def demo(*, invoices: Invoices = 500, seed: Seed = 1, as_json: AsJson = False) -> int:
    """Run an end-to-end demo against the local sandbox. No Xero account is needed."""
    return run_demo(Output(as_json=as_json), invoices, seed)


def run_demo(output: Output, invoices: int, seed: int) -> int:
    """Discover, authorise, choose, sync twice and act, against a sandbox in this process."""
    from bizosaas_xero.cli.demo_actions import run_five_actions
    from bizosaas_xero.cli.sync_report import outcome_exit_code, show_outcomes, sync_entities
    from bizosaas_xero.host.storage.paths import home_folder, prepare_folder
    from bizosaas_xero.sandbox import serve

    started = time.monotonic()
    prepare_folder(home_folder(os.environ))  # readable for its owner alone, before the demo creates it
    home = home_folder(os.environ) / "demo"
    _remove_last_database(home)
    # The demo makes some 60 calls, Xero's limit for a minute: without limits it does not have to wait.
    with serve(invoices=invoices, seed=seed, limits=False) as box, open_cli_host(home, {}) as host:
        _show_step(output, 1, "The connector is discovered")
        row = host.report.rows[0]
        connector = host.report.connector(CONNECTOR)
        output.say(f"   {row.distribution} {row.version} offers {row.name!r}, the module {row.target}")

        _show_step(output, 2, "The person authorises it")
        output.say(f"   A local imitation of Xero runs at {box.url}")
        connection = _connect(output, host, box.info)

        _show_step(output, 3, "Its records are synced")
        info = connector.describe()
        names = [entity.name for entity in info.entities] if info else []
        first = sync_entities(output, host, connection, names)
        show_outcomes(output, first)

        _show_step(output, 4, "Synced again: only changes are requested")
        second = sync_entities(output, host, connection, names)
        show_outcomes(output, second)

        _show_step(output, 5, "An agent asks for the five actions; a person approves the writes")
        actions = run_five_actions(output, host, connection)

        seconds = round(time.monotonic() - started, 1)
        database = host.database.place
        next_steps = _next_steps(home, database)
        output.say()
        output.say(f"Done in {seconds} seconds. The records are in {database}", style="bold green")
        output.say("Try next:")
        for text, command in next_steps:
            output.say(f"  # {text}", style="dim")
            output.command(command)
        output.write_json(
            {
                "home": str(home),
                "database": database,
                "connectors": [vars(row) for row in host.report.rows],
                "connection": connection_summary(connection),
                "first": [outcome.to_dict() for outcome in first],
                "second": [outcome.to_dict() for outcome in second],
                "actions": actions,
                "seconds": seconds,
                "next": [command for _, command in next_steps],
            }
        )
        return max([outcome_exit_code(outcome.to_dict()) for outcome in (*first, *second)], default=OK)


def _remove_last_database(home: Path) -> None:
    """Remove the last demo's database: its sandbox has ended, so its access is of no use."""
    from bizosaas_xero.cli import reasons

    try:
        for name in ("bizosaas.db", "bizosaas.db-wal", "bizosaas.db-shm"):
            (home / name).unlink(missing_ok=True)
    except OSError as error:
        raise reasons.DATABASE_UNWRITABLE(home=home, cause=error.strerror) from None


def _connect(output: Output, host: Host, sandbox: dict[str, Any]) -> StoredConnection:
    import httpx

    from bizosaas_xero.spec import App

    credentials = sandbox["apps"]["web"]
    app = App(
        client_id=credentials["client_id"],
        client_secret=credentials["client_secret"],
        redirect_uri=REDIRECT_URI,
        kind="web",
    )
    settings = {name: sandbox[name] for name in ("api_url", "identity_url", "login_url")}
    url = host.connections.begin_consent(CONNECTOR, app, settings=settings | {"calls_per_minute": 0})
    # What a person does in the browser: sign in, choose the organisation, allow.
    consent_url = f"{sandbox['login_url']}/_sandbox/consent"
    response = httpx.post(consent_url, json={"url": url}, trust_env=False)  # a proxy cannot reach this machine
    offer = host.connections.finish_consent(response.raise_for_status().json()["callback_url"])
    output.say("   Signed in there as its demo user, and allowed access (no browser needed)")
    connection = host.connections.choose(offer)
    output.say(f"   The organisation chosen: {connection.organisation}")
    return connection


def _show_step(output: Output, number: int, text: str) -> None:
    output.say()
    output.say(Styled(f"{number}. {text}", "bold"))


def _next_steps(home: Path, database: str) -> list[tuple[str, str]]:
    if shutil.which("sqlite3"):
        query = f'sqlite3 "{database}" "{WHO_OWES_MOST}"'
    else:
        call = f"sqlite3.connect('{database}').execute('''{WHO_OWES_MOST}''')"
        query = f'python -c "import sqlite3; print(*{call}, sep=chr(10))"'
    return [
        ("who owes most", query),
        ("sync status", f'BIZOSAAS_HOME="{home}" bizosaas-xero status'),
        ("a sandbox to connect to from another terminal", "bizosaas-xero sandbox"),
    ]

"""``demo`` and ``sandbox``: the whole road without a Xero account."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import httpx

from bizosaas_xero.cli import common
from bizosaas_xero.cli.commands.demo_actions import five
from bizosaas_xero.cli.commands.sync import run, show, verdict
from bizosaas_xero.cli.output import OK, Output, table
from bizosaas_xero.host import Host, StoredConnection
from bizosaas_xero.host.storage.paths import home_folder, prepare_folder
from bizosaas_xero.spec import App, Misconfigured

REDIRECT = "http://localhost:8377/callback"
QUERY = "SELECT contact_name, sum(amount_due) AS due FROM invoices GROUP BY 1 ORDER BY 2 DESC LIMIT 5"


def demo(output: Output, invoices: int, seed: int) -> int:
    """Discover, authorise, choose, sync twice, act, against a sandbox in this process."""
    from bizosaas_xero.sandbox import serve

    started = time.monotonic()
    prepare_folder(home_folder(os.environ))  # for its owner alone, before the demo makes it on its way
    home = home_folder(os.environ) / "demo"
    _begin_anew(home)
    # All of it takes some 60 calls, which is what Xero allows in a minute: nobody should wait for that here.
    with serve(invoices=invoices, seed=seed, limits=False) as box, common.the_host(home, {}) as host:
        _step(output, 1, "The connector is discovered")
        row = host.report.rows[0]
        connector = host.report.connector(common.NAME)
        output.say(f"   {row.distribution} {row.version} offers {row.name!r}, the module {row.target}")

        _step(output, 2, "The person authorises it")
        output.say(f"   A local imitation of Xero runs at {box.url}")
        kept = _connect(output, host, box.info)

        _step(output, 3, "Its books are read")
        info = connector.describe()
        names = [entity.name for entity in info.entities] if info else []
        first = run(output, host, kept, names)
        show(output, first)

        _step(output, 4, "Read again: only what changed is asked for")
        second = run(output, host, kept, names)
        show(output, second)

        _step(output, 5, "An agent asks for the five actions; a person approves what writes")
        acted = five(output, host, kept)

        seconds = round(time.monotonic() - started, 1)
        database = host.database.place
        following = _next(home, database)
        output.say()
        output.say(f"Done in {seconds} seconds. The books are in {database}", "bold green")
        output.say("Try next:")
        for text, command in following:
            output.say(f"  # {text}", "dim")
            output.command(command)
        output.data(
            {
                "home": str(home),
                "database": database,
                "connectors": [vars(item) for item in host.report.rows],
                "connection": common.short(kept),
                "first": [outcome.to_dict() for outcome in first],
                "second": [outcome.to_dict() for outcome in second],
                "actions": acted,
                "seconds": seconds,
                "next": [command for _, command in following],
            }
        )
        return max([verdict(outcome.to_dict()) for outcome in (*first, *second)], default=OK)


def _begin_anew(home: Path) -> None:
    """Remove the last demo's database: its sandbox is gone, and so is the access to it."""
    try:
        for name in ("bizosaas.db", "bizosaas.db-wal", "bizosaas.db-shm"):
            (home / name).unlink(missing_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"The database of the last demo in {home} cannot be replaced: {error.strerror}.",
            remedy="Set BIZOSAAS_HOME to a folder that you may write.",
            reason="database_unwritable",
        ) from None


def _connect(output: Output, host: Host, sandbox: dict[str, Any]) -> StoredConnection:
    credentials = sandbox["apps"]["web"]
    app = App(
        client_id=credentials["client_id"],
        client_secret=credentials["client_secret"],
        redirect_uri=REDIRECT,
        kind="web",
    )
    settings = {name: sandbox[name] for name in ("api_url", "identity_url", "login_url")}
    url = host.connecting.begin(common.NAME, app, settings=settings | {"calls_per_minute": 0})
    # What a person does in the browser: sign in, choose the organisation, allow.
    consent = f"{sandbox['login_url']}/_sandbox/consent"
    answer = httpx.post(consent, json={"url": url}, trust_env=False)  # a proxy cannot reach this machine
    offer = host.connecting.finish(answer.raise_for_status().json()["callback_url"])
    output.say("   Signed in there as its demo user, and allowed access (no browser needed)")
    kept = host.connecting.choose(offer)
    output.say(f"   The organisation chosen: {kept.organisation}")
    return kept


def _step(output: Output, number: int, text: str) -> None:
    output.say()
    output.say(f"{number}. {text}", "bold")


def _next(home: Path, database: str) -> list[tuple[str, str]]:
    if shutil.which("sqlite3"):
        query = f'sqlite3 "{database}" "{QUERY}"'
    else:
        program = f"import sqlite3; print(*sqlite3.connect('{database}').execute('{QUERY}'), sep='\\n')"
        query = f'python -c "{program}"'
    return [
        ("who owes most", query),
        ("how the tables stand", f'BIZOSAAS_HOME="{home}" bizosaas-xero status'),
        ("a sandbox to connect to from another terminal", "bizosaas-xero sandbox"),
    ]


def sandbox(output: Output, invoices: int, seed: int, port: int) -> int:
    """Serve the sandbox until it is stopped."""
    from bizosaas_xero.sandbox import Sandbox

    def ready(info: dict[str, Any]) -> None:
        output.data(info)
        output.say(f"The sandbox runs at {info['api_url']}. Ctrl-C stops it.", "bold")
        output.say()
        output.show(table(("Organisation", "Id"), [(o["name"], o["id"]) for o in info["organisations"]]))
        output.say()
        output.say("Use it from another terminal:")
        apps = info["apps"]["web"]
        names = ("api_url", "identity_url", "login_url")
        settings = {f"XERO_{name.upper()}": info[name] for name in names} | {
            "XERO_CLIENT_ID": apps["client_id"],
            "XERO_CLIENT_SECRET": apps["client_secret"],
        }
        for name, value in settings.items():
            output.command(f"export {name}={value}")
        output.command("bizosaas-xero connect")

    try:
        Sandbox(invoices, seed).run_forever(port=port, on_ready=ready)
    except OSError as error:
        raise Misconfigured(
            f"The port {port} of this machine cannot be used: {error.strerror}.",
            remedy="Choose another with --port; 0 takes a free one.",
            reason="port_taken",
        ) from None
    return OK

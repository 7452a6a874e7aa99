"""``backup`` and ``restore``: copy the SQLite database while it is in use, and put a copy in its place."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bizosaas_xero.cli.common import confirm, current_user, handle_errors, open_cli_host
from bizosaas_xero.cli.options import AsJson, Yes
from bizosaas_xero.cli.output import OK, PERSON, Output

WITHOUT_KEY = (
    "It does not hold the key: keep a copy of {key} in another place. Without that key, sign-ins and app secrets in "
    "the backup cannot be read, and every organisation must be connected again; the records can be read without it."
)
WITH_KEY = "It holds the key as well: this file is enough to use your access to Xero. Keep it as safe as a password."


@handle_errors
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")],
    *,
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Also store the key that decrypts sign-ins and secrets.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Back up the database to a file, also while it is in use."""
    from bizosaas_xero.host.support.backup import SERVER_COMMANDS, back_up

    output = Output(as_json=as_json)
    with open_cli_host() as host:
        if host.database.path is None:
            output.say("The database is not a SQLite file. Back it up, and restore it, with its own tools:")
            for command in SERVER_COMMANDS:
                output.command(command)
            output.say(WITHOUT_KEY.format(key=host.store.key_source))
            output.write_json({"backup": None, "commands": SERVER_COMMANDS})
            return PERSON
        back_up(host.store, file, with_key=with_key, now=datetime.now(UTC))
        output.say(f"The database is backed up to {file}.", style="green")
        output.say(WITH_KEY if with_key else WITHOUT_KEY.format(key=host.store.key_source))
        output.write_json({"backup": str(file), "with_key": with_key, "key": host.store.key_source})
    return OK


@handle_errors
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Replace the database by a backup. The present one is kept."""
    from bizosaas_xero.host.storage.paths import home_folder
    from bizosaas_xero.host.support import backup as backups

    output = Output(as_json=as_json)
    if not yes:
        confirm(output, f"replace the database by {file}", "Replace it? The present one is kept. [y/N]")
    home = home_folder(os.environ)
    restored = backups.restore(file, home, environ=os.environ, now=lambda: datetime.now(UTC), who=current_user())
    when = f" of {restored.created_at}" if restored.created_at else ""
    output.say(
        f"The backup{when} is restored: {', '.join(restored.organisations) or 'no organisation'}.", style="green"
    )
    if restored.kept:
        output.say(f"The database that was there is kept in {restored.kept}.")
    if restored.plans:
        output.say(f"{restored.plans} open plans are void: what was decided about them since is not known. Plan again.")
    output.say("See whether each sign-in still works, then sync:")
    output.command("bizosaas-xero doctor")
    if restored.plain_copy:
        output.say(
            "This is a plain copy, not a backup: if it was taken while syncs ran, its records may be of different "
            "moments, which no check can see. Read all of them again:",
            style="yellow",
        )
        output.command("bizosaas-xero sync --full")
    output.write_json(
        {
            "restored": str(file),
            "created_at": restored.created_at,
            "organisations": restored.organisations,
            "kept": str(restored.kept) if restored.kept else None,
            "void_plans": restored.plans,
            "plain_copy": restored.plain_copy,
        }
    )
    return OK

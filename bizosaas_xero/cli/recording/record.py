"""``record``: play the scenarios at the real Xero, and tell how it differs from what is committed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bizosaas_xero.cli.oauth_callback import pasted
from bizosaas_xero.cli.output import LATER, OK, PARTIAL, Output, table
from bizosaas_xero.cli.recording import live_stage, sandbox_stage
from bizosaas_xero.contract import drift
from bizosaas_xero.contract.connector import find
from bizosaas_xero.contract.player import plain
from bizosaas_xero.contract.report import PLUGINS
from bizosaas_xero.spec import Invalid, Misconfigured, OrganisationUnavailable

SECONDS = 1800
BASES = ("api_url", "identity_url", "login_url")


def record(output: Output, kind: str, organisation: str | None, keep: Path | None, part: str | None) -> int:
    """Sign in, record what can be recorded into a folder of its own, and compare."""
    subject = find("xero")
    names = [
        one.name
        for one in subject.contract.scenarios
        if live_stage.can_be_played(one, sandbox_stage.FAULTS) and (not part or part in one.name)
    ]
    if not names:
        raise Invalid(
            f"No scenario that can be recorded has {part!r} in its name.",
            remedy="Choose one from cassettes/xero/contract.toml that needs neither a fault nor a change.",
            problems=[{"field": "scenario", "message": "fits no scenario"}],
        )
    signed_in = _sign_in(output, subject, kind, organisation)
    committed = subject.contract.folder
    with tempfile.TemporaryDirectory(prefix="bizosaas-record-") as made:
        folder = Path(made)
        shutil.copy(committed / "contract.toml", folder)
        for name in names:
            _play(folder, signed_in, name)
        fresh = [name for name in names if (folder / f"{name}.yaml").is_file()]
        changes = drift.compare(drift.shapes(committed, fresh), drift.shapes(folder, fresh))
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            for name in fresh:
                shutil.copy(folder / f"{name}.yaml", keep)
    errors = [change for change in changes if change.level == "error"]
    missed = sorted(set(names) - set(fresh))
    rows = [(change.level, change.endpoint, change.field, change.what) for change in changes]
    if rows:
        output.show(table(("Level", "Endpoint", "Field", "What"), rows))
    new = len(changes) - len(errors)
    output.say(f"Scenarios recorded: {len(fresh)}. Errors of drift: {len(errors)}. New fields: {new}.")
    drifted = [change._asdict() for change in changes]
    output.data({"recorded": fresh, "not_recorded": missed, "drift": drifted})
    if missed:
        output.say(f"Not recorded: {', '.join(missed)}.", style="bold red")
    return PARTIAL if errors else LATER if missed else OK


def _sign_in(output: Output, subject: Any, kind: str, organisation: str | None) -> dict[str, Any]:
    app = {
        "client_id": os.environ.get("XERO_CLIENT_ID"),
        "client_secret": os.environ.get("XERO_CLIENT_SECRET"),
        "redirect_uri": os.environ.get("XERO_REDIRECT_URI", "http://localhost:8377/callback"),
        "kind": kind,
    }
    if not app["client_id"]:
        raise Misconfigured(
            "There is no client id.",
            remedy="Set XERO_CLIENT_ID and XERO_CLIENT_SECRET.",
            reason="no_client_id",
        )
    settings = {name: os.environ[f"XERO_{name.upper()}"] for name in BASES if f"XERO_{name.upper()}" in os.environ}
    request = {"app": app, "settings": settings}
    if kind == "custom":
        given = plain(subject.hook.auth(request={"step": "client_credentials", **request}))
    else:
        begun = plain(subject.hook.auth(request={"step": "authorize", **request}))
        output.ask("Choose the Demo Company where you are asked.")
        came = pasted(output, begun["url"], str(app["redirect_uri"]))
        more = {"pending": begun["pending"], "callback_url": came}
        given = plain(subject.hook.auth(request={"step": "callback", **request, **more}))
    offered = {found["id"]: found["name"] for found in given["organisations"]}
    chosen = [
        key for key, name in offered.items() if organisation in {key, name} or (not organisation and "Demo" in name)
    ]
    if len(chosen) != 1:
        raise OrganisationUnavailable(
            f"There is no Demo Company to record from; offered: {', '.join(offered.values()) or 'none'}.",
            remedy="Connect the Demo Company, or name an organisation of yours with --organisation.",
        )
    return {"app": app, "grant": given["grant"], "organisation_id": chosen[0], "settings": settings}


def _play(folder: Path, signed_in: dict[str, Any], name: str) -> None:
    secret = folder / "signed-in.json"
    descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(signed_in, file)
    command = [
        sys.executable, "-m", "pytest", "--pyargs", "bizosaas_xero.contract", "--rootdir", str(folder),
        "-c", str(Path(drift.__file__).with_name("pytest.ini")), "-p", "no:cacheprovider",
        "--import-mode=importlib", "-q", "--tb=no", "-W", "ignore", "-k", "never_foreign",
        "--bizosaas-connector", "xero", "--bizosaas-contract", str(folder / "contract.toml"),
        "--record-mode=rewrite", "--bizosaas-world", live_stage.__name__, "--bizosaas-scenario", name,
    ]  # fmt: skip
    for plugin in PLUGINS:
        command += ["-p", plugin]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", live_stage.SIGNED_IN: str(secret)}
    environment.pop("PYTEST_ADDOPTS", None)
    try:
        # One worker, one scenario after the other: the order of what is recorded is that of the scenarios.
        subprocess.run(command, env=environment, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603
    finally:
        secret.unlink()

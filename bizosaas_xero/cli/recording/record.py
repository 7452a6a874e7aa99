"""Recording scenarios at the real Xero, and comparing them with the committed cassettes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bizosaas_xero.cli import reasons
from bizosaas_xero.cli.oauth_callback import read_pasted_callback
from bizosaas_xero.cli.output import LATER, OK, PARTIAL, Output
from bizosaas_xero.cli.recording import live_stage, sandbox_stage
from bizosaas_xero.contract import drift
from bizosaas_xero.contract.connector import find
from bizosaas_xero.contract.hook_calls import to_json_values
from bizosaas_xero.contract.report import PLUGINS
from bizosaas_xero.spec import Invalid, OrganisationUnavailable

PLAY_SECONDS = 1800
"""Limit for recording one scenario."""

BASE_SETTINGS = ("api_url", "identity_url", "login_url")


def record_at_xero(output: Output, kind: str, organisation: str | None, keep: Path | None, part: str | None) -> int:
    """Sign in, record the harmless scenarios into a temporary folder, and compare them.

    Args:
        output: Where the differences are printed.
        kind: The kind of app: ``web``, ``pkce`` or ``custom``.
        organisation: The organisation's id or name; by default the Demo Company.
        keep: Folder to which the scrubbed recordings are copied.
        part: Only scenarios with this text in their names.

    Raises:
        Invalid: no scenario has this text in its name.
        Misconfigured: the client id is missing.
        OrganisationUnavailable: the organisation is not among those that were granted.
    """
    subject = find("xero")
    names = [
        scenario.name
        for scenario in subject.contract.scenarios
        if live_stage.can_be_played(scenario, sandbox_stage.FAULTS) and (not part or part in scenario.name)
    ]
    if not names:
        raise Invalid.field(
            "scenario",
            "matches no scenario",
            "Choose one from cassettes/xero/contract.toml that needs neither a fault nor a change.",
            summary=f"No scenario that can be recorded has {part!r} in its name.",
        )
    signed_in = _sign_in(output, subject, kind, organisation)
    committed = subject.contract.cassette_folder
    with tempfile.TemporaryDirectory(prefix="bizosaas-record-") as made:
        folder = Path(made)
        shutil.copy(subject.contract.folder / "contract.toml", folder)
        for name in names:
            _record_scenario(folder, signed_in, name)
        recorded = [name for name in names if (folder / f"{name}.yaml").is_file()]
        changes = drift.compare(drift.read_shapes(committed, recorded), drift.read_shapes(folder, recorded))
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            for name in recorded:
                shutil.copy(folder / f"{name}.yaml", keep)
    errors = [change for change in changes if change.level == "error"]
    missed = sorted(set(names) - set(recorded))
    rows = [(change.level, change.endpoint, change.field, change.what) for change in changes]
    if rows:
        output.table(("Level", "Endpoint", "Field", "Change"), rows)
    new = len(changes) - len(errors)
    output.say(
        f"Scenarios recorded: {len(recorded)}. Fields removed or of another type: {len(errors)}. New fields: {new}."
    )
    differences = [change._asdict() for change in changes]
    output.write_json({"recorded": recorded, "not_recorded": missed, "drift": differences})
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
        raise reasons.NO_CLIENT_ID()
    settings = {
        name: os.environ[f"XERO_{name.upper()}"] for name in BASE_SETTINGS if f"XERO_{name.upper()}" in os.environ
    }
    request = {"app": app, "settings": settings}
    if kind == "custom":
        result = to_json_values(subject.hook.auth(request={"step": "client_credentials", **request}))
    else:
        begun = to_json_values(subject.hook.auth(request={"step": "authorize", **request}))
        output.prompt("Choose the Demo Company when Xero asks.")
        callback_url = read_pasted_callback(output, begun["url"], str(app["redirect_uri"]))
        more = {"pending": begun["pending"], "callback_url": callback_url}
        result = to_json_values(subject.hook.auth(request={"step": "callback", **request, **more}))
    offered = {each["id"]: each["name"] for each in result["organisations"]}
    chosen = [
        key for key, name in offered.items() if organisation in {key, name} or (not organisation and "Demo" in name)
    ]
    if len(chosen) != 1:
        raise OrganisationUnavailable(
            f"The Demo Company was not granted; offered: {', '.join(offered.values()) or 'none'}.",
            remedy="Grant access to the Demo Company, or name another organisation with --organisation.",
        )
    return {"app": app, "grant": result["grant"], "organisation_id": chosen[0], "settings": settings}


def _record_scenario(folder: Path, signed_in: dict[str, Any], name: str) -> None:
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
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", live_stage.SIGNED_IN_VARIABLE: str(secret)}
    environment.pop("PYTEST_ADDOPTS", None)
    environment.pop("XERO_CLIENT_SECRET", None)  # the child gets it in the file, and its own children nothing
    try:
        # One worker, one scenario after the other: parallel recording would change the order of interactions.
        subprocess.run(command, env=environment, capture_output=True, timeout=PLAY_SECONDS, check=False)  # noqa: S603 (our own command)
    finally:
        secret.unlink()

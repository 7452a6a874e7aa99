"""Running ``verify`` for a connected organisation."""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from bizosaas_xero.cli import reasons
from bizosaas_xero.cli.common import find_connections, open_cli_host, require_one
from bizosaas_xero.cli.verify.caller import MAX_CALLS, Caller, OutOfCalls
from bizosaas_xero.cli.verify.findings import Findings
from bizosaas_xero.cli.verify.reading import App, look
from bizosaas_xero.cli.verify.recording import write_cassettes
from bizosaas_xero.cli.verify.writing import require_demo_company
from bizosaas_xero.cli.verify.writing import write as write_and_look
from bizosaas_xero.connector.settings import Settings


def verify_organisation(
    organisation: str | None, *, write: bool, facts: Path | None, record: Path | None
) -> tuple[Findings, int]:
    """Look at a connected organisation; return what was found, and the calls it took.

    Args:
        organisation: Its id or name; ``None`` is the only one.
        write: Also write, which a Demo Company alone allows.
        facts: The file of facts to write.
        record: The folder of cassettes to write.

    Raises:
        ConnectorError: Nothing is connected, Xero refuses, or ``write`` is asked for elsewhere.
    """
    with open_cli_host() as host:
        kept = require_one(find_connections(host, organisation))
        grant, connection = host.grants.get_access(host.report.connector(kept.connector), kept)
        stored = host.store.app(kept.connector, grant.grant.client_id)
    secret = stored.app.client_secret
    app = App(stored.app.client_id, stored.app.kind, secret.get_secret_value() if secret else None)
    settings = Settings.model_validate(connection["settings"])
    xero = Caller(settings, connection["access_token"], kept.organisation_id, keep=record is not None)
    found, now = Findings(), datetime.now(UTC)
    if write:
        require_demo_company(xero)
    with suppress(OutOfCalls):
        look(xero, found, tuple(connection["scopes"]), app, now)
    if write:
        xero.limit = xero.made + MAX_CALLS
        with suppress(OutOfCalls):
            write_and_look(xero, found, now, secrets.token_hex(4))
    if record is not None:
        known = (xero.token, app.secret or "", app.client_id, kept.organisation_id)
        bases = [base for base in (settings.api_url, settings.identity_url) if "xero.com" not in base]
        try:
            write_cassettes(record, xero.exchanges, bases, known)
        except OSError as error:
            raise reasons.FILE_UNWRITABLE(path=record, cause=error.strerror) from None
    if facts is not None:
        try:
            facts.write_text(json.dumps(found.facts(), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise reasons.FILE_UNWRITABLE(path=facts, cause=error.strerror) from None
    return found, xero.made

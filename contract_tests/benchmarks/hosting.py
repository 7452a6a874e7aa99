"""The embedded host, connected to a served sandbox without a person."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from bizosaas_xero.host import Host, discover, open_host
from bizosaas_xero.spec import App
from contract_tests.benchmarks.stage import REDIRECT


def opened(home: Path, environ: dict[str, str], **given: Any) -> Host:
    """Open a host in a folder, with the real connector."""
    return open_host(home, report=discover(["xero"]), environ=environ, **{"now": now, **given})


def now() -> datetime:
    """Return this machine's time."""
    return datetime.now(UTC)


def connected(host: Host, info: dict[str, Any], organisation: str | None = None, **settings: Any) -> str:
    """Connect an organisation of a sandbox (default: the first), and return the connection's id."""
    app = info["apps"]["web"]
    known = {name: info[name] for name in ("api_url", "identity_url", "login_url")}
    url = host.connections.begin_consent(
        "xero",
        App(client_id=app["client_id"], client_secret=app["client_secret"], redirect_uri=REDIRECT),
        settings=known | {"calls_per_minute": 0} | settings,
    )
    chosen = organisation or info["organisations"][0]["id"]
    answer = httpx.post(f"{info['control_url']}consent", json={"url": url, "organisations": [chosen]}, trust_env=False)
    offer = host.connections.finish_consent(answer.raise_for_status().json()["callback_url"])
    return host.connections.choose(offer, chosen).id

"""tap-xero, unmodified, in an environment of its own: it pins libraries that others do not bear.

Run by that environment's Python, this module reads an account as ``readers`` does; imported, it finds or
makes the environment (``TAP_XERO_PYTHON`` names one that is there).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

VERSION = "2.6.0"


def python() -> str:
    """Return a Python that has tap-xero."""
    given = os.environ.get("TAP_XERO_PYTHON")
    if given:
        return given
    folder = Path(tempfile.gettempdir()) / f"tap-xero-{VERSION}-{os.getuid()}"
    if not (folder / "done").exists():
        made = str(folder / "bin" / "python")
        install = [made, "-m", "pip", "install", "--quiet", "setuptools<81", f"tap-xero=={VERSION}", "six"]
        for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], install):
            subprocess.run(command, check=True)  # noqa: S603 (our own words)
        (folder / "done").touch()
    return str(folder / "bin" / "python")


def pointed(url: str) -> Any:
    """Point tap-xero, which knows one address only, to another one."""
    import requests
    import tap_xero
    import tap_xero.client

    send = requests.Session.send

    def redirected(session: Any, request: Any, **options: Any) -> Any:
        request.url = request.url.replace("https://identity.xero.com", url)
        return send(session, request, **options)

    requests.Session.send = redirected
    tap_xero.client.BASE_URL = f"{url}/api.xro/2.0"
    return tap_xero


def run(tap: Any, folder: Path, arguments: list[str]) -> list[str]:
    """Run its command, and return the lines that it writes."""
    out = folder / "messages"
    kept = os.dup(1)
    with out.open("w") as target:
        os.dup2(target.fileno(), 1)
        try:
            sys.argv = ["tap-xero", "--config", str(folder / "config.json"), *arguments]
            tap.main()
            sys.stdout.flush()
        finally:
            os.dup2(kept, 1)
    return out.read_text().splitlines()


def main() -> None:
    """Read what standard input names (``streams``, ``state``), and print what it took."""
    account = json.load(sys.stdin)
    tap = pointed(account["url"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = {"start_date": "2000-01-01T00:00:00Z", "tenant_id": account["organisation"]}
        config |= {key: account[key] for key in ("client_id", "client_secret", "refresh_token")}
        (folder / "config.json").write_text(json.dumps(config))
        catalog = json.loads("".join(run(tap, folder, ["--discover"])))
        wanted = account.get("streams", ["invoices"])
        for stream in catalog["streams"]:
            for entry in stream["metadata"]:
                if not entry["breadcrumb"]:
                    entry["metadata"]["selected"] = stream["tap_stream_id"] in wanted
        (folder / "catalog.json").write_text(json.dumps(catalog))
        arguments = ["--catalog", str(folder / "catalog.json")]
        if account.get("state"):
            (folder / "state.json").write_text(json.dumps(account["state"]))
            arguments += ["--state", str(folder / "state.json")]
        wall, cpu = time.perf_counter(), time.process_time()
        lines = run(tap, folder, arguments)
        took = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        token = json.loads((folder / "config.json").read_text())["refresh_token"]
    rows = sum('"type": "RECORD"' in line[:30] for line in lines)
    state = next((json.loads(x)["value"] for x in reversed(lines) if '"type": "STATE"' in x[:30]), None)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"rows": rows, **took, "peak_mb": peak, "state": state, "refresh_token": token}))  # noqa: T201


if __name__ == "__main__":
    main()

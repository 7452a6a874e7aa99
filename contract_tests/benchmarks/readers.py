"""Everyone who reads the invoices of an account, each in a fresh process that measures itself.

``measured(name, account)`` starts one. Time and processor time begin when everything is imported and end with
the last record; the processor time is that of the process with all its threads, in kernel and out of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sized
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract_tests.helpers.paths import ROOT

HERE = ROOT


def measured(name: str, account: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Read the account's invoices in a new process: rows, seconds, processor seconds and peak megabytes."""
    python = more.pop("python", sys.executable)
    done = subprocess.run(  # noqa: S603 (our own words)
        [python, "-m", __name__ if name != "tap-xero" else "contract_tests.benchmarks.tap", name],
        input=json.dumps({**account, **more}), capture_output=True, text=True, check=False, cwd=HERE,
        env={**os.environ, "OAUTHLIB_INSECURE_TRANSPORT": "1"},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# ------------------------------------------------------------ in the new process


def bound(account: dict[str, Any]) -> Iterator[Sized]:
    """Read with the least work that is exact."""
    from contract_tests.benchmarks.bound import read

    return read(account)


def paused_bound(account: dict[str, Any]) -> Iterator[Sized]:
    """Read with the least work, and like the plugin without looking for garbage while a page is parsed."""
    from bizosaas_xero.connector.records import decode
    from contract_tests.benchmarks import bound

    bound.parse = decode.parse_json
    return bound.read(account)


def hook(account: dict[str, Any]) -> Iterator[Sized]:
    """Read through the contract's hook."""
    import pluggy
    import stamina  # noqa: F401 (imported before the clock runs)

    import bizosaas_xero.connector.sync.run  # noqa: F401 (the same)
    from bizosaas_xero import plugin, spec

    manager = pluggy.PluginManager("bizosaas")
    manager.add_hookspecs(spec.hooks)
    manager.register(plugin)
    connection = {
        "organisation_id": account["organisation"],
        "access_token": account["access_token"],
        "scopes": account["scope"].split(),
        "settings": {"api_url": account["url"], "calls_per_minute": account.get("calls_per_minute", 0)},
    }
    batches = manager.hook.sync_entity(
        connection=connection, entity="invoices", cursor=None, options=account.get("options", {})
    )
    return (batch.records for batch in batches)


def table(account: dict[str, Any]) -> Iterator[Sized]:
    """Read with the embedded host into its tables: grant, lease, hook, and each batch in a transaction."""
    from contract_tests.benchmarks.hosting import connected, opened

    with tempfile.TemporaryDirectory(prefix="bench-") as home, opened(Path(home), account["environ"]) as host:
        limit = account.get("calls_per_minute", 0)
        connection = connected(host, account["info"], calls_per_minute=limit)
        import stamina  # noqa: F401 (imported before the clock runs)

        import bizosaas_xero.connector.sync.run  # noqa: F401 (the same)

        yield range(0)
        outcome = host.runner.sync(connection, "invoices")
        assert outcome.problem is None, outcome.problem
        yield range(outcome.new)


def sdk(account: dict[str, Any]) -> tuple[Any, str]:
    """Make Xero's own SDK for an account, and return it with the organisation's id."""
    from xero_python.accounting import AccountingApi
    from xero_python.api_client import ApiClient, Configuration
    from xero_python.api_client.oauth2 import OAuth2Token

    names = ("access_token", "refresh_token", "token_type", "expires_in", "id_token")
    held = {name: account[name] for name in names if name in account}
    held |= {"scope": account["scope"].split(), "expires_at": time.time() + 1700}
    token = OAuth2Token(client_id=account["client_id"], client_secret=account["client_secret"])
    client = ApiClient(
        Configuration(oauth2_token=token), pool_threads=1, oauth2_token_getter=lambda: held,
        oauth2_token_saver=held.update,
    )  # fmt: skip
    return AccountingApi(client, base_url=f"{account['url']}/api.xro/2.0"), account["organisation"]


def xero_python(account: dict[str, Any]) -> Iterator[Sized]:
    """Read with Xero's own SDK, in the models that it gives."""
    api, organisation = sdk(account)
    size = {"page_size": account["page_size"]} if account.get("page_size") else {}
    return _pages(lambda page: api.get_invoices(organisation, page=page, **size).invoices)


def pyxero(account: dict[str, Any]) -> Iterator[Sized]:
    """Read with pyxero, in the dicts that it gives."""
    from xero import Xero
    from xero.auth import OAuth2Credentials

    names = ("access_token", "refresh_token", "token_type", "expires_in")
    token = {name: account[name] for name in names} | {
        "scope": account["scope"].split(),
        "expires_at": time.time() + 1700,
    }
    credentials = OAuth2Credentials(account["client_id"], account["client_secret"], scope=token["scope"], token=token)
    credentials.base_url, credentials.tenant_id = account["url"], account["organisation"]
    books = Xero(credentials)
    size = {"pageSize": account["page_size"]} if account.get("page_size") else {}
    return _pages(lambda page: books.invoices.filter(page=page, **size))


def _pages(fetch: Callable[[int], Sized]) -> Iterator[Sized]:
    """Ask until nothing comes, as their documentation shows."""
    page = 1
    while rows := fetch(page):
        yield rows
        page += 1


READERS: dict[str, Callable[[dict[str, Any]], Iterator[Sized]]] = {
    "bound": bound,
    "bound, collector paused": paused_bound,
    "hook": hook,
    "sqlite": table,
    "postgresql": table,
    "xero-python": xero_python,
    "pyxero": pyxero,
}


def peak_kb() -> int:
    """Return this process's peak of resident memory; ``ru_maxrss`` tells its parent's if that was more."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def measure(read: Iterator[Sized], *, prepares: bool = False) -> dict[str, Any]:
    """Read to the end and keep nothing. What ``prepares`` does so before it gives the first part."""
    rows = len(next(read)) if prepares else 0
    wall, cpu = time.perf_counter(), time.process_time()
    for part in read:
        rows += len(part)
    return {
        "rows": rows,
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mb": peak_kb() / 1000,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def main() -> None:
    """Read what standard input names, and print what it took."""
    account = json.load(sys.stdin)
    print(json.dumps(measure(READERS[sys.argv[1]](account), prepares=READERS[sys.argv[1]] is table)))  # noqa: T201


if __name__ == "__main__":
    main()

"""Search the readers for bytes that they neither read nor refuse, led by coverage.

``python -m contract_tests.reliability.fuzz --seconds 60 [READER...]`` needs ``atheris``, which is no
part of the extra ``test``: it runs on Linux alone. Each reader runs in a process of its own; what it stumbles
over is printed, and kept in a file of this folder. What was found is in ``test_fuzz.py`` as examples.
"""

# ruff: noqa: T201, S603 (a program, which starts itself)

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SLOW = 5.0
MOST_BYTES = 4096


def _json(data: bytes) -> Any:
    from bizosaas_xero.connector.records import decode

    try:
        return decode.parse_json(data)
    except ValueError:
        return None


def row(data: bytes) -> None:
    """A row of a sync, and the same as an action reads it."""
    from bizosaas_xero.connector.actions import typed_rows
    from bizosaas_xero.connector.records import decode
    from bizosaas_xero.connector.records.fields import SHAPES

    names = sorted(SHAPES)
    name = names[data[0] % len(names)] if data else names[0]
    found = _json(data[1:])
    if isinstance(found, dict):
        try:
            decode.row_converter(name)(found)
        except decode.DecodeError:
            return
        typed_rows.check_types(found, name)


def refusal(data: bytes) -> None:
    """An answer that refuses, of any status."""
    import httpx

    from bizosaas_xero.connector.http import errors

    status = 400 + (data[0] if data else 0)
    errors.from_response(httpx.Response(status % 600, content=data[1:]), "invoices").to_dict()


def cursor(data: bytes) -> None:
    """A stored cursor."""
    from bizosaas_xero import plugin
    from contract_tests.helpers.byte_readers import CONNECTION, CURSOR

    found = _json(data)
    if isinstance(found, dict):
        # Refused, or the first request is tried at a closed port: nothing is sent.
        options = {"deadline": "2000-01-01T00:00:00Z", "max_batches": 1, "max_wait": 0}
        plugin.sync_entity(CONNECTION, "invoices", {**CURSOR, **found}, options)


def token(data: bytes) -> None:
    """An access token."""
    from bizosaas_xero.toolkit import jwt

    jwt.claims(data.decode("utf-8", "surrogateescape"))
    jwt.claims(f"a.{base64.urlsafe_b64encode(data).decode()}.c")


def csv(data: bytes) -> None:
    """A bank statement as CSV."""
    from bizosaas_xero.connector.actions.bank.statement_csv import from_csv

    from_csv(data.decode("utf-8", "replace"), None, None)


def ofx(data: bytes) -> None:
    """A bank statement as OFX."""
    from bizosaas_xero.connector.actions.bank.statement import from_ofx

    from_ofx(data.decode("utf-8", "replace"))


def webhook(data: bytes) -> None:
    """A signed notice."""
    from bizosaas_xero.adapters.brain_gateway.webhooks import WebhookReceiver

    mark = base64.b64encode(hmac.new(b"key", data, hashlib.sha256).digest())
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": data}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "headers": [(b"x-xero-signature", mark)]}
    asyncio.run(WebhookReceiver("key", lambda _: None)(scope, receive, send))
    assert sent[0]["status"] in {200, 400}


def contract(data: bytes) -> None:
    """The kit's contract.toml."""
    from bizosaas_xero.contract.scenarios import ContractFileError, load

    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(data)
        file.flush()
        try:
            load(Path(file.name))
        except ContractFileError:
            return


READERS: dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "row": (row, (b'\x10{"InvoiceID":"a","Total":1.5,"Date":"/Date(1)/","LineItems":[{"LineAmount":"2"}]}',)),
    "refusal": (refusal, (b'\x00{"Type":"E","Elements":[{"ValidationErrors":[{"Message":"m"}]}]}',)),
    "cursor": (
        cursor,
        (b'{"since":"2026-01-01T00:00:00Z","read":{"kind":"first","page":1,"size":5,"rows":0}}',),
    ),
    "token": (token, (b'{"exp":1,"scope":["a"],"client_id":"x","xero_userid":"u"}',)),
    "csv": (csv, (b"date,amount,payee\n2026-01-31,-1.50,Bob\n", b"31/01/2026;1.000,50;x\n")),
    "ofx": (ofx, (b"<OFX><STMTRS><STMTTRN><DTPOSTED>20260131<TRNAMT>1.5</STMTTRN></STMTRS></OFX>",)),
    "webhook": (webhook, (b'{"events":[{"resourceId":"a","eventCategory":"INVOICE"}],"entropy":"S"}',)),
    "contract": (contract, (b'[[scenarios]]\nname = "x"\nhook = "auth"\nsteps = ["check", "wait 5"]\n',)),
}
"""Each reader, and what it is shown first."""


def tried(name: str, data: bytes) -> None:
    """Show bytes to a reader. Refusing them is right; whatever else it raises, or taking long, is not."""
    from bizosaas_xero.spec import ConnectorError

    began = time.monotonic()
    try:
        READERS[name][0](data)
    except ConnectorError as error:
        json.dumps(error.to_dict(), allow_nan=False)
    if time.monotonic() - began > SLOW:
        raise TimeoutError(f"{name} took {time.monotonic() - began:.1f} s")


def _search(name: str, seconds: int, folder: Path) -> None:
    """Search in this process, which ends with it."""
    import atheris

    from bizosaas_xero.spec import ConnectorError

    with atheris.instrument_imports(include=["bizosaas_xero"]):
        for seed in READERS[name][1]:
            with contextlib.suppress(ConnectorError):
                READERS[name][0](seed)  # and all that it imports
    for number, seed in enumerate(READERS[name][1]):
        (folder / f"seed-{number}").write_bytes(seed)
    limits = [
        f"-max_total_time={seconds}",
        f"-max_len={MOST_BYTES}",
        f"-artifact_prefix={name}-",
        "-verbosity=1",
    ]
    atheris.Setup([sys.argv[0], str(folder), *limits], lambda data: tried(name, data))
    atheris.Fuzz()


def main() -> int:
    """Search, one reader after the other."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("readers", nargs="*", choices=[*READERS, []], default=[])
    parser.add_argument("--seconds", type=int, default=60, help="for each reader")
    parser.add_argument("--here", action="store_true", help="in this process (one reader)")
    asked = parser.parse_args()
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("Nothing was searched: atheris is not installed (pip install atheris; Linux only).")
        return 0
    if asked.here:
        with tempfile.TemporaryDirectory() as folder:
            _search(asked.readers[0], asked.seconds, Path(folder))
    failed = []
    for name in asked.readers or READERS:
        command = [sys.executable, "-m", "contract_tests.reliability.fuzz", name, "--here"]
        ended = subprocess.run([*command, "--seconds", str(asked.seconds)], capture_output=True, text=True, check=False)
        told = ended.stderr.strip().splitlines() + ended.stdout.strip().splitlines()
        runs = next((line for line in reversed(told) if line.startswith("Done ")), "")
        print(f"{name}: {runs or 'failed'}", flush=True)
        if ended.returncode:
            failed.append(name)
            print("\n".join(told[-30:]), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

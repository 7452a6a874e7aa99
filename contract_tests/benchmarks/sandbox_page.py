"""How long the sandbox takes to serve a page of 1,000 invoices; prints milliseconds a page.

Run it: `python contract_tests/benchmarks/sandbox_page.py [invoices]`.
"""

import statistics
import sys
import time
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from bizosaas_xero.sandbox import SandboxServer, serve

ROUNDS = 30


def connected(box: SandboxServer, http: httpx.Client) -> dict[str, str]:
    """Return the headers of a connected app."""
    app, redirect = box.info["apps"]["web"], "http://localhost/callback"
    asked = {
        "response_type": "code", "client_id": app["client_id"], "redirect_uri": redirect,
        "scope": "accounting.invoices", "state": "x",
    }  # fmt: skip
    callback = box.sandbox.consent(f"{box.url}/identity/connect/authorize?{urlencode(asked)}")
    code = dict(parse_qsl(urlsplit(callback).query))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
    token = http.post("/connect/token", data=form, auth=(app["client_id"], app["client_secret"])).json()
    return {
        "Authorization": f"Bearer {token['access_token']}",
        "Accept": "application/json",
        "xero-tenant-id": box.info["organisations"][0]["id"],
    }


def main() -> None:
    """Time first and later reads, plain and compressed."""
    invoices = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    start = time.perf_counter()
    with serve(invoices=invoices, limits=False) as box, httpx.Client(base_url=box.url, timeout=300) as http:
        print(f"start with {invoices} invoices: {(time.perf_counter() - start) * 1000:.0f} ms")  # noqa: T201
        headers = connected(box, http)
        query = {"page": 1, "pageSize": 1000, "order": "InvoiceID ASC"}
        for encoding in ("identity", "gzip"):
            taken = []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                with http.stream(
                    "GET",
                    "/api.xro/2.0/Invoices",
                    params=query,
                    headers={**headers, "Accept-Encoding": encoding},
                ) as answer:
                    size = sum(len(part) for part in answer.iter_raw())
                taken.append((time.perf_counter() - start) * 1000)
            first, rest = taken[0], statistics.median(taken[1:])
            print(f"{encoding:9} {size:>9} bytes  first {first:6.1f} ms  then {rest:6.1f} ms")  # noqa: T201


if __name__ == "__main__":
    main()

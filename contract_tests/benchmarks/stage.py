"""A sandbox in a process of its own, and an account in it: what every benchmark reads from.

All invoices of its books are sales with three lines, so that a client that cannot filter reads the same rows.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

REDIRECT = "http://localhost:8377/callback"
SCOPES = (
    "offline_access accounting.settings accounting.contacts accounting.invoices accounting.payments "
    "accounting.banktransactions accounting.reports.aged.read accounting.reports.profitandloss.read "
    "accounting.reports.balancesheet.read accounting.reports.trialbalance.read"
)
LINES = 2  # which of a book's random numbers chooses how many lines


def sales_of_three_lines() -> None:
    """Make every invoice that is seeded from now on a sale of three lines."""
    from bizosaas_xero.sandbox import state
    from bizosaas_xero.sandbox.seed.documents import SeededBooks

    class Sales(SeededBooks):
        def random_bits(self, salt: int, number: int) -> int:
            bits = super().random_bits(salt, number)
            return bits & ~(3 << 12) | (2 << 12) if salt == LINES else bits

        def type_and_status(self, number: int) -> tuple[bool, str]:
            return True, super().type_and_status(number)[1]

    state.SeededBooks = Sales


def more_organisations(count: int) -> None:
    """Serve so many organisations from now on, those after the usual ones with books of 40 documents."""
    from bizosaas_xero.sandbox import state
    from bizosaas_xero.sandbox.core import countries

    def organisations(seed: int) -> list[countries.Organisation]:
        found = list(countries.organisations(seed))
        while len(found) < count:
            new = {"id": str(uuid.UUID(int=len(found))), "name": f"Organisation {len(found)}"}
            found.append(replace(found[2], **new))
        return found

    state.organisations = organisations


@dataclass
class Stage:
    """A served sandbox. ``control`` speaks to its control interface."""

    info: dict[str, Any]
    control: httpx.Client

    @property
    def url(self) -> str:
        """Return where it is served."""
        return str(self.info["api_url"])

    def post(self, path: str, body: Any, method: str = "POST") -> Any:
        """Call the control interface."""
        answer = self.control.request(method, f"/_sandbox/{path}", json=body).raise_for_status()
        return answer.json() if answer.content else None

    def log(self) -> list[dict[str, Any]]:
        """Return the API calls since the log was cleared, and clear it."""
        found = self.control.get("/_sandbox/log").json()["requests"]
        self.control.delete("/_sandbox/log")
        return [entry for entry in found if entry["path"].startswith("/api.xro/")]

    def account(self, organisations: list[str] | None = None) -> dict[str, Any]:
        """Connect organisations (default: the first), and return what a client needs to read them."""
        app = self.info["apps"]["web"]
        chosen = organisations or [self.info["organisations"][0]["id"]]
        asked = {
            "response_type": "code", "client_id": app["client_id"], "redirect_uri": REDIRECT,
            "scope": SCOPES, "state": "s",
        }  # fmt: skip
        url = f"{self.url}/identity/connect/authorize?{urlencode(asked)}"
        back = self.post("consent", {"url": url, "organisations": chosen})["callback_url"]
        form = {
            "grant_type": "authorization_code",
            "code": dict(parse_qsl(urlsplit(back).query))["code"],
            "redirect_uri": REDIRECT,
        }
        token = self.control.post(
            "/connect/token", data=form, auth=(app["client_id"], app["client_secret"])
        ).raise_for_status()
        return {
            "url": self.url,
            "organisation": chosen[0],
            "client_id": app["client_id"],
            "client_secret": app["client_secret"],
            **token.json(),
        }


@contextlib.contextmanager
def staged(invoices: int, *, limits: bool = False, mixed: bool = False, organisations: int = 0) -> Iterator[Stage]:
    """Serve books of so many invoices until the block ends; ``mixed`` books are the sandbox's usual ones."""
    command = [sys.executable, "-m", __name__, str(invoices), "--organisations", str(organisations)]
    command += ["--limits"] * limits + ["--mixed"] * mixed
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 (our own)
        try:
            assert process.stdout is not None
            info = json.loads(process.stdout.readline())
            with httpx.Client(base_url=info["api_url"], timeout=300, trust_env=False) as control:
                yield Stage(info, control)
        finally:
            process.terminate()


def main() -> None:
    """Serve, and print what a client needs to know."""
    parser = argparse.ArgumentParser()
    parser.add_argument("invoices", type=int)
    parser.add_argument("--limits", action="store_true")
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--organisations", type=int, default=0)
    given = parser.parse_args()
    more_organisations(given.organisations)
    if not given.mixed:
        sales_of_three_lines()
    from bizosaas_xero.sandbox import Sandbox

    def ready(info: dict[str, Any]) -> None:
        print(json.dumps(info), flush=True)  # noqa: T201
        os.close(1)

    Sandbox(given.invoices, 1, limits=given.limits, per_day=10**6).run_forever(on_ready=ready)


if __name__ == "__main__":
    main()

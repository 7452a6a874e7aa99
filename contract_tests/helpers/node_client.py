"""xero-node as a process: each call is a line, each answer one."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Self

DRIVER = Path(__file__).with_name("node_driver.cjs")


class XeroNode:
    """A `XeroClient` of xero-node, driven over pipes.

    Args:
        folder: The folder of xero-node.
        environment: Where Xero's hosts are (`xero_hosts`).
        config: What the constructor of `XeroClient` is given.
    """

    def __init__(self, folder: Path, environment: dict[str, str], **config: Any) -> None:
        self.tenant = ""
        self._process = subprocess.Popen(  # noqa: S603 - what was installed
            ["node", str(DRIVER)],  # noqa: S607 - the Node of this machine
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **environment, "XERO_NODE": str(folder), "XERO_CONFIG": json.dumps(config)},
        )  # fmt: skip

    def ask(self, method: str, *args: Any, api: str | None = None) -> dict[str, Any]:
        """Call a method; return its status and body, or what it threw."""
        self._process.stdin.write(json.dumps({"method": method, "args": args, "api": api}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def call(self, method: str, *args: Any) -> Any:
        """Call a method of the client that must succeed; return what it returns."""
        answer = self.ask(method, *args)
        assert "thrown" not in answer, answer
        return answer.get("body")

    def accounting(self, method: str, *args: Any) -> Any:
        """Call a method of the Accounting API for the tenant; it must answer 200 or 204."""
        answer = self.ask(method, self.tenant, *args, api="accountingApi")
        assert answer.get("status") in {200, 204}, (method, answer)
        return answer["body"]

    def rows(self, method: str, *args: Any) -> list[dict[str, Any]]:
        """Call a method that returns a list; return its rows."""
        return next(value for value in self.accounting(method, *args).values() if isinstance(value, list))

    def refused(self, method: str, *args: Any) -> int:
        """Call a method that must be refused; return the status."""
        answer = self.ask(method, self.tenant, *args, api="accountingApi")
        assert answer.get("status", 0) >= 400, (method, answer)
        return answer["status"]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

"""A pytest plugin, and the proxy in it: answers of the sandbox are rewritten into forms that recordings of Xero have.

`test_switches.py` loads it. The forms below stand for what recordings differ in. A folder of recordings that
`XERO_RECORDINGS` names adds its own: the order of fields, and amounts and flags that are texts there. No value changes.
"""

from __future__ import annotations

import json
import os
import re
from decimal import Decimal
from pathlib import Path

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.http.middleware import SandboxMiddleware

_FINE = Decimal("0.0001")
_STAMP = re.compile(r"/Date\((-?\d+)(\+0000)?\)/")
_MONEY = {"Total", "SubTotal", "TotalTax", "AmountDue", "AmountPaid", "AmountCredited", "Amount", "LineAmount",
          "UnitAmount", "TaxAmount", "AppliedAmount", "RemainingCredit", "TotalAmount", "Quantity"}  # fmt: skip
_NESTED = {"Contact", "Invoice", "BankAccount", "Account", "LineItems", "Payments", "Addresses", "Phones"}


class Recordings:
    """What recordings show: the order of a list's fields, and the kinds of leaves."""

    def __init__(self, folder: str) -> None:
        self.order: dict[str, dict[str, int]] = {}
        self.kinds: dict[tuple[str, str], set[str]] = {}
        for path in sorted(Path(folder).rglob("*.json")) if folder else ():
            answer = json.loads(path.read_text(encoding="utf-8"))
            for name, rows in answer.items() if isinstance(answer, dict) else ():
                for row in rows if isinstance(rows, list) else ():
                    if isinstance(row, dict):
                        self._learn(name, row)

    def _learn(self, name: str, row: dict) -> None:
        places = self.order.setdefault(name, {})
        for field, value in row.items():
            places.setdefault(field, len(places))
            if value not in (None, "") and not isinstance(value, list | dict):
                self.kinds.setdefault((name, field), set()).add("text" if isinstance(value, str) else "other")


class Rewriter:
    """Rewrites answers; counts the rows."""

    def __init__(self, recordings: Recordings) -> None:
        self.rows, self._recordings = 0, recordings

    def rewrite(self, body: bytes) -> bytes:
        """Return a JSON answer in the recorded forms."""
        answer = json.loads(body, parse_float=Decimal)
        if not isinstance(answer, dict) or "Status" not in answer:
            return body
        for name, rows in answer.items():
            if isinstance(rows, list) and name != "Elements":
                self.rows += len(rows)
                answer[name] = [self._row(name, row) if isinstance(row, dict) else row for row in rows]
        # the list stands first in some recordings
        return xero_json.render(dict(sorted(answer.items(), key=lambda pair: not isinstance(pair[1], list)))).encode()

    def _row(self, name: str, row: dict) -> dict:
        row = {field: self._value(name, field, value) for field, value in row.items()}
        places = self._recordings.order.get(name)
        if places:
            row = dict(sorted(row.items(), key=lambda pair: places.get(pair[0], len(places))))
        else:
            row = dict(reversed(row.items()))
        if name == "Reports":
            return row
        for field in ("DateString", "DueDateString"):  # not in all recordings, and never alone
            row.pop(field, None)
        return {**row, "ValidationErrors": row.get("ValidationErrors", []), "IsFieldOfTomorrow": True}

    def _value(self, name: str, field: str, value):
        if isinstance(value, dict):
            return self._object(field, value)
        if isinstance(value, list):
            return [self._value(name, field, each) for each in value]
        if isinstance(value, str):
            return _STAMP.sub(lambda stamp: f"/Date({stamp[1]}{'' if stamp[2] else '+0000'})/", value)
        if self._recordings.kinds.get((name, field)) == {"text"}:
            return str(value).lower() if isinstance(value, bool) else str(value)
        if field in _MONEY and isinstance(value, Decimal) and value == value.quantize(_FINE):
            return value.quantize(_FINE)
        return value

    def _object(self, field: str, value: dict) -> dict:
        inner = {key: self._value(field, key, each) for key, each in value.items()}
        if field == "BatchPayment":  # so in Xero's published example
            return {key: str(each) if key == "TotalAmount" else each for key, each in inner.items()}
        return {**inner, "IsFieldOfTomorrow": {"Deep": []}} if field in _NESTED else inner


_REWRITER = Rewriter(Recordings(os.environ.get("XERO_RECORDINGS", "")))
_CALL_APP = SandboxMiddleware._call_app


async def _call_and_rewrite(self, scope, receive):
    answer = await _CALL_APP(self, scope, receive)
    written = "json" in answer.headers.get("content-type", "") and scope["path"].lower().startswith("/api.xro/")
    return answer._replace(body=_REWRITER.rewrite(answer.body)) if written and answer.body else answer


def pytest_configure():
    """Put the proxy in front of every sandbox."""
    SandboxMiddleware._call_app = _call_and_rewrite


def pytest_terminal_summary(terminalreporter):
    """Say how many rows were rewritten: a run without any proves nothing."""
    terminalreporter.write_line(f"rows in recorded forms: {_REWRITER.rows}")

"""The reasons of errors that host, command line and adapters raise themselves, read from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from bizosaas_xero.spec import ERRORS
from contract_tests.helpers.paths import ROOT

PACKAGE = ROOT / "bizosaas_xero"
PLACES = {
    "The embedded host": "host",
    "The command line": "cli",
    "Agents (MCP)": "adapters/mcp",
    "The brain-gateway": "adapters/brain_gateway",
    "Temporal": "adapters/temporal.py",
}
HEAD = ["Code", "Reason", "What the person sees", "What to do"]
FIELD_ERRORS = {"Invalid.field": ": ", "invalid_field": " "}
"""Calls that take a field and a complaint, and what is between them in the message."""

CLASSES = {error.__name__: code for code, error in ERRORS.items()}
CLASSES |= dict.fromkeys((*FIELD_ERRORS, "UnreadableRecord"), "invalid")
"""Calls that make an error, by name."""

DEFAULT_REASONS = {"UnreadableRecord": "unreadable_record"}
"""The reasons of classes that do not use their code."""


def modules(place: str) -> list[Path]:
    """Return the modules of a place."""
    path = PACKAGE / place
    return [path] if path.suffix else sorted(path.rglob("*.py"))


def said(node: ast.expr | None) -> str:
    """Return a text of the source; what is only known when it runs is ``…``."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(said(part) for part in parts)
        case ast.BinOp(left=left, right=right):
            return said(left) + said(right)
        case None:
            return ""
    return "…"


def rows(place: str) -> list[list[str]]:
    """Return code, reason, message and remedy of each error that is made with a reason of its own."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in modules(place):
        for call in calls(path):
            words = {keyword.arg: keyword.value for keyword in call.keywords}
            if isinstance(words.get("reason"), ast.Constant) and call.args:
                name = error_name(call)
                code, reason = CLASSES[name], words["reason"].value
                if name in FIELD_ERRORS:
                    message = FIELD_ERRORS[name].join(map(said, call.args[:2]))
                    remedy = call.args[2] if len(call.args) > 2 else words.get("remedy")
                else:
                    message, remedy = said(call.args[0]), words.get("remedy")
                told = [message, said(remedy)]
                found.setdefault((code, reason), [f"`{code}`", f"`{reason}`", *map(_cell, told)])
    return [found[key] for key in sorted(found)]


def calls(path: Path) -> Iterator[ast.Call]:
    """Return each call of an error's class in a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if error_name(node):
            yield node


def error_name(node: ast.AST) -> str:
    """Return which of the :data:`CLASSES` a node calls; empty: none."""
    name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    return name if name in CLASSES else ""


def _cell(text: str) -> str:
    plain = " ".join(text.split()).replace("<", "&lt;").replace("*", "\\*")
    return plain if plain.strip("… .") else "(said with the error)"

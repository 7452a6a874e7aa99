"""Find what looks like a secret or a person's in files that are committed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bizosaas_xero.contract.scrub import BEARER, EMAIL, JWT

SHAPES: dict[str, re.Pattern[str]] = {
    "JSON web token": JWT,
    "bearer token": BEARER,
    "long base64": re.compile(r"(?<![A-Za-z0-9+/_=.-])(?=[A-Za-z0-9+/_-]*[0-9])(?=[A-Za-z0-9+/_-]*[A-Z])"
                              r"(?=[A-Za-z0-9+/_-]*[a-z])[A-Za-z0-9+/_-]{40,}={0,2}(?![A-Za-z0-9+/_=-])"),
    "e-mail address": EMAIL,
    "bank account number": re.compile(r"(?<![\w.-])(?:\d{2}-\d{4}-\d{7}-\d{2,3}|[A-Z]{2}\d{2}[A-Z]{4}\d{10,}|"
                                      r"\d{2}-\d{2}-\d{2} \d{8})(?![\w-])"),
}  # fmt: skip
_INVENTED = re.compile(r"@(?:[\w-]+\.)*(?:example(?:\.(?:com|org|net|invalid))?|localhost)$", re.IGNORECASE)
_TEXT_BYTES = 4096


class Finding(NamedTuple):
    """One text that looks like something that must not be committed."""

    path: Path
    line: int
    shape: str
    text: str


def scan_text(text: str, allowed: Iterable[str] = ()) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the shape and the text of each find.

    Args:
        text: What is looked through.
        allowed: Regular expressions of what may stand there; each says in a comment why.
    """
    permitted = [re.compile(pattern) for pattern in allowed]
    for number, line in enumerate(text.splitlines(), start=1):
        for shape, pattern in SHAPES.items():
            for found in pattern.finditer(line):
                what = found[0]
                invented = shape == "e-mail address" and _INVENTED.search(what)
                if not invented and not any(one.search(what) for one in permitted):
                    yield number, shape, what


def scan(paths: Iterable[Path], allowed: Iterable[str] = ()) -> list[Finding]:
    """Look through files; those that are no text are left out."""
    permitted = list(allowed)
    found = []
    for path in paths:
        data = path.read_bytes()
        if b"\0" in data[:_TEXT_BYTES]:
            continue
        for line, shape, text in scan_text(data.decode(errors="replace"), permitted):
            found.append(Finding(path, line, shape, text))
    return found

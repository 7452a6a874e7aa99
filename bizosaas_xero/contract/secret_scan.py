"""Find texts that look like secrets or personal data in committed files."""

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
_EXAMPLE_ADDRESS = re.compile(r"@(?:[\w-]+\.)*(?:example(?:\.(?:com|org|net|invalid))?|localhost)$", re.IGNORECASE)
_SNIFF_BYTES = 4096


class Finding(NamedTuple):
    """A text that looks like a secret or personal data."""

    path: Path
    line: int
    shape: str
    text: str


def scan_text(text: str, allowed: Iterable[str] = ()) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the shape and the text of each finding.

    Args:
        text: The text to scan.
        allowed: Regular expressions of texts that are allowed; give the reason in a comment.
    """
    permitted = [re.compile(pattern) for pattern in allowed]
    for number, line in enumerate(text.splitlines(), start=1):
        for shape, pattern in SHAPES.items():
            for match in pattern.finditer(line):
                example = shape == "e-mail address" and _EXAMPLE_ADDRESS.search(match[0])
                if not example and not any(each.search(match[0]) for each in permitted):
                    yield number, shape, match[0]


def scan(paths: Iterable[Path], allowed: Iterable[str] = ()) -> list[Finding]:
    """Scan files; binary files are skipped."""
    permitted = list(allowed)
    findings = []
    for path in paths:
        data = path.read_bytes()
        if b"\0" in data[:_SNIFF_BYTES]:
            continue
        for line, shape, text in scan_text(data.decode(errors="replace"), permitted):
            findings.append(Finding(path, line, shape, text))
    return findings

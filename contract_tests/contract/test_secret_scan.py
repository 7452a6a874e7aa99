"""No committed file holds what looks like a secret or a person's."""

from __future__ import annotations

import subprocess

import pytest

from bizosaas_xero.contract.secret_scan import scan, scan_text
from contract_tests.helpers.paths import ROOT

ALLOWED = (
    r"^[A-Za-z]+(?:[_/-][A-Za-z0-9]+)+$",  # names and paths in words
    r"^eyJhbGciOiJub25lIn0\.",  # a token signed with nothing, in tests
    r"^[0-9a-f-]+$",  # digests and ids
)
PLANTED = (
    "contract_tests/contract/test_secret_scan.py",
    "contract_tests/contract/test_scrub.py",
    "contract_tests/host/storage/database_7310f02.json",  # a key made for this file, of grants of a sandbox
)


def committed():
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 (git is where the person has it)
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    found = [ROOT / name for name in listed.split("\0") if name and name not in PLANTED]
    return [path for path in found if path.is_file()] or list(ROOT.rglob("*.yaml"))


def test_no_committed_file_holds_a_secret():
    found = scan(committed(), ALLOWED)
    assert not found, [f"{row.path.relative_to(ROOT)}:{row.line} {row.shape}: {row.text[:40]}" for row in found]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("token: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "JSON web token"),
        ("Authorization: Bearer abcDEF123456", "bearer token"),
        ("secret = Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NQ==", "long base64"),
        ("write to jane.doe@acme.co.nz", "e-mail address"),
        ("paid into 12-3456-7890123-00", "bank account number"),
        ("paid into GB29NWBK60161331926819", "bank account number"),
    ],
)
def test_each_shape_is_found(text, shape):
    assert shape in [found for _, found, _ in scan_text(text)]


@pytest.mark.parametrize(
    "text",
    ["Bearer scrubbed-1a2b3c4d", "person-1@example.com", 'WWW-Authenticate: Bearer error="x"', "a" * 64],
)
def test_what_is_no_secret_is_left(text):
    assert not list(scan_text(text))

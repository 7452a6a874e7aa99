"""What the search led by coverage found (``fuzz.py``), kept as examples; and that the search itself works."""

from __future__ import annotations

import subprocess
import sys
from importlib import util

import pytest

from contract_tests.reliability import fuzz

FOUND = [
    ("ofx", b"<OFX><STMTRS><STMTTRN><DTPOS\x14ED>20260131<TRNAMT>1.5</STMTTRN></STMTRS></OFX>"),
]


@pytest.mark.parametrize(("name", "data"), FOUND)
def test_inputs_found_earlier_are_read_or_refused(name, data):
    fuzz.tried(name, data)


@pytest.mark.parametrize("name", fuzz.READERS)
@pytest.mark.parametrize("data", [b"", b"\0", b"\xff" * 50, b"[" * 4000, b"{" * 4000, b'{"a":1e999}', b"<" * 4000])
def test_every_reader_takes_its_first_example_and_an_empty_input(name, data):
    for shown in (*fuzz.READERS[name][1], data):
        fuzz.tried(name, shown)


def test_an_exception_of_python_or_a_long_time_is_a_finding(monkeypatch):
    def stumbles(_data):
        raise KeyError("x")

    monkeypatch.setitem(fuzz.READERS, "row", (stumbles, ()))
    with pytest.raises(KeyError):
        fuzz.tried("row", b"")
    monkeypatch.setitem(fuzz.READERS, "row", (lambda _: None, ()))
    monkeypatch.setattr(fuzz, "SLOW", -1.0)
    with pytest.raises(TimeoutError):
        fuzz.tried("row", b"")


@pytest.mark.skipif(util.find_spec("atheris") is None, reason="atheris is not installed")
def test_the_fuzzer_runs_and_finds_nothing(tmp_path):
    command = [sys.executable, "-m", "contract_tests.reliability.fuzz", "token", "--seconds", "2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 (our own command)
    assert done.returncode == 0, done.stdout
    assert "token: Done" in done.stdout

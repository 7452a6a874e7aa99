"""Whatever is installed, discovery reports on all of it and loads what is good."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bizosaas_xero.host import discover

GOOD = """
from bizosaas_xero.spec import hookimpl
@hookimpl
def auth(request): pass
@hookimpl
def sync_entity(connection, entity, cursor, options): pass
@hookimpl
def list_actions(connection): return []
@hookimpl
def run_action(connection, action, params, control): pass
"""
DESCRIBED = """
@hookimpl(optionalhook=True)
def describe():
    return {"name": "n", "title": "N", "version": "1", "spec": "%s", "summary": "", "entities": [],
            "auth": {"kinds": []}}
"""
PROGRAM = """
import json, sys
from bizosaas_xero.host import discover
names, disabled = json.loads(sys.argv[1])
report = discover(names, disabled)
print(json.dumps({"loaded": sorted(report.loaded), "rows": [vars(row) for row in report.rows]}))
"""


class Shelf:
    """A folder of fake distributions, looked at by a fresh process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = os.environ | {"PYTHONPATH": str(folder), "HOME": str(folder / "home")}

    def add(self, name: str, code: str, *, dist: str | None = None, target: str | None = None) -> None:
        module = f"plugin_{name}_{dist or ''}".replace("-", "_")
        (self.folder / f"{module}.py").write_text(code)
        dist = dist or f"dist-{name}"
        info = self.folder / f"{dist.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[bizosaas.connectors]\n{name} = {(target or '{}').format(module)}\n")

    def discover(self, names=None, disabled=()):
        command = [sys.executable, "-c", PROGRAM, json.dumps([names, list(disabled)])]
        done = subprocess.run(  # noqa: S603 (our own program)
            command, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        return result["loaded"], {row["name"]: row for row in result["rows"]}, result["rows"]


@pytest.fixture
def plugin_shelf(tmp_path):
    return Shelf(tmp_path)


BAD = {
    "raises": ("raise RuntimeError('no licence\\nmore')", None, "RuntimeError: no licence"),
    "asserts": ("assert 1 == 2, 'sums are off'", None, "AssertionError: sums are off"),
    "exits": ("import sys; sys.exit(3)", None, "it tried to end the program"),
    "imports": ("import nothing_of_this_name", None, "No module named 'nothing_of_this_name'"),
    "syntax": ("def def", None, "SyntaxError"),
    "a-class": (GOOD + "class Plugin: pass", "{}:Plugin", "is a class; the entry point of a connector names"),
    "instance": (GOOD + "class P: pass\np = P()", "{}:p", "is a P object, not a module"),
    "absent": (GOOD, "{}:nothing", "AttributeError"),
    "extra-name": (GOOD.replace("def auth(request)", "def auth(request, more)"), None, "'more'"),
    "misspelt": (GOOD + "@hookimpl\ndef auht(request): pass", None, "auht"),
    "default": (
        GOOD.replace("entity, cursor, options", "entity, cursor, options=None"),
        None,
        "'sync_entity' gives a default to: options",
    ),
    "lacks": (GOOD.replace("@hookimpl\ndef auth(request): pass", ""), None, "lacks the hook 'auth'"),
    "unmarked": (GOOD.replace("@hookimpl", ""), None, "is it marked with @hookimpl?"),
    "coroutine": (GOOD.replace("def auth", "async def auth"), None, "'auth' is async; hooks are synchronous"),
    "future": (GOOD + DESCRIBED % "2", None, "it speaks version 2 of the contract, this host version 1"),
    "vague": (GOOD + DESCRIBED.replace('"title": "N", ', "") % "1", None, "title"),
    "cancels": ("import asyncio\nraise asyncio.CancelledError", None, "CancelledError"),
}


def test_each_bad_connector_is_its_own_row_and_spoils_nothing(plugin_shelf):
    for name, (code, target, _) in BAD.items():
        plugin_shelf.add(name, code, target=target)
    plugin_shelf.add("good", GOOD + "print('noise while it is imported')")
    plugin_shelf.add("told", GOOD + DESCRIBED % "1")
    loaded, rows, _ = plugin_shelf.discover()
    assert loaded == ["good", "told", "xero"]
    for name, (_, _, reason) in BAD.items():
        row = rows[name]
        assert row["status"] == "failed", row
        assert reason in row["reason"]
        assert "\n" not in row["reason"]
        assert (row["distribution"], row["version"]) == (f"dist-{name}", "1.2")
    assert rows["good"]["target"] == "plugin_good_"
    assert rows["good"]["reason"] == ""


def test_two_distributions_of_one_name_are_both_refused_whatever_their_order(plugin_shelf):
    for dist in ("first", "second"):
        plugin_shelf.add("twice", GOOD, dist=dist)
        plugin_shelf.add(f"only-{dist}", GOOD)
    loaded, _, rows = plugin_shelf.discover()
    assert loaded == ["only-first", "only-second", "xero"]
    twice = [row for row in rows if row["name"] == "twice"]
    assert [row["status"] for row in twice] == ["duplicate", "duplicate"]
    assert {row["distribution"] for row in twice} == {"first", "second"}
    assert all("first 1.2" in row["reason"] and "second 1.2" in row["reason"] for row in twice)


def test_only_what_is_named_is_imported(plugin_shelf):
    plugin_shelf.add("wanted", GOOD)
    plugin_shelf.add("other", "raise SystemExit('imported')")
    plugin_shelf.add("off", "raise SystemExit('imported')")
    loaded, rows, _ = plugin_shelf.discover(["wanted", "gone", "off"], ["off"])
    assert loaded == ["wanted"]
    assert {name: row["status"] for name, row in rows.items()} == {
        "wanted": "loaded",
        "gone": "missing",
        "off": "disabled",
    }


@pytest.mark.parametrize("content", ["[bizosaas.connectors]\nno equals sign\n", "\udcff\udcfe[bizosaas"])
def test_a_distribution_with_damaged_metadata_hides_no_other(plugin_shelf, content):
    plugin_shelf.add("good", GOOD)
    plugin_shelf.add("damaged", GOOD)
    info = plugin_shelf.folder / "dist_damaged-1.2.dist-info" / "entry_points.txt"
    info.write_text(content, encoding="utf-8", errors="surrogateescape")
    loaded, rows, _ = plugin_shelf.discover()
    assert "good" in loaded
    assert "cannot be read" in rows["dist-damaged"]["reason"]


def test_a_home_that_cannot_be_written_does_not_matter(plugin_shelf):
    plugin_shelf.add("good", GOOD)
    (plugin_shelf.folder / "home").write_text("a file, so that nothing can be cached below it")
    assert "good" in plugin_shelf.discover()[0]


def test_ctrl_c_is_the_persons(plugin_shelf):
    plugin_shelf.add("slow", "raise KeyboardInterrupt")
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", PROGRAM, "[null, []]"], env=plugin_shelf.environ, capture_output=True, check=False
    )
    assert done.returncode != 0
    assert b"KeyboardInterrupt" in done.stderr


def test_the_xero_connector_is_found_in_this_very_environment():
    report = discover()
    assert report.connector("xero").describe().spec == "1"
    assert report.loaded["xero"].distribution == "bizosaas-xero"

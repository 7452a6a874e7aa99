"""A connector that is not Xero: it keeps the contract, is found together with ``xero``, and a host syncs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contract_tests.helpers.paths import ROOT
from contract_tests.selftest.test_broken import COMMAND, run

SHOP = Path(__file__).parent / "csvshop"

PROGRAM = """
import json, sys
from pathlib import Path
from bizosaas_xero.host import open_host, discover
from bizosaas_xero.spec import App
import csvshop_fixtures as shop

shop.reset()
with open_host(Path(sys.argv[1])) as host:
    app = App(client_id="csv", kind="custom")
    offer = host.connections.connect_custom_app("csvshop", app, shop.settings())
    kept = host.connections.choose(offer, settings=shop.settings())
    first = host.runner.sync(kept.id, "products")
    shop.change("products")
    second = host.runner.sync(kept.id, "products")
    found = {name: row.status for row in host.report.rows for name in [row.name]}
print(json.dumps({"found": found, "first": first.to_dict(), "second": second.to_dict()}))
"""


def about(site):
    """Say in a folder of installed things that the connector is one of them."""
    folder = site / "csvshop-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: csvshop\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[bizosaas.connectors]\ncsvshop = csvshop\n")


@pytest.fixture
def installed_newcomer(tmp_path):
    """The folder of a newcomer, installed as a distribution."""
    folder = tmp_path / "site"
    shutil.copytree(SHOP, folder, ignore=shutil.ignore_patterns("__pycache__"))
    about(folder)
    return folder


def test_it_keeps_the_contract():
    code, report = run(SHOP, "csvshop")
    assert code == 0, [row for row in report["rows"] if row["outcome"] not in {"passed", "skipped"}]


def test_the_page_leads_from_an_empty_folder_to_a_green_kit(tmp_path):
    page = (ROOT / "docs" / "write-a-connector.md").read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- file: ([\w.]+) -->\n\n```\w+\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    lines = 0
    for name, text in blocks:
        (tmp_path / name).write_text(text, encoding="utf-8")
        lines += sum(1 for line in text.splitlines() if line.strip())
    code, report = run(tmp_path, "csvshop")
    assert code == 0
    assert report["counts"]["passed"] > 200
    assert f"about {round(lines, -1)} lines" in page


def test_installed_as_a_package_it_is_checked_from_anywhere(tmp_path):
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    shutil.copytree(SHOP, site / "csvshop", ignore=shutil.ignore_patterns("__pycache__"))
    package = site / "csvshop"
    (package / "csvshop.py").rename(package / "__init__.py")
    (package / "contract.toml").write_text('transport = "none"\nfixtures = "csvshop_fixtures.py"\n')
    about(site)
    done = subprocess.run(  # noqa: S603 (our own command)
        [*COMMAND, "csvshop", "--json"], cwd=empty, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["ok"], report["broken"]
    assert (report["version"], report["scenarios"]) == ("1.0", 16)


def test_it_is_found_beside_xero_and_the_host_syncs_it(installed_newcomer, tmp_path):
    path = os.pathsep.join([str(installed_newcomer), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", PROGRAM, str(tmp_path / "home")],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["found"] == {"xero": "loaded", "csvshop": "loaded"}
    assert told["first"]["problem"] is told["second"]["problem"] is None
    assert told["first"]["new"] == 8
    assert (told["second"]["new"], told["second"]["changed"]) == (0, 1)

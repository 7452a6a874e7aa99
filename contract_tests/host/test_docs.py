"""What docs/hosting.md and docs/cli.md say is true (contract_tests/docs looks after their options)."""

from __future__ import annotations

import re

import pytest

from bizosaas_xero.cli.output import EXIT_CODES
from contract_tests.helpers.paths import ROOT

pytestmark = pytest.mark.xero_sandbox(invoices=20)

DOCS = ROOT / "docs"


def test_the_example_of_the_embedded_host_runs(shared_sandbox_server, tmp_path, monkeypatch):
    credentials = shared_sandbox_server.info["apps"]["web"]
    for name in ("api_url", "identity_url", "login_url"):
        monkeypatch.setenv(f"XERO_{name.upper()}", shared_sandbox_server.info[name])
    monkeypatch.setenv("BIZOSAAS_HOME", str(tmp_path))
    source = re.search(r"^```python\n(.*?)^```", (DOCS / "hosting.md").read_text(), re.MULTILINE | re.DOTALL)[1]
    source = source.replace('client_id="..."', f'client_id="{credentials["client_id"]}"')
    source = source.replace('client_secret="..."', f'client_secret="{credentials["client_secret"]}"')
    source = source.replace("https://shop.example/callback", "http://localhost:1/callback")
    source = source.replace("finish_consent(callback_url)", "finish_consent(consent(url))")
    known = {
        "consent": shared_sandbox_server.sandbox.consent,
        "organisation_id": shared_sandbox_server.info["organisations"][0]["id"],
    }
    exec(source, known)  # noqa: S102 (our own documentation)
    assert known["outcome"].problem is None
    assert known["outcome"].new > 0


def test_every_exit_code_is_told():
    text = (DOCS / "cli.md").read_text()
    for code, meaning in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in text

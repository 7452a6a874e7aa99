"""What is not known about Xero may be either way: the tests hold under every setting of every switch.

A test that is about one setting sets it itself, so it means the same in every run.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bizosaas_xero.sandbox.apps import Switches

ROOT = Path(__file__).parents[2]

CONNECT = ("xero/test_auth.py", "xero/test_auth_tokens.py", "xero/test_auth_keeping.py",
           "sandbox/test_identity.py", "sandbox/test_sdk.py")  # fmt: skip
READ = ("xero/test_sync.py", "xero/test_faults.py", "strangers", "sandbox/test_lists.py",
        "actions/test_aged.py", "actions/test_reads.py", "actions/test_reconcile.py")  # fmt: skip
REPORT = ("sandbox/test_reports_statements.py", "sandbox/test_reports_debts.py", "sandbox/test_peers_sdk.py",
          "sandbox/test_peers_pyxero.py", "actions/test_aged.py", "actions/test_balance_sheet.py",
          "actions/test_pnl.py")  # fmt: skip
# these ask no sandbox for anything that a switch decides
APART = {f"actions/test_{name}.py" for name in ("ageing", "reconcile_files", "reconcile_matching")}
ACT = sorted({f"actions/{path.name}" for path in (ROOT / "contract_tests/actions").glob("test_*.py")}
             - APART - {*READ, *REPORT})  # fmt: skip
WRITE = (*ACT, "sandbox/test_writes_invoices.py", "sandbox/test_sdk.py", "sandbox/test_peers_pyxero.py")
SETTLE = (*ACT, "sandbox/test_writes_money.py", "sandbox/test_writes_bank.py", "sandbox/test_writes_rules.py",
          "sandbox/test_histories.py")  # fmt: skip
HEAR = ("sandbox/test_webhooks.py", "sandbox/test_webhooks_served.py")

# which tests a switch can matter to
ABOUT = {
    "ims_inclusive": (*READ, "sandbox/test_peers_pyxero.py"),
    "not_modified_304": (*READ, "sandbox/test_peers_pyxero.py"),
    "invalid_client_status": CONNECT,
    "refused_scope_as": CONNECT,
    "web_pkce": CONNECT,
    "missing_scope_status": (*CONNECT, *READ, "sandbox/test_access.py"),
    "multi_select": (*CONNECT, "strangers"),
    "custom_scope_required": CONNECT,
    "write_ms_dates": WRITE,
    "reconciled_delete": SETTLE,
    "batch_delete": SETTLE,
    "allocation_moves_stamp": (*SETTLE, *READ),
    "body_cap": WRITE,
    "reports_role_status": (*CONNECT, *REPORT),
    "report_periods_max": REPORT,
    "report_blanks": REPORT,
    "aged_dates": REPORT,
    "webhook_casing": HEAR,
    "webhook_payment_category": HEAR,
    "webhook_invoice_on_payment": HEAR,
}
# all at once: those, and what takes longest
EVERY = sorted(
    {
        "host/test_with_xero.py",
        "sandbox/test_reports.py",
        "sandbox/test_reports_sums.py",
        *(path for paths in ABOUT.values() for path in paths),
    }
)
OTHERWISE = [
    (name, choice)
    for name, choices in Switches().choices().items()
    for choice in choices
    if choice != Switches().settings()[name]
]


def test_every_switch_has_tests():
    assert set(ABOUT) == set(Switches().settings()) == {name for name, _ in OTHERWISE}
    assert [path for path in EVERY if not (ROOT / "contract_tests" / path).exists()] == []


def hold(paths, **settings):
    """Run tests in a process of their own, with these settings in every sandbox they start."""
    run = subprocess.run(  # noqa: S603 - our own tests
        [sys.executable, "-m", "pytest", "-q", "-p", "contract_tests.sandbox.switched",
         *(f"contract_tests/{path}" for path in dict.fromkeys(paths))],
        cwd=ROOT, env=os.environ | {"SANDBOX_SWITCHES": json.dumps(settings)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr
    started = re.search(r"sandboxes with switches turned: (\d+)", run.stdout)
    assert started, run.stdout
    assert int(started[1]) > 0
    print(f"{settings}: {run.stdout.splitlines()[-1]}")  # noqa: T201 - the figures


@pytest.mark.slow
@pytest.mark.parametrize(("name", "choice"), OTHERWISE)
def test_one_switch_otherwise(name, choice):
    hold(ABOUT[name], **{name: choice})


@pytest.mark.slow
def test_every_switch_otherwise():
    hold(EVERY, **dict(OTHERWISE))

"""What is not known about Xero may be either way: the tests hold under every setting of every switch.

A test that is about one setting sets it itself, so it means the same in every run.
"""

import itertools
import json
import os
import re
import subprocess
import sys

import pytest

from bizosaas_xero.sandbox.switches import Switches
from contract_tests.helpers.paths import ROOT

CONNECT = (
    "connector/auth/test_consent.py",
    "connector/auth/test_token_endpoint.py",
    "connector/auth/test_organisations_and_disconnect.py",
    "sandbox/oauth/test_endpoints.py",
    "sandbox/test_sdk.py",
)
READ = (
    "connector/sync/test_sync.py",
    "connector/http/test_faults.py",
    "hosts/test_independent_host.py",
    "sandbox/queries/test_lists.py",
    "connector/actions/reports/test_get_aged.py",
    "connector/actions/test_lookups.py",
    "connector/actions/bank/test_reconcile_bank_feeds.py",
)
REPORT = (
    "sandbox/reports/test_layout.py",
    "sandbox/reports/test_aged.py",
    "sandbox/test_peers_sdk.py",
    "sandbox/test_peers_pyxero.py",
    "connector/actions/reports/test_get_aged.py",
    "connector/actions/reports/test_get_balance_sheet.py",
    "connector/actions/reports/test_generate_pnl_report.py",
)
# these ask no sandbox for anything that a switch decides
ACTIONS = "connector/actions"
APART = {f"{ACTIONS}/{name}.py" for name in ("reports/test_ageing", "bank/test_statement_files", "bank/test_matching")}
ALL_ACTIONS = {
    path.relative_to(ROOT / "contract_tests").as_posix()
    for path in (ROOT / "contract_tests" / ACTIONS).rglob("test_*.py")
}
ACT = sorted(ALL_ACTIONS - APART - {*READ, *REPORT})
WRITE = (*ACT, "sandbox/writes/test_invoices.py", "sandbox/test_sdk.py", "sandbox/test_peers_pyxero.py")
SETTLE = (
    *ACT,
    "sandbox/writes/test_payments.py",
    "sandbox/writes/test_bank.py",
    "sandbox/writes/test_rules.py",
    "sandbox/test_histories.py",
)
HEAR = ("sandbox/webhooks/test_subscriptions.py", "sandbox/webhooks/test_delivery.py")

# which tests a switch can matter to
ABOUT = {
    "ims_inclusive": (*READ, "sandbox/test_peers_pyxero.py"),
    "not_modified_304": (*READ, "sandbox/test_peers_pyxero.py"),
    "invalid_client_status": CONNECT,
    "refused_scope_as": CONNECT,
    "web_pkce": CONNECT,
    "missing_scope_status": (*CONNECT, *READ, "sandbox/oauth/test_access.py"),
    "multi_select": (*CONNECT, "hosts/test_independent_host.py"),
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
# switches of the form of answers: test_recorded_forms.py proves the forms, and the connector is run under these
_REPORTS = tuple(f"connector/actions/reports/test_{name}.py" for name in ("get_balance_sheet", "generate_pnl_report"))
_LISTS = (
    "connector/sync/test_sync.py",
    "connector/actions/reports/test_get_aged.py",
    "connector/actions/bank/test_reconcile_bank_feeds.py",
)
_WRITES = (
    "connector/actions/invoices/test_create_invoice.py",
    "connector/actions/payments/test_mark_invoice_paid.py",
    "connector/actions/contacts/test_create_contact.py",
)
FORMS = {
    "sparse": (*_LISTS, *_WRITES),
    "advances": _LISTS,
    "batch_total": _LISTS,
    "transfers_in_lists": _LISTS,
    "partial_batch": _WRITES,
    "refused_ids": _WRITES,
    "earnings_id": _REPORTS,
    "report_amounts": _REPORTS,
    "report_dates": _REPORTS,
    "report_dialect": _REPORTS,
}
# only their forms are proved: these tests count calls and rows, and compare dates as the sandbox spells them
SHOWN = {
    "employees",
    "high_volume_rows",
    "journal_totals",
    "offset_dates",
    "pagination",
    "webhook_body",
    "webhook_times",
}
# all at once: those, and what takes longest
EVERY = sorted(
    {
        "host/test_with_xero.py",
        "sandbox/reports/test_endpoint.py",
        "sandbox/reports/test_sums.py",
        *(path for paths in ABOUT.values() for path in paths),
    }
)
OTHERWISE = [
    (name, choice)
    for name, choices in Switches().choices().items()
    for choice in choices
    if choice != Switches().settings()[name] and name not in SHOWN
]


def test_every_switch_has_tests():
    assert {*ABOUT, *FORMS} == {name for name, _ in OTHERWISE}
    assert {*ABOUT, *FORMS, *SHOWN} == set(Switches().settings())
    shown = (ROOT / "contract_tests" / "sandbox" / "test_recorded_forms.py").read_text(encoding="utf-8")
    assert [name for name in {*FORMS, *SHOWN} if f'"{name}"' not in shown] == []
    assert [path for path in EVERY if not (ROOT / "contract_tests" / path).exists()] == []


def hold(paths, **settings):
    """Run tests in a process of their own, with these settings in every sandbox they start."""
    line = run_with("sandbox_switches", r"sandboxes with switches turned: (\d+)", paths, SANDBOX_SWITCHES=settings)
    print(f"{settings}: {line}")  # noqa: T201 - the figures


def run_with(plugin, counted, paths, **given):
    """Run tests in a process of their own with a plugin of the helpers, which must count something."""
    run = subprocess.run(  # noqa: S603 - our own tests
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            f"contract_tests.helpers.{plugin}",
            *(f"contract_tests/{path}" for path in dict.fromkeys(paths)),
        ],
        cwd=ROOT,
        env=os.environ | {name: json.dumps(value) for name, value in given.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr
    count = re.search(counted, run.stdout)
    assert count, run.stdout
    assert int(count[1]) > 0
    return run.stdout.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "choice"), OTHERWISE)
def test_the_tests_pass_with_one_switch_changed(name, choice):
    hold({**ABOUT, **FORMS}[name], **{name: choice})


@pytest.mark.slow
def test_the_tests_pass_with_every_switch_changed():
    hold(EVERY, **{name: choice for name, choice in OTHERWISE if name in ABOUT})


# reading, actions and reports, each in one quick file
QUICK = (
    "connector/actions/test_lookups.py",
    "connector/actions/contacts/test_create_contact.py",
    "connector/actions/reports/test_get_balance_sheet.py",
)
RECORDED = (
    QUICK,
    _LISTS,
    (*_WRITES, *(path for path in ACT if "/invoices/" in path or "/payments/" in path)),
    _REPORTS,
)
FREE = {name: choices for name, choices in Switches().choices().items() if name in {*ABOUT, *FORMS}}


def pairs_of(settings):
    """Return each pair of settings of two switches."""
    return {frozenset(pair) for pair in itertools.combinations(settings.items(), 2)}


def pairwise(choices):
    """Return settings of all switches in which each two choices of two switches come together at least once."""
    names = sorted(choices)
    missing = {
        frozenset(((one, first), (other, second)))
        for one, other in itertools.combinations(names, 2)
        for first in choices[one]
        for second in choices[other]
    }
    rows = []
    while missing:
        row = dict(next(iter(sorted(missing, key=lambda pair: sorted(map(repr, pair))))))
        for name in names:
            if name not in row:
                row[name] = max(choices[name], key=lambda value: len(pairs_of({**row, name: value}) & missing))
        missing -= pairs_of(row)
        rows.append(row)
    return rows


def test_pairwise_settings_hold_each_pair():
    rows = pairwise(FREE)
    assert len(rows) <= 30
    for one, other in itertools.combinations(FREE, 2):
        assert {(row[one], row[other]) for row in rows} == set(itertools.product(FREE[one], FREE[other]))


def test_reading_actions_and_reports_hold_with_every_switch_the_other_way():
    hold(QUICK, **{name: choices[-1] for name, choices in FREE.items()})


@pytest.mark.slow
@pytest.mark.parametrize("paths", RECORDED, ids=lambda paths: paths[0].rpartition("/")[2])
def test_reading_actions_and_reports_hold_in_recorded_forms(paths):
    """A proxy rewrites every answer: into the forms that stand in it, and those of `XERO_RECORDINGS`, if it is set."""
    print(run_with("recorded_answers", r"rows in recorded forms: (\d+)", paths))  # noqa: T201 - the figures


@pytest.mark.slow
@pytest.mark.parametrize("row", pairwise(FREE), ids=lambda row: "-".join(map(str, row.values())))
def test_reading_actions_and_reports_hold_pairwise(row):
    hold(QUICK, **row)

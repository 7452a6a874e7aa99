"""Xero's own SDK, unmodified, reads every report."""

import datetime as dt

import pytest

pytest.importorskip("xero_python")
from xero_python.exceptions import AccountingBadRequestException

from contract_tests.sandbox.reports.test_endpoint import SCOPES

pytestmark = pytest.mark.scopes(SCOPES)


CALLS = {
    "profit_and_loss": {"from_date": dt.date(2026, 1, 1), "to_date": dt.date(2026, 3, 31), "periods": 2,
                        "timeframe": "QUARTER", "payments_only": True},
    "balance_sheet": {"date": "2026-03-31", "periods": 3, "timeframe": "MONTH", "standard_layout": True},
    "trial_balance": {"date": dt.date(2026, 3, 31), "payments_only": False},
    "bank_summary": {"from_date": dt.date(2026, 1, 1), "to_date": dt.date(2026, 3, 31)},
    "executive_summary": {"date": dt.date(2026, 3, 31)},
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_the_sdk_reads_a_report(name, sdk_api, client):
    call = getattr(sdk_api, f"get_report_{name}")
    for arguments in ({}, CALLS[name]):
        (report,) = call(client.tenant, **arguments).reports
        assert report.rows[0].row_type.value == "Header"
        rows = [row for section in report.rows[1:] for row in section.rows]
        assert rows
        assert {len(row.cells) for row in rows} == {len(report.rows[0].cells)}
        assert isinstance(rows[0].cells[-1].value, str)


@pytest.mark.parametrize("side", ["receivables", "payables"])
def test_the_sdk_reads_an_aged_report(side, sdk_api, client):
    contact = client.rows("Contacts", page=1)[0]["ContactID"]
    call = getattr(sdk_api, f"get_report_aged_{side}_by_contact")
    (report,) = call(client.tenant, contact, date=dt.date(2026, 3, 31)).reports
    assert report.rows[1].rows[0].cells[1].value == "Opening Balance"


def test_the_sdk_understands_a_refusal(sdk_api, client, sandbox_server):
    sandbox_server.sandbox.switches.set("report_periods_max", 11)
    with pytest.raises(AccountingBadRequestException) as refused:
        sdk_api.get_report_profit_and_loss(client.tenant, periods=99)
    assert "between 1 and 11" in str(refused.value)

"""Reports of seeded books: who may see them, their shape, their refusals."""

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bizosaas_xero.sandbox.reports.endpoint import ReportsApi
from bizosaas_xero.sandbox.reports.registry import REPORTS
from contract_tests.helpers.sandbox_client import schema

SCOPES = "offline_access accounting.contacts.read accounting.settings.read " + " ".join(
    sorted({f"accounting.reports.{report.scope}.read" for report in REPORTS.values()})
)


@pytest.fixture
def report_reader(make_client):
    return make_client().connect(scope=SCOPES)


def asked(client, key, **query):
    if key.startswith("Aged"):
        query.setdefault("contactID", client.rows("Contacts", page=1)[0]["ContactID"])
    return client.get(f"Reports/{key}", **query)


QUERIES = {
    "ProfitAndLoss": (
        {"periods": 3, "timeframe": "QUARTER"},
        {"paymentsOnly": "true", "standardLayout": "true"},
    ),
    "BalanceSheet": ({"date": "2026-02-10", "periods": 11}, {"paymentsOnly": "true"}),
    "TrialBalance": ({"date": "2026-04-01", "paymentsOnly": "true"},),
    "AgedReceivablesByContact": ({"date": "2026-04-01", "fromDate": "2026-01-01"},),
    "AgedPayablesByContact": ({"toDate": "2030-01-01"},),
    "BankSummary": ({"fromDate": "2026-01-01", "toDate": "2026-03-31"},),
    "ExecutiveSummary": ({"date": "2026-04-01"},),
}


@pytest.mark.parametrize("key", REPORTS)
def test_answers_of_reports_conform(key, report_reader, xero_openapi):
    published = schema("ReportWithRows")
    for query in ({}, *QUERIES[key]):
        answer = asked(report_reader, key, **query)
        assert answer.status_code == 200, answer.text
        assert [error.message for error in published.iter_errors(answer.json())] == []
        (report,) = answer.json()["Reports"]
        assert (report["ReportID"], report["ReportType"]) == (key, key)
        assert report["Rows"][0]["RowType"] == "Header"
        width = len(report["Rows"][0]["Cells"])
        inner = [row for section in report["Rows"][1:] for row in section["Rows"]]
        assert inner
        assert {len(row["Cells"]) for row in inner} == {width}
        assert all(isinstance(cell.get("Value", ""), str) for row in inner for cell in row["Cells"])
    broken = answer.json()
    broken["Reports"][0]["Rows"][-1]["Rows"][0]["Cells"] = [{"Value": 5}]
    assert not published.is_valid(broken)


def attributes(report):
    """Row type, section title, name, and the ids of each cell."""
    for section in report["Rows"][1:]:
        for row in section["Rows"]:
            ids = [[a["Id"] for a in cell.get("Attributes", [])] for cell in row["Cells"]]
            yield row["RowType"], row["Cells"][0]["Value"], ids


def test_attributes_differ_by_report_as_at_xero(report_reader, sandbox_server):
    (profit,) = asked(report_reader, "ProfitAndLoss", fromDate="2026-01-01", toDate="2026-12-31").json()["Reports"]
    for kind, name, ids in attributes(profit):
        assert ids == ([["account"]] * 2 if kind == "Row" and name not in {"Gross Profit", "Net Profit"} else [[], []])
    (sheet,) = asked(report_reader, "BalanceSheet").json()["Reports"]
    rows = {name: (kind, ids) for kind, name, ids in attributes(sheet)}
    assert rows["Net Assets"] == ("Row", [[], [], []])
    dated = ["account", "fromDate", "toDate"]
    assert rows["Current Year Earnings"] == rows["Retained Earnings"] == ("Row", [["account"], dated, dated])
    text = json.dumps(sheet)
    assert text.count("00000000-0000-0000-0000-000000000000") == 3
    assert re.search(r'"Value": "\d{1,2}/\d{1,2}/\d{4}", "Id": "toDate"', text)
    (bank,) = asked(report_reader, "BankSummary").json()["Reports"]
    assert next(ids for kind, _, ids in attributes(bank) if kind == "Row") == [
        ["accountID"],
        [],
        ["account"],
        ["account"],
        [],
    ]
    (aged,) = asked(report_reader, "AgedReceivablesByContact", contactID=debtor(sandbox_server)).json()["Reports"]
    assert {str(ids) for kind, name, ids in attributes(aged) if kind == "Row" and name} >= {str([["invoiceID"]] * 8)}


def debtor(sandbox_server):
    return next(
        row["Contact"]["ContactID"]
        for row in sandbox_server.sandbox.store().rows("Invoices")
        if row["Type"] == "ACCREC" and row["Status"] == "AUTHORISED"
    )


def test_currency_gains_are_one_row_outside_the_united_states(reported_sandbox):
    reports = ReportsApi(reported_sandbox)
    query = {"fromDate": "2026-04-01", "toDate": "2026-09-30"}
    text = json.dumps(reports.report("ProfitAndLoss", query))
    assert '"FXGROUPID"' in text
    assert "Unrealised FX Gains" not in text
    organisation = reported_sandbox.store().table("Organisation")
    before = organisation.row(organisation.by_id[0])
    organisation.put({**before, "CountryCode": "US"})
    text = json.dumps(reports.report("ProfitAndLoss", query))
    assert "FXGROUPID" not in text
    assert "Unrealised FX Gains" in text
    organisation.put(before)


def test_blank_cells_may_lack_their_value(report_reader, sandbox_server):
    sandbox_server.sandbox.switches.set("report_blanks", "absent")
    (report,) = asked(report_reader, "TrialBalance").json()["Reports"]
    cells = [cell for section in report["Rows"][1:] for row in section["Rows"] for cell in row["Cells"]]
    assert {"Value" in cell for cell in cells} == {True, False}
    assert all(cell.get("Value") != "" for cell in cells)
    assert all("Attributes" in cell for cell in cells if "Value" not in cell)


def test_dates_of_aged_reports_follow_the_switch(report_reader, sandbox_server):
    sandbox_server.sandbox.switches.set("aged_dates", "space")
    (report,) = asked(report_reader, "AgedReceivablesByContact").json()["Reports"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d 00:00:00", report["Rows"][1]["Rows"][0]["Cells"][0]["Value"])


@pytest.mark.parametrize("key", REPORTS)
def test_each_report_needs_its_scope(key, make_client, sandbox_server):
    sandbox_server.sandbox.switches.set("missing_scope_status", 401)
    own = f"accounting.reports.{REPORTS[key].scope}.read"
    contact = {"contactID": "00000000-0000-0000-0000-000000000001"}
    missing = SCOPES.replace(own, "")
    refused = make_client().connect(scope=missing).get(f"Reports/{key}", **contact)
    assert refused.status_code == 401
    assert "insufficent_scope" in refused.headers["www-authenticate"]
    for app, scope in (("web", own), ("legacy", "accounting.reports.read")):
        answer = make_client(app).connect(scope=f"offline_access {scope}")
        assert answer.get(f"Reports/{key}", **contact).status_code == (404 if key.startswith("Aged") else 200)


@pytest.mark.parametrize("status", [403, 401])
def test_a_person_without_the_reporting_role_is_refused(make_client, sandbox_server, status):
    sandbox_server.sandbox.switches.set("reports_role_status", status)
    clerk = make_client().connect(scope=SCOPES, user="clerk")
    answer = asked(clerk, "TrialBalance")
    assert answer.status_code == status
    assert "reporting role" in answer.json()["Detail"]
    assert "www-authenticate" not in answer.headers
    assert clerk.get("Contacts").status_code == 200


@pytest.mark.parametrize(
    ("key", "query", "words"),
    [
        ("ProfitAndLoss", {"fromDate": "2025-01-01", "toDate": "2026-01-02"}, "within 365 days"),
        ("ProfitAndLoss", {"fromDate": "2026-02-01", "toDate": "2026-01-01"}, "after"),
        ("ProfitAndLoss", {"fromDate": "01/02/2026"}, "not a valid date"),
        ("ProfitAndLoss", {"periods": "12"}, "between 1 and 11"),
        ("ProfitAndLoss", {"periods": "0"}, "between 1 and 11"),
        ("ProfitAndLoss", {"periods": "2", "timeframe": "WEEK"}, "MONTH, QUARTER, YEAR"),
        ("ProfitAndLoss", {"trackingOptionID": "x"}, "trackingCategoryID must be provided"),
        ("ProfitAndLoss", {"trackingCategoryID": "x"}, "does not exist"),
        ("BalanceSheet", {"trackingOptionID1": "x"}, "does not exist"),
        ("BalanceSheet", {"date": "2026-02-30"}, "not a valid date"),
        ("AgedReceivablesByContact", {"contactID": ""}, "contactID must be provided"),
    ],
)
def test_wrong_parameters_are_refused(report_reader, sandbox_server, key, query, words):
    sandbox_server.sandbox.switches.set("report_periods_max", 11)
    answer = asked(report_reader, key, **query)
    assert answer.status_code == 400
    body = answer.json()
    assert (body["ErrorNumber"], body["Type"]) == (10, "ValidationException")
    assert words in body["Elements"][0]["ValidationErrors"][0]["Message"]


def test_a_profit_and_loss_may_span_365_days(report_reader, sandbox_server):
    assert asked(report_reader, "ProfitAndLoss", fromDate="2025-04-01", toDate="2026-04-01").status_code == 200
    sandbox_server.sandbox.switches.set("report_periods_max", 12)
    assert asked(report_reader, "ProfitAndLoss", periods=12).status_code == 200


def test_tracking_columns_are_limited(reported_sandbox):
    store, reports = reported_sandbox.store(), ReportsApi(reported_sandbox)
    rows = list(store.rows("TrackingCategories"))
    for row in rows:
        many = [{"TrackingOptionID": f"o{n}", "Name": f"Option {n}"} for n in range(40)]
        store.table("TrackingCategories").put({**row, "Options": many})
    one, two = (row["TrackingCategoryID"] for row in rows)
    with pytest.raises(ValueError, match="1000 tracking columns"):
        reports.report("ProfitAndLoss", {"trackingCategoryID": one, "trackingCategoryID2": two})
    with pytest.raises(ValueError, match="cannot be combined"):
        reports.report("ProfitAndLoss", {"trackingCategoryID": one, "periods": "2"})
    for row in rows:
        store.table("TrackingCategories").put(row)


def test_unknown_reports_and_contacts_are_404(report_reader):
    for path in ("Reports/Shoe", "Reports", "Reports/BudgetSummary"):
        assert report_reader.get(path).status_code == 404
    assert asked(report_reader, "AgedPayablesByContact", contactID="shoe").status_code == 404
    answer = report_reader.http.post("/api.xro/2.0/Reports/TrialBalance", headers=report_reader.headers())
    assert answer.status_code == 405


def test_reports_count_against_the_limits(report_reader, sandbox_server):
    left = int(asked(report_reader, "TrialBalance").headers["x-minlimit-remaining"])
    assert int(asked(report_reader, "trialbalance").headers["x-minlimit-remaining"]) == left - 1
    sandbox_server.sandbox.limits.enforce, sandbox_server.sandbox.limits.per_minute = True, 0
    assert asked(report_reader, "TrialBalance").status_code == 429


def test_each_organisation_has_its_own_reports(make_client, sandbox_server):
    client = make_client().connect(scope=SCOPES)
    client.connect(scope=SCOPES, organisations=[sandbox_server.info["organisations"][1]["id"]])
    names = set()
    for organisation in sandbox_server.info["organisations"][:2]:
        client.tenant = organisation["id"]
        names.add(asked(client, "TrialBalance").json()["Reports"][0]["ReportTitles"][1])
    assert names == {organisation["name"] for organisation in sandbox_server.info["organisations"][:2]}


def test_a_long_report_does_not_block_other_calls(report_reader, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def slow(_):
        begun.set()
        assert go_on.wait(20)
        return ["Slow"], []

    monkeypatch.setitem(REPORTS, "TrialBalance", REPORTS["TrialBalance"]._replace(make=slow))
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(asked, report_reader, "TrialBalance")
        assert begun.wait(20)
        assert report_reader.get("Accounts").status_code == 200
        go_on.set()
        assert waiting.result().json()["Reports"][0]["ReportTitles"] == ["Slow"]

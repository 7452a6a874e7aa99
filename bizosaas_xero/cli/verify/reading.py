"""The assumptions that reading decides: each function makes a few calls, and notes what they show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from bizosaas_xero.cli.verify.caller import Answer, Caller
from bizosaas_xero.cli.verify.findings import Findings
from bizosaas_xero.connector.records.decode import parse_timestamp
from bizosaas_xero.connector.sync.entities import ENTITIES
from bizosaas_xero.sandbox.core.guids import sql_sort_key

_PAGE = 50
_MANY_ROWS = 100_000
_FEW_CALLS = 1000
_SEPTEMBER, _LAST_DAY = 9, 30
_EARNINGS = re.compile(r"current year earnings|net income|current period", re.IGNORECASE)
_ZERO_ID = "00000000-0000-0000-0000-000000000000"
_STRANGE_ID = "abababab-abab-abab-abab-abababababab"
_SPARSE_FIELDS = ("CreditNotes", "Payments", "AmountCredited", "UpdatedDateUTCString")
# paths whose scope a sign-in may lack
_SCOPED = (
    ("ManualJournals", "accounting.manualjournals"),
    ("Reports/BankSummary", "accounting.reports.banksummary"),
    ("Budgets", "accounting.budgets"),
    ("Journals", "accounting.journals"),
)


class App(NamedTuple):
    """The app of the sign-in, as far as ``verify`` needs it."""

    client_id: str
    kind: str
    secret: str | None


def look(xero: Caller, found: Findings, scopes: tuple[str, ...], app: App, now: datetime) -> None:
    """Make every reading call.

    Raises:
        OutOfCalls: The calls are used up.
        ConnectorError: Xero refuses every call, or does not answer.
    """
    steps: tuple[Callable[[], None], ...] = (
        partial(_sign_in, xero, found, scopes, app),
        partial(_lists, xero, found),
        partial(_pages, xero, found),
        partial(_changes, xero, found, now),
        partial(_second_lists, xero, found),
        partial(_journals, xero, found, scopes),
        partial(_reports, xero, found, now.date()),
    )
    for number, step in enumerate(steps, 1):
        try:
            step()
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            # What is unlike anything we know must not hide the rest.
            found.strange[f"step {number} of reading"] = type(error).__name__


def _sign_in(xero: Caller, found: Findings, scopes: tuple[str, ...], app: App) -> None:
    connections = xero.connections()
    rows = connections.body if isinstance(connections.body, list) else []
    events = [str(row.get("authEventId")) for row in rows if row.get("tenantType") == "ORGANISATION"]
    if len(events) > len(set(events)):
        found.decide("multi_select", True)
    found.seen["scopes"] = sorted(scopes)
    if app.secret:
        form = {"client_id": app.client_id, "client_secret": "not-the-secret"}
        answer = xero.token_request({"grant_type": "refresh_token", "refresh_token": "none", **form})
        if isinstance(answer.body, dict) and answer.body.get("error") == "invalid_client":
            found.decide("invalid_client_status", answer.status)
    if app.kind == "custom" and app.secret:
        form = {"client_id": app.client_id, "client_secret": app.secret}
        answer = xero.token_request({"grant_type": "client_credentials", **form})
        found.decide("custom_scope_required", answer.status != 200)  # noqa: PLR2004 (HTTP)
    for path, scope in _SCOPED:
        if not {scope, f"{scope}.read", "accounting.transactions", "accounting.reports.read"} & set(scopes):
            answer = xero.get(path)
            if answer.status in {401, 403}:
                found.decide("missing_scope_status", answer.status)
                break


def _lists(xero: Caller, found: Findings) -> None:
    organisation = next(iter(xero.get("Organisation").rows("Organisations")), {})
    for name in ("CountryCode", "Edition", "Class", "Version"):
        found.seen[f"organisation: {name}"] = organisation.get(name, "not sent")
    invoices: list[dict[str, Any]] = []
    for entity in ENTITIES.values():
        if entity.order is None:
            answer = xero.get(entity.path)
        else:
            where = {"where": entity.where} if entity.where else {}
            answer = xero.get(
                entity.path, order=f"{entity.order} ASC", page=1, pageSize=_PAGE, **where, **entity.params
            )
        rows = answer.rows(entity.path)
        ids = [sql_sort_key(str(row.get(entity.key, ""))) for row in rows]
        order = "" if entity.order is None else ", ordered by id" if ids == sorted(ids) else ", NOT ordered by id"
        found.seen[f"list: {entity.name}"] = f"{answer.status}{order if rows else ''}"
        _remaining(answer, found)
        if entity.path == "Invoices":
            invoices += rows
    if invoices:
        found.decide("sparse", any(name not in row for row in invoices for name in _SPARSE_FIELDS))
        offsets = re.findall(r"/Date\(-?\d+([+-]\d{4})\)/", " ".join(str(row.get("Date")) for row in invoices))
        found.decide("offset_dates", any(offset not in {"+0000", "-0000"} for offset in offsets))
        _one_document(xero, found, invoices[0])


def _remaining(answer: Answer, found: Findings) -> None:
    """Note which daily limit the organisation has."""
    left = answer.headers.get("X-DayLimit-Remaining", "")
    if left.isdecimal():
        found.seen["calls a day"] = "more than 1,000" if int(left) > _FEW_CALLS else "at most 1,000, or few are left"


def _pages(xero: Caller, found: Findings) -> None:
    first = xero.get("Invoices", page=1, pageSize=1, order="InvoiceID ASC")
    pagination = first.body.get("pagination") if isinstance(first.body, dict) else None
    if not isinstance(pagination, dict):
        if first.rows("Invoices"):
            found.decide("pagination", "missing")
        return
    count = int(pagination.get("itemCount") or 0)
    if count > 1:
        size = min(1000, (count + 1) // 2)
        last = xero.get("Invoices", page=-(-count // size), pageSize=size, order="InvoiceID ASC")
        sent = isinstance(last.body, dict) and "pagination" in last.body
        found.decide("pagination", "sent" if sent else "missing_last")
    clamped = xero.get("Invoices", page=1, pageSize=5000, where='Status=="DRAFT"')
    used = (clamped.body or {}).get("pagination", {}).get("pageSize") if isinstance(clamped.body, dict) else None
    found.seen["page size when 5000 is asked for"] = used
    wide = xero.get("Invoices", page=1, pageSize=1, where="IsDiscounted==false")
    refused = isinstance(wide.body, dict) and wide.body.get("Type") == "HighVolumeException"
    if refused == (count > _MANY_ROWS):
        found.decide("high_volume_rows", _MANY_ROWS)
    elif refused and count > _PAGE:
        found.decide("high_volume_rows", _PAGE)


def _changes(xero: Caller, found: Findings, now: datetime) -> None:
    later = (now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S")
    answer = xero.get("Invoices", since=later, page=1, pageSize=1)
    if answer.status in {200, 304} and not answer.rows("Invoices"):
        found.decide("not_modified_304", answer.status == 304)  # noqa: PLR2004 (HTTP)
    newest = xero.get("Invoices", page=1, pageSize=1, order="UpdatedDateUTC DESC").rows("Invoices")
    if newest:
        stamp = parse_timestamp(newest[0]["UpdatedDateUTC"]).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        again = xero.get("Invoices", since=stamp, page=1, pageSize=_PAGE, order="UpdatedDateUTC DESC")
        found.decide(
            "ims_inclusive", any(row.get("InvoiceID") == newest[0]["InvoiceID"] for row in again.rows("Invoices"))
        )


def _second_lists(xero: Caller, found: Findings) -> None:
    overpayments = {str(row.get("OverpaymentID")) for row in xero.get("Overpayments", page=1).rows("Overpayments")}
    if overpayments:
        listed = xero.get("Prepayments", page=1, pageSize=1000).rows("Prepayments")
        doubled = [
            row for row in listed if overpayments & {str(row.get("OverpaymentID")), str(row.get("PrepaymentID"))}
        ]
        named = all(row.get("PrepaymentID") for row in doubled)
        found.decide("advances", "apart" if not doubled else "with_id" if named else "without_id")
    batches = [row for row in xero.get("BatchPayments").rows("BatchPayments") if row.get("Payments")]
    if batches:
        more = any(Decimal(row["TotalAmount"]) > _paid(row) for row in batches)
        found.decide("batch_total", "with_overpayments" if more else "payments")
    transfers = [row for row in xero.get("BankTransfers").rows("BankTransfers") if row.get("Status") != "DELETED"]
    if transfers:
        sides = xero.get("BankTransactions", page=1, pageSize=1, where='Type=="SPEND-TRANSFER"')
        found.decide("transfers_in_lists", bool(sides.rows("BankTransactions")))
        side = xero.get(f"BankTransactions/{transfers[0].get('FromBankTransactionID')}")
        found.seen["a side of a transfer, by its id"] = side.status
    found.decide("employees", {404: "404", 200: "empty"}.get(xero.get("Employees").status, "other"))


def _journals(xero: Caller, found: Findings, scopes: tuple[str, ...]) -> None:
    names = {"accounting.manualjournals", "accounting.transactions"}
    if not (names | {f"{name}.read" for name in names}) & set(scopes):
        return
    rows = xero.get("ManualJournals", page=1, pageSize=1).rows("ManualJournals")
    if rows:
        places = [name in rows[0] for name in ("DebitTotal", "CreditTotal")]
        placed = all("SortOrder" in line for line in rows[0].get("JournalLines") or ())
        found.decide("journal_totals", "sent" if all(places) and placed else "absent")


def _paid(batch: Mapping[str, Any]) -> Decimal:
    return sum((Decimal(part.get("BankAmount", part["Amount"])) for part in batch["Payments"]), Decimal(0))


def _one_document(xero: Caller, found: Findings, invoice: Mapping[str, Any]) -> None:
    row = next(iter(xero.get(f"Invoices/{invoice['InvoiceID']}").rows("Invoices")), {})
    found.seen["contact of one invoice"] = "whole" if "ContactStatus" in (row.get("Contact") or {}) else "a stub"


def _reports(xero: Caller, found: Findings, today: date) -> None:
    september = date(today.year - (today < date(today.year, 10, 1)), _SEPTEMBER, _LAST_DAY)
    sheets = [_report(xero, "BalanceSheet", date=september.isoformat()), _report(xero, "BalanceSheet")]
    for sheet in filter(None, sheets):
        _layout(sheet, found)
    profit = xero.get("Reports/ProfitAndLoss", periods=12, timeframe="MONTH", fromDate=f"{today:%Y-%m}-01",
                      toDate=f"{today:%Y-%m}-28")  # fmt: skip
    if profit.status in {200, 400}:
        found.decide("report_periods_max", 12 if profit.status == 200 else 11)  # noqa: PLR2004 (HTTP)
    income = _report(xero, "ProfitAndLoss")
    if income and (income.get("ReportName") == "Income Statement"):
        found.decide("report_dialect", "2026")
    open_ones = xero.get("Invoices", page=1, pageSize=1, where='Type=="ACCREC" AND Status=="AUTHORISED"').rows(
        "Invoices"
    )
    if open_ones:
        aged = _report(xero, "AgedReceivablesByContact", contactID=open_ones[0]["Contact"]["ContactID"])
        values = [cell for row in _rows(aged or {}) for cell in _cells(row)]
        dated = re.search(r"\b\d{4}-\d\d-\d\d(.)00:00:00", " ".join(values))
        if dated:
            found.decide("aged_dates", {"T": "T", " ": "space"}.get(dated[1], dated[1]))


def _report(xero: Caller, name: str, **params: str) -> dict[str, Any] | None:
    return next(iter(xero.get(f"Reports/{name}", **params).rows("Reports")), None)


def _layout(sheet: dict[str, Any], found: Findings) -> None:
    """Note how a balance sheet is laid out and spelled."""
    rows = list(_rows(sheet))
    labels = {_cells(row)[0] for row in rows if row.get("Cells")} | {str(row.get("Title")) for row in rows}
    if "Liabilities and Equity" in labels:
        found.decide("report_dialect", "2026")
    elif "report_dialect" not in found.switches:
        found.decide("report_dialect", "classic" if "Total Assets" in labels else "statutory")
    body = [cell for row in rows if row.get("RowType") != "Header" for cell in row.get("Cells", ())[1:]]
    blanks = [cell for row in rows for cell in row.get("Cells", ()) if not cell.get("Value")]
    if blanks:
        found.decide("report_blanks", "empty" if "Value" in blanks[0] else "absent")
    texts = [str(cell.get("Value", "")) for cell in body]
    if any(re.fullmatch(r"\([\d,.]+\)|-", text) for text in texts):
        found.decide("report_amounts", "brackets")
    elif any(re.fullmatch(r"-[\d,.]+|0\.00", text) for text in texts):
        found.switches.setdefault("report_amounts", "minus")
    titles = " ".join(cell for row in rows if row.get("RowType") == "Header" for cell in _cells(row)[1:])
    _spelling(titles, found)
    for row in rows:
        if row.get("Cells") and _EARNINGS.search(_cells(row)[0]):
            ids = [each.get("Value") for cell in row["Cells"] for each in cell.get("Attributes") or ()
                   if str(each.get("Id")).lower() == "account"]  # fmt: skip
            kind = {_ZERO_ID: "zero", _STRANGE_ID: "abababab"}.get(ids[0], "an id of the chart") if ids else "absent"
            found.decide("earnings_id", kind)


def _spelling(titles: str, found: Findings) -> None:
    if re.search(r"[A-Z][a-z]{2,3} \d{1,2}, \d{4}", titles):
        found.decide("report_dates", "month_first")
    elif re.search(r"\d Sept \d", titles):
        found.decide("report_dates", "sept")
    elif re.search(r"\d Sep \d", titles):
        found.switches.setdefault("report_dates", "day_first")


def _rows(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for row in report.get("Rows") or ():
        yield row
        yield from row.get("Rows") or ()


def _cells(row: dict[str, Any]) -> list[str]:
    return [str(cell.get("Value", "")) for cell in row.get("Cells") or ()]

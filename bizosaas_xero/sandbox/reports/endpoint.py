"""`Reports/…`: access checks, and the answer around the rows of a report."""

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.http import errors
from bizosaas_xero.sandbox.oauth.tokens import AccessToken
from bizosaas_xero.sandbox.reports.dialect import apply_dialect
from bizosaas_xero.sandbox.reports.layout import format_long_date
from bizosaas_xero.sandbox.reports.registry import REPORTS, ReportError, ReportRequest
from bizosaas_xero.sandbox.reports.sums import LedgerSums

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company
    from bizosaas_xero.sandbox.state import SandboxState

_LEGACY_SCOPE = "accounting.reports.read"
_NO_ROLE_MESSAGE = "You are not permitted to access this resource without the reporting role or higher privileges."
_KEYS_BY_LOWER_NAME = {name.lower(): name for name in REPORTS}


class _DeferredResponse(Response):
    """A response that may take seconds to make: it is made in a thread while the server continues."""

    def __init__(self, make: Callable[[], Response]) -> None:
        super().__init__()
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make the response, and send it with the headers of this one."""
        response = await asyncio.to_thread(self._make)
        response.headers.update({name: value for name, value in self.headers.items() if name != "content-length"})
        await response(scope, receive, send)


class ReportsApi:
    """Answers requests for reports.

    Args:
        state: The state of the sandbox.
    """

    def __init__(self, state: "SandboxState") -> None:
        self._state = state
        self._sums: dict[tuple[str, str], tuple[tuple[int, ...], LedgerSums]] = {}
        self._lock = threading.Lock()

    def answer(  # noqa: PLR0911 - one return a refusal, in Xero's order
        self, request: Request, access: AccessToken, tenant: str, head: Row
    ) -> Response:
        """Answer one report request of a connected app."""
        state, key = self._state, _KEYS_BY_LOWER_NAME.get(str(request.path_params.get("key", "")).lower())
        if key is None:
            return errors.not_found()
        own = f"accounting.reports.{REPORTS[key].scope}.read"
        if own not in access.scopes and _LEGACY_SCOPE not in access.scopes:
            return errors.missing_scope(state.switches.missing_scope_status)
        refusal = state.limits.take_call(access.grant.app.client_id, tenant)
        if refusal is not None:
            return errors.too_many(refusal)
        if access.grant.user is not None and not access.grant.user.reports:
            return errors.problem(state.switches.reports_role_status, _NO_ROLE_MESSAGE)
        if request.method != "GET":
            return PlainTextResponse("Reports can only be read", 405)
        if "application/json" not in request.headers.get("accept", ""):
            return Response(xero_json.xml_envelope(head), media_type="text/xml")
        return _DeferredResponse(lambda: self._build_response(key, dict(request.query_params), tenant, head))

    def _build_response(self, key: str, query: Mapping[str, str], tenant: str, head: Row) -> Response:
        try:
            report = self.report(key, query, tenant)
        except ReportError as error:
            return _invalid_response(str(error))
        except KeyError:
            return errors.not_found()  # no such contact
        body = xero_json.envelope(head, "Reports", [xero_json.row_text(report).encode()])
        return Response(body, media_type="application/json; charset=utf-8")

    def report(self, key: str, query: Mapping[str, str], organisation: str | None = None) -> Row:
        """Return one report.

        Args:
            key: Its name in the path, such as `ProfitAndLoss`.
            query: Xero's parameters, in any case.
            organisation: The organisation; the first one by default.

        Raises:
            ReportError: A parameter is refused.
            KeyError: The organisation or contact is unknown.
        """
        store = self._state.store(organisation)
        lower = {name.lower(): value for name, value in query.items()}
        report_request = ReportRequest(store, lower, self._state.switches, lambda basis: self._load_sums(store, basis))
        with store.lock:
            titles, rows = REPORTS[key].make(report_request)
        report: Row = {
            "ReportID": key,
            "ReportName": REPORTS[key].name,
            "ReportType": key,
            "ReportTitles": titles,
            "ReportDate": format_long_date(store.today()),
            "UpdatedDateUTC": f"/Date({self._state.clock.server_ms()})/",
            "Fields": [],
            "Rows": rows,
        }
        apply_dialect(report, self._state.switches)
        if self._state.switches.report_blanks == "absent":
            _drop_blanks(report["Rows"])
        return report

    def _load_sums(self, store: "Company", basis: str) -> LedgerSums:
        """Return the sums of a basis, computed again only after a write."""
        with self._lock, store.lock:
            cache_key = store.organisation["OrganisationID"], basis
            version = tuple(table.version for table in store.tables.values())
            cached = self._sums.get(cache_key)
            if cached is None or cached[0] != version:
                cached = self._sums[cache_key] = version, LedgerSums(store, basis)
            return cached[1]


def _drop_blanks(rows: list[Row]) -> None:
    for row in rows:
        for cell in row.get("Cells", ()):
            if cell["Value"] == "":
                del cell["Value"]
        _drop_blanks(row.get("Rows", []))


def _invalid_response(message: str) -> Response:
    body = {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": [{"ValidationErrors": [{"Message": message}]}],
    }
    return Response(json.dumps(body, indent=2).replace("\n", "\r\n"), 400, media_type="application/json")

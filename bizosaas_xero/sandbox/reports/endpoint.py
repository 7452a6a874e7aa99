"""`Reports/…`: who may see which report, and the answer around its rows."""

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
from bizosaas_xero.sandbox.oauth.tokens import Access
from bizosaas_xero.sandbox.reports.layout import long_date
from bizosaas_xero.sandbox.reports.registry import REPORTS, Asked, ReportError
from bizosaas_xero.sandbox.reports.sums import Sums

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company
    from bizosaas_xero.sandbox.state import State

_LEGACY_SCOPE = "accounting.reports.read"
_NO_ROLE = "You are not permitted to access this resource without the reporting role or higher privileges."
_BY_NAME = {name.lower(): name for name in REPORTS}


class _Later(Response):
    """An answer that may take seconds: it is made beside everything else that the server does."""

    def __init__(self, make: Callable[[], Response]) -> None:
        super().__init__()
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make the answer, and send it with the headers that were given to this one."""
        made = await asyncio.to_thread(self._make)
        made.headers.update({name: value for name, value in self.headers.items() if name != "content-length"})
        await made(scope, receive, send)


class Reports:
    """Answers requests for reports.

    Args:
        state: What the sandbox remembers.
    """

    def __init__(self, state: "State") -> None:
        self._state = state
        self._sums: dict[tuple[str, str], tuple[tuple[int, ...], Sums]] = {}
        self._lock = threading.Lock()

    def answer(  # noqa: PLR0911 - one return a refusal, in Xero's order
        self, request: Request, access: Access, tenant: str, head: Row
    ) -> Response:
        """Answer one request of a connected app."""
        state, key = self._state, _BY_NAME.get(str(request.path_params.get("key", "")).lower())
        if key is None:
            return errors.not_found()
        own = f"accounting.reports.{REPORTS[key].scope}.read"
        if own not in access.scopes and _LEGACY_SCOPE not in access.scopes:
            return errors.missing_scope(state.switches.missing_scope_status)
        refusal = state.limits.take(access.family.app.client_id, tenant)
        if refusal is not None:
            return errors.too_many(refusal)
        if access.family.user is not None and not access.family.user.reports:
            return errors.problem(state.switches.reports_role_status, _NO_ROLE)
        if request.method != "GET":
            return PlainTextResponse("Reports can only be read", 405)
        if "application/json" not in request.headers.get("accept", ""):
            return Response(xero_json.xml(head), media_type="text/xml")
        return _Later(lambda: self._made(key, dict(request.query_params), tenant, head))

    def _made(self, key: str, query: Mapping[str, str], tenant: str, head: Row) -> Response:
        try:
            made = self.report(key, query, tenant)
        except ReportError as error:
            return _invalid(str(error))
        except KeyError:
            return errors.not_found()  # no such contact
        body = xero_json.envelope(head, "Reports", [xero_json.row_text(made).encode()])
        return Response(body, media_type="application/json; charset=utf-8")

    def report(self, key: str, query: Mapping[str, str], organisation: str | None = None) -> Row:
        """Return one report.

        Args:
            key: Its name in the path, such as `ProfitAndLoss`.
            query: Xero's parameters, in any case.
            organisation: Whose; the first one's by default.

        Raises:
            ReportError: A parameter is refused.
            KeyError: There is no such organisation or contact.
        """
        store = self._state.store(organisation)
        lower = {name.lower(): value for name, value in query.items()}
        asked = Asked(store, lower, self._state.switches, lambda basis: self._read(store, basis))
        with store.lock:
            titles, rows = REPORTS[key].make(asked)
        if self._state.switches.report_blanks == "absent":
            _drop_blanks(rows)
        return {
            "ReportID": key,
            "ReportName": REPORTS[key].name,
            "ReportType": key,
            "ReportTitles": titles,
            "ReportDate": long_date(store.today()),
            "UpdatedDateUTC": f"/Date({self._state.clock.server_ms()})/",
            "Fields": [],
            "Rows": rows,
        }

    def _read(self, store: "Company", basis: str) -> Sums:
        """Return the sums of a basis, made anew only when something was written since."""
        with self._lock, store.lock:
            place = store.organisation["OrganisationID"], basis
            version = tuple(table.version for table in store.tables.values())
            known = self._sums.get(place)
            if known is None or known[0] != version:
                known = self._sums[place] = version, Sums(store, basis)
            return known[1]


def _drop_blanks(rows: list[Row]) -> None:
    for row in rows:
        for cell in row.get("Cells", ()):
            if cell["Value"] == "":
                del cell["Value"]
        _drop_blanks(row.get("Rows", []))


def _invalid(words: str) -> Response:
    body = {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": [{"ValidationErrors": [{"Message": words}]}],
    }
    return Response(json.dumps(body, indent=2).replace("\n", "\r\n"), 400, media_type="application/json")

"""The Accounting API: access checks, lists, single rows and writes."""

from starlette.requests import Request
from starlette.responses import Response

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.guids import stable_guid
from bizosaas_xero.sandbox.core.table import Table
from bizosaas_xero.sandbox.http import errors, idempotency
from bizosaas_xero.sandbox.http.pdf import PRINTED, render_pdf
from bizosaas_xero.sandbox.ledger.company import Company
from bizosaas_xero.sandbox.oauth.tokens import AccessToken
from bizosaas_xero.sandbox.queries import lists
from bizosaas_xero.sandbox.queries.dialect import Dialect, dialect_of
from bizosaas_xero.sandbox.queries.endpoints import ENDPOINTS, Endpoint, row_shaper
from bizosaas_xero.sandbox.queries.filter_language import Comparison, QueryError
from bizosaas_xero.sandbox.queries.lists import HighVolumeError
from bizosaas_xero.sandbox.queries.mirrors import find_transfer, listed_table
from bizosaas_xero.sandbox.queries.single import complete_row
from bizosaas_xero.sandbox.reports.endpoint import ReportsApi
from bizosaas_xero.sandbox.state import SandboxState
from bizosaas_xero.sandbox.writes import dispatch, subresources
from bizosaas_xero.sandbox.writes.dispatch import WriteAnswer, WriteRequest
from bizosaas_xero.sandbox.writes.unit_of_work import UnitOfWork, WriteContext

_MAX_NUMBER_SEARCH = 100_000  # above, a single row is found by id only
MAX_URL_CHARS = 2100  # about 53 ids: reported to end as a 404


class AccountingApi:
    """The endpoints under `/api.xro/2.0/`.

    Args:
        state: The state of the sandbox.
    """

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self._reports = ReportsApi(state)

    async def handle(self, request: Request) -> Response:
        """Answer one call."""
        state = self._state
        access = state.find_token(request.headers.get("authorization", ""))
        if not isinstance(access, AccessToken):
            refusal = errors.token_expired(access) if access is not None else errors.unauthorised()
            refusal.headers["Xero-Correlation-Id"] = stable_guid(request.url.path, state.clock.now())
            return refusal
        app = access.grant.app
        tenant = (request.headers.get("xero-tenant-id") or app.organisation_id or "").lower()
        correlation = state.tokens.new_guid()
        body = b"" if request.method == "GET" else await request.body()
        response = self._answer(request, access, tenant, correlation, body)
        response.headers.update(
            {
                "Xero-Correlation-Id": correlation,
                "Cache-Control": "max-age=0, no-cache, no-store",
                **({"Xero-Tenant-Id": tenant} if tenant else {}),
                **state.limits.headers(app.client_id, tenant),
            }
        )
        return response

    def _answer(  # noqa: PLR0911 - one return a refusal, in Xero's order
        self, request: Request, access: AccessToken, tenant: str, correlation: str, body: bytes
    ) -> Response:
        state = self._state
        if len(str(request.url)) > MAX_URL_CHARS:
            return errors.not_found()
        if all(connection.tenant_id != tenant for connection in access.grant.connections.values()):
            return errors.not_connected()
        if all(organisation.id != tenant for organisation in state.organisations):
            return errors.not_connected()  # an accounting practice has no Accounting API
        head: xero_json.Row = {
            "Id": correlation,
            "Status": "OK",
            "ProviderName": access.grant.app.name,
            "DateTimeUTC": f"/Date({state.clock.server_ms()})/",
        }
        name = request.path_params["endpoint"].lower()
        if name == "reports":
            return self._reports.answer(request, access, tenant, head)
        endpoint = ENDPOINTS.get(name)
        if endpoint is None or (endpoint.name == "Employees" and state.switches.employees == "404"):
            return errors.not_found()
        if not scopes_allow(endpoint, access.scopes, write=request.method != "GET"):
            return errors.missing_scope(state.switches.missing_scope_status)
        refusal = state.limits.take_call(access.grant.app.client_id, tenant)
        if refusal is not None:
            return errors.too_many(refusal)
        part = request.path_params.get("part") or _is_actions_path(endpoint, request)
        if request.method != "GET" or (part and not _wants_pdf(endpoint, request)):
            return self._write(request, endpoint, access, tenant, body, head)
        return self._read(request, endpoint, access, state.store(tenant), head)

    def _read(
        self, request: Request, endpoint: Endpoint, access: AccessToken, books: Company, head: xero_json.Row
    ) -> Response:
        state = self._state
        if _wants_pdf(endpoint, request):
            return _pdf_response(endpoint, books, request.path_params["key"])
        if "application/json" not in request.headers.get("accept", ""):
            return Response(xero_json.xml_envelope(head), media_type="text/xml")
        dialect = dialect_of(state.switches, books)
        table = listed_table(books, state.switches, endpoint.name)
        with table.lock:
            own_ids = books.created_by.get((endpoint.name, access.grant.app.name), set())
            return self._read_rows(request, endpoint, books, table, head, frozenset(own_ids), dialect)

    def _write(
        self,
        request: Request,
        endpoint: Endpoint,
        access: AccessToken,
        tenant: str,
        body: bytes,
        head: xero_json.Row,
    ) -> Response:
        state, user, app = self._state, access.grant.user, access.grant.app
        if len(body) > state.switches.body_cap:
            return errors.too_large()
        books, params = state.store(tenant), dict(request.query_params)
        who = WriteContext(
            app.name, user is not None and user.practice is not None, lists.unit_price_places(params), state.switches,
            state.tokens.new_guid,
        )  # fmt: skip
        write_request = WriteRequest(
            request.method,
            request.path_params.get("key"),
            body,
            request.headers.get("content-type", ""),
            next((v for k, v in params.items() if k.lower() == "summarizeerrors"), "").lower() != "false",
        )

        def act() -> WriteAnswer:
            with books.lock:
                return self._apply(request, UnitOfWork(books, who), endpoint, write_request, head)

        key = request.headers.get("idempotency-key", "")
        if not key or request.method in {"GET", "DELETE"}:
            return _to_response(act())
        if len(key) > idempotency.MAX_KEY_CHARS:
            return errors.key_too_long(idempotency.MAX_KEY_CHARS)
        answer = state.idempotency.get_or_run(app.client_id, key, (request.method, str(request.url), body), act)
        return errors.key_reused(key) if answer is None else _to_response(answer)

    @staticmethod
    def _apply(
        request: Request, work: UnitOfWork, endpoint: Endpoint, write_request: WriteRequest, head: xero_json.Row
    ) -> WriteAnswer:
        part = request.path_params.get("part")
        if part:
            return subresources.answer_subresource(
                work, endpoint, write_request, head, part, request.path_params.get("part_key")
            )
        if _is_actions_path(endpoint, request):
            return subresources.organisation_actions(work, head)
        return dispatch.answer_write(work, endpoint, write_request, head)

    def _read_rows(
        self,
        request: Request,
        endpoint: Endpoint,
        books: Company,
        table: Table,
        head: xero_json.Row,
        own_ids: frozenset[str],
        dialect: Dialect,
    ) -> Response:
        key = request.path_params.get("key")
        if key is not None:
            slot = _find_single(endpoint, table, key)
            row = find_transfer(books, key) if endpoint.name == "BankTransactions" and slot is None else None
            if slot is not None:
                row = table.peek(slot)
            if row is None:
                return errors.not_found()
            price_places = lists.unit_price_places(request.query_params)
            row = row_shaper(endpoint, "single", price_places, dialect)(complete_row(books, endpoint.name, row))
            rows = [xero_json.row_text(row).encode()]
            return _json_response(xero_json.envelope(head, endpoint.plural_key, rows))
        switches = self._state.switches
        try:
            query = lists.parse_query(
                endpoint,
                table,
                dict(request.query_params),
                request.headers.get("if-modified-since"),
                inclusive=switches.ims_inclusive,
                own_ids=own_ids,
                max_rows=switches.high_volume_rows,
            )
            slots = self._state.lists.select(endpoint, table, query)
        except QueryError as error:
            return errors.query_error(str(error))
        except HighVolumeError:
            return errors.high_volume()
        if not slots and query.since is not None and switches.not_modified_304:
            return Response(status_code=304)
        rows, pagination = lists.render_page(endpoint, table, query, slots, dialect)
        if pagination is not None and _sends_pagination(switches.pagination, pagination):
            head = {**head, "pagination": pagination}
        return _json_response(xero_json.envelope(head, endpoint.plural_key, rows))


def scopes_allow(endpoint: Endpoint, granted: tuple[str, ...], *, write: bool) -> bool:
    """Return whether scopes allow an endpoint; the writing scope allows reading too."""
    return any(scope in granted or (not write and f"{scope}.read" in granted) for scope in endpoint.scopes)


def _sends_pagination(setting: str, pagination: xero_json.Row) -> bool:
    last = pagination["page"] >= pagination["pageCount"]
    return setting == "sent" or (setting == "missing_last" and not last)


def _is_actions_path(endpoint: Endpoint, request: Request) -> bool:
    """Return whether the address is that of the organisation's actions."""
    return (endpoint.name, str(request.path_params.get("key")).lower()) == ("Organisation", "actions")


def _wants_pdf(endpoint: Endpoint, request: Request) -> bool:
    """Return whether one document is asked for as a PDF, by the Accept header or the address."""
    part = str(request.path_params.get("part", "")).lower()
    asked = part == "pdf" or (not part and "application/pdf" in request.headers.get("accept", ""))
    return asked and request.method == "GET" and endpoint.name in PRINTED and "key" in request.path_params


def _pdf_response(endpoint: Endpoint, books: Company, key: str) -> Response:
    table = books.table(endpoint.name)
    slot = _find_single(endpoint, table, key)
    if slot is None:
        return errors.not_found()
    return Response(render_pdf(endpoint.name, table.peek(slot)), media_type="application/pdf")


def _find_single(endpoint: Endpoint, table: Table, key: str) -> int | None:
    slot = table.find(key)
    if slot is None and endpoint.number_field and len(table) <= _MAX_NUMBER_SEARCH:
        comparison = Comparison(endpoint.number_field, "==", key)
        slot = next((s for s in table.by_id if comparison.matches(table.peek(s))), None)
    return slot


def _to_response(answer: WriteAnswer) -> Response:
    status, media_type, body = answer
    return Response(body, status, media_type=media_type or None)


def _json_response(body: bytes) -> Response:
    return Response(body, media_type="application/json; charset=utf-8")

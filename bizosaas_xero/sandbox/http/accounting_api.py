"""The Accounting API: who may ask, and what each list answers."""

from starlette.requests import Request
from starlette.responses import Response

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.store import Table
from bizosaas_xero.sandbox.http import errors, idempotency
from bizosaas_xero.sandbox.oauth.tokens import Access
from bizosaas_xero.sandbox.queries import lists
from bizosaas_xero.sandbox.queries.endpoints import ENDPOINTS, Endpoint, shape
from bizosaas_xero.sandbox.queries.filter_language import Comparison, QueryError
from bizosaas_xero.sandbox.queries.lists import HighVolumeError
from bizosaas_xero.sandbox.reports.endpoint import Reports
from bizosaas_xero.sandbox.state import State
from bizosaas_xero.sandbox.writes import dispatch, subresources
from bizosaas_xero.sandbox.writes.dispatch import Answer, Asked
from bizosaas_xero.sandbox.writes.unit_of_work import Who, Work

LONGEST_URL = 2100  # about 53 ids: seen in the wild to end as a 404


class Api:
    """The endpoints under `/api.xro/2.0/`.

    Args:
        state: What the sandbox remembers.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._reports = Reports(state)

    async def handle(self, request: Request) -> Response:
        """Answer one call."""
        state = self._state
        access = state.access(request.headers.get("authorization", ""))
        if not isinstance(access, Access):
            return errors.token_expired(access) if access is not None else errors.unauthorised()
        app = access.family.app
        tenant = (request.headers.get("xero-tenant-id") or app.organisation_id or "").lower()
        correlation = state.tokens.guid()
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
        self, request: Request, access: Access, tenant: str, correlation: str, body: bytes
    ) -> Response:
        state = self._state
        if len(str(request.url)) > LONGEST_URL:
            return errors.not_found()
        if all(connection.tenant_id != tenant for connection in access.family.connections.values()):
            return errors.not_connected()
        if all(organisation.id != tenant for organisation in state.organisations):
            return errors.not_connected()  # an accounting practice has no Accounting API
        head: xero_json.Row = {
            "Id": correlation,
            "Status": "OK",
            "ProviderName": access.family.app.name,
            "DateTimeUTC": f"/Date({state.clock.server_ms()})/",
        }
        name = request.path_params["endpoint"].lower()
        if name == "reports":
            return self._reports.answer(request, access, tenant, head)
        endpoint = ENDPOINTS.get(name)
        if endpoint is None:
            return errors.not_found()
        if not allowed(endpoint, access.scopes, write=request.method != "GET"):
            return errors.missing_scope(state.switches.missing_scope_status)
        refusal = state.limits.take(access.family.app.client_id, tenant)
        if refusal is not None:
            return errors.too_many(refusal)
        part = request.path_params.get("part") or _own_part(endpoint, request)
        if request.method != "GET" or part:
            return self._write(request, endpoint, access, tenant, body, head)
        if "application/json" not in request.headers.get("accept", ""):
            return Response(xero_json.xml(head), media_type="text/xml")
        table = state.store(tenant).table(endpoint.name)
        with table.lock:
            mine = state.store(tenant).created_by.get((endpoint.name, access.family.app.name), set())
            return self._rows(request, endpoint, table, head, frozenset(mine))

    def _write(
        self,
        request: Request,
        endpoint: Endpoint,
        access: Access,
        tenant: str,
        body: bytes,
        head: xero_json.Row,
    ) -> Response:
        state, user, app = self._state, access.family.user, access.family.app
        if len(body) > state.switches.body_cap:
            return errors.too_large()
        books, params = state.store(tenant), dict(request.query_params)
        who = Who(
            app.name, user is not None and user.practice is not None, lists.places(params), state.switches,
            state.tokens.guid,
        )  # fmt: skip
        asked = Asked(
            request.method,
            request.path_params.get("key"),
            body,
            request.headers.get("content-type", ""),
            next((v for k, v in params.items() if k.lower() == "summarizeerrors"), "").lower() != "false",
        )

        def act() -> Answer:
            with books.lock:
                return self._act(request, Work(books, who), endpoint, asked, head)

        key = request.headers.get("idempotency-key", "")
        if not key or request.method in {"GET", "DELETE"}:
            return _sent(act())
        if len(key) > idempotency.LONGEST:
            return errors.key_too_long(idempotency.LONGEST)
        answer = state.idempotency.answer(app.client_id, key, (request.method, str(request.url), body), act)
        return errors.key_reused(key) if answer is None else _sent(answer)

    @staticmethod
    def _act(request: Request, work: Work, endpoint: Endpoint, asked: Asked, head: xero_json.Row) -> Answer:
        part = request.path_params.get("part")
        if part:
            return subresources.answer(work, endpoint, asked, head, part, request.path_params.get("part_key"))
        if _own_part(endpoint, request):
            return subresources.actions(work, head)
        return dispatch.write(work, endpoint, asked, head)

    def _rows(
        self, request: Request, endpoint: Endpoint, table: Table, head: xero_json.Row, mine: frozenset[str]
    ) -> Response:
        key = request.path_params.get("key")
        if key is not None:
            slot = _single(endpoint, table, key)
            if slot is None:
                return errors.not_found()
            places = lists.places(request.query_params)
            form = "full" if places == 2 else "full4"  # noqa: PLR2004
            rows = [table.text(slot, form, shape(endpoint, "full", places))]
            return _json(xero_json.envelope(head, endpoint.key, rows))
        switches = self._state.switches
        try:
            query = lists.parse(
                endpoint,
                table,
                dict(request.query_params),
                request.headers.get("if-modified-since"),
                inclusive=switches.ims_inclusive,
                mine=mine,
            )
            found = self._state.lists.select(endpoint, table, query)
        except QueryError as error:
            return errors.query_error(str(error))
        except HighVolumeError:
            return errors.high_volume()
        if not found and query.since is not None and switches.not_modified_304:
            return Response(status_code=304)
        rows, pagination = lists.page(endpoint, table, query, found)
        if pagination is not None:
            head = {**head, "pagination": pagination}
        return _json(xero_json.envelope(head, endpoint.key, rows))


def allowed(endpoint: Endpoint, granted: tuple[str, ...], *, write: bool) -> bool:
    """Tell whether scopes open an endpoint; the writing scope opens reading too."""
    return any(scope in granted or (not write and f"{scope}.read" in granted) for scope in endpoint.scopes)


def _own_part(endpoint: Endpoint, request: Request) -> bool:
    """Tell whether the address is that of the organisation's actions."""
    return (endpoint.name, str(request.path_params.get("key")).lower()) == ("Organisation", "actions")


def _single(endpoint: Endpoint, table: Table, key: str) -> int | None:
    slot = table.find(key)
    if slot is None and endpoint.number and len(table) <= lists.HIGH_VOLUME:
        wanted = Comparison(endpoint.number, "==", key)
        slot = next((s for s in table.by_id if wanted.matches(table.peek(s))), None)
    return slot


def _sent(answer: Answer) -> Response:
    status, media_type, body = answer
    return Response(body, status, media_type=media_type or None)


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json; charset=utf-8")

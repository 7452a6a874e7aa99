"""`/_sandbox/`: the JSON interface through which tests and people inspect and control the sandbox."""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.store import Store
from bizosaas_xero.sandbox.http.control_tools import ControlTools
from bizosaas_xero.sandbox.oauth.endpoints import AuthorizeError, IdentityApi
from bizosaas_xero.sandbox.state import SandboxState

_WRITE_OPS = {"put", "edit", "insert", "archive", "delete"}
_decode = msgspec.json.Decoder(float_hook=Decimal).decode

Handler = Callable[[Request], Awaitable[Response]]


class ControlApi:
    """The control interface.

    Args:
        state: The state of the sandbox.
        identity: Records consents.
    """

    def __init__(self, state: SandboxState, identity: IdentityApi) -> None:
        self._state = state
        self._identity = identity

    def routes(self) -> list[Route]:
        """Return the routes under `/_sandbox/`."""
        table: tuple[tuple[str, str, Handler], ...] = (
            ("/", "GET", self._get_info),
            ("/log", "GET", self._get_log),
            ("/log", "DELETE", self._clear_log),
            ("/faults", "GET", self._get_faults),
            ("/faults", "POST", self._add_fault),
            ("/faults", "DELETE", self._clear_faults),
            ("/switches", "GET", self._get_switches),
            ("/switches", "PATCH", self._set_switches),
            ("/clock", "GET", self._get_clock),
            ("/clock", "POST", self._move_clock),
            ("/limits", "POST", self._set_limits),
            ("/consent", "POST", self._consent),
            ("/organisations/{organisation}", "PATCH", self._set_organisation),
            ("/data/{organisation}/{entity}", "GET", self._get_rows),
            ("/data/{organisation}/{entity}", "POST", self._write_row),
            *ControlTools(self._state, _read_body).routes(),
        )
        return [Route(f"/_sandbox{path}", _answer_errors(handler), methods=[verb]) for path, verb, handler in table]

    async def _get_info(self, request: Request) -> Response:
        info = self._state.describe(str(request.base_url).rstrip("/"))
        return JSONResponse({**info, "faults": [fault.to_public() for fault in self._state.faults.added]})

    async def _get_log(self, _: Request) -> Response:
        return JSONResponse({"peak_in_flight": self._state.limits.peak, "requests": list(self._state.log)})

    async def _clear_log(self, _: Request) -> Response:
        self._state.log.clear()
        self._state.limits.peak = 0
        return Response(status_code=204)

    async def _get_faults(self, _: Request) -> Response:
        return JSONResponse(self._state.faults.pending())

    async def _add_fault(self, request: Request) -> Response:
        body = await _read_body(request)
        body = {name: float(v) if isinstance(v, Decimal) else v for name, v in body.items()}
        kind = body.pop("kind", "")
        return JSONResponse(self._state.faults.add(kind, **body).to_public(), 201)

    async def _clear_faults(self, _: Request) -> Response:
        self._state.faults.clear()
        return Response(status_code=204)

    async def _get_switches(self, _: Request) -> Response:
        return JSONResponse(self._state.switches.settings())

    async def _set_switches(self, request: Request) -> Response:
        for name, value in (await _read_body(request)).items():
            self._state.switches.set(name, value)
        return JSONResponse(self._state.switches.settings())

    async def _get_clock(self, _: Request) -> Response:
        clock = self._state.clock
        return JSONResponse({"now": clock.now(), "server_ms": clock.server_ms(), "shift": clock.shift})

    async def _move_clock(self, request: Request) -> Response:
        body = await _read_body(request)
        if not body or set(body) - {"advance", "shift"}:
            raise ValueError("give advance (seconds that pass) or shift (seconds the server's clock is wrong by)")
        self._state.clock.advance(float(body.get("advance", 0)))
        self._state.clock.shift = float(body.get("shift", self._state.clock.shift))
        return await self._get_clock(request)

    async def _set_limits(self, request: Request) -> Response:
        limits, body = self._state.limits, await _read_body(request)
        names = ("per_minute", "per_day", "per_app_minute", "at_once")
        if set(body) - {"enforce", "reset", *names}:
            raise ValueError(f"limits are {', '.join(names)}, and enforce, reset")
        if body.get("reset"):
            limits.reset()
        limits.enforce = bool(body.get("enforce", limits.enforce))
        for name in names:
            setattr(limits, name, int(body.get(name, getattr(limits, name))))
        return JSONResponse({name: getattr(limits, name) for name in ("enforce", *names)})

    async def _set_organisation(self, request: Request) -> Response:
        books, body = self._state.store(request.path_params["organisation"]), await _read_body(request)
        names = {"period_lock": "PeriodLockDate", "end_of_year_lock": "EndOfYearLockDate"}
        if not body or set(body) - {*names, "email_cap"}:
            raise ValueError(f"give {', '.join(names)} (a day, or null) or email_cap (emails a day)")
        locks = {
            name: dt.date.fromisoformat(body[key]) if body[key] else None for key, name in names.items() if key in body
        }
        for name, day in locks.items():
            books.lock_period(name, day)
        books.email_cap = int(body.get("email_cap", books.email_cap))
        dates = {key: books.organisation.get(name) for key, name in names.items()}
        days = {key: xero_json.calendar_day(date).isoformat() if date else None for key, date in dates.items()}
        return JSONResponse({**days, "email_cap": books.email_cap})

    async def _consent(self, request: Request) -> Response:
        body = await _read_body(request)
        params = dict(parse_qsl(urlsplit(str(body.get("url", ""))).query, keep_blank_values=True))
        return JSONResponse(give_consent(self._state, self._identity, params, body))

    async def _get_rows(self, request: Request) -> Response:
        store = self._store(request)
        table = store.table(request.path_params["entity"])
        offset = int(request.query_params.get("offset", 0))
        limit = int(request.query_params.get("limit", 1000))
        with table.lock:
            rows = [xero_json.render(table.peek(slot)) for slot in table.by_id[offset : offset + limit]]
        body = f'{{"count": {len(table)}, "rows": [{",".join(rows)}]}}'
        return Response(body, media_type="application/json")

    async def _write_row(self, request: Request) -> Response:
        store, entity, body = self._store(request), request.path_params["entity"], await _read_body(request)
        op = body.pop("op", "")
        if op not in _WRITE_OPS:
            raise ValueError(f"op is one of {', '.join(sorted(_WRITE_OPS))}")
        guid, at = str(body.get("id", "")), body.get("at")
        if op == "put":
            guid = store.put(entity, body.get("row", {}), at)
        elif op == "edit":
            store.edit(entity, guid, body.get("changes", {}), at, blind=bool(body.get("blind")))
        elif op == "insert":
            guid = store.insert(entity, body.get("changes", {}), at)
        elif op == "archive":
            store.archive(entity, guid, at)
        else:
            store.delete(entity, guid)
            return JSONResponse({"id": guid})
        return Response(xero_json.render({"id": guid, "row": store.get(entity, guid)}), media_type="application/json")

    def _store(self, request: Request) -> Store:
        return self._state.store(request.path_params["organisation"])


def give_consent(
    state: SandboxState, identity: IdentityApi, params: Mapping[str, str], choices: Mapping[str, Any]
) -> dict[str, str]:
    """Give or refuse consent as a person does on the consent page, and return the callback URL.

    Args:
        state: The state of the sandbox.
        identity: Records the consent.
        params: The parameters of the authorize URL.
        choices: `organisations` (ids, default the first), `user` (default the first), `allow` (default true).

    Raises:
        ValueError: The request ends on an error page, without a callback.
    """
    try:
        identity.check_authorize(params)
        if not choices.get("allow", True):
            return {"callback_url": identity.cancel_url(params)}
        organisations = list(choices.get("organisations") or [state.organisations[0].id])
        return {"callback_url": identity.record_consent(params, organisations, str(choices.get("user") or ""))}
    except AuthorizeError as error:
        if error.redirect:
            return {"callback_url": identity.refusal_response(params, error).headers["location"]}
        raise ValueError(f"{error.error}: {error.detail}") from error


async def _read_body(request: Request) -> dict[str, Any]:
    body = _decode(await request.body() or b"{}")
    if not isinstance(body, dict):
        raise TypeError("the body is a JSON object")
    return body


def _answer_errors(handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except KeyError as error:
            return JSONResponse({"error": f"there is no {error.args[0]}"}, 404)
        except (ValueError, TypeError, RecursionError) as error:  # the last: JSON that is nested too deeply
            return JSONResponse({"error": str(error)}, 400)

    return guarded

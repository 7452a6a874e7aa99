"""`/_sandbox/`: how tests and people see what happened and make things happen, in JSON."""

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
from bizosaas_xero.sandbox.http.control_tools import Tools
from bizosaas_xero.sandbox.oauth.endpoints import Identity, RefusedError
from bizosaas_xero.sandbox.state import State

_WRITES = {"put", "edit", "insert", "archive", "delete"}
_decode = msgspec.json.Decoder(float_hook=Decimal).decode

Handler = Callable[[Request], Awaitable[Response]]


class Control:
    """The control interface.

    Args:
        state: What the sandbox remembers.
        identity: Records consents.
    """

    def __init__(self, state: State, identity: Identity) -> None:
        self._state = state
        self._identity = identity

    def routes(self) -> list[Route]:
        """Return what is served under `/_sandbox/`."""
        table: tuple[tuple[str, str, Handler], ...] = (
            ("/", "GET", self._info),
            ("/log", "GET", self._log),
            ("/log", "DELETE", self._clear_log),
            ("/faults", "GET", self._faults),
            ("/faults", "POST", self._add_fault),
            ("/faults", "DELETE", self._clear_faults),
            ("/switches", "GET", self._switches),
            ("/switches", "PATCH", self._set_switches),
            ("/clock", "GET", self._clock),
            ("/clock", "POST", self._move_clock),
            ("/limits", "POST", self._set_limits),
            ("/consent", "POST", self._consent),
            ("/organisations/{organisation}", "PATCH", self._set_organisation),
            ("/data/{organisation}/{entity}", "GET", self._rows),
            ("/data/{organisation}/{entity}", "POST", self._write),
            *Tools(self._state, _body).table(),
        )
        return [Route(f"/_sandbox{path}", _guarded(handler), methods=[verb]) for path, verb, handler in table]

    async def _info(self, request: Request) -> Response:
        return JSONResponse(self._state.describe(str(request.base_url).rstrip("/")))

    async def _log(self, _: Request) -> Response:
        return JSONResponse({"peak_in_flight": self._state.limits.peak, "requests": list(self._state.log)})

    async def _clear_log(self, _: Request) -> Response:
        self._state.log.clear()
        self._state.limits.peak = 0
        return Response(status_code=204)

    async def _faults(self, _: Request) -> Response:
        return JSONResponse(self._state.faults.waiting())

    async def _add_fault(self, request: Request) -> Response:
        given = await _body(request)
        given = {name: float(v) if isinstance(v, Decimal) else v for name, v in given.items()}
        kind = given.pop("kind", "")
        return JSONResponse(self._state.faults.add(kind, **given).public(), 201)

    async def _clear_faults(self, _: Request) -> Response:
        self._state.faults.clear()
        return Response(status_code=204)

    async def _switches(self, _: Request) -> Response:
        return JSONResponse(self._state.switches.settings())

    async def _set_switches(self, request: Request) -> Response:
        for name, value in (await _body(request)).items():
            self._state.switches.set(name, value)
        return JSONResponse(self._state.switches.settings())

    async def _clock(self, _: Request) -> Response:
        clock = self._state.clock
        return JSONResponse({"now": clock.now(), "server_ms": clock.server_ms(), "shift": clock.shift})

    async def _move_clock(self, request: Request) -> Response:
        given = await _body(request)
        if not given or set(given) - {"advance", "shift"}:
            raise ValueError("give advance (seconds that pass) or shift (seconds the server's clock is wrong by)")
        self._state.clock.advance(float(given.get("advance", 0)))
        self._state.clock.shift = float(given.get("shift", self._state.clock.shift))
        return await self._clock(request)

    async def _set_limits(self, request: Request) -> Response:
        limits, given = self._state.limits, await _body(request)
        names = ("per_minute", "per_day", "per_app_minute", "at_once")
        if set(given) - {"enforce", "reset", *names}:
            raise ValueError(f"limits are {', '.join(names)}, and enforce, reset")
        if given.get("reset"):
            limits.reset()
        limits.enforce = bool(given.get("enforce", limits.enforce))
        for name in names:
            setattr(limits, name, int(given.get(name, getattr(limits, name))))
        return JSONResponse({name: getattr(limits, name) for name in ("enforce", *names)})

    async def _set_organisation(self, request: Request) -> Response:
        books, given = self._state.store(request.path_params["organisation"]), await _body(request)
        names = {"period_lock": "PeriodLockDate", "end_of_year_lock": "EndOfYearLockDate"}
        if not given or set(given) - {*names, "email_cap"}:
            raise ValueError(f"give {', '.join(names)} (a day, or null) or email_cap (emails a day)")
        locks = {
            name: dt.date.fromisoformat(given[key]) if given[key] else None
            for key, name in names.items()
            if key in given
        }
        for name, day in locks.items():
            books.lock_period(name, day)
        books.email_cap = int(given.get("email_cap", books.email_cap))
        return JSONResponse({"email_cap": books.email_cap})

    async def _consent(self, request: Request) -> Response:
        given = await _body(request)
        asked = dict(parse_qsl(urlsplit(str(given.get("url", ""))).query, keep_blank_values=True))
        return JSONResponse(consent(self._state, self._identity, asked, given))

    async def _rows(self, request: Request) -> Response:
        store = self._store(request)
        table = store.table(request.path_params["entity"])
        offset = int(request.query_params.get("offset", 0))
        limit = int(request.query_params.get("limit", 1000))
        with table.lock:
            rows = [xero_json.render(table.peek(slot)) for slot in table.by_id[offset : offset + limit]]
        body = f'{{"count": {len(table)}, "rows": [{",".join(rows)}]}}'
        return Response(body, media_type="application/json")

    async def _write(self, request: Request) -> Response:
        store, entity, given = self._store(request), request.path_params["entity"], await _body(request)
        op = given.pop("op", "")
        if op not in _WRITES:
            raise ValueError(f"op is one of {', '.join(sorted(_WRITES))}")
        guid, at = str(given.get("id", "")), given.get("at")
        if op == "put":
            guid = store.put(entity, given.get("row", {}), at)
        elif op == "edit":
            store.edit(entity, guid, given.get("changes", {}), at, blind=bool(given.get("blind")))
        elif op == "insert":
            guid = store.insert(entity, given.get("changes", {}), at)
        elif op == "archive":
            store.archive(entity, guid, at)
        else:
            store.delete(entity, guid)
            return JSONResponse({"id": guid})
        return Response(xero_json.render({"id": guid, "row": store.get(entity, guid)}), media_type="application/json")

    def _store(self, request: Request) -> Store:
        return self._state.store(request.path_params["organisation"])


def consent(state: State, identity: Identity, asked: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, str]:
    """Do what a person does on the consent page and return where the browser would be sent.

    Args:
        state: What the sandbox remembers.
        identity: Records the consent.
        asked: The parameters of the authorize URL.
        given: `organisations` (ids, default the first), `user` (default the first), `allow` (default true).

    Raises:
        ValueError: The request ends on an error page, and the app never hears of it.
    """
    try:
        identity.check(asked)
        if not given.get("allow", True):
            return {"callback_url": identity.cancelled(asked)}
        organisations = list(given.get("organisations") or [state.organisations[0].id])
        return {"callback_url": identity.consent(asked, organisations, str(given.get("user") or ""))}
    except RefusedError as error:
        if error.redirect:
            return {"callback_url": identity.refusal(asked, error).headers["location"]}
        raise ValueError(f"{error.error}: {error.detail}") from error


async def _body(request: Request) -> dict[str, Any]:
    given = _decode(await request.body() or b"{}")
    if not isinstance(given, dict):
        raise TypeError("the body is a JSON object")
    return given


def _guarded(handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except KeyError as error:
            return JSONResponse({"error": f"there is no {error.args[0]}"}, 404)
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return guarded

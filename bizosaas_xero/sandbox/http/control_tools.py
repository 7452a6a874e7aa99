"""`/_sandbox/webhooks` and `/_sandbox/statements`: what a connector never calls."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bizosaas_xero.sandbox.bank_statements import generate
from bizosaas_xero.sandbox.bank_statements.generate import Statement
from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.state import State
from bizosaas_xero.sandbox.webhooks.subscriptions import DEFAULT, Subscription

Handler = Callable[[Request], Awaitable[Response]]
Body = Callable[[Request], Awaitable[dict[str, Any]]]


class Tools:
    """Handlers of the control interface for what a connector never calls.

    Args:
        state: What the sandbox remembers.
        body: Reads the JSON object of a request.
    """

    def __init__(self, state: State, body: Body) -> None:
        self._state = state
        self._body = body
        self._statements: list[Statement] = []

    def table(self) -> tuple[tuple[str, str, Handler], ...]:
        """Return path, verb and handler of each."""
        return (
            ("/webhooks", "GET", self._webhooks),
            ("/webhooks", "POST", self._configure),
            ("/webhooks/{app}", "DELETE", self._remove),
            ("/webhooks/{app}/intent", "POST", self._intent),
            ("/webhooks/deliver", "POST", self._deliver),
            ("/statements", "POST", self._statement),
            ("/statements/{number}/answers", "GET", self._answers),
        )

    async def _webhooks(self, _: Request) -> Response:
        return JSONResponse(self._state.webhooks.public())

    async def _configure(self, request: Request) -> Response:
        given = _only(await self._body(request), {"app", "url", "key", "categories", "intent"})
        key = given.get("key")
        made = self._state.webhooks.configure(
            str(given.get("app", "web")),
            str(given.get("url", "")),
            None if key is None else str(key),
            tuple(given.get("categories", DEFAULT)),
        )
        if given.get("intent", True):
            await asyncio.to_thread(self._state.webhooks.prove_intent, made.app)
        return JSONResponse(_with_key(made), 201)

    async def _remove(self, request: Request) -> Response:
        self._state.webhooks.remove(request.path_params["app"])
        return Response(status_code=204)

    async def _intent(self, request: Request) -> Response:
        app = request.path_params["app"]
        return JSONResponse((await asyncio.to_thread(self._state.webhooks.prove_intent, app)).public())

    async def _deliver(self, _: Request) -> Response:
        # in a thread: a receiver may well ask the sandbox something before it answers
        taken = await asyncio.to_thread(self._state.webhooks.pump)
        return JSONResponse({"taken": taken})

    async def _statement(self, request: Request) -> Response:
        given = _only(await self._body(request), {"organisation", "account", "from", "to", "seed"})
        since, to = (dt.date.fromisoformat(str(given[name])) if name in given else None for name in ("from", "to"))
        made = generate.generate(
            self._state.store(given.get("organisation")),
            int(given.get("seed", self._state.seed)),
            since,
            to,
            given.get("account"),
        )
        self._statements.append(made)
        return _rendered({"id": len(self._statements), "lines": made.lines}, 201)

    async def _answers(self, request: Request) -> Response:
        number = int(request.path_params["number"])
        if not 1 <= number <= len(self._statements):
            raise KeyError(f"statement {number}")
        made = self._statements[number - 1]
        return _rendered({"answers": generate.public(made.answers), "missing": made.missing}, 200)


def _rendered(body: dict[str, Any], status: int) -> Response:
    return Response(xero_json.render(body), status, media_type="application/json")  # exact digits


def _with_key(made: Subscription) -> dict[str, Any]:
    return {"key": made.key, **made.public()}


def _only(given: Mapping[str, Any], known: set[str]) -> Mapping[str, Any]:
    if set(given) - known:
        raise ValueError(f"the keys are {', '.join(sorted(known))}")
    return given

"""`/_sandbox/webhooks` and `/_sandbox/statements`: tools that a connector never calls."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bizosaas_xero.sandbox.bank_statements import generate
from bizosaas_xero.sandbox.bank_statements.builder import Statement
from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.state import SandboxState
from bizosaas_xero.sandbox.webhooks.events import DEFAULT_CATEGORIES
from bizosaas_xero.sandbox.webhooks.subscriptions import Subscription

Handler = Callable[[Request], Awaitable[Response]]
BodyReader = Callable[[Request], Awaitable[dict[str, Any]]]


class ControlTools:
    """Handlers of the control interface for webhooks and bank statements.

    Args:
        state: The state of the sandbox.
        body: Reads the JSON object of a request.
    """

    def __init__(self, state: SandboxState, body: BodyReader) -> None:
        self._state = state
        self._body = body
        self._statements: list[Statement] = []

    def routes(self) -> tuple[tuple[str, str, Handler], ...]:
        """Return path, method and handler of each route."""
        return (
            ("/webhooks", "GET", self._get_webhooks),
            ("/webhooks", "POST", self._configure),
            ("/webhooks/{app}", "DELETE", self._remove),
            ("/webhooks/{app}/intent", "POST", self._prove_intent),
            ("/webhooks/deliver", "POST", self._deliver),
            ("/statements", "POST", self._make_statement),
            ("/statements/{number}/answers", "GET", self._get_answers),
        )

    async def _get_webhooks(self, _: Request) -> Response:
        return JSONResponse(self._state.webhooks.to_public())

    async def _configure(self, request: Request) -> Response:
        body = _check_keys(await self._body(request), {"app", "url", "key", "categories", "intent"})
        key = body.get("key")
        subscription = self._state.webhooks.configure(
            str(body.get("app", "web")),
            str(body.get("url", "")),
            None if key is None else str(key),
            tuple(body.get("categories", DEFAULT_CATEGORIES)),
        )
        if body.get("intent", True):
            await asyncio.to_thread(self._state.webhooks.prove_intent, subscription.app)
        return JSONResponse(_with_signing_key(subscription), 201)

    async def _remove(self, request: Request) -> Response:
        self._state.webhooks.remove(request.path_params["app"])
        return Response(status_code=204)

    async def _prove_intent(self, request: Request) -> Response:
        app = request.path_params["app"]
        return JSONResponse((await asyncio.to_thread(self._state.webhooks.prove_intent, app)).to_public())

    async def _deliver(self, _: Request) -> Response:
        # in a thread: a receiver may call the sandbox before it answers
        accepted = await asyncio.to_thread(self._state.webhooks.deliver_due)
        return JSONResponse({"taken": accepted})

    async def _make_statement(self, request: Request) -> Response:
        body = _check_keys(await self._body(request), {"organisation", "account", "from", "to", "seed"})
        since, to = (dt.date.fromisoformat(str(body[name])) if name in body else None for name in ("from", "to"))
        statement = generate.generate_statement(
            self._state.store(body.get("organisation")),
            int(body.get("seed", self._state.seed)),
            since,
            to,
            body.get("account"),
        )
        self._statements.append(statement)
        return _json_response({"id": len(self._statements), "lines": statement.lines}, 201)

    async def _get_answers(self, request: Request) -> Response:
        number = int(request.path_params["number"])
        if not 1 <= number <= len(self._statements):
            raise KeyError(f"statement {number}")
        statement = self._statements[number - 1]
        return _json_response(
            {"answers": generate.answers_by_line(statement.answers), "missing": statement.missing}, 200
        )


def _json_response(body: dict[str, Any], status: int) -> Response:
    return Response(xero_json.render(body), status, media_type="application/json")  # exact digits


def _with_signing_key(subscription: Subscription) -> dict[str, Any]:
    return {"key": subscription.key, **subscription.to_public()}


def _check_keys(body: Mapping[str, Any], allowed: set[str]) -> Mapping[str, Any]:
    if set(body) - allowed:
        raise ValueError(f"the keys are {', '.join(sorted(allowed))}")
    return body

"""Call the hooks as a host does, and record each call."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.observation import Call, Inputs, Observation, Run, World
from bizosaas_xero.contract.scenarios import Scenario
from bizosaas_xero.spec import Connection, SyncOptions

MAX_BATCHES = 60
"""A run with more batches is endless, at the sizes of scenarios."""

SETTLE_SECONDS = 0.02
"""How long to wait, after an iterator was closed, for requests that it should not send."""

BUSINESS_KEY = "contract-kit-1"
_SECRETS = ("client_secret", "access_token", "refresh_token", "pending", "code")
_real_sleep = time.sleep  # replay replaces time.sleep


def to_json_values(value: Any) -> Any:
    """Return a hook's result as JSON values, as a host stores it."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return json.loads(json.dumps(value, default=str))


class HookCaller:
    """Calls the hooks with what a host has stored by then: the grant, the connection, the pending consent."""

    def __init__(self, subject: Subject, scenario: Scenario, world: World, seen: Observation) -> None:
        self.hook, self.scenario, self.world, self.seen = subject.hook, scenario, world, seen
        self.subject = subject
        self.inputs: Inputs = world.inputs()
        seen.inputs = self.inputs
        self.grant = self.inputs.grant
        self.connection = dict(self.inputs.connection)
        self.pending: Any = None
        self.url = self.callback_url = ""
        for source in (self.inputs.app, self.inputs.grant, self.connection):
            self.collect_secrets(source or {})

    def call_auth(self, name: str, request: dict[str, Any]) -> Call:
        """Call ``auth``, and keep what a host would store of the result."""
        request = {"app": self.inputs.app, "settings": dict(self.inputs.settings), **request}
        self.collect_secrets(request)
        call = self._call(name, lambda: self.hook.auth(request=request))
        call.before = self.grant
        given = to_json_values(call.result) if isinstance(call.result, BaseModel | Mapping) else {}
        self.pending = given.get("pending") or self.pending
        self.url = given.get("url") or self.url
        if given.get("grant"):
            self.grant = given["grant"]
            self.connection["access_token"] = self.grant["access_token"]
        self.collect_secrets(given)
        self.collect_secrets(given.get("grant") or {})
        return call

    def collect_secrets(self, source: Mapping[str, Any]) -> None:
        """Remember the secrets of a mapping, so that the clauses can look for them."""
        for name in _SECRETS:
            value = source.get(name)
            if isinstance(value, str) and value:
                self.seen.secrets[f"{name} {len(self.seen.secrets)}"] = value

    def _call(self, name: str, act: Callable[[], Any]) -> Call:
        call = Call(name)
        sent, writes, written = len(self.world.sent), self.world.writes(), self.world.written()
        try:
            call.result = act()
        except Exception as error:  # noqa: BLE001 (the clauses judge any exception)
            call.error = error
        call.sent, call.writes = len(self.world.sent) - sent, self.world.writes() - writes
        now_written = self.world.written()
        if written is not None and now_written is not None:
            call.written = now_written[len(written) :]
        self.seen.calls.append(call)
        return call

    def call_sync(
        self,
        purpose: str,
        cursor: Any,
        options: dict[str, Any] | None = None,
        *,
        limit: int = MAX_BATCHES,
        entity: str | None = None,
        as_models: bool = False,
    ) -> Run:
        """Call ``sync_entity``, take batches up to the limit, and close the iterator."""
        options = {**self.scenario.options, **(options or {})}
        run = Run(purpose, cursor, options)
        self.seen.runs.append(run)
        begun = len(self.world.sent)
        connection: Any = {**self.connection, "an_unknown_key": 1}
        given: Any = options
        try:
            if as_models:
                connection, given = Connection(**self.connection), SyncOptions(**options)
            batches = self.hook.sync_entity(
                connection=connection, entity=entity or self.scenario.entity, cursor=cursor, options=given
            )
            run.sent_at_call = len(self.world.sent) - begun
        except Exception as error:  # noqa: BLE001 (the clauses judge any exception)
            run.error, run.at_call = error, True
        else:
            self._consume(run, batches, begun, limit)
        run.sent = self.world.sent[begun:]
        return run

    def _consume(self, run: Run, batches: Any, begun: int, limit: int) -> None:
        if not hasattr(batches, "__next__"):
            run.not_iterator = type(batches).__name__
            return
        try:
            for batch in batches:
                run.batches.append(batch)
                run.sent_after.append(len(self.world.sent) - begun)
                if len(run.batches) >= limit:
                    run.endless = limit == MAX_BATCHES
                    break
        except Exception as error:  # noqa: BLE001 (the clauses judge any exception)
            run.error = error
        before_close = len(self.world.sent)
        if hasattr(batches, "close"):
            batches.close()
        if limit == 1:
            _real_sleep(SETTLE_SECONDS)
        run.sent_after_close = len(self.world.sent) - before_close

    def call_action(self, name: str, control: dict[str, Any] | None, params: Mapping[str, Any] | None = None) -> Call:
        """Call ``run_action`` with the parameters of the scenario, or with others."""
        params = self.scenario.params if params is None else params
        if control is not None:
            control = {**control, "business_key": BUSINESS_KEY}
        return self._call(
            name,
            lambda: self.hook.run_action(
                connection=self.connection, action=self.scenario.action, params=params, control=control
            ),
        )

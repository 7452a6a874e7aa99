"""Play a scenario: call the hooks as a host does, and record an observation."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

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


def play(subject: Subject, scenario: Scenario, world: World) -> Observation:
    """Play a scenario, and return the observation. An exception of the connector is recorded, not raised."""
    seen = Observation(scenario)
    with _capture_output() as heard:
        driver = _Player(subject, scenario, world, seen)
        try:
            driver.play()
        finally:
            seen.sent = list(world.sent)
            seen.unused = world.unused()
            seen.wire = world.wire()
            seen.keys = world.keys()
    seen.log = heard()
    return seen


@contextlib.contextmanager
def _capture_output() -> Iterator[Callable[[], str]]:
    printed, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(printed), root.level
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    handler.addFilter(lambda line: not line.name.startswith(("vcr", "bizosaas_xero.contract", "asyncio")))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with (
            warnings.catch_warnings(record=True) as warned,
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            warnings.simplefilter("always")
            yield lambda: printed.getvalue() + "\n".join(str(item.message) for item in warned)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def to_json_values(value: Any) -> Any:
    """Return a hook's result as JSON values, as a host stores it."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return json.loads(json.dumps(value, default=str))


class _Player:
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
            self._collect_secrets(source or {})

    def play(self) -> None:
        if self.scenario.hook == "auth":
            for step in self.scenario.steps:
                self._run_auth_step(step)
        elif self.scenario.hook == "sync_entity":
            getattr(self, "_" + self.scenario.script.replace("-", "_"))()
        else:
            self._action()

    # ------------------------------------------------------------ auth

    def _run_auth_step(self, step: str) -> None:
        word, _, more = step.partition(" ")
        if word in {"wait", "revoked"}:
            self.world.happens(step)
        elif word == "sync":
            self._run("second" if self.seen.runs else "first", None)
        elif word == "consent" and not self.url:
            return  # authorize returned no address
        elif word == "consent":
            redirect = str((self.inputs.app or {}).get("redirect_uri", ""))
            self.callback_url = self.world.consent(self.url, redirect)
            self._collect_secrets(dict(parse_qsl(urlsplit(self.callback_url).query)))
        elif word == "callback":
            if not self.callback_url:
                self._run_auth_step("consent")
            urls = [self.callback_url]
            if more == "forged":
                urls = [_replace_state(self.callback_url, state) for state in (None, "", "forged")]
            for url in urls:
                self._auth(step, {"step": "callback", "pending": self.pending, "callback_url": url})
        elif word == "revoke":
            self._auth(step, {"step": "disconnect", "grant": self.grant, "revoke": True})
        else:
            self._auth(step, {"step": word, **self._step_fields(word)})

    def _step_fields(self, step: str) -> dict[str, Any]:
        if step == "authorize":
            return {"scopes": self.scenario.scopes} if self.scenario.scopes else {}
        if step == "check":
            return {"connection": self.connection}
        if step == "disconnect":
            return {"grant": self.grant, "organisation_id": self.connection.get("organisation_id")}
        return {"grant": self.grant} if step in {"refresh", "organisations"} else {}

    def _auth(self, name: str, request: dict[str, Any]) -> Call:
        request = {"app": self.inputs.app, "settings": dict(self.inputs.settings), **request}
        self._collect_secrets(request)
        call = self._call(name, lambda: self.hook.auth(request=request))
        call.before = self.grant
        given = to_json_values(call.result) if isinstance(call.result, BaseModel | Mapping) else {}
        self.pending = given.get("pending") or self.pending
        self.url = given.get("url") or self.url
        if given.get("grant"):
            self.grant = given["grant"]
            self.connection["access_token"] = self.grant["access_token"]
        self._collect_secrets(given)
        self._collect_secrets(given.get("grant") or {})
        return call

    def _collect_secrets(self, source: Mapping[str, Any]) -> None:
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

    # ------------------------------------------------------------ sync

    def _run(
        self,
        purpose: str,
        cursor: Any,
        options: dict[str, Any] | None = None,
        *,
        limit: int = MAX_BATCHES,
        entity: str | None = None,
        as_models: bool = False,
    ) -> Run:
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

    def _once(self) -> Run:
        return self._run("first", None)

    def _twice(self) -> None:
        first = self._once()
        if self.scenario.change:
            key = next((record.key for record in first.records), "")
            self.world.happens(f"change {key}")
        self._run("second", _cursor_after(first), as_models=True)

    def _full(self) -> None:
        self._run("full", _cursor_after(self._once()), {"full": True})

    def _resume(self) -> None:
        whole = self._once()
        for batch in () if whole.endless else whole.batches[:-1]:
            self._run("resumed", to_json_values(getattr(batch, "cursor", None)))

    def _close(self) -> None:
        self._run("closed", None, limit=1)

    def _one_by_one(self) -> None:
        cursor = None
        for _ in range(MAX_BATCHES):
            run = self._run("step", cursor, {"max_batches": 1})
            stats = getattr(run.batches[-1], "stats", None) if run.batches else None
            if run.error or not getattr(stats, "paused", False):
                return
            cursor = _cursor_after(run)

    def _deadline(self) -> None:
        self._run("deadline", None, {"deadline": datetime.now(UTC) - timedelta(minutes=1)})

    def _recheck(self) -> None:
        first = self._once()
        rows = self.subject.info.entities if self.subject.info else []
        watched = next((row.recheck for row in rows if row.name == self.scenario.entity), None)
        keys = [r.key for r in first.records if watched and r.data.get(watched.field) == watched.equals]
        self._run("second", _cursor_after(first), {"recheck": keys})

    def _recover(self) -> None:
        if self.scenario.http is False:
            self.world.happens("break off")
        run = self._run("first", None)
        cursor = _cursor_after(run)
        for _ in range(4):
            recovery = getattr(run.error, "recovery", None)
            self.world.happens("mend")
            if recovery == "refresh":
                self._auth("refresh", {"step": "refresh", "grant": self.grant})
            elif recovery == "wait":
                self.world.happens(f"wait {int(getattr(run.error, 'retry_after', None) or 0) + 1}")
            elif recovery == "restart":
                cursor = None
            elif recovery != "retry":
                return
            run = self._run("recovered", cursor)
            cursor = _cursor_after(run) or cursor

    def _damaged(self) -> None:
        cursor = _cursor_after(self._once()) or {}
        spoiled = [{"damaged": "yes"}, {**cursor, "damaged": "yes"}]
        spoiled += [{**cursor, name: [["damaged"]]} for name in cursor]
        for damaged in spoiled:
            self._run("damaged", damaged, limit=1)

    def _foreign(self) -> None:
        cursor = _cursor_after(self._once())
        other = next((name for name in self.subject.entities if name != self.scenario.entity), None)
        if other:
            self._run("foreign", cursor, entity=other, limit=1)

    # ------------------------------------------------------------ actions

    def _action(self) -> None:
        if self.scenario.bad_params is not None:
            self._run_action("bad params", {"mode": "plan"}, self.scenario.bad_params)
        plan_hash = None
        for step in self.scenario.plays:
            mode = step.partition(" ")[0]
            if step == "stale" or mode == "wait":
                self.world.happens(step)
            elif step in {"read", "no mode"}:
                self._run_action(step, None)
            elif mode == "no":
                self._run_action(step, {"mode": "commit"})
            elif mode == "commit":
                params = self.scenario.other_params if step == "commit other" else None
                self._run_action(step, {"mode": mode, "plan_hash": plan_hash}, params)
            else:
                call = self._run_action(step, {"mode": mode})
                plan = getattr(call.result, "plan", None) if mode == "plan" else None
                plan_hash = getattr(plan, "hash", plan_hash)

    def _run_action(self, name: str, control: dict[str, Any] | None, params: Mapping[str, Any] | None = None) -> Call:
        params = self.scenario.params if params is None else params
        if control is not None:
            control = {**control, "business_key": BUSINESS_KEY}
        return self._call(
            name,
            lambda: self.hook.run_action(
                connection=self.connection, action=self.scenario.action, params=params, control=control
            ),
        )


def _cursor_after(run: Run) -> Any:
    """Return the cursor as a host has it after a run: converted to JSON and back."""
    cursor = run.last_cursor
    try:
        return to_json_values(cursor) if cursor is not None else None
    except (TypeError, ValueError):
        return cursor


def _replace_state(url: str, state: str | None) -> str:
    """Return a callback address with another state, or with none."""
    parts = urlsplit(url)
    query = [(key, value) for key, value in parse_qsl(parts.query) if key != "state"]
    query += [("state", state)] if state is not None else []
    return urlunsplit(parts._replace(query=urlencode(query)))

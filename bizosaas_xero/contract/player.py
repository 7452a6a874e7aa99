"""Play a scenario, and record an observation."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.hook_calls import MAX_BATCHES, HookCaller, to_json_values
from bizosaas_xero.contract.observation import Observation, Run, World
from bizosaas_xero.contract.scenarios import Scenario


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


class _Player(HookCaller):
    """Plays the script of a scenario."""

    def play(self) -> None:
        """Play it."""
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
            self.call_sync("second" if self.seen.runs else "first", None)
        elif word == "consent" and not self.url:
            return  # authorize returned no address
        elif word == "consent":
            redirect = str((self.inputs.app or {}).get("redirect_uri", ""))
            self.callback_url = self.world.consent(self.url, redirect)
            self.collect_secrets(dict(parse_qsl(urlsplit(self.callback_url).query)))
        elif word == "callback":
            if not self.callback_url:
                self._run_auth_step("consent")
            urls = [self.callback_url]
            if more == "forged":
                urls = [_replace_state(self.callback_url, state) for state in (None, "", "forged")]
            for url in urls:
                self.call_auth(step, {"step": "callback", "pending": self.pending, "callback_url": url})
        elif word == "revoke":
            self.call_auth(step, {"step": "disconnect", "grant": self.grant, "revoke": True})
        else:
            self.call_auth(step, {"step": word, **self._step_fields(word)})

    def _step_fields(self, step: str) -> dict[str, Any]:
        if step == "authorize":
            return {"scopes": self.scenario.scopes} if self.scenario.scopes else {}
        if step == "check":
            return {"connection": self.connection}
        if step == "disconnect":
            return {"grant": self.grant, "organisation_id": self.connection.get("organisation_id")}
        return {"grant": self.grant} if step in {"refresh", "organisations"} else {}

    # ------------------------------------------------------------ sync

    def _once(self) -> Run:
        return self.call_sync("first", None)

    def _twice(self) -> None:
        first = self._once()
        if self.scenario.change:
            key = next((record.key for record in first.records), "")
            self.world.happens(f"change {key}")
        self.call_sync("second", _cursor_after(first), as_models=True)

    def _full(self) -> None:
        self.call_sync("full", _cursor_after(self._once()), {"full": True})

    def _resume(self) -> None:
        whole = self._once()
        for batch in () if whole.endless else whole.batches[:-1]:
            self.call_sync("resumed", to_json_values(getattr(batch, "cursor", None)))

    def _close(self) -> None:
        self.call_sync("closed", None, limit=1)

    def _one_by_one(self) -> None:
        cursor = None
        for _ in range(MAX_BATCHES):
            run = self.call_sync("step", cursor, {"max_batches": 1})
            stats = getattr(run.batches[-1], "stats", None) if run.batches else None
            if run.error or not getattr(stats, "paused", False):
                return
            cursor = _cursor_after(run)

    def _deadline(self) -> None:
        self.call_sync("deadline", None, {"deadline": datetime.now(UTC) - timedelta(minutes=1)})

    def _recheck(self) -> None:
        first = self._once()
        rows = self.subject.info.entities if self.subject.info else []
        watched = next((row.recheck for row in rows if row.name == self.scenario.entity), None)
        keys = [r.key for r in first.records if watched and r.data.get(watched.field) == watched.equals]
        self.call_sync("second", _cursor_after(first), {"recheck": keys})

    def _recover(self) -> None:
        if self.scenario.http is False:
            self.world.happens("break off")
        run = self.call_sync("first", None)
        cursor = _cursor_after(run)
        for _ in range(4):
            recovery = getattr(run.error, "recovery", None)
            self.world.happens("mend")
            if recovery == "refresh":
                self.call_auth("refresh", {"step": "refresh", "grant": self.grant})
            elif recovery == "wait":
                self.world.happens(f"wait {int(getattr(run.error, 'retry_after', None) or 0) + 1}")
            elif recovery == "restart":
                cursor = None
            elif recovery != "retry":
                return
            run = self.call_sync("recovered", cursor)
            cursor = _cursor_after(run) or cursor

    def _damaged(self) -> None:
        cursor = _cursor_after(self._once()) or {}
        spoiled = [{"damaged": "yes"}, {**cursor, "damaged": "yes"}]
        spoiled += [{**cursor, name: [["damaged"]]} for name in cursor]
        for damaged in spoiled:
            self.call_sync("damaged", damaged, limit=1)

    def _foreign(self) -> None:
        cursor = _cursor_after(self._once())
        other = next((name for name in self.subject.entities if name != self.scenario.entity), None)
        if other:
            self.call_sync("foreign", cursor, entity=other, limit=1)

    # ------------------------------------------------------------ actions

    def _action(self) -> None:
        if self.scenario.bad_params is not None:
            self.call_action("bad params", {"mode": "plan"}, self.scenario.bad_params)
        plan_hash = None
        for step in self.scenario.plays:
            mode = step.partition(" ")[0]
            if step == "stale" or mode == "wait":
                self.world.happens(step)
            elif step in {"read", "no mode"}:
                self.call_action(step, None)
            elif mode == "no":
                self.call_action(step, {"mode": "commit"})
            elif mode == "commit":
                params = self.scenario.other_params if step == "commit other" else None
                self.call_action(step, {"mode": mode, "plan_hash": plan_hash}, params)
            else:
                call = self.call_action(step, {"mode": mode})
                plan = getattr(call.result, "plan", None) if mode == "plan" else None
                plan_hash = getattr(plan, "hash", plan_hash)


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

"""One intent is written once: a claim on tenant, connector, organisation, action and business key.

The process that writes renews its claim by heartbeats. When they stop, another process takes the claim over,
and the connector, which looks before it creates, finds what was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.config import BridgeConfig, new_owner
from bizosaas_xero.adapters.brain_gateway.stores import LEASE_DURATION, Key, heartbeat_of, update_value
from bizosaas_xero.spec import ActionResult, Conflict, ConnectorError

WROTE_NOTHING = frozenset({"invalid", "not_found", "missing_scope", "conflict", "misconfigured"})
"""Codes with which a connector refuses a write before it has made what the write is about."""


@dataclass(frozen=True)
class WriteIntent:
    """What is written once."""

    tenant: str
    connector: str
    organisation_id: str
    action: str
    business_key: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return dict(vars(self))


class WriteClaims:
    """Keeps what was written.

    Args:
        terms: The operator's.
    """

    def __init__(self, config: BridgeConfig) -> None:
        self._config = config

    def find_result(self, write: WriteIntent, params: Mapping[str, Any]) -> ActionResult | None:
        """Return what the write came to, if it is done.

        Raises:
            Conflict: The business key was used for something else.
        """
        kept = self._config.store.read(_key(write))
        if kept is None:
            return None
        _require_same_params(write, kept.value, params)
        return ActionResult.model_validate(kept.value["result"]) if kept.value["state"] == "done" else None

    @contextmanager
    def claim(self, write: WriteIntent, params: Mapping[str, Any]) -> Iterator[Callable[[ActionResult], None]]:
        """Claim the write for as long as the block takes; what is yielded keeps its result.

        A failure gives the claim back.

        Raises:
            Conflict: Another process is executing it, or has just finished.
        """
        owner = new_owner()
        unsure = self._take(write, params, owner)

        def finish(result: ActionResult) -> None:
            state = "done" if result.status == "done" else "begun"
            kept = result.model_dump(mode="json")
            update_value(
                self._config.store,
                _key(write),
                lambda value: (
                    _claim(params, None, None, state, unsure=True) | {"result": kept}
                    if value is None or value["state"] != "done"
                    else None
                ),
            )

        try:
            with heartbeat_of(self._config.store, _key(write), lambda value: self._extend(value, owner)):
                yield finish
        except BaseException as error:
            nothing = isinstance(error, ConnectorError) and error.code in WROTE_NOTHING and not unsure
            self._release(write, params, owner, nothing=nothing)
            raise

    def _take(self, write: WriteIntent, params: Mapping[str, Any], owner: str) -> bool:
        """Take the claim; return whether an earlier attempt may have written."""
        now = self._config.now()
        unsure = False

        def edit(value: dict[str, Any] | None) -> dict[str, Any]:
            nonlocal unsure
            if value is not None:
                _require_same_params(write, value, params)
                if value["state"] == "done":
                    raise _in_progress_error(write)  # between our look and now
                if value["until"] is not None and datetime.fromisoformat(value["until"]) > now:
                    raise _in_progress_error(write)
                unsure = value["unsure"] or value["owner"] is not None
            return _claim(params, owner, (now + LEASE_DURATION).isoformat(), "begun", unsure=unsure)

        update_value(self._config.store, _key(write), edit)
        return unsure

    def _extend(self, value: dict[str, Any] | None, owner: str) -> dict[str, Any] | None:
        if value is None or value["owner"] != owner:
            return None  # another's by now
        return value | {"until": (self._config.now() + LEASE_DURATION).isoformat()}

    def _release(self, write: WriteIntent, params: Mapping[str, Any], owner: str, *, nothing: bool) -> None:
        kept = self._config.store.read(_key(write))
        if kept is None or kept.value["owner"] != owner:
            return
        if nothing:
            self._config.store.remove(_key(write), kept.version)
        else:
            self._config.store.write(_key(write), _claim(params, None, None, "begun", unsure=True), kept.version)


def _claim(
    params: Mapping[str, Any], owner: str | None, until: str | None, state: str, *, unsure: bool
) -> dict[str, Any]:
    return {"params": dict(params), "owner": owner, "until": until, "state": state, "unsure": unsure}


def _require_same_params(write: WriteIntent, kept: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    if kept["params"] != dict(params):
        raise reasons.BUSINESS_KEY_REUSED(key=write.business_key, action=write.action)


def _in_progress_error(write: WriteIntent) -> Conflict:
    return reasons.IN_PROGRESS(retry_after=5, action=write.action)


def _key(write: WriteIntent) -> Key:
    return (
        "write",
        write.tenant,
        write.connector,
        write.organisation_id,
        write.action,
        str(write.business_key),
    )

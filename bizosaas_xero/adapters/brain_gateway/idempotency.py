"""One intent is written once: a claim on tenant, connector, organisation, action and business key.

Who writes gives signs of life. When they stop, another takes the claim over, and the connector, which looks
before it creates, finds what was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bizosaas_xero.adapters.brain_gateway.config import Terms, new_owner
from bizosaas_xero.adapters.brain_gateway.stores import LEASE, Key, alive, change
from bizosaas_xero.spec import ActionResult, Conflict, ConnectorError

WROTE_NOTHING = frozenset({"invalid", "not_found", "missing_scope", "conflict", "misconfigured"})
"""Codes with which a connector refuses a write before it has made what the write is about."""


@dataclass(frozen=True)
class Write:
    """What is written once."""

    tenant: str
    connector: str
    organisation_id: str
    action: str
    business_key: str | None

    def names(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return dict(vars(self))


class Writes:
    """Keeps what was written.

    Args:
        terms: The operator's.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def done(self, write: Write, params: Mapping[str, Any]) -> ActionResult | None:
        """Return what the write came to, if it is done.

        Raises:
            Conflict: The business key was used for something else.
        """
        kept = self._terms.store.read(_key(write))
        if kept is None:
            return None
        _same(write, kept.value, params)
        return ActionResult.model_validate(kept.value["result"]) if kept.value["state"] == "done" else None

    @contextmanager
    def claimed(self, write: Write, params: Mapping[str, Any]) -> Iterator[Callable[[ActionResult], None]]:
        """Claim the write for as long as the block takes; what is yielded keeps its result.

        A failure gives the claim back.

        Raises:
            Conflict: Somebody else is doing it, or has just done it.
        """
        owner = new_owner()
        unsure = self._take(write, params, owner)

        def finish(result: ActionResult) -> None:
            state = "done" if result.status == "done" else "begun"
            kept = result.model_dump(mode="json")
            change(
                self._terms.store,
                _key(write),
                lambda value: (
                    _claim(params, None, None, state, unsure=True) | {"result": kept}
                    if value is None or value["state"] != "done"
                    else None
                ),
            )

        try:
            with alive(self._terms.store, _key(write), lambda value: self._longer(value, owner)):
                yield finish
        except BaseException as error:
            nothing = isinstance(error, ConnectorError) and error.code in WROTE_NOTHING and not unsure
            self._give_back(write, params, owner, nothing=nothing)
            raise

    def _take(self, write: Write, params: Mapping[str, Any], owner: str) -> bool:
        """Claim; true if somebody before may have written."""
        now = self._terms.now()
        unsure = False

        def edit(value: dict[str, Any] | None) -> dict[str, Any]:
            nonlocal unsure
            if value is not None:
                _same(write, value, params)
                if value["state"] == "done":
                    raise _busy(write)  # between our look and now
                if value["until"] is not None and datetime.fromisoformat(value["until"]) > now:
                    raise _busy(write)
                unsure = value["unsure"] or value["owner"] is not None
            return _claim(params, owner, (now + LEASE).isoformat(), "begun", unsure=unsure)

        change(self._terms.store, _key(write), edit)
        return unsure

    def _longer(self, value: dict[str, Any] | None, owner: str) -> dict[str, Any] | None:
        if value is None or value["owner"] != owner:
            return None  # another's by now
        return value | {"until": (self._terms.now() + LEASE).isoformat()}

    def _give_back(self, write: Write, params: Mapping[str, Any], owner: str, *, nothing: bool) -> None:
        kept = self._terms.store.read(_key(write))
        if kept is None or kept.value["owner"] != owner:
            return
        if nothing:
            self._terms.store.remove(_key(write), kept.version)
        else:
            self._terms.store.write(_key(write), _claim(params, None, None, "begun", unsure=True), kept.version)


def _claim(
    params: Mapping[str, Any], owner: str | None, until: str | None, state: str, *, unsure: bool
) -> dict[str, Any]:
    return {"params": dict(params), "owner": owner, "until": until, "state": state, "unsure": unsure}


def _same(write: Write, kept: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    if kept["params"] != dict(params):
        raise Conflict(
            f"The business key {write.business_key!r} was used for another {write.action} before.",
            remedy="If this is another write, give it a business key of its own.",
            reason="business_key_reused",
        )


def _busy(write: Write) -> Conflict:
    return Conflict(
        f"Somebody is doing this {write.action} already.",
        remedy="Ask again in some seconds, with the same business key: it is done once.",
        reason="in_progress",
        retry_after=5,
    )


def _key(write: Write) -> Key:
    return (
        "write",
        write.tenant,
        write.connector,
        write.organisation_id,
        write.action,
        str(write.business_key),
    )

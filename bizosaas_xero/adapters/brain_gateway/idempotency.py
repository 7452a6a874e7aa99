"""One intent is written once: a claim on tenant, connector, organisation, action and business key.

The rules are those of :mod:`bizosaas_xero.host.actions.claim`; here is where the gateway's claims are stored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from bizosaas_xero.adapters.brain_gateway.stores import Key, KeyValueStore, update_value
from bizosaas_xero.host.actions.claim import Claim
from bizosaas_xero.host.storage import ownership
from bizosaas_xero.host.storage.heartbeat import heartbeat
from bizosaas_xero.spec import ActionResult

_CLAIM = TypeAdapter(Claim)


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

    def key(self) -> Key:
        """Return under what its claim is stored."""
        return ("write", *map(str, vars(self).values()))


class WriteClaims:
    """Keeps what was written.

    Args:
        store: Where.
    """

    def __init__(self, store: KeyValueStore) -> None:
        self._store = store

    def find_result(self, write: WriteIntent, params: Mapping[str, Any]) -> ActionResult | None:
        """Return what the write came to, if it is done.

        Raises:
            Conflict: The business key was used for something else.
        """
        kept = self._store.read(write.key())
        claim = kept and _CLAIM.validate_python(kept.value).require_params(_to_text(params))
        return claim.result if claim and claim.state == "done" else None

    @contextmanager
    def claim(
        self, write: WriteIntent, params: Mapping[str, Any], plan_hash: str = ""
    ) -> Iterator[Callable[[ActionResult], None]]:
        """Claim the write for as long as the block takes; what is yielded keeps its result.

        A failure gives the claim back.

        Raises:
            Conflict: Another process is executing it, or has just finished; or the key was used for something else.
        """
        free = Claim(write.action, str(write.business_key), _to_text(params))

        def edit(change: Callable[[Claim], Claim | None]) -> None:
            def edit_value(value: dict[str, Any] | None) -> dict[str, Any] | None:
                before = _CLAIM.validate_python(value).require_params(free.params) if value else free
                after = change(before)
                if after is None:
                    return None
                return value if after is before else dict(_CLAIM.dump_python(after, mode="json"))

            update_value(self._store, write.key(), edit_value)

        owner = ownership.new_owner()
        try:
            edit(lambda claim: claim.acquire(owner, plan_hash, self._store.now()))
            try:
                with heartbeat(lambda: edit(lambda claim: claim.extend(owner, self._store.now())), "write-claim"):
                    yield lambda result: edit(lambda claim: claim.finish(result))
            except BaseException as error:
                reason = error
                edit(lambda claim: claim.release(owner, reason))
                raise
        finally:
            ownership.forget_owner(owner)


def _to_text(params: Mapping[str, Any]) -> str:
    return json.dumps(dict(params), sort_keys=True)

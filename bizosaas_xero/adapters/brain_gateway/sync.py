"""Reading through the host's sync route: one page a call, and the cursor kept for the next.

The host's routes hand over no cursor, so the one of the last page given is kept here, and the next call continues
from it. Whether that page arrived is unknown, so the previous position is kept too, and ``again``
gives the page once more. A host that hands over the cursor of the last page it has stored needs none of this.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from threading import Event
from typing import Any

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.grants import TenantAccess
from bizosaas_xero.adapters.brain_gateway.stores import Key, delete_value, update_value
from bizosaas_xero.adapters.brain_gateway.tenant import TenantConnection
from bizosaas_xero.spec import Batch, ConnectorError, CursorRejected
from bizosaas_xero.spec.errors import SUBJECT, Invalid

PARAMS = ("cursor", "organisation_id", "full", "again", "recheck")
"""What ``params`` may hold."""

RESOURCE_SUFFIXES = ("again", "full")
"""What may follow the resource after a colon, since the host's route passes no params: ``invoices:again``."""


MAX_LIMIT_WAIT_SECONDS = 20
"""Seconds that a page may wait for the vendor's limits: the gateway's agents give up after 30."""


class PageReader:
    """Reads entities of one connector, a page a call.

    Args:
        access: To the organisations.
    """

    def __init__(self, access: TenantAccess) -> None:
        self._access = access
        self._store = access.config.store

    def page(
        self, tenant: str, held: TenantConnection, resource: str, params: Mapping[str, Any] | None, stopped: Event
    ) -> dict[str, Any]:
        """Read one page.

        Args:
            tenant: Whose.
            held: The tenant's connection.
            resource: An entity; ``invoices:again`` and ``invoices:full`` are short for the two params.
            params: ``cursor`` (of a page given before), and the others of :data:`PARAMS`.
            stopped: Set when the request was cancelled; the stored cursor is then left unchanged.

        Returns:
            ``data``, ``keys``, ``deleted``, ``count``, ``cursor``, ``has_more``, ``rejected``, ``stats``.

        Raises:
            ConnectorError: of the connector, the grant, or the params.
        """
        entity, asked = _parse_params(resource, params)
        organisation = self._access.organisation(held, asked.get("organisation_id"))
        key = self._key(tenant, organisation, entity)
        kept = self._store.read(key)
        before = kept.value if kept else {"cursor": None, "previous": None}
        if "cursor" in asked:
            start = _cursor(asked["cursor"])
        elif asked.get("again"):
            start = before["previous"]
        else:
            start = None if asked.get("full") else before["cursor"]
        options = {
            "max_batches": 1,
            "max_wait": MAX_LIMIT_WAIT_SECONDS,
            "full": bool(asked.get("full")),
            "recheck": asked.get("recheck") or [],
        }
        try:
            batch = self._batch(tenant, organisation, entity, start, options)
        except CursorRejected:
            if "cursor" in asked:
                raise  # the caller's own to mend
            start, batch = None, self._batch(tenant, organisation, entity, None, options)
        if stopped.is_set():
            raise reasons.CANCELLED()
        # If another call moved it meanwhile, ours is as good: a read can continue from every cursor given.
        after = {"cursor": batch.cursor, "previous": start}
        update_value(self._store, key, lambda _: after)
        return {"status": "success", "resource": entity, "organisation_id": organisation} | _to_payload(batch)

    def delete_cursors(self, tenant: str, organisations: list[str]) -> None:
        """Forget how far organisations were read."""
        info = self._access.connector.describe()
        for entity in info.entities if info else ():
            for organisation in organisations:
                delete_value(self._store, self._key(tenant, organisation, entity.name))

    def _batch(self, tenant: str, organisation: str, entity: str, cursor: Any, options: dict[str, Any]) -> Batch:
        def one(connection: dict[str, Any]) -> Batch:
            batches = self._access.connector.sync_entity(connection, entity, cursor, options)
            with closing(batches):  # in the thread that runs it, whatever became of the request
                batch = next(batches, None)
            if batch is None:
                raise self._access.connector.failure("sync_entity gave no batch")
            return batch

        return self._access.call_hook(tenant, organisation, one)

    def _key(self, tenant: str, organisation: str, entity: str) -> Key:
        return ("cursor", tenant, self._access.connector.name, organisation, entity)


def failed(error: ConnectorError) -> dict[str, Any]:
    """Say that a page could not be read. ``has_more`` is true: an error must not look like the end."""
    empty: dict[str, Any] = {"data": [], "keys": [], "deleted": [], "count": 0, "cursor": None}
    return {"status": "error", "error": error.to_dict(), **empty, "has_more": True}


def _to_payload(batch: Batch) -> dict[str, Any]:
    plain = batch.model_dump(mode="json")
    rows = [record for record in plain["records"] if record["op"] == "upsert"]
    paused = batch.stats is not None and batch.stats.paused
    return {
        "data": [record["data"] for record in rows],
        "keys": [record["key"] for record in rows],
        "deleted": [record["key"] for record in plain["records"] if record["op"] == "delete"],
        "count": len(rows),
        "cursor": json.dumps(plain["cursor"]),  # text, so that it can go through an address
        "has_more": batch.has_more or paused,  # the iterator's end is not the list's
        "rejected": plain["rejected"],
        "stats": plain["stats"],
    }


def _parse_params(resource: str, params: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    asked = dict(params or {})
    unknown = sorted(set(asked) - set(PARAMS))
    if unknown:
        raise Invalid.field(
            f"params.{unknown[0]}", "is not known", remedy=f"Known are: {', '.join(PARAMS)}.", summary=SUBJECT
        )
    entity, _, word = str(resource).partition(":")
    if word:
        if word not in RESOURCE_SUFFIXES:
            raise Invalid.field(
                "resource",
                f"has an unknown word after its colon: {word[:32]!r}",
                f"Use {RESOURCE_SUFFIXES}.",
                summary=SUBJECT,
            )
        asked[word] = True
    for name in RESOURCE_SUFFIXES:  # as an address says it
        if isinstance(asked.get(name), str):
            asked[name] = asked[name].lower() in {"1", "true", "yes"}
    if isinstance(asked.get("recheck"), str):
        asked["recheck"] = asked["recheck"].split(",")
    return entity, asked


def _cursor(given: object) -> Any:
    if given is None or given == "":
        return None
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError:
        raise Invalid.field(
            "params.cursor", "is not one that was given here", "Leave it out to continue.", summary=SUBJECT
        ) from None

"""Reading and acting through the gateway's methods."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import closing
from threading import Event
from typing import Any

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.service import ConnectorService
from bizosaas_xero.host.connections.tenants import OpenTenant
from bizosaas_xero.spec import Batch
from bizosaas_xero.spec.errors import SUBJECT, Invalid

PARAMS = ("cursor", "consumer", "organisation_id", "full", "again", "recheck")
"""What ``params`` may hold. ``tenant_id``, which the gateway's agents add, is ignored: the caller's own counts."""

CONTROL_KEYS = ("organisation_id", "mode", "plan_hash", "business_key")
"""Keys of the payload that are the bridge's; all others are the action's parameters."""

RESERVED = ("list_actions", "list_organisations", "choose_organisation", "disconnect")
"""Actions of the bridge's own."""

INITIAL_SYNC = "initial_sync"
"""The resource that the gateway's set-up workflow asks for: everything, into the tenant's tables."""

MAX_LIMIT_WAIT_SECONDS = 20
"""Seconds that a page may wait for the provider's limits: the gateway's agents give up after 30."""

DIRECT = "brain-gateway"
"""The requester where the gateway names no user."""


class Worker:
    """Reads and acts for one connector."""

    def __init__(self, service: ConnectorService) -> None:
        self._service = service
        self._name = service.name

    # ------------------------------------------------------------ reading

    def sync(
        self, tenant_id: str, resource: str, params: Mapping[str, Any] | None = None, stopped: Event | None = None
    ) -> dict[str, Any]:
        """Read one page of an entity: without cursor and consumer from the beginning, and nothing is remembered.

        Args:
            tenant_id: Whose.
            resource: An entity, or :data:`INITIAL_SYNC`.
            params: Of :data:`PARAMS`.
            stopped: Set when the request was cancelled; no position moves then.

        Raises:
            ConnectorError: of the connector, the grant, or the params.
        """
        asked = _parse_params(params)
        tenant, connection = self._service.require_connection(tenant_id, asked.get("organisation_id"))
        if resource == INITIAL_SYNC:
            return self._sync_all(tenant, connection.id)
        key = f"cursor:{self._name}:{asked.get('consumer')}:{connection.organisation_id}:{resource}"
        kept = (tenant.state.get(key) if asked.get("consumer") else None) or {"cursor": None, "previous": None}
        start = kept["previous"] if asked.get("again") else kept["cursor"]
        if "cursor" in asked:
            start = _parse_cursor(asked["cursor"])
        if asked.get("full"):
            start = None
        options = {
            "max_batches": 1,
            "max_wait": MAX_LIMIT_WAIT_SECONDS,
            "full": bool(asked.get("full")),
            "recheck": asked.get("recheck") or [],
        }
        plugin = tenant.host.report.connector(self._name)
        plugin.entity(resource)

        def read(access: dict[str, Any]) -> Batch:
            batches = plugin.sync_entity(access, resource, start, options)
            with closing(batches):  # in the thread that runs it, whatever became of the request
                batch = next(batches, None)
            if batch is None:
                raise plugin.failure("sync_entity gave no batch")
            return batch

        batch = self._service.call(tenant, connection, read)
        if stopped is not None and stopped.is_set():
            raise reasons.CANCELLED()
        if asked.get("consumer"):
            tenant.state.put(key, {"cursor": batch.model_dump(mode="json")["cursor"], "previous": start})
        return {
            "status": "success",
            "resource": resource,
            "organisation_id": connection.organisation_id,
        } | _page_payload(batch)

    def _sync_all(self, tenant: OpenTenant, connection_id: str) -> dict[str, Any]:
        info = tenant.host.report.connector(self._name).describe()
        data = []
        for entity in info.entities if info else ():
            outcome = tenant.host.runner.sync(connection_id, entity.name, max_wait=MAX_LIMIT_WAIT_SECONDS)
            data.append(outcome.to_dict())
            if outcome.problem and outcome.problem["recovery"] in {"wait", "retry"}:
                raise reasons.INITIAL_SYNC_PAUSED(
                    retry_after=outcome.problem["retry_after"], entity=entity.name, cause=outcome.problem["message"]
                )
        bad = [row["problem"] for row in data if row["problem"]]
        if bad:
            return {"status": "error", "resource": INITIAL_SYNC, "error": bad[0], "data": data, "count": len(data)}
        return {"status": "success", "resource": INITIAL_SYNC, "data": data, "count": len(data), "has_more": False}

    # ------------------------------------------------------------ acting

    def act(
        self,
        tenant_id: str,
        name: str,
        payload: Mapping[str, Any] | None = None,
        requester: str = DIRECT,
    ) -> dict[str, Any]:
        """Run an action of the connector, or one of the bridge's own. A write is done only once a person approved it.

        Raises:
            ConnectorError: of the connector, the grant, or the payload.
        """
        given = dict(payload or {})
        if name in RESERVED:
            return {"status": "success", "action": name, **self._own(tenant_id, name, given)}
        control = {key: given[key] for key in CONTROL_KEYS if given.get(key) is not None}
        params = {key: floats_to_text(value, key) for key, value in given.items() if key not in CONTROL_KEYS}
        tenant, connection = self._service.require_connection(tenant_id, control.pop("organisation_id", None))
        commits = control.get("mode") == "commit"
        outcome = tenant.host.act(
            connection.id, name, (params or None) if commits else params, requester=requester, **control
        )
        result = outcome.to_dict()
        del result["next"]  # a command line of the machine, which the gateway's users do not have
        result["outcome"] = result.pop("status")
        waits = result["outcome"] in {"planned", "needs_approval"}
        if waits and outcome.stored_plan is not None:
            place = f"/approvals/{connection.id}/{outcome.stored_plan.plan.hash}"
            result["approve_url"] = self._service.config.pages_url + place
        return {"status": "success" if outcome.status == "done" else result["outcome"], **result}

    def _own(self, tenant_id: str, name: str, payload: dict[str, Any]) -> dict[str, Any]:
        if name == "list_organisations":
            return self._service.list_organisations(tenant_id)
        if name == "choose_organisation":
            return self._service.choose(tenant_id, payload.get("organisation_ids", payload.get("organisation_id")))
        if name == "disconnect":
            revoke = payload.get("revoke", False)
            if not isinstance(revoke, bool):
                raise Invalid.field("payload.revoke", "must be true or false", summary=SUBJECT)
            return self._service.disconnect(tenant_id, payload.get("organisation_id"), revoke=revoke)
        tenant = self._service.find_tenant(tenant_id)
        connection = tenant and self._service.connection(tenant)
        plugin = self._service.connector
        found = (
            self._service.call(tenant, connection, tenant.host.report.connector(self._name).list_actions)
            if tenant and connection
            else plugin.list_actions(None)
        )
        return {"actions": [each.model_dump(mode="json") for each in found]}


def find_name_conflicts(service: ConnectorService) -> str:
    """Say what of a connector cannot be reached through the gateway; empty: nothing."""
    actions = service.connector.list_actions(None)
    names = sorted({each.name for each in actions} & set(RESERVED))
    fields = [
        f"{each.name}.{key}" for each in actions for key in each.params.get("properties", {}) if key in CONTROL_KEYS
    ]
    return ", ".join(names + sorted(fields))


def floats_to_text(value: Any, path: str) -> Any:
    """Turn floats, which the host's models use for money, into decimals as text; the digits are kept.

    Raises:
        Invalid: if one is not finite.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Invalid.field(f"payload.{path}", "is not a number", summary=SUBJECT)
        return repr(value)
    if isinstance(value, Mapping):
        return {key: floats_to_text(each, f"{path}.{key}") for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [floats_to_text(each, f"{path}.{n}") for n, each in enumerate(value)]
    return value


def _page_payload(batch: Batch) -> dict[str, Any]:
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


def _parse_params(params: Mapping[str, Any] | None) -> dict[str, Any]:
    asked = {name: value for name, value in (params or {}).items() if name != "tenant_id"}
    unknown = sorted(set(asked) - set(PARAMS))
    if unknown:
        raise Invalid.field(
            f"params.{unknown[0]}", "is not known", remedy=f"Known are: {', '.join(PARAMS)}.", summary=SUBJECT
        )
    for name in ("again", "full"):  # as an address says it
        if isinstance(asked.get(name), str):
            asked[name] = asked[name].lower() in {"1", "true", "yes"}
    if isinstance(asked.get("recheck"), str):
        asked["recheck"] = asked["recheck"].split(",")
    consumer = asked.get("consumer")
    if consumer is not None and not re.fullmatch(r"[\w.-]{1,64}", str(consumer)):
        raise Invalid.field("params.consumer", "must be a short name of letters, digits, - and _", summary=SUBJECT)
    if asked.get("again") and not asked.get("consumer"):
        raise Invalid.field("params.again", "needs a consumer, whose last page it is", summary=SUBJECT)
    return asked


def _parse_cursor(given: object) -> Any:
    if given is None or given == "":
        return None
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError:
        raise Invalid.field(
            "params.cursor", "is not one that was given here", "Leave it out to begin.", summary=SUBJECT
        ) from None

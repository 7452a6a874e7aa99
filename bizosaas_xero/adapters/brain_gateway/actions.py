"""Actions through the gateway's route: reads run at once; a write is planned, and executed only when approved."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.config import ApprovalRequest
from bizosaas_xero.adapters.brain_gateway.grants import TenantAccess
from bizosaas_xero.adapters.brain_gateway.idempotency import WriteClaims, WriteIntent
from bizosaas_xero.adapters.brain_gateway.stores import Key
from bizosaas_xero.adapters.brain_gateway.tenant import TenantConnection
from bizosaas_xero.spec import Action, ActionResult
from bizosaas_xero.spec.errors import SUBJECT, Invalid

CONTROL_KEYS = ("organisation_id", "mode", "plan_hash", "business_key")
"""Keys of the payload that are the bridge's; all others are the action's parameters."""

PLAN_LIFETIME = timedelta(hours=24)
"""How long a plan can be approved and done."""


class GatewayActions:
    """Runs actions of one connector.

    Args:
        access: To the organisations.
    """

    def __init__(self, access: TenantAccess) -> None:
        self._access = access
        self._config = access.config
        self._writes = WriteClaims(access.config.store)

    def actions(self) -> dict[str, Action]:
        """Return the connector's actions by name."""
        return {action.name: action for action in self._access.connector.list_actions(None)}

    def list_actions(self, tenant: str, held: TenantConnection) -> dict[str, Any]:
        """List the actions; with a chosen organisation, each says which permissions it lacks."""
        ask: Callable[[dict[str, Any] | None], list[Action]] = self._access.connector.list_actions
        usable = held.grant is not None and held.chosen
        found = self._access.call_hook(tenant, held.chosen[0], ask) if usable else ask(None)
        return {"actions": [each.model_dump(mode="json") for each in found]}

    def run(self, tenant: str, held: TenantConnection, name: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Run an action.

        Raises:
            NotFound: The connector has no such action.
            Invalid: The payload is wrong; before any request.
            Misconfigured: A commit was requested without an approval.
            ConnectorError: Any other of the connector, or of the grant.
        """
        action = self.actions().get(name)
        if action is None:
            raise reasons.UNKNOWN_ACTION(connector=self._access.connector.name, name=name[:64])
        control = {key: payload[key] for key in CONTROL_KEYS if payload.get(key) is not None}
        params = {key: floats_to_text(value, key) for key, value in payload.items() if key not in CONTROL_KEYS}
        organisation = self._access.organisation(held, control.get("organisation_id"))
        mode = control.get("mode", "run" if action.effect == "read" else "plan")
        write = WriteIntent(tenant, self._access.connector.name, organisation, name, control.get("business_key"))
        if action.effect == "read":
            if mode != "run":
                raise Invalid.field(
                    "payload.mode", "is not for an action that only reads", "Leave it out.", summary=SUBJECT
                )
            return _to_payload(self._ask(write, params, {"mode": "run"}))
        if mode == "plan":
            return self._plan(write, params)
        if mode == "commit":
            return self._commit(write, params, control.get("plan_hash"))
        raise reasons.MODE_NOT_ALLOWED.field("payload.mode")

    def _plan(self, write: WriteIntent, params: dict[str, Any]) -> dict[str, Any]:
        result = self._ask(write, params, {"mode": "plan", "business_key": write.business_key})
        if result.plan is None:
            raise self._access.connector.failure("a plan was asked for, and none was given")
        kept = {
            "write": write.to_dict(),
            "params": params,
            "plan": result.plan.model_dump(mode="json"),
            "expires_at": (self._config.now() + PLAN_LIFETIME).isoformat(),
        }
        key = self._plan_key(write, result.plan.hash)
        before = self._config.store.read(key)
        # The same plan again is the same; of two at once, either is kept.
        self._config.store.write(key, kept, before.version if before else None)
        return _to_payload(result)

    def _commit(self, write: WriteIntent, params: dict[str, Any], plan_hash: object) -> dict[str, Any]:
        for name, value in {"plan_hash": plan_hash, "business_key": write.business_key}.items():
            if not isinstance(value, str) or not value:
                raise Invalid.field(
                    f"payload.{name}", "is needed to commit", "Plan first, with a business_key.", summary=SUBJECT
                )
        if self._config.approve is None:
            raise reasons.COMMIT_NOT_ALLOWED()
        known = self._config.store.read(self._plan_key(write, str(plan_hash)))
        if known is None or datetime.fromisoformat(known.value["expires_at"]) <= self._config.now():
            raise reasons.PLAN_UNKNOWN()
        if known.value["write"] != write.to_dict() or (params and params != known.value["params"]):
            raise reasons.OTHER_PLAN()
        planned = known.value["params"]
        done = self._writes.find_result(write, planned)
        if done is not None:
            return _to_payload(done) | {"repeated": True}
        control = {
            "mode": "commit",
            "plan_hash": str(plan_hash),
            "business_key": write.business_key,
            "approver": self._approver(write, known.value, str(plan_hash)),
        }
        with self._writes.claim(write, planned, str(plan_hash)) as finish:
            result = self._ask(write, planned, control)
            finish(result)
        return _to_payload(result)

    def _approver(self, write: WriteIntent, known: Mapping[str, Any], plan_hash: str) -> str:
        approver = self._config.approve and self._config.approve(
            ApprovalRequest(
                tenant_id=write.tenant,
                connector=write.connector,
                organisation_id=write.organisation_id,
                action=write.action,
                params=known["params"],
                plan=known["plan"],
                plan_hash=plan_hash,
                business_key=str(write.business_key),
            )
        )
        if not isinstance(approver, str) or not approver:
            raise reasons.NOT_APPROVED(action=write.action)
        return approver

    def _ask(self, write: WriteIntent, params: dict[str, Any], control: dict[str, Any]) -> ActionResult:
        def one(connection: dict[str, Any]) -> ActionResult:
            return self._access.connector.run_action(connection, write.action, params, control)

        return self._access.call_hook(write.tenant, write.organisation_id, one)

    def _plan_key(self, write: WriteIntent, plan_hash: str) -> Key:
        return ("plan", write.tenant, write.connector, write.organisation_id, plan_hash)


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


def _to_payload(result: ActionResult) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(result.model_dump_json())
    return {"status": "success", "outcome": plain.pop("status"), **plain}

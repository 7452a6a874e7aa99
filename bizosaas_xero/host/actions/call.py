"""One call of an action, and how the connector is asked: with a grant that lasts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.host.actions.idempotency import ClaimKey
from bizosaas_xero.host.connections.grants import Grants
from bizosaas_xero.host.plugins import validation
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.spec import ActionResult, ConnectorError, ReconnectRequired


@dataclass(frozen=True)
class ActionCall:
    """One call of an action, as the requester made it.

    Args:
        connection: In whose books.
        connector: The connection's.
        action: Its name.
        params: Canonical JSON.
        business_key: Names the intent, if the one who asks has a name for it.
        requester: Who or what asks.
        in_person: They ask at a terminal.
        bound: Called in the transaction that claims a write; what it raises refuses it.
    """

    connection: StoredConnection
    connector: Connector
    action: str
    params: str
    business_key: str | None
    requester: str
    in_person: bool = False
    bound: Callable[[sa.Connection], None] = lambda _: None

    def key(self, key: str) -> ClaimKey:
        """Return what is claimed for a write of this key."""
        return ClaimKey(self.connection.connector, self.connection.organisation_id, self.action, key)

    def audit_fields(self, key: str | None) -> dict[str, Any]:
        """Return what an entry of the audit says of the call."""
        return {
            "connection_id": self.connection.id,
            "organisation_id": self.connection.organisation_id,
            "action": self.action,
            "key": key,
            "who": self.requester,
        }


class ConnectorCaller:
    """Asks connectors.

    Args:
        store: Told what a call cost.
        grants: Hands out grants that will last.
    """

    def __init__(self, store: Store, grants: Grants) -> None:
        self._store = store
        self._grants = grants

    def run(self, call: ActionCall, params: str, control: Mapping[str, Any]) -> ActionResult:
        """Call the connector, and once more with a new token if its token is refused.

        Returns:
            The result; its ``data`` are JSON values.

        Raises:
            ConnectorError: of the connector, or of the grant.
        """
        refused: int | None = None
        while True:
            grant, connection = self._grants.get_access(call.connector, call.connection, refused)
            try:
                result = call.connector.run_action(connection, call.action, json.loads(params), dict(control))
            except ConnectorError as error:
                self._add_usage(call, error.cost or {})
                if error.recovery != "refresh":
                    raise
                if refused is not None:
                    raise ReconnectRequired(
                        "Access was renewed, and is still refused.", correlation_id=error.correlation_id
                    ) from None
                refused = grant.version
                continue
            self._add_usage(call, vars(result))
            return ActionResult.model_validate(result.model_dump(mode="json"))

    def _add_usage(self, call: ActionCall, cost: Mapping[str, Any]) -> None:
        self._store.add_cost(call.connection.organisation_id, validation.parse_cost(cost))

"""The host's state: secrets (see ``vault``), connections, and the sync state of each entity.

Every method is one transaction, and none is open while a connector works.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.host import reasons
from bizosaas_xero.host.storage import tables as t
from bizosaas_xero.host.storage.database import upsert, where_equals
from bizosaas_xero.host.storage.models import EntityState, StoredConnection
from bizosaas_xero.host.storage.vault import Vault


class Store(Vault):
    """The host's state in a database; the vault keeps the encrypted part."""

    # ------------------------------------------------------------ connections

    def save_connection(self, connection: StoredConnection) -> None:
        """Keep a connection; the one of the same id is replaced, and how far it was read stays."""
        values = dict(vars(connection))
        self._upsert(t.connections, {"id": values.pop("id")}, values)

    def connection(self, connection_id: str) -> StoredConnection:
        """Return a connection.

        Raises:
            NotFound: if there is none of this id.
        """
        row = self._row(t.connections, id=connection_id)
        if row is None:
            raise reasons.UNKNOWN_CONNECTION(id=connection_id)
        return StoredConnection(**row._mapping)  # noqa: SLF001 (SQLAlchemy's public name)

    def connections(self, identity: str | None = None) -> list[StoredConnection]:
        """Return all connections, or those of one grant, oldest first."""
        statement = sa.select(t.connections).order_by(t.connections.c.created_at, t.connections.c.id)
        if identity is not None:
            statement = statement.where(t.connections.c.identity == identity)
        with self.database.read_transaction() as transaction:
            return [StoredConnection(**row) for row in transaction.execute(statement).mappings()]

    def set_state(self, connection_id: str, state: str, problem: Mapping[str, Any] | None = None) -> None:
        """Save whether a connection works, and if not, why and since when."""
        since = None if state == "active" else sa.func.coalesce(t.connections.c.state_since, t.stamp(self._now()))
        values = {
            "state": state,
            "problem": sa.null() if problem is None else dict(problem),
            "state_since": since,
        }
        with self.database.write_transaction() as transaction:
            transaction.execute(where_equals(sa.update(t.connections), t.connections, id=connection_id).values(values))

    def set_configuration(
        self, connection_id: str, settings: Mapping[str, Any], preferences: Mapping[str, Any]
    ) -> None:
        """Keep what a person decided; what a running sync notes meanwhile stays."""
        values = {"settings": dict(settings), "preferences": dict(preferences)}
        statement = where_equals(sa.update(t.connections), t.connections, id=connection_id)
        with self.database.write_transaction(durable=True) as transaction:
            transaction.execute(statement.values(values))

    def set_resume_at(self, connection_id: str, resume_at: datetime | None) -> None:
        """Note until when a limit of the other side is used up."""
        statement = where_equals(sa.update(t.connections), t.connections, id=connection_id)
        with self.database.write_transaction() as transaction:
            transaction.execute(statement.values(resume_at=resume_at))

    def set_details(
        self, connection_id: str, *, timezone: str | None, currency: str | None, checked_at: datetime
    ) -> None:
        """Save the organisation's time zone and base currency, and when they were read."""
        values = {"timezone": timezone, "currency": currency, "checked_at": checked_at}
        statement = where_equals(sa.update(t.connections), t.connections, id=connection_id)
        with self.database.write_transaction() as transaction:
            transaction.execute(statement.values(values))

    def delete_connection(self, connection_id: str) -> None:
        """Forget a connection and how far it was read. Records that were synced stay."""
        with self.database.write_transaction() as transaction:
            transaction.execute(where_equals(sa.delete(t.connections), t.connections, id=connection_id))

    # ------------------------------------------------------------ entities

    def entity_state(self, connection_id: str, entity: str) -> EntityState:
        """Return how far an entity is read; an empty state if it never was."""
        row = self._row(t.entities, connection_id=connection_id, entity=entity)
        return EntityState(entity) if row is None else _to_entity_state(row)

    def entity_states(self, connection_id: str) -> list[EntityState]:
        """Return the state of every entity that was ever run."""
        statement = where_equals(sa.select(t.entities), t.entities, connection_id=connection_id)
        with self.database.read_transaction() as transaction:
            return [_to_entity_state(row) for row in transaction.execute(statement.order_by(t.entities.c.entity))]

    def update_entity(self, connection_id: str, entity: str, **values: Any) -> None:
        """Note columns of an entity's state, such as ``last_run`` or ``cursor``."""
        self._upsert(t.entities, {"connection_id": connection_id, "entity": entity}, values)

    # ------------------------------------------------------------ what was used

    def add_usage(self, organisation_id: str, calls: int, size: int, day_left: int | None) -> None:
        """Add what a run cost to its day (in UTC, as limits are counted), and note what is left of it."""
        now = self._now()
        c = t.usage.c
        values = {"calls": calls, "bytes": size, "day_left": day_left, "at": now}
        changed = values | {"calls": c.calls + calls, "bytes": c.bytes + size}
        if day_left is None:
            del changed["day_left"]
        keys = {"organisation_id": organisation_id, "day": now.date().isoformat()}
        with self.database.write_transaction() as transaction:
            upsert(self.database, transaction, t.usage, keys, values, changed)

    def add_cost(self, organisation_id: str, cost: Mapping[str, Any]) -> None:
        """Add the cost of one call of a hook: ``calls``, ``bytes`` and ``day_left``, as far as they are known."""
        calls, size = cost.get("calls") or 0, cost.get("bytes") or 0
        if calls or size:
            self.add_usage(organisation_id, calls, size, cost.get("day_left"))

    def usage(self, organisation_id: str) -> dict[str, Any]:
        """Return today's calls and bytes, and the calls left as they were last told."""
        today = self._now().date().isoformat()
        row = self._row(t.usage, organisation_id=organisation_id, day=today)
        if row is None:
            return {"day": today, "calls": 0, "bytes": 0, "day_left": None}
        return {"day": today, "calls": row.calls, "bytes": row.bytes, "day_left": row.day_left}


def _to_entity_state(row: sa.Row[Any]) -> EntityState:
    values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's public name)
    del values["connection_id"]
    return EntityState(**values)

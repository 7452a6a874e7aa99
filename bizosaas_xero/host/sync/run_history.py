"""Past syncs: what each brought, and why one stopped. The newest of each entity are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.host.storage.database import Database, upsert, where_equals
from bizosaas_xero.host.storage.people_tables import runs

RUNS_KEPT = 100
"""Runs that are kept of each entity."""


@dataclass(frozen=True)
class PastRun:
    """A sync of one entity: when it began, and what its ``SyncOutcome.to_dict()`` said."""

    entity: str
    at: datetime
    outcome: dict[str, Any]


class RunHistory:
    """Keeps past syncs.

    Args:
        database: Where.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, connection_id: str, entity: str, at: datetime, outcome: dict[str, Any]) -> None:
        """Keep a run, and forget the oldest of its entity."""
        mine = {"connection_id": connection_id, "entity": entity}
        newest = where_equals(sa.select(runs.c.at), runs, **mine).order_by(runs.c.at.desc()).offset(RUNS_KEPT).limit(1)
        with self._database.write_transaction() as transaction:
            upsert(self._database, transaction, runs, mine | {"at": at}, {"outcome": outcome})
            last = transaction.execute(newest).scalar_one_or_none()
            if last is not None:
                transaction.execute(where_equals(sa.delete(runs), runs, **mine).where(runs.c.at <= last))

    def list_recent(self, connection_id: str, number: int, entity: str | None = None) -> list[PastRun]:
        """Return the newest runs of a connection, or of one of its entities; the newest first."""
        keys = {"connection_id": connection_id} | ({"entity": entity} if entity else {})
        wanted = where_equals(sa.select(runs), runs, **keys).order_by(runs.c.at.desc(), runs.c.entity).limit(number)
        with self._database.read_transaction() as transaction:
            return [PastRun(row.entity, row.at, row.outcome) for row in transaction.execute(wanted)]

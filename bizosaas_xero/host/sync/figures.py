"""Figures over the synced records, as a connector's overview asks for them: read from the tables, without a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa

from bizosaas_xero.host.connections.organisation_details import business_day
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.sync import entity_tables
from bizosaas_xero.spec import Card

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Figure:
    """What a card comes to: the sums by currency, rounded to cents, and how many records there are and are late."""

    card: Card
    sums: dict[str, Decimal]
    count: int
    late: int


class Figures:
    """Reads the figures of an overview.

    Args:
        database: Where the records are.
        now: The clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def read(self, connection: StoredConnection, connector: Connector) -> list[Figure]:
        """Return the figures of an organisation: one query a card; none of an entity that has no table yet."""
        info = connector.describe()
        today = business_day(connection, self._now())
        found = []
        for card in info.overview if info else ():
            entity = next((each for each in info.entities if each.name == card.entity), None) if info else None
            if entity is not None and _column_names(card) <= set(entity.columns):
                table = entity_tables.EntityTable.for_entity(entity.name, entity).table
                figure = self._sum(connection, card, table, today)
                found += [figure] if figure else []
        return found

    def _sum(self, connection: StoredConnection, card: Card, table: sa.Table, today: date) -> Figure | None:
        c = table.c
        total = c[card.sum]
        currency = c[card.currency] if card.currency else sa.literal(connection.currency or "")
        late = sa.case((c[card.late] < today.isoformat(), 1), else_=0) if card.late else sa.literal(0)
        statement = (
            sa.select(currency, sa.func.sum(total), sa.func.count(), sa.func.sum(late))
            .where(c.organisation_id == connection.organisation_id, c.deleted_at.is_(None), total != sa.text("0"))
            .where(*(c[name].in_(values) for name, values in card.where.items()))
            .group_by(currency)
            .order_by(sa.func.count().desc(), currency)
        )
        with self._database.read_transaction() as transaction:
            if not sa.inspect(transaction).has_table(table.name):
                return None
            rows = transaction.execute(statement).all()
        sums = {str(row[0] or connection.currency or ""): Decimal(str(row[1])).quantize(CENT) for row in rows}
        return Figure(card, sums, sum(row[2] for row in rows), sum(row[3] for row in rows))


def _column_names(card: Card) -> set[str]:
    return {name for name in (card.sum, card.currency, card.late, *card.where) if name}

"""PostgreSQL, through psycopg."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL

from bizosaas_xero.host import reasons
from bizosaas_xero.host.storage import dialect
from bizosaas_xero.spec import ConnectorError

_BY_STATE = {
    "53100": reasons.SERVER_FULL,
    "53200": reasons.SERVER_FULL,
    "54": reasons.SERVER_FULL,
    "40P01": reasons.SERVER_LOCKED,
    "55P03": reasons.SERVER_LOCKED,
    "40001": reasons.SERVER_LOCKED,
    "28": reasons.SERVER_REFUSED,
    "3D000": reasons.SERVER_REFUSED,
    "3F000": reasons.SERVER_REFUSED,
    "25006": reasons.SERVER_UNWRITABLE,
    "42501": reasons.SERVER_UNWRITABLE,
    "08": reasons.SERVER_UNREACHABLE,
    "53300": reasons.SERVER_UNREACHABLE,
    "57P": reasons.SERVER_UNREACHABLE,
    "58": reasons.SERVER_UNREACHABLE,
}
"""By SQLSTATE, or the first part of it."""

_REFUSALS = ("password authentication failed", "no password supplied", "does not exist", "pg_hba.conf")
"""A refused connection has no SQLSTATE in psycopg, only the server's English words."""


class PostgreSQL(dialect.Dialect):
    """PostgreSQL: writers work at the same time, and locks are taken by number."""

    name = "postgresql"
    driver = "postgresql+psycopg"
    aliases = ("postgres",)

    def part(self, url: URL, name: str, folder: Path) -> URL:  # noqa: ARG002 (for databases in files)
        """Take a schema, which each connection finds first and alone."""
        before = url.query.get("options", "")
        return url.update_query_dict({"options": f"{before} -csearch_path={name}".strip()})

    def create_part(self, transaction: sa.Connection, name: str) -> None:
        """Make the schema."""
        transaction.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{name}"')

    def connect_args(self) -> dict[str, Any]:
        """Do not wait for a server that is away as long as the system would."""
        return {"connect_timeout": dialect.CONNECT_SECONDS}

    def configure(self, connection: Any) -> None:
        """Do not wait for a lock for ever."""
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{dialect.BUSY_SECONDS:.0f}s'")
        connection.commit()

    def begin(self, transaction: sa.Connection, *, writes: bool, durable: bool) -> None:  # noqa: ARG002 (the driver begins)
        """Leave the beginning to the driver."""
        if durable:
            self.make_durable(transaction)

    def make_durable(self, transaction: sa.Connection) -> None:
        """Wait for the disk at the commit, where the server is set up to lose the last ones."""
        transaction.exec_driver_sql(
            "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
        )

    def now(self, transaction: sa.Connection) -> datetime:
        """Return the server's time."""
        moment: datetime = transaction.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return moment

    def lock(self, transaction: sa.Connection, number: int) -> None:
        """Take the advisory lock of this number."""
        transaction.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))

    def insert(self, table: sa.Table) -> Any:
        """See the base."""
        return postgresql.insert(table)

    def find_by_keys(self, statement: sa.Select[Any], key: sa.Column[Any], keys: list[str]) -> sa.Select[Any]:
        """Look up key by key: of a table that it has not analysed yet, it would read every row for a long IN."""
        listed = sa.func.unnest(sa.literal(keys, postgresql.ARRAY(sa.Text)))
        wanted = listed.table_valued("key").render_derived("wanted")
        found = statement.where(key == wanted.c.key).limit(1).lateral("found")
        return sa.select(found).select_from(wanted.join(found, sa.true()))

    def protect(self, table: str) -> list[str]:
        """Return a function that refuses, and its trigger."""
        body = f"BEGIN RAISE EXCEPTION '{table} is only added to'; END"
        event = f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT"
        return [
            f"CREATE FUNCTION {table}_stays() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
            f"CREATE TRIGGER {table}_stays {event} EXECUTE FUNCTION {table}_stays()",
        ]

    def translate(self, error: BaseException, place: str, *, connected: bool) -> ConnectorError | None:
        """Read the SQLSTATE, or the server's words where there is none."""
        state = str(getattr(error, "sqlstate", None) or "")
        row = next((_BY_STATE[state[:n]] for n in (5, 3, 2) if state[:n] in _BY_STATE), None)
        names = {kind.__name__ for kind in type(error).__mro__}
        if row is None and not state and {"OperationalError", "InterfaceError"} & names:
            refused = not connected and any(words in str(error) for words in _REFUSALS)
            row = reasons.SERVER_REFUSED if refused else reasons.SERVER_UNREACHABLE
        return row(place=place) if row else None

"""The tables of what is asked for: plans, decisions about them, writes that are done once, and the audit."""

from __future__ import annotations

import sqlalchemy as sa

from bizosaas_xero.host.storage.database import find_dialect
from bizosaas_xero.host.storage.tables import Stamp, metadata

plans = sa.Table(
    "host_plans",
    metadata,
    sa.Column("connection_id", sa.String(256), primary_key=True),
    sa.Column("hash", sa.String(128), primary_key=True),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("params", sa.Text, nullable=False, comment="canonical JSON, as asked for"),
    sa.Column("business_key", sa.String(200), comment="empty: the hash is used"),
    sa.Column("requesters", sa.JSON, nullable=False, comment="all who asked for exactly this"),
    sa.Column("plan", sa.Text, nullable=False, comment="JSON"),
    sa.Column("state", sa.String(16), nullable=False, comment="open, stale or done"),
    sa.Column("created_at", Stamp, nullable=False),
    sa.Column("expires_at", Stamp, nullable=False),
    sa.Column(
        "in_person", sa.Boolean, nullable=False, server_default=sa.false(), comment="all asked at a terminal, no agent"
    ),
)

decisions = sa.Table(
    "host_decisions",
    metadata,
    sa.Column("connection_id", sa.String(256), primary_key=True),
    sa.Column("hash", sa.String(128), primary_key=True, comment="of the plan"),
    sa.Column("decision", sa.String(16), nullable=False, comment="approved or refused"),
    sa.Column("approver", sa.String(200), nullable=False),
    sa.Column("at", Stamp, nullable=False),
    sa.Column("expires_at", Stamp, nullable=False),
)

writes = sa.Table(
    "host_writes",
    metadata,
    sa.Column("connector", sa.String(64), primary_key=True),
    sa.Column("organisation_id", sa.String(128), primary_key=True),
    sa.Column("action", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(200), primary_key=True, comment="the business key, or the plan's hash"),
    sa.Column("params", sa.Text, nullable=False, comment="canonical JSON; another intent has another key"),
    sa.Column("plan_hash", sa.String(128), nullable=False),
    sa.Column("amount", sa.String(64), comment="in base currency; empty: not known"),
    sa.Column("state", sa.String(16), nullable=False, comment="begun, partial or done"),
    sa.Column("unsure", sa.Boolean, nullable=False, comment="an attempt may have written without saying so"),
    sa.Column("owner", sa.String(64), comment="the process that works on it; empty: none"),
    sa.Column("until", Stamp, comment="when its owner must have sent a heartbeat"),
    sa.Column("at", Stamp, nullable=False, comment="when it was last begun"),
    sa.Column("result", sa.Text, comment="JSON"),
)

audit = sa.Table(
    "host_audit",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", Stamp, nullable=False),
    sa.Column("organisation_id", sa.String(128), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("key", sa.String(200), comment="of the write"),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("content", sa.Text, nullable=False, comment="canonical JSON of all, with the hash before"),
    sa.Column("hash", sa.String(64), nullable=False, comment="SHA-256 of content"),
)


@sa.event.listens_for(audit, "after_create")
def _protect_audit(_table: sa.Table, connection: sa.Connection, **_: object) -> None:
    """Prevent accidental changes of entries; a deliberate change must drop the triggers first."""
    dialect = find_dialect(connection)
    for statement in dialect.protect(audit.name) if dialect else ():
        connection.exec_driver_sql(statement)

"""The host's own tables. Records live elsewhere: one table per entity, made by the sink."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.spec.models import utc

SCHEMA_VERSION = 5
"""Raised with each change of the tables below; ``migrations`` leads from one to the next."""

metadata = sa.MetaData()


def stamp(value: date) -> str:
    """Write a date or moment as text: moments in UTC, all of one length, so that they sort."""
    return utc(value.astimezone(UTC)) if isinstance(value, datetime) else value.isoformat()


class Stamp(sa.TypeDecorator[datetime]):
    """A moment as ISO 8601 text in UTC, of one length: it sorts, and SQLite loses no time zone."""

    impl = sa.String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else stamp(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002, D102
        return None if value is None else datetime.fromisoformat(value)


meta = sa.Table(
    "host_meta",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

apps = sa.Table(
    "host_apps",
    metadata,
    sa.Column("connector", sa.String(64), primary_key=True),
    sa.Column("client_id", sa.String(128), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("redirect_uri", sa.Text),
    sa.Column("secret", sa.Text, comment="encrypted"),
    sa.Column("settings", sa.JSON, nullable=False),
)

grants = sa.Table(
    "host_grants",
    metadata,
    sa.Column("connector", sa.String(64), primary_key=True),
    sa.Column("identity", sa.String(256), primary_key=True),
    sa.Column("client_id", sa.String(128), nullable=False),
    sa.Column("payload", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("lease_owner", sa.String(64)),
    sa.Column("lease_until", Stamp),
)

pendings = sa.Table(
    "host_pendings",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True, comment="hash of the state"),
    sa.Column("connector", sa.String(64), nullable=False),
    sa.Column("client_id", sa.String(128), nullable=False),
    sa.Column("payload", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("expires_at", Stamp, nullable=False),
    sa.Column("settings", sa.JSON(none_as_null=True), comment="of the consent; empty: those of the app"),
)

connections = sa.Table(
    "host_connections",
    metadata,
    sa.Column("id", sa.String(256), primary_key=True),
    sa.Column("connector", sa.String(64), nullable=False),
    sa.Column("organisation_id", sa.String(128), nullable=False),
    sa.Column("organisation", sa.Text, nullable=False),
    sa.Column("currency", sa.String(8)),
    sa.Column("identity", sa.String(256), nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("problem", sa.JSON),
    sa.Column("created_at", Stamp, nullable=False),
    sa.Column("preferences", sa.JSON, nullable=False, server_default="{}", comment="what configure keeps"),
    sa.Column("resume_at", Stamp, comment="a limit is used up until then"),
    sa.Column("timezone", sa.String(64), comment="the organisation's own, as an IANA name"),
    sa.Column("checked_at", Stamp, comment="when time zone and currency were last read"),
    sa.Column("state_since", Stamp, comment="since when the state is not active"),
    sa.UniqueConstraint("connector", "organisation_id"),
    sa.ForeignKeyConstraint(["connector", "identity"], ["host_grants.connector", "host_grants.identity"]),
)

entities = sa.Table(
    "host_entities",
    metadata,
    sa.Column(
        "connection_id",
        sa.String(256),
        sa.ForeignKey("host_connections.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("entity", sa.String(64), primary_key=True),
    sa.Column("cursor", sa.JSON(none_as_null=True)),
    sa.Column("last_run", Stamp),
    sa.Column("last_success", Stamp),
    sa.Column("next_due", Stamp),
    sa.Column("rechecked_at", Stamp),
    sa.Column("outcome", sa.JSON, comment="counts, kind, complete, calls, bytes and problem of the last run"),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0", comment="runs that failed in a row"),
    sa.Column("blocked_since", Stamp, comment="since when a problem needs a person"),
    sa.Column("told_until", sa.String(10), comment="the business day up to which events are derived"),
)

leases = sa.Table(
    "host_leases",
    metadata,
    sa.Column("name", sa.String(300), primary_key=True, comment="what is leased, such as sync:xero:ORGANISATION"),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("holder", sa.Text, nullable=False, comment="the owner in words"),
    sa.Column("since", Stamp, nullable=False),
    sa.Column("until", Stamp, nullable=False),
)

usage = sa.Table(
    "host_usage",
    metadata,
    sa.Column("organisation_id", sa.String(128), primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True, comment="in UTC"),
    sa.Column("calls", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("day_left", sa.Integer, comment="calls left of that day, as last told"),
    sa.Column("at", Stamp, nullable=False),
)

events = sa.Table(
    "host_events",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("connection_id", sa.String(256), nullable=False),
    sa.Column("organisation_id", sa.String(128), nullable=False),
    sa.Column("entity", sa.String(64), nullable=False),
    sa.Column("key", sa.String(256), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("deal", sa.Text, comment="the deal's key, where the record carries one"),
    sa.Column("day", sa.String(10), nullable=False, comment="the business day"),
    sa.Column("at", Stamp, nullable=False),
    sa.Column("data", sa.JSON, nullable=False, comment="the plain columns of the record at that time"),
    sa.Column("delivery", sa.String(16), comment="empty: none asked for; else waiting, done or refused"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("try_at", Stamp),
    sa.Column("message_id", sa.String(64), comment="the same when it is derived again after a restore; empty: the id"),
)

rejected = sa.Table(
    "rejected",
    metadata,
    sa.Column("organisation_id", sa.String(128), primary_key=True),
    sa.Column("entity", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(256), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("raw", sa.Text),
    sa.Column("rejected_at", Stamp, nullable=False),
)

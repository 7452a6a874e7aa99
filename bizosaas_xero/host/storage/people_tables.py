"""The tables of who asks and of what ran: requesters, revoked ones, sessions of people, and past syncs."""

from __future__ import annotations

import sqlalchemy as sa

from bizosaas_xero.host.storage.tables import Stamp, metadata

requesters = sa.Table(
    "host_requesters",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("action", sa.String(64), primary_key=True),
    sa.Column("times", sa.Integer, nullable=False, comment="entries of the audit"),
    sa.Column("refused", sa.Integer, nullable=False, comment="of these, errors"),
    sa.Column("first_at", Stamp, nullable=False),
    sa.Column("last_at", Stamp, nullable=False),
)

revocations = sa.Table(
    "host_revocations",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True, comment="hash of the name; variants of it are one"),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("at", Stamp, nullable=False),
    sa.Column("who", sa.String(200), nullable=False, comment="who revoked it"),
)

sessions = sa.Table(
    "host_sessions",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True, comment="hash of the session's id"),
    sa.Column("name", sa.String(200), nullable=False, comment="who is signed in; empty: a sign-in that was used"),
    sa.Column("seen_at", Stamp, nullable=False),
    sa.Column("until", Stamp, nullable=False),
)

runs = sa.Table(
    "host_runs",
    metadata,
    sa.Column("connection_id", sa.String(256), primary_key=True),
    sa.Column("entity", sa.String(64), primary_key=True),
    sa.Column("at", Stamp, primary_key=True, comment="when it began"),
    sa.Column("outcome", sa.JSON, nullable=False),
)

notifications = sa.Table(
    "host_notifications",
    metadata,
    sa.Column("connection_id", sa.String(256), primary_key=True),
    sa.Column("addresses", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("since", Stamp, nullable=False, comment="plans of before are left out"),
)

announced = sa.Table(
    "host_announced",
    metadata,
    sa.Column("connection_id", sa.String(256), primary_key=True),
    sa.Column("hash", sa.String(128), primary_key=True, comment="of the plan"),
    sa.Column("planned_at", Stamp, nullable=False),
    sa.Column("at", Stamp, nullable=False),
)

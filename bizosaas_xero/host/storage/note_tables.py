"""The tables of a host that serves one tenant of a platform: other hosts have neither of them."""

from __future__ import annotations

import sqlalchemy as sa

TENANTS = sa.Table(
    "host_tenants",
    sa.MetaData(),
    sa.Column("tenant", sa.String(255), primary_key=True),
    sa.Column("place", sa.String(64), nullable=False),
)
"""The tenants that have a host, in the platform's own database."""

NOTES = sa.Table(
    "host_notes",
    sa.MetaData(),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("payload", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
)
"""Small encrypted values, in the tenant's own database."""

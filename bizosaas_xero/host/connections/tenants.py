"""One embedded host for each tenant, in a schema (PostgreSQL) or a file (SQLite) of its own.

Nothing is opened before it is used, and what cannot be opened is tried again the next time: a key that was missing or
a database that was away heals without a restart.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from bizosaas_xero.host import reasons
from bizosaas_xero.host.plugins.configured import configured
from bizosaas_xero.host.plugins.discovery import DiscoveryReport

if TYPE_CHECKING:  # a platform must start without waiting for them
    from sqlalchemy.engine import URL

    from bizosaas_xero.host import Database, Host
    from bizosaas_xero.host.storage.crypto import Keyring
    from bizosaas_xero.host.storage.dialect import Dialect
    from bizosaas_xero.host.storage.notes import Notes

Settings = Mapping[str, Any] | Callable[[str], Mapping[str, Any]]
"""Settings of a connector, or a function of the tenant that gives them."""

KEY = "BIZOSAAS_SECRET_KEY"
"""The variable that holds the key of all tenants' secrets."""

MAX_OPEN_HOSTS = 64
"""Tenants whose database connections are kept open."""


@dataclass(frozen=True)
class OpenTenant:
    """A tenant whose host is open."""

    name: str
    host: Host
    state: Notes


class Tenants:
    """Opens the hosts of tenants.

    Args:
        database: The platform's: an SQLAlchemy engine, URL or text.
        report: The connectors.
        settings: By connector, the operator's settings, or a function of the tenant that gives them.
        environ: Where ``BIZOSAAS_SECRET_KEY`` is looked up. On a server it must be set: a key file would differ from
            machine to machine.
    """

    def __init__(
        self,
        database: Any,
        report: DiscoveryReport,
        settings: Mapping[str, Settings],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._given = getattr(database, "url", database)
        self._report = report
        self._settings = settings
        self._environ = environ
        self._open: OrderedDict[str, OpenTenant] = OrderedDict()
        self._directory: Database | None = None
        self._lock = RLock()

    def find(self, tenant: str) -> OpenTenant | None:
        """Return a tenant's host; ``None`` if the tenant never began to connect anything."""
        with self._lock:
            known = self._open.get(tenant)
            return known or (self.open(tenant) if tenant in self.names() else None)

    def open(self, tenant: str) -> OpenTenant:
        """Return a tenant's host; its schema or file is made if it is not there."""
        with self._lock:
            if tenant not in self._open:
                self._open[tenant] = self._make(tenant)
                while len(self._open) > MAX_OPEN_HOSTS:
                    self._open.popitem(last=False)[1].host.close()  # a pool: what is in use stays usable
            self._open.move_to_end(tenant)
            return self._open[tenant]

    def names(self) -> list[str]:
        """Return every tenant that has a host."""
        import sqlalchemy as sa

        directory = self._open_directory()
        with directory.read_transaction() as transaction:
            return list(transaction.execute(sa.select(_table().c.tenant).order_by(_table().c.tenant)).scalars())

    def find_missing_key(self) -> str:
        """Say that the key is missing; empty: it is there, or a file will be made. Each use looks for it again."""
        return f"{KEY} is not set" if self._parse()[1].is_server and not self._environ.get(KEY) else ""

    def keyring(self) -> Keyring:
        """Return the key with which all tenants' secrets are encrypted."""
        from bizosaas_xero.host.storage.crypto import Keyring

        if self.find_missing_key():
            raise reasons.SECRET_KEY_NEEDED(variable=KEY)
        return Keyring.open(self._home(), self._environ, create=True)

    def close(self) -> None:
        """Give all database connections back."""
        with self._lock:
            for each in self._open.values():
                each.host.close()
            self._open.clear()
            if self._directory is not None:
                self._directory.close()
                self._directory = None

    def _parse(self) -> tuple[URL, Dialect]:
        from bizosaas_xero.host.storage.database import parse_url

        return parse_url(self._given)

    def _home(self) -> Path:
        """Return the folder of the key file and of tenants' files: next to the platform's own file."""
        from bizosaas_xero.host.storage.paths import home_folder

        url, dialect = self._parse()
        file = dialect.file(url)
        return Path(f"{file}.bizosaas") if file else home_folder(self._environ)

    def _open_directory(self) -> Database:
        """Open the list of tenants, in the platform's own database, or in a file next to its file."""
        if self._directory is None:
            import sqlalchemy as sa

            from bizosaas_xero.host import Database

            self.keyring()
            url, dialect = self._parse()
            if not dialect.is_server:
                url = dialect.part(url, "tenants", self._home())
            directory = Database(url.render_as_string(hide_password=False))
            with directory.schema_transaction() as transaction:
                if not sa.inspect(transaction).has_table(_table().name):
                    _table().create(transaction)
            self._directory = directory
        return self._directory

    def _make(self, tenant: str) -> OpenTenant:
        import sqlalchemy as sa

        from bizosaas_xero.host import open_host
        from bizosaas_xero.host.storage.notes import Notes

        directory, home = self._open_directory(), self._home()
        url, dialect = self._parse()
        name = f"bizosaas_{hashlib.sha256(json.dumps(tenant).encode()).hexdigest()[:24]}"
        with directory.schema_transaction() as transaction:
            dialect.create_part(transaction, name)
            there = sa.select(_table().c.tenant).where(_table().c.tenant == tenant)
            if transaction.execute(there).first() is None:
                transaction.execute(sa.insert(_table()).values(tenant=tenant, place=name))
        url = dialect.part(url, name, home)
        environ = {**self._environ, "BIZOSAAS_DATABASE_URL": url.render_as_string(hide_password=False)}
        host = open_host(home, report=self._with_settings(tenant), environ=environ)
        return OpenTenant(tenant, host, Notes(host.database, host.store))

    def _with_settings(self, tenant: str) -> DiscoveryReport:
        def settings(name: str) -> Callable[[], Mapping[str, Any]]:
            given = self._settings.get(name, {})
            return lambda: given(tenant) if callable(given) else given

        loaded = {name: configured(each, settings(name)) for name, each in self._report.loaded.items()}
        return replace(self._report, loaded=loaded)


def _table() -> Any:
    from bizosaas_xero.host.storage.note_tables import TENANTS

    return TENANTS

"""One embedded host for each tenant, in a schema (PostgreSQL) or a file (SQLite) of its own.

Nothing is opened before it is used, and what cannot be opened is tried again the next time: a key that was missing or
a database that was away heals without a restart.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.config import BridgeConfig
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.plugins.discovery import DiscoveryReport
from bizosaas_xero.spec import ActionResult, AuthResult, Batch

if TYPE_CHECKING:  # the gateway must start without waiting for them
    from bizosaas_xero.adapters.brain_gateway.state import State
    from bizosaas_xero.host import Database, Host
    from bizosaas_xero.host.storage.crypto import Keyring

DEFAULT_TENANT = "default_tenant"
"""What the gateway calls a user's tenant who has none."""

MAX_OPEN_HOSTS = 64
"""Tenants whose database connections are kept open."""


@dataclass(frozen=True)
class OpenTenant:
    """A tenant whose host is open."""

    name: str
    host: Host
    state: State


class Tenants:
    """Opens the hosts of tenants.

    Args:
        database: The gateway's: an SQLAlchemy engine, URL or text.
        report: The connectors.
        config: The operator's.
        environ: Where ``BIZOSAAS_SECRET_KEY`` is looked up. On a server it must be set: a key file would differ from
            machine to machine.
    """

    def __init__(
        self, database: Any, report: DiscoveryReport, config: BridgeConfig, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._given = getattr(database, "url", database)
        self._report = report
        self._config = config
        self._environ = environ
        self._open: OrderedDict[str, OpenTenant] = OrderedDict()
        self._directory: Database | None = None
        self._lock = RLock()

    def require(self, tenant: object) -> str:
        """Return the tenant's name.

        Raises:
            Misconfigured: The gateway names none; data of tenants would mix.
        """
        name = tenant.strip() if isinstance(tenant, str) else ""
        if self._config.single_tenant:
            return name or DEFAULT_TENANT
        if not name or name == DEFAULT_TENANT:
            raise reasons.NO_TENANT()
        return name

    def find(self, tenant: object) -> OpenTenant | None:
        """Return a tenant's host; ``None`` if the tenant never began to connect anything."""
        name = self.require(tenant)
        with self._lock:
            known = self._open.get(name)
            return known or (self.open(name) if name in self.names() else None)

    def open(self, tenant: object) -> OpenTenant:
        """Return a tenant's host; its schema or file is made if it is not there."""
        name = self.require(tenant)
        with self._lock:
            if name not in self._open:
                self._open[name] = self._make(name)
                while len(self._open) > MAX_OPEN_HOSTS:
                    self._open.popitem(last=False)[1].host.close()  # a pool: what is in use stays usable
            self._open.move_to_end(name)
            return self._open[name]

    def names(self) -> list[str]:
        """Return every tenant that has a host."""
        import sqlalchemy as sa

        directory = self._open_directory()
        with directory.read_transaction() as transaction:
            return list(transaction.execute(sa.select(_table().c.tenant).order_by(_table().c.tenant)).scalars())

    def keyring(self) -> Keyring:
        """Return the key with which all tenants' secrets are encrypted."""
        from bizosaas_xero.host.storage.crypto import VARIABLE, Keyring

        url = self._url()
        if url.get_backend_name() != "sqlite" and not self._environ.get(VARIABLE):
            raise reasons.SECRET_KEY_MISSING(variable=VARIABLE)
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

    def _url(self) -> Any:
        from sqlalchemy.engine import make_url

        return make_url(self._given)

    def _home(self) -> Path:
        """Return the folder of the key file and of SQLite's files: beside the gateway's own file."""
        from bizosaas_xero.host.storage.paths import home_folder

        url = self._url()
        is_file = url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:"
        return Path(f"{url.database}.bizosaas") if is_file else home_folder(self._environ)

    def _open_directory(self) -> Database:
        """Open the list of tenants, in the gateway's own database."""
        if self._directory is None:
            import sqlalchemy as sa

            from bizosaas_xero.host import Database

            self.keyring()
            url, home = self._url(), self._home()
            if url.get_backend_name() == "sqlite":
                url = url.set(database=str(home / "tenants.db"))
            directory = Database(url.render_as_string(hide_password=False))
            with directory.schema_transaction() as transaction:
                if not sa.inspect(transaction).has_table(_table().name):
                    _table().create(transaction)
            self._directory = directory
        return self._directory

    def _make(self, tenant: str) -> OpenTenant:
        import sqlalchemy as sa

        from bizosaas_xero.adapters.brain_gateway.state import State
        from bizosaas_xero.host import open_host

        directory, url, home = self._open_directory(), self._url(), self._home()
        name = f"bizosaas_{hashlib.sha256(json.dumps(tenant).encode()).hexdigest()[:24]}"
        is_file = url.get_backend_name() == "sqlite"
        with directory.schema_transaction() as transaction:
            if not is_file:
                transaction.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{name}"')
            there = sa.select(_table().c.tenant).where(_table().c.tenant == tenant)
            if transaction.execute(there).first() is None:
                transaction.execute(sa.insert(_table()).values(tenant=tenant, place=name))
        if is_file:
            url = url.set(database=str(home / f"{name}.db"))
        else:
            before = url.query.get("options", "")
            url = url.update_query_dict({"options": f"{before} -csearch_path={name}".strip()})
        environ = {**self._environ, "BIZOSAAS_DATABASE_URL": url.render_as_string(hide_password=False)}
        host = open_host(home, report=self._with_settings(tenant), environ=environ)
        return OpenTenant(tenant, host, State(host.database, host.store))

    def _with_settings(self, tenant: str) -> DiscoveryReport:
        def settings(name: str) -> Callable[[], Mapping[str, Any]]:
            given = self._config.settings.get(name, {})
            return lambda: given(tenant) if callable(given) else given

        names = [each.name for each in fields(Connector)]
        loaded: dict[str, Connector] = {
            name: ConfiguredConnector(**{part: getattr(each, part) for part in names}, operator=settings(name))
            for name, each in self._report.loaded.items()
        }
        return replace(self._report, loaded=loaded)


@dataclass(frozen=True)
class ConfiguredConnector(Connector):
    """A connector that is called with the operator's settings, which win over those of a connection."""

    operator: Callable[[], Mapping[str, Any]] = dict

    def auth(self, request: Mapping[str, Any]) -> AuthResult:
        """See :class:`~bizosaas_xero.host.plugins.connector.Connector`."""
        request = self._with(request)
        if isinstance(request.get("connection"), Mapping):
            request = {**request, "connection": self._with(request["connection"])}
        return super().auth(request)

    def sync_entity(
        self,
        connection: Mapping[str, Any],
        entity: str,
        cursor: Mapping[str, Any] | None,
        options: Mapping[str, Any] | None,
    ) -> Generator[Batch, None, None]:
        """See :class:`~bizosaas_xero.host.plugins.connector.Connector`."""
        return super().sync_entity(self._with(connection), entity, cursor, options)

    def run_action(
        self,
        connection: Mapping[str, Any],
        action: str,
        params: Mapping[str, Any] | None,
        control: Mapping[str, Any] | None,
    ) -> ActionResult:
        """See :class:`~bizosaas_xero.host.plugins.connector.Connector`."""
        return super().run_action(self._with(connection), action, params, control)

    def _with(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {**given, "settings": {**(given.get("settings") or {}), **self.operator()}}


def _table() -> Any:
    from bizosaas_xero.adapters.brain_gateway.state import TENANTS

    return TENANTS

"""The host's secrets, encrypted in the database: apps, grants, and pending consents.

Every method is one transaction, and none is open while a connector works.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.host import reasons
from bizosaas_xero.host.storage import tables as t
from bizosaas_xero.host.storage.crypto import Keyring
from bizosaas_xero.host.storage.database import Database, upsert, where_equals
from bizosaas_xero.host.storage.key_rotation import KEY_CHECK, reencrypt_all
from bizosaas_xero.host.storage.migrations import migrate
from bizosaas_xero.host.storage.models import StoredApp, StoredGrant
from bizosaas_xero.spec import App, Grant, NotFound, parse


class Vault:
    """The encrypted part of the host's state.

    Args:
        database: Where.
        home: The folder of the key file, when the key is not in the environment.
        environ: The environment.
        now: The clock.

    Raises:
        Misconfigured: if the database is of a newer release, or encrypted with another key.
    """

    def __init__(
        self,
        database: Database,
        home: Path,
        *,
        now: Callable[[], datetime],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.database = database
        self.home = home
        self._now = now
        with database.schema_transaction() as transaction:
            migrate(transaction, database.place)
            check = transaction.execute(sa.select(t.meta.c.value).where(t.meta.c.name == KEY_CHECK))
            encrypted = check.scalar_one_or_none()
            self._keys = Keyring.open(home, environ, create=encrypted is None)
            if encrypted is None:
                encrypted = self._keys.encrypt(KEY_CHECK)
                transaction.execute(sa.insert(t.meta).values(name=KEY_CHECK, value=encrypted))
            self._keys.decrypt(encrypted)

    @property
    def key_source(self) -> str:
        """Where the keys come from: the variable's name or the file's path."""
        return self._keys.source

    def reveal_keys(self) -> str:
        """Return the keys, for a backup that holds them."""
        return self._keys.reveal()

    def encrypt(self, secret: str) -> str:
        """Encrypt a secret that is kept elsewhere in the database."""
        return self._keys.encrypt(secret)

    def decrypt(self, encrypted: str) -> str:
        """Decrypt what :meth:`encrypt` gave."""
        return self._keys.decrypt(encrypted)

    def rotate_key(self) -> int:
        """Encrypt every secret again with the newest key, and return their number.

        Afterwards the older keys are needed no more. In one transaction: a crash leaves all as it was.
        """
        with self.database.write_transaction(durable=True) as transaction:
            return reencrypt_all(transaction, self._keys)

    # ------------------------------------------------------------ apps

    def save_app(self, connector: str, app: App, settings: Mapping[str, Any]) -> None:
        """Keep an app; one with the same client id is replaced."""
        secret = app.client_secret.get_secret_value() if app.client_secret else None
        values = {
            "kind": app.kind,
            "redirect_uri": app.redirect_uri,
            "secret": secret and self._keys.encrypt(secret),
            "settings": dict(settings),
        }
        self._upsert(t.apps, {"connector": connector, "client_id": app.client_id}, values)

    def app(self, connector: str, client_id: str) -> StoredApp:
        """Return an app.

        Raises:
            NotFound: if it is not kept.
        """
        row = self._row(t.apps, connector=connector, client_id=client_id)
        if row is None:
            raise NotFound("The app of this grant is not kept here.", remedy="Connect again.")
        app = App(
            client_id=row.client_id,
            client_secret=self._keys.decrypt(row.secret) if row.secret else None,
            redirect_uri=row.redirect_uri,
            kind=row.kind,
        )
        return StoredApp(connector, app, row.settings)

    # ------------------------------------------------------------ grants

    def save_grant(self, connector: str, grant: Grant) -> None:
        """Keep the grant of a new consent; it replaces the one of the same identity and ends its lease."""
        values = {
            "client_id": grant.client_id,
            "payload": self._encrypt_grant(grant),
            "version": 1,
            "lease_owner": None,
            "lease_until": None,
        }
        keys = {"connector": connector, "identity": grant.identity}
        with self.database.write_transaction(durable=True) as transaction:
            upsert(
                self.database,
                transaction,
                t.grants,
                keys,
                values,
                values | {"version": t.grants.c.version + 1},
            )

    def grant(self, connector: str, identity: str) -> StoredGrant:
        """Return the grant of an identity.

        Raises:
            ReconnectRequired: if there is none.
        """
        return self._to_grant(connector, self._row(t.grants, connector=connector, identity=identity))

    def identities(self, connector: str) -> list[str]:
        """Return whose grants are kept."""
        c = t.grants.c
        statement = sa.select(c.identity).where(c.connector == connector).order_by(c.identity)
        with self.database.read_transaction() as transaction:
            return list(transaction.execute(statement).scalars())

    def edit_grant(
        self, connector: str, identity: str, change: Callable[[StoredGrant, datetime], StoredGrant]
    ) -> StoredGrant:
        """Change a grant or its lease (see :class:`bizosaas_xero.host.connections.refresh.GrantSlot`).

        Raises:
            ReconnectRequired: if there is none.
        """
        keys = {"connector": connector, "identity": identity}
        with self.database.write_transaction(durable=True) as transaction:
            mine = where_equals(sa.select(t.grants), t.grants, **keys).with_for_update()
            before = self._to_grant(connector, transaction.execute(mine).one_or_none())
            after = change(before, self.database.now(transaction))
            if after is before:
                return before
            values: dict[str, Any] = {"lease_owner": after.lease_owner, "lease_until": after.lease_until}
            if after.grant is not before.grant:
                after = replace(after, version=int(before.version) + 1)
                values |= {"payload": self._encrypt_grant(after.grant), "version": after.version}
            transaction.execute(where_equals(sa.update(t.grants), t.grants, **keys).values(values))
        return after

    def delete_grant(self, connector: str, identity: str) -> None:
        """Forget a grant, with its connections and how far they were read."""
        c = t.connections.c
        with self.database.write_transaction(durable=True) as transaction:
            transaction.execute(sa.delete(t.connections).where(c.connector == connector, c.identity == identity))
            keys = {"connector": connector, "identity": identity}
            transaction.execute(where_equals(sa.delete(t.grants), t.grants, **keys))

    def _encrypt_grant(self, grant: Grant) -> str:
        return self._keys.encrypt(json.dumps(grant.model_dump(mode="json")))

    def _to_grant(self, connector: str, row: sa.Row[Any] | None) -> StoredGrant:
        if row is None:
            raise reasons.NO_GRANT()
        grant = parse(Grant, json.loads(self._keys.decrypt(row.payload)), "grant")
        return StoredGrant(connector, grant, row.version, row.lease_owner, row.lease_until)

    # ------------------------------------------------------------ consents under way

    def save_pending(
        self, connector: str, client_id: str, state: str, pending: str, ttl: timedelta, settings: Mapping[str, Any]
    ) -> None:
        """Keep the secret and the settings of a consent until the person comes back."""
        row = {
            "id": _hash(state),
            "connector": connector,
            "client_id": client_id,
            "payload": self._keys.encrypt(pending),
            "expires_at": self._now() + ttl,
            "settings": dict(settings),
        }
        with self.database.write_transaction(durable=True) as transaction:
            transaction.execute(sa.delete(t.pendings).where(t.pendings.c.expires_at < self._now()))
            transaction.execute(sa.insert(t.pendings).values(row))

    def take_pending(self, state: str) -> tuple[str, str, str, dict[str, Any] | None]:
        """Return connector, client id, secret and settings of a consent, and delete it: it is valid once.

        Raises:
            Invalid: if no such consent was begun here, or it is used or too old.
        """
        statement = sa.delete(t.pendings).where(t.pendings.c.id == _hash(state))
        with self.database.write_transaction(durable=True) as transaction:
            row = transaction.execute(statement.returning(t.pendings)).one_or_none()
        if row is None or row.expires_at < self._now():
            raise reasons.UNKNOWN_STATE.field("callback_url")
        return row.connector, row.client_id, self._keys.decrypt(row.payload), row.settings

    # ------------------------------------------------------------ shared

    def _row(self, table: sa.Table, **keys: Any) -> sa.Row[Any] | None:
        with self.database.read_transaction() as transaction:
            return transaction.execute(where_equals(sa.select(table), table, **keys)).one_or_none()

    def _upsert(self, table: sa.Table, keys: dict[str, Any], values: dict[str, Any]) -> None:
        with self.database.write_transaction() as transaction:
            upsert(self.database, transaction, table, keys, values)


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()

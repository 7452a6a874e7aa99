"""Where waiting plans are announced: addresses of each organisation, which are secrets, and what was announced."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa
from pydantic import SecretStr

from bizosaas_xero.host.actions.plans import StoredPlan
from bizosaas_xero.host.storage.database import upsert, where_equals
from bizosaas_xero.host.storage.people_tables import announced, notifications
from bizosaas_xero.host.storage.store import Store


class Announcements:
    """Keeps the addresses, encrypted, and that each plan is announced once.

    Args:
        store: Its database and key.
        now: The clock.
    """

    def __init__(self, store: Store, *, now: Callable[[], datetime]) -> None:
        self._store = store
        self._database = store.database
        self._now = now

    def set_addresses(self, connection_id: str, addresses: Sequence[SecretStr]) -> None:
        """Keep where an organisation's plans are announced; none: nowhere. Plans that wait now are left out."""
        text = json.dumps([each.get_secret_value() for each in addresses])
        with self._database.write_transaction() as transaction:
            if addresses:
                values = {"addresses": self._store.encrypt(text), "since": self._now()}
                upsert(self._database, transaction, notifications, {"connection_id": connection_id}, values)
            else:
                gone = where_equals(sa.delete(notifications), notifications, connection_id=connection_id)
                transaction.execute(gone)

    def list_addresses(self, connection_id: str) -> tuple[list[SecretStr], datetime | None]:
        """Return where an organisation's plans are announced, and since when."""
        wanted = where_equals(sa.select(notifications), notifications, connection_id=connection_id)
        with self._database.read_transaction() as transaction:
            row = transaction.execute(wanted).one_or_none()
        if row is None:
            return [], None
        return [SecretStr(each) for each in json.loads(self._store.decrypt(row.addresses))], row.since

    def claim(self, plan: StoredPlan) -> bool:
        """Return whether this process announces a plan now, for the first time."""
        keys = {"connection_id": plan.connection_id, "hash": plan.plan.hash}
        mine = where_equals(sa.select(announced.c.planned_at), announced, **keys)
        try:
            with self._database.write_transaction() as transaction:
                known = transaction.execute(mine).scalar_one_or_none()
                if known == plan.created_at:
                    return False
                transaction.execute(where_equals(sa.delete(announced), announced, **keys))
                transaction.execute(sa.insert(announced).values(**keys, planned_at=plan.created_at, at=self._now()))
        except sa.exc.IntegrityError:  # another process has it
            return False
        return True

    def give_back(self, plan: StoredPlan) -> None:
        """Note that a plan could not be announced."""
        keys = {"connection_id": plan.connection_id, "hash": plan.plan.hash}
        with self._database.write_transaction() as transaction:
            transaction.execute(where_equals(sa.delete(announced), announced, **keys))

"""Change the key: everything that lies encrypted in the database is encrypted anew with the newest one."""

from __future__ import annotations

import sqlalchemy as sa

from bizosaas_xero.host.storage import tables as t
from bizosaas_xero.host.storage.crypto import Keyring

SEALED = (t.meta.c.value, t.apps.c.secret, t.grants.c.payload, t.pendings.c.payload)
"""The columns that hold secrets; of ``host_meta`` only the check of the key."""

KEY_CHECK = "key_check"


def reseal(connection: sa.Connection, keys: Keyring) -> int:
    """Encrypt every secret with the newest key, and return how many there are."""
    count = 0
    for column in SEALED:
        table = column.table
        mine = (table.c.name == KEY_CHECK,) if table is t.meta else (column.is_not(None),)
        # A grant that is refreshed meanwhile must not be replaced by the one before.
        rows = connection.execute(sa.select(*table.primary_key, column).where(*mine).with_for_update()).all()
        for *key, sealed in rows:
            same = [part == value for part, value in zip(table.primary_key, key, strict=True)]
            changed = {column.name: keys.encrypt(keys.decrypt(sealed))}
            connection.execute(sa.update(table).where(*same).values(changed))
        count += len(rows)
    c = t.connections.c
    for kept in connection.execute(sa.select(c.id, c.preferences).with_for_update()).all():
        callback = kept.preferences.get("callback")
        if callback:
            anew = callback | {"secret": keys.encrypt(keys.decrypt(callback["secret"]))}
            values = {"preferences": kept.preferences | {"callback": anew}}
            connection.execute(sa.update(t.connections).where(c.id == kept.id).values(values))
            count += 1
    return count

"""Rotate the key: encrypt every secret in the database again with the newest key."""

from __future__ import annotations

import sqlalchemy as sa

from bizosaas_xero.host.storage import people_tables
from bizosaas_xero.host.storage import tables as t
from bizosaas_xero.host.storage.crypto import Keyring
from bizosaas_xero.host.storage.note_tables import NOTES

ENCRYPTED_COLUMNS = (
    t.meta.c.value,
    t.apps.c.secret,
    t.grants.c.payload,
    t.pendings.c.payload,
    people_tables.notifications.c.addresses,
    NOTES.c.payload,
)
"""The columns that hold secrets; of ``host_meta`` only the check of the key. Not every host has ``host_notes``."""

KEY_CHECK = "key_check"


def reencrypt_all(connection: sa.Connection, keys: Keyring) -> int:
    """Encrypt every secret with the newest key, and return how many there are."""
    count = 0
    for column in ENCRYPTED_COLUMNS:
        table = column.table
        if table is NOTES and not sa.inspect(connection).has_table(NOTES.name):
            continue
        mine = (table.c.name == KEY_CHECK,) if table is t.meta else (column.is_not(None),)
        # A grant that is refreshed meanwhile must not be replaced by the one before.
        rows = connection.execute(sa.select(*table.primary_key, column).where(*mine).with_for_update()).all()
        for *key, encrypted in rows:
            same = [part == value for part, value in zip(table.primary_key, key, strict=True)]
            changed = {column.name: keys.encrypt(keys.decrypt(encrypted))}
            connection.execute(sa.update(table).where(*same).values(changed))
        count += len(rows)
    c = t.connections.c
    for row in connection.execute(sa.select(c.id, c.preferences).with_for_update()).all():
        webhook = row.preferences.get("callback")
        if webhook:
            reencrypted = webhook | {"secret": keys.encrypt(keys.decrypt(webhook["secret"]))}
            values = {"preferences": row.preferences | {"callback": reencrypted}}
            connection.execute(sa.update(t.connections).where(c.id == row.id).values(values))
            count += 1
    return count

"""Changes of rows as another user of the organisation would make them: the fault `mutate`."""

from collections.abc import Mapping
from typing import Any

from bizosaas_xero.sandbox.core.store import Store


def mutate_rows(store: Store, details: Mapping[str, Any]) -> list[str]:
    """Change rows and return their ids.

    Args:
        store: The books.
        details: `entity`, `op` (`edit`, `insert`, `archive`, `delete`), `changes`, `blind`, and which rows: `ids`
            names them, or `count` rows in the order of their ids, where `which` is `first` (already read by a
            client that pages by id), `last` (not read yet), or `spread` (every n-th).

    Raises:
        KeyError: The entity or a row is unknown.
    """
    entity, op, count = details["entity"], details["op"], int(details.get("count", 1))
    changes = details.get("changes") or {}
    if op == "insert":
        return [store.insert(entity, changes) for _ in range(count)]
    table = store.table(entity)
    with table.lock:
        order = table.by_id
        step = max(1, len(order) // max(1, count)) if details.get("which") == "spread" else 1
        slots = order[::step][:count] if details.get("which") != "last" else order[-count:]
        ids = list(details.get("ids") or [table.id(slot) for slot in slots])
        for guid in ids:
            if op == "edit":
                store.edit(entity, guid, changes, blind=bool(details.get("blind")))
            elif op == "archive":
                store.archive(entity, guid)
            else:
                store.delete(entity, guid)
    return ids

"""Lists that Xero does not page: read whole each time, and compared with the last reading."""

from __future__ import annotations

import hashlib

import msgspec

from bizosaas_xero.connector.records.salvage import readable
from bizosaas_xero.connector.sync.cursor import Cursor, ReadKind
from bizosaas_xero.connector.sync.list_reader import ListReader
from bizosaas_xero.spec.models import Record, Rejected, Stats
from bizosaas_xero.toolkit.paging import Page
from bizosaas_xero.toolkit.reasons import GARBLED_ANSWER


def read_unpaged(
    reader: ListReader, previous: Cursor, *, full: bool
) -> tuple[list[Record], list[Rejected], Cursor, Stats]:
    """Read the whole list; records that vanished since the last read come as deletions.

    Returns:
        Records, rejected rows, the cursor of the next read, and the figures of this one. An unchanged list has no
        records.
    """
    entity = reader.entity
    answer = reader.client.get_deferred(entity.path, entity.params)()
    rows = reader.rows(answer)
    if not rows and previous.keys:
        # Believed, it would delete every record.
        raise GARBLED_ANSWER(f"Xero's list of {entity.path} came empty.")
    digest = hashlib.sha256(
        b"\n".join(sorted(msgspec.json.encode(readable(row), order="sorted") for row in rows))
        if answer.damaged
        else b"\n".join(sorted(msgspec.json.encode(row, order="sorted") for row in rows))
    ).hexdigest()
    page = Page(1, rows, len(rows), None, last=True, content=answer.content, damaged=answer.damaged)
    records, rejected = reader.decode(page)
    reader.log_page(page, max(1, len(rows)), len(rejected))
    keys = sorted({record.key for record in records} | {row.key for row in rejected if row.key})
    first = previous.digest is None
    kind: ReadKind = "first" if first else "reread" if full else "incremental"
    if digest == previous.digest and not full:
        records = []
    # A row that cannot be decoded is not deleted; if its key is unknown, no row may be called deleted.
    elif all(row.key for row in rejected):
        records += [Record(key=key, op="delete") for key in set(previous.keys or ()) - set(keys)]
    else:
        keys = sorted({*keys, *(previous.keys or ())})
    stats = Stats(
        kind=kind,
        complete=True,
        missing=0,
        expected=len(rows),
        read=len(rows),
        **reader.client.counter.cost(),
    )
    cursor = previous.with_changes(since=answer.server_time or previous.since, keys=keys, digest=digest)
    return records, rejected, cursor, stats

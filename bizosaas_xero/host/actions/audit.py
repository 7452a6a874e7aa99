"""The audit: who or what asked for what, what was planned, decided and done. It is only added to.

Each entry holds the hash of the one before, so a changed, removed or inserted entry is found by
:meth:`Audit.verify`. What a chain cannot show by itself is that its end was cut off, or that all of it was
rewritten: for that, note the head elsewhere from time to time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from bizosaas_xero.host import reasons
from bizosaas_xero.host.actions.requesters import ASKING, Requesters
from bizosaas_xero.host.storage import action_tables as t
from bizosaas_xero.host.storage.database import AUDIT_LOCK, Database, where_equals
from bizosaas_xero.host.storage.tables import stamp
from bizosaas_xero.spec import Invalid

AuditKind = Literal[
    "read",
    "plan",
    "waiting",
    "approval",
    "refusal",
    "commit",
    "result",
    "repeated",
    "error",
    "policy",
    "owner",
    "restore",
    "revocation",
    "readmission",
]
"""What an entry records: a read; a plan; a commit that waits; an approval; a refusal; the moment before the first
request; the result; a write that was done before; an error; a changed policy; a changed owner; a restored backup; a
requester who may ask no more, or again."""

PAGE_SIZE = 500

GENESIS_HASH = "0" * 64
"""The hash before the first entry."""


def to_canonical_json(value: Any) -> str:
    """Write JSON in one way only: sorted keys, no spaces, ASCII, amounts as strings with all their digits.

    Raises:
        Invalid: The value is not JSON.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_encode_value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid.field("params", "must be JSON", summary=f"This is not a JSON value: {error}.") from None


def _encode_value(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not known to JSON")


@dataclass(frozen=True)
class AuditEntry:
    """One entry. ``key`` names a write; ``details`` are the rest, by kind. ``who`` asked or decided."""

    seq: int
    at: str
    connection_id: str
    organisation_id: str
    action: str
    key: str | None
    kind: str
    who: str | None
    details: dict[str, Any]
    previous: str
    hash: str

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON values; without ``hash``, its canonical form is what the hash is of."""
        return dict(vars(self))


@dataclass(frozen=True)
class AuditHead:
    """The last entry's number and hash; of an empty audit, 0 and :data:`GENESIS_HASH`."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> AuditHead:
        """Read a head as it is printed.

        Raises:
            Invalid: It is none.
        """
        number, _, hashed = text.strip().partition(":")
        if not (number.isascii() and number.isdecimal() and len(hashed) == len(GENESIS_HASH)):
            raise reasons.BAD_HEAD.field("head", text=text)
        return cls(int(number), hashed.lower())


@dataclass(frozen=True)
class Verification:
    """What :meth:`Audit.verify` found. ``broken`` is the number of the first entry that is not as it was."""

    entries: int
    head: AuditHead
    broken: int | None = None
    why: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return self.broken is None


class Audit:
    """Adds entries, gives them back, and verifies them.

    Args:
        database: Where.
        now: The clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self.requesters = Requesters(database, now=now)

    def add(
        self,
        transaction: sa.Connection,
        kind: AuditKind,
        *,
        connection_id: str,
        organisation_id: str,
        action: str,
        key: str | None = None,
        who: str | None = None,
        **details: Any,
    ) -> None:
        """Add an entry, in the transaction that makes the change it records.

        From here on no other process adds one until the transaction ends.
        """
        self._database.advisory_lock(transaction, AUDIT_LOCK)
        head = self._head(transaction)
        now = self._now()
        content = to_canonical_json(
            {
                "seq": head.seq + 1,
                "at": stamp(now),
                "connection_id": connection_id,
                "organisation_id": organisation_id,
                "action": action,
                "key": key,
                "kind": kind,
                "who": who,
                "details": details,
                "previous": head.hash,
            }
        )
        values = {"organisation_id": organisation_id, "action": action, "key": key, "kind": kind, "content": content}
        transaction.execute(sa.insert(t.audit).values(seq=head.seq + 1, at=now, hash=_sha256(content), **values))
        if who and kind in ASKING:
            self.requesters.count(transaction, who, action, kind)

    def record(self, kind: AuditKind, **entry: Any) -> None:
        """Add an entry in a transaction of its own; the arguments are those of :meth:`add`."""
        with self._database.write_transaction() as transaction:
            self.add(transaction, kind, **entry)

    def entries(
        self,
        *,
        action: str | None = None,
        organisation_id: str | None = None,
        key: str | None = None,
        since: datetime | None = None,
        last: int | None = None,
    ) -> Iterator[AuditEntry]:
        """Give entries, oldest first.

        Args:
            action: Only of this action.
            organisation_id: Only of this organisation.
            key: Only of the write of this key: its business key, or its plan's hash.
            since: Only from this moment on.
            last: Only this number of entries, the newest.
        """
        c = t.audit.c
        wanted = sa.select(t.audit)
        for column, value in ((c.action, action), (c.organisation_id, organisation_id), (c.key, key)):
            wanted = wanted if value is None else wanted.where(column == value)
        wanted = wanted if since is None else wanted.where(c.at >= since)
        after = 0
        if last is not None:
            numbers = wanted.with_only_columns(c.seq).order_by(c.seq.desc()).limit(last).subquery()
            with self._database.read_transaction() as transaction:
                first = transaction.execute(sa.select(sa.func.min(numbers.c.seq))).scalar_one_or_none()
            after = (first or 1) - 1
        for row in self._iter_rows(wanted, after):
            yield AuditEntry(**json.loads(row.content), hash=row.hash)

    def commits_since(self, transaction: sa.Connection, organisation_id: str, since: datetime) -> list[AuditEntry]:
        """Return the writes that were begun in an organisation since a moment, oldest first."""
        wanted = where_equals(sa.select(t.audit), t.audit, organisation_id=organisation_id, kind="commit")
        rows = transaction.execute(wanted.where(t.audit.c.at >= since).order_by(t.audit.c.seq))
        return [AuditEntry(**json.loads(row.content), hash=row.hash) for row in rows]

    def head(self) -> AuditHead:
        """Return the last entry's number and hash."""
        with self._database.read_transaction() as transaction:
            return self._head(transaction)

    def verify(self, noted: AuditHead | None = None) -> Verification:
        """Verify the hash chain, from the first entry to the last.

        Args:
            noted: A head that was noted before, elsewhere: that entry must still be there, and unchanged.
        """
        head = AuditHead(0, GENESIS_HASH)
        for row in self._iter_rows(sa.select(t.audit), 0):
            why = _find_defect(row, head)
            if not why and noted is not None and row.seq == noted.seq and row.hash != noted.hash:
                why = "it is not the entry whose hash was noted"
            if why:
                return Verification(head.seq, head, head.seq + 1, why)
            head = AuditHead(row.seq, row.hash)
        if noted is not None and noted.seq > head.seq:
            return Verification(head.seq, head, head.seq + 1, "the audit ends before the entry that was noted")
        return Verification(head.seq, head)

    def _iter_rows(self, wanted: sa.Select[Any], after: int) -> Iterator[sa.Row[Any]]:
        """Give rows in order, page by page, so that a reader who stops holds nothing open."""
        c = t.audit.c
        while True:
            page = wanted.where(c.seq > after).order_by(c.seq).limit(PAGE_SIZE)
            with self._database.read_transaction() as transaction:
                rows = transaction.execute(page).all()
            yield from rows
            if len(rows) < PAGE_SIZE:
                return
            after = rows[-1].seq

    def _head(self, transaction: sa.Connection) -> AuditHead:
        c = t.audit.c
        row = transaction.execute(sa.select(c.seq, c.hash).order_by(c.seq.desc()).limit(1)).one_or_none()
        return AuditHead(row.seq, row.hash) if row else AuditHead(0, GENESIS_HASH)


def _sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _find_defect(row: sa.Row[Any], before: AuditHead) -> str:
    """Say what is wrong with an entry; empty if nothing is."""
    if row.seq != before.seq + 1:
        return "it is missing"
    if row.hash != _sha256(row.content):
        return "its content was changed"
    try:
        content: Mapping[str, Any] = json.loads(row.content)
        told = [content[name] for name in ("seq", "previous", *_COLUMNS)]
    except (ValueError, KeyError, TypeError):
        return "its content is not an entry"
    if told[1] != before.hash:
        return "it does not follow the one before it"
    if told != [row.seq, before.hash, stamp(row.at), *(getattr(row, name) for name in _COLUMNS[1:])]:
        return "its columns do not say what its content says"
    return ""


_COLUMNS = ("at", "organisation_id", "action", "key", "kind")

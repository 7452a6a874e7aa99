"""The cursor: a host stores it between runs, and only this connector interprets it.

``since`` is the time up to which all changes are read. ``checked_at`` is Xero's time at the start of the last complete
read and ``checked_here`` this machine's at the same moment, ``full_at`` that of the last complete read of all records,
``read`` the position of an unfinished read, ``set_apart`` the ids of rows that could not be decoded and are requested
again. A list that Xero does not page has the ``keys`` of its rows and a ``digest`` of its content instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bizosaas_xero.connector import reasons

ServerTime = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC))]
"""A time of Xero's clock. Subtracting from an earlier one could leave the calendar."""

ReadKind = Literal["first", "incremental", "reread"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class ReadPosition(_Strict):
    """The position of an unfinished read.

    ``since`` is the lower bound that is sent (``None``: everything), ``started`` Xero's time at its start and
    ``started_here`` this machine's, ``newest`` the newest timestamp of its rows, ``page`` the next page of ``size``
    rows, ``first_count`` and ``count`` the totals that the first and the last accepted page announced, ``rows`` the
    number of rows read, repeated rows included.
    """

    kind: ReadKind
    since: ServerTime | None = None
    started: ServerTime | None = None
    started_here: AwareDatetime | None = None
    newest: ServerTime | None = None
    page: int = Field(1, ge=1, le=10**9)
    size: int = Field(ge=1, le=1000)
    first_count: int | None = None
    count: int | None = None
    rows: int = Field(0, ge=0)


class Cursor(_Strict):
    """The position of one entity in one organisation."""

    v: Literal[1] = 1
    entity: str
    org: str
    since: ServerTime | None = None
    full_at: ServerTime | None = None
    checked_at: ServerTime | None = None
    checked_here: AwareDatetime | None = None
    read: ReadPosition | None = None
    set_apart: list[str] | None = None
    keys: list[str] | None = None
    digest: str | None = None

    def dump(self) -> dict[str, Any]:
        """Return the cursor as JSON values."""
        return self.model_dump(mode="json", exclude_none=True)

    def with_changes(self, **changes: Any) -> Cursor:
        """Return a copy with other values."""
        return self.model_copy(update=changes)


def load_cursor(stored: Mapping[str, Any] | None, entity: str, organisation: str) -> Cursor:
    """Validate a stored cursor; ``None`` or an empty one starts from the beginning.

    Raises:
        CursorRejected: The cursor is damaged, or belongs to another version, entity or organisation.
    """
    if not stored:
        return Cursor(entity=entity, org=organisation)
    try:
        cursor = Cursor.model_validate(stored)
    except ValidationError:
        raise reasons.DAMAGED_CURSOR(entity=entity) from None
    if (cursor.entity, cursor.org) != (entity, organisation):
        raise reasons.FOREIGN_CURSOR(entity=entity)
    return cursor

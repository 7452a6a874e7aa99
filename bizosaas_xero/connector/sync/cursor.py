"""What a run leaves for the next one. Hosts store it; only this connector understands it.

``since`` is Xero's time at the start of the last complete read, ``full_at`` the same of the last one that
read everything, ``read`` where an unfinished one stands. A list that is always read whole keeps the ``keys``
it held and a ``digest`` of its content instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bizosaas_xero.spec.errors import CursorRejected

Moment = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC))]
"""Of Xero's clock. Nothing earlier was ever written, and reckoning with it leaves the calendar."""

Kind = Literal["first", "incremental", "reread"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class Reading(_Strict):
    """Where an unfinished read stands.

    ``since`` is the lower bound it sends (``None``: everything), ``started`` Xero's time at its start,
    ``page`` the next page of ``size`` rows, ``first_count`` and ``count`` the rows that the first and the
    last accepted page announced, ``rows`` how many were read, those that came twice counted twice.
    """

    kind: Kind
    since: Moment | None = None
    started: Moment | None = None
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
    since: Moment | None = None
    full_at: Moment | None = None
    read: Reading | None = None
    keys: list[str] | None = None
    digest: str | None = None

    def dump(self) -> dict[str, Any]:
        """Return the cursor as JSON values."""
        return self.model_dump(mode="json", exclude_none=True)

    def moved(self, **changes: Any) -> Cursor:
        """Return a copy with other values."""
        return self.model_copy(update=changes)


def load(given: Mapping[str, Any] | None, entity: str, organisation: str) -> Cursor:
    """Read a stored cursor; none, or an empty one, begins anew.

    Raises:
        CursorRejected: It is damaged, or of another version, entity or organisation.
    """
    if not given:
        return Cursor(entity=entity, org=organisation)
    try:
        cursor = Cursor.model_validate(given)
    except ValidationError:
        raise CursorRejected(f"The stored position of '{entity}' is damaged.", reason="damaged") from None
    if (cursor.entity, cursor.org) != (entity, organisation):
        raise CursorRejected(f"The stored position is not one of '{entity}' in this organisation.", reason="foreign")
    return cursor

"""Report the records that an action left out because they cannot be read."""

from __future__ import annotations

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books
from bizosaas_xero.connector.actions.models import Result

MAX_LISTED = 20


class UnreadableItem(Result):
    """One record that cannot be read: the record, the field and the value as Xero sent it."""

    record: str
    field: str
    value: str | None = Field(description="`null` if the field is missing.")


class Unreadable(Result):
    """The records that are left out of the result because a field of theirs cannot be read."""

    count: int
    listed: list[UnreadableItem] = Field(description=f"At most {MAX_LISTED}. Correct the named field in Xero.")


def list_unreadable(books: Books) -> Unreadable:
    """Return the records that the reads of these books left out."""
    errors = list(books.unreadable.values())
    items = [UnreadableItem(record=error.record, field=error.path, value=error.value) for error in errors]
    return Unreadable(count=len(items), listed=items[:MAX_LISTED])


def describe_unreadable(books: Books) -> str:
    """Return a sentence that says what a total leaves out; empty if it leaves out nothing."""
    errors = list(books.unreadable.values())
    if not errors:
        return ""
    records = "1 unreadable record is" if len(errors) == 1 else f"{len(errors)} unreadable records are"
    first = errors[0]
    value = "missing" if first.value is None else first.value
    return f"{records} left out, first {first.record}: {first.path} {value}."

"""Find the contact that a caller describes. If several fit, they are named in the error, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import Field, model_validator

from bizosaas_xero.connector.actions.books import Books, Row, parse_guid, quote
from bizosaas_xero.connector.actions.models import Params
from bizosaas_xero.connector.actions.writes.plan import MARK, Step
from bizosaas_xero.spec.errors import Invalid, NotFound

_MAX_SHOWN = 5


class KnownContact(Params):
    """An existing contact: found by the first of id, account number, e-mail and name that is given and matches."""

    id: str | None = Field(None, description="Xero's id of the contact: the surest.")
    account_number: str | None = Field(None, min_length=1, max_length=50)
    email: str | None = Field(None, min_length=3, max_length=255)
    name: str | None = Field(None, min_length=1, max_length=255, description="The whole name; capitals do not matter.")

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        if not (self.id or self.account_number or self.email or self.name):
            raise ValueError("does not identify a contact: give id, account_number, email or name")
        return self


class ContactRef(KnownContact):
    """An existing contact, or with `create` a new one if none matches."""

    create: bool = Field(
        False, description="Make a new contact of `name` and `email` if none is found. A person approves it."
    )

    @model_validator(mode="after")
    def _has_a_name_to_create(self) -> Self:
        if self.create and not self.name:
            raise ValueError("name is needed to make a new contact")
        return self


@dataclass(frozen=True)
class ResolvedContact:
    """A contact that was found, or that will be made.

    Args:
        row: Xero's record; ``None``: the contact will be made.
        request: What the caller gave.
        warnings: What a person should know of the choice.
    """

    row: Row | None
    request: KnownContact
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The contact's name."""
        return str(self.row["Name"]) if self.row else str(self.request.name)

    @property
    def id(self) -> str | None:
        """The contact's id; ``None``: the contact will be made."""
        return str(self.row["ContactID"]) if self.row else None

    @property
    def reference(self) -> dict[str, str]:
        """The contact in a document's body: only the id, because any other field would change the contact."""
        return {"ContactID": self.id or "{contact}"}

    def steps(self) -> tuple[Step, ...]:
        """Return the step that makes the contact, if it will be made."""
        if self.row:
            return ()
        fields = {
            "Name": self.request.name,
            "EmailAddress": self.request.email,
            "AccountNumber": self.request.account_number,
        }
        return (creation_step({field: value for field, value in fields.items() if value}),)


def resolve_contact(books: Books, request: KnownContact, mark: str, field: str = "params.contact") -> ResolvedContact:
    """Find the contact that a caller describes.

    Args:
        books: The organisation's books.
        request: What the caller knows of the contact.
        mark: Of the write; a contact that an earlier call of it made counts as not made yet.
        field: The parameter's path, for errors.

    Raises:
        Invalid: Several contacts match, or the one is archived.
        NotFound: No contact matches, and none may be made.
    """
    if request.id:
        return _resolve_id(books, request, field)
    missed: list[str] = []
    for name, column in (("account_number", "AccountNumber"), ("email", "EmailAddress"), ("name", "Name")):
        value = getattr(request, name)
        if not value:
            continue
        query = {"where": f"{column}=={quote(value, f'{field}.{name}')}"}
        rows = books.list_cached("Contacts", "Contact", query, limit=_MAX_SHOWN + 1)
        if len(rows) > 1:
            raise _several_contacts(rows, f"{field}.{name}")
        if rows and rows[0].get("ContactNumber") != mark:
            said = f"No contact has this {', nor this '.join(missed)}; " if missed else ""
            note = (f"{said}found by {name.replace('_', ' ')}: {rows[0]['Name']}.",) if missed else ()
            return ResolvedContact(rows[0], request, note)
        missed.append(name.replace("_", " "))
    if not (isinstance(request, ContactRef) and request.create):
        or_new = ", or pass contact.create = true with a name to make a new one"
        raise NotFound(
            f"No active contact has this {' or '.join(missed)}.",
            remedy=f"Look with find_contacts{or_new if isinstance(request, ContactRef) else ''}.",
            reason="unknown_contact",
        )
    return ResolvedContact(None, request, (f"A new contact would be made: {request.name}.",))


def _resolve_id(books: Books, request: KnownContact, field: str) -> ResolvedContact:
    row = books.get("Contacts", parse_guid(str(request.id), f"{field}.id"), "Contact")
    merged_into = row.get("MergedToContactID")
    if merged_into:
        target = books.get("Contacts", str(merged_into), "Contact")
        warning = f"{row['Name']} was merged into {target['Name']} in Xero, which is used."
        return ResolvedContact(target, request, (warning,))
    if row.get("ContactStatus") != "ACTIVE":
        complaint = f"{row['Name']} is {str(row.get('ContactStatus')).lower()} in Xero: restore it there first"
        raise Invalid.field(f"{field}.id", complaint)
    return ResolvedContact(row, request)


def _several_contacts(rows: list[Row], field: str) -> Invalid:
    names = [f"{row['Name']} ({row['ContactID']})" for row in rows[:_MAX_SHOWN]]
    more = " and more" if len(rows) > _MAX_SHOWN else ""
    return Invalid.field(
        field,
        f"several contacts match: {', '.join(names)}{more}",
        "Ask which one is meant, and pass contact.id.",
        reason="several_contacts",
    )


def creation_step(fields: Mapping[str, Any]) -> Step:
    """Return the step that makes a contact. PUT, because POST changes an existing contact of that name.

    Args:
        fields: As Xero takes them; the number by which the write finds its contact again is added.
    """

    def find_made(books: Books, names: Mapping[str, str]) -> Row | None:
        return find_by_mark(books, names["write"])

    return Step(
        "contact",
        "PUT",
        "Contacts",
        {"Contacts": [{**fields, "ContactNumber": MARK}]},
        collection="Contacts",
        id_field="ContactID",
        shape="Contact",
        find=find_made,
    )


def find_by_mark(books: Books, mark: str) -> Row | None:
    """Return the contact that a write made: Xero finds it by its number, also after it was renamed."""
    try:
        row = books.get("Contacts", mark, "Contact")
    except NotFound:
        return None
    return row if row.get("ContactNumber") == mark else None

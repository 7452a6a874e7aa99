"""ResolvedContact is meant: one contact out of what a caller knows of it. Several are offered, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import Field, model_validator

from bizosaas_xero.connector.actions.books import Books, Row, parse_guid, quote
from bizosaas_xero.connector.actions.models import Params
from bizosaas_xero.connector.actions.writes.errors import wrong
from bizosaas_xero.connector.actions.writes.plan import MARK, Step
from bizosaas_xero.spec.errors import Invalid, NotFound

_MAX_SHOWN = 5


class KnownContact(Params):
    """ResolvedContact, of those there are: the first of id, account number, e-mail and name that is given and found."""

    id: str | None = Field(None, description="Xero's id of the contact: the surest.")
    account_number: str | None = Field(None, min_length=1, max_length=50)
    email: str | None = Field(None, min_length=3, max_length=255)
    name: str | None = Field(None, min_length=1, max_length=255, description="The whole name; capitals do not matter.")

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        if not (self.id or self.account_number or self.email or self.name):
            raise ValueError("says nobody: give id, account_number, email or name")
        return self


class ContactRef(KnownContact):
    """ResolvedContact: as above, or somebody new."""

    create: bool = Field(
        False, description="Make a new contact of `name` and `email` if none is found. A person approves it."
    )

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        if self.create and not self.name:
            raise ValueError("name is needed to make a new contact")
        return self


@dataclass(frozen=True)
class ResolvedContact:
    """A contact as found, or as it would be made.

    Args:
        row: As Xero has it; ``None``: it is to be made.
        asked: What the caller said.
        warnings: What a person should know of the choice.
    """

    row: Row | None
    asked: KnownContact
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the contact is called."""
        return str(self.row["Name"]) if self.row else str(self.asked.name)

    @property
    def reference(self) -> dict[str, str]:
        """What a document says of its contact: only the id, since any other field changes the contact."""
        return {"ContactID": self.row["ContactID"] if self.row else "{contact}"}

    def steps(self) -> tuple[Step, ...]:
        """Return the step that makes the contact, if it is to be made."""
        if self.row:
            return ()
        named = {
            "Name": self.asked.name,
            "EmailAddress": self.asked.email,
            "AccountNumber": self.asked.account_number,
        }
        return (creation_step({field: value for field, value in named.items() if value}),)


def resolve_contact(books: Books, asked: KnownContact, mark: str, field: str = "params.contact") -> ResolvedContact:
    """Find the contact that is meant.

    Args:
        books: Where.
        asked: What the caller knows.
        mark: Of the write; a contact that an earlier call of it made counts as not made yet.
        field: The parameter's path, for complaints.

    Raises:
        Invalid: Several fit, or the one is archived.
        NotFound: None fits, and none is to be made.
    """
    if asked.id:
        return _find_by_id(books, asked, field)
    missed: list[str] = []
    for name, column in (("account_number", "AccountNumber"), ("email", "EmailAddress"), ("name", "Name")):
        value = getattr(asked, name)
        if not value:
            continue
        query = {"where": f"{column}=={quote(value, f'{field}.{name}')}"}
        rows = books.list_cached("Contacts", "Contact", query, limit=_MAX_SHOWN + 1)
        if len(rows) > 1:
            raise _ambiguous(rows, f"{field}.{name}")
        if rows and rows[0].get("ContactNumber") != mark:
            said = f"No contact has this {', nor this '.join(missed)}; " if missed else ""
            note = (f"{said}found by {name.replace('_', ' ')}: {rows[0]['Name']}.",) if missed else ()
            return ResolvedContact(rows[0], asked, note)
        missed.append(name.replace("_", " "))
    if not (isinstance(asked, ContactRef) and asked.create):
        or_new = ", or pass contact.create = true with a name to make a new one"
        raise NotFound(
            f"No active contact has this {' or '.join(missed)}.",
            remedy=f"Look with find_contacts{or_new if isinstance(asked, ContactRef) else ''}.",
            reason="unknown_contact",
        )
    return ResolvedContact(None, asked, (f"A new contact would be made: {asked.name}.",))


def _find_by_id(books: Books, asked: KnownContact, field: str) -> ResolvedContact:
    row = books.get("Contacts", parse_guid(str(asked.id), f"{field}.id"), "Contact")
    merged = row.get("MergedToContactID")
    if merged:
        kept = books.get("Contacts", str(merged), "Contact")
        return ResolvedContact(kept, asked, (f"{row['Name']} was merged into {kept['Name']} in Xero, which is used.",))
    if row.get("ContactStatus") != "ACTIVE":
        complaint = f"{row['Name']} is {str(row.get('ContactStatus')).lower()} in Xero: restore it there first"
        raise wrong(f"{field}.id", complaint)
    return ResolvedContact(row, asked)


def _ambiguous(rows: list[Row], field: str) -> Invalid:
    named = [f"{row['Name']} ({row['ContactID']})" for row in rows[:_MAX_SHOWN]]
    more = " and more" if len(rows) > _MAX_SHOWN else ""
    complaint = f"several contacts fit: {', '.join(named)}{more}"
    return wrong(field, complaint, "Ask which one is meant, and pass contact.id.", reason="several_contacts")


def creation_step(fields: Mapping[str, Any]) -> Step:
    """Return the step that makes a contact. PUT, because POST changes one that has the name already.

    Args:
        fields: As Xero takes them; the number by which the write finds its contact again is added.
    """

    def made(books: Books, names: Mapping[str, str]) -> Row | None:
        return find_by_mark(books, names["write"])

    return Step(
        "contact",
        "PUT",
        "Contacts",
        {"Contacts": [{**fields, "ContactNumber": MARK}]},
        collection="Contacts",
        id_field="ContactID",
        shape="Contact",
        find=made,
    )


def find_by_mark(books: Books, mark: str) -> Row | None:
    """Return the contact that a write made: Xero finds it by its number, whatever it is called by now."""
    try:
        row = books.get("Contacts", mark, "Contact")
    except NotFound:
        return None
    return row if row.get("ContactNumber") == mark else None

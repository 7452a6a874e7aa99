"""Find the contact that a caller describes. If several fit, they are named in the error, never guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.filters import parse_guid, quote
from bizosaas_xero.connector.actions.models import WrittenParams
from bizosaas_xero.connector.actions.writes.plan import MARK, Step
from bizosaas_xero.connector.actions.writes.text import fold, single_spaces
from bizosaas_xero.spec.errors import Invalid, NotFound

_MAX_SHOWN, _MAX_MATCHES = 5, 100
_COLUMNS = {"account_number": "AccountNumber", "email": "EmailAddress", "name": "Name"}
_UNQUOTABLE = re.compile(r'["\\]')

# Xero takes no umlauts in an e-mail address (its OpenAPI file).
EMAIL_PATTERN = r"^[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+$"


class KnownContact(WrittenParams):
    """An existing contact: found by the first of id, account number, e-mail and name that is given and matches.

    All facts that are given are compared; a contradiction gives a warning.
    """

    id: str | None = Field(None, description="Xero's id of the contact: the surest.")
    account_number: str | None = Field(None, min_length=1, max_length=50)
    email: str | None = Field(None, min_length=3, max_length=255)
    name: str | None = Field(None, min_length=1, max_length=255, description="The whole name; capitals do not matter.")

    @field_validator("id", "account_number", "email", "name")
    @classmethod
    def _fold_spaces(cls, value: str | None) -> str | None:
        return value and single_spaces(value)

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

    The first of account number, e-mail and name that matches decides; if several contacts match it, the other facts
    choose among them. A fact that contradicts the chosen contact gives a warning.

    Args:
        books: The organisation's books.
        request: What the caller knows of the contact.
        mark: Of the write; a contact that an earlier call of it made counts as not made yet.
        field: The parameter's path, for errors.

    Raises:
        Invalid: Several contacts match, the one is archived, or a new one could not be made.
        NotFound: No contact matches, and none may be made.
    """
    if request.id:
        found = _resolve_id(books, request, field)
        return replace(found, warnings=(*found.warnings, *_contradictions(books, found.row or {}, request, field)))
    facts = {name: value for name in _COLUMNS if (value := getattr(request, name))}
    missed: list[str] = []
    archived: list[Row] = []
    for name, value in facts.items():
        matches = [row for row in find_by_fact(books, name, value, field) if row.get("ContactNumber") != mark]
        active = [row for row in matches if row.get("ContactStatus") == "ACTIVE"]
        archived += [row for row in matches if row not in active]
        if active:
            row, warning = _choose(active, name, facts, f"{field}.{name}")
            warnings = [warning] if warning else []
            if missed:
                labels = ", nor this ".join(missed)
                warnings.append(f"No contact has this {labels}; found by {_label(name)}: {row['Name']}.")
            return ResolvedContact(row, request, (*warnings, *_contradictions(books, row, request, field, skip=name)))
        missed.append(_label(name))
    return _resolve_new(request, missed, archived, field)


def _resolve_new(request: KnownContact, missed: list[str], archived: list[Row], field: str) -> ResolvedContact:
    in_archive = [f"{row['Name']} ({row['ContactID']}) is archived in Xero" for row in archived[:_MAX_SHOWN]]
    may_create = isinstance(request, ContactRef)
    if not (isinstance(request, ContactRef) and request.create):
        or_new = ", or pass contact.create = true with a name to make a new one" if may_create else ""
        found = f" {'; '.join(in_archive)}." if in_archive else ""
        way = "Restore the archived contact in Xero" if found else "Look with find_contacts"
        raise reasons.UNKNOWN_CONTACT(missed=" or ".join(missed), found=found, way=way, or_new=or_new)
    if request.email and not re.fullmatch(EMAIL_PATTERN, request.email):
        complaint = "Xero takes only e-mail addresses of ASCII letters, such as name@example.com"
        raise Invalid.field(f"{field}.email", complaint, "Correct the address, or leave it out.")
    warnings = (f"A new contact would be made: {request.name}.", *(f"{text}." for text in in_archive))
    return ResolvedContact(None, request, warnings)


def _choose(rows: list[Row], name: str, facts: Mapping[str, str], field: str) -> tuple[Row, str | None]:
    """Return the one of several contacts with a fact that has the other facts as well, and what to say of it."""
    if len(rows) == 1:
        return rows[0], None
    others = {other: value for other, value in facts.items() if other != name}
    fitting = [row for row in rows if others and all(has_fact(row, *fact) for fact in others.items())]
    if len(fitting) != 1:
        raise _several_contacts(rows, field)
    labels = " and ".join(map(_label, others))
    return fitting[0], f"Several contacts have this {_label(name)}; {fitting[0]['Name']} was chosen by its {labels}."


def _contradictions(books: Books, row: Row, request: KnownContact, field: str, skip: str = "") -> list[str]:
    """Return warnings about facts that differ from the chosen contact's."""
    warnings = []
    for name, column in _COLUMNS.items():
        value, actual = getattr(request, name), row.get(column)
        if name == skip or not value or has_fact(row, name, value):
            continue
        holders = [other["Name"] for other in find_by_fact(books, name, value, field)]
        holder = f"; {value} belongs to {holders[0]}" if holders else ""
        warnings.append(
            f"The {_label(name)} given, {value}, is not that of {row['Name']} ({actual or 'none in Xero'}){holder}."
        )
    return warnings


def has_fact(row: Row, name: str, value: str) -> bool:
    """Return whether a contact has an account number, e-mail or name."""
    return fold(str(row.get(_COLUMNS[name]) or "")) == fold(value)


def _label(name: str) -> str:
    return "e-mail" if name == "email" else name.replace("_", " ")


def find_by_fact(books: Books, name: str, value: str, field: str) -> list[Row]:
    """Return the contacts, archived ones too, that have an account number, e-mail or name.

    A name is found whatever characters and spaces it has: Xero's filter cannot hold quotation marks and backslashes,
    so such a name is searched for by its longest word, as is one that the filter does not find.
    """
    rows: list[Row] = []
    if not _UNQUOTABLE.search(value) or name == "account_number":
        query = {"where": f"{_COLUMNS[name]}=={quote(value, f'{field}.{name}')}", "includeArchived": "true"}
        rows = books.list_cached("Contacts", "Contact", query, limit=_MAX_MATCHES)
    if rows or name != "name":
        return rows
    word = max(_UNQUOTABLE.sub(" ", value).split() or [value], key=len)
    query = {"searchTerm": word, "includeArchived": "true"}
    return [row for row in books.list_cached("Contacts", "Contact", query) if has_fact(row, name, value)]


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
    return reasons.SEVERAL_CONTACTS.field(field, names=", ".join(names) + more)


def creation_step(fields: Mapping[str, Any]) -> Step:
    """Return the step that makes a contact. PUT, because POST changes an existing contact of that name.

    Args:
        fields: As Xero takes them; the number by which the write finds its contact again is added.
    """

    def find_made(books: Books, names: Mapping[str, str]) -> Row | None:
        return find_by_mark(books, names["write"])

    return Step.create("contact", "Contact", {**fields, "ContactNumber": MARK}, find_made)


def find_by_mark(books: Books, mark: str) -> Row | None:
    """Return the contact that a write made: Xero finds it by its number, also after it was renamed."""
    try:
        row = books.get("Contacts", mark, "Contact")
    except NotFound:
        return None
    return row if row.get("ContactNumber") == mark else None

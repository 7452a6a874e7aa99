"""``create_contact``: a new contact, once, and never a second one of the same name."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, field_validator

from bizosaas_xero.connector.actions.books import Books, Row, quote
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.escaping import bullet_list, escape_markdown
from bizosaas_xero.connector.actions.invoices import defaults
from bizosaas_xero.connector.actions.models import Params, Result
from bizosaas_xero.connector.actions.writes import contact_lookup
from bizosaas_xero.connector.actions.writes.errors import wrong
from bizosaas_xero.connector.actions.writes.execute import CommitResult, add_history_note, run_steps
from bizosaas_xero.connector.actions.writes.plan import ZERO, Draft, Write
from bizosaas_xero.spec.errors import ConnectorError

# Xero takes no umlauts in an e-mail address (its OpenAPI file says so).
_EMAIL = r"^[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+$"
_MAX_SHOWN = 5

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Address(Params):
    """Where the contact gets its post."""

    street: Text | None = Field(None, max_length=500, description="Street and house number.")
    city: Text | None = Field(None, max_length=255)
    region: Text | None = Field(None, max_length=255, description="State, county or province.")
    postal_code: Text | None = Field(None, max_length=50)
    country: Text | None = Field(
        None, max_length=50, description="In words. Taxes of the own country are warned of for others."
    )


class CreateContactParams(Params):
    """A new contact: its name, and what is known extras."""

    name: Text = Field(max_length=255, description="Of the company, or of a private person. Must be new.")
    email: Text | None = Field(None, max_length=255, pattern=_EMAIL, description="Invoices are e-mailed there.")
    phone: Text | None = Field(None, max_length=50)
    account_number: Text | None = Field(
        None, max_length=50, description="The customer's number in the CRM; find_contacts finds it by this."
    )
    tax_number: Text | None = Field(
        None, max_length=50, description="ABN, GST, VAT or tax id, as the country calls it."
    )
    currency: str | None = Field(
        None, pattern="^[A-Z]{3}$", description="In which they are invoiced. Default: the organisation's."
    )
    address: Address | None = None

    @field_validator("name")
    @classmethod
    def _single_spaces(cls, name: str) -> str:
        return " ".join(name.split())


class CreatedContact(Result):
    """The contact as Xero has it."""

    contact_id: str
    name: str
    email: str | None
    account_number: str | None
    status: str
    repeated: bool = Field(description="It was there already, made by an earlier call with the same key.")
    link: str | None


def plan(books: Books, params: CreateContactParams, write: Write) -> Draft:
    """Work out the contact as it would be made now.

    Raises:
        Invalid: There is an active contact of this name, or the currency is not enabled.
    """
    if params.currency:
        defaults.resolve_currency(books, None, params.currency)
    warnings = (*_same_name(books, params.name, write.mark), *_others(books, params, write.mark))
    fields = _fields(params)
    return Draft(
        steps=(contact_lookup.creation_step(fields),),
        warnings=warnings,
        undo="Archive it in Xero; a contact cannot be deleted.",
        summary=_summary(books, params, warnings),
        acts=("create_contact",),
        amount=ZERO,
        expect={name: fields[name] for name in ("Name", "EmailAddress", "AccountNumber") if name in fields},
    )


def _fields(params: CreateContactParams) -> dict[str, Any]:
    given: dict[str, Any] = {
        "Name": params.name,
        "EmailAddress": params.email,
        "AccountNumber": params.account_number,
        "TaxNumber": params.tax_number,
        "DefaultCurrency": params.currency,
    }
    if params.phone:
        given["Phones"] = [{"PhoneType": "DEFAULT", "PhoneNumber": params.phone}]
    where = params.address
    known = where and {
        "AddressLine1": where.street,
        "City": where.city,
        "Region": where.region,
        "PostalCode": where.postal_code,
        "Country": where.country,
    }
    if known and any(known.values()):
        # POBOX is the postal address, which stands on invoices (Xero's address types)
        given["Addresses"] = [{"AddressType": "POBOX", **{name: value for name, value in known.items() if value}}]
    return {name: value for name, value in given.items() if value}


# ---------------------------------------------------------------- who is there already


def _same_name(books: Books, name: str, mark: str) -> list[str]:
    warnings = []
    for row in _named(books, name):
        if row.get("ContactNumber") == mark:
            continue
        same = str(row.get("Name")).casefold() == name.casefold()
        if same and row.get("ContactStatus") == "ACTIVE":
            raise wrong(
                "params.name",
                f"there is a contact {row['Name']} already ({row['ContactID']})",
                "Use that contact, or give this one a name of its own.",
                reason="contact_exists",
            )
        state = str(row.get("ContactStatus") or "").lower()
        like = "has this name" if same else "has almost this name"
        warnings.append(f"Possible duplicate: {row['Name']} ({row['ContactID']}, {state}) {like}.")
    return warnings


def _named(books: Books, name: str) -> list[Row]:
    if '"' in name or "\\" in name:  # which a filter cannot hold; a search can, and finds parts as well
        query = {"searchTerm": name, "includeArchived": "true"}
        rows = books.list_cached("Contacts", "Contact", query, limit=100)
        return [row for row in rows if str(row.get("Name")).casefold() == name.casefold()]
    query = {"where": f"Name=={quote(name, 'params.name')}", "includeArchived": "true"}
    return books.list_cached("Contacts", "Contact", query, limit=_MAX_SHOWN)


def _others(books: Books, params: CreateContactParams, mark: str) -> list[str]:
    warnings = []
    for field, column, value in (
        ("email", "EmailAddress", params.email),
        ("account_number", "AccountNumber", params.account_number),
    ):
        if not value:
            continue
        query = {"where": f"{column}=={quote(value, f'params.{field}')}"}
        warnings += [
            f"Possible duplicate: {row['Name']} ({row['ContactID']}) has the same {field.replace('_', ' ')}."
            for row in books.list_cached("Contacts", "Contact", query, limit=_MAX_SHOWN)
            if row.get("ContactNumber") != mark
        ]
    return warnings


# ---------------------------------------------------------------- in words, and done


def _summary(books: Books, params: CreateContactParams, warnings: tuple[str, ...]) -> str:
    home = escape_markdown(str(books.organisation.get("Name")))
    out = [f"**{home}**: make a new contact **{escape_markdown(params.name)}**."]
    told = [
        f"- {label}: {escape_markdown(value)}"
        for label, value in (
            ("E-mail", params.email),
            ("Phone", params.phone),
            ("Account number", params.account_number),
            ("Tax number", params.tax_number),
            ("Invoiced in", params.currency),
            ("Address", _in_one_line(params.address)),
        )
        if value
    ]
    out += ["", *told] if told else []
    return "\n".join([*out, *bullet_list(warnings)])


def _in_one_line(address: Address | None) -> str:
    if address is None:
        return ""
    parts = (address.street, address.postal_code, address.city, address.region, address.country)
    return ", ".join(part for part in parts if part)


def find_existing(books: Books, _params: CreateContactParams, write: Write) -> Row | None:
    """Look for the contact that an earlier call of this write made, also if it was renamed since."""
    return contact_lookup.find_by_mark(books, write.mark)


def commit(books: Books, _params: CreateContactParams, write: Write, ready: Draft | Row) -> CommitResult:
    """Make the contact, or take the one that was made; then leave a note."""
    done = run_steps(books, write, ready) if isinstance(ready, Draft) else CommitResult(ready, repeated=True)
    try:
        path = f"Contacts/{done.row['ContactID']}"
        add_history_note(books, write, path, f"Contact made by {write.action}", done)
    except ConnectorError as error:
        done.failed(f"The contact stands, but no note was left in its History: {error.message}")
    return done


def to_result(books: Books, _params: CreateContactParams, done: CommitResult) -> CreatedContact:
    """Return the contact as Xero has it."""
    row = done.row
    return CreatedContact(
        contact_id=row["ContactID"],
        name=str(row["Name"]),
        email=row.get("EmailAddress") or None,
        account_number=row.get("AccountNumber") or None,
        status=str(row.get("ContactStatus") or "ACTIVE"),
        repeated=done.repeated,
        link=books.link("contact", row["ContactID"]),
    )


ACTION = WriteAction(
    "create_contact",
    "Create Contact",
    "Make a new customer or supplier in Xero. Use it when find_contacts finds nobody and the person is to be "
    "kept; create_invoice can make one on the way. Do not use it to change a contact. An active contact of "
    "the same name is refused and named; the same e-mail or account number is warned of. Changes Xero. "
    "2 to 5 calls to plan, 6 to 9 to commit.",
    CreateContactParams,
    CreatedContact,
    plan=plan,
    find_existing=find_existing,
    commit=commit,
    to_result=to_result,
)

"""``create_contact``: make a new contact, once, and never a second one of the same name."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, field_validator

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.escaping import bullet_list, escape_markdown
from bizosaas_xero.connector.actions.invoices import defaults
from bizosaas_xero.connector.actions.models import Result, WrittenParams
from bizosaas_xero.connector.actions.writes import contact_lookup
from bizosaas_xero.connector.actions.writes.execute import CommitResult, run_steps, try_history_note
from bizosaas_xero.connector.actions.writes.plan import ZERO, Draft
from bizosaas_xero.connector.actions.writes.text import single_spaces
from bizosaas_xero.connector.auth import scopes

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Address(WrittenParams):
    """The contact's postal address."""

    street: Text | None = Field(None, max_length=500, description="Street and house number.")
    city: Text | None = Field(None, max_length=255)
    region: Text | None = Field(None, max_length=255, description="State, county or province.")
    postal_code: Text | None = Field(None, max_length=50)
    country: Text | None = Field(
        None,
        max_length=50,
        description="In words. With another country than the organisation's, domestic tax is warned of.",
    )


class CreateContactParams(WrittenParams):
    """A new contact: its name, and further facts."""

    name: Text = Field(max_length=255, description="Of the company, or of a private person. Must be new.")
    email: Text | None = Field(
        None, max_length=255, pattern=contact_lookup.EMAIL_PATTERN, description="Invoices are e-mailed there."
    )
    phone: Text | None = Field(None, max_length=50)
    account_number: Text | None = Field(
        None, max_length=50, description="The customer's number in the CRM; find_contacts finds it by this."
    )
    tax_number: Text | None = Field(
        None, max_length=50, description="ABN, GST, VAT or tax id, as the country calls it."
    )
    currency: str | None = Field(
        None, pattern="^[A-Z]{3}$", description="The currency of their invoices. Default: the organisation's."
    )
    address: Address | None = None

    @field_validator("name")
    @classmethod
    def _single_spaces(cls, name: str) -> str:
        return single_spaces(name)


class CreatedContact(Result):
    """The contact as Xero has it."""

    contact_id: str
    name: str
    email: str | None
    account_number: str | None
    status: str
    repeated: bool = Field(description="It was there already, made by an earlier call with the same key.")
    link: str | None


class CreateContact(WriteAction[CreateContactParams]):
    """``create_contact``."""

    name = "create_contact"
    permissions = (scopes.CONTACTS.for_writing(), scopes.SETTINGS)
    title = "Create Contact"
    description = (
        "Make a new customer or supplier in Xero. Use it when find_contacts finds none and the contact is to be "
        "kept; create_invoice can make one on the way. Do not use it to change a contact. An active contact of "
        "the same name is refused and named; the same e-mail or account number is warned of. Changes Xero. "
        "3 to 6 calls to plan, 7 to 10 to commit."
    )
    position = 70
    params_model = CreateContactParams
    result_model = CreatedContact

    def plan(self) -> Draft:
        """Work out the contact as it would be made now."""
        params = self.params
        if params.currency:
            defaults.resolve_currency(self.books, None, params.currency)
        warnings = (*self._name_warnings(), *self._other_warnings())
        fields = _fields(params)
        return Draft(
            steps=(contact_lookup.creation_step(fields),),
            warnings=warnings,
            undo="Archive it in Xero; a contact cannot be deleted.",
            summary=_summary(self.books, params, warnings),
            acts=("create_contact",),
            amount=ZERO,
            expect={name: fields[name] for name in ("Name", "EmailAddress", "AccountNumber") if name in fields},
        )

    def _name_warnings(self) -> list[str]:
        warnings, name = [], self.params.name
        for row in self._others("name", name):
            exact = single_spaces(str(row.get("Name"))).casefold() == name.casefold()
            if exact and row.get("ContactStatus") == "ACTIVE":
                raise reasons.CONTACT_EXISTS.field("params.name", name=row["Name"], contact_id=row["ContactID"])
            status = str(row.get("ContactStatus") or "").lower()
            similarity = "has this name" if exact else "has almost this name"
            warnings.append(f"Possible duplicate: {row['Name']} ({row['ContactID']}, {status}) {similarity}.")
        return warnings

    def _other_warnings(self) -> list[str]:
        return [
            f"Possible duplicate: {row['Name']} ({row['ContactID']}) has the same {field.replace('_', ' ')}."
            for field, value in (("email", self.params.email), ("account_number", self.params.account_number))
            if value
            for row in self._others(field, value)
        ]

    def _others(self, fact: str, value: str) -> list[Row]:
        rows = contact_lookup.find_by_fact(self.books, fact, value, "params")
        return [row for row in rows if row.get("ContactNumber") != self.write.mark]

    def find_existing(self) -> Row | None:
        """Look for the contact that an earlier call of this write made, also if it was renamed since."""
        return contact_lookup.find_by_mark(self.books, self.write.mark)

    def commit(self, ready: Draft | Row) -> CommitResult:
        """Make the contact, or take the one that was made; then add a note."""
        done = run_steps(self.books, self.write, ready)
        path, text = f"Contacts/{done.row['ContactID']}", f"Contact made by {self.write.action}"
        try_history_note(self.books, self.write, path, text, done, "Contact created")
        return done

    def to_result(self, done: CommitResult) -> CreatedContact:
        """Return the contact as Xero has it."""
        row = done.row
        return CreatedContact(
            contact_id=row["ContactID"],
            name=str(row["Name"]),
            email=row.get("EmailAddress") or None,
            account_number=row.get("AccountNumber") or None,
            status=str(row.get("ContactStatus") or "ACTIVE"),
            repeated=done.repeated,
            link=self.books.link("contact", row["ContactID"]),
        )


def _fields(params: CreateContactParams) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "Name": params.name,
        "EmailAddress": params.email,
        "AccountNumber": params.account_number,
        "TaxNumber": params.tax_number,
        "DefaultCurrency": params.currency,
    }
    if params.phone:
        fields["Phones"] = [{"PhoneType": "DEFAULT", "PhoneNumber": params.phone}]
    address = params.address and {
        "AddressLine1": params.address.street,
        "City": params.address.city,
        "Region": params.address.region,
        "PostalCode": params.address.postal_code,
        "Country": params.address.country,
    }
    if address and any(address.values()):
        # POBOX is the postal address, which is printed on invoices (Xero's address types)
        parts = {name: value for name, value in address.items() if value}
        fields["Addresses"] = [{"AddressType": "POBOX", **parts}]
    return {name: value for name, value in fields.items() if value}


def _summary(books: Books, params: CreateContactParams, warnings: tuple[str, ...]) -> str:
    organisation = escape_markdown(str(books.organisation.get("Name")))
    out = [f"**{organisation}**: make a new contact **{escape_markdown(params.name)}**."]
    facts = [
        f"- {label}: {escape_markdown(value)}"
        for label, value in (
            ("E-mail", params.email),
            ("Phone", params.phone),
            ("Account number", params.account_number),
            ("Tax number", params.tax_number),
            ("Invoiced in", params.currency),
            ("Address", _one_line(params.address)),
        )
        if value
    ]
    out += ["", *facts] if facts else []
    return "\n".join([*out, *bullet_list(warnings)])


def _one_line(address: Address | None) -> str:
    if address is None:
        return ""
    parts = (address.street, address.postal_code, address.city, address.region, address.country)
    return ", ".join(part for part in parts if part)

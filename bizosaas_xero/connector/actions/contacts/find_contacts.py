"""find_contacts: contacts by exact name, e-mail address or account number."""

from __future__ import annotations

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row, quote
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.models import Money, Params, Result
from bizosaas_xero.connector.actions.unreadable import Unreadable, list_unreadable
from bizosaas_xero.connector.auth import scopes


class FindContactsParams(Params):
    """Which contacts; every condition must hold. Without one, the first contacts by name."""

    name: str | None = Field(None, min_length=1, description="The whole name; capitals and accents do not matter.")
    email: str | None = Field(None, min_length=3)
    account_number: str | None = Field(None, min_length=1)
    limit: int = Field(20, ge=1, le=100)


class ContactItem(Result):
    """One contact."""

    contact_id: str
    ref: str = Field(description="Cite what they owe as [REF.owes].")
    name: str
    email: str | None
    account_number: str | None
    status: str | None
    owes: Money | None = Field(description="What they owe the organisation, as Xero last computed it.")
    link: str | None


class ContactsResult(Result):
    """The contacts that match. If there are several, ask which one is meant."""

    contacts: list[ContactItem]
    unreadable: Unreadable


def find_contacts(books: Books, params: FindContactsParams) -> ContactsResult:
    """Find contacts by name, e-mail address or account number."""
    conditions = [
        f"{column}=={quote(value, f'params.{field}')}"
        for field, column, value in (
            ("name", "Name", params.name),
            ("email", "EmailAddress", params.email),
            ("account_number", "AccountNumber", params.account_number),
        )
        if value
    ]
    query = {"order": "Name ASC"} | ({"where": " AND ".join(conditions)} if conditions else {})
    rows = books.iter_rows("Contacts", "Contact", query, limit=params.limit, tolerant=True)
    contacts = list(books.convert_rows(rows, lambda row: _contact_item(books, row)))
    return ContactsResult(contacts=contacts, unreadable=list_unreadable(books))


def _contact_item(books: Books, row: Row) -> ContactItem:
    balances = (row.get("Balances") or {}).get("AccountsReceivable") or {}
    return ContactItem(
        contact_id=row["ContactID"],
        ref=f"contact:{row['ContactID']}",
        name=str(row.get("Name")),
        email=row.get("EmailAddress") or None,
        account_number=row.get("AccountNumber") or None,
        status=row.get("ContactStatus"),
        owes=balances.get("Outstanding"),
        link=books.link("contact", row["ContactID"]),
    )


class FindContacts(ReadAction[FindContactsParams]):
    """``find_contacts``."""

    name = "find_contacts"
    permissions = (scopes.CONTACTS, scopes.SETTINGS)
    title = "Find Contacts"
    description = (
        "Contacts by exact name, e-mail or account number. Use it before anything that names a customer. If "
        "several are found, ask which is meant. Reads only; two calls."
    )
    position = 150
    params_model = FindContactsParams
    result_model = ContactsResult

    def run(self) -> ContactsResult:
        """Read, and return the result."""
        return find_contacts(self.books, self.params)

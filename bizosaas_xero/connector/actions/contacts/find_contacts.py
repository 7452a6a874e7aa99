"""find_contacts: contacts by exact name, e-mail address or account number."""

from __future__ import annotations

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.models import Money, Params, Result
from bizosaas_xero.connector.actions.unreadable import Unreadable, list_unreadable
from bizosaas_xero.connector.actions.writes.contact_lookup import find_by_fact, has_fact
from bizosaas_xero.connector.actions.writes.text import single_spaces
from bizosaas_xero.connector.auth import scopes


class FindContactsParams(Params):
    """Which contacts; every condition must hold. Without one, the first contacts by name."""

    name: str | None = Field(None, min_length=1, description="The whole name; capitals and accents do not matter.")
    email: str | None = Field(None, min_length=3)
    account_number: str | None = Field(None, min_length=1)
    limit: int = Field(20, ge=1, le=100, description="The maximum number of contacts.")


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
    facts = {
        name: single_spaces(value) for name in ("name", "email", "account_number") if (value := getattr(params, name))
    }
    if not facts:
        rows = list(books.iter_rows("Contacts", "Contact", {"order": "Name ASC"}, limit=params.limit, tolerant=True))
    else:
        (first, value), *others = facts.items()
        rows = [
            row
            for row in find_by_fact(books, first, value, "params")
            if row.get("ContactStatus") == "ACTIVE" and all(has_fact(row, *fact) for fact in others)
        ]
        rows = sorted(rows, key=lambda row: str(row.get("Name")))[: params.limit]
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
        "several are found, ask which is meant. Reads only; at most three calls."
    )
    position = 150
    params_model = FindContactsParams
    result_model = ContactsResult

    def run(self) -> ContactsResult:
        """Read, and return the result."""
        return find_contacts(self.books, self.params)

"""Find the account that a parameter or a setting names."""

from __future__ import annotations

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Books, Row, account_name
from bizosaas_xero.spec.errors import Invalid


def resolve_account(books: Books, code_or_id: str, field: str) -> Row:
    """Return the active account with this code or id.

    Raises:
        Invalid: No account has it, or the account is archived.
    """
    row = books.find_account(code_or_id)
    if row is None:
        raise Invalid.field(field, f"no account has the code or id {code_or_id!r}", "See list_accounts.")
    if row.get("Status") != "ACTIVE":
        raise reasons.ARCHIVED_ACCOUNT.field(field, account=account_name(row))
    return row

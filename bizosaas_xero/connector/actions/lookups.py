"""get_organisation and list_accounts: what other actions and their callers look up first."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.models import Params, Result
from bizosaas_xero.connector.auth import scopes


class NoParams(Params):
    """No parameters."""


class OrganisationResult(Result):
    """The organisation, its financial year and its lock dates."""

    name: str
    country: str | None
    base_currency: str
    today: date = Field(description="Today in the organisation's own time zone.")
    pays_tax: bool | None
    financial_year_start: date
    financial_year_end: date
    period_lock_date: date | None
    end_of_year_lock_date: date | None
    is_demo: bool | None


def get_organisation(books: Books, _params: NoParams) -> OrganisationResult:
    """Read the organisation."""
    row = books.organisation
    return OrganisationResult(
        name=str(row.get("Name")),
        country=row.get("CountryCode"),
        base_currency=books.base_currency,
        today=books.today,
        pays_tax=row.get("PaysTax"),
        financial_year_start=books.year_start(books.today),
        financial_year_end=books.year_end(books.today),
        period_lock_date=row.get("PeriodLockDate"),
        end_of_year_lock_date=row.get("EndOfYearLockDate"),
        is_demo=row.get("IsDemoCompany"),
    )


class AccountsParams(Params):
    """Which accounts."""

    only: Literal["all", "bank", "revenue", "expense", "takes_payments"] = Field(
        "all", description="`takes_payments`: those that an invoice may be paid into."
    )
    include_archived: bool = False


class AccountItem(Result):
    """One account."""

    account_id: str
    code: str | None
    name: str
    type: str
    account_class: str | None
    tax_type: str | None
    status: str | None


class AccountsResult(Result):
    """The accounts that match."""

    accounts: list[AccountItem]


def list_accounts(books: Books, params: AccountsParams) -> AccountsResult:
    """Read the chart of accounts."""

    def is_wanted(row: Row) -> bool:
        if row.get("Status") != "ACTIVE" and not params.include_archived:
            return False
        return {
            "all": True,
            "bank": row.get("Type") == "BANK",
            "revenue": row.get("Class") == "REVENUE",
            "expense": row.get("Class") == "EXPENSE",
            "takes_payments": row.get("Type") == "BANK" or row.get("EnablePaymentsToAccount") is True,
        }[params.only]

    rows = sorted(filter(is_wanted, books.accounts.values()), key=lambda row: str(row.get("Code") or ""))
    return AccountsResult(
        accounts=[
            AccountItem(
                account_id=row["AccountID"],
                code=row.get("Code") or None,
                name=str(row.get("Name")),
                type=str(row.get("Type")),
                account_class=row.get("Class"),
                tax_type=row.get("TaxType"),
                status=row.get("Status"),
            )
            for row in rows
        ]
    )


class GetOrganisation(ReadAction[NoParams]):
    """``get_organisation``."""

    name = "get_organisation"
    permissions = (scopes.SETTINGS,)
    title = "Get Organisation"
    description = (
        "Name, country, currency, today's date, financial year and lock dates of the organisation. Use it "
        "first when dates or currency matter. Reads only; one call, free of egress."
    )
    position = 130
    params_model = NoParams
    result_model = OrganisationResult

    def run(self) -> OrganisationResult:
        """Read, and return the result."""
        return get_organisation(self.books, self.params)


class ListAccounts(ReadAction[AccountsParams]):
    """``list_accounts``."""

    name = "list_accounts"
    permissions = (scopes.SETTINGS,)
    title = "List Accounts"
    description = (
        "The chart of accounts, or one part of it. Use it to choose an account for a line "
        "or a payment. Reads only; one call."
    )
    position = 140
    params_model = AccountsParams
    result_model = AccountsResult

    def run(self) -> AccountsResult:
        """Read, and return the result."""
        return list_accounts(self.books, self.params)

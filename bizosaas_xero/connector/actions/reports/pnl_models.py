"""Parameters and result of generate_pnl_report."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from bizosaas_xero.connector.actions.models import Money, Params, Result


class Tracking(Params):
    """Only what carries this option of a tracking category."""

    category_id: str
    option_id: str


class PnlParams(Params):
    """Which period, on which basis."""

    from_date: date = Field(description="First day, as YYYY-MM-DD.")
    to_date: date = Field(description="Last day, as YYYY-MM-DD.")
    basis: Literal["accrual", "cash"] = Field(
        "accrual", description="`accrual` counts invoices when they are dated, `cash` when they are paid."
    )
    tracking: Tracking | None = Field(None, description="Only one department, region or project.")
    formats: list[Literal["markdown", "csv", "svg"]] = Field(
        default_factory=list, description="Also give the report as text for a person: table, file or chart."
    )

    @field_validator("to_date")
    @classmethod
    def _in_order(cls, to_date: date, info: ValidationInfo) -> date:
        if to_date < info.data.get("from_date", to_date):
            raise ValueError("must not be before from_date")
        return to_date


class AccountFigure(Result):
    """One account in the period. `amount` is positive for what its section usually holds."""

    account_id: str
    code: str | None
    name: str
    amount: Money


class Section(Result):
    """The accounts of one kind, and their sum."""

    name: str
    accounts: list[AccountFigure]
    total: Money


class Piece(Result):
    """One report that Xero made: financial years are read apart, and none is longer than 365 days."""

    from_date: date
    to_date: date
    net_profit: Money = Field(description="Computed here by account class.")
    net_profit_in_xero: Money = Field(description="The report's own last line.")
    trial_balance_movement: Money | None = Field(description="Revenue less expense by the trial balances.")


class PnlResult(Result):
    """Profit and loss, and what it was checked against."""

    organisation: str
    currency: str
    basis: Literal["accrual", "cash"]
    from_date: date
    to_date: date
    ref: str = Field(description="Cite a figure as [REF:ACCOUNT_ID], or [REF:NAME] such as :net_profit.")
    sections: list[Section]
    gross_profit: Money
    unrealised_currency: Money = Field(description="Revaluation that belongs to no account; moves by the hour.")
    net_profit: Money
    ties: bool = Field(description="Every piece equals Xero's own total and the trial balances.")
    not_tied_because: str | None = None
    pieces: list[Piece]
    texts: dict[str, str] = Field(default_factory=dict, description="By format, as asked for.")

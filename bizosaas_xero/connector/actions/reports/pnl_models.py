"""Parameters and result of generate_pnl_report."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, field_validator

from bizosaas_xero.connector.actions.models import Money, Params, Result, not_before_from_date
from bizosaas_xero.connector.actions.reports.days import ReportDay


class Tracking(Params):
    """Only what carries this option of a tracking category."""

    category_id: str
    option_id: str


class PnlParams(Params):
    """Which period, on which basis."""

    from_date: ReportDay = Field(description="First day, as YYYY-MM-DD.")
    to_date: ReportDay = Field(description="Last day, as YYYY-MM-DD.")
    basis: Literal["accrual", "cash"] = Field(
        "accrual", description="`accrual` counts invoices when they are dated, `cash` when they are paid."
    )
    tracking: Tracking | None = Field(None, description="Only one department, region or project.")
    formats: list[Literal["markdown", "csv", "svg"]] = Field(
        default_factory=list, description="Also give the report as text for a person: table, file or chart."
    )

    _in_order = field_validator("to_date")(not_before_from_date)


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


class OtherLine(Result):
    """A line of the report whose account is not in the chart, or that has none."""

    label: str
    amount: Money = Field(description="As Xero shows it.")
    share: Money | None = Field(
        description="What it adds to the profit, by Xero's own total. `null` if the total does not decide it."
    )


class CurrencySplit(Result):
    """Currency gains by Xero's own accounts in the trial balances. Gains are positive, losses negative."""

    realised: Money
    unrealised: Money = Field(description="Changes with the exchange rates of the hour.")
    bank_revaluation: Money
    unassigned: Money = Field(description="The part of `currency_gains` that the trial balances do not show.")


class Piece(Result):
    """One report of Xero: each financial year is read by itself, and no report is longer than 365 days."""

    from_date: date
    to_date: date
    net_profit: Money = Field(description="The report's own last line, or by accounts if it has none.")
    net_profit_in_xero: Money | None = Field(description="The report's own last line.")
    net_profit_by_accounts: Money = Field(description="Computed here by the class of each account.")
    trial_balance_movement: Money | None = Field(
        description="Revenue less expense by the trial balances; `null` if they could not be read."
    )


class PnlResult(Result):
    """Profit and loss, and the figures it was checked against."""

    organisation: str
    currency: str
    basis: Literal["accrual", "cash"]
    from_date: date
    to_date: date
    ref: str = Field(description="Cite a figure as [REF:ACCOUNT_ID], or [REF:NAME] such as :net_profit.")
    sections: list[Section]
    other_lines: list[OtherLine] = Field(description="Lines without an account of the chart, in no section.")
    gross_profit: Money = Field(description="Xero's own line if the report has one.")
    currency_gains: Money | None = Field(
        description="The row that groups realised and unrealised currency gains and bank revaluations, in no section. "
        "Zero if the report lists their accounts. `null` if its sign cannot be established."
    )
    currency_split: CurrencySplit | None = Field(description="`null` if the trial balances could not be read.")
    net_profit: Money = Field(description="Xero's own last line.")
    net_profit_by_accounts: Money = Field(description="Computed here from sections, currency gains and other lines.")
    difference: Money = Field(description="`net_profit` less `net_profit_by_accounts`.")
    ties: bool | None = Field(
        description="Every piece equals Xero's own total and the trial balances. `null`: the trial balances could not "
        "be read."
    )
    not_tied_because: str | None = None
    pieces: list[Piece]
    texts: dict[str, str] = Field(default_factory=dict, description="By format, as requested.")

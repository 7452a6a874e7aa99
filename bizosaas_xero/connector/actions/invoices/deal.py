"""A deal of a CRM, in either of the shapes that BizOSaaS passes, as the lines of an invoice."""

from __future__ import annotations

from decimal import Decimal

from pydantic import ConfigDict, Field, model_validator

from bizosaas_xero.connector.actions.invoices.lines import Line
from bizosaas_xero.connector.actions.models import WrittenParams
from bizosaas_xero.connector.actions.writes.plan import ZERO
from bizosaas_xero.spec.errors import Invalid


class Deal(WrittenParams):
    """A won deal. Its other fields (stage, pipeline, close date) are ignored."""

    model_config = ConfigDict(extra="ignore")

    id: str | None = Field(None, max_length=255, description="The deal's number; printed as the reference.")
    external_id: str | None = Field(None, max_length=255, description="The same, in the other shape.")
    title: str = Field(min_length=1, max_length=4000)
    value: Decimal | None = Field(None, gt=0, max_digits=18, decimal_places=2)
    amount: Decimal | None = Field(
        None, gt=0, max_digits=18, decimal_places=2, description="The value, in the other shape."
    )
    currency: str | None = Field(
        None, description="Often a CRM's default, so it must agree with the customer's currency or be confirmed."
    )

    @model_validator(mode="after")
    def _has_one_value(self) -> Deal:
        values = {value for value in (self.value, self.amount) if value is not None}
        if len(values) != 1:
            raise ValueError("must have exactly one value: give `value` (or `amount`)")
        return self

    @property
    def worth(self) -> Decimal:
        """The deal's value, in its currency."""
        return self.value if self.value is not None else self.amount or ZERO

    @property
    def number(self) -> str | None:
        """The number by which people know the deal."""
        return self.id or self.external_id


def deal_lines(deal: Deal, lines: list[Line], rounding_line: bool, rounding_account: str | None) -> list[Line]:
    """Return the lines of a deal: its own, which must add up to its value, or one of its title and value.

    Raises:
        Invalid: The lines do not add up, and no rounding line was requested.
    """
    if not lines:
        return [Line(description=deal.title, unit_amount=deal.worth)]
    difference = deal.worth - sum((line.amount for line in lines), ZERO)
    if not difference:
        return lines
    if not rounding_line:
        complaint = f"they add up to {deal.worth - difference}, but the deal's value is {deal.worth}"
        raise Invalid.field(
            "params.lines",
            complaint,
            "Correct the lines or the value, or ask for a visible line with `rounding_line`.",
        )
    return [*lines, Line(description="Rounding", unit_amount=difference, account=rounding_account)]

"""Arithmetic of amounts in two currencies."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext

CENT = Decimal("0.01")


def to_base_currency(amount: Decimal, rate: Decimal) -> Decimal:
    """Return base currency to the cent; a rate is foreign units per base unit, so it divides.

    An amount at the rate of one is in base currency already and keeps its digits.
    """
    if rate == 1:
        return amount
    with localcontext() as exact:
        exact.prec = 60  # a quotient cut short must not tip a half cent
        return (amount / rate).quantize(CENT, ROUND_HALF_UP)

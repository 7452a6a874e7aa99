"""Arithmetic of amounts: rounding, and conversion to base currency."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext

CENT = Decimal("0.01")


def round_to_cents(amount: Decimal) -> Decimal:
    """Round to cents, halves away from zero, as Xero does."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def to_base_currency(amount: Decimal, rate: Decimal) -> Decimal:
    """Return an amount in base currency, rounded to cents.

    An amount at a rate of one is in base currency already and keeps its digits.

    Args:
        amount: In the foreign currency.
        rate: Foreign units per unit of base currency, so it divides.
    """
    if rate == 1:
        return amount
    with localcontext() as context:
        context.prec = 60  # a truncated quotient must not change which way half a cent is rounded
        return round_to_cents(amount / rate)

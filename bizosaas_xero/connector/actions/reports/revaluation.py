"""Whether a control account differs from its documents by the revaluation of foreign ones."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bizosaas_xero.connector.actions.reports.ageing import ZERO
from bizosaas_xero.connector.actions.reports.documents import Item

MAX_REVALUATION_SHARE = Decimal("0.25")
"""A difference larger than this share of the open foreign amounts is not called revaluation without proof."""

_HALF_CENT = Decimal("0.005")


def split_difference(
    difference: Decimal, foreign: Sequence[Item], proof: Decimal | None
) -> tuple[Decimal, Decimal, bool, str]:
    """Return revaluation, rounding, whether Xero's reports prove them, and an explanation."""
    if not difference:
        return ZERO, ZERO, True, "The control account equals the open documents."
    if not foreign:
        text = "All open documents are in base currency, so it is not revaluation. The difference is unexplained."
        return ZERO, ZERO, False, text
    max_rounding = _HALF_CENT * (len(foreign) + len({item.currency for item in foreign}))
    if proof is not None and abs(difference - proof) <= max_rounding:
        text = "Xero's per-contact reports give the same revaluation of foreign documents, to rounding."
        return proof, difference - proof, True, text
    if proof is not None:
        return proof, ZERO, False, "Xero's per-contact reports give another revaluation than the difference."
    return _split_unproved(difference, foreign)


def _split_unproved(difference: Decimal, foreign: Sequence[Item]) -> tuple[Decimal, Decimal, bool, str]:
    gross = sum((abs(item.base) for item in foreign), ZERO)
    revaluation = ZERO
    if not can_be_revaluation(difference, foreign):
        text = f"Foreign documents worth {gross} are open; their revaluation cannot explain the difference."
    elif abs(difference) > gross * MAX_REVALUATION_SHARE:
        text = (
            f"Foreign documents worth {gross} are open. Whether rates changed so much that the difference is their "
            "revaluation cannot be known: the API publishes no rates. `bridge` over all contacts who have some can "
            "prove it."
        )
    else:
        revaluation = difference
        text = (
            f"The difference is taken for the revaluation of foreign documents worth {gross} at their own rates; "
            "the API publishes no rates, so only `bridge` over all contacts who have some can prove it."
        )
    return revaluation, ZERO, False, text


def can_be_revaluation(difference: Decimal, foreign: Sequence[Item]) -> bool:
    """Return whether any rates explain a difference: no document is worth less than nothing."""
    debts = sum((item.base for item in foreign if item.base > 0), ZERO)
    credit = sum((item.base for item in foreign if item.base < 0), ZERO)
    too_low = not credit and difference < -debts
    too_high = not debts and difference > -credit
    return bool(foreign) and not too_low and not too_high

"""Bank statements with known answers: the lines a bank would send, and the entries they belong to.

Xero's public API shows no statement lines, so a matcher has to be tried on lines from elsewhere. These are
made from the books alone, independent of any matcher: each line is drawn from a kind below, and its answer is
kept apart from it. A line holds only what a bank knows: no id of Xero, no status.
"""

import datetime as dt
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from bizosaas_xero.sandbox.bank_statements.builder import DAY, LineKind, Statement, StatementBuilder
from bizosaas_xero.sandbox.bank_statements.entries import BankEntry
from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company

DECOY_DAYS = (45, 90)


def _add_exact(builder: StatementBuilder, entries: list[BankEntry]) -> None:
    builder.add_line("exact", entries)


def _add_late(builder: StatementBuilder, entries: list[BankEntry]) -> None:
    builder.add_line("late", entries, on=entries[0].date + builder.rng.randint(1, 4) * DAY)


def _add_without_reference(builder: StatementBuilder, entries: list[BankEntry]) -> None:
    builder.add_line("no_reference", entries, reference="", on=entries[0].date + builder.rng.randint(0, 2) * DAY)


def _add_mistyped(builder: StatementBuilder, entries: list[BankEntry]) -> None:
    text = entries[0].reference
    wrong = next((t for t in (_mistype(text, builder.rng) for _ in range(8)) if t != text), "")
    builder.add_line("typo" if wrong else "no_reference", entries, reference=wrong)


def _add_fee_deducted(builder: StatementBuilder, entries: list[BankEntry]) -> None:
    # only incoming payments lose a fee; amounts too small for a fee are paid in full
    amount = entries[0].amount
    fee = xero_json.round_to_cents(amount * Decimal("0.029")) + Decimal("0.30")
    if amount - fee <= 0:
        builder.add_line("exact", entries)
        return
    date = entries[0].date + builder.rng.randint(1, 3) * DAY
    builder.add_line("fee_deducted", entries, amount - fee, on=date, description="CARD SETTLEMENT", fee=fee)


def _add_combined(builder: StatementBuilder, entries: list[BankEntry]) -> None:
    last = max(e.date for e in entries)
    references = " ".join(e.invoice or e.reference for e in entries)
    builder.add_line("combined", entries, on=last, reference=builder.rng.choice((references, "")))


def _add_split(builder: StatementBuilder, entries: list[BankEntry]) -> None:
    total = entries[0].amount
    part = xero_json.round_to_cents(total * builder.rng.randint(20, 80) / 100)
    if not part or part == total:
        builder.add_line("exact", entries)
        return
    for amount, later in ((part, 0), (total - part, builder.rng.randint(1, 5))):
        matches = [entries[0]._replace(amount=amount)]
        builder.add_line("part", entries, amount, on=entries[0].date + later * DAY, matches=matches)


def _add_duplicate(builder: StatementBuilder, entries: list[BankEntry]) -> None:
    first = builder.add_line("exact", entries)
    builder.add_line("duplicate", entries, matches=[], duplicate_of=first)


def _add_same_amount_other_date(builder: StatementBuilder, entries: list[BankEntry]) -> None:
    """Add a line of another payer for the same amount, weeks away."""
    builder.add_line("exact", entries)
    offset = builder.rng.choice((-1, 1)) * builder.rng.randint(*DECOY_DAYS) * DAY
    payee = builder.rng.choice(("J SMITH", "TRADE CUSTOMER", "ATM DEPOSIT"))
    builder.add_line(
        "same_amount_other_date", entries, on=entries[0].date + offset, payee=payee, reference="", matches=[]
    )


def _add_other_amount_same_date(builder: StatementBuilder, entries: list[BankEntry]) -> None:
    """Add a line of the same day and contact that is a few cents off and not booked."""
    builder.add_line("exact", entries)
    off = Decimal(builder.rng.randint(1, 90)) / 100
    builder.add_line("other_amount_same_date", entries, entries[0].amount + off, matches=[], reference="")


def _add_bank_only(builder: StatementBuilder, _: list[BankEntry]) -> None:
    """Add a line that only the bank knows: fees, interest, a cash withdrawal."""
    text, low, high = builder.rng.choice(_BANK_ONLY_LINES)
    amount = Decimal(builder.rng.randint(low, high)) / 100
    builder.add_line("unmatched", [], amount, payee=text, reference="", description=text)


def _leave_out(builder: StatementBuilder, entries: list[BankEntry]) -> None:
    builder.add_missing(entries[0])


def _add_unbooked(builder: StatementBuilder, entries: list[BankEntry]) -> None:
    builder.add_line("unbooked_invoice", entries)


_BANK_ONLY_LINES = (("ACCOUNT FEE", -2500, -500), ("CREDIT INTEREST", 1, 4000), ("CASH WITHDRAWAL", -40000, -2000),
              ("CARD 4021 PETROL", -12000, -3000), ("UNKNOWN DEPOSIT", 1000, 90000))  # fmt: skip
_UNPAID_SHARE = 0.3

# kinds of line: weight, number of entries, and the function that adds one
KINDS: dict[str, LineKind] = {
    "exact": LineKind(34, 1, _add_exact),
    "late": LineKind(16, 1, _add_late),
    "no_reference": LineKind(10, 1, _add_without_reference),
    "typo": LineKind(8, 1, _add_mistyped),
    "fee_deducted": LineKind(6, 1, _add_fee_deducted),
    "combined": LineKind(6, 2, _add_combined),
    "part": LineKind(3, 1, _add_split),
    "duplicate": LineKind(3, 1, _add_duplicate),
    "same_amount_other_date": LineKind(4, 1, _add_same_amount_other_date),
    "other_amount_same_date": LineKind(3, 1, _add_other_amount_same_date),
    "unmatched": LineKind(5, 0, _add_bank_only),
    "missing": LineKind(2, 1, _leave_out),
}


def generate_statement(
    store: "Company", seed: int = 1, since: dt.date | None = None, to: dt.date | None = None,
    account: str | None = None,
) -> Statement:  # fmt: skip
    """Make a bank statement of an organisation's books.

    Args:
        store: The books; nothing in them changes.
        seed: The same seed gives the same statement.
        since: First day; 90 days before the last by default.
        to: Last day; today by default.
        account: Only this bank account, by id; all of them by default.

    Raises:
        ValueError: The bank account is unknown, or the days are in the wrong order.
    """
    to = to or store.today()
    since = since or to - 90 * DAY
    if since > to:
        raise ValueError("the first day is after the last")
    builder = StatementBuilder(store, seed, since, to, account)
    return builder.build(list(KINDS.values()), _add_unbooked, _UNPAID_SHARE)


def _mistype(text: str, rng: random.Random) -> str:
    """Return a text with a typing error."""
    if len(text) < 3:  # noqa: PLR2004 - nothing to get wrong
        return text
    position = rng.randrange(1, len(text) - 1)
    return rng.choice(
        (
            text[: position - 1] + text[position] + text[position - 1] + text[position + 1 :],
            text[:position] + text[position + 1 :],
            text.replace("-", "").replace(" ", "").lower(),
            text.replace("0", "O", 1),
        )
    )


def answers_by_line(answers: Mapping[str, Row]) -> list[Row]:
    """Return answers as a list, in the order of the lines."""
    return [{"line_id": name, **answers[name]} for name in sorted(answers)]

"""Bank statements with known answers: what a bank would send for some books, and what belongs to what.

Xero's public API shows no statement lines, so a matcher has to be tried on lines from elsewhere. These are
made from the books alone, by somebody who has read no matcher: each line is drawn from a kind below, and its
answer is written down apart from it. A line tells no more than a bank does: no id of Xero, no status.
"""

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from bizosaas_xero.sandbox.bank_statements.entries import Entry, booked, unpaid
from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.guids import digest
from bizosaas_xero.sandbox.core.xero_json import Row

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company

DAY = dt.timedelta(1)
PAYEE_CHARACTERS = 20  # what many banks cut names to
FAR_DAYS = (45, 90)
ZERO = Decimal("0.00")


@dataclass
class Statement:
    """One statement and, apart from it, its answers.

    Attributes:
        lines: What the bank says: line_id, account_id, date, amount, payee, reference, description.
        answers: By line_id: kind, matches (entity, id, amount), and what is special.
        missing: What is in the books of these days and on no line: entity and id.
    """

    lines: list[Row] = field(default_factory=list)
    answers: dict[str, Row] = field(default_factory=dict)
    missing: list[Row] = field(default_factory=list)


class Kind(NamedTuple):
    """One kind of line: its weight, whether it takes entries from the books, and what makes it."""

    weight: int
    takes: int
    make: "Callable[[Maker, list[Entry]], None]"


class Maker:
    """Draws a statement.

    Args:
        store: The books.
        seed: The same seed gives the same statement of the same books.
        since: First day.
        to: Last day.
        account: Only this bank account, by id.
    """

    def __init__(self, store: "Company", seed: int, since: dt.date, to: dt.date, account: str | None = None) -> None:
        self._store = store
        self.seed, self.since, self.to = seed, since, to
        self.rng = random.Random(digest(seed, "statement", since, to, account or ""))  # noqa: S311 - test data
        self.statement = Statement()
        banks = {row["AccountID"]: row for row in store.rows("Accounts") if row["Type"] == "BANK"}
        if account is not None and account.lower() not in banks:
            raise ValueError(f"there is no bank account {account!r}")
        self.banks = sorted({account.lower()} if account else banks)
        self.entries = sorted(
            (e for e in booked(store) if e.account in self.banks and since <= e.date <= to),
            key=lambda e: (e.date, e.entity, e.id),
        )
        self._next = 0
        self._taken: set[Entry] = set()
        self._alike: defaultdict[tuple[str, str, str, bool], list[Entry]] = defaultdict(list)
        for entry in self.entries:
            self._alike[_sort(entry)].append(entry)
        self.unpaid = sorted(
            (e for e in unpaid(store, self.banks[0]) if since <= e.date <= to), key=lambda e: (e.date, e.id)
        )

    def made(self) -> Statement:
        """Return the statement, its lines in the order of their days."""
        kinds = list(KINDS.values())
        while self._next < len(self.entries):
            if self.entries[self._next] in self._taken:
                self._next += 1
                continue
            kind = self.rng.choices(kinds, [each.weight for each in kinds])[0]
            taken = self._take(kind.takes)
            if taken is not None:
                kind.make(self, taken)
        for entry in self.unpaid:
            if self.rng.random() < _UNPAID_SHARE:
                _not_booked(self, [entry])
        self.statement.lines.sort(key=lambda line: (line["date"], line["line_id"]))
        self._number()
        return self.statement

    def line(self, kind: str, entries: list[Entry], amount: Decimal | None = None, **more: Any) -> str:
        """Add a line for some entries, as a bank would write it, and its answer.

        `on`, `payee`, `reference`, `description` and `account` replace what follows from the entries,
        `matches` what the answer says, and everything else goes into the answer.
        """
        first = entries[0] if entries else None
        amount = sum((e.amount for e in entries), ZERO) if amount is None else amount
        on = more.pop("on", first.date if first else self.day())
        name = f"line-{len(self.statement.lines):06d}"
        contact = first.contact if first else ""
        reference = first.reference if first else ""
        self.statement.lines.append(
            {
                "line_id": name,
                "account_id": more.pop("account", first.account if first else self.rng.choice(self.banks)),
                "date": min(on, self.to + 5 * DAY).isoformat(),
                "amount": amount,
                "payee": more.pop("payee", contact.upper()[:PAYEE_CHARACTERS].strip()),
                "reference": more.pop("reference", reference),
                "description": more.pop("description", "CREDIT TRANSFER" if amount > 0 else "PAYMENT"),
            }
        )
        matches = [{"entity": e.entity, "id": e.id, "amount": e.amount} for e in more.pop("matches", entries)]
        self.statement.answers[name] = {"kind": kind, "matches": matches, **more}
        return name

    def day(self) -> dt.date:
        """Return any day of the statement."""
        return self.since + self.rng.randrange((self.to - self.since).days + 1) * DAY

    def forget(self, entry: Entry) -> None:
        """Note an entry that the bank does not know."""
        self.statement.missing.append({"entity": entry.entity, "id": entry.id, "account_id": entry.account})

    def _take(self, count: int) -> list[Entry] | None:
        """Take the next entry, and more of the same contact and bank account that go the same way."""
        if not count:
            return []
        first = self.entries[self._next]
        alike: list[Entry] = []
        if count > 1 and first.contact:
            others = self._alike[_sort(first)]
            alike = [e for e in others if e != first and e not in self._taken][: count - 1]
        if len(alike) < count - 1:
            return None
        self._taken.update((first, *alike))
        return [first, *alike]

    def _number(self) -> None:
        # numbers in the order of the days, so that they tell nothing of how a line was made
        names = {line["line_id"]: f"{self.seed}-{n:05d}" for n, line in enumerate(self.statement.lines, 1)}
        for line in self.statement.lines:
            line["line_id"] = names[line["line_id"]]
        self.statement.answers = {names[old]: answer for old, answer in self.statement.answers.items()}
        for answer in self.statement.answers.values():
            if "duplicate_of" in answer:
                answer["duplicate_of"] = names[answer["duplicate_of"]]


def _sort(entry: Entry) -> tuple[str, str, str, bool]:
    return entry.contact, entry.account, entry.entity, entry.amount > 0


def _exact(m: Maker, entries: list[Entry]) -> None:
    m.line("exact", entries)


def _late(m: Maker, entries: list[Entry]) -> None:
    m.line("late", entries, on=entries[0].date + m.rng.randint(1, 4) * DAY)


def _silent(m: Maker, entries: list[Entry]) -> None:
    m.line("no_reference", entries, reference="", on=entries[0].date + m.rng.randint(0, 2) * DAY)


def _typo(m: Maker, entries: list[Entry]) -> None:
    text = entries[0].reference
    wrong = next((t for t in (_garbled(text, m.rng) for _ in range(8)) if t != text), "")
    m.line("typo" if wrong else "no_reference", entries, reference=wrong)


def _fee(m: Maker, entries: list[Entry]) -> None:
    # only who is paid loses a fee; what is too small for one is paid in full
    whole = entries[0].amount
    fee = xero_json.cents(whole * Decimal("0.029")) + Decimal("0.30")
    if whole - fee <= 0:
        m.line("exact", entries)
        return
    on = entries[0].date + m.rng.randint(1, 3) * DAY
    m.line("fee_deducted", entries, whole - fee, on=on, description="CARD SETTLEMENT", fee=fee)


def _combined(m: Maker, entries: list[Entry]) -> None:
    last = max(e.date for e in entries)
    some = " ".join(e.invoice or e.reference for e in entries)
    m.line("combined", entries, on=last, reference=m.rng.choice((some, "")))


def _split(m: Maker, entries: list[Entry]) -> None:
    whole = entries[0].amount
    part = xero_json.cents(whole * m.rng.randint(20, 80) / 100)
    if not part or part == whole:
        m.line("exact", entries)
        return
    for amount, later in ((part, 0), (whole - part, m.rng.randint(1, 5))):
        matches = [entries[0]._replace(amount=amount)]
        m.line("part", entries, amount, on=entries[0].date + later * DAY, matches=matches)


def _duplicate(m: Maker, entries: list[Entry]) -> None:
    first = m.line("exact", entries)
    m.line("duplicate", entries, matches=[], duplicate_of=first)


def _decoy(m: Maker, entries: list[Entry]) -> None:
    """Somebody else, weeks away, over the very same amount."""
    m.line("exact", entries)
    way = m.rng.choice((-1, 1)) * m.rng.randint(*FAR_DAYS) * DAY
    other = m.rng.choice(("J SMITH", "TRADE CUSTOMER", "ATM DEPOSIT"))
    m.line("same_amount_other_date", entries, on=entries[0].date + way, payee=other, reference="", matches=[])


def _neighbour(m: Maker, entries: list[Entry]) -> None:
    """The same day and contact, a few cents off, and not what is booked."""
    m.line("exact", entries)
    off = Decimal(m.rng.randint(1, 90)) / 100
    m.line("other_amount_same_date", entries, entries[0].amount + off, matches=[], reference="")


def _own(m: Maker, _: list[Entry]) -> None:
    """What only the bank knows: fees, interest, a card at the cash machine."""
    text, low, high = m.rng.choice(_BANKS_OWN)
    amount = Decimal(m.rng.randint(low, high)) / 100
    m.line("unmatched", [], amount, payee=text, reference="", description=text)


def _missing(m: Maker, entries: list[Entry]) -> None:
    m.forget(entries[0])


def _not_booked(m: Maker, entries: list[Entry]) -> None:
    m.line("unbooked_invoice", entries)


_BANKS_OWN = (("ACCOUNT FEE", -2500, -500), ("CREDIT INTEREST", 1, 4000), ("CASH WITHDRAWAL", -40000, -2000),
              ("CARD 4021 PETROL", -12000, -3000), ("UNKNOWN DEPOSIT", 1000, 90000))  # fmt: skip
_UNPAID_SHARE = 0.3

# what a line can be, how often, and of how many entries of the books
KINDS: dict[str, Kind] = {
    "exact": Kind(34, 1, _exact),
    "late": Kind(16, 1, _late),
    "no_reference": Kind(10, 1, _silent),
    "typo": Kind(8, 1, _typo),
    "fee_deducted": Kind(6, 1, _fee),
    "combined": Kind(6, 2, _combined),
    "part": Kind(3, 1, _split),
    "duplicate": Kind(3, 1, _duplicate),
    "same_amount_other_date": Kind(4, 1, _decoy),
    "other_amount_same_date": Kind(3, 1, _neighbour),
    "unmatched": Kind(5, 0, _own),
    "missing": Kind(2, 1, _missing),
}


def generate(
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
        ValueError: There is no such bank account, or the days are in the wrong order.
    """
    to = to or store.today()
    since = since or to - 90 * DAY
    if since > to:
        raise ValueError("the first day is after the last")
    return Maker(store, seed, since, to, account).made()


def _garbled(text: str, rng: random.Random) -> str:
    """Return a text as a hasty person types it."""
    if len(text) < 3:  # noqa: PLR2004 - nothing to get wrong
        return text
    at = rng.randrange(1, len(text) - 1)
    return rng.choice(
        (
            text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :],
            text[:at] + text[at + 1 :],
            text.replace("-", "").replace(" ", "").lower(),
            text.replace("0", "O", 1),
        )
    )


def public(answers: Mapping[str, Row]) -> list[Row]:
    """Return answers as a list, in the order of the lines."""
    return [{"line_id": name, **answers[name]} for name in sorted(answers)]

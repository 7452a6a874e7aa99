"""Which bank line belongs to which entries of the books. Pure: lines and entries in, matches out.

*Certain* is only what a person would not look at twice: the amount to the cent, the document's own number
in the line, and nobody else, on either side, who could be meant. *Likely* is the best fit on both sides, by a
distance. What fits two equally well is nobody's: it is left to the person, with its candidates. Nothing
depends on the order in which lines or entries come.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations
from typing import Literal, TypeVar

from bizosaas_xero.connector.actions.bank.ledger_entries import Entry
from bizosaas_xero.connector.actions.bank.scoring import EARLY, Evidence, Reference, Texts
from bizosaas_xero.connector.actions.bank.statement import BankLine

Key = tuple[str, str, str]
Tier = Literal["certain", "likely"]
Chosen = TypeVar("Chosen", int, Key)
Part = TypeVar("Part", Entry, BankLine)
Fits = Callable[[BankLine], Iterator[tuple[Entry, Evidence]]]

LIKELY = 60
WORTH_A_LOOK = 45
MARGIN = 8
"""By how much the best must beat the next, in points."""

GROUP_DAYS = 100
"""How long before a line its several entries may lie."""

FEE_SHARE, FEE_FIXED = Decimal("0.06"), Decimal(1)
_SAME_NAME = 90
_MOST_CANDIDATES = 3
# Of how many free entries of one contact sums of two, three and four are tried. With more of them some sum
# fits by chance: 15 have 455 sums of three, over amounts that differ by cents up to thousands.
_NAMED_POOLS = dict.fromkeys(range(2, 9), 12)
_POOLS = {2: 60, 3: 15, 4: 10}


@dataclass(frozen=True)
class Match:
    """Lines and entries that belong together: one to one, one to many, or several parts of one entry."""

    lines: tuple[BankLine, ...]
    entries: tuple[Entry, ...]
    tier: Tier
    score: int
    reasons: tuple[str, ...]
    fee: Decimal = Decimal(0)


@dataclass(frozen=True)
class Candidate:
    """An entry that may be meant."""

    entry: Entry
    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Leftover:
    """A line that was not matched. `ambiguous`: several fit, and a person must choose."""

    line: BankLine
    ambiguous: bool
    candidates: tuple[Candidate, ...] = ()


@dataclass
class Matching:
    """What became of all lines."""

    matches: list[Match] = field(default_factory=list)
    unmatched: list[Leftover] = field(default_factory=list)


def match(lines: Sequence[BankLine], entries: Sequence[Entry], drift: int = 7) -> Matching:
    """Match a statement of one account with its entries and with open documents.

    Args:
        lines: The statement; each line has its own number.
        entries: Of that account, and open documents of its currency.
        drift: Days that the bank may be behind the books.

    Raises:
        Misconfigured: The extra ``reconcile`` is not installed.
    """
    # one order, whatever order they came in
    work = _Work(sorted(lines, key=lambda line: line.number), sorted(entries, key=lambda entry: entry.key), drift)
    work.certain()
    stages = (work.named_groups, work.singles, work.fees, work.parts, work.groups)
    # what one stage takes away may leave another with only one choice
    while sum(stage() for stage in stages):
        pass
    return work.result()


class _Work:
    def __init__(self, lines: Sequence[BankLine], entries: Sequence[Entry], drift: int) -> None:
        self.texts = Texts(lines, entries, drift)
        self.lines = {line.number: line for line in lines}
        self.entries = {entry.key: entry for entry in entries}
        self.done: list[Match] = []
        self._seen: dict[tuple[int, Key], Evidence | None] = {}
        self._by_amount: dict[Decimal, list[Key]] = defaultdict(list)
        for entry in entries:
            self._by_amount[entry.amount].append(entry.key)
        self._amounts = sorted((entry.amount, entry.key) for entry in entries)

    def evidence(self, line: BankLine, entry: Entry) -> Evidence | None:
        at = (line.number, entry.key)
        if at not in self._seen:
            self._seen[at] = self.texts.compare(line, entry)
        return self._seen[at]

    def exact(self, line: BankLine) -> Iterator[tuple[Entry, Evidence]]:
        """Yield the free entries of a line's amount."""
        for key in self._by_amount[line.amount]:
            if key in self.entries and (found := self.evidence(line, self.entries[key])):
                yield self.entries[key], found

    def fee_taken(self, line: BankLine) -> Iterator[tuple[Entry, Evidence]]:
        """Yield the free entries of which a fee may have been taken on the way, if the line names them."""
        low = bisect_right(self._amounts, (line.amount, ("~", "", "")))
        most = abs(line.amount) * FEE_SHARE / (1 - FEE_SHARE) + FEE_FIXED
        high = bisect_left(self._amounts, (line.amount + most, ("", "", "")))
        for _, key in self._amounts[low:high]:
            entry = self.entries.get(key)
            found = self.evidence(line, entry) if entry and entry.amount * line.amount > 0 else None
            named = entry and found and found.reference >= Reference.CLOSE and _agrees(found)
            # one that names others too pays several, in full
            if entry and found and named and not self.texts.names_others(line, entry):
                yield entry, found

    def take(self, made: Match) -> None:
        self.done.append(made)
        for line in made.lines:
            del self.lines[line.number]
        for entry in made.entries:
            del self.entries[entry.key]

    # ------------------------------------------------------------ one to one

    def certain(self) -> None:
        """Take what nobody else could be meant by; decided for all before any is taken."""
        fits = {number: dict(self._pairs(line)) for number, line in self.lines.items()}
        rivals: dict[Key, list[tuple[int, Evidence]]] = defaultdict(list)
        for number, found in fits.items():
            for key, evidence in found.items():
                rivals[key].append((number, evidence))
        sure = []
        for number, found in fits.items():
            for key, evidence in found.items():
                others = [other for at, other in found.items() if at != key]
                others += [other for at, other in rivals[key] if at != number]
                several = self.texts.names_others(self.lines[number], self.entries[key])
                if self._is_sure(evidence) and not several and not any(map(_could_be, others)):
                    sure.append((number, key, evidence))
        for number, key, evidence in sure:
            self.take(_single(self.lines[number], self.entries[key], evidence, "certain"))

    def _pairs(self, line: BankLine) -> Iterator[tuple[Key, Evidence]]:
        yield from ((entry.key, found) for entry, found in self.exact(line))

    def _is_sure(self, found: Evidence) -> bool:
        near = found.days <= self.texts.drift
        return found.reference is Reference.SAME and found.own and _agrees(found) and near

    def singles(self) -> int:
        return self._mutual(self.exact)

    def fees(self) -> int:
        return self._mutual(self.fee_taken)

    def _mutual(self, candidates: Fits) -> int:
        """Take pairs that are each other's best by a distance; return how many."""
        taken = 0
        while True:
            by_line: dict[int, list[tuple[int, Key]]] = defaultdict(list)
            by_entry: dict[Key, list[tuple[int, int]]] = defaultdict(list)
            for number, line in self.lines.items():
                for entry, found in candidates(line):
                    if found.score >= WORTH_A_LOOK:
                        by_line[number].append((found.score, entry.key))
                        by_entry[entry.key].append((found.score, number))
            agreed = []
            for number, fits in by_line.items():
                best = _ahead(fits)
                if best and best[0] >= LIKELY and (back := _ahead(by_entry[best[1]])) and back[1] == number:
                    agreed.append((number, best[1]))
            for number, key in agreed:
                line, entry = self.lines[number], self.entries[key]
                evidence = self.evidence(line, entry)
                if evidence:
                    self.take(_single(line, entry, evidence, "likely"))
            taken += len(agreed)
            if not agreed:
                return taken

    # ------------------------------------------------------------ one to many, and many to one

    def named_groups(self) -> int:
        """Take lines that name several documents which add up to them, or to them and a fee."""
        found = []
        for line in self.lines.values():
            named = self.texts.named(line)
            if len(named) > 1:
                pool = [e for e in self._pool(line) if self.texts.numbers[e.key] & named]
                sums = [group for group in _sums(pool, line.amount, _NAMED_POOLS)
                        if named <= {n for e in group for n in self.texts.numbers[e.key]}]  # fmt: skip
                found += [(line, group, "together the same amount; names all of them") for group in sums]
                fee = sum((e.amount for e in pool), Decimal(0)) - line.amount
                if not sums and len(pool) > 1 and 0 < fee <= abs(line.amount) * FEE_SHARE + FEE_FIXED:
                    found.append((line, tuple(pool), f"names all of them; together {fee} more, as a fee taken off"))
        return self._take_groups(found, 80)

    def groups(self) -> int:
        """Take lines whose amount only one group of the same contact's entries adds up to."""
        found = []
        for line in self.lines.values():
            if any(True for _ in self._better(line)):
                continue
            pool = [entry for entry in self._pool(line) if self._same_name(line, entry)]
            sums = list(_sums(pool, line.amount, _POOLS))
            near = [group for group in sums if all(abs((line.date - e.date).days) <= self.texts.drift for e in group)]
            chosen = near if len(near) == 1 else sums
            found += [(line, group, "together the same amount; the same name") for group in chosen]
        return self._take_groups(found, 65)

    def _better(self, line: BankLine) -> Iterator[Entry]:
        """Yield single entries that a line may be; a sum must not decide against them."""
        yield from (entry for entry, found in self.exact(line) if found.score >= LIKELY)

    def _take_groups(self, found: Iterable[tuple[BankLine, tuple[Entry, ...], str]], score: int) -> int:
        found = list(found)
        uses = Counter(entry.key for _, group, _ in found for entry in group)
        of_line = Counter(line.number for line, _, _ in found)
        sole = [each for each in found if of_line[each[0].number] == 1 and all(uses[e.key] == 1 for e in each[1])]
        for line, group, reason in sole:
            fee = sum((entry.amount for entry in group), Decimal(0)) - line.amount
            last = max((line.date - entry.date).days for entry in group)
            reasons = (reason, f"{len(group)} entries, the oldest {last} days before")
            self.take(Match((line,), group, "likely", score, reasons, fee))
        return len(sole)

    def parts(self) -> int:
        """Take entries that several lines add up to: paid in parts, and recorded once."""
        by_contact: dict[Key, list[BankLine]] = defaultdict(list)
        for line in self.lines.values():
            for entry in self.entries.values():
                if not entry.open and abs(line.amount) < abs(entry.amount) and line.amount * entry.amount > 0:
                    evidence = self.evidence(line, entry)
                    named = evidence and evidence.reference >= Reference.CLOSE
                    if named and self._same_name(line, entry):
                        by_contact[entry.key].append(line)
        found = [
            (self.entries[key], group)
            for key, lines in by_contact.items()
            for group in _sums(lines, self.entries[key].amount, {2: 40, 3: 12})
        ]
        of_entry = Counter(entry.key for entry, _ in found)
        uses = Counter(line.number for _, group in found for line in group)
        sole = [(e, g) for e, g in found if of_entry[e.key] == 1 and all(uses[line.number] == 1 for line in g)]
        for entry, group in sole:
            reasons = (f"{len(group)} lines together the same amount", "each names it")
            self.take(Match(group, (entry,), "likely", 75, reasons))
        return len(sole)

    def _pool(self, line: BankLine) -> list[Entry]:
        """Return the free entries that could be one of several in a line."""
        named = self.texts.named(line)
        return [
            entry
            for entry in self.entries.values()
            if entry.amount * line.amount > 0
            and abs(entry.amount) < abs(line.amount) * (1 + FEE_SHARE)
            and (line.date - (entry.since or entry.date)).days >= -EARLY
            and (entry.open or (line.date - entry.date).days <= GROUP_DAYS)
            and (not named or self.texts.numbers[entry.key] & named)
        ]

    def _same_name(self, line: BankLine, entry: Entry) -> bool:
        return (self.texts.name(line, entry) or 0) >= _SAME_NAME

    # ------------------------------------------------------------ what is left

    def result(self) -> Matching:
        left = []
        for line in self.lines.values():
            fits = [
                Candidate(entry, found.score, found.reasons)
                for entry, found in (*self.exact(line), *self.fee_taken(line))
                if found.score >= WORTH_A_LOOK
            ]
            fits.sort(key=lambda fit: (-fit.score, fit.entry.key))
            ambiguous = bool(fits) and fits[0].score >= LIKELY
            left.append(Leftover(line, ambiguous, tuple(fits[:_MOST_CANDIDATES])))
        self.done.sort(key=lambda made: made.lines[0].number)
        return Matching(self.done, left)


def _single(line: BankLine, entry: Entry, found: Evidence, tier: Tier) -> Match:
    return Match((line,), (entry,), tier, found.score, found.reasons, found.fee)


def _agrees(found: Evidence) -> bool:
    return found.name is None or found.name >= _SAME_NAME


def _could_be(other: Evidence) -> bool:
    """Tell whether a rival of the same amount may be meant as well: by its number, or nearly."""
    return other.reference >= Reference.CLOSE or (other.alike and _agrees(other))


def _ahead(fits: list[tuple[int, Chosen]]) -> tuple[int, Chosen] | None:
    """Return the best if it is ahead of the next."""
    best, *rest = sorted(fits, key=lambda fit: -fit[0])[:2]
    return None if rest and best[0] - rest[0][0] < MARGIN else best


def _sums(pool: list[Part], amount: Decimal, most: dict[int, int]) -> Iterator[tuple[Part, ...]]:
    """Yield the groups that add up to an amount exactly, of sizes for which the pool is small enough."""
    for size, limit in most.items():
        if size <= len(pool) <= limit:
            for group in combinations(pool, size):
                if sum((part.amount for part in group), Decimal(0)) == amount:
                    yield group

"""Match bank lines with entries of the books. Pure: takes lines and entries, returns matches.

A match is *certain* only if a person need not check it: the amount agrees to the cent, the line contains the
document's own number, and no other line or entry could be meant. A match is *likely* if each side is the other's
best fit by a margin. A line that fits two entries equally well stays unmatched, with its candidates, for a
person to decide. The result does not depend on the order of lines or entries.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import combinations
from typing import TypeVar

from bizosaas_xero.connector.actions.bank.ledger_entries import Entry
from bizosaas_xero.connector.actions.bank.matches import Candidate, LineWithCandidates, Match, Matching, Tier
from bizosaas_xero.connector.actions.bank.scoring import MAX_DAYS_EARLY, Evidence, Reference, Texts
from bizosaas_xero.connector.actions.bank.statement import BankLine

Key = tuple[str, str, str]
Chosen = TypeVar("Chosen", int, Key)
Part = TypeVar("Part", Entry, BankLine)
Fits = Callable[[BankLine], Iterator[tuple[Entry, Evidence]]]

LIKELY_SCORE = 60
CANDIDATE_SCORE = 45
MIN_MARGIN = 8
"""By how many points the best fit must exceed the next."""

MAX_GROUP_DAYS = 100
"""How many days before a line its entries may be dated, if it has several."""

MAX_FEE_SHARE, MAX_FIXED_FEE = Decimal("0.06"), Decimal(1)
_SAME_NAME = 90
_MAX_CANDIDATES = 3
# For each size of a group, the largest pool of entries in which its sums are tried. In a larger pool some sum
# fits by chance: 15 entries have 455 sums of three.
_MAX_NAMED_POOL = dict.fromkeys(range(2, 9), 12)
_MAX_POOL = {2: 60, 3: 15, 4: 10}


def match(lines: Sequence[BankLine], entries: Sequence[Entry], drift: int = 7) -> Matching:
    """Match a statement of one account with its entries and with open documents.

    Args:
        lines: The statement; each line has its own number.
        entries: Of that account, and open documents of its currency.
        drift: How many days the bank may be behind the books.

    Raises:
        Misconfigured: The extra ``reconcile`` is not installed.
    """
    # sorted, so that the order of the input does not matter
    work = _Work(sorted(lines, key=lambda line: line.number), sorted(entries, key=lambda entry: entry.key), drift)
    work.match_certain()
    stages = (work.match_named_groups, work.match_singles, work.match_after_fees, work.match_parts, work.match_groups)
    # a match of one stage may leave another stage with only one choice
    while sum(stage() for stage in stages):
        pass
    return work.result()


class _Work:
    def __init__(self, lines: Sequence[BankLine], entries: Sequence[Entry], drift: int) -> None:
        self.texts = Texts(lines, entries, drift)
        self.lines = {line.number: line for line in lines}
        self.entries = {entry.key: entry for entry in entries}
        self.matches: list[Match] = []
        self._evidence: dict[tuple[int, Key], Evidence | None] = {}
        self._by_amount: dict[Decimal, list[Key]] = defaultdict(list)
        for entry in entries:
            self._by_amount[entry.amount].append(entry.key)
        self._amounts = sorted((entry.amount, entry.key) for entry in entries)

    def evidence(self, line: BankLine, entry: Entry) -> Evidence | None:
        pair = (line.number, entry.key)
        if pair not in self._evidence:
            self._evidence[pair] = self.texts.compare(line, entry)
        return self._evidence[pair]

    def same_amount(self, line: BankLine) -> Iterator[tuple[Entry, Evidence]]:
        """Yield the unmatched entries with a line's amount."""
        for key in self._by_amount[line.amount]:
            if key in self.entries and (found := self.evidence(line, self.entries[key])):
                yield self.entries[key], found

    def after_fee(self, line: BankLine) -> Iterator[tuple[Entry, Evidence]]:
        """Yield the unmatched entries from which a fee may have been deducted, if the line names them."""
        low = bisect_right(self._amounts, (line.amount, ("~", "", "")))
        max_fee = abs(line.amount) * MAX_FEE_SHARE / (1 - MAX_FEE_SHARE) + MAX_FIXED_FEE
        high = bisect_left(self._amounts, (line.amount + max_fee, ("", "", "")))
        for _, key in self._amounts[low:high]:
            entry = self.entries.get(key)
            found = self.evidence(line, entry) if entry and entry.amount * line.amount > 0 else None
            named = entry and found and found.reference >= Reference.CLOSE and _name_agrees(found)
            # a line that names others too pays several entries in full
            if entry and found and named and not self.texts.names_others(line, entry):
                yield entry, found

    def accept(self, match: Match) -> None:
        self.matches.append(match)
        for line in match.lines:
            del self.lines[line.number]
        for entry in match.entries:
            del self.entries[entry.key]

    # ------------------------------------------------------------ one to one

    def match_certain(self) -> None:
        """Accept pairs without a rival; decided for all lines before any pair is accepted."""
        fits = {number: dict(self._pairs(line)) for number, line in self.lines.items()}
        rivals: dict[Key, list[tuple[int, Evidence]]] = defaultdict(list)
        for number, found in fits.items():
            for key, evidence in found.items():
                rivals[key].append((number, evidence))
        certain = []
        for number, found in fits.items():
            for key, evidence in found.items():
                others = [other for other_key, other in found.items() if other_key != key]
                others += [other for other_number, other in rivals[key] if other_number != number]
                several = self.texts.names_others(self.lines[number], self.entries[key])
                if self._is_certain(evidence) and not several and not any(map(_is_rival, others)):
                    certain.append((number, key, evidence))
        for number, key, evidence in certain:
            self.accept(_single_match(self.lines[number], self.entries[key], evidence, "certain"))

    def _pairs(self, line: BankLine) -> Iterator[tuple[Key, Evidence]]:
        yield from ((entry.key, found) for entry, found in self.same_amount(line))

    def _is_certain(self, found: Evidence) -> bool:
        near = found.days <= self.texts.drift
        return found.reference is Reference.SAME and found.own and _name_agrees(found) and near

    def match_singles(self) -> int:
        return self._match_mutual_best(self.same_amount)

    def match_after_fees(self) -> int:
        return self._match_mutual_best(self.after_fee)

    def _match_mutual_best(self, candidates: Fits) -> int:
        """Accept pairs that are each other's best by a margin; return how many."""
        count = 0
        while True:
            by_line: dict[int, list[tuple[int, Key]]] = defaultdict(list)
            by_entry: dict[Key, list[tuple[int, int]]] = defaultdict(list)
            for number, line in self.lines.items():
                for entry, found in candidates(line):
                    if found.score >= CANDIDATE_SCORE:
                        by_line[number].append((found.score, entry.key))
                        by_entry[entry.key].append((found.score, number))
            agreed = []
            for number, fits in by_line.items():
                best = _clear_best(fits)
                if best and best[0] >= LIKELY_SCORE and (back := _clear_best(by_entry[best[1]])) and back[1] == number:
                    agreed.append((number, best[1]))
            for number, key in agreed:
                line, entry = self.lines[number], self.entries[key]
                evidence = self.evidence(line, entry)
                if evidence:
                    self.accept(_single_match(line, entry, evidence, "likely"))
            count += len(agreed)
            if not agreed:
                return count

    # ------------------------------------------------------------ one to many, and many to one

    def match_named_groups(self) -> int:
        """Accept lines that name several documents which add up to the line, or to the line and a fee."""
        found = []
        for line in self.lines.values():
            named = self.texts.named(line)
            if len(named) > 1:
                pool = [e for e in self._pool(line) if self.texts.numbers[e.key] & named]
                sums = [group for group in _sums(pool, line.amount, _MAX_NAMED_POOL)
                        if named <= {n for e in group for n in self.texts.numbers[e.key]}]  # fmt: skip
                found += [(line, group, "together the same amount; names all of them") for group in sums]
                fee = sum((e.amount for e in pool), Decimal(0)) - line.amount
                if not sums and len(pool) > 1 and 0 < fee <= abs(line.amount) * MAX_FEE_SHARE + MAX_FIXED_FEE:
                    found.append((line, tuple(pool), f"names all of them; together {fee} more, as a fee taken off"))
        return self._accept_groups(found, 80)

    def match_groups(self) -> int:
        """Accept lines whose amount is the sum of exactly one group of the same contact's entries."""
        found = []
        for line in self.lines.values():
            if any(True for _ in self._single_fits(line)):
                continue
            pool = [entry for entry in self._pool(line) if self._same_name(line, entry)]
            sums = list(_sums(pool, line.amount, _MAX_POOL))
            near = [group for group in sums if all(abs((line.date - e.date).days) <= self.texts.drift for e in group)]
            chosen = near if len(near) == 1 else sums
            found += [(line, group, "together the same amount; the same name") for group in chosen]
        return self._accept_groups(found, 65)

    def _single_fits(self, line: BankLine) -> Iterator[Entry]:
        """Yield single entries that fit a line; they go before a sum."""
        yield from (entry for entry, found in self.same_amount(line) if found.score >= LIKELY_SCORE)

    def _accept_groups(self, found: Iterable[tuple[BankLine, tuple[Entry, ...], str]], score: int) -> int:
        found = list(found)
        uses = Counter(entry.key for _, group, _ in found for entry in group)
        of_line = Counter(line.number for line, _, _ in found)
        sole = [each for each in found if of_line[each[0].number] == 1 and all(uses[e.key] == 1 for e in each[1])]
        for line, group, reason in sole:
            fee = sum((entry.amount for entry in group), Decimal(0)) - line.amount
            last = max((line.date - entry.date).days for entry in group)
            reasons = (reason, f"{len(group)} entries, the oldest {last} days before")
            self.accept(Match((line,), group, "likely", score, reasons, fee))
        return len(sole)

    def match_parts(self) -> int:
        """Accept entries that are the sum of several lines: paid in parts, recorded once."""
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
            self.accept(Match(group, (entry,), "likely", 75, reasons))
        return len(sole)

    def _pool(self, line: BankLine) -> list[Entry]:
        """Return the unmatched entries that could be one of several in a line."""
        named = self.texts.named(line)
        return [
            entry
            for entry in self.entries.values()
            if entry.amount * line.amount > 0
            and abs(entry.amount) < abs(line.amount) * (1 + MAX_FEE_SHARE)
            and (line.date - (entry.since or entry.date)).days >= -MAX_DAYS_EARLY
            and (entry.open or (line.date - entry.date).days <= MAX_GROUP_DAYS)
            and (not named or self.texts.numbers[entry.key] & named)
        ]

    def _same_name(self, line: BankLine, entry: Entry) -> bool:
        return (self.texts.name_score(line, entry) or 0) >= _SAME_NAME

    # ------------------------------------------------------------ the rest

    def result(self) -> Matching:
        unmatched = []
        for line in self.lines.values():
            fits = [
                Candidate(entry, found.score, found.reasons)
                for entry, found in (*self.same_amount(line), *self.after_fee(line))
                if found.score >= CANDIDATE_SCORE
            ]
            fits.sort(key=lambda fit: (-fit.score, fit.entry.key))
            ambiguous = bool(fits) and fits[0].score >= LIKELY_SCORE
            unmatched.append(LineWithCandidates(line, ambiguous, tuple(fits[:_MAX_CANDIDATES])))
        self.matches.sort(key=lambda match: match.lines[0].number)
        return Matching(self.matches, unmatched)


def _single_match(line: BankLine, entry: Entry, found: Evidence, tier: Tier) -> Match:
    return Match((line,), (entry,), tier, found.score, found.reasons, found.fee)


def _name_agrees(found: Evidence) -> bool:
    return found.name is None or found.name >= _SAME_NAME


def _is_rival(other: Evidence) -> bool:
    """Return whether another pair of the same amount may be right as well, by its number or nearly."""
    return other.reference >= Reference.CLOSE or (other.alike and _name_agrees(other))


def _clear_best(fits: list[tuple[int, Chosen]]) -> tuple[int, Chosen] | None:
    """Return the best fit if it exceeds the next by the margin."""
    best, *rest = sorted(fits, key=lambda fit: -fit[0])[:2]
    return None if rest and best[0] - rest[0][0] < MIN_MARGIN else best


def _sums(pool: list[Part], amount: Decimal, max_pool: dict[int, int]) -> Iterator[tuple[Part, ...]]:
    """Yield the groups whose sum is an amount, of each size for which the pool is small enough."""
    for size, limit in max_pool.items():
        if size <= len(pool) <= limit:
            for group in combinations(pool, size):
                if sum((part.amount for part in group), Decimal(0)) == amount:
                    yield group

"""Score how well a bank line fits an entry: numbers, names, days. :mod:`matching` decides."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING

from bizosaas_xero.connector.actions.bank.statement import BankLine, missing_extra

if TYPE_CHECKING:
    from bizosaas_xero.connector.actions.bank.ledger_entries import Entry

MAX_DAYS_EARLY = 3
"""How many days a bank line may be before the date in the books."""

MAX_DAYS_LATE = 45
"""How many days a line may be after the entry when it names the entry's own number, as with cheques."""

_MIN_NUMBER_LENGTH = 4  # a shorter number identifies nothing
_MIN_FUZZY_LENGTH = 6  # a number this long is recognised with one wrong character
_SAME_NAME, _SIMILAR_NAME = 90, 72
_MIN_CUT_LENGTH = 8  # a name this long may be one that the bank cut off
_TRANSFER = re.compile(r"\b(transfer|tfr|trf|xfer)\b", re.IGNORECASE)


class Reference(IntEnum):
    """How a line's text relates to an entry's numbers; a higher value is better."""

    OTHER = -2  # it names another entry
    UNKNOWN = -1  # it holds a number that no entry has
    SILENT = 0
    CLOSE = 1  # one character off, or a reference that several entries share
    SAME = 2


@dataclass(frozen=True)
class Evidence:
    """How well a line fits an entry.

    Args:
        score: 0 to 100.
        reference: How its text relates to the entry's numbers.
        name: 0 to 100; ``None`` if one side has no name.
        days: From the entry's date to the line's.
        own: The named number belongs to one document only.
        alike: The number that the line names differs from the entry's in one character.
        fee: By how much the bank moved less than recorded.
        reasons: For a person.
    """

    score: int
    reference: Reference
    name: int | None
    days: int
    own: bool
    alike: bool
    fee: Decimal
    reasons: tuple[str, ...]


class Texts:
    """Compares lines with entries, knowing which numbers identify a single entry.

    Args:
        lines: The statement.
        entries: All entries that may match.
        drift: How many days a line may be after its entry.

    Raises:
        Misconfigured: The extra ``reconcile`` is not installed.
    """

    def __init__(self, lines: Sequence[BankLine], entries: Sequence[Entry], drift: int) -> None:
        try:
            from rapidfuzz import fuzz
            from rapidfuzz.distance import OSA
        except ImportError:
            raise missing_extra() from None
        self._ratio, self._partial, self._sorted = fuzz.ratio, fuzz.partial_ratio, fuzz.token_sort_ratio
        self._distance = OSA.distance
        self.drift = drift
        self.numbers = {entry.key: _entry_numbers(entry) for entry in entries}
        self._documents = {number for entry in entries for number in map(_compact_number, entry.documents)}
        owners: dict[str, set[object]] = {}
        for entry in entries:
            for number in self.numbers[entry.key]:
                # a document may be paid in several payments: that is still one owner
                owner = (entry.contact, number) if number in self._documents else entry.key
                owners.setdefault(number, set()).add(owner)
        self._single = {number for number, who in owners.items() if len(who) == 1}
        self._known = set(owners)
        self._named = {line.number: _grams(line.reference, line.description, line.payee) for line in lines}
        self._lines = Counter(n for grams in self._named.values() for n in grams & self._known)
        self._names: dict[tuple[str, str], int] = {}

    def named(self, line: BankLine) -> set[str]:
        """Return the numbers of documents that a line names."""
        return self._named[line.number] & self._known & self._single

    def names_others(self, line: BankLine, entry: Entry) -> bool:
        """Return whether a line names a number of another entry: it may pay several."""
        return bool(self._named[line.number] & self._known - self.numbers[entry.key])

    def compare(self, line: BankLine, entry: Entry) -> Evidence | None:
        """Return how well a line fits an entry, or ``None`` if its day excludes it."""
        reference, number, own = self._reference(line, entry)
        days = (line.date - entry.date).days
        if entry.open:
            since = entry.since or entry.date
            if (line.date - since).days < -MAX_DAYS_EARLY:
                return None
        elif days < -MAX_DAYS_EARLY or days > (MAX_DAYS_LATE if reference is Reference.SAME and own else self.drift):
            return None
        name = self.name_score(line, entry)
        fee = entry.amount - line.amount
        reasons = [_describe_amount(fee), *_describe_reference(reference, number)]
        score = 45 if not fee else 35
        score += {Reference.SAME: 35 if own else 25, Reference.CLOSE: 22, Reference.SILENT: 0}.get(
            reference, -5 if reference is Reference.UNKNOWN else -30
        )
        if name is not None:
            score += 15 if name >= _SAME_NAME else 8 if name >= _SIMILAR_NAME else -20
            reasons.append(f"name {name} % alike")
        if entry.kind == "bank_transfer" and _TRANSFER.search(f"{line.payee} {line.description}"):
            score += 10
            reasons.append("it says transfer")
        score += self._score_days(entry, days)
        reasons.append(_describe_date(days, entry))
        return Evidence(
            max(0, min(score, 100)), reference, name, days, own, self._alike(line, entry), fee, tuple(reasons)
        )

    def _alike(self, line: BankLine, entry: Entry) -> bool:
        return any(
            self._distance(one, other, score_cutoff=1) <= 1
            for one in self.named(line)
            for other in self.numbers[entry.key]
        )

    def _score_days(self, entry: Entry, days: int) -> int:
        if entry.open:  # its day of payment is not known, so recorded entries go first
            return 5 if abs(days) <= self.drift else 2
        late = days if days >= 0 else -3 * days
        return max(0, 10 - round(10 * late / (self.drift + 1)))

    def _reference(self, line: BankLine, entry: Entry) -> tuple[Reference, str, bool]:
        grams, own = self._named[line.number], self.numbers[entry.key]
        hits = sorted(own & grams)
        if hits:
            sole = [number for number in hits if number in self._single and (
                number in self._documents or self._lines[number] == 1)]  # fmt: skip
            return (Reference.SAME, sole[0], True) if sole else (Reference.CLOSE, hits[0], False)
        if self.named(line):
            return Reference.OTHER, min(self.named(line)), False
        written = _grams(line.reference)
        for number in sorted(own):
            if len(number) >= _MIN_FUZZY_LENGTH and any(
                self._distance(number, g, score_cutoff=1) <= 1 for g in written
            ):
                return Reference.CLOSE, number, False
            digits = re.sub(r"\D", "", number)
            if len(digits) >= _MIN_NUMBER_LENGTH and digits in written:
                return Reference.CLOSE, number, False
        if any(re.search(r"\d{3}", gram) for gram in written):
            return Reference.UNKNOWN, "", False
        return Reference.SILENT, "", False

    def name_score(self, line: BankLine, entry: Entry) -> int | None:
        """Return how alike the names are, 0 to 100, or ``None`` if one side has none."""
        text, contact = line.payee or line.description, entry.contact
        if not text or not contact:
            return None
        key = (text, contact)
        if key not in self._names:
            payee, name = normalise_name(text), normalise_name(contact)
            best = max(self._ratio(payee, name), self._sorted(payee, name))
            if _MIN_CUT_LENGTH <= len(payee) < len(name):
                best = max(best, self._ratio(payee, name[: len(payee)].strip()))
            if len(name) >= _MIN_CUT_LENGTH and len(payee) > len(name):
                best = max(best, self._partial(name, payee))
            self._names[key] = int(best)
        return self._names[key]


def normalise_name(text: str) -> str:
    """Return a name in lower case without accents, punctuation and legal forms."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(sign for sign in bare if not unicodedata.combining(sign))
    bare = re.sub(r"[^a-z0-9 ]+", " ", bare.replace("'", "").replace("&", " and "))
    words = [word for word in bare.split() if word not in {"ltd", "limited", "inc", "llc", "pty", "plc", "gmbh"}]
    return " ".join(words or bare.split())


def _compact_number(text: str) -> str:
    """Return a number without punctuation, with 0 for O; banks drop dashes and people write O for 0."""
    bare = unicodedata.normalize("NFKD", text).upper()
    return re.sub(r"[^A-Z0-9]", "", bare).replace("O", "0")


def _entry_numbers(entry: Entry) -> set[str]:
    numbers = {_compact_number(text) for text in (*entry.documents, entry.reference)}
    return {number for number in numbers if len(number) >= _MIN_NUMBER_LENGTH and re.search(r"\d", number)}


def _grams(*texts: str) -> set[str]:
    """Return every one to three neighbouring words of texts as one number would be written."""
    grams = set()
    for text in texts:
        words = [word for word in re.split(r"[^A-Za-z0-9]+", unicodedata.normalize("NFKD", text)) if word]
        for size in (1, 2, 3):
            grams |= {_compact_number("".join(words[at : at + size])) for at in range(len(words) - size + 1)}
        grams.add(_compact_number(text))
    return {gram for gram in grams if len(gram) >= _MIN_NUMBER_LENGTH}


def _describe_amount(fee: Decimal) -> str:
    return f"{fee} less than recorded, as a fee taken off" if fee else "the same amount"


def _describe_reference(reference: Reference, number: str) -> Iterable[str]:
    return {
        Reference.SAME: [f"names {number}"],
        Reference.CLOSE: [f"nearly names {number}, or with others"],
        Reference.OTHER: [f"names {number}, which is another"],
        Reference.UNKNOWN: ["holds a number that is not in the books"],
        Reference.SILENT: [],
    }[reference]


def _describe_date(days: int, entry: Entry) -> str:
    what = "due date" if entry.open else "recorded date"
    if not days:
        return f"on the {what}"
    return f"{abs(days)} days {'after' if days > 0 else 'before'} the {what}"

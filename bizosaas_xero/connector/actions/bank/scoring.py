"""What speaks for a bank line belonging to an entry: numbers, names, days. Nothing is decided here."""

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

EARLY = 3
"""Days that a bank line may lie before the date in the books."""

FAR = 45
"""Days that a line may lie behind when it names the entry's very own number, as with cheques."""

_SHORTEST = 4  # characters of a number that can identify something
_FUZZY_FROM = 6  # characters from which one wrong one is still recognised
_SAME_NAME, _LIKE_NAME = 90, 72
_CUT = 8  # characters from which a name may be one that the bank cut off
_TRANSFER = re.compile(r"\b(transfer|tfr|trf|xfer)\b", re.IGNORECASE)


class Reference(IntEnum):
    """What a line's text says about an entry's numbers; higher speaks for it."""

    OTHER = -2  # it names another entry
    UNKNOWN = -1  # it holds a number that nobody has
    SILENT = 0
    CLOSE = 1  # one character off, or a reference that several entries share
    SAME = 2


@dataclass(frozen=True)
class Evidence:
    """How well a line fits an entry.

    Args:
        score: 0 to 100.
        reference: What its text says.
        name: 0 to 100; ``None`` if one side has no name.
        days: From the entry's date to the line's.
        own: The number named belongs to one document and nothing else.
        alike: What the line names is one slip of a pen away from the entry's number.
        fee: How much less the bank moved than the books say.
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
    """Reads lines against all entries, so that it knows which numbers identify one of them.

    Args:
        lines: The statement.
        entries: Everything in the books that may be meant.
        drift: Days that a line may lie behind.

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
        self.numbers = {entry.key: _numbers(entry) for entry in entries}
        self._documents = {number for entry in entries for number in map(_packed, entry.documents)}
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
        """Tell whether a line names a number that is not the entry's: it may pay several."""
        return bool(self._named[line.number] & self._known - self.numbers[entry.key])

    def compare(self, line: BankLine, entry: Entry) -> Evidence | None:
        """Return how well a line fits an entry, or ``None`` if the days speak against it."""
        reference, number, own = self._reference(line, entry)
        days = (line.date - entry.date).days
        if entry.open:
            since = entry.since or entry.date
            if (line.date - since).days < -EARLY:
                return None
        elif days < -EARLY or days > (FAR if reference is Reference.SAME and own else self.drift):
            return None
        name = self.name(line, entry)
        fee = entry.amount - line.amount
        reasons = [_about_amount(fee), *_about_reference(reference, number)]
        score = 45 if not fee else 35
        score += {Reference.SAME: 35 if own else 25, Reference.CLOSE: 22, Reference.SILENT: 0}.get(
            reference, -5 if reference is Reference.UNKNOWN else -30
        )
        if name is not None:
            score += 15 if name >= _SAME_NAME else 8 if name >= _LIKE_NAME else -20
            reasons.append(f"name {name} % alike")
        if entry.kind == "bank_transfer" and _TRANSFER.search(f"{line.payee} {line.description}"):
            score += 10
            reasons.append("it says transfer")
        score += self._about_days(entry, days)
        reasons.append(_about_date(days, entry))
        return Evidence(
            max(0, min(score, 100)), reference, name, days, own, self._alike(line, entry), fee, tuple(reasons)
        )

    def _alike(self, line: BankLine, entry: Entry) -> bool:
        return any(
            self._distance(one, other, score_cutoff=1) <= 1
            for one in self.named(line)
            for other in self.numbers[entry.key]
        )

    def _about_days(self, entry: Entry, days: int) -> int:
        if entry.open:  # when it will be paid is not known; what is booked already goes before
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
            if len(number) >= _FUZZY_FROM and any(self._distance(number, g, score_cutoff=1) <= 1 for g in written):
                return Reference.CLOSE, number, False
            digits = re.sub(r"\D", "", number)
            if len(digits) >= _SHORTEST and digits in written:
                return Reference.CLOSE, number, False
        if any(re.search(r"\d{3}", gram) for gram in written):
            return Reference.UNKNOWN, "", False
        return Reference.SILENT, "", False

    def name(self, line: BankLine, entry: Entry) -> int | None:
        """Return how alike the names are, 0 to 100, or ``None`` if one side has none."""
        text, contact = line.payee or line.description, entry.contact
        if not text or not contact:
            return None
        key = (text, contact)
        if key not in self._names:
            told, known = plain(text), plain(contact)
            best = max(self._ratio(told, known), self._sorted(told, known))
            if _CUT <= len(told) < len(known):
                best = max(best, self._ratio(told, known[: len(told)].strip()))
            if len(known) >= _CUT and len(told) > len(known):
                best = max(best, self._partial(known, told))
            self._names[key] = int(best)
        return self._names[key]


def plain(text: str) -> str:
    """Return a name in small letters without accents, signs and kinds of company."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(sign for sign in bare if not unicodedata.combining(sign))
    bare = re.sub(r"[^a-z0-9 ]+", " ", bare.replace("'", "").replace("&", " and "))
    words = [word for word in bare.split() if word not in {"ltd", "limited", "inc", "llc", "pty", "plc", "gmbh"}]
    return " ".join(words or bare.split())


def _packed(text: str) -> str:
    """Return a number without signs; people write O for 0, and banks drop dashes."""
    bare = unicodedata.normalize("NFKD", text).upper()
    return re.sub(r"[^A-Z0-9]", "", bare).replace("O", "0")


def _numbers(entry: Entry) -> set[str]:
    found = {_packed(text) for text in (*entry.documents, entry.reference)}
    return {number for number in found if len(number) >= _SHORTEST and re.search(r"\d", number)}


def _grams(*texts: str) -> set[str]:
    """Return every one to three neighbouring words of texts as one number would be written."""
    found = set()
    for text in texts:
        words = [word for word in re.split(r"[^A-Za-z0-9]+", unicodedata.normalize("NFKD", text)) if word]
        for size in (1, 2, 3):
            found |= {_packed("".join(words[at : at + size])) for at in range(len(words) - size + 1)}
        found.add(_packed(text))
    return {gram for gram in found if len(gram) >= _SHORTEST}


def _about_amount(fee: Decimal) -> str:
    return f"{fee} less than recorded, as a fee taken off" if fee else "the same amount"


def _about_reference(reference: Reference, number: str) -> Iterable[str]:
    return {
        Reference.SAME: [f"names {number}"],
        Reference.CLOSE: [f"nearly names {number}, or with others"],
        Reference.OTHER: [f"names {number}, which is another"],
        Reference.UNKNOWN: ["holds a number that is not in the books"],
        Reference.SILENT: [],
    }[reference]


def _about_date(days: int, entry: Entry) -> str:
    what = "due date" if entry.open else "recorded date"
    if not days:
        return f"on the {what}"
    return f"{abs(days)} days {'after' if days > 0 else 'before'} the {what}"

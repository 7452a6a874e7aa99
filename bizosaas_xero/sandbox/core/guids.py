"""Ids that are computed from row numbers, and the order in which Xero's database sorts them.

A million rows need no table of ids: a row's id is its number sent through a reversible scramble.
"""

import hashlib

GUID_CHARS = 36
_BITS = 122  # bits of a version 4 UUID without version and variant
_MASK = (1 << _BITS) - 1


def digest(*parts: object) -> int:
    """Return a 256-bit number computed from the parts."""
    return int.from_bytes(hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest())


def stable_guid(*parts: object) -> str:
    """Return an id computed from the parts."""
    return _format_guid(digest(*parts) & _MASK)


def _format_guid(bits: int) -> str:
    value = (bits >> 74) << 80 | 0x4 << 76 | ((bits >> 62) & 0xFFF) << 64 | 0x2 << 62 | bits & ((1 << 62) - 1)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class GuidSequence:
    """Turns a row number into an id and back.

    Args:
        parts: Values that distinguish this sequence of ids from others (seed, organisation, entity).
    """

    def __init__(self, *parts: object) -> None:
        number = digest(*parts)
        self._factor = number & _MASK | 1  # odd, so that it has an inverse
        self._add = number >> 128
        self._inverse = pow(self._factor, -1, 1 << _BITS)

    def id(self, number: int) -> str:
        """Return the id of a row number."""
        return _format_guid((number * self._factor + self._add) & _MASK)

    def number(self, guid: str) -> int:
        """Return the row number of an id; for an id of another sequence the result is meaningless (and mostly huge)."""
        try:
            value = int(guid.replace("-", ""), 16)
        except ValueError:
            return -1
        bits = (value >> 80) << 74 | ((value >> 64) & 0xFFF) << 62 | value & ((1 << 62) - 1)
        return ((bits - self._add) * self._inverse) & _MASK


class GuidSubset(GuidSequence):
    """A subset of another sequence of ids, with its own row numbers.

    Args:
        sequence: The other sequence.
        chosen: The row numbers there, in order.
    """

    def __init__(self, sequence: GuidSequence, chosen: list[int]) -> None:
        self._sequence, self._chosen = sequence, chosen
        self._place = {number: position for position, number in enumerate(chosen)}

    def id(self, number: int) -> str:
        """Return the id of a row number; ids past the chosen ones are new."""
        excess = number - len(self._chosen)
        return self._sequence.id(self._chosen[number] if excess < 0 else (1 << 60) + excess)

    def number(self, guid: str) -> int:
        """Return the row number of an id."""
        number = self._sequence.number(guid)
        return self._place.get(number, number - (1 << 60) + len(self._chosen) if number >= 1 << 60 else -1)


def sql_sort_key(guid: str) -> bytes:
    """Return the key by which SQL Server sorts a `uniqueidentifier`.

    The last six bytes count first, then the groups from right to left, the first three groups byte by byte
    backwards. Sorting by the text gives another order: a client that compares ids itself is wrong.
    """
    if len(guid) != GUID_CHARS:
        return guid.encode()  # currencies and tax rates have a code as id
    raw = bytes.fromhex(guid.replace("-", ""))
    return raw[10:] + raw[8:10] + raw[7::-1]

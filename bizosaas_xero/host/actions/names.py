"""Names of those who ask and who approve: what they may hold, and when two are one."""

from __future__ import annotations

import unicodedata

from bizosaas_xero.host import reasons
from bizosaas_xero.host.text import is_visible

MAX_NAME_LENGTH = 200
"""Characters of a name."""

AGENT_PREFIX = "mcp: "
"""How the name of a requester begins who asks through the MCP server or a gateway's tools."""


def validate_name(name: str, field: str) -> str:
    """Return a name as it is kept: without spaces at its ends.

    Raises:
        Invalid: It is empty, too long, or holds what cannot be seen.
    """
    stripped = name.strip()
    if 0 < len(stripped) <= MAX_NAME_LENGTH and all(each == " " or is_visible(each) for each in stripped):
        return stripped
    raise reasons.BAD_NAME.field(field, longest=MAX_NAME_LENGTH)


def is_same_name(one: str, other: str) -> bool:
    """Return whether two names are one: whatever their letter case, width, spacing and invisible characters."""
    return normalise(one) == normalise(other)


def normalise(name: str) -> str:
    """Return what all names that are one have in common."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(filter(is_visible, "".join(folded.split())))

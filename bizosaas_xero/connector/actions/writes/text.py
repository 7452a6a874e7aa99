"""Compare texts as people read them: spaces, letter case and accents do not matter."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile("[\\u200b\\u200c\\u200d\\u2060\\ufeff\\u00ad]")


def fold(text: str) -> str:
    """Return a text for comparison: letter case, accents and kinds of spaces do not matter, as in Xero's filters."""
    decomposed = unicodedata.normalize("NFKD", single_spaces(text)).casefold()
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def single_spaces(text: str) -> str:
    """Return a text without spaces around it and with single plain spaces inside; no-break spaces are spaces too."""
    return " ".join(_INVISIBLE.sub("", text).split())

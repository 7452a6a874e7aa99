"""Find the figures of a text: which numbers are amounts, and which citation each has.

Everything with a digit is one of: a citation, an amount, or something else (a date, a time, a percentage, an
identifier, a count, the number of a list item). Every one of them is reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from bizosaas_xero.connector.actions.reports.currency_words import (
    CODES,
    PREFIX_PATTERN,
    SIGN_PATTERN,
    WORD_PATTERN,
    combine,
    currency_of,
)

Kind = Literal["amount", "citation", "date", "time", "percentage", "identifier", "count", "item"]

SCALES = {
    "k": 3,
    "thousand": 3,
    "m": 6,
    "mn": 6,
    "million": 6,
    "bn": 9,
    "billion": 9,
}
"""The power of ten by which a word or letter after a number multiplies it."""

_COUNTED_NOUNS = (
    "days?|weeks?|months?|years?|hours?|min(?:ute)?s?|calls?|invoices?|bills?|contacts?|customers?|suppliers?|"
    "accounts?|documents?|payments?|credit\\s+notes?|items?|lines?|people|persons?|organisations?"
)
_ADJECTIVES = "open|overdue|unpaid|paid|late|other|more|new|draft|calendar|working|business|further|different"
_MONTH = (
    "(?:[Jj]an(?:uary)?|[Ff]eb(?:ruary)?|[Mm]ar(?:ch)?|[Aa]pr(?:il)?|May|[Jj]une?|[Jj]uly?|[Aa]ug(?:ust)?|"
    "[Ss]ept?(?:ember)?|[Oo]ct(?:ober)?|[Nn]ov(?:ember)?|[Dd]ec(?:ember)?)\\b\\.?"
)
MAX_DIGITS = 30
"""Digits of an amount; longer numbers are account numbers or noise."""

_TOKENS = re.compile(
    rf"""
    (?P<citation>\[[a-z_]+:[^\]\s]{{1,200}}\])
  | (?P<identifier>
        https?://\S+ | (?<![\w.+-])[\w.+-]{{1,64}}@[\w.-]+
      | (?<![\w-])[0-9a-fA-F]{{8}}(?:-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}(?![\w-])
      | \#\d[\w-]*
      | (?<![\w/-])(?!(?:{SIGN_PATTERN}|{CODES}|(?i:rs|kr))[\d(.-])(?=[\w/-]*\d)[^\W\d][\w/-]*
    )
  | (?P<date>
        (?<![\d.,])\d{{4}}-\d{{2}}(?:-\d{{2}})?(?:T[\d:.]+Z?)?(?![\w-])
      | (?<![\d.,])\d{{1,2}}(?P<mark>[/.])\d{{1,2}}(?P=mark)\d{{2}}(?:\d{{2}})?(?![\d.,]*\d)
      | (?<![\d.,])\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}(?:,?\s+\d{{4}}(?!\d))?
      | \b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?(?![\d,.]*\d)
      | \b{_MONTH}\s+\d{{4}}(?![\d,.]*\d)
      | (?<![\w.,$£€-])(?:19|20)\d{{2}}(?:[-/\u2013]\d{{2}}(?:\d{{2}})?)?
        (?!\w|[.,]?\d|\s*%|\ ?(?i:k|m|mn|bn|thousand|million|billion|{CODES})\b)
    )
  | (?P<time>(?<![\d.,])\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?![\d:]))
  | (?P<item>^[ \t]*\d{{1,2}}[.)](?=\s))
  | (?P<number>
        (?P<open>\()?
        (?P<minus>(?<![\w)])[-\u2212\u2013])?
        (?:(?P<before>{SIGN_PATTERN}|(?<!\w)(?:{CODES}|(?i:nzd|aud|usd|gbp|eur)|{PREFIX_PATTERN}))[ \u00a0]?)?
        (?P<minus2>(?<![\w)])[-\u2212]|(?<=[A-Z$£€])[-\u2212])?
        (?P<digits>(?<![\d.,])\d{{1,3}}(?:[ ]\d{{3}})+(?:[.,]\d+)?(?![\d.,]*\d)
          |\d+(?:[,.'\u2019\u00a0\u202f]\d+)*|(?<!\d)\.\d+)
        (?:[ \u00a0]?(?P<scale>(?i:thousand|million|billion|mn|bn|k|m))(?!\w))?
        (?P<close>\))?
        (?P<behind>-(?=\s|$))?
        (?:[ \u00a0]?(?P<percent>[%‰]|(?i:percent(?:age\s+points?)?|per\ cent|pct|pp|bps|basis\s+points?)\b))?
        (?:[ \u00a0]?(?P<after>{SIGN_PATTERN}(?![\d.])|(?:(?:{CODES})|(?i:{WORD_PATTERN}))(?!\w)))?
        (?P<rest>[^\W\d][\w-]*)?
        (?P<things>\s+(?:(?:{_ADJECTIVES})\s+)?(?:{_COUNTED_NOUNS})\b)?
    )
    """,
    re.VERBOSE | re.MULTILINE,
)


_CITABLE = {"amount", "count", "percentage"}
_KINDS: tuple[Kind, ...] = ("citation", "identifier", "date", "time", "item")


@dataclass(frozen=True)
class Token:
    """One part of a text that contains digits.

    Args:
        kind: The kind of token.
        text: As written.
        start: The position of its first character.
        value: Of an amount, a count or a percentage.
        step: Of an amount: the value of one unit of its last digit, such as 0.01, or 100 for ``12.3k``.
        currency: Of an amount: a code, a name of several codes such as ``$``, or ``None`` without a currency.
    """

    kind: Kind
    text: str
    start: int
    value: Decimal = Decimal(0)
    step: Decimal = Decimal(1)
    currency: str | None = None


@dataclass(frozen=True)
class Figure:
    """A figure, and the citation that follows it in its line before any other figure."""

    token: Token
    ref: str | None


def find_tokens(text: str) -> Iterator[Token]:
    """Yield every part of a text that contains a digit, in order."""
    for match in _TOKENS.finditer(text):
        kind = next((kind for kind in _KINDS if match[kind] is not None), None)
        if kind is None:
            yield _number(match)
        elif kind == "citation" or re.search(r"\d", match[0]):
            yield Token(kind, match[0].strip(), match.start())


def find_figures(text: str) -> tuple[list[Figure], list[Token], list[Token]]:
    """Return the figures with their citations, the other tokens, and the citations without a figure.

    A count or a percentage is a figure only if a citation follows it.
    """
    figures: list[Figure] = []
    rest: list[Token] = []
    stray: list[Token] = []
    waiting: Token | None = None
    for token in find_tokens(text):
        if waiting is not None and "\n" in text[waiting.start + len(waiting.text) : token.start]:
            _add_uncited(waiting, figures, rest)
            waiting = None
        if token.kind in _CITABLE:
            _add_uncited(waiting, figures, rest)
            waiting = token
        elif token.kind == "citation":
            if waiting is not None:
                figures.append(Figure(waiting, token.text[1:-1]))
                waiting = None
            elif rest and _is_year(rest[-1], text, token):
                year = rest.pop()
                figures.append(Figure(replace(year, kind="amount", value=Decimal(year.text)), token.text[1:-1]))
            else:
                stray.append(token)
        else:
            rest.append(token)
    _add_uncited(waiting, figures, rest)
    rest.sort(key=lambda token: token.start)
    return figures, rest, stray


def _add_uncited(token: Token | None, figures: list[Figure], rest: list[Token]) -> None:
    if token is None:
        return
    if token.kind == "amount":
        figures.append(Figure(token, None))
    else:
        rest.append(token)


def _is_year(token: Token, text: str, citation: Token) -> bool:
    """Return whether a token that looks like a year is an amount, because it is cited."""
    between = text[token.start + len(token.text) : citation.start]
    return token.kind == "date" and token.text.isdecimal() and not between.strip()


def _number(match: re.Match[str]) -> Token:
    text, start = match[0], match.start()
    if (match["rest"] and not match["percent"]) or len(match["digits"]) > MAX_DIGITS:
        return Token("identifier", text.strip(), start)
    before, after = (currency_of(match[name]) if match[name] else "" for name in ("before", "after"))
    money = combine(before, after) if before and after else before or after
    value, decimals = _digits(match["digits"])
    power = SCALES.get((match["scale"] or "").lower(), 0)
    bracketed = bool(match["open"] and match["close"])
    minus = [match["minus"] or match["minus2"], bracketed, match["behind"]]
    negative = sum(map(bool, minus)) % 2
    value = (-value if negative else value) * Decimal(10) ** power
    step = Decimal(1).scaleb(power - decimals)
    if match["percent"]:
        return Token("percentage", text.strip(), start, value=value, step=step)
    if match["things"] and not money and "." not in match["digits"] and not match["scale"]:
        return Token("count", text.strip(), start, value=value, step=step)
    shown = text[: match.start("things") - start] if match["things"] else text
    if match["open"] and not match["close"]:
        shown, start = shown[1:], start + 1
    elif match["close"] and not match["open"]:
        shown = text[: match.start("close") - match.start()]
    return Token("amount", shown.strip(), start, value=value, step=step, currency=money or None)


def _digits(text: str) -> tuple[Decimal, int]:
    """Return a number and how many decimals it shows. Of two kinds of separators the last is decimal."""
    plain = re.sub("[ '\u2019\u00a0\u202f]", "", text)
    grouped = plain != text  # another sign groups the thousands, so a comma is the decimal mark
    comma, point = plain.rfind(","), plain.rfind(".")
    if comma >= 0 and point >= 0:
        mark = max(comma, point)
    elif plain.count(".") == 1:
        mark = point
    elif plain.count(",") == 1 and (grouped or len(plain) - comma - 1 != 3):  # noqa: PLR2004 - a group of thousands
        mark = comma
    else:
        mark = -1
    whole, part = (plain[:mark], plain[mark + 1 :]) if mark >= 0 else (plain, "")
    whole = re.sub("[,.]", "", whole) or "0"
    return Decimal(f"{whole}.{part}" if part else whole), len(part)

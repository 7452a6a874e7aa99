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

SIGNS = {"NZ$": "NZD", "A$": "AUD", "AU$": "AUD", "US$": "USD", "C$": "CAD", "CA$": "CAD", "S$": "SGD"}
SIGNS |= {"HK$": "HKD", "£": "GBP", "€": "EUR", "$": "$"}
"""Currency signs; a bare ``$`` is any dollar."""

DOLLARS = frozenset({"AUD", "CAD", "HKD", "NZD", "SGD", "USD", "FJD", "TWD"})

_COUNTED_NOUNS = (
    "days?|weeks?|months?|years?|hours?|min(?:ute)?s?|calls?|invoices?|bills?|contacts?|customers?|suppliers?|"
    "accounts?|documents?|payments?|credit\\s+notes?|items?|lines?|people|persons?|organisations?"
)
_ADJECTIVES = "open|overdue|unpaid|paid|late|other|more|new|draft|calendar|working|business|further|different"
_MONTH = (
    "(?:[Jj]an(?:uary)?|[Ff]eb(?:ruary)?|[Mm]ar(?:ch)?|[Aa]pr(?:il)?|May|[Jj]une?|[Jj]uly?|[Aa]ug(?:ust)?|"
    "[Ss]ept?(?:ember)?|[Oo]ct(?:ober)?|[Nn]ov(?:ember)?|[Dd]ec(?:ember)?)\\b\\.?"
)
_CODES = (
    "AED|ARS|AUD|BDT|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|FJD|GBP|HKD|HUF|IDR|ILS|INR|ISK|JPY|KES|"
    "KRW|KWD|LKR|MAD|MUR|MXN|MYR|NGN|NOK|NZD|OMR|PEN|PGK|PHP|PKR|PLN|QAR|RON|SAR|SBD|SEK|SGD|THB|TOP|TRY|"
    "TWD|UAH|USD|VND|VUV|WST|XPF|ZAR"
)
_SIGN = "|".join(re.escape(sign) for sign in sorted(SIGNS, key=len, reverse=True))
MAX_DIGITS = 30
"""Digits of an amount; longer numbers are account numbers or noise."""

_TOKENS = re.compile(
    rf"""
    (?P<citation>\[[a-z_]+:[^\]\s]{{1,200}}\])
  | (?P<identifier>
        https?://\S+ | (?<![\w.+-])[\w.+-]{{1,64}}@[\w.-]+
      | (?<![\w-])[0-9a-fA-F]{{8}}(?:-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}(?![\w-])
      | \#\d[\w-]*
      | (?<![\w/-])(?!(?:{_SIGN}|{_CODES})[\d(.-])(?=[\w/-]*\d)[^\W\d][\w/-]*
    )
  | (?P<date>
        (?<![\d.,])\d{{4}}-\d{{2}}(?:-\d{{2}})?(?:T[\d:.]+Z?)?(?![\w-])
      | (?<![\d.,])\d{{1,2}}(?P<mark>[/.])\d{{1,2}}(?P=mark)\d{{2}}(?:\d{{2}})?(?![\d.,]*\d)
      | (?<![\d.,])\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}(?:,?\s+\d{{4}}(?!\d))?
      | \b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?(?![\d,.]*\d)
      | \b{_MONTH}\s+\d{{4}}(?![\d,.]*\d)
      | (?<![\w.,$£€-])(?:19|20)\d{{2}}(?:[-/\u2013]\d{{2}}(?:\d{{2}})?)?
        (?!\w|[.,]?\d|\s*%|\ ?(?i:k|m|mn|bn|thousand|million|billion|{_CODES})\b)
    )
  | (?P<time>(?<![\d.,])\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?![\d:]))
  | (?P<item>^[ \t]*\d{{1,2}}[.)](?=\s))
  | (?P<number>
        (?P<open>\()?
        (?P<minus>(?<![\w)])[-\u2212\u2013])?
        (?:(?P<before>{_SIGN}|(?<!\w)(?:{_CODES}))[ \u00a0]?)?
        (?P<minus2>(?<![\w)])[-\u2212]|(?<=[A-Z$£€])[-\u2212])?
        (?P<digits>\d+(?:[,.'\u2019\u00a0\u202f]\d+)*|(?<!\d)\.\d+)
        (?:[ \u00a0]?(?P<scale>(?i:thousand|million|billion|mn|bn|k|m))(?!\w))?
        (?P<close>\))?
        (?:[ \u00a0]?(?P<percent>%|(?i:percent|per\ cent)\b))?
        (?(before)|(?:[ \u00a0]?(?P<after>€|£|(?:{_CODES})\b))?)
        (?P<rest>[^\W\d][\w-]*)?
        (?P<things>\s+(?:(?:{_ADJECTIVES})\s+)?(?:{_COUNTED_NOUNS})\b)?
    )
    """,
    re.VERBOSE | re.MULTILINE,
)


_KINDS: tuple[Kind, ...] = ("citation", "identifier", "date", "time", "item")


@dataclass(frozen=True)
class Token:
    """One part of a text that contains digits.

    Args:
        kind: The kind of token.
        text: As written.
        start: The position of its first character.
        value: Of an amount.
        step: Of an amount: the value of one unit of its last digit, such as 0.01, or 100 for ``12.3k``.
        currency: Of an amount: its code, ``$`` for any dollar, or ``None`` without a currency.
    """

    kind: Kind
    text: str
    start: int
    value: Decimal = Decimal(0)
    step: Decimal = Decimal(1)
    currency: str | None = None


@dataclass(frozen=True)
class Figure:
    """An amount, and the citation that follows it in its line before any other amount."""

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
    """Return the amounts with their citations, the other tokens, and the citations without an amount."""
    figures: list[Figure] = []
    rest: list[Token] = []
    stray: list[Token] = []
    waiting: Token | None = None
    for token in find_tokens(text):
        if waiting is not None and "\n" in text[waiting.start + len(waiting.text) : token.start]:
            figures.append(Figure(waiting, None))
            waiting = None
        if token.kind == "amount":
            if waiting is not None:
                figures.append(Figure(waiting, None))
            waiting = token
        elif token.kind == "citation":
            if waiting is None and rest and _is_year(rest[-1], text, token):
                year = rest.pop()
                figures.append(Figure(replace(year, kind="amount", value=Decimal(year.text)), token.text[1:-1]))
            elif waiting is None:
                stray.append(token)
            else:
                figures.append(Figure(waiting, token.text[1:-1]))
                waiting = None
        else:
            rest.append(token)
    if waiting is not None:
        figures.append(Figure(waiting, None))
    return figures, rest, stray


def _is_year(token: Token, text: str, citation: Token) -> bool:
    """Return whether a token that looks like a year is an amount, because it is cited."""
    between = text[token.start + len(token.text) : citation.start]
    return token.kind == "date" and token.text.isdecimal() and not between.strip()


def _number(match: re.Match[str]) -> Token:
    text, start = match[0], match.start()
    if match["percent"]:
        return Token("percentage", text.strip(), start)
    if match["rest"] or len(match["digits"]) > MAX_DIGITS:
        return Token("identifier", text.strip(), start)
    money = match["before"] or match["after"]
    if match["things"] and not money and "." not in match["digits"] and not match["scale"]:
        return Token("count", text.strip(), start)
    value, decimals = _digits(match["digits"])
    power = SCALES.get((match["scale"] or "").lower(), 0)
    scale = Decimal(10) ** power
    bracketed = bool(match["open"] and match["close"])
    negative = bool(match["minus"] or match["minus2"]) != bracketed
    shown = text[: match.start("things") - start] if match["things"] else text
    if match["open"] and not match["close"]:
        shown, start = shown[1:], start + 1
    elif match["close"] and not match["open"]:
        shown = shown.replace(")", "", 1)
    return Token(
        "amount",
        shown.strip(),
        start,
        value=(-value if negative else value) * scale,
        step=Decimal(1).scaleb(power - decimals),
        currency=SIGNS.get(money, money) if money else None,
    )


def _digits(text: str) -> tuple[Decimal, int]:
    """Return a number and how many decimals it shows. Of two kinds of separators the last is decimal."""
    plain = re.sub("['\u2019\u00a0\u202f]", "", text)
    comma, point = plain.rfind(","), plain.rfind(".")
    if comma >= 0 and point >= 0:
        mark = max(comma, point)
    elif plain.count(".") == 1:
        mark = point
    elif plain.count(",") == 1 and len(plain) - comma - 1 != 3:  # noqa: PLR2004 - a group of thousands
        mark = comma
    else:
        mark = -1
    whole, part = (plain[:mark], plain[mark + 1 :]) if mark >= 0 else (plain, "")
    whole = re.sub("[,.]", "", whole) or "0"
    return Decimal(f"{whole}.{part}" if part else whole), len(part)

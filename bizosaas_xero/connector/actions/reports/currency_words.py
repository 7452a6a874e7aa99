"""Currencies as people write them: codes, signs and words, and which codes each may mean."""

from __future__ import annotations

import re

SIGNS = {
    "NZ$": "NZD", "A$": "AUD", "AU$": "AUD", "US$": "USD", "C$": "CAD", "CA$": "CAD", "S$": "SGD", "HK$": "HKD",
    "R$": "BRL", "NT$": "TWD", "FJ$": "FJD", "£": "GBP", "€": "EUR", "₹": "INR", "₩": "KRW", "₪": "ILS", "₫": "VND",
    "₦": "NGN", "₱": "PHP", "฿": "THB", "₺": "TRY", "₴": "UAH", "$": "$", "¥": "¥", "￥": "¥",
}  # fmt: skip
"""Signs, and the code or the sign that several codes share."""

DOLLARS = frozenset({"AUD", "CAD", "HKD", "NZD", "SGD", "USD", "FJD", "TWD", "BND", "JMD", "SBD", "TTD", "XCD"})
_RUPEES = frozenset({"INR", "PKR", "LKR", "NPR", "MUR", "SCR"})
_CROWNS = frozenset({"SEK", "NOK", "DKK", "ISK", "CZK"})
CODES_OF = {"$": DOLLARS, "¥": frozenset({"JPY", "CNY"}), "rupee": _RUPEES, "crown": _CROWNS}
CODES_OF |= {"peso": frozenset({"MXN", "ARS", "CLP", "COP", "PHP"}), "franc": frozenset({"CHF", "XPF", "XOF", "XAF"})}
"""What may mean several codes."""

_WORDS = {
    r"(?:us|american)\ dollars?": "USD",
    r"(?:nz|new\ zealand)\ dollars?": "NZD",
    r"(?:au|aus|australian)\ dollars?": "AUD",
    r"canadian\ dollars?": "CAD",
    r"singapore\ dollars?": "SGD",
    r"hong\ kong\ dollars?": "HKD",
    r"dollars?": "$",
    r"euros?": "EUR",
    r"pounds?(?:\ sterling)?|quid|sterling": "GBP",
    r"yen": "JPY",
    r"yuan|renminbi|rmb": "CNY",
    r"rupees?|rs": "rupee",
    r"rands?": "ZAR",
    r"francs?|sfr": "franc",
    r"krona|kronor|kroner|krone|kr|koruna": "crown",
    r"pesos?": "peso",
    r"zloty|z[lł]": "PLN",
    r"kč": "CZK",
    r"forints?": "HUF",
    r"baht": "THB",
    r"won": "KRW",
    r"ringgit|rm": "MYR",
    r"cents?|pence": "cents",
    r"cr|dr": "CR or DR",
    r"nzd|aud|usd|gbp|eur|cad|jpy|chf|cny|inr|sgd|hkd": "",
}
"""Words after a number, and codes in lower case."""

CODES = (
    "AED|ARS|AUD|BDT|BGN|BHD|BND|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|FJD|GBP|GHS|HKD|HUF|IDR|ILS|INR|ISK|JMD|JOD|"
    "JPY|KES|KRW|KWD|KZT|LKR|MAD|MUR|MXN|MYR|NGN|NOK|NPR|NZD|OMR|PEN|PGK|PHP|PKR|PLN|QAR|RON|RSD|RUB|SAR|SBD|SCR|SEK|"
    "SGD|THB|TOP|TRY|TTD|TWD|TZS|UAH|UGX|USD|UYU|VND|VUV|WST|XAF|XCD|XOF|XPF|ZAR|ZMW"
)

# the characters of Unicode's category of currency symbols
_SYMBOLS = (
    r"\u00a2-\u00a5\u058f\u060b\u07fe\u07ff\u09f2\u09f3\u09fb\u0af1\u0bf9\u0e3f\u17db\u20a0-\u20cf"
    r"\ua838\ufdfc\ufe69\uff04\uffe0\uffe1\uffe5\uffe6"
)
SIGN_PATTERN = "|".join([*(re.escape(sign) for sign in sorted(SIGNS, key=len, reverse=True)), f"[{_SYMBOLS}]"])
"""Every currency sign, also those whose code is not known."""

WORD_PATTERN = "|".join(_WORDS)
PREFIX_PATTERN = r"(?i:rs\.?|sfr\.?|kr\.?|rm)|R(?=[ \u00a0])|Fr\.?(?=[ \u00a0\d])"
"""Words and letters before a number."""

_PREFIXES = {"rs": "rupee", "sfr": "CHF", "fr": "franc", "kr": "crown", "rm": "MYR", "r": "ZAR"}


def currency_of(text: str) -> str:
    """Return the code that a sign or word means, the name of several codes, or the text itself if unknown."""
    if text in SIGNS:
        return SIGNS[text]
    lower = " ".join(text.lower().split())
    if lower.rstrip(".") in _PREFIXES:
        return _PREFIXES[lower.rstrip(".")]
    for pattern, name in _WORDS.items():
        if re.fullmatch(pattern, lower, re.VERBOSE):
            return name or text.upper()
    return text


def may_mean(currency: str, code: str) -> bool:
    """Return whether a currency as written may mean a code."""
    return currency == code or code in CODES_OF.get(currency, ())


def combine(before: str, after: str) -> str:
    """Return the currency of a number with one on both sides; a contradiction means no code."""
    if before == after or may_mean(before, after):
        return after
    return before if may_mean(after, before) else f"{before} and {after}"

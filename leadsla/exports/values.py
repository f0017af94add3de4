"""Single values as people and programs write them: empty words, numbers, yes and no.

A text that is not what its column is becomes unknown, never a guess. Not here: dates (``dates``), what a
whole column is (``columns``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

EMPTY = frozenset(
    {"", "-", "--", "n/a", "#n/a", "na", "nan", "null", "none", "nil", "undefined", "(blank)", "(null)"}
    | {"select", "(select)", "please select", "- select -", "--none--", "-none-", "not provided"}
    | {"unknown", "not set", "(not set)", "k.a.", "k. a.", "keine angabe", "bitte wählen", "unbekannt", "?"}
)
"""What exports write where nobody knows, in small letters."""
YES = frozenset({"yes", "true", "y", "t", "1", "1.0", "ja", "wahr", "oui", "sí", "si", "x", "on"})
NO = frozenset({"no", "false", "n", "f", "0", "0.0", "nein", "falsch", "non", "off"})

_DIGITS = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_CURRENCY = (
    r"(?:(?:US|CA|AU|NZ)?\$|[€£¥₹]|Euro|Fr\.|kr\.?|zł|Kč|EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|HUF"
    r"|RON|BGN|TRY|ILS|AED|SAR|CAD|AUD|NZD|SGD|HKD|BRL|MXN|ZAR|KRW|THB)"
)
_MONEY = re.compile(rf"^{_CURRENCY}\s*|\s*{_CURRENCY}$", re.IGNORECASE)
_PER_CENT = re.compile(r"\s*%$")
_BELOW_ZERO = re.compile(
    r"\((?P<in>[^()]+)\)|(?P<behind>.*\d)\s?[-\u2212]|[-\u2212]\s?(?P<front>.*)", re.DOTALL
)
_BLANKS = str.maketrans("", "", " \u00a0\u202f'\u2019")


def is_empty(text: str) -> bool:
    """Whether a cell says nothing.

    >>> is_empty(" Select "), is_empty("0")
    (True, False)
    """
    return text.strip().casefold() in EMPTY


def decimal_sign(texts: Iterable[str], otherwise: str = ".") -> str:
    """The sign before the decimals in a column of numbers: "," or ".". Money never has three decimals.

    >>> [decimal_sign([one]) for one in ("1.234,50", "1,234", "0.5", "4.200 EUR")]
    [',', '.', '.', ',']
    """
    votes = {",": 0, ".": 0}
    for text in texts:
        plain, is_money = _bare(text)
        for sign, other in ((",", "."), (".", ",")):
            whole, _, rest = plain.rpartition(sign)
            if sign in whole:
                votes[other] += 1
            if not whole or sign in whole or other in rest:
                continue
            is_decimal = len(rest) != 3 or other in whole or whole.lstrip("-+") == "0"
            votes[sign] += is_decimal
            votes[other] += is_money and not is_decimal
    if votes[","] == votes["."]:
        return otherwise
    return max(votes, key=lambda sign: votes[sign])


def _bare(text: str) -> tuple[str, bool]:
    """A number without currency, per cent sign and brackets, a minus in front; and whether it is money."""
    plain = text.strip()
    below = _BELOW_ZERO.fullmatch(plain)
    if below is not None:
        plain = (below["in"] or below["behind"] or below["front"]).strip()
    bare, found = _MONEY.subn("", _PER_CENT.sub("", plain))
    if below is None and bare[:1] in {"-", "("} and found:  # "$-5", "$(5)"
        inner, _ = _bare(bare)
        return inner, True
    return f"-{bare}" if below is not None else bare, bool(found)


def number(text: str, decimal: str = ".") -> float:
    """A number with thousands signs, currency or per cent sign, or below zero in brackets; nan if none.

    >>> number("1.234,5 €", ","), number("$1,200"), number("(1,234)"), number("about 3")
    (1234.5, 1200.0, -1234.0, nan)
    """
    plain = text.strip()
    if not _DIGITS.fullmatch(plain) or decimal == ",":
        plain = _bare(plain)[0].translate(_BLANKS)
        plain = plain.replace("." if decimal == "," else ",", "").replace(decimal, ".")
        if not _DIGITS.fullmatch(plain):
            return math.nan
    found = float(plain)
    return found if math.isfinite(found) else math.nan

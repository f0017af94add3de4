"""Single values as people and programs write them: empty words, numbers, yes and no, dates.

A text that is not what its column is becomes unknown, never a guess. Not here: what a whole column is
(``columns``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

NEVER = -1
EMPTY = frozenset(
    {"", "-", "--", "n/a", "#n/a", "na", "nan", "null", "none", "nil", "undefined", "(blank)", "(null)"}
    | {"select", "(select)", "please select", "- select -", "--none--", "-none-", "not provided"}
    | {"unknown", "not set", "(not set)", "k.a.", "k. a.", "keine angabe", "bitte wählen", "unbekannt", "?"}
)
"""What exports write where nobody knows, in small letters."""
YES = frozenset({"yes", "true", "y", "t", "1", "1.0", "ja", "wahr", "oui", "sí", "si", "x", "on"})
NO = frozenset({"no", "false", "n", "f", "0", "0.0", "nein", "falsch", "non", "off"})

_DIGITS = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_MONEY = re.compile(r"^(?:[€$£¥]|EUR|USD|GBP|CHF)\s*|\s*(?:[€$£¥%]|EUR|USD|GBP|CHF)$")
_BLANKS = str.maketrans("", "", " \u00a0\u202f'\u2019")
_DAY = re.compile(
    r"(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})"
    r"|(?P<a>\d{1,2})(?P<t>[-/.])(?P<b>\d{1,2})(?P=t)(?P<z>\d{4}|\d{2})"
    r"|(?P<e>\d{1,2})[- ](?P<w>[A-Za-z]{3,9})[- ,]+(?P<v>\d{4}|\d{2})"
    r"|(?P<x>[A-Za-z]{3,9}) (?P<f>\d{1,2}), ?(?P<u>\d{4})"
)
_CLOCK = re.compile(
    r"(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp])?\.?[Mm]?\.?\s*"
    r"(Z|UTC|GMT|[-+]\d{2}:?\d{2})?)?"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_REMEMBERED = 200_000
_LONGEST_DAY = 10


def is_empty(text: str) -> bool:
    """Whether a cell says nothing.

    >>> is_empty(" Select "), is_empty("0")
    (True, False)
    """
    return text.strip().casefold() in EMPTY


def decimal_sign(texts: Iterable[str], otherwise: str = ".") -> str:
    """The sign before the decimals in a column of numbers: "," or ".".

    >>> decimal_sign(["1.234,50", "7"]), decimal_sign(["1,234"]), decimal_sign(["0.5"])
    (',', '.', '.')
    """
    votes = {",": 0, ".": 0}
    for text in texts:
        for sign, other in ((",", "."), (".", ",")):
            whole, _, rest = text.strip().rpartition(sign)
            if sign in whole:
                votes[other] += 1
            if not whole or sign in whole or other in rest:
                continue
            digits = len(rest.rstrip("%€$£ "))
            votes[sign] += digits != 3 or other in whole or whole.lstrip("-+") == "0"
    if votes[","] == votes["."]:
        return otherwise
    return max(votes, key=lambda sign: votes[sign])


def number(text: str, decimal: str = ".") -> float:
    """A number with thousands signs, currency or per cent sign; nan if it is none.

    >>> number("1.234,5 €", ","), number("$1,200"), number("about 3")
    (1234.5, 1200.0, nan)
    """
    plain = text.strip()
    if not _DIGITS.fullmatch(plain) or decimal == ",":
        plain = _MONEY.sub("", plain).translate(_BLANKS)
        plain = plain.replace("." if decimal == "," else ",", "").replace(decimal, ".")
        if not _DIGITS.fullmatch(plain):
            return math.nan
    found = float(plain)
    return found if math.isfinite(found) else math.nan


class Instants:
    """Reads a column of dates, with or without a time, as microseconds since 1970 UTC; NEVER if unreadable.

    Without a zone a time is meant as UTC. ``day_first`` decides what 03/04/2026 means.

    >>> Instants(["31.12.2025 08:30"])("01.02.2026") == Instants(["2026-02-01"])("2026-02-01T00:00:00Z")
    True
    """

    def __init__(self, seen: Iterable[str]) -> None:
        texts = [text.strip() for text in seen if text.strip()]
        found = [match for match in map(_DAY.match, texts) if match and match["a"]]
        self.day_first = not any(int(one["b"]) > 12 for one in found) and (
            any(int(one["a"]) > 12 for one in found) or any(one["t"] != "/" for one in found)
        )
        self.is_ambiguous = (
            bool(found)
            and found[0]["t"] == "/"
            and not any(int(one["a"]) > 12 or int(one["b"]) > 12 for one in found)
        )
        self.has_times = any(":" in text for text in texts)
        self._epoch = bool(texts) and all(text.isdigit() and len(text) in {10, 13} for text in texts)
        self._cut = all(len(text) >= _LONGEST_DAY and text[10:11] in {"", "T", " ", ","} for text in texts)
        self._days = _Remembered(self._day)
        self._clocks = _Remembered(_clock)
        self._whole = _Remembered(self._slowly)

    def __call__(self, text: str) -> int:
        """One instant."""
        return self._slowly(text)

    def all_of(self, texts: Iterable[str]) -> NDArray[np.int64]:
        """Many instants; days and times of the day repeat, so each is understood once."""
        if not self._cut or self._epoch:
            whole = self._whole
            return np.array([whole[text] for text in texts], np.int64)
        days, clocks = self._days, self._clocks
        cells = list(texts)
        day = np.array([days[text[:10]] for text in cells], np.int64)
        clock = np.array([clocks[text[10:]] for text in cells], np.int64)
        return np.where((day < 0) | (clock == _BAD_CLOCK), NEVER, day + clock)

    def _slowly(self, text: str) -> int:
        plain = text.strip()
        if self._epoch:
            return int(plain) * (_SECOND if len(plain) == 10 else 1000) if plain.isdigit() else NEVER
        match = _DAY.match(plain)
        if match is None:
            return NEVER
        day, clock = self._day(match[0]), _clock(plain[match.end() :])
        return NEVER if day < 0 or clock == _BAD_CLOCK else day + clock

    def _day(self, text: str) -> int:
        match = _DAY.fullmatch(text)
        if match is None:
            return NEVER
        try:
            year, month, day = self._parts(match)
            found = datetime(year, month, day, tzinfo=UTC) - _EPOCH
        except ValueError:
            return NEVER
        return max(NEVER, found // timedelta(microseconds=1))

    def _parts(self, match: re.Match[str]) -> tuple[int, int, int]:
        if match["y"]:
            return int(match["y"]), int(match["m"]), int(match["d"])
        if match["a"]:
            first, second = int(match["a"]), int(match["b"])
            month, day = (second, first) if self.day_first else (first, second)
            return _century(match["z"]), month, day
        month = _MONTHS.index((match["w"] or match["x"])[:3].lower()) + 1
        return _century(match["v"] or match["u"]), month, int(match["e"] or match["f"])


_BAD_CLOCK = -(10**15)


def _century(year: str) -> int:
    return int(year) if len(year) == 4 else 2000 + int(year)


def _clock(text: str) -> int:
    """The time of the day and its zone, in microseconds to add to the day."""
    match = _CLOCK.fullmatch(text.rstrip())
    if match is None:
        return _BAD_CLOCK
    hour, minute, second, fraction, half, zone = match.groups()
    if hour is None:
        return 0
    hours = int(hour)
    if half:
        hours = hours % 12 + (12 if half in "pP" else 0)
    micros = ((hours * 60 + int(minute)) * 60 + int(second or 0)) * _SECOND
    micros += int((fraction or "0").ljust(6, "0")[:6])
    if zone and zone[0] in "+-":
        away = (int(zone[1:3]) * 60 + int(zone[-2:])) * 60 * _SECOND
        micros -= away if zone[0] == "+" else -away
    return micros


class _Remembered(dict[str, int]):
    """What a function said about each text, forgotten when there are too many."""

    def __init__(self, ask: Callable[[str], int]) -> None:
        super().__init__()
        self._ask = ask

    def __missing__(self, text: str) -> int:
        if len(self) > _REMEMBERED:
            self.clear()
        found = self[text] = self._ask(text)
        return int(found)

"""Dates and times as people and programs write them, read as their column writes them.

A text that is no date becomes unknown, never a guess. Not here: numbers and yes or no (``values``), what a
whole column is (``columns``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

NEVER = -1
_DAY = re.compile(
    r"(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})"
    r"|(?P<a>\d{1,2})(?P<t>[-/.])(?P<b>\d{1,2})(?P=t)(?P<z>\d{4}|\d{2})"
    r"|(?P<e>\d{1,2})\.?[- ](?P<w>[^\W\d_]{3,9})\.?[- ,]+(?P<v>\d{4}|\d{2})"
    r"|(?P<x>[^\W\d_]{3,9})\.? (?P<f>\d{1,2}), ?(?P<u>\d{4})"
    r"|(?P<c>(?:19|20)\d{6})(?!\d)"
)
_ZONES = {
    "Z": 0.0,
    "UTC": 0,
    "GMT": 0,
    "WET": 0,
    "BST": 1,
    "WEST": 1,
    "CET": 1,
    "MEZ": 1,
    "CEST": 2,
    "MESZ": 2,
}
_ZONES |= {"EET": 2, "EEST": 3, "MSK": 3, "IST": 5.5, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5}
_ZONES |= {"MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
_CLOCK = re.compile(
    r"(?:[T ,]+(?:at |um )?(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(?:Uhr\b\s*)?"
    rf"(?:([AaPp])\.?[Mm]\.?)?\s*({'|'.join(sorted(_ZONES, reverse=True))}|[-+]\d{{2}}(?::?\d{{2}})?)?)?"
)
_WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? +(?=[A-Z0-9])", re.IGNORECASE)
_PROGRAM = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2}) (\d{2}:\d{2}:\d{2}) ([A-Z]{1,4}) (\d{4})")
_MONTHS = {
    **dict(zip(("jan", "feb", "mar", "apr", "may", "jun"), range(1, 7), strict=True)),
    **dict(zip(("jul", "aug", "sep", "oct", "nov", "dec"), range(7, 13), strict=True)),
    "mär": 3,
    "mrz": 3,
    "mai": 5,
    "okt": 10,
    "dez": 12,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_HOUR = 3_600 * _SECOND
_A_DAY = 24 * _HOUR
_REMEMBERED = 200_000
_LONGEST_DAY = 10
_BAD_CLOCK = -(10**15)
_FIRST_YEARS = frozenset({"19", "20"})


def is_compact_day(text: str) -> bool:
    """Whether digits without a sign between them are a day.

    >>> is_compact_day("20250131"), is_compact_day("20259931"), is_compact_day("579533")
    (True, False, False)
    """
    if len(text) != 8 or text[:2] not in _FIRST_YEARS or not text.isdigit():
        return False
    return 1 <= int(text[4:6]) <= 12 and 1 <= int(text[6:]) <= 31


class Instants:
    """Reads a column of dates, with or without a time, as microseconds since 1970 UTC; NEVER if unreadable.

    Without a zone a time is meant as UTC. ``day_first`` decides what 03/04/2026 means: the reading that
    explains more of the texts, else ``otherwise``, else month first with a stroke and day first without.

    >>> Instants(["31.12.2025 08:30"])("01.02.2026") == Instants(["2026-02-01"])("2026-02-01T00:00:00Z")
    True
    """

    def __init__(self, seen: Iterable[str], *, otherwise: bool | None = None) -> None:
        texts = [_usual(text.strip()) for text in seen if text.strip()]
        matches = [_DAY.match(text) for text in texts]
        found = [match for match in matches if match and match["a"]]
        days, months = (sum(int(one[part]) > 12 for one in found) for part in ("a", "b"))
        self.is_undecided = bool(found) and days == months
        self.is_ambiguous = self.is_undecided and otherwise is None and found[0]["t"] == "/"
        self.has_strokes = bool(found)
        self.day_first = days > months
        if self.is_undecided:
            self.day_first = any(one["t"] != "/" for one in found) if otherwise is None else otherwise
        self.has_times = any(":" in text for text in texts)
        self._epoch = bool(texts) and all(text.isdigit() and len(text) in {10, 13} for text in texts)
        self._cut = all(match is not None and match.end() == _LONGEST_DAY for match in matches)
        self._forget()

    def _forget(self) -> None:
        self._days = _Remembered(self._day)
        self._clocks = _Remembered(_clock)
        self._whole = _Remembered(self._slowly)

    def turn(self, *, day_first: bool) -> None:
        """Read as another file, or the rest of this one, says."""
        self.day_first, self.is_undecided, self.is_ambiguous = day_first, False, False
        self._forget()

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
        day = np.array([days[text[:_LONGEST_DAY]] for text in cells], np.int64)
        clock = np.array([clocks[text[_LONGEST_DAY:]] for text in cells], np.int64)
        return np.where((day < 0) | (clock == _BAD_CLOCK), NEVER, day + clock)

    def _slowly(self, text: str) -> int:
        plain = text.strip()
        if self._epoch:
            return int(plain) * (_SECOND if len(plain) == 10 else 1000) if plain.isdigit() else NEVER
        plain = _usual(plain)
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
        if match["c"]:
            return int(match["c"][:4]), int(match["c"][4:6]), int(match["c"][6:])
        if match["a"]:
            first, second = int(match["a"]), int(match["b"])
            month, day = (second, first) if self.day_first else (first, second)
            return _century(match["z"]), month, day
        month = _MONTHS.get((match["w"] or match["x"])[:3].lower(), 0)  # 0: no month, no date
        return _century(match["v"] or match["u"]), month, int(match["e"] or match["f"])


def evidence(texts: Iterable[str]) -> int:
    """How many more of the texts can only be read day first (03/04/2026) than month first.

    >>> evidence(["13/01/2026", "02/03/2026"]), evidence(["01/13/2026"]), evidence(["01/02/2026"])
    (1, -1, 0)
    """
    found = 0
    for text in texts:
        match = _DAY.match(text.strip())
        if match and match["a"]:
            found += (int(match["a"]) > 12) - (int(match["b"]) > 12)
    return found


def exchanged(instants: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same texts read the other way around: months as days, and days as months.

    >>> one, other = (Instants(["1/2/2026"], otherwise=way).all_of(["1/2/2026"]) for way in (True, False))
    >>> exchanged(one) == other
    array([ True])
    """
    days = instants // _A_DAY
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    years = dates.astype("datetime64[Y]")
    month, day = (months - years).astype(np.int64), (dates - months).astype(np.int64)
    other = (years.astype("datetime64[M]") + day).astype("datetime64[D]") + month
    is_date = (instants != NEVER) & (day < 12)
    return np.where(is_date, other.astype(np.int64) * _A_DAY + instants % _A_DAY, NEVER)


def _usual(text: str) -> str:
    """A date as a program prints it, in the usual order; without the day of the week."""
    if not text[:1].isalpha():
        return text
    plain = _WEEKDAY.sub("", text, count=1) if _WEEKDAY.match(text) else text
    program = _PROGRAM.fullmatch(plain)
    return "{1} {0} {4} {2} {3}".format(*program.groups()) if program else plain


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
    return micros + int((fraction or "0").ljust(6, "0")[:6]) - _away(zone)


def _away(zone: str | None) -> int:
    """How far a zone is east of Greenwich, in microseconds."""
    if not zone:
        return 0
    if zone in _ZONES:
        return int(_ZONES[zone] * _HOUR)
    away = int(zone[1:3]) * _HOUR + (int(zone[-2:]) * 60 * _SECOND if len(zone) > 3 else 0)
    return away if zone[0] == "+" else -away


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

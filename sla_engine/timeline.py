"""Working time counted: compiled spans with running totals, so that a binary search answers anything.

Grown a few years at a time, as far as it is asked. Whole UTC seconds; one instance serves many
threads (what has been compiled is replaced, never changed). Not here: which seconds are working time
(``working_days``), or datetimes (``business_time``).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from sla_engine.spans import Span
from sla_engine.working_days import WorkingDays, instant_of, seconds_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Seconds = NDArray[np.int64]

_FAR_YEARS = 40  # searched in vain before a calendar counts as not open often enough
_FIRST_YEAR, _LAST_YEAR = 2, 9998
_NOT_ENOUGH = "this calendar is not open often enough for that duration"


@dataclass(frozen=True, slots=True)
class _Compiled:
    """Spans inside [start, end) and the working seconds before each (``totals`` has one more entry)."""

    start: int
    end: int
    starts: list[int]
    ends: list[int]
    totals: list[int]


def _compiled(start: int, end: int, spans: list[Span]) -> _Compiled:
    totals = [0]
    for a, b in spans:
        totals.append(totals[-1] + b - a)
    return _Compiled(start, end, [a for a, _ in spans], [b for _, b in spans], totals)


def _new_year(year: int) -> int:
    return seconds_of(datetime(min(max(year, _FIRST_YEAR), _LAST_YEAR), 1, 1, tzinfo=UTC))


class Timeline:
    """Counts the working time of one calendar, in whole seconds since 1970 (UTC).

    >>> from sla_engine.examples import agreed, later
    >>> line, nine = agreed().hours["office"].timeline, seconds_of(later(0))
    >>> line.worked(nine, nine + 24 * 3600), line.add(nine, 3600) - nine
    (28800, 3600)
    >>> [(end - nine) // 3600 for end in line.add_each(nine, [3600, 9 * 3600])]
    [1, 25]
    >>> line.spans(nine - 60, nine + 60) == [(nine, nine + 60)], line.why_closed(nine - 60, nine)[0][2]
    (True, 'outside hours')
    >>> starts = np.array([nine, nine + 60])
    >>> ends = line.add_many(starts, np.array([3600, 60]))
    >>> (ends - starts).tolist(), line.worked_many(starts, ends).tolist()
    ([3600, 60], [3600, 60])
    """

    def __init__(self, days: WorkingDays) -> None:
        self._days = days
        self._now = _compiled(0, 0, [])

    def add(self, second: int, wanted: int) -> int:
        """Where ``wanted`` (not 0) working seconds from ``second`` end; negative goes backward.

        Raises OverflowError when the calendar is not open often enough.
        """
        known = self._now
        if not known.start <= second < known.end:
            known = self._grown(second, second)
        while True:
            target = _until(known, second) + wanted
            if 0 <= target <= known.totals[-1]:
                index = (bisect_left if wanted > 0 else bisect_right)(known.totals, target) - 1
                if index >= 0 and index < len(known.starts):
                    return known.starts[index] + target - known.totals[index]
            known = self._further(known, second, forward=wanted > 0)

    def add_each(self, second: int, wanted: Sequence[int]) -> list[int]:
        """``add`` for several amounts (not negative) from one second; 0 gives the second itself."""
        known = self._now
        if known.start <= second < known.end:
            base, totals, starts = _until(known, second), known.totals, known.starts
            if base + max(wanted) <= totals[-1]:
                found = []
                for amount in wanted:
                    index = bisect_left(totals, base + amount) - 1
                    found.append(starts[index] + base + amount - totals[index] if amount else second)
                return found
        return [self.add(second, amount) if amount else second for amount in wanted]

    def worked(self, first: int, last: int) -> int:
        """Working seconds in [first, last); negative if ``last`` lies before ``first``."""
        known = self._now
        if not (known.start <= first < known.end and known.start <= last < known.end):
            known = self._grown(min(first, last), max(first, last))
        return _until(known, last) - _until(known, first)

    def spans(self, first: int, last: int) -> list[Span]:
        """Working time clipped to [first, last), sorted and disjoint."""
        known = self._grown(first, last)
        low, high = bisect_right(known.ends, first), bisect_left(known.starts, last)
        return [(max(known.starts[i], first), min(known.ends[i], last)) for i in range(low, high)]

    def why_closed(self, first: int, last: int) -> list[tuple[int, int, str]]:
        """[first, last) without working time, by local day, each piece with its reason."""
        return list(self._days.why_closed(first, last))

    def add_many(self, seconds: Seconds, wanted: Seconds) -> Seconds:
        """``add`` for arrays of one length; where ``wanted`` is 0 the start comes back.

        Raises OverflowError as ``add``, for any one of them.
        """
        if not len(seconds):
            return seconds
        known = self._grown(int(seconds.min()), int(seconds.max()))
        while True:
            starts, ends, totals = _arrays(known)
            targets = _until_many(starts, ends, totals, seconds) + wanted
            low, high = int(targets.min()), int(targets.max())
            if low >= 0 and high <= known.totals[-1] and len(known.starts):
                break
            far = int(seconds[targets.argmin() if low < 0 else targets.argmax()])
            known = self._further(known, far, forward=low >= 0)
        index = np.searchsorted(totals, targets, "left") - 1
        if (wanted < 0).any():
            index = np.where(wanted < 0, np.searchsorted(totals, targets, "right") - 1, index)
        index = np.clip(index, 0, len(starts) - 1)
        return np.where(wanted == 0, seconds, starts[index] + targets - totals[index])

    def worked_many(self, first: Seconds, last: Seconds) -> Seconds:
        """``worked`` for arrays of one length."""
        if not len(first):
            return first
        low = min(int(first.min()), int(last.min()))
        known = self._grown(low, max(int(first.max()), int(last.max())))
        arrays = _arrays(known)
        return _until_many(*arrays, last) - _until_many(*arrays, first)

    def _grown(self, first: int, last: int) -> _Compiled:
        """Covering the years of both seconds and one more at each side."""
        known = self._now
        if known.start <= first and last < known.end:
            return known
        low, high = _new_year(instant_of(first).year - 1), _new_year(instant_of(last).year + 2)
        if known.end > known.start:
            low, high = min(low, known.start), max(high, known.end)
        return self._compile(low, high)

    def _further(self, known: _Compiled, second: int, *, forward: bool) -> _Compiled:
        """Some more years in the direction asked. Raises OverflowError when it is hopeless."""
        years = max(1, (known.end - known.start) // (366 * 86400))
        edge = instant_of(known.end if forward else known.start).year
        if abs(edge - instant_of(second).year) > _FAR_YEARS or not _FIRST_YEAR < edge < _LAST_YEAR:
            raise OverflowError(_NOT_ENOUGH)
        if forward:
            return self._compile(known.start, _new_year(edge + years))
        return self._compile(_new_year(edge - years), known.end)

    def _compile(self, start: int, end: int) -> _Compiled:
        self._now = _compiled(start, end, self._days.spans(start, end))
        return self._now


def _until(known: _Compiled, second: int) -> int:
    """Working seconds from the start of what is compiled up to ``second``."""
    index = bisect_right(known.starts, second) - 1
    if index < 0:
        return 0
    end = known.ends[index]
    return known.totals[index] + (min(end, second)) - known.starts[index]


def _arrays(known: _Compiled) -> tuple[Seconds, Seconds, Seconds]:
    return (
        np.array(known.starts, dtype=np.int64),
        np.array(known.ends, dtype=np.int64),
        np.array(known.totals, dtype=np.int64),
    )


def _until_many(starts: Seconds, ends: Seconds, totals: Seconds, seconds: Seconds) -> Seconds:
    if not len(starts):
        return np.zeros_like(seconds)
    index = np.searchsorted(starts, seconds, "right") - 1
    inside = np.maximum(index, 0)
    worked = totals[inside] + np.minimum(seconds, ends[inside]) - starts[inside]
    return np.where(index < 0, 0, worked)

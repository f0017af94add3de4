"""Which seconds of which days are working time in one place, and why the others are not.

Not here: counting them (``timeline``), or what a calendar looks like in the configuration
(``business_time``). A wall time that a clock change skips means the instant of the change, one
that it repeats means its first occurrence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sla_engine.spans import Span, minus, union

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 24 * 3600
_OUTSIDE = "outside hours"


def seconds_of(instant: datetime) -> int:
    """Whole seconds since 1970 of an aware instant; what is less than a second is dropped.

    Raises TypeError for a naive one.

    >>> seconds_of(datetime(1970, 1, 2, tzinfo=UTC))
    86400
    """
    since = instant - EPOCH
    return since.days * DAY + since.seconds


def instant_of(second: int) -> datetime:
    """The instant (aware UTC) of a second since 1970.

    >>> instant_of(86400).isoformat()
    '1970-01-02T00:00:00+00:00'
    """
    return EPOCH + timedelta(0, second)


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """The rules of one calendar. Shifts are (from, to) in seconds since midnight, wall time in ``zone``.

    ``weekly`` starts on Monday. ``holiday`` names the holiday of a date, "" for none.
    ``by_shift_start``: a holiday cancels the shifts that start on it instead of its civil day.

    >>> always = WorkingDays(ZoneInfo("Europe/Berlin"), (((0, DAY),),) * 7, {}, {}, lambda day: "")
    >>> always.spans(0, 3600)
    [(0, 3600)]
    >>> fair = WorkingDays(ZoneInfo("UTC"), (((0, DAY),),) * 7, {}, {}, lambda day: "trade fair")
    >>> fair.closed_for(date(1970, 1, 1)), list(fair.why_closed(0, 3600))
    ('trade fair', [(0, 3600, 'trade fair')])
    """

    zone: ZoneInfo
    weekly: tuple[tuple[Span, ...], ...]
    overrides: Mapping[date, tuple[Span, ...]]
    breaks: Mapping[date, tuple[Span, ...]]
    holiday: Callable[[date], str]
    by_shift_start: bool = False

    def spans(self, start: int, end: int) -> list[Span]:
        """Working time clipped to [start, end) in seconds since 1970, sorted and disjoint."""
        first = instant_of(start).date() - timedelta(days=3)
        days = [first + timedelta(days=n) for n in range((end - start) // DAY + 7)]
        closed = {day for day in days if self.closed_for(day)}
        opened = union(
            [
                span
                for day in days
                if not (day in closed and self.by_shift_start)
                for span in self._shifts(day)
            ]
        )
        cut = [self._span(day, shift) for day in days for shift in self.breaks.get(day, ())]
        if not self.by_shift_start:
            cut += [self._span(day, (0, DAY)) for day in closed]
        spans = minus(opened, union(cut))
        return [(max(a, start), min(b, end)) for a, b in spans if a < end and b > start]

    def closed_for(self, day: date) -> str:
        """The holiday that closes ``day``; "" if none does (an override wins over a holiday)."""
        return "" if day in self.overrides else self.holiday(day)

    def why_closed(self, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        """A span without working time, cut by local day, each piece with its reason in plain words.

        The reasons: a holiday's name, "break", "weekend", "closed" or "outside hours".
        """
        at = start
        while at < end:
            day = instant_of(at).astimezone(self.zone).date()
            until = min(end, max(at + 1, self._wall(day + timedelta(days=1), 0)))
            yield from self._pieces(day, at, until)
            at = until

    def _pieces(self, day: date, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        """One local day's part: its breaks, which may reach over midnight, and the rest."""
        rest = self._reason(day)
        breaks = [
            (max(a, start), min(b, end))
            for date_of in (day - timedelta(days=1), day)
            for a, b in (self._span(date_of, one) for one in self.breaks.get(date_of, ()))
            if a < end and b > start
        ]
        at = start
        for a, b in union(breaks) if rest == _OUTSIDE else ():
            if at < a:
                yield at, a, rest
            yield a, b, "break"
            at = b
        if at < end:
            yield at, end, rest

    def _reason(self, day: date) -> str:
        holiday = self.closed_for(day)
        if holiday:
            return holiday
        if not any(True for _ in self._shifts(day)):
            return "weekend" if day.weekday() >= 5 else "closed"
        return _OUTSIDE

    def _shifts(self, day: date) -> Iterator[Span]:
        for shift in self.overrides.get(day, self.weekly[day.weekday()]):
            yield self._span(day, shift)

    def _span(self, day: date, shift: Span) -> Span:
        start, end = shift
        end_day = day if end > start else day + timedelta(days=1)
        return self._wall(day, start), self._wall(end_day, end)

    def _wall(self, day: date, second_of_day: int) -> int:
        """The instant of a wall time: in a gap the transition, in a fold the first occurrence."""
        wall = datetime.combine(day, time()) + timedelta(seconds=second_of_day)
        second = seconds_of(wall.replace(tzinfo=self.zone, fold=0).astimezone(UTC))
        if instant_of(second).astimezone(self.zone).replace(tzinfo=None) == wall:
            return second
        return self._transition(second)

    def _transition(self, near: int) -> int:
        """The clock change closest around ``near`` (a skipped wall time), to the second."""
        low, high = near - 2 * DAY, near + 2 * DAY
        before = self._offset(low)
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(middle) == before:
                low = middle
            else:
                high = middle
        return high

    def _offset(self, second: int) -> timedelta | None:
        return instant_of(second).astimezone(self.zone).utcoffset()

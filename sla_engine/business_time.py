"""Business time: what is N working hours after an instant, and how much lies between two.

Not here: which calendar applies to whom (``clock``). Semantics: shifts are half-open
[from, to); ``to`` not after ``from`` means overnight; overlaps are one; an override replaces a
date's weekly hours and wins over a holiday; breaks are cut from everything. A target used up
exactly at closing is due at closing. A wall time skipped by a clock change means the instant of
the change, a repeated one its first occurrence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays as holiday_calendars
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from sla_engine.errors import NaiveInstant
from sla_engine.spans import Span, SpanIndex, minus, union

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_DAY = 24 * 3600
_FAR = 40 * 366  # days searched before a calendar counts as never opening


def _time_of_day(raw: object) -> int:
    if isinstance(raw, int):
        return raw
    parts = [int(part) for part in str(raw).split(":")]
    hours, minutes, seconds = (*parts, 0, 0)[:3]
    total = hours * 3600 + minutes * 60 + seconds
    if not 0 <= total <= _DAY or minutes > 59 or seconds > 59 or len(parts) not in {2, 3}:
        raise ValueError(f"{raw} is no time of day; write 00:00 to 24:00")
    return total


TimeOfDay = Annotated[int, BeforeValidator(_time_of_day)]  # seconds since midnight
Shift = tuple[TimeOfDay, TimeOfDay]


class Place(BaseModel):
    """Public holidays of a country or a part of it, as the ``holidays`` library knows them."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    country: str
    subdivision: str | None = None
    categories: tuple[str, ...] = ("public",)

    @model_validator(mode="after")
    def _known(self) -> Place:
        try:
            self.dates(2024)
        except NotImplementedError as error:
            raise ValueError(str(error)) from None
        return self

    def dates(self, year: int) -> frozenset[date]:
        """The holidays of one year.

        >>> date(2026, 10, 3) in Place(country="DE").dates(2026)
        True
        """
        found = holiday_calendars.country_holidays(
            self.country, subdiv=self.subdivision, years=year, categories=self.categories
        )
        return frozenset(found)


class BusinessHours(BaseModel):
    """A working calendar in one time zone.

    >>> day = [["09:00", "17:00"]]
    >>> berlin = BusinessHours(tz="Europe/Berlin", weekly={"fri": day, "mon": day})
    >>> friday = datetime(2026, 11, 27, 15, 0, tzinfo=UTC)  # 16:00 in Berlin
    >>> berlin.add(friday, timedelta(hours=4)).isoformat()
    '2026-11-30T11:00:00+00:00'

    Instants must be aware (NaiveInstant otherwise) and come back in UTC. Whole seconds count.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    tz: str
    weekly: Mapping[Day, tuple[Shift, ...]] = Field(default_factory=dict)
    holidays: frozenset[date] | Place = frozenset()
    overrides: Mapping[date, tuple[Shift, ...]] = Field(default_factory=dict)
    breaks: Mapping[date, tuple[Shift, ...]] = Field(default_factory=dict)
    holiday_rule: Literal["civil_day", "shift_start"] = "civil_day"
    _years: dict[int, SpanIndex] = PrivateAttr(default_factory=dict)
    _zone: ZoneInfo = PrivateAttr()

    def model_post_init(self, _context: Any) -> None:
        self._zone = ZoneInfo(self.tz)

    @model_validator(mode="before")
    @classmethod
    def _zone_exists(cls, raw: Any) -> Any:
        if isinstance(raw, Mapping) and "tz" in raw:
            try:
                ZoneInfo(str(raw["tz"]))
            except (ZoneInfoNotFoundError, ValueError):
                raise ValueError(f"there is no time zone {raw['tz']}; write one like Europe/Berlin") from None
        return raw

    @model_validator(mode="after")
    def _opens_at_all(self) -> BusinessHours:
        every = [*self.weekly.values(), *self.overrides.values(), *self.breaks.values()]
        if any(start == end for shifts in every for start, end in shifts):
            raise ValueError("a shift ends when it starts; write 00:00 to 24:00 for a whole day")
        if not any(self.weekly.values()) and not any(self.overrides.values()):
            raise ValueError("there is no working time at all in this calendar")
        return self

    def add(self, start: datetime, duration: timedelta) -> datetime:
        """The earliest instant by which ``duration`` of working time has passed since ``start``.

        A negative duration goes backward; zero gives ``start``. Raises OverflowError when the
        calendar never opens again.
        """
        second, wanted = _seconds(start), round(duration / _SECOND)
        if wanted == 0:
            return start.astimezone(UTC)
        return _instant(self._forward(second, wanted) if wanted > 0 else self._backward(second, -wanted))

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Working time in [start, end); negative if ``end`` lies before ``start``."""
        first, last = _seconds(start), _seconds(end)
        if last < first:
            return -self.between(end, start)
        total = sum(
            self._year(year).worked(first, last) for year in range(_year_of(first), _year_of(last) + 1)
        )
        return total * _SECOND

    def is_open(self, instant: datetime) -> bool:
        """Whether ``instant`` lies in a shift."""
        second = _seconds(instant)
        return self._year(_year_of(second)).worked(second, second + 1) == 1

    def next_opening(self, instant: datetime) -> datetime:
        """``instant`` itself while open, else the next opening."""
        return _instant(self._forward(_seconds(instant), 1) - 1)

    def _forward(self, second: int, wanted: int) -> int:
        year = _year_of(second)
        for ahead in range(_FAR // 366):
            months = self._year(year + ahead)
            available = months.worked(second, months.end)
            if available >= wanted:
                return months.after(second, wanted)
            wanted -= available
        raise OverflowError("this calendar does not open often enough for that duration")

    def _backward(self, second: int, wanted: int) -> int:
        year = _year_of(second)
        for back in range(_FAR // 366):
            months = self._year(year - back)
            available = months.worked(months.start, second)
            if available >= wanted:
                return months.before(second, wanted)
            wanted -= available
        raise OverflowError("this calendar did not open often enough for that duration")

    def _year(self, year: int) -> SpanIndex:
        """One UTC year's compiled spans; built on first use."""
        if year not in self._years:
            start = _seconds(datetime(year, 1, 1, tzinfo=UTC))
            end = _seconds(datetime(year + 1, 1, 1, tzinfo=UTC))
            self._years[year] = SpanIndex(start, end, self._spans(start, end))
        return self._years[year]

    def _spans(self, start: int, end: int) -> list[Span]:
        """Open spans clipped to [start, end), sorted and disjoint."""
        first = _instant(start).date() - timedelta(days=3)
        days = [first + timedelta(days=n) for n in range((end - start) // 86400 + 7)]
        closed = {day: self._is_holiday(day) and day not in self.overrides for day in days}
        by_shift = self.holiday_rule == "shift_start"
        opened = union(
            [span for day in days if not (closed[day] and by_shift) for span in self._shifts_of(day)]
        )
        cut = [self._span(day, shift) for day in days for shift in self.breaks.get(day, ())]
        if not by_shift:
            cut += [self._span(day, (0, _DAY)) for day in days if closed[day]]
        spans = minus(opened, union(cut))
        return [(max(a, start), min(b, end)) for a, b in spans if a < end and b > start]

    def _shifts_of(self, day: date) -> Iterator[Span]:
        shifts = self.overrides.get(day, self.weekly.get(DAYS[day.weekday()], ()))
        for shift in shifts:
            yield self._span(day, shift)

    def _is_holiday(self, day: date) -> bool:
        if isinstance(self.holidays, Place):
            return day in self._place_dates(self.holidays, day.year)
        return day in self.holidays

    def _place_dates(self, place: Place, year: int) -> frozenset[date]:
        cached = _PLACES.get((place, year))
        if cached is None:
            cached = _PLACES[place, year] = place.dates(year)
        return cached

    def _span(self, day: date, shift: tuple[int, int]) -> Span:
        start, end = shift
        end_day = day if end > start else day + timedelta(days=1)
        return self._wall(day, start), self._wall(end_day, end)

    def _wall(self, day: date, second_of_day: int) -> int:
        """The instant of a wall time: in a gap the transition, in a fold the first occurrence."""
        wall = datetime.combine(day, time()) + timedelta(seconds=second_of_day)
        first = wall.replace(tzinfo=self._zone, fold=0)
        second = _seconds(first.astimezone(UTC))
        if _instant(second).astimezone(self._zone).replace(tzinfo=None) == wall:
            return second
        return self._transition(second)

    def _transition(self, near: int) -> int:
        """The clock change closest around ``near`` (a skipped wall time), to the second."""
        low, high = near - 2 * 86400, near + 2 * 86400
        before = self._offset(low)
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(middle) == before:
                low = middle
            else:
                high = middle
        return high

    def _offset(self, second: int) -> timedelta | None:
        return _instant(second).astimezone(self._zone).utcoffset()


_PLACES: dict[tuple[Place, int], frozenset[date]] = {}


def _seconds(instant: datetime) -> int:
    if instant.tzinfo is None:
        raise NaiveInstant("an instant for business time")
    return (instant - _EPOCH) // _SECOND


def _instant(second: int) -> datetime:
    return _EPOCH + timedelta(seconds=second)


def _year_of(second: int) -> int:
    return _instant(second).year

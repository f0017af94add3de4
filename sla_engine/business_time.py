"""Business time: what is N working hours after an instant, and how much lies between two.

Not here: which calendar applies to whom (``clock``). Semantics: shifts are half-open
[from, to); ``to`` not after ``from`` means overnight; overlaps are one; an override replaces a
date's weekly hours and wins over a holiday; breaks are cut from everything. A target used up
exactly at closing is due at closing. A wall time skipped by a clock change means the instant of
the change, a repeated one its first occurrence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from sla_engine.errors import NaiveInstant
from sla_engine.places import Place, holiday_names
from sla_engine.timeline import Timeline
from sla_engine.working_days import DAY, WorkingDays, instant_of, seconds_of

Instants = NDArray[np.datetime64]
Durations = NDArray[np.timedelta64]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HALF_A_SECOND = 500_000  # microseconds


def _time_of_day(raw: object) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= DAY:
        return raw
    match = re.fullmatch(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?", str(raw))
    total = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3] or 0) if match else DAY + 1
    if total > DAY:
        raise ValueError(f"{raw} is no time of day; write 00:00 to 24:00")
    return total


def _written(second: int) -> str:
    text = f"{second // 3600:02}:{second // 60 % 60:02}"
    return f"{text}:{second % 60:02}" if second % 60 else text


AS_WRITTEN = PlainSerializer(_written, return_type=str, when_used="json")
TimeOfDay = Annotated[int, BeforeValidator(_time_of_day), AS_WRITTEN]  # seconds since midnight
Shift = tuple[TimeOfDay, TimeOfDay]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the way to a deadline: [start, end) in UTC, whether it counted, and why (not).

    >>> noon = datetime(2026, 6, 12, 12, tzinfo=UTC)
    >>> Stretch(noon, noon + timedelta(hours=1), counted=False, reason="break").reason
    'break'
    """

    start: datetime
    end: datetime
    counted: bool
    reason: str


class BusinessHours(BaseModel):
    """A working calendar in one time zone (``tz``, IANA); shifts are wall times of that zone.

    >>> day = [["09:00", "17:00"]]
    >>> berlin = BusinessHours(tz="Europe/Berlin", weekly={"fri": day, "mon": day})
    >>> friday = datetime(2026, 11, 27, 15, 0, tzinfo=UTC)  # 16:00 in Berlin
    >>> berlin.add(friday, timedelta(hours=4)).isoformat()
    '2026-11-30T11:00:00+00:00'
    >>> [end.isoformat() for end in berlin.add_each(friday, [3600, 7200])]  # closing is at 17:00
    ['2026-11-27T16:00:00+00:00', '2026-11-30T09:00:00+00:00']
    >>> berlin.end_of_working_day(friday, 1).isoformat()  # Monday's, at midnight in Berlin
    '2026-11-30T23:00:00+00:00'
    >>> berlin.timeline.worked(0, 7 * 24 * 3600) // 3600  # in the first week of 1970
    16

    Instants must be aware (NaiveInstant otherwise) and come back in UTC. Whole seconds count. Raises
    ValueError for an unknown zone, a shift without length and a calendar that never opens.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    tz: str
    weekly: Mapping[Day, tuple[Shift, ...]] = Field(default_factory=dict)
    holidays: frozenset[date] | Place = frozenset()
    overrides: Mapping[date, tuple[Shift, ...]] = Field(default_factory=dict)
    breaks: Mapping[date, tuple[Shift, ...]] = Field(default_factory=dict)
    holiday_rule: Literal["civil_day", "shift_start"] = "civil_day"

    @model_validator(mode="before")
    @classmethod
    def _zone_exists(cls, raw: Any) -> Any:
        if isinstance(raw, Mapping) and "tz" in raw:
            try:
                ZoneInfo(str(raw["tz"]))
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise ValueError(f"there is no time zone {raw['tz']}; write one like Europe/Berlin") from None
        return raw

    @model_validator(mode="after")
    def _opens_at_all(self) -> BusinessHours:
        every = [*self.weekly.values(), *self.overrides.values(), *self.breaks.values()]
        if any(start in {end, DAY} for shifts in every for start, end in shifts):
            raise ValueError("a shift ends when it starts; write 00:00 to 24:00 for a whole day")
        if not any(self.weekly.values()) and not any(self.overrides.values()):
            raise ValueError("there is no working time at all in this calendar")
        return self

    @cached_property
    def timeline(self) -> Timeline:
        """What counts: this calendar compiled, for whole seconds since 1970."""
        days = WorkingDays(
            ZoneInfo(self.tz),
            tuple(self.weekly.get(day, ()) for day in DAYS),
            self.overrides,
            self.breaks,
            self.holiday,
            by_shift_start=self.holiday_rule == "shift_start",
        )
        return Timeline(days)

    def holiday(self, day: date) -> str:
        """The name of the holiday on ``day`` in this calendar; "" if it is none.

        >>> friday = {"fri": [["09:00", "17:00"]]}
        >>> berlin = BusinessHours(tz="Europe/Berlin", weekly=friday, holidays={"country": "DE"})
        >>> berlin.holiday(date(2026, 12, 25))
        'Christmas Day'
        """
        if isinstance(self.holidays, Place):
            return holiday_names(self.holidays, day.year).get(day, "")
        return "holiday" if day in self.holidays else ""

    def add(self, start: datetime, duration: timedelta) -> datetime:
        """The earliest instant by which ``duration`` of working time has passed since ``start``.

        A negative duration goes backward; zero gives ``start``. Raises NaiveInstant, and
        OverflowError when the calendar is not open often enough.

        >>> from sla_engine.examples import agreed, later
        >>> agreed().hours["office"].add(later(0), timedelta(hours=9)) - later(0)  # tomorrow at ten
        datetime.timedelta(days=1, seconds=3600)
        """
        wanted = _whole_seconds(duration)
        if not wanted:
            return _aware(start).astimezone(UTC)
        return instant_of(self.timeline.add(seconds_of(_aware(start)), wanted))

    def add_each(self, start: datetime, seconds: Sequence[int]) -> list[datetime]:
        """``add`` for several amounts of working seconds (not negative) from one start. Raises as ``add``."""
        second = seconds_of(_aware(start))
        return [
            instant_of(end) if wanted else start.astimezone(UTC)
            for wanted, end in zip(seconds, self.timeline.add_each(second, seconds), strict=True)
        ]

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Working time in [start, end); negative if ``end`` lies before ``start``. Raises NaiveInstant.

        >>> from sla_engine.examples import agreed, later
        >>> agreed().hours["office"].between(later(0), later(24))
        datetime.timedelta(seconds=28800)
        """
        return timedelta(seconds=self.timeline.worked(seconds_of(_aware(start)), seconds_of(_aware(end))))

    def is_open(self, instant: datetime) -> bool:
        """Whether ``instant`` lies in a shift; at closing it does not. Raises NaiveInstant.

        >>> from sla_engine.examples import agreed, later
        >>> agreed().hours["office"].is_open(later(0)), agreed().hours["office"].is_open(later(8))
        (True, False)
        """
        second = seconds_of(_aware(instant))
        return self.timeline.worked(second, second + 1) == 1

    def next_opening(self, instant: datetime) -> datetime:
        """``instant`` itself while open (whole seconds, UTC), else the next opening.

        Raises NaiveInstant, and OverflowError when the calendar never opens again.

        >>> from sla_engine.examples import agreed, later
        >>> agreed().hours["office"].next_opening(later(10)) == later(24)
        True
        """
        return instant_of(self.timeline.add(seconds_of(_aware(instant)), 1) - 1)

    def end_of_working_day(self, start: datetime, number: int) -> datetime:
        """Midnight (calendar's zone, given in UTC) that ends the ``number``-th working day after ``start``.

        The day of ``start`` is no working day of its own. Raises NaiveInstant and OverflowError as ``add``.
        """
        zone = ZoneInfo(self.tz)
        at = _aware(start)
        for _ in range(number + 1):
            day = (at if at is start else self.next_opening(at)).astimezone(zone).date()
            at = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
        return at

    def explain(self, start: datetime, duration: timedelta) -> tuple[Stretch, ...]:
        """How a deadline comes about: every stretch from ``start`` to it, counted or skipped and why.

        Raises as ``add``.

        >>> day = [["09:00", "17:00"]]
        >>> hours = BusinessHours(tz="Europe/Berlin", weekly={"fri": day, "mon": day})
        >>> friday = datetime(2026, 11, 27, 15, 0, tzinfo=UTC)
        >>> [(one.counted, one.reason) for one in hours.explain(friday, timedelta(hours=2))]
        ... # doctest: +NORMALIZE_WHITESPACE
        [(True, 'working time'), (False, 'outside hours'), (False, 'weekend'), (False, 'weekend'),
         (False, 'outside hours'), (True, 'working time')]
        """
        first, last = sorted((_aware(start), self.add(start, duration)))
        return self.spans(first, last)

    def spans(self, start: datetime, end: datetime) -> tuple[Stretch, ...]:
        """[start, end) cut into working time and the rest, each with its reason. Raises NaiveInstant.

        >>> from sla_engine.examples import agreed, later
        >>> [one.reason for one in agreed().hours["office"].spans(later(7), later(9))]
        ['working time', 'outside hours']
        """
        first, last = seconds_of(_aware(start)), seconds_of(_aware(end))
        found: list[tuple[int, int, str]] = []
        at = first
        for a, b in self.timeline.spans(first, last):
            found += self.timeline.why_closed(at, a)
            found.append((a, b, ""))
            at = b
        found += self.timeline.why_closed(at, last)
        return tuple(
            Stretch(instant_of(a), instant_of(b), not why, why or "working time") for a, b, why in found
        )

    def add_many(self, starts: Instants, durations: timedelta | Durations) -> Instants:
        """``add`` for arrays: ``datetime64[s]`` in UTC, durations one for all or ``timedelta64[s]`` each.

        Raises ValueError for a start that is missing (NaT), and OverflowError as ``add``.

        >>> hours = BusinessHours(tz="UTC", weekly={"mon": [["09:00", "17:00"]]})
        >>> hours.add_many(np.array(["2026-11-23T16:00"], "datetime64[s]"), timedelta(hours=2))
        array(['2026-11-30T10:00:00'], dtype='datetime64[s]')
        """
        seconds = _seconds(starts)
        if isinstance(durations, timedelta):
            wanted = np.full(len(seconds), _whole_seconds(durations), dtype=np.int64)
        else:
            micros = durations.astype("timedelta64[us]").astype(np.int64)
            wanted = (micros + _HALF_A_SECOND) // 1_000_000
        return self.timeline.add_many(seconds, wanted).astype("datetime64[s]")

    def between_many(self, starts: Instants, ends: Instants) -> Durations:
        """``between`` for arrays of ``datetime64[s]`` in UTC; answers ``timedelta64[s]``.

        Raises ValueError for an instant that is missing (NaT).

        >>> hours = BusinessHours(tz="UTC", weekly={"mon": [["09:00", "17:00"]]})
        >>> days = np.array(["2026-11-23", "2026-11-24"], "datetime64[s]")
        >>> hours.between_many(days[:1], days[1:])
        array([28800], dtype='timedelta64[s]')
        """
        return self.timeline.worked_many(_seconds(starts), _seconds(ends)).astype("timedelta64[s]")


def _whole_seconds(duration: timedelta) -> int:
    return duration.days * DAY + duration.seconds + (duration.microseconds >= _HALF_A_SECOND)


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise NaiveInstant("an instant for business time")
    return instant


def _seconds(instants: Instants) -> NDArray[np.int64]:
    if np.isnat(instants).any():
        raise ValueError("an instant is missing (NaT); leave it out or fill it in")
    return instants.astype("datetime64[s]").astype(np.int64)

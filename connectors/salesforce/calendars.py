"""BusinessHours and Holiday records in the agreement's form.

Salesforce lets an admin assign holidays to business hours, but no object says which: every holiday is put
into every calendar, and the remark says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from connectors.calendars import CrmHours, Shifts
from connectors.errors import CrmError
from connectors.salesforce.client import Ask, Client
from sla_engine.business_time import DAYS, Day

_NAMES: Mapping[Day, str] = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}
_TIMES = ", ".join(f"{day}{end}Time" for day in _NAMES.values() for end in ("Start", "End"))
_HOURS = f"SELECT Name, IsDefault, TimeZoneSidKey, {_TIMES} FROM BusinessHours WHERE IsActive = true"
_HOLIDAYS = (
    "SELECT Name, ActivityDate, IsAllDay, StartTimeInMinutes, EndTimeInMinutes, IsRecurrence,"
    " RecurrenceStartDate, RecurrenceEndDateOnly, RecurrenceType, RecurrenceInterval,"
    " RecurrenceDayOfWeekMask, RecurrenceDayOfMonth, RecurrenceInstance, RecurrenceMonthOfYear FROM Holiday"
)
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_INSTANCES = ("First", "Second", "Third", "Fourth")
_DAY = 24 * 60
_SHARED = "Salesforce does not tell which holidays belong to which hours: every holiday is in here"
Row = Mapping[str, Any]


def business_hours(client: Client, since: date, until: date) -> list[CrmHours]:
    """See ``KeepsHours.business_hours``."""
    hours, holidays = client.ask([Ask.query(_HOURS), Ask.query(_HOLIDAYS)])
    for found in (hours, holidays):
        if isinstance(found, CrmError):
            raise found
    rows = client.all_of(hours, _HOURS)
    closed = client.all_of(holidays, _HOLIDAYS)
    rows.sort(key=lambda row: (not row["IsDefault"], str(row["Name"])))
    return [_calendar(row, closed, since, until) for row in rows]


def _calendar(row: Row, holidays: Sequence[Row], since: date, until: date) -> CrmHours:
    weekly = {day: shifts for day, name in _NAMES.items() if (shifts := _shifts(row, name))}
    whole: dict[date, str] = {}
    parts: dict[date, list[tuple[int, int]]] = {}
    for holiday in holidays:
        for day in days_of(holiday, since, until):
            if holiday["IsAllDay"] or holiday.get("StartTimeInMinutes") is None:
                whole[day] = str(holiday["Name"])
            else:
                parts.setdefault(day, []).append((int(holiday["StartTimeInMinutes"]), _end_of(holiday)))
    overrides = {
        day: _without(weekly.get(DAYS[day.weekday()], ()), closed)
        for day, closed in sorted(parts.items())
        if day not in whole
    }
    return CrmHours(
        name=str(row["Name"]),
        tz=str(row["TimeZoneSidKey"]),
        weekly=weekly,
        known_until=until,
        holidays=dict(sorted(whole.items())),
        overrides=overrides,
        is_default=bool(row["IsDefault"]),
        remarks=(_SHARED,) if holidays else (),
    )


def _shifts(row: Row, day: str) -> Shifts:
    """No times: closed. From midnight to midnight: open all day."""
    start, end = (str(row.get(f"{day}{name}Time") or "")[:5] for name in ("Start", "End"))
    if not start or not end:
        return ()
    return ((start, "24:00" if end == "00:00" else end),)


def _end_of(holiday: Row) -> int:
    return int(holiday.get("EndTimeInMinutes") or _DAY)


def _without(shifts: Shifts, closed: Sequence[tuple[int, int]]) -> Shifts:
    """What is left of a day's shifts when some of it is closed."""
    left = [(_minutes(start), _minutes(end)) for start, end in shifts]
    for start, end in closed:
        left = [
            piece
            for opens, closes in left
            for piece in ((opens, min(closes, start)), (max(opens, end), closes))
            if piece[0] < piece[1]
        ]
    return tuple((_written(opens), _written(closes)) for opens, closes in left)


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:5])


def _written(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def days_of(holiday: Row, since: date, until: date) -> Iterator[date]:
    """The days of a holiday in [since, until]: its one day, or each time it comes back."""
    if not holiday.get("IsRecurrence"):
        day = date.fromisoformat(str(holiday["ActivityDate"]))
        yield from (day,) if since <= day <= until else ()
        return
    first = date.fromisoformat(str(holiday.get("RecurrenceStartDate") or holiday["ActivityDate"]))
    ends = holiday.get("RecurrenceEndDateOnly")
    last = min(until, date.fromisoformat(str(ends))) if ends else until
    begin = max(first, since)
    for ahead in range((last - begin).days + 1):
        day = begin + timedelta(days=ahead)
        if _Turn(holiday, first, day).comes:
            yield day


@dataclass(frozen=True, slots=True)
class _Turn:
    """Whether a holiday that comes back, for the first time from ``first`` on, falls on ``day``."""

    holiday: Row
    first: date
    day: date

    @property
    def comes(self) -> bool:
        rules = {
            "RecursDaily": (self._is_so_many_days_on,),
            "RecursEveryWeekday": (self._is_on_such_a_day,),
            "RecursWeekly": (self._is_on_such_a_day, self._is_so_many_weeks_on),
            "RecursMonthly": (self._has_the_number, self._is_so_many_months_on),
            "RecursMonthlyNth": (self._is_nth, self._is_so_many_months_on),
            "RecursYearly": (self._has_the_number, self._is_in_the_month),
            "RecursYearlyNth": (self._is_nth, self._is_in_the_month),
        }.get(str(self.holiday["RecurrenceType"]), ())
        return bool(rules) and all(rule() for rule in rules)

    @property
    def _every(self) -> int:
        return int(self.holiday.get("RecurrenceInterval") or 1)

    def _is_so_many_days_on(self) -> bool:
        return (self.day - self.first).days % self._every == 0

    def _is_so_many_weeks_on(self) -> bool:
        """Weeks begin on Sunday, as the mask does; so do those of the calendar's ordinals."""
        return (self.day.toordinal() // 7 - self.first.toordinal() // 7) % self._every == 0

    def _is_so_many_months_on(self) -> bool:
        months = (self.day.year - self.first.year) * 12 + self.day.month - self.first.month
        return months % self._every == 0

    def _is_on_such_a_day(self) -> bool:
        """The mask counts Sunday 1, Monday 2, Tuesday 4 ... Saturday 64."""
        mask = int(self.holiday.get("RecurrenceDayOfWeekMask") or 0)
        return bool(mask & 1 << self.day.isoweekday() % 7)

    def _has_the_number(self) -> bool:
        return self.day.day == self.holiday.get("RecurrenceDayOfMonth")

    def _is_in_the_month(self) -> bool:
        return _MONTHS[self.day.month - 1] == self.holiday.get("RecurrenceMonthOfYear")

    def _is_nth(self) -> bool:
        """Whether this is the first, second ... or last such day of its month."""
        if not self._is_on_such_a_day():
            return False
        wanted = self.holiday.get("RecurrenceInstance")
        if wanted == "Last":
            return (self.day + timedelta(days=7)).month != self.day.month
        return wanted in _INSTANCES and (self.day.day - 1) // 7 == _INSTANCES.index(str(wanted))

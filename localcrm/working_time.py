"""The story's idea of working time: Monday to Friday, 09:00 to 17:00 in a rep's zone, no holidays.

Only for telling a believable story; nothing is judged by it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_OPENS, _CLOSES = time(9), time(17)
_DAY = timedelta(days=1)


def before(until: datetime, hours: float, zone: str) -> datetime:
    """The instant (UTC) from which ``hours`` of working time pass until ``until``."""
    left, day = timedelta(hours=hours), until.astimezone(ZoneInfo(zone)).date()
    while True:
        opens, closes = _shift(day, zone)
        closes = min(closes, until.astimezone(UTC))
        if day.weekday() < 5 and closes > opens:
            if closes - opens >= left:
                return closes - left
            left -= closes - opens
        day -= _DAY


def after(start: datetime, hours: float, zone: str) -> datetime:
    """The instant (UTC) at which ``hours`` of working time have passed since ``start``."""
    left, day = timedelta(hours=hours), start.astimezone(ZoneInfo(zone)).date()
    while True:
        opens, closes = _shift(day, zone)
        opens = max(opens, start.astimezone(UTC))
        if day.weekday() < 5 and closes > opens:
            if closes - opens >= left:
                return opens + left
            left -= closes - opens
        day += _DAY


def at_local(day: datetime, hour: float, zone: str) -> datetime:
    """The instant (UTC) at ``hour`` o'clock local time on the local day of ``day``."""
    local = datetime.combine(day.astimezone(ZoneInfo(zone)).date(), time(0), ZoneInfo(zone))
    return (local + timedelta(hours=hour)).astimezone(UTC)


def _shift(day: date, zone: str) -> tuple[datetime, datetime]:
    local = ZoneInfo(zone)
    opens, closes = (datetime.combine(day, edge, local).astimezone(UTC) for edge in (_OPENS, _CLOSES))
    return opens, closes

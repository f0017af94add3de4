"""Instants, dates and times as the practice Salesforce keeps and shows them.

Stored datetimes are canonical UTC strings, so that comparing strings compares instants and
showing a record costs nothing.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

_WITH_ZONE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)$")
_DATE = re.compile(r"\d{4}-\d\d-\d\d$")
_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,3})?)?Z?$")


def stamp(instant: datetime) -> str:
    """``2024-11-07T07:00:00.000+0000``: UTC, second precision."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat()[:19] + ".000+0000"


def read_datetime(text: str) -> str | None:
    """The canonical stamp of a zoned datetime text, or None when it is none."""
    if not _WITH_ZONE.match(text):
        return None
    try:
        return stamp(datetime.fromisoformat(text))
    except ValueError:
        return None


def instant_of(text: str) -> datetime:
    """The aware UTC instant of a canonical stamp."""
    return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)


def read_date(text: str) -> str | None:
    """``yyyy-mm-dd``, or None when the text is no date."""
    if not _DATE.match(text):
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def read_time(text: str) -> str | None:
    """``HH:mm:ss.SSSZ``, or None when the text is no time of day."""
    found = _TIME.match(text)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        return None
    return f"{found[1]}:{found[2]}:{found[3] or '00'}.000Z"

"""Property values: what HubSpot accepts as text, how it writes it back, and how it compares it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from localcrm.hubspot.properties import Property

LONGEST_TEXT = 65_536
_EMAIL = re.compile(r"[^@\s,;<>()]+@[^@\s,;<>().]+(\.[^@\s,;<>().]+)+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_LAST_MS = 60_000_000_000_000  # the year 3871; both ways inside what a datetime holds
_LONGEST_NUMBER = 18
_MILLISECOND = timedelta(milliseconds=1)


class BadValue(Exception):
    """A value no such property takes; ``error`` is HubSpot's code."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message


def millis(instant: datetime) -> int:
    """Milliseconds since 1970 of an aware instant."""
    return (instant - _EPOCH) // _MILLISECOND


@lru_cache(maxsize=400_000)
def iso(at: int) -> str:
    """``2024-11-07T07:00:00.123Z`` of milliseconds since 1970."""
    instant = _EPOCH + timedelta(milliseconds=at)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1000:03d}Z"


def whole(text: str) -> int | None:
    """A whole number without sign as clients write it; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER else None


@lru_cache(maxsize=400_000)
def instant_ms(text: str) -> int | None:
    """Milliseconds of an epoch or ISO text; None when it is neither."""
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text) if abs(int(text)) <= _LAST_MS else None
    try:
        found = datetime.fromisoformat(text)
        return millis(found if found.tzinfo else found.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=100_000)
def number(text: str) -> float | None:
    """A finite number; None when the text is none."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def comparable(kind: str) -> Callable[[str], float | str | None]:
    """How values of a property type compare: as numbers, instants or text."""
    if kind == "number":
        return number
    if kind in ("datetime", "date"):
        return instant_ms
    if kind == "enumeration":
        return str
    return str.lower


def accepted(told: Property, text: str, owners: Collection[str]) -> str:
    """The value as it is kept; raises BadValue. The empty text clears and is always accepted."""
    if not text:
        return ""
    if told.name == "email":
        return _email(text)
    if told.owner:
        if text not in owners:
            raise BadValue("INVALID_OWNER_ID", f"Owner {text} does not exist")
        return text
    return _TYPES.get(told.type, _string)(told, text)


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text.strip()):
        raise BadValue("INVALID_EMAIL", f"Email address {text} is invalid")
    return text.strip().lower()


def _string(_told: Property, text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise BadValue("INVALID_LENGTH", f"Value is longer than the {LONGEST_TEXT} characters allowed")
    return text


def _number(_told: Property, text: str) -> str:
    if number(text) is None:
        raise BadValue("INVALID_INTEGER", f"{text} was not a valid number.")
    return text.strip()


def _options(told: Property, text: str) -> str:
    if told.open_options:
        return text
    chosen = [part for part in text.split(";") if part] if told.field_type == "checkbox" else [text]
    for part in chosen:
        if part not in told.allowed():
            listed = ", ".join(told.allowed())
            raise BadValue("INVALID_OPTION", f"{part} was not one of the allowed options: [{listed}]")
    return ";".join(chosen)


def _datetime(_told: Property, text: str) -> str:
    at = instant_ms(text)
    if at is None:
        raise BadValue("INVALID_DATE", f"{text} was not a valid date time.")
    return iso(at)


def _date(_told: Property, text: str) -> str:
    at = instant_ms(text)
    if at is None:
        raise BadValue("INVALID_DATE", f"{text} was not a valid date.")
    if at % _DAY_MS:
        raise BadValue("INVALID_DATE", f"{text} is not at midnight UTC.")
    return iso(at)[:10]


_TYPES: dict[str, Callable[[Property, str], str]] = {
    "string": _string,
    "phone_number": _string,
    "number": _number,
    "bool": _options,
    "enumeration": _options,
    "datetime": _datetime,
    "date": _date,
}

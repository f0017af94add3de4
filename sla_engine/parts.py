"""What every part of the agreement is made of: strict values, durations, one-or-more lists.

Not here: any part itself. A duration in the configuration is a whole number and a unit.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = 36_525 * 86_400


class Part(BaseModel):
    """A part of the agreement: unknown keys are mistakes (ValueError), and it never changes after loading.

    >>> Part.model_validate({"wihtin": "4h"})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: 1 validation error for Part...
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def duration(raw: object) -> timedelta:
    """A span of time as the configuration writes it; more than nothing, at the most a hundred years.

    A day ("d") is 24 hours. Raises ValueError.

    >>> duration("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    if isinstance(raw, timedelta) and raw > timedelta(0):
        return raw
    match = re.fullmatch(r"(\d{1,12})([smhd])", str(raw))
    if not match or not int(match[1]):
        raise ValueError(f'{raw!r} is no duration; write one like "30m", "4h" or "14d"')
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST:
        raise ValueError(f"{raw!r} is longer than a hundred years")
    return timedelta(seconds=seconds)


def working_duration(raw: object) -> timedelta:
    """Working time: hours, minutes or seconds, never days. Raises ValueError.

    >>> working_duration("90m")
    datetime.timedelta(seconds=5400)
    """
    if str(raw).endswith("d"):
        raise ValueError(
            'working time is written in hours or minutes, like "8h": a day is not the same everywhere'
        )
    return duration(raw)


def one_or_more(raw: object) -> object:
    """A single text or number stands for a list of one; anything else comes back as it is.

    >>> one_or_more("mql"), one_or_more(["mql", "sal"])
    (('mql',), ['mql', 'sal'])
    """
    return (raw,) if isinstance(raw, str | int | float) else raw


def _written(span: timedelta) -> str:
    return f"{span // timedelta(seconds=1)}s"


AS_WRITTEN = PlainSerializer(_written, return_type=str, when_used="json")
Duration = Annotated[timedelta, BeforeValidator(duration), AS_WRITTEN]
WorkingTime = Annotated[timedelta, BeforeValidator(working_duration), AS_WRITTEN]
Name = Annotated[str, Field(min_length=1)]
AnyOf = Annotated[tuple[Name, ...], BeforeValidator(one_or_more), Field(min_length=1)]
Points = Annotated[float, Field(ge=0, allow_inf_nan=False)]

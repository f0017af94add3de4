"""Business time with pauses: when working time is used up, how much has passed, and how that comes about.

Instants are aware, answers in UTC. Not here: working time without pauses (``business_time``), or when
a clock pauses (``pauses``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from sla_engine.business_time import BusinessHours, Stretch
from sla_engine.verdict import Pause

_NOTHING = timedelta(0)


def working_end(
    hours: BusinessHours, start: datetime, wanted: timedelta, pauses: Sequence[Pause] = ()
) -> datetime:
    """The instant by which ``wanted`` (not negative) working time has passed since ``start``.

    ``pauses`` are left out; they are sorted and disjoint. Raises OverflowError when the calendar is
    not open often enough.

    >>> from datetime import UTC
    >>> hours = BusinessHours(tz="UTC", weekly={"mon": [["09:00", "17:00"]]})
    >>> nine, noon = (datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (9, 12))
    >>> lunch = Pause(noon, noon + timedelta(hours=1), "hold")
    >>> working_end(hours, nine, timedelta(hours=4), [lunch]).isoformat()
    '2026-11-23T14:00:00+00:00'
    """
    if not pauses:
        return hours.add(start, wanted)
    *_, (at, left) = _legs(hours, start, wanted, pauses)
    return hours.add(at, left)


def working_ends(
    hours: BusinessHours, start: datetime, wanted: Sequence[int], pauses: Sequence[Pause] = ()
) -> list[datetime]:
    """``working_end`` for several amounts of working seconds from one start, counted together.

    >>> from sla_engine.examples import agreed, later
    >>> [end.hour for end in working_ends(agreed().hours["office"], later(0), [3600, 7200])]
    [10, 11]
    """
    if not pauses:
        return hours.add_each(start, wanted)
    return [working_end(hours, start, timedelta(seconds=one), pauses) for one in wanted]


def worked(hours: BusinessHours, start: datetime, end: datetime, pauses: Sequence[Pause] = ()) -> timedelta:
    """Working time in [start, end) without the pauses; ``end`` not before ``start``. Raises NaiveInstant.

    >>> from sla_engine.examples import agreed, later
    >>> hold = Pause(later(1), later(3), "hold")
    >>> worked(agreed().hours["office"], later(0), later(24), [hold])  # a working day of eight hours
    datetime.timedelta(seconds=21600)
    """
    total = hours.between(start, end)
    for pause in pauses:
        total -= max(hours.between(max(start, pause.start), min(end, pause.end)), _NOTHING)
    return total


def way_to(
    hours: BusinessHours, start: datetime, wanted: timedelta, pauses: Sequence[Pause] = ()
) -> tuple[Stretch, ...]:
    """How a deadline comes about: every stretch from ``start`` to it, counted or not, and why.

    Raises as ``working_end``.

    >>> from sla_engine.examples import agreed, later
    >>> hold = Pause(later(1), later(3), "hold")
    >>> way = way_to(agreed().hours["office"], later(0), timedelta(hours=2), [hold])
    >>> [(one.reason, one.end.hour) for one in way]
    [('working time', 10), ('hold', 12), ('working time', 13)]
    """
    found: list[Stretch] = []
    legs = list(_legs(hours, start, wanted, pauses))
    for (at, _), (following, _) in pairwise(legs):
        pause = next(one for one in pauses if one.end == following)
        begun = max(at, pause.start)
        found += [one for one in hours.spans(at, begun) if one.start < one.end]
        found.append(Stretch(begun, following, counted=False, reason=pause.reason.replace("_", " ")))
    at, left = legs[-1]
    return (*found, *hours.explain(at, left))


def _legs(
    hours: BusinessHours, start: datetime, wanted: timedelta, pauses: Sequence[Pause]
) -> Iterator[tuple[datetime, timedelta]]:
    """(from where, working time left): the start, then the end of each pause that matters."""
    at, left = start, wanted
    yield at, left
    for pause in pauses:
        if pause.end <= at:
            continue
        before = hours.between(at, max(at, pause.start))
        if before >= left:
            return
        at, left = pause.end, left - before
        yield at, left

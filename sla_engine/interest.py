"""Interest read from behaviour: points that fade, as a function of time with a band.

Clicks of mail scanners (three or more different links within ten seconds) count nothing. Opting out
ends interest; only what happens afterwards counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from sla_engine.agreement import Bands, InterestModel
from sla_engine.model import Activity, ActivityKind, LeadHistory
from sla_engine.verdict import Interest, InterestBand

_SCANNER_WINDOW = timedelta(seconds=10)
_SCANNER_LINKS = 3


def interest_of(history: LeadHistory, model: InterestModel, now: datetime) -> Interest:
    """Interest at ``now`` from everything that happened up to then."""
    points = sum(
        worth * 2.0 ** (-((now - activity.at) / model.half_life))
        for activity, worth in counted(history.activities, model, now)
    )
    return Interest(points, now, model.half_life, band_of(points, model.bands))


def counted(
    activities: Sequence[Activity], model: InterestModel, now: datetime
) -> Iterator[tuple[Activity, float]]:
    """Activities that count, each with its raw points after the day's cap, in time order."""
    ended = max((a.at for a in activities if a.kind is ActivityKind.OPT_OUT and a.at <= now), default=None)
    scanned = _scanner_clicks(activities)
    spent: dict[tuple[ActivityKind, date], float] = {}
    for activity in activities:
        worth = model.points.get(activity.kind, 0.0)
        if not worth or activity.at > now or activity.id in scanned or (ended and activity.at <= ended):
            continue
        day = (activity.kind, activity.at.date())
        room = model.cap_per_day.get(activity.kind, math.inf) - spent.get(day, 0.0)
        worth = min(worth, room)
        if worth > 0:
            spent[day] = spent.get(day, 0.0) + worth
            yield activity, worth


def _scanner_clicks(activities: Sequence[Activity]) -> set[str]:
    clicks = [activity for activity in activities if activity.kind is ActivityKind.EMAIL_CLICK]
    found: set[str] = set()
    first = 0
    for last, click in enumerate(clicks):
        while click.at - clicks[first].at > _SCANNER_WINDOW:
            first += 1
        window = clicks[first : last + 1]
        if len({one.content for one in window}) >= _SCANNER_LINKS:
            found |= {one.id for one in window}
    return found


def band_of(points: float, bands: Bands) -> InterestBand:
    """The band that so many points fall in."""
    if points >= bands.high:
        return InterestBand.HIGH
    if points >= bands.medium:
        return InterestBand.MEDIUM
    return InterestBand.LOW if points >= bands.low else InterestBand.NONE


def band_ends(interest: Interest, bands: Bands) -> datetime | None:
    """The first instant, to the microsecond, at which fading alone may move interest into a lower band."""
    floor = {
        InterestBand.HIGH: bands.high,
        InterestBand.MEDIUM: bands.medium,
        InterestBand.LOW: bands.low,
    }.get(interest.band)
    if floor is None:
        return None
    lasts = interest.half_life * math.log2(interest.points / floor)
    return interest.as_of + max(lasts, timedelta(microseconds=1))

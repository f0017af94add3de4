"""Interest read from behaviour: points that fade, as a function of time with a band.

What counts: behaviour with a ground to score it (consent), worth points, within the caps, not made by
a mail scanner, and after the last opting out. A band changes only at instants that can be told
ahead, so a verdict can say until when it holds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from pydantic import Field, model_validator

from sla_engine.model import Activity, ActivityKind, LeadHistory
from sla_engine.parts import Duration, Part
from sla_engine.verdict import Interest, InterestBand, Trend

_PERIODS: Mapping[str, Callable[[datetime], tuple[int, ...]]] = {
    "day": lambda at: (at.year, at.month, at.day),
    "week": lambda at: at.isocalendar()[:2],
    "month": lambda at: (at.year, at.month),
}
BY_ITSELF = frozenset(
    {ActivityKind.EMAIL_REPLY, ActivityKind.FORM, ActivityKind.EVENT, ActivityKind.HAND_RAISE}
)
"""What a lead does on its own account: counts also for somebody who wants no more newsletters."""
BEHAVIOUR = BY_ITSELF | {ActivityKind.EMAIL_OPEN, ActivityKind.EMAIL_CLICK, ActivityKind.PAGE_VISIT}


class Bands(Part):
    """From how many points on interest is low, medium and high."""

    low: float = Field(default=1, gt=0)
    medium: float = Field(default=10, gt=0)
    high: float = Field(default=25, gt=0)

    @model_validator(mode="after")
    def _rising(self) -> Bands:
        if not self.low < self.medium < self.high:
            raise ValueError("bands must rise: low < medium < high")
        return self


class Cap(Part):
    """At most so many raw points of one kind per calendar period (UTC, weeks by ISO)."""

    kind: ActivityKind
    points: float = Field(gt=0)
    per: Literal["day", "week", "month"] = "day"


class ContentPoints(Part):
    """Other points for activities of a kind whose content matches; the first match counts."""

    kind: ActivityKind
    matches: re.Pattern[str]
    points: float


class Scanners(Part):
    """Clicks made by mail security: ``links`` different ones ``within`` a moment, or right after sending.

    Sources: docs/concepts/agreement.
    """

    links: int = Field(default=3, ge=2)
    within: Duration = timedelta(seconds=10)
    after_sending: Duration = timedelta(seconds=5)


class InterestModel(Part):
    """Points per activity, caps, how fast they fade, and the bands.

    A click counts by its kind unless a rule in ``content`` says otherwise. Opens are worth nothing
    unless they are given points.
    """

    half_life: Duration = timedelta(days=14)
    points: Mapping[ActivityKind, float] = Field(default_factory=dict)
    content: tuple[ContentPoints, ...] = ()
    cap: tuple[Cap, ...] = ()
    bands: Bands = Bands()
    scanners: Scanners = Scanners()

    @cached_property
    def scored_kinds(self) -> frozenset[ActivityKind]:
        """Kinds that can be worth something."""
        return frozenset(self.points) | {rule.kind for rule in self.content}

    @cached_property
    def _rules(self) -> Mapping[ActivityKind, tuple[ContentPoints, ...]]:
        return {
            kind: tuple(rule for rule in self.content if rule.kind is kind)
            for kind in {rule.kind for rule in self.content}
        }

    @cached_property
    def caps(self) -> Mapping[ActivityKind, tuple[Cap, ...]]:
        """The caps of each capped kind."""
        return {
            kind: tuple(cap for cap in self.cap if cap.kind is kind)
            for kind in {cap.kind for cap in self.cap}
        }

    def worth(self, activity: Activity) -> float:
        """Raw points of one activity before caps."""
        for rule in self._rules.get(activity.kind, ()):
            if rule.matches.search(activity.content):
                return rule.points
        return self.points.get(activity.kind, 0.0)


Counted = Sequence[tuple[datetime, float]]


def interest_of(
    history: LeadHistory, model: InterestModel, now: datetime, *, since: datetime | None = None
) -> Interest:
    """Interest at ``now`` from everything up to then (and after ``since``, if given)."""
    spent = [(one.at, worth) for one, worth in counted(history, model, now, since=since)]
    half_life = model.half_life
    points = sum(worth * 2.0 ** (-((now - at) / half_life)) for at, worth in spent)
    band = band_of(points, model.bands)
    return Interest(points, now, half_life, band, trend_of(spent, half_life, now), history.behaviour_readable)


def counted(
    history: LeadHistory, model: InterestModel, now: datetime, *, since: datetime | None = None
) -> Iterator[tuple[Activity, float]]:
    """Activities that count, each with its raw points after the caps, in time order."""
    fields, kinds = history.lead.fields, model.scored_kinds
    ended = since
    candidates: list[Activity] = []
    for activity in history.activities:
        if activity.at > now:
            continue
        kind = activity.kind
        if kind is ActivityKind.OPT_OUT:
            ended = activity.at if ended is None else max(ended, activity.at)
        elif kind in kinds and (activity.consent == "declared" or fields.get(activity.consent) is True):
            candidates.append(activity)
    if fields.get("email_opt_out") is True:
        candidates = [one for one in candidates if one.kind in BY_ITSELF]
    scanned = scanner_clicks(history.activities, model.scanners)
    kept = (one for one in candidates if (ended is None or one.at > ended) and one.id not in scanned)
    yield from _capped(kept, model)


def _capped(activities: Iterator[Activity], model: InterestModel) -> Iterator[tuple[Activity, float]]:
    spent: dict[object, float] = {}
    for activity in activities:
        worth = model.worth(activity)
        periods = [
            ((cap.kind, cap.per, _PERIODS[cap.per](activity.at)), cap.points)
            for cap in model.caps.get(activity.kind, ())
        ]
        for period, most in periods:
            worth = min(worth, most - spent.get(period, 0.0))
        if worth > 0:
            for period, _ in periods:
                spent[period] = spent.get(period, 0.0) + worth
            yield activity, worth


def scanner_clicks(activities: Sequence[Activity], rules: Scanners) -> set[str]:
    """Ids of clicks that a machine made: a burst over several links, or right after a mail was sent."""
    clicks = [activity for activity in activities if activity.kind is ActivityKind.EMAIL_CLICK]
    if not clicks:
        return set()
    found: set[str] = set()
    first = 0
    for last, click in enumerate(clicks):
        while click.at - clicks[first].at > rules.within:
            first += 1
        window = clicks[first : last + 1]
        if len({one.content for one in window}) >= rules.links:
            found |= {one.id for one in window}
    sent = [one.at for one in activities if one.kind is ActivityKind.AUTOMATIC_EMAIL]
    if sent:
        soon = rules.after_sending
        found |= {one.id for one in clicks if any(at <= one.at <= at + soon for at in sent)}
    return found


def band_of(points: float, bands: Bands) -> InterestBand:
    """The band that so many points fall in."""
    if points >= bands.high:
        return InterestBand.HIGH
    if points >= bands.medium:
        return InterestBand.MEDIUM
    return InterestBand.LOW if points >= bands.low else InterestBand.NONE


def trend_of(spent: Counted, half_life: timedelta, now: datetime) -> Trend:
    """Points earned in the last half-life against those of the half-life before: a fifth is no change."""
    recent = sum(worth for at, worth in spent if now - at < half_life)
    before = sum(worth for at, worth in spent if half_life <= now - at < 2 * half_life)
    if not recent and not before:
        return Trend.GONE
    if recent > 1.2 * before:
        return Trend.RISING
    return Trend.STEADY if recent >= 0.8 * before else Trend.FADING


def trend_changes(history: LeadHistory, model: InterestModel, now: datetime) -> datetime | None:
    """The first instant after ``now`` at which the trend may turn without new behaviour."""
    half_life, kinds = model.half_life, model.scored_kinds
    turns = [
        turn
        for one in history.activities
        if one.kind in kinds
        for turn in (one.at + half_life, one.at + 2 * half_life)
        if turn > now
    ]
    return min(turns, default=None)


def band_ends(interest: Interest, bands: Bands) -> datetime | None:
    """The first instant, to the microsecond, at which fading alone may move interest into a lower band."""
    floors = {InterestBand.HIGH: bands.high, InterestBand.MEDIUM: bands.medium, InterestBand.LOW: bands.low}
    floor = floors.get(interest.band)
    if floor is None:
        return None
    lasts = interest.half_life * math.log2(interest.points / floor)
    return interest.as_of + max(lasts, timedelta(microseconds=1))

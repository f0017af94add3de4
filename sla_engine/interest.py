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

_PERIODS: Mapping[str, Callable[[datetime], int]] = {
    "day": lambda at: at.toordinal(),
    "week": lambda at: (at.toordinal() - 1) // 7,  # the first day of all was a Monday
    "month": lambda at: at.year * 12 + at.month,
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


CompiledCap = tuple[int, Callable[[datetime], int], float]  # number, period of an instant, most points


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
    def caps(self) -> Mapping[ActivityKind, tuple[CompiledCap, ...]]:
        """The caps of each capped kind."""
        numbered = [(cap.kind, (n, _PERIODS[cap.per], cap.points)) for n, cap in enumerate(self.cap)]
        kinds = {kind for kind, _ in numbered}
        return {kind: tuple(one for of, one in numbered if of is kind) for kind in kinds}

    @cached_property
    def plain(self) -> Mapping[ActivityKind, float]:
        """Points of the kinds for which content says nothing."""
        return {kind: points for kind, points in self.points.items() if kind not in self._rules}

    def worth(self, activity: Activity) -> float:
        """Raw points of one activity before caps."""
        for rule in self._rules.get(activity.kind, ()):
            if rule.matches.search(activity.content):
                return rule.points
        return self.points.get(activity.kind, 0.0)


Counted = Sequence[tuple[datetime, float]]


class Behaviour:
    """What a lead did that can be worth points, looked through once, for any number of questions."""

    __slots__ = ("_clicks", "_history", "_model", "_opt_outs", "_scored", "_sent", "_simply")

    def __init__(self, history: LeadHistory, model: InterestModel) -> None:
        self._history = history
        self._model = model
        fields, kinds = history.lead.fields, model.scored_kinds
        if fields.get("email_opt_out") is True:
            kinds &= BY_ITSELF
        self._scored: list[Activity] = []
        self._clicks: list[Activity] = []
        self._sent: list[datetime] = []
        self._opt_outs: list[datetime] = []
        for one in history.activities:
            kind = one.kind
            if kind in kinds:
                if kind is ActivityKind.EMAIL_CLICK:
                    self._clicks.append(one)
                if one.consent == "declared" or fields.get(one.consent) is True:
                    self._scored.append(one)
            elif kind is ActivityKind.OPT_OUT:
                self._opt_outs.append(one.at)
            elif kind is ActivityKind.AUTOMATIC_EMAIL:
                self._sent.append(one.at)
        self._simply: Counted | None = None

    def interest(self, now: datetime, since: datetime | None = None) -> Interest:
        """Interest at ``now`` from everything up to then (and after ``since``, if given)."""
        model = self._model
        spent = self.counted(now, since)
        points = points_left(spent, model.half_life, now)
        trend = trend_of(spent, model.half_life, now)
        readable = self._history.behaviour_readable
        return Interest(points, now, model.half_life, band_of(points, model.bands), trend, readable)

    def band_at(self, instant: datetime) -> InterestBand:
        """The band at an instant of the past, by what was known then."""
        left = points_left(self.counted(instant, None), self._model.half_life, instant)
        return band_of(left, self._model.bands)

    def counted(self, now: datetime, since: datetime | None = None) -> Counted:
        """(instant, raw points after the caps) of everything that counts at ``now``, in time order."""
        ended = max((at for at in self._opt_outs if at <= now), default=since)
        if since is not None and ended is not None:
            ended = max(ended, since)
        clicks = scanner_clicks(self._clicks, self._sent, self._model.scanners, now) if self._clicks else ()
        if ended is not None or clicks:
            return self._earned([one for one in self._scored if one.id not in clicks], ended, now)
        if self._simply is None:
            self._simply = self._earned(self._scored, None, None)
        earned = self._simply
        return earned if not earned or earned[-1][0] <= now else [one for one in earned if one[0] <= now]

    def next_turn(self, now: datetime) -> datetime | None:
        """The first instant after ``now`` at which the trend may turn without new behaviour."""
        half_life = self._model.half_life
        return min((turn for turn in self._turns(half_life) if turn > now), default=None)

    def _turns(self, half_life: timedelta) -> Iterator[datetime]:
        for one in self._scored:
            yield one.at + half_life
            yield one.at + 2 * half_life

    def _earned(self, scored: list[Activity], ended: datetime | None, until: datetime | None) -> Counted:
        plain, caps, worth_of = self._model.plain, self._model.caps, self._model.worth
        spent: dict[object, float] = {}
        found: list[tuple[datetime, float]] = []
        for one in scored:
            at, kind = one.at, one.kind
            if (ended is not None and at <= ended) or (until is not None and at > until):
                continue
            worth = plain[kind] if kind in plain else worth_of(one)
            if kind in caps:
                worth = _room(at, worth, caps[kind], spent)
            if worth > 0:
                found.append((at, worth))
        return found


def interest_of(history: LeadHistory, model: InterestModel, now: datetime) -> Interest:
    """Interest at ``now`` from everything a lead did up to then."""
    return Behaviour(history, model).interest(now)


def points_left(spent: Counted, half_life: timedelta, now: datetime) -> float:
    """What is left at ``now`` of points earned at their instants."""
    total = 0.0
    for at, worth in spent:
        total += worth * 2.0 ** ((at - now) / half_life)
    return total


def _room(at: datetime, worth: float, caps: Sequence[CompiledCap], spent: dict[object, float]) -> float:
    """What the caps leave of points earned at an instant; notes them as spent."""
    periods = []
    for number, period_of, most in caps:
        period = (number, period_of(at))
        worth = min(worth, most - spent.get(period, 0.0))
        periods.append(period)
    if worth > 0:
        for period in periods:
            spent[period] = spent.get(period, 0.0) + worth
    return worth


def scanner_clicks(
    clicks: Sequence[Activity], sent: Sequence[datetime], rules: Scanners, now: datetime
) -> set[str]:
    """Ids of clicks that a machine made: a burst over several links, or right after a mail was sent."""
    clicks = [one for one in clicks if one.at <= now]
    found: set[str] = set()
    first = 0
    for last, click in enumerate(clicks):
        while click.at - clicks[first].at > rules.within:
            first += 1
        if last - first + 1 >= rules.links:
            window = clicks[first : last + 1]
            if len({one.content for one in window}) >= rules.links:
                found |= {one.id for one in window}
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


def band_ends(interest: Interest, bands: Bands) -> datetime | None:
    """The first instant, to the microsecond, at which fading alone may move interest into a lower band."""
    floors = {InterestBand.HIGH: bands.high, InterestBand.MEDIUM: bands.medium, InterestBand.LOW: bands.low}
    floor = floors.get(interest.band)
    if floor is None:
        return None
    lasts = interest.half_life * math.log2(interest.points / floor)
    return interest.as_of + max(lasts, timedelta(microseconds=1))

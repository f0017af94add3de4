"""Interest read from behaviour: points that fade, as a function of time with a band.

What counts: behaviour with a ground to score it (consent), worth points, within the caps, not made by
a mail scanner, and after the last opting out. A band changes only at instants that can be told
ahead, so a verdict can say until when it holds.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Literal

from pydantic import Field, model_validator

from sla_engine.model import Activity, ActivityKind, LeadHistory
from sla_engine.parts import Duration, Part, Points
from sla_engine.verdict import BANDS, Interest, InterestBand, Signal, Trend

_PERIODS: Mapping[str, Callable[[datetime], int]] = {
    "day": lambda at: at.toordinal(),
    "week": lambda at: (at.toordinal() - 1) // 7,  # the first day of all was a Monday
    "month": lambda at: at.year * 12 + at.month,
}
BY_ITSELF = frozenset(
    {ActivityKind.EMAIL_REPLY, ActivityKind.FORM, ActivityKind.EVENT, ActivityKind.HAND_RAISE}
)
"""What a lead does on its own account: counts also for somebody who wants no more newsletters."""
_CLICK, _OPT_OUT, _SENT = ActivityKind.EMAIL_CLICK, ActivityKind.OPT_OUT, ActivityKind.AUTOMATIC_EMAIL
_BOUNCE = ActivityKind.BOUNCE
_BY_MAIL = frozenset({ActivityKind.EMAIL_OPEN, ActivityKind.EMAIL_CLICK})
_NONE, _LOW, _MEDIUM, _HIGH = BANDS
_MICROSECOND = timedelta(microseconds=1)
_SHOWN = 3
BEHAVIOUR = BY_ITSELF | {ActivityKind.EMAIL_OPEN, ActivityKind.EMAIL_CLICK, ActivityKind.PAGE_VISIT}


class Bands(Part):
    """From how many points on interest is low, medium and high."""

    low: Points = Field(default=1, gt=0)
    medium: Points = Field(default=10, gt=0)
    high: Points = Field(default=25, gt=0)

    @model_validator(mode="after")
    def _rising(self) -> Bands:
        if not self.low < self.medium < self.high:
            raise ValueError("bands must rise: low < medium < high")
        return self

    @cached_property
    def floors(self) -> Mapping[InterestBand, float]:
        """The fewest points of each band that can fade into a lower one."""
        return {_LOW: self.low, _MEDIUM: self.medium, _HIGH: self.high}


class Cap(Part):
    """At most so many raw points of one kind per calendar period (UTC, weeks by ISO)."""

    kind: ActivityKind
    points: Points = Field(gt=0)
    per: Literal["day", "week", "month"] = "day"


class ContentPoints(Part):
    """Other points for activities of a kind whose content matches; the first match counts."""

    kind: ActivityKind
    matches: re.Pattern[str]
    points: Points


class Scanners(Part):
    """Clicks made by mail security: ``links`` different ones ``within`` a moment, or right after sending.

    Sources: docs/concepts/agreement.
    """

    links: int = Field(default=3, ge=2)
    within: Duration = timedelta(seconds=10)
    after_sending: Duration = timedelta(seconds=5)


_instant = attrgetter("at")


class InterestModel(Part):
    """Points per activity, caps, how fast they fade, and the bands.

    A click counts by its kind unless a rule in ``content`` says otherwise. Opens are worth nothing
    unless they are given points.
    """

    half_life: Duration = timedelta(days=14)
    points: Mapping[ActivityKind, Points] = Field(default_factory=dict)
    content: tuple[ContentPoints, ...] = ()
    cap: tuple[Cap, ...] = ()
    bands: Bands = Bands()
    scanners: Scanners = Scanners()

    @model_validator(mode="after")
    def _only_behaviour_scores(self) -> InterestModel:
        idle = sorted(self.scored_kinds - BEHAVIOUR)
        if idle:
            raise ValueError(
                f"{', '.join(idle)}: points are for what a lead does itself: {', '.join(sorted(BEHAVIOUR))}"
            )
        return self

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

    @cached_property
    def plain(self) -> Mapping[ActivityKind, float]:
        """Points of the kinds for which content says nothing."""
        return {kind: points for kind, points in self.points.items() if kind not in self._rules}

    @cached_property
    def worth(self) -> Callable[[ActivityKind, str], float]:
        """Raw points of an activity by its kind and content, before caps; remembers what was asked."""

        @lru_cache(maxsize=4096)
        def worth(kind: ActivityKind, content: str) -> float:
            for rule in self._rules.get(kind, ()):
                if rule.matches.search(content):
                    return rule.points
            return self.points.get(kind, 0.0)

        return worth


Counted = Sequence[tuple[datetime, float, Activity]]


class Behaviour:
    """What a lead did that can be worth points, looked through once, for any number of questions."""

    __slots__ = ("_bounces", "_clicks", "_history", "_model", "_opt_outs", "_scored", "_sent", "_simply")

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
        self._bounces: list[datetime] = []
        for one in history.activities:
            kind = one.kind
            if kind in kinds:
                if kind is _CLICK:
                    self._clicks.append(one)
                if one.consent == "declared" or fields.get(one.consent) is True:
                    self._scored.append(one)
            elif kind is _OPT_OUT:
                self._opt_outs.append(one.at)
            elif kind is _SENT:
                self._sent.append(one.at)
            elif kind is _BOUNCE:
                self._bounces.append(one.at)
            elif kind is _CLICK:
                self._clicks.append(one)
        self._simply: Counted | None = None

    def interest(self, now: datetime, since: datetime | None = None) -> Interest:
        """Interest at ``now`` from everything up to then (and after ``since``, if given)."""
        model = self._model
        points, trend = faded(self.counted(now, since), model.half_life, now)
        readable = self._history.behaviour_readable
        return Interest(points, now, model.half_life, band_of(points, model.bands), trend, readable)

    def signals(self, now: datetime) -> tuple[Signal, ...]:
        """The latest things that count, newest first."""
        return tuple(
            [Signal(one.kind, at, one.content) for at, _, one in self.counted(now)[: -_SHOWN - 1 : -1]]
        )

    def band_at(self, instant: datetime) -> InterestBand:
        """The band at an instant of the past, by what was known then."""
        points, _ = faded(self.counted(instant), self._model.half_life, instant)
        return band_of(points, self._model.bands)

    def counted(self, now: datetime, since: datetime | None = None) -> Counted:
        """(instant, raw points after the caps, activity) of all that counts at ``now``, in time order."""
        ended = max((at for at in self._opt_outs if at <= now), default=since) if self._opt_outs else since
        if since is not None and ended is not None:
            ended = max(ended, since)
        clicks = scanner_clicks(self._clicks, self._sent, self._model.scanners, now)
        bounced = max((at for at in self._bounces if at <= now), default=None) if self._bounces else None
        if ended is not None or clicks or bounced is not None:
            left = [one for one in self._scored if one.id not in clicks]
            if bounced is not None:  # who cannot be reached there has no interest left from there
                left = [one for one in left if one.kind not in _BY_MAIL or one.at > bounced]
            return self._earned(left, ended, now)
        if self._simply is None:
            self._simply = self._earned(self._scored, None, None)
        earned = self._simply
        return earned if not earned or earned[-1][0] <= now else [one for one in earned if one[0] <= now]

    def counts(self, one: Activity, now: datetime, *, for_score: bool) -> bool:
        """Whether a condition may see an activity at ``now``.

        Not what a machine clicked, nor what was tracked without a ground. What a lead does on its own
        account is seen also without one, but never for a score.
        """
        if one.kind not in BEHAVIOUR:
            return True
        if one.kind is _CLICK and one.id in scanner_clicks(
            self._clicks, self._sent, self._model.scanners, now
        ):
            return False
        if one.consent == "declared" or self._history.lead.fields.get(one.consent) is True:
            return True
        return one.kind in BY_ITSELF and not for_score

    def next_turn(self, now: datetime) -> datetime | None:
        """The first instant after ``now`` at which the trend may turn without new behaviour."""
        half_life, scored = self._model.half_life, self._scored
        turns = []
        for span in (half_life, 2 * half_life):
            leaving = bisect_right(scored, now - span, key=_instant)
            if leaving < len(scored):
                turns.append(scored[leaving].at + span)
        return min(turns, default=None)

    def _earned(self, scored: list[Activity], ended: datetime | None, until: datetime | None) -> Counted:
        plain, caps, worth_of = self._model.plain, self._model.caps, self._model.worth
        meters = {kind: [_Meter(cap) for cap in limits] for kind, limits in caps.items()}
        found: list[tuple[datetime, float, Activity]] = []
        for one in scored:
            at, kind = one.at, one.kind
            if (ended is not None and at <= ended) or (until is not None and at > until):
                continue
            worth = plain[kind] if kind in plain else worth_of(kind, one.content)
            if kind in meters:
                worth = _room(at, worth, meters[kind])
            if worth > 0:
                found.append((at, worth, one))
        return found


class _Meter:
    """What one cap leaves of the period it was asked about last; asked in time order."""

    __slots__ = ("left", "most", "period", "period_of")

    def __init__(self, cap: Cap) -> None:
        self.period_of = _PERIODS[cap.per]
        self.most = self.left = cap.points
        self.period = 0


def interest_of(history: LeadHistory, model: InterestModel, now: datetime) -> Interest:
    """Interest at ``now`` from everything a lead did up to then."""
    return Behaviour(history, model).interest(now)


def faded(spent: Counted, half_life: timedelta, now: datetime) -> tuple[float, Trend]:
    """What is left at ``now`` of points earned at their instants, and where that is going.

    The trend holds the points of the last half-life against those of the one before: a fifth is no change.
    """
    points = recent = before = 0.0
    for at, worth, _ in spent:
        age = (now - at) / half_life
        points += worth * 0.5**age
        if age < 1:
            recent += worth
        elif age < 2:
            before += worth
    if not recent and not before:
        return points, Trend.GONE
    if recent > 1.2 * before:
        return points, Trend.RISING
    return points, Trend.STEADY if recent >= 0.8 * before else Trend.FADING


def _room(at: datetime, worth: float, meters: list[_Meter]) -> float:
    """What every cap leaves of points earned at an instant; they are then spent."""
    for meter in meters:
        period = meter.period_of(at)
        if period != meter.period:
            meter.period, meter.left = period, meter.most
        worth = min(worth, meter.left)
    if worth > 0:
        for meter in meters:
            meter.left -= worth
    return worth


def scanner_clicks(
    clicks: Sequence[Activity], sent: Sequence[datetime], rules: Scanners, now: datetime
) -> set[str]:
    """Ids of clicks that a machine made: a burst over several links, or right after a mail was sent."""
    if not sent and not _is_burst(clicks, rules):
        return set()
    clicks = [one for one in clicks if one.at <= now]
    found: set[str] = set()
    first = 0
    for last, click in enumerate(clicks):
        while click.at - clicks[first].at > rules.within:
            first += 1
        if last - first + 1 >= rules.links:
            window = clicks[first : last + 1]
            if len({one.content or one.id for one in window}) >= rules.links:
                found |= {one.id for one in window}
    soon = rules.after_sending
    found |= {one.id for one in clicks if any(at <= one.at <= at + soon for at in sent)}
    return found


def _is_burst(clicks: Sequence[Activity], rules: Scanners) -> bool:
    """Whether so many clicks ever came within the moment that they may be a machine's."""
    before = rules.links - 1
    within = rules.within
    return any(last.at - first.at <= within for first, last in zip(clicks, clicks[before:], strict=False))


def band_of(points: float, bands: Bands) -> InterestBand:
    """The band that so many points fall in."""
    if points < bands.low:
        return _NONE
    if points < bands.medium:
        return _LOW
    return _MEDIUM if points < bands.high else _HIGH


def band_ends(interest: Interest, bands: Bands) -> datetime | None:
    """The first instant, to the microsecond, at which fading alone may move interest into a lower band."""
    floor = bands.floors.get(interest.band)
    if floor is None:
        return None
    lasts = interest.half_life * math.log2(interest.points / floor)
    return interest.as_of + max(lasts, _MICROSECOND)

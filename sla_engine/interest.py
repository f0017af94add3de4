"""The interest model: points per activity and content, caps, how fast they fade, and the bands.

Not here: which activities of a lead count (``behaviour``), or clicks made by machines (``scanners``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Literal

from pydantic import Field, model_validator

from sla_engine.model import ActivityKind
from sla_engine.parts import Duration, Part, Points
from sla_engine.scanners import Scanners
from sla_engine.verdict import BANDS, Interest, InterestBand

BY_ITSELF = frozenset(
    {ActivityKind.EMAIL_REPLY, ActivityKind.FORM, ActivityKind.EVENT, ActivityKind.HAND_RAISE}
)
"""What a lead does on its own account: counts also for somebody who wants no more newsletters."""
_NONE, _LOW, _MEDIUM, _HIGH = BANDS
_MICROSECOND = timedelta(microseconds=1)
BEHAVIOUR = BY_ITSELF | {ActivityKind.EMAIL_OPEN, ActivityKind.EMAIL_CLICK, ActivityKind.PAGE_VISIT}


class Bands(Part):
    """From how many points on interest is low, medium and high. Raises ValueError unless they rise.

    >>> band_of(9.99, Bands()), band_of(10, Bands())
    (<InterestBand.LOW: 'low'>, <InterestBand.MEDIUM: 'medium'>)
    >>> Bands(high=40).floors[InterestBand.HIGH]
    40.0
    """

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
    """At most so many raw points of one kind per calendar period (UTC, weeks by ISO).

    >>> Cap(kind=ActivityKind.PAGE_VISIT, points=5).per
    'day'
    """

    kind: ActivityKind
    points: Points = Field(gt=0)
    per: Literal["day", "week", "month"] = "day"


class ContentPoints(Part):
    """Other points for activities of a kind whose content matches; the first match counts.

    ``matches`` is a regular expression found anywhere in the content.

    >>> rule = ContentPoints(kind=ActivityKind.PAGE_VISIT, matches="(?i)pricing", points=8)
    >>> InterestModel(content=(rule,)).worth(ActivityKind.PAGE_VISIT, "Our pricing")
    8.0
    """

    kind: ActivityKind
    matches: re.Pattern[str]
    points: Points


class InterestModel(Part):
    """Points per activity, caps, how fast they fade, and the bands.

    A click counts by its kind unless a rule in ``content`` says otherwise. Opens are worth nothing
    unless they are given points. ``half_life`` is real time (days of 24 hours). Raises ValueError for
    points on what a lead does not do itself.

    >>> model = InterestModel(points={"form": 10}, cap=[{"kind": "form", "points": 15}])
    >>> model.worth(ActivityKind.EMAIL_OPEN, ""), model.plain[ActivityKind.FORM]
    (0.0, 10.0)
    >>> [kind.value for kind in model.scored_kinds], model.caps[ActivityKind.FORM][0].points
    (['form'], 15.0)
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
        """The caps of each capped kind; all of them hold at once."""
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


def band_of(points: float, bands: Bands) -> InterestBand:
    """The band that so many points fall in; at its floor a band is reached.

    >>> band_of(0.5, Bands(low=1)).value, band_of(1, Bands(low=1)).value
    ('none', 'low')
    """
    if points < bands.low:
        return _NONE
    if points < bands.medium:
        return _LOW
    return _MEDIUM if points < bands.high else _HIGH


def band_ends(interest: Interest, bands: Bands) -> datetime | None:
    """The first instant (UTC), to the microsecond, at which fading alone may move interest into a lower band.

    None for the lowest band, which nothing leaves by fading.

    >>> from sla_engine.examples import later
    >>> warm = Interest(20, later(0), timedelta(days=14), InterestBand.MEDIUM)
    >>> band_ends(warm, Bands(medium=10)) - later(0)
    datetime.timedelta(days=14)
    """
    floor = bands.floors.get(interest.band)
    if floor is None:
        return None
    lasts = interest.half_life * math.log2(interest.points / floor)
    return interest.as_of + max(lasts, _MICROSECOND)

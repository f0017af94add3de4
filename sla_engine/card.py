"""The scorecard both sides approved: at most twelve lines of whole points, and what a total means.

One point multiplies the odds of winning by 1.25; the scale never changes, so versions compare. What
nobody knows is worth nothing. Not here: how a card is learned (``learning``), or the score of a lead
(``scorecard``).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from sla_engine.conditions import Condition, asks_for_score
from sla_engine.model import ActivityKind
from sla_engine.parts import Duration, Part

Group = Literal["fit", "interest"]
ODDS_PER_POINT = 1.25
UNREMARKABLE = 25
"""The score, 0 to 100, of a lead about which no line says anything."""
MOST_LINES = 12
MOST_POINTS = 10


class CardLine(Part):
    """One line: what must be so of a lead, and how many points that is worth; nothing if nobody can tell.

    ``within`` (real time): only activities of so long before the instant count. ``sign`` is what both sides
    declared beforehand: "good" lines can never take points away, "bad" ones never give any. Raises
    ValueError for points against the sign and for what does not go together.

    >>> near = {"name": "near", "group": "fit", "points": 3, "when": {"field": "country", "is": "DE"}}
    >>> CardLine.model_validate(near).points
    3
    """

    name: str = Field(min_length=1)
    group: Group
    points: int = Field(ge=-MOST_POINTS, le=MOST_POINTS)
    when: Condition
    within: Duration | None = None
    sign: Literal["good", "bad", "any"] = "any"

    @model_validator(mode="after")
    def _holds_together(self) -> CardLine:
        if self.sign != "any" and self.points and (self.points > 0) != (self.sign == "good"):
            raise ValueError(f"`{self.name}` is declared {self.sign}, so {self.points:+} points cannot be")
        if self.within is not None and self.when.activity is None:
            raise ValueError(f"`{self.name}`: `within` belongs to an activity")
        if asks_for_score(self.when):
            raise ValueError(f"`{self.name}`: a score cannot be made of a score")
        return self


class Scorecard(Part):
    """The lines, the cap of each group (points, either way), and the chance of winning at a total.

    ``intercept``: log odds of winning at a total of nothing; ``slope``: log odds a point. ``high`` and
    ``medium``: the scores (0 to 100) from which a lead is among the best fifth and the better half of those
    it was learned from. ``as_of`` (UTC), ``outcomes``, ``wins`` and ``data`` (a hash) say what it was
    learned from. Raises ValueError for more than twelve lines or two of one name.

    >>> card = Scorecard(intercept=-2.2)
    >>> card.total({"fit": 40}), card.score({"fit": 3}), round(card.chance(0), 2), len(card.version)
    (25, 28, 0.1, 12)
    >>> called = CardLine.model_validate(
    ...     {"name": "called", "group": "interest", "points": 2, "when": {"activity": "call"}}
    ... )
    >>> card = Scorecard(lines=(called,))
    >>> [kind.value for kind in card.of_activities], card.of_others
    (['call'], ())
    """

    lines: tuple[CardLine, ...] = Field(default=(), max_length=MOST_LINES)
    caps: Mapping[Group, Annotated[int, Field(gt=0)]] = Field(default={"fit": 25, "interest": 50})
    intercept: float = Field(default=0.0, allow_inf_nan=False)
    slope: float = Field(default=math.log(ODDS_PER_POINT), allow_inf_nan=False)
    high: int | None = Field(default=None, ge=0, le=100)
    medium: int | None = Field(default=None, ge=0, le=100)
    as_of: AwareDatetime | None = None
    outcomes: int = Field(default=0, ge=0)
    wins: int = Field(default=0, ge=0)
    data: str = ""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Scorecard:
        names = [line.name for line in self.lines]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two lines are called {', '.join(twice)}")
        return self

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal characters that name the content."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()[:12]

    @cached_property
    def of_activities(self) -> Mapping[ActivityKind, tuple[CardLine, ...]]:
        """The lines worth anything that ask for an activity, by its kind."""
        asking: dict[ActivityKind, list[CardLine]] = {}
        for line in self.lines:
            if line.points and line.when.activity is not None:
                asking.setdefault(line.when.activity, []).append(line)
        return {kind: tuple(lines) for kind, lines in asking.items()}

    @cached_property
    def of_others(self) -> tuple[CardLine, ...]:
        """The lines worth anything that ask for anything else."""
        return tuple(line for line in self.lines if line.points and line.when.activity is None)

    def total(self, points: Mapping[Group, int]) -> int:
        """The points of all groups together, each within its cap."""
        return sum(max(-cap, min(cap, points.get(group, 0))) for group, cap in self.caps.items())

    def score(self, points: Mapping[Group, int]) -> int:
        """The score, 0 to 100, for the points of each group."""
        return max(0, min(100, UNREMARKABLE + self.total(points)))

    def chance(self, total: int) -> float:
        """The chance of winning at a total of points, 0 to 1."""
        return 1 / (1 + math.exp(-(self.intercept + self.slope * total)))


class CardInForce(Part):
    """A card and the instant (aware) it was put in force; None: the starting score again, from then on.

    >>> from sla_engine.examples import later
    >>> CardInForce(card=Scorecard(), since=later(0)).since.hour
    9
    """

    card: Scorecard | None
    since: AwareDatetime


def card_at(cards: tuple[CardInForce, ...], instant: datetime) -> Scorecard | None:
    """The card in force at an instant (aware), of ``cards`` in time order; None: the starting score.

    >>> from sla_engine.examples import later
    >>> card_at((CardInForce(card=Scorecard(), since=later(2)),), later(1)) is None
    True
    """
    found = None
    for one in cards:
        if one.since <= instant:
            found = one.card
    return found

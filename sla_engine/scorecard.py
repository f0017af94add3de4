"""One number from 0 to 100, readable line by line: the starting score, or what an approved card says.

The starting score is made of fit and the band of interest: the band, not the fading points, so it only
moves when the verdict does. Not here: what a card is (``card``), or whether a lead is ready for sales
(``qualification``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sla_engine.card import UNREMARKABLE, Group, Scorecard
from sla_engine.conditions import Circumstances
from sla_engine.verdict import Fit, InterestBand, Reason

INTEREST_POINTS = {InterestBand.NONE: 0, InterestBand.LOW: 15, InterestBand.MEDIUM: 35, InterestBand.HIGH: 50}
FIT_POINTS = 30
DATA_POINTS = 20
_NOT_A_BUYER = Fit.NOT_A_BUYER
_OVER_CAP: Mapping[Group, str] = {"fit": "score_cap_fit", "interest": "score_cap_interest"}


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One summand: ``code`` names its sentence, ``detail`` the band or the card's line where there is one.

    >>> ScoreLine("score_interest", 35, "medium").points
    35
    """

    code: str
    points: int
    detail: str = ""


def score_of(fit: Fit, criteria: Sequence[Reason], band: InterestBand, *, has_minimum_data: bool) -> int:
    """The starting score itself, 0 to 100: the sum of ``score_lines``.

    >>> score_of(Fit.UNKNOWN, (), InterestBand.MEDIUM, has_minimum_data=True)
    55
    """
    if fit is _NOT_A_BUYER:
        return 0
    met = [reason.met for reason in criteria].count(True)
    fit_points = round(FIT_POINTS * met / len(criteria)) if criteria else 0
    return fit_points + (DATA_POINTS if has_minimum_data else 0) + INTEREST_POINTS[band]


def score_lines(
    fit: Fit, criteria: Sequence[Reason], band: InterestBand, *, has_minimum_data: bool
) -> tuple[ScoreLine, ...]:
    """Each line of the starting score. Somebody who never buys scores nothing.

    >>> [line.points for line in score_lines(Fit.BUYER, (), InterestBand.HIGH, has_minimum_data=True)]
    [0, 20, 50]
    """
    if fit is _NOT_A_BUYER:
        return (ScoreLine("score_not_a_buyer", 0),)
    data = DATA_POINTS if has_minimum_data else 0
    interest = INTEREST_POINTS[band]
    total = score_of(fit, criteria, band, has_minimum_data=has_minimum_data)
    return (
        ScoreLine("score_fit", total - data - interest),
        ScoreLine("score_data", data),
        ScoreLine("score_interest", interest, band.value),
    )


@dataclass(frozen=True, slots=True)
class CardReading:
    """What a card says of a lead: the names of the lines that hold for sure.

    ``turns_at`` (UTC): when an activity leaves its line's window; None: without a new fact, never.

    >>> from sla_engine.card import CardLine
    >>> near = {"name": "near", "group": "fit", "points": 30, "when": {"field": "country", "is": "DE"}}
    >>> card = Scorecard(lines=(CardLine.model_validate(near | {"points": 3}),), caps={"fit": 2})
    >>> read = CardReading(card, frozenset({"near"}))
    >>> read.total, read.score(Fit.BUYER), read.score(Fit.NOT_A_BUYER), round(read.chance, 2)
    (2, 27, 0, 0.61)
    >>> [(line.code, line.points, line.detail) for line in read.score_lines(Fit.BUYER)]
    [('score_start', 25, ''), ('score_line', 3, 'near'), ('score_cap_fit', -1, '')]
    """

    card: Scorecard
    held: frozenset[str]
    turns_at: datetime | None = None

    @property
    def total(self) -> int:
        """The points of the lines that hold, each group within its cap."""
        return self.card.total(self._points())

    @property
    def chance(self) -> float:
        """The chance of winning, 0 to 1."""
        return self.card.chance(self.total)

    def score(self, fit: Fit) -> int:
        """The score, 0 to 100. Somebody who never buys scores nothing."""
        return 0 if fit is _NOT_A_BUYER else self.card.score(self._points())

    def score_lines(self, fit: Fit) -> tuple[ScoreLine, ...]:
        """Each line, those that do not hold with no points; together they are the score."""
        if fit is _NOT_A_BUYER:
            return (ScoreLine("score_not_a_buyer", 0),)
        return tuple(self._told())

    def _points(self) -> dict[Group, int]:
        points: dict[Group, int] = {}
        for line in self.card.lines:
            if line.name in self.held:
                points[line.group] = points.get(line.group, 0) + line.points
        return points

    def _told(self) -> Iterator[ScoreLine]:
        yield ScoreLine("score_start", UNREMARKABLE)
        for line in self.card.lines:
            yield ScoreLine("score_line", line.points if line.name in self.held else 0, line.name)
        points = self._points()
        for group, cap in self.card.caps.items():
            over = points.get(group, 0) - max(-cap, min(cap, points.get(group, 0)))
            if over:
                yield ScoreLine(_OVER_CAP[group], -over)
        cut = self.card.score(points) - UNREMARKABLE - self.card.total(points)
        if cut:
            yield ScoreLine("score_bounds", cut)


def read_card(card: Scorecard, lead: Circumstances) -> CardReading:
    """Read a card of a lead as it was at one instant; what nobody can tell is worth nothing.

    ``lead`` must be one for a score: what was tracked without a ground counts nothing.

    >>> from sla_engine.examples import agreed, done, handed_over, later
    >>> from sla_engine.situation import Circumstances
    >>> form = {"name": "form", "group": "interest", "points": 4, "when": {"activity": "form"}}
    >>> lead = Circumstances(handed_over(done("form", 1, by="lead")), agreed(), later(2), for_score=True)
    >>> reading = read_card(Scorecard.model_validate({"lines": [form | {"within": "7d"}]}), lead)
    >>> reading.total, reading.turns_at == later(1 + 7 * 24)
    (4, True)
    """
    held = {line.name for line in card.of_others if line.when.holds(lead) is True}
    asking = dict(card.of_activities)  # what is not answered yet
    turns_at: datetime | None = None
    for one in lead.newest(asking) if asking else ():
        unanswered = []
        for line in asking[one.kind]:
            within, content = line.within, line.when.content
            if within is not None and lead.instant - one.at >= within:
                continue  # nothing older is in its window either
            if content is not None and not content.search(one.content):
                unanswered.append(line)
                continue
            held.add(line.name)
            if within is not None and (turns_at is None or one.at + within < turns_at):
                turns_at = one.at + within
        asking[one.kind] = tuple(unanswered)
        if not unanswered:
            del asking[one.kind]
    return CardReading(card, frozenset(held), turns_at)

"""One number from 0 to 100 out of fit and the band of interest: readable line by line.

The band, not the fading points, makes the score, so it only moves when the verdict does. Not here:
whether a lead is ready for sales, which no score decides (``qualification``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sla_engine.verdict import Fit, InterestBand, Reason

INTEREST_POINTS = {InterestBand.NONE: 0, InterestBand.LOW: 15, InterestBand.MEDIUM: 35, InterestBand.HIGH: 50}
FIT_POINTS = 30
DATA_POINTS = 20
_NOT_A_BUYER = Fit.NOT_A_BUYER


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One summand: ``code`` names its sentence, ``detail`` the band where there is one.

    >>> ScoreLine("score_interest", 35, "medium").points
    35
    """

    code: str
    points: int
    detail: str = ""


def score_of(fit: Fit, criteria: Sequence[Reason], band: InterestBand, *, has_minimum_data: bool) -> int:
    """The score itself, 0 to 100: the sum of ``score_lines``.

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
    """Each line of the score. Somebody who never buys scores nothing.

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

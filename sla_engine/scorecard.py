"""One number from 0 to 100 out of fit and the band of interest: readable line by line.

The band, not the fading points, makes the score, so it only moves when the verdict does.
"""

from __future__ import annotations

from dataclasses import dataclass

from sla_engine.verdict import Fit, InterestBand, Reason

INTEREST_POINTS = {InterestBand.NONE: 0, InterestBand.LOW: 15, InterestBand.MEDIUM: 35, InterestBand.HIGH: 50}
FIT_POINTS = 30
DATA_POINTS = 20


@dataclass(frozen=True, slots=True)
class ScoreLine:
    text: str
    points: int


def score_lines(
    fit: Fit, reasons: tuple[Reason, ...], band: InterestBand, *, has_minimum_data: bool
) -> tuple[ScoreLine, ...]:
    """Each line of the score; their sum is the score. Somebody who never buys scores nothing."""
    if fit is Fit.NOT_A_BUYER:
        return (ScoreLine("not a buyer", 0),)
    known = [reason for reason in reasons if reason.criterion not in {"minimum data", "interest"}]
    share = sum(reason.met is True for reason in known) / len(known) if known else 0.0
    return (
        ScoreLine("fit criteria met", round(FIT_POINTS * share)),
        ScoreLine("minimum data known", DATA_POINTS if has_minimum_data else 0),
        ScoreLine(f"interest {band}", INTEREST_POINTS[band]),
    )

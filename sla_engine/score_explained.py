"""The score of one lead line by line, for whoever asks why.

Not here: the score itself (``scorecard``), or the sentences (``wording``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sla_engine.agreement import Agreement
from sla_engine.errors import NaiveInstant
from sla_engine.history import known_by
from sla_engine.model import LeadHistory
from sla_engine.qualification import qualify
from sla_engine.scorecard import ScoreLine, score_lines
from sla_engine.situation import Situation
from sla_engine.verdict import Fit


@dataclass(frozen=True, slots=True)
class ScoreExplained:
    """The lines whose sum is the score. ``card``: its version, "" for the starting score.

    ``chance``: of winning, 0 to 1; None where no card says so, or for somebody who never buys.

    >>> ScoreExplained((ScoreLine("score_data", 20),)).chance is None
    True
    """

    lines: tuple[ScoreLine, ...]
    card: str = ""
    chance: float | None = None


def explain_score(history: LeadHistory, agreement: Agreement, now: datetime) -> ScoreExplained:
    """The score at ``now`` (aware) by what had happened until then, as ``evaluate`` finds it.

    Raises NaiveInstant.

    >>> from sla_engine.examples import agreed, handed_over, later
    >>> [(line.code, line.points) for line in explain_score(handed_over(), agreed(), later(1)).lines]
    [('score_fit', 0), ('score_data', 20), ('score_interest', 0)]
    """
    if now.tzinfo is None:
        raise NaiveInstant("the instant of a score")
    now = now.astimezone(UTC)
    situation = Situation(known_by(history, now), agreement, now)
    judged = qualify(situation)
    reading = situation.at(now, for_score=True).read_card()
    if reading is None:
        band, has_data = judged.interest.band, not judged.missing
        return ScoreExplained(score_lines(judged.fit, judged.criteria, band, has_minimum_data=has_data))
    chance = None if judged.fit is Fit.NOT_A_BUYER else reading.chance
    return ScoreExplained(reading.score_lines(judged.fit), reading.card.version, chance)

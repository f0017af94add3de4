"""Is this lead ready for sales: minimum data, fit and interest, and a score where one is agreed, make an MQL.

Not here: how each of the three is judged (``minimum_data``, ``fit``, ``behaviour``), or moving the
lead in the CRM (``sync``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sla_engine.agreement import Agreement
from sla_engine.fit import judge_fit
from sla_engine.lifecycle import Entry
from sla_engine.minimum_data import missing_data
from sla_engine.model import LeadHistory, LifecycleStage
from sla_engine.scorecard import score_of
from sla_engine.situation import Circumstances, Situation
from sla_engine.verdict import BANDS, Fit, Interest, InterestBand, Missing, Reason

_RECYCLED, _DISQUALIFIED = LifecycleStage.RECYCLED, LifecycleStage.DISQUALIFIED
_NOT_A_BUYER, _NO_BAND = Fit.NOT_A_BUYER, InterestBand.NONE
_DATA_KNOWN = Reason("minimum data", met=True, code="data_known")
_FIT_WANTED = Reason("fit", met=None, code="fit_wanted")
_NO_SIGN = Fit.UNKNOWN
_ONLY_BY_HAND = Reason("lifecycle", met=False, code="only_by_hand")
_RETURN_DATE = Reason("interest", met=True, code="return_date")
_HELD_OUT = Reason("score", met=None, code="score_held_out")


@dataclass(frozen=True, slots=True)
class Qualification:
    """The answers with their reasons.

    ``deciding`` is the interest that counted for the handover: of a recycled lead only what it did
    since. ``returns_on``: the date agreed for taking it up again (aware). ``criteria`` are the reasons of
    fit alone. ``score``: 0 to 100. ``held_out``: routed without it. ``turns_at`` (UTC): when an activity
    leaves a window of the card.

    >>> from sla_engine.examples import agreed, handed_over, later
    >>> qualify(Situation(handed_over(), agreed(), later(0))).returns_on is None
    True
    """

    is_mql: bool
    fit: Fit
    missing: tuple[Missing, ...]
    reasons: tuple[Reason, ...]
    criteria: tuple[Reason, ...]
    interest: Interest
    deciding: Interest
    returns_on: datetime | None
    score: int = 0
    held_out: bool = False
    turns_at: datetime | None = None


def qualify(situation: Situation) -> Qualification:
    """Judge whether a lead is ready for sales now.

    >>> from sla_engine.examples import agreed, handed_over, later
    >>> cold = qualify(Situation(handed_over(), agreed(), later(0)))
    >>> cold.is_mql, [(one.criterion, one.met) for one in cold.reasons]
    (False, [('minimum data', True), ('interest', False)])
    """
    history, agreement, now = situation.history, situation.agreement, situation.now
    missing = missing_data(history, agreement.minimum)
    lead = situation.at(now, for_score=True)
    fit, criteria = judge_fit(agreement.fit, lead)
    interest = situation.behaviour.interest(now)
    last = situation.course.ways[-1] if situation.course.ways else None
    deciding, returns_on = interest, None
    phase = last.phase if last is not None else history.lead.stage
    if last is not None and phase is _RECYCLED:
        deciding = situation.behaviour.interest(now, since=last.at)
        returns_on = _return_date(history, last, agreement)
    back = returns_on is not None and returns_on <= now
    starting = score_of(fit, criteria, interest.band, has_minimum_data=not missing)
    score, turns_at = _by_card(lead, fit, starting) if agreement.cards else (starting, None)
    held_out = agreement.scoring.holds_out(history.lead.id)
    reasons = [_data(missing), *criteria, _RETURN_DATE if back else _interest(deciding, agreement, last)]
    ready = not missing and fit is not _NOT_A_BUYER and reasons[-1].met is True
    if agreement.handover.fit == "buyer" and fit is _NO_SIGN:
        reasons.append(_FIT_WANTED)
        ready = False
    if agreement.handover.score is not None and not back:
        reasons.append(_HELD_OUT if held_out else _score(score, agreement.handover.score))
        ready = ready and reasons[-1].met is not False
    if phase is _DISQUALIFIED:
        reasons.append(_ONLY_BY_HAND)
        ready = False
    return Qualification(
        ready,
        fit,
        missing,
        tuple(reasons),
        criteria,
        interest,
        deciding,
        returns_on,
        score,
        held_out,
        turns_at,
    )


def _return_date(history: LeadHistory, last: Entry, agreement: Agreement) -> datetime | None:
    agreed = history.lead.fields.get(agreement.rejection.return_on)
    return agreed if isinstance(agreed, datetime) and agreed > last.at else None


def _data(missing: tuple[Missing, ...]) -> Reason:
    if not missing:
        return _DATA_KNOWN
    groups = "; ".join(f"{'|'.join(one.names)}:{one.why}" for one in missing)
    return Reason("minimum data", met=False, code="data_missing", values={"missing": groups})


def _by_card(lead: Circumstances, fit: Fit, starting: int) -> tuple[int, datetime | None]:
    """The score by the card in force, and when it turns; the starting score where there is none."""
    reading = lead.read_card()
    return (starting, None) if reading is None else (reading.score(fit), reading.turns_at)


def _score(score: int, wanted: int) -> Reason:
    """Without the score itself, that a reason shown in the CRM does not change with every point."""
    return Reason("score", score >= wanted, "score_wanted", {"least": wanted})


_INTEREST: Mapping[tuple[InterestBand, InterestBand, bool], Reason] = {
    (band, wanted, back): Reason(
        "interest",
        BANDS.index(band) >= BANDS.index(wanted),
        "interest_since_back" if back else "interest",
        {"band": band.value, "wanted": wanted.value},
    )
    for band in BANDS
    for wanted in BANDS
    for back in (False, True)
}


def _interest(deciding: Interest, agreement: Agreement, last: Entry | None) -> Reason:
    wanted = agreement.handover.interest
    if not deciding.readable and wanted is not _NO_BAND:
        return Reason("interest", met=None, code="interest_unreadable")
    back = last is not None and last.phase is _RECYCLED
    return _INTEREST[deciding.band, wanted, back]

"""Is this lead ready for sales: minimum data, fit and interest together make an MQL.

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
from sla_engine.situation import Situation
from sla_engine.verdict import BANDS, Fit, Interest, InterestBand, Missing, Reason

_RECYCLED, _DISQUALIFIED = LifecycleStage.RECYCLED, LifecycleStage.DISQUALIFIED
_NOT_A_BUYER, _NO_BAND = Fit.NOT_A_BUYER, InterestBand.NONE
_DATA_KNOWN = Reason("minimum data", met=True, code="data_known")
_FIT_WANTED = Reason("fit", met=None, code="fit_wanted")
_NO_SIGN = Fit.UNKNOWN
_ONLY_BY_HAND = Reason("lifecycle", met=False, code="only_by_hand")
_RETURN_DATE = Reason("interest", met=True, code="return_date")


@dataclass(frozen=True, slots=True)
class Qualification:
    """The answers with their reasons.

    ``deciding`` is the interest that counted for the handover: of a recycled lead only what it did
    since. ``returns_on``: the date agreed for taking it up again (aware). ``criteria`` are the reasons of
    fit alone.

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


def qualify(situation: Situation) -> Qualification:
    """Judge whether a lead is ready for sales now.

    >>> from sla_engine.examples import agreed, handed_over, later
    >>> cold = qualify(Situation(handed_over(), agreed(), later(0)))
    >>> cold.is_mql, [(one.criterion, one.met) for one in cold.reasons]
    (False, [('minimum data', True), ('interest', False)])
    """
    history, agreement, now = situation.history, situation.agreement, situation.now
    missing = missing_data(history, agreement.minimum)
    fit, criteria = judge_fit(agreement.fit, situation.at(now, for_score=True))
    interest = situation.behaviour.interest(now)
    last = situation.course.ways[-1] if situation.course.ways else None
    deciding, returns_on = interest, None
    phase = last.phase if last is not None else history.lead.stage
    if last is not None and phase is _RECYCLED:
        deciding = situation.behaviour.interest(now, since=last.at)
        returns_on = _return_date(history, last, agreement)
    back = returns_on is not None and returns_on <= now
    reasons = [_data(missing), *criteria, _RETURN_DATE if back else _interest(deciding, agreement, last)]
    ready = not missing and fit is not _NOT_A_BUYER and reasons[-1].met is True
    if agreement.handover.fit == "buyer" and fit is _NO_SIGN:
        reasons.append(_FIT_WANTED)
        ready = False
    if phase is _DISQUALIFIED:
        reasons.append(_ONLY_BY_HAND)
        ready = False
    return Qualification(ready, fit, missing, tuple(reasons), criteria, interest, deciding, returns_on)


def _return_date(history: LeadHistory, last: Entry, agreement: Agreement) -> datetime | None:
    agreed = history.lead.fields.get(agreement.rejection.return_on)
    return agreed if isinstance(agreed, datetime) and agreed > last.at else None


def _data(missing: tuple[Missing, ...]) -> Reason:
    if not missing:
        return _DATA_KNOWN
    groups = "; ".join(f"{'|'.join(one.names)}:{one.why}" for one in missing)
    return Reason("minimum data", met=False, code="data_missing", values={"missing": groups})


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

"""Is this lead ready for sales: minimum data, fit and interest together make an MQL."""

from __future__ import annotations

from dataclasses import dataclass

from sla_engine.agreement import Agreement, MinimumData
from sla_engine.conditions import holds
from sla_engine.model import LeadHistory, LifecycleStage
from sla_engine.verdict import Fit, InterestBand, Reason

_ORDER = (InterestBand.NONE, InterestBand.LOW, InterestBand.MEDIUM, InterestBand.HIGH)


@dataclass(frozen=True, slots=True)
class Qualification:
    """The three answers with their reasons; ``missing`` lists the groups of minimum data not known."""

    is_mql: bool
    fit: Fit
    missing: tuple[str, ...]
    reasons: tuple[Reason, ...]


def qualify(history: LeadHistory, agreement: Agreement, band: InterestBand) -> Qualification:
    """Judge a lead with interest in ``band``."""
    missing = missing_data(history, agreement.minimum)
    fit, reasons = judge_fit(history, agreement)
    enough = _ORDER.index(band) >= _ORDER.index(agreement.handover.interest)
    data_text = f"still unknown: {', '.join(missing)}" if missing else "the agreed minimum is known"
    given_back = bool(history.stages) and history.stages[-1].stage is LifecycleStage.RECYCLED
    since = " since sales gave it back" if given_back else ""
    interest_text = f"interest{since} is {band}, {agreement.handover.interest} is needed"
    every = (
        Reason("minimum data", not missing, data_text),
        *reasons,
        Reason("interest", enough, interest_text),
    )
    return Qualification(not missing and fit is not Fit.NOT_A_BUYER and enough, fit, missing, every)


def missing_data(history: LeadHistory, minimum: MinimumData) -> tuple[str, ...]:
    """The groups without a real value; placeholders such as "n/a" count as nothing.

    >>> from datetime import UTC, datetime
    >>> from sla_engine.model import Lead
    >>> fields = {"company": "n/a", "email": "a@b.example"}
    >>> lead = Lead("1", datetime(2026, 1, 5, tzinfo=UTC), None, fields=fields)
    >>> minimum = MinimumData(required=["company", ["email", "phone"]], placeholders=["n/a"])
    >>> missing_data(LeadHistory(lead), minimum)
    ('company',)
    """
    nothing = {placeholder.casefold() for placeholder in minimum.placeholders} | {""}

    def known(name: str) -> bool:
        value = history.lead.fields.get(name)
        return value is not None and str(value).strip().casefold() not in nothing

    return tuple(" or ".join(group) for group in minimum.required if not any(known(name) for name in group))


def judge_fit(history: LeadHistory, agreement: Agreement) -> tuple[Fit, tuple[Reason, ...]]:
    """A sure sign against wins over every sign for; with no sign either way it is unknown."""
    reasons = []
    fit = Fit.UNKNOWN
    for criterion in agreement.fit:
        answer = holds(criterion, history)
        against = criterion.verdict == "not_a_buyer"
        text = criterion.because if answer else f"not found: {criterion.because}"
        if answer is None:
            text = f"cannot tell: {criterion.field} is unknown"
        met = None if answer is None else answer is not against
        reasons.append(Reason(criterion.name, met, text))
        if answer and against:
            fit = Fit.NOT_A_BUYER
        elif answer and fit is Fit.UNKNOWN:
            fit = Fit.BUYER
    return fit, tuple(reasons)

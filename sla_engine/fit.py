"""Fit: is this a buyer at all, or an applicant, student, competitor, supplier, one of our own?"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from sla_engine.conditions import Answer, Circumstances, Condition
from sla_engine.verdict import Fit, Reason

_BUYER, _NOT_A_BUYER, _UNKNOWN = Fit.BUYER, Fit.NOT_A_BUYER, Fit.UNKNOWN


class FitCriterion(Condition):
    """One sign of a buyer or of somebody who never buys, with the reason in plain words."""

    name: str
    verdict: Literal["buyer", "not_a_buyer"]
    because: str

    @cached_property
    def said(self) -> dict[Answer, Reason]:
        """The reason for each answer, made once for all leads."""
        against = self.verdict == "not_a_buyer"
        values = {"because": self.because, "field": self.field}
        return {
            True: Reason(self.name, not against, "fit_found", values),
            False: Reason(self.name, against, "fit_clear" if against else "fit_not_found", values),
            None: Reason(self.name, None, "fit_unknown" if self.field else "fit_unclear", values),
        }


def judge_fit(criteria: tuple[FitCriterion, ...], lead: Circumstances) -> tuple[Fit, tuple[Reason, ...]]:
    """A sure sign against wins over every sign for; with no sign either way it is unknown."""
    fit = _UNKNOWN
    reasons = []
    for criterion in criteria:
        answer = criterion.holds(lead)
        reasons.append(criterion.said[answer])
        if answer and criterion.verdict == "not_a_buyer":
            fit = _NOT_A_BUYER
        elif answer and fit is _UNKNOWN:
            fit = _BUYER
    return fit, tuple(reasons)

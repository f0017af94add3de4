"""Fit: is this a buyer at all, or an applicant, student, competitor, supplier, one of our own?

Not here: how a condition is tested (``conditions``), or what fit is worth in the score (``scorecard``).
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from pydantic import model_validator

from sla_engine.conditions import Answer, Circumstances, Condition, asks_for_score
from sla_engine.verdict import Fit, Reason

_BUYER, _NOT_A_BUYER, _UNKNOWN = Fit.BUYER, Fit.NOT_A_BUYER, Fit.UNKNOWN


class FitCriterion(Condition):
    """One sign of a buyer or of somebody who never buys, with the reason in plain words.

    Raises ValueError as a ``Condition`` does.

    >>> rule = {"name": "student", "verdict": "not_a_buyer", "because": "studies", "field": "job_title"}
    >>> student = FitCriterion.model_validate(rule | {"matches": "(?i)student"})
    >>> student.said[True].met, student.said[None].code
    (False, 'fit_unknown')
    """

    name: str
    verdict: Literal["buyer", "not_a_buyer"]
    because: str

    @model_validator(mode="after")
    def _asks_for_no_score(self) -> FitCriterion:
        if asks_for_score(self):
            raise ValueError("`score` is made of fit, so fit cannot ask for it")
        return self

    @cached_property
    def said(self) -> dict[Answer, Reason]:
        """The reason for each answer, made once for all leads. A sign against that is found is not met."""
        against = self.verdict == "not_a_buyer"
        values = {"because": self.because, "field": self.field}
        return {
            True: Reason(self.name, not against, "fit_found", values),
            False: Reason(self.name, against, "fit_clear" if against else "fit_not_found", values),
            None: Reason(self.name, None, "fit_unknown" if self.field else "fit_unclear", values),
        }


def judge_fit(criteria: tuple[FitCriterion, ...], lead: Circumstances) -> tuple[Fit, tuple[Reason, ...]]:
    """A sure sign against wins over every sign for; with no sign either way it is unknown.

    >>> from sla_engine.examples import agreed, handed_over, later
    >>> from sla_engine.situation import Circumstances
    >>> rule = {"name": "size", "verdict": "buyer", "because": "large", "field": "employees", "at_least": 50}
    >>> lead = Circumstances(handed_over(), agreed(), later(0))
    >>> judge_fit((FitCriterion.model_validate(rule),), lead)[0]
    <Fit.UNKNOWN: 'unknown'>
    """
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

"""One lead at one instant, looked at once: its way, its proofs, its owners, what conditions may ask.

Worked out only as far as somebody asks; nothing here is an opinion of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from sla_engine.agreement import Agreement
from sla_engine.fit import judge_fit
from sla_engine.interest import interest_of
from sla_engine.lifecycle import Course, entries
from sla_engine.minimum_data import missing_data
from sla_engine.model import Activity, ActivityKind, Lead, LeadHistory, Owner, OwnerChange, Value
from sla_engine.proof import Proofs
from sla_engine.scorecard import score_of
from sla_engine.verdict import InterestBand


class Circumstances:
    """What a condition may ask about a lead as it was at ``instant``. Fields are as they are now."""

    def __init__(self, history: LeadHistory, agreement: Agreement, instant: datetime) -> None:
        self._history = history
        self._agreement = agreement
        self._instant = instant
        self.fields: Mapping[str, Value] = history.lead.fields

    @cached_property
    def activities(self) -> tuple[Activity, ...]:
        """What had happened by then."""
        everything = self._history.activities
        if not everything or everything[-1].at <= self._instant:
            return everything
        return tuple(one for one in everything if one.at <= self._instant)

    @cached_property
    def kinds(self) -> frozenset[ActivityKind]:
        return frozenset(one.kind for one in self.activities)

    @cached_property
    def band(self) -> InterestBand:
        return interest_of(self._history, self._agreement.interest, self._instant).band

    @cached_property
    def score(self) -> int:
        fit, reasons = judge_fit(self._agreement.fit, self)
        is_known = not missing_data(self._history, self._agreement.minimum)
        return score_of(fit, reasons, self.band, has_minimum_data=is_known)


@dataclass
class Situation:
    """A lead's history known by ``now``, under ``agreement``."""

    history: LeadHistory
    agreement: Agreement
    now: datetime

    @property
    def lead(self) -> Lead:
        return self.history.lead

    def at(self, instant: datetime) -> Circumstances:
        """What conditions see at ``instant`` (not after ``now``)."""
        return Circumstances(self.history, self.agreement, instant)

    @cached_property
    def course(self) -> Course:
        """The lead's way through the phases."""
        agreement = self.agreement
        hours = agreement.hours[agreement.default_hours]
        return Course(entries(self.history), self.history, agreement.rejection, hours)

    @cached_property
    def proofs(self) -> Proofs:
        return Proofs(self.course)

    @cached_property
    def owner(self) -> Owner | None:
        """Who has the lead now; what the CRM shows of them (zone, active) where it is the same person."""
        current = self.lead.owner
        if not self.history.owners:
            return current
        last = self.history.owners[-1]
        return current if current and current.id == last.owner else _named(last)

    def owner_at(self, instant: datetime) -> Owner | None:
        """Who had the lead at ``instant``; the first one known later where nobody had it yet."""
        before: OwnerChange | None = None
        for change in self.history.owners:
            if change.at <= instant:
                before = change
            elif before is None or before.owner is None:
                if change.owner:
                    return _named(change)
            else:
                break
        if before is not None and before.owner:
            return _named(before)
        return self.lead.owner


def _named(change: OwnerChange) -> Owner | None:
    if change.owner is None:
        return None
    return Owner(change.owner, is_queue=change.to_queue, time_zone=change.time_zone)


def under(situation: Situation, agreement: Agreement) -> Situation:
    """The same lead at the same instant, judged by another agreement."""
    return situation if agreement is situation.agreement else replace(situation, agreement=agreement)

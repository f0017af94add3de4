"""Rejections: the agreed reasons, what must have been tried before, and when one counts as an answer.

Not here: the way a lead takes through its phases (``lifecycle``), or what else proves an answer (``proof``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from pydantic import Field

from sla_engine.business_time import BusinessHours
from sla_engine.lifecycle import REJECTED, Entry, Lifecycle, by_automation
from sla_engine.model import Activity, ActivityKind, ActorKind, LeadHistory, LifecycleStage
from sla_engine.parts import Part
from sla_engine.verdict import Reason

S = LifecycleStage
_PERSON = ActorKind.PERSON
_IN_SALES_HANDS = frozenset({S.MQL, S.SAL, S.SQL})
_ATTEMPTS = frozenset({ActivityKind.CALL, ActivityKind.EMAIL, ActivityKind.MEETING})


class Cadence(Part):
    """What must have been tried before ``reasons`` are accepted as grounds for a rejection.

    >>> Cadence(reasons=["not reachable"], attempts=4, channels=2, working_days=10).channels
    2
    """

    reasons: tuple[str, ...] = Field(min_length=1)
    attempts: int = Field(ge=1)
    channels: int = Field(default=1, ge=1, le=len(_ATTEMPTS))
    working_days: int = Field(ge=1)


class Rejection(Part):
    """The reasons both sides agreed on. ``reason_needed``: a rejection without one is no answer.

    >>> Rejection(recycle=["no budget"], disqualify=["student"]).reasons_for(S.RECYCLED)
    ('no budget',)
    """

    recycle: tuple[str, ...] = ()
    disqualify: tuple[str, ...] = ()
    reason_needed: bool = True
    return_on: str = ""  # our lead field with the date agreed for taking a recycled lead up again
    cadence: Cadence | None = None

    def reasons_for(self, stage: LifecycleStage) -> tuple[str, ...]:
        """The agreed reasons for a rejection into ``stage``."""
        return self.recycle if stage is S.RECYCLED else self.disqualify


def rejection_reason(entry: Entry, history: LeadHistory) -> str:
    """The reason given for a rejection; "" if none is known. The lead shows only the last one.

    >>> from sla_engine.examples import entered, handed_over
    >>> from sla_engine.lifecycle import entries
    >>> told = handed_over(entered("recycled", 2, reason="no budget"))
    >>> rejection_reason(entries(told)[-1], told)
    'no budget'
    """
    told = entry.change.reason if entry.change else ""
    shown = history.lead.reason if entry.left_at is None else ""
    return next((reason for reason in (told, shown) if reason.strip(" -./")), "")


NONE_GIVEN = "-"
"""A stage change's reason where somebody looked and found none; "" where nobody knows."""


class ReasonLost(Exception):
    """Nobody can read any more why a lead was rejected back then.

    >>> from sla_engine.examples import agreed, entered, handed_over, later
    >>> from sla_engine.lifecycle import entries
    >>> back = handed_over(entered("recycled", 2), entered("mql", 99))  # the next round has begun
    >>> Course(entries(back), back, Rejection(), agreed().hours["office"]).answered_at(entries(back)[1])
    Traceback (most recent call last):
    sla_engine.rejection.ReasonLost
    """


@dataclass(frozen=True, slots=True)
class Course:
    """A lead's way with what it is judged by: entries in time order, rejection rules, calendar.

    >>> from sla_engine.examples import agreed, done, entered, handed_over
    >>> from sla_engine.lifecycle import entries
    >>> told = handed_over(done("call", 1), entered("recycled", 2, reason="no budget"))
    >>> course = Course(entries(told), told, Rejection(), agreed().hours["office"])
    >>> course.answered_at(course.ways[1]).hour, course.tried_enough(course.ways[1], "no budget").hour
    (11, 11)
    >>> course.attempts_made(course.ways[1], 5)  # one attempt on one channel
    (1, 1)
    """

    ways: list[Entry]
    history: LeadHistory
    rules: Rejection
    hours: BusinessHours

    def answered_at(self, entry: Entry) -> datetime | None:
        """When a rejection became the agreed answer: with a reason, and tried often enough. None: it is not.

        Attempts made afterwards count as long as it stands. Raises ReasonLost for one that lies back
        and whose reason cannot be read any more.
        """
        reason = rejection_reason(entry, self.history)
        if not reason and self.rules.reason_needed:
            if entry.left_at is not None and not (entry.change and entry.change.reason):
                raise ReasonLost
            return None
        return self.tried_enough(entry, reason)

    def tried_enough(self, entry: Entry, reason: str) -> datetime | None:
        """When the cadence for this reason was kept; the rejection itself where none is asked."""
        cadence = self.rules.cadence
        if cadence is None or reason.casefold() not in {one.casefold() for one in cadence.reasons}:
            return entry.at
        for within in self._windows(entry, cadence.working_days):
            for count in range(cadence.attempts, len(within) + 1):
                if len({one.kind for one in within[:count]}) >= cadence.channels:
                    return max(entry.at, within[count - 1].at)
        return None

    def attempts_made(self, entry: Entry, working_days: int) -> tuple[int, int]:
        """(attempts, channels) in the best so many working days of this round; (0, 0) without any."""
        made = [(len(one), len({each.kind for each in one})) for one in self._windows(entry, working_days)]
        return max(made, default=(0, 0))

    def _windows(self, entry: Entry, working_days: int) -> Iterator[list[Activity]]:
        """Attempts from each one on to the end of so many working days after its day."""
        made = self._attempts(entry)
        for number, first in enumerate(made):
            end = self.hours.end_of_working_day(first.at, working_days)
            yield [one for one in made[number:] if one.at <= end]

    def _attempts(self, entry: Entry) -> list[Activity]:
        """What people tried since sales got the lead in this round, while the rejection stood."""
        mine = [one.at for one in self.ways if one.round == entry.round and one.phase in _IN_SALES_HANDS]
        start = mine[0] if mine else self.history.lead.created_at
        return [
            one
            for one in self.history.activities
            if one.kind in _ATTEMPTS
            and one.actor_kind is _PERSON
            and one.planned_for is None
            and start <= one.at
            and (entry.left_at is None or one.at < entry.left_at)
        ]


def findings(course: Course, lifecycle: Lifecycle) -> tuple[Reason, ...]:
    """What somebody did against the agreement: stray moves, and faults of the last rejection.

    >>> from sla_engine.examples import agreed, entered, handed_over
    >>> from sla_engine.lifecycle import entries
    >>> told = handed_over(entered("recycled", 2))
    >>> course = Course(entries(told), told, Rejection(), agreed().hours["office"])
    >>> [one.code for one in findings(course, Lifecycle())]
    ['reason_missing']
    """
    ways = course.ways
    found = [
        Reason(
            "lifecycle", False, "stray_move", {"from": one.phase.value, "to": two.phase.value, "at": two.at}
        )
        for one, two in pairwise(ways)
        if two.change is not None and lifecycle.stray(one.phase, two.change)
    ]
    if ways and ways[-1].phase in REJECTED:
        fault = _rejection_fault(ways[-1], course)
        found += [fault] if fault else []
    return tuple(found)


def _rejection_fault(entry: Entry, course: Course) -> Reason | None:
    if by_automation(entry.change):
        return None  # nobody in sales said so
    rules, reason = course.rules, rejection_reason(entry, course.history)
    if not reason:
        missing = Reason("rejection", False, "reason_missing", {"stage": entry.phase.value})
        return missing if rules.reason_needed else None
    if rules.cadence and course.tried_enough(entry, reason) is None:
        made, over = course.attempts_made(entry, rules.cadence.working_days)
        values: dict[str, str | int | datetime] = {
            "made": made,
            "over": over,
            "reason": reason,
            "attempts": rules.cadence.attempts,
            "channels": rules.cadence.channels,
        }
        return Reason("rejection", False, "cadence_short", values)
    agreed = rules.reasons_for(entry.phase)
    if agreed and reason.casefold() not in {one.casefold() for one in agreed}:
        return Reason(
            "rejection", False, "reason_not_agreed", {"reason": reason, "agreed": ", ".join(agreed)}
        )
    return None

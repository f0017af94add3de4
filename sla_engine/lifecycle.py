"""The lead's way: phases entered, rounds, the moves that are agreed, and what makes a rejection count.

    inquiry --> MQL --> SAL --> SQL --> opportunity --> customer    on to an opportunity steps may be skipped
       |         |       |       |
       +---------+-------+-------+--> recycled       from there anywhere but to customer; back is a new round
       +---------+-------+-------+--> disqualified   from there back by hand, never by an automation

Moves out of opportunity and customer are free. Not here: what proves an answer (``proof``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from pydantic import Field

from sla_engine.business_time import BusinessHours
from sla_engine.model import (
    Activity,
    ActivityKind,
    ActorKind,
    LeadHistory,
    LifecycleStage,
    OwnerChange,
    StageChange,
)
from sla_engine.parts import Part
from sla_engine.verdict import Party, Reason

S = LifecycleStage
REJECTED = frozenset({S.RECYCLED, S.DISQUALIFIED})
_PERSON, _MQL, _SAL, _DISQUALIFIED = ActorKind.PERSON, S.MQL, S.SAL, S.DISQUALIFIED
_IN_SALES_HANDS = frozenset({S.MQL, S.SAL, S.SQL})
_ATTEMPTS = frozenset({ActivityKind.CALL, ActivityKind.EMAIL, ActivityKind.MEETING})


class Lifecycle(Part):
    """Who is responsible in each stage, and which moves between stages are allowed.

    A stage without an entry in ``moves`` may be left for any other.

    >>> Lifecycle().responsible[S.RECYCLED], S.CUSTOMER in Lifecycle().moves[S.MQL]
    ('marketing', False)
    """

    responsible: Mapping[LifecycleStage, Party] = Field(
        default={
            S.INQUIRY: "marketing",
            S.MQL: "sales",
            S.SAL: "sales",
            S.SQL: "sales",
            S.OPPORTUNITY: "sales",
            S.CUSTOMER: "sales",
            S.RECYCLED: "marketing",
            S.DISQUALIFIED: "nobody",
        }
    )
    moves: Mapping[LifecycleStage, tuple[LifecycleStage, ...]] = Field(
        default={
            S.INQUIRY: (S.MQL, S.SAL, S.SQL, S.OPPORTUNITY, S.RECYCLED, S.DISQUALIFIED),
            S.MQL: (S.SAL, S.SQL, S.OPPORTUNITY, S.RECYCLED, S.DISQUALIFIED),
            S.SAL: (S.SQL, S.OPPORTUNITY, S.RECYCLED, S.DISQUALIFIED),
            S.SQL: (S.OPPORTUNITY, S.RECYCLED, S.DISQUALIFIED),
            S.RECYCLED: (S.INQUIRY, S.MQL, S.SAL, S.SQL, S.OPPORTUNITY, S.DISQUALIFIED),
        }
    )

    def stray(self, before: LifecycleStage, change: StageChange) -> bool:
        """Whether a move is not allowed. Out of disqualified it is every move by an automation."""
        if before is S.DISQUALIFIED:
            return change.actor_kind is ActorKind.AUTOMATION
        return before in self.moves and change.stage not in self.moves[before]


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


class Entry(NamedTuple):
    """The lead entered a phase: when (UTC), by which fact, which time around, and when it left again.

    >>> from sla_engine.examples import handed_over
    >>> entries(handed_over())[0].round, entries(handed_over())[0].left_at
    (1, None)
    """

    phase: LifecycleStage
    at: datetime
    id: str
    round: int
    estimated: bool
    left_at: datetime | None
    change: StageChange | None  # None: accepted by taking it out of a queue
    is_stray_revival: bool = False  # disqualified before, and brought back by an automation


def took_it(previous: OwnerChange | None, change: OwnerChange) -> bool:
    """Whether a person took the lead for themselves, out of a queue, from nobody or from somebody else.

    >>> from sla_engine.examples import given
    >>> took_it(None, given("anna", 1, by="anna")), took_it(None, given("anna", 1, by="bob"))
    (True, False)
    """
    if change.actor_kind is not _PERSON or change.actor != change.owner:
        return False
    had_it = previous is not None and previous.owner == change.owner
    return not had_it and change.owner is not None and not change.to_queue and not change.estimated


def entries(history: LeadHistory) -> list[Entry]:
    """Every entry into a phase, in time order; staying in a stage is no entry.

    Taking an MQL out of a queue is acceptance: the lead is then in the phase SAL, whatever the CRM's
    stage says. A round ends with a rejection; what comes after it is the next.

    >>> from sla_engine.examples import entered, handed_over
    >>> back = handed_over(entered("recycled", 2), entered("mql", 99))
    >>> [(one.phase.value, one.round) for one in entries(back)]
    [('mql', 1), ('recycled', 1), ('mql', 2)]
    """
    moves = _moves(history)
    left: list[datetime | None] = [move[0] for move in moves[1:]]
    left.append(None)
    found: list[Entry] = []
    round_, rejected = 1, False
    for (at, phase, fact_id, change), left_at in zip(moves, left, strict=False):
        if phase is None:
            continue  # out of the agreement's sight; the entry before tells when it left
        if phase in REJECTED:
            rejected = True
        elif rejected:
            round_, rejected = round_ + 1, False
        estimated = change is not None and change.estimated
        stray = bool(found) and found[-1].phase is _DISQUALIFIED and _by_automation(change)
        found.append(Entry(phase, at, fact_id, round_, estimated, left_at, change, stray))
    return found


def _by_automation(change: StageChange | None) -> bool:
    return change is not None and change.actor_kind is ActorKind.AUTOMATION


_Move = tuple[datetime, LifecycleStage | None, str, StageChange | None]


def _moves(history: LeadHistory) -> list[_Move]:
    facts: list[_Move] = [(one.at, one.stage, one.id, one) for one in history.stages]
    previous, takes = None, False
    for change in history.owners:
        if took_it(previous, change):
            facts.append((change.at, _SAL, change.id, None))
            takes = True
        previous = change
    if takes:
        facts.sort(key=lambda fact: (fact[0], fact[3] is not None))
    moves: list[_Move] = []
    phase: LifecycleStage | None = None
    for fact in facts:
        stage = fact[1]
        is_taking = fact[3] is None
        if stage is phase or (is_taking and phase is not _MQL):
            continue
        phase = stage
        moves.append(fact)
    return moves


def rejection_reason(entry: Entry, history: LeadHistory) -> str:
    """The reason given for a rejection; "" if none is known. The lead shows only the last one.

    >>> from sla_engine.examples import entered, handed_over
    >>> told = handed_over(entered("recycled", 2, reason="no budget"))
    >>> rejection_reason(entries(told)[-1], told)
    'no budget'
    """
    given = entry.change.reason if entry.change else ""
    reason = given or (history.lead.reason if entry.left_at is None else "")
    return reason if reason.strip(" -./") else ""


class ReasonLost(Exception):
    """Nobody can read any more why a lead was rejected back then.

    >>> from sla_engine.examples import agreed, entered, handed_over, later
    >>> back = handed_over(entered("recycled", 2), entered("mql", 99))  # the next round has begun
    >>> Course(entries(back), back, Rejection(), agreed().hours["office"]).answered_at(entries(back)[1])
    Traceback (most recent call last):
    sla_engine.lifecycle.ReasonLost
    """


@dataclass(frozen=True, slots=True)
class Course:
    """A lead's way with what it is judged by: entries in time order, rejection rules, calendar.

    >>> from sla_engine.examples import agreed, entered, handed_over
    >>> told = handed_over(entered("recycled", 2, reason="no budget"))
    >>> Course(entries(told), told, Rejection(), agreed().hours["office"]).answered_at(entries(told)[1]).hour
    11
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
            if entry.left_at is not None:
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
    if _by_automation(entry.change):
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

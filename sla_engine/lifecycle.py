"""The lead's way: phases entered, rounds, the moves that are agreed, each with its round.

    inquiry --> MQL --> SAL --> SQL --> opportunity --> customer    on to an opportunity steps may be skipped
       |         |       |       |
       +---------+-------+-------+--> recycled       from there anywhere but to customer; back is a new round
       +---------+-------+-------+--> disqualified   from there back by hand, never by an automation

Moves out of opportunity and customer are free. Not here: what makes a rejection
count (``rejection``), or what proves an answer (``proof``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from pydantic import Field

from sla_engine.model import (
    ActorKind,
    LeadHistory,
    LifecycleStage,
    OwnerChange,
    StageChange,
)
from sla_engine.parts import Part
from sla_engine.verdict import Party

S = LifecycleStage
REJECTED = frozenset({S.RECYCLED, S.DISQUALIFIED})
_PERSON, _MQL, _SAL, _DISQUALIFIED = ActorKind.PERSON, S.MQL, S.SAL, S.DISQUALIFIED


class Lifecycle(Part):
    """Who is responsible in each stage, and which moves between stages are allowed.

    A stage without an entry in ``moves`` may be left for any other.

    >>> Lifecycle().responsible[S.RECYCLED], S.CUSTOMER in Lifecycle().moves[S.MQL]
    ('marketing', False)
    >>> from sla_engine.examples import entered
    >>> Lifecycle().stray(S.MQL, entered("sal", 1)), Lifecycle().stray(S.MQL, entered("customer", 1))
    (False, True)
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
        stray = bool(found) and found[-1].phase is _DISQUALIFIED and by_automation(change)
        found.append(Entry(phase, at, fact_id, round_, estimated, left_at, change, stray))
    return found


def by_automation(change: StageChange | None) -> bool:
    """Whether an integration or a flow made the change.

    >>> by_automation(None)
    False
    """
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

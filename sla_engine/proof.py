"""What proves that a promise was kept: only what a person did after the clock began.

Changes by an integration or a flow, automatic and bulk mail, and anything before the handover
prove nothing. Exceptions by nature: an assignment counts whoever made it, and marketing's own work
(enrolment, handing over) is made by its automation. Not here: which proofs meet which target
(``target.met_by``), or when a rejection counts (``rejection.Course``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

from sla_engine.lifecycle import REJECTED, Entry, took_it
from sla_engine.model import Activity, ActivityKind, ActorKind, LifecycleStage, OwnerChange
from sla_engine.rejection import Course, ReasonLost

_TOUCHES = {
    ActivityKind.CALL: "call",
    ActivityKind.EMAIL: "email",
    ActivityKind.MEETING: "meeting",
}
FOLLOW_UPS = frozenset({*_TOUCHES, ActivityKind.TASK})
_STAGE_PROOFS = {
    LifecycleStage.SAL: ("accepted",),
    LifecycleStage.SQL: ("qualified", "accepted"),
    LifecycleStage.OPPORTUNITY: ("opportunity",),
    LifecycleStage.CUSTOMER: ("opportunity",),
    LifecycleStage.RECYCLED: ("rejected",),
    LifecycleStage.DISQUALIFIED: ("rejected",),
}
_PERSON, _AUTOMATION, _ENROLLED = ActorKind.PERSON, ActorKind.AUTOMATION, ActivityKind.ENROLLED
_MQL = LifecycleStage.MQL
_OPENED = frozenset({LifecycleStage.OPPORTUNITY, LifecycleStage.CUSTOMER})


class Proof(NamedTuple):
    """What may stop a clock (``target.ProofName``), when (UTC), by which fact and actor (CRM ids).

    >>> from sla_engine.examples import later
    >>> Proof("call", later(2), "00T1", "005A").name
    'call'
    """

    name: str
    at: datetime
    fact_id: str
    actor: str | None = None


class Proofs:
    """Everything in a lead's history that proves something, in time order.

    >>> from sla_engine.examples import agreed, done, entered, handed_over, later
    >>> from sla_engine.situation import Situation
    >>> told = handed_over(entered("sal", 1, by="flow"), done("call", 2))  # a flow accepts nothing
    >>> Situation(told, agreed(), later(9)).proofs.first(later(0), None, {"accepted", "call"}).name
    'call'
    """

    def __init__(self, course: Course) -> None:
        history = course.history
        found: list[Proof] = []
        for entry in course.ways:
            if entry.phase is _MQL and not entry.estimated:
                found.append(Proof("handed_over", entry.at, entry.id, None))
            if entry.change is not None and entry.change.actor_kind is not _AUTOMATION:
                found += _by_entry(entry, course)
        previous = None
        for change in history.owners:
            if change.owner is not None and not change.to_queue:
                found += _by_owner(previous, change)
            previous = change
        for one in history.activities:
            if one.actor_kind is _PERSON or one.kind is _ENROLLED:
                found += _by_activity(one)
        if len(found) > 1:
            found.sort(key=itemgetter(1, 2))  # by instant, then by fact
        self._all = found

    def first(
        self, start: datetime, until: datetime | None, accepted: Collection[str], but: str | None = None
    ) -> Proof | None:
        """The earliest in [start, until] (None: open-ended) of a kind in ``accepted``; None if there is none.

        ``but``: the fact at ``start`` with this id proves nothing: it opened the clock. Instants are aware.
        """
        for proof in self._all:
            if proof.at < start or proof.name not in accepted:
                continue
            if proof.at == start and proof.fact_id == but:
                continue
            return proof if until is None or proof.at <= until else None
        return None


def _by_entry(entry: Entry, course: Course) -> Iterator[Proof]:
    change = entry.change
    if change is None or change.estimated:
        return
    by_person = change.actor_kind is _PERSON
    unsaid_opportunity = entry.phase in _OPENED and change.actor_kind is ActorKind.UNKNOWN
    if not (by_person or unsaid_opportunity):
        return
    at: datetime | None = entry.at
    if entry.phase in REJECTED:
        try:
            at = course.answered_at(entry)
        except ReasonLost:
            return
    if at is not None:
        for name in _STAGE_PROOFS.get(entry.phase, ()):
            yield Proof(name, at, entry.id, change.actor)


def _by_owner(previous: OwnerChange | None, change: OwnerChange) -> Iterator[Proof]:
    """A lead given to a person."""
    if took_it(previous, change):
        yield Proof("accepted", change.at, change.id, change.actor)
    yield Proof("assigned", change.at, change.id, change.actor)


def _by_activity(activity: Activity) -> Iterator[Proof]:
    kind = activity.kind
    if activity.planned_for is not None:
        if kind in FOLLOW_UPS and activity.planned_for > activity.known_at:
            yield Proof("follow_up", activity.known_at, activity.id, activity.actor)
    elif kind is _ENROLLED:
        yield Proof("enrolled", activity.at, activity.id, activity.actor)
    elif kind is ActivityKind.TASK:
        if activity.outcome:
            yield Proof("task", activity.at, activity.id, activity.actor)
    elif kind in _TOUCHES:
        yield Proof(_TOUCHES[kind], activity.at, activity.id, activity.actor)

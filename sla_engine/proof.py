"""What proves that a promise was kept: only what a person did after the clock began.

Changes by an integration or a flow, automatic and bulk mail, and anything before the handover
prove nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from sla_engine.model import (
    Activity,
    ActivityKind,
    ActorKind,
    LeadHistory,
    LifecycleStage,
    OwnerChange,
    StageChange,
)

_TOUCHES = {
    ActivityKind.CALL: "call",
    ActivityKind.EMAIL: "email",
    ActivityKind.MEETING: "meeting",
    ActivityKind.TASK: "task",
}
_STAGE_PROOFS = {
    LifecycleStage.SAL: ("accepted",),
    LifecycleStage.SQL: ("qualified", "accepted"),
    LifecycleStage.OPPORTUNITY: ("opportunity",),
    LifecycleStage.CUSTOMER: ("opportunity",),
    LifecycleStage.RECYCLED: ("rejected",),
    LifecycleStage.DISQUALIFIED: ("rejected",),
}


@dataclass(frozen=True, slots=True)
class Proof:
    """What stopped a clock and when. ``known_at`` is later than ``at`` when it was logged afterwards."""

    name: str
    at: datetime
    fact_id: str
    actor: str | None = None


def first_proof(
    history: LeadHistory, start: datetime, until: datetime | None, accepted: Collection[str]
) -> Proof | None:
    """The earliest proof in [start, until) of a kind in ``accepted`` (None: open-ended)."""
    found = [
        proof
        for proof in _proofs(history, start)
        if proof.name in accepted and proof.at >= start and (until is None or proof.at < until)
    ]
    return min(found, key=lambda proof: (proof.at, proof.fact_id), default=None)


def _proofs(history: LeadHistory, start: datetime) -> Iterator[Proof]:
    for move in history.stages:
        yield from _by_stage(move)
    for previous, change in zip((None, *history.owners), history.owners, strict=False):
        proof = _by_taking(previous, change)
        if proof:
            yield proof
    for activity in history.activities:
        proof = _by_activity(activity, start)
        if proof:
            yield proof


def _by_stage(change: StageChange) -> Iterator[Proof]:
    opened = change.stage in {LifecycleStage.OPPORTUNITY, LifecycleStage.CUSTOMER}
    proven = change.actor_kind is ActorKind.PERSON or (opened and change.actor_kind is ActorKind.UNKNOWN)
    if proven and not change.estimated:
        for name in _STAGE_PROOFS.get(change.stage, ()):
            yield Proof(name, change.at, change.id, change.actor)


def _by_taking(previous: OwnerChange | None, change: OwnerChange) -> Proof | None:
    """A person took the lead for themselves, out of a queue or from nobody."""
    came_free = previous is None or previous.owner is None or previous.to_queue
    took_it = change.owner is not None and not change.to_queue and change.actor == change.owner
    if came_free and took_it and change.actor_kind is ActorKind.PERSON and not change.estimated:
        return Proof("accepted", change.at, change.id, change.actor)
    return None


def _by_activity(activity: Activity, start: datetime) -> Proof | None:
    if activity.actor_kind is not ActorKind.PERSON:
        return None
    if activity.planned_for is not None:
        if activity.known_at >= start and activity.planned_for > activity.known_at:
            return Proof("follow_up", activity.known_at, activity.id, activity.actor)
        return None
    name = _TOUCHES.get(activity.kind)
    return Proof(name, activity.at, activity.id, activity.actor) if name else None

"""What opens a clock: a phase entered, a lead given to somebody in it, or something the lead does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from sla_engine.lifecycle import REJECTED, Entry
from sla_engine.model import ActorKind
from sla_engine.situation import Situation
from sla_engine.target import Target


class Opening(NamedTuple):
    """A clock's start: ``id`` of the fact that opened it, and when it ends without an answer.

    ``unclear``: it ends with a rejection whose reason nobody can read any more.
    """

    id: str
    at: datetime
    round: int
    estimated: bool
    ends_at: datetime | None
    unclear: bool = False


def openings_of(target: Target, situation: Situation) -> Iterator[Opening]:
    """Every opening of ``target`` in the lead's known history, in time order."""
    for stay in stays(target, situation):
        if target.starts == "phase_entered":
            yield stay
        elif target.starts == "assigned":
            yield from _per_owner(stay, situation)
        else:
            yield from _per_inbound(stay, target, situation)


def stays(target: Target, situation: Situation) -> list[Opening]:
    """Times the lead spent in the target's phases, moves between these phases left out.

    A rejection that is no answer (no reason, or not tried often enough) does not end a stay.
    """
    course = situation.course
    found: list[Opening] = []
    current: Opening | None = None
    for entry in course.ways:
        if entry.phase in target.phase:
            if current is None:
                current = Opening(
                    entry.id or entry.at.isoformat(), entry.at, entry.round, entry.estimated, None
                )
        elif current is not None:
            answered = course.answers(entry) if _by_sales(entry) and target.responsible == "sales" else True
            if answered is False and entry.left_at is None:
                continue
            found.append(_ended(current, entry.at, unclear=answered is None))
            current = None
    return [*found, current] if current else found


def _by_sales(entry: Entry) -> bool:
    """Whether a person rejected the lead here."""
    by_person = entry.change is not None and entry.change.actor_kind is ActorKind.PERSON
    return by_person and entry.phase in REJECTED


def _ended(opening: Opening, at: datetime, *, unclear: bool) -> Opening:
    return Opening(opening.id, opening.at, opening.round, opening.estimated, at, unclear)


def _per_owner(stay: Opening, situation: Situation) -> Iterator[Opening]:
    """One opening for each person who has the lead during the stay; queues and nobody open none."""
    changes = situation.history.owners
    start, fact_id, estimated = stay.at, stay.id, stay.estimated
    had = situation.holder_at(stay.at)
    holder = None if had is None or had.is_queue else had.id
    for change in changes:
        if change.at <= stay.at:
            continue
        if stay.ends_at is not None and change.at >= stay.ends_at:
            break
        following = None if change.to_queue else change.owner
        if following == holder:
            continue
        if holder is not None:
            yield Opening(fact_id, start, stay.round, estimated, change.at)
        start, fact_id, holder = change.at, f"{stay.id}/{change.id or change.at.isoformat()}", following
        estimated = stay.estimated or change.estimated
    if holder is not None:
        yield Opening(fact_id, start, stay.round, estimated, stay.ends_at, stay.unclear)


def _per_inbound(stay: Opening, target: Target, situation: Situation) -> Iterator[Opening]:
    """One opening for each inbound activity, but those that join a clock still running."""
    running_since: datetime | None = None
    for activity in situation.history.activities:
        if activity.kind not in target.activities or activity.at < stay.at:
            continue
        if stay.ends_at is not None and activity.at >= stay.ends_at:
            return
        if running_since is not None and target.joins_within is not None:
            near = activity.at - running_since <= target.joins_within
            answered = situation.proofs.first(running_since, activity.at, target.met_by)
            if near and answered is None:
                continue
        running_since = activity.at
        yield Opening(activity.id, activity.at, stay.round, stay.estimated, stay.ends_at, stay.unclear)

"""Facts in any order and with duplicates made into one history, and nonsense refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from sla_engine.errors import BadFact
from sla_engine.model import (
    Activity,
    ActivityKind,
    Lead,
    LeadHistory,
    LifecycleStage,
    OwnerChange,
    Relation,
    StageChange,
)

_ATTACH = "give an aware datetime, e.g. in UTC"


def history_of(  # noqa: PLR0913 - one argument per kind of fact
    lead: Lead,
    activities: Iterable[Activity] = (),
    stages: Iterable[StageChange] = (),
    owners: Iterable[OwnerChange] = (),
    *,
    relations: Iterable[Relation] = (),
    activity_readable: bool = True,
    behaviour_readable: bool = True,
) -> LeadHistory:
    """Build a history from facts in any order, with duplicates. Raises BadFact.

    The same facts in another order, or twice, give the same history:

    >>> from datetime import UTC, datetime
    >>> lead = Lead("1", datetime(2026, 1, 5, tzinfo=UTC), LifecycleStage.INQUIRY)
    >>> visit = Activity("a", ActivityKind.PAGE_VISIT, lead.created_at, lead.created_at)
    >>> history_of(lead, (visit, visit)) == history_of(lead, (visit,))
    True
    """
    unique = {activity.id: activity for activity in activities}
    moves, owned = set(stages), set(owners)
    _check(lead, unique.values(), moves, owned)
    ordered = sorted(moves, key=lambda s: (s.at, s.id, s.stage))
    _rounds_apart(lead, ordered)
    return LeadHistory(
        lead=lead,
        activities=tuple(sorted(unique.values(), key=lambda a: (a.at, a.id))),
        stages=tuple(ordered),
        owners=_from_creation(lead, sorted(owned, key=lambda o: (o.at, o.id, o.owner or ""))),
        relations=tuple(sorted(relations, key=lambda r: (r.since, r.kind, r.record_id))),
        activity_readable=activity_readable,
        behaviour_readable=behaviour_readable,
    )


def known_by(history: LeadHistory, now: datetime) -> LeadHistory:
    """Only what had happened by ``now``; planned work counts from when it was planned."""
    if _nothing_ahead(history, now):
        return history
    return replace(
        history,
        activities=tuple(one for one in history.activities if happened_at(one) <= now),
        stages=tuple(change for change in history.stages if change.at <= now),
        owners=tuple(change for change in history.owners if change.at <= now),
        relations=tuple(one for one in history.relations if one.since <= now),
    )


def _nothing_ahead(history: LeadHistory, now: datetime) -> bool:
    activities, stages, owners = history.activities, history.stages, history.owners
    if (stages and stages[-1].at > now) or (owners and owners[-1].at > now):
        return False
    if activities and (activities[-1].at > now or any([one.planned_for for one in activities])):  # noqa: C419
        return False
    return not (history.relations and history.relations[-1].since > now)


def happened_at(activity: Activity) -> datetime:
    """When an activity became a fact: planned work when it was planned."""
    return activity.at if activity.planned_for is None else activity.known_at


def _from_creation(lead: Lead, owners: list[OwnerChange]) -> tuple[OwnerChange, ...]:
    """Owner changes with the first owner in front, where the first change tells who that was."""
    first = owners[0] if owners else None
    if first is None or first.before is None or first.at <= lead.created_at:
        return tuple(owners)
    was = first.before
    since = OwnerChange(lead.created_at, was.id, to_queue=was.is_queue, time_zone=was.time_zone)
    return (since, *owners)


def _check(
    lead: Lead,
    activities: Iterable[Activity],
    stages: Iterable[StageChange],
    owners: Iterable[OwnerChange],
) -> None:
    _aware(lead, "created_at", lead.created_at)
    for one in activities:
        if one.kind.__class__ is not ActivityKind:
            known = ", ".join(ActivityKind)
            raise BadFact(
                lead.id, f"activity {one.id}", f"{one.kind!r} is no kind", f"map it to one of {known}"
            )
        _aware(lead, f"activity {one.id}, at", one.at)
        _aware(lead, f"activity {one.id}, known_at", one.known_at)
        if one.planned_for is not None:
            _aware(lead, f"activity {one.id}, planned_for", one.planned_for)
    for change in stages:
        if change.stage.__class__ is not LifecycleStage:
            known = ", ".join(LifecycleStage)
            raise BadFact(lead.id, "stage", f"{change.stage!r} is no stage", f"map it to one of {known}")
        _aware(lead, f"stage change {change.id}", change.at)
    for owned in owners:
        _aware(lead, f"owner change {owned.id}", owned.at)


def _aware(lead: Lead, field: str, instant: datetime) -> None:
    if instant.tzinfo is None:
        raise BadFact(lead.id, field, "has no time zone", _ATTACH)


def _rounds_apart(lead: Lead, stages: list[StageChange]) -> None:
    """An id names the round that a stage change opens; two changes with one id would be one round."""
    named = sorted((change for change in stages if change.id), key=lambda s: s.id)
    for one, other in pairwise(named):
        if one.id == other.id:
            raise BadFact(
                lead.id,
                f"stage change {one.id}",
                "opens two rounds that overlap",
                "give each change an id of its own",
            )

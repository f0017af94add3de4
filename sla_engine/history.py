"""Facts in any order and with duplicates made into one history, and nonsense refused.

Not here: what the facts look like (``model``), or how a CRM's records become facts (``connectors``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from operator import attrgetter

from sla_engine.errors import BadFact
from sla_engine.model import (
    Activity,
    ActivityKind,
    ActorKind,
    FieldChange,
    Lead,
    LeadHistory,
    LifecycleStage,
    OwnerChange,
    Relation,
    RelationKind,
    StageChange,
    Value,
)

_in_time = attrgetter("at", "id")
_ATTACH = "give an aware datetime, e.g. in UTC"


def history_of(  # noqa: PLR0913 - one argument per kind of fact
    lead: Lead,
    activities: Iterable[Activity] = (),
    stages: Iterable[StageChange] = (),
    owners: Iterable[OwnerChange] = (),
    *,
    relations: Iterable[Relation] = (),
    fields: Iterable[FieldChange] = (),
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
    acts, stages, owners, related = list(activities), list(stages), list(owners), set(relations)
    changed = set(fields)
    _check(lead, acts, stages, owners, related)
    for one in changed:
        _aware(lead, f"change of {one.field}", one.at)
        if isinstance(one.before, datetime):
            _aware(lead, f"{one.field} before {one.at:%Y-%m-%d}", one.before)
    unique = {act.id: act for act in acts}
    if len(unique) < len(acts):  # of two with one id the one known last counts
        acts.sort(key=lambda one: (one.known_at, repr(one)))
        unique = {act.id: act for act in acts}
    owned = {one.id or repr(one): one for one in sorted(owners, key=repr)}.values()
    moves = _told_once(stages)
    ordered = _with_first_stage(lead, sorted(moves, key=lambda s: (s.at, s.id, s.stage or "")))
    _rounds_apart(lead, ordered)
    return LeadHistory(
        lead=lead,
        activities=tuple(sorted(unique.values(), key=_in_time)),
        stages=tuple(ordered),
        owners=_from_creation(lead, sorted(owned, key=lambda o: (o.at, o.id, o.owner or ""))),
        relations=tuple(sorted(related, key=lambda r: (r.since, r.kind, r.record_id, r.owner or ""))),
        fields=tuple(sorted(changed, key=lambda f: (f.at, f.field, repr(f.before)))),
        activity_readable=activity_readable,
        behaviour_readable=behaviour_readable,
    )


def _told_once(stages: Iterable[StageChange]) -> list[StageChange]:
    """Each stage change once; told with its reason and without, it is the one with it."""
    told: dict[tuple[str, datetime, str, StageChange | None], StageChange] = {}
    for one in stages:
        key = (one.id, one.at, one.stage or "", None if one.id else one)
        known = told.get(key)
        if known is None or (one.reason, repr(one)) > (known.reason, repr(known)):
            told[key] = one
    return list(told.values())


def known_by(history: LeadHistory, now: datetime) -> LeadHistory:
    """Only what had happened by ``now`` (aware); planned work counts from when it was planned.

    >>> from sla_engine.examples import done, handed_over, later
    >>> known_by(handed_over(done("call", 2)), later(1)).activities
    ()
    """
    if _nothing_ahead(history, now):
        return history
    stages = tuple(change for change in history.stages if change.at <= now)
    owners = tuple(change for change in history.owners if change.at <= now)
    lead = history.lead
    if history.fields and history.fields[-1].at > now:
        lead = replace(lead, fields=fields_at(history, now))
    if len(stages) < len(history.stages):
        lead = replace(lead, reason="")  # it belongs to a later change
    if history.stages and not stages:
        lead = replace(lead, stage=None)  # what the lead shows today was not so yet
    if history.owners and not owners:
        lead = replace(lead, owner=None)
    return replace(
        history,
        lead=lead,
        activities=tuple(one for one in history.activities if happened_at(one) <= now),
        stages=stages,
        owners=owners,
        relations=tuple(one for one in history.relations if one.since <= now),
        fields=tuple(one for one in history.fields if one.at <= now),
    )


def fields_at(history: LeadHistory, instant: datetime) -> Mapping[str, Value]:
    """The lead's fields at an instant (aware), as far as their changes are known.

    >>> from dataclasses import replace
    >>> from sla_engine.examples import handed_over, later
    >>> moved = replace(handed_over(country="AT"), fields=(FieldChange(later(2), "country", "DE"),))
    >>> fields_at(moved, later(1))["country"], fields_at(moved, later(2))["country"]
    ('DE', 'AT')
    """
    changes = history.fields
    if not changes or changes[-1].at <= instant:
        return history.lead.fields
    fields = dict(history.lead.fields)
    for change in reversed(changes):
        if change.at <= instant:
            break
        fields[change.field] = change.before
    return fields


def _nothing_ahead(history: LeadHistory, now: datetime) -> bool:
    activities, stages, owners = history.activities, history.stages, history.owners
    if (stages and stages[-1].at > now) or (owners and owners[-1].at > now):
        return False
    if activities and activities[-1].at > now:
        return False
    for one in activities:
        if one.planned_for is not None:
            return False
    if history.fields and history.fields[-1].at > now:
        return False
    return not (history.relations and history.relations[-1].since > now)


def happened_at(activity: Activity) -> datetime:
    """When an activity became a fact: planned work when it was planned, not when it will be done.

    >>> from sla_engine.examples import done, later
    >>> meeting = replace(done("meeting", 48), known_at=later(1), planned_for=later(48))
    >>> happened_at(meeting) == later(1)
    True
    """
    return activity.at if activity.planned_for is None else activity.known_at


def _from_creation(lead: Lead, owners: list[OwnerChange]) -> tuple[OwnerChange, ...]:
    """Owner changes with the first owner in front, where the first change tells who that was."""
    first = owners[0] if owners else None
    if first is None or first.before is None or first.at <= lead.created_at:
        return tuple(owners)
    was = first.before
    since = OwnerChange(lead.created_at, was.id, to_queue=was.is_queue, time_zone=was.time_zone)
    return (since, *owners)


def _with_first_stage(lead: Lead, stages: list[StageChange]) -> list[StageChange]:
    """Stage changes with the first stage in front, where the first change tells which that was."""
    first = stages[0] if stages else None
    if first is None or first.before is None or first.at <= lead.created_at:
        return stages
    return [StageChange(lead.created_at, first.before, id="created"), *stages]


def _check(
    lead: Lead,
    activities: Iterable[Activity],
    stages: Iterable[StageChange],
    owners: Iterable[OwnerChange],
    relations: Iterable[Relation],
) -> None:
    _aware(lead, "created_at", lead.created_at)
    if lead.stage is not None:
        _is_one_of(lead, "stage", lead.stage, LifecycleStage)
    for name, value in lead.fields.items():
        if isinstance(value, datetime):
            _aware(lead, name, value)
    for one in activities:
        if not _makes_sense(one):
            _check_activity(lead, one)
    for change in stages:
        if change.stage is not None:
            _is_one_of(lead, "stage", change.stage, LifecycleStage)
        _is_one_of(lead, f"stage change {change.id}", change.actor_kind, ActorKind)
        _aware(lead, f"stage change {change.id}", change.at)
    for owned in owners:
        _is_one_of(lead, f"owner change {owned.id}", owned.actor_kind, ActorKind)
        _aware(lead, f"owner change {owned.id}", owned.at)
    for related in relations:
        _is_one_of(lead, f"relation to {related.record_id}", related.kind, RelationKind)
        _aware(lead, f"relation to {related.record_id}", related.since)


def _makes_sense(one: Activity) -> bool:
    """The same questions as below, asked at once: nearly every activity makes sense."""
    return (
        bool(one.id)
        and one.kind.__class__ is ActivityKind
        and one.actor_kind.__class__ is ActorKind
        and one.at.tzinfo is not None
        and one.known_at.tzinfo is not None
        and (one.planned_for is None or one.planned_for.tzinfo is not None)
    )


def _check_activity(lead: Lead, one: Activity) -> None:
    if not one.id:
        raise BadFact(lead.id, f"a {one.kind} without an id", "cannot be told from others", "give it one")
    _is_one_of(lead, f"activity {one.id}", one.kind, ActivityKind)
    _is_one_of(lead, f"activity {one.id}", one.actor_kind, ActorKind)
    _aware(lead, f"activity {one.id}, at", one.at)
    _aware(lead, f"activity {one.id}, known_at", one.known_at)
    if one.planned_for is not None:
        _aware(lead, f"activity {one.id}, planned_for", one.planned_for)


def _is_one_of(lead: Lead, field: str, value: object, words: type[StrEnum]) -> None:
    if value.__class__ is not words:
        what = {LifecycleStage: "stage", ActivityKind: "kind", ActorKind: "actor"}.get(words, "relation")
        raise BadFact(lead.id, field, f"{value!r} is no {what}", f"map it to one of {', '.join(words)}")


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

"""From the versions of a contact's properties to changes of stage and owner, and to activities.

A *version* is one value a property had, with its instant and source. Pure: nothing is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from connectors.base import SeenLead
from connectors.hubspot.fields import OWNER
from connectors.mapping import ActivitySource, ConnectionMapping, parse_instant, parse_value
from sla_engine.model import (
    Activity,
    ActivityKind,
    ActorKind,
    LifecycleStage,
    Owner,
    OwnerChange,
    StageChange,
)

Actor = tuple[str | None, ActorKind]


@dataclass(frozen=True, slots=True)
class Version:
    """One value a property had from ``at`` on."""

    property: str
    value: str
    at: datetime
    actor: str | None
    actor_kind: ActorKind


@dataclass(frozen=True, slots=True)
class Past:
    """The versions of one contact's properties, oldest first within each property."""

    contact_id: str
    versions: Mapping[str, tuple[Version, ...]]

    def of(self, name: str) -> tuple[Version, ...]:
        return self.versions.get(name, ())


def past_of(row: Mapping[str, Any], until: datetime, actor_of: Callable[[Mapping[str, Any]], Actor]) -> Past:
    """The past a batch read shows, up to ``until``. Versions with an unreadable instant are left out."""
    versions: dict[str, tuple[Version, ...]] = {}
    for name, raw in (row.get("propertiesWithHistory") or {}).items():
        readable = (_version(name, one, actor_of) for one in raw or ())
        kept = [one for one in readable if one is not None and one.at <= until]
        versions[name] = tuple(sorted(kept, key=lambda one: one.at))
    return Past(str(row["id"]), versions)


def _version(
    name: str, raw: Mapping[str, Any], actor_of: Callable[[Mapping[str, Any]], Actor]
) -> Version | None:
    try:
        at = parse_instant(str(raw.get("timestamp") or ""))
    except (ValueError, OverflowError):
        return None
    actor, kind = actor_of(raw)
    return Version(name, str(raw.get("value") or ""), at, actor, kind)


def stage_changes(past: Past, seen: SeenLead, mapping: ConnectionMapping) -> tuple[StageChange, ...]:
    """Every change of stage: at each instant the stage is what all stage fields together mean then.

    Where the history does not lead to the present stage, one estimated change closes the gap.
    """
    every = sorted((one for name in mapping.stages for one in past.of(name)), key=lambda one: one.at)
    values: dict[str, str] = {}
    stage: LifecycleStage | None = None
    changes: list[StageChange] = []
    for at, group in groupby(every, key=lambda one: one.at):
        together = list(group)
        values.update({one.property: one.value for one in together})
        before, stage = stage, mapping.stage_from(values)
        if stage is before:
            continue
        by = _deciding(together, values, mapping)
        change_id = f"{past.contact_id}:{_stamp(at)}:{stage or 'none'}"
        changes.append(StageChange(at, stage, by.actor, by.actor_kind, id=change_id))
    current = seen.lead.stage
    if current is not None and stage is not current:
        at = seen.modified_at if changes else seen.lead.created_at
        changes.append(
            StageChange(at, current, estimated=True, id=f"{past.contact_id}:first-sight:{current}")
        )
    return tuple(changes)


def _deciding(together: Sequence[Version], values: Mapping[str, str], mapping: ConnectionMapping) -> Version:
    """Of the versions of one instant, the one whose field decides the stage."""
    for name, meanings in mapping.stages.items():
        if values.get(name) in meanings:
            for one in together:
                if one.property == name:
                    return one
            break
    return together[0]


def owner_changes(
    past: Past, seen: SeenLead, owner_of: Callable[[str | None], Owner | None]
) -> tuple[OwnerChange, ...]:
    """Every change of owner; estimated at the creation when the CRM keeps no history of it."""
    changes = []
    for one in past.of(OWNER):
        owner = owner_of(one.value)
        changes.append(_owner_change(one.at, owner, one, f"{past.contact_id}:owner:{_stamp(one.at)}"))
    current = seen.lead.owner
    shown = changes[-1].owner if changes else None
    if current is not None and shown != current.id:
        at = seen.modified_at if changes else seen.lead.created_at
        change_id = f"{past.contact_id}:owner:first-sight:{current.id}"
        changes.append(_owner_change(at, current, None, change_id))
    return tuple(changes)


def _owner_change(at: datetime, owner: Owner | None, by: Version | None, change_id: str) -> OwnerChange:
    return OwnerChange(
        at=at,
        owner=owner.id if owner else None,
        actor=by.actor if by else None,
        actor_kind=by.actor_kind if by else ActorKind.UNKNOWN,
        to_queue=owner.is_queue if owner else False,
        time_zone=owner.time_zone if owner else None,
        estimated=by is None,
        id=change_id,
    )


def activities(past: Past, mapping: ConnectionMapping) -> Iterator[Activity]:
    """What the history of single properties tells: visits, forms, the opt-out."""
    for source in mapping.activities.values():
        if source.history_of:
            yield from _each_value(past, source)
    opt_out = mapping.lead.get("email_opt_out")
    if opt_out is None:
        return
    for one in past.of(opt_out.field):
        if _is_true(one.value):
            yield _activity(past, one, ActivityKind.OPT_OUT)


def _each_value(past: Past, source: ActivitySource) -> Iterator[Activity]:
    for one in past.of(source.history_of):
        kind = source.kind_of(one.value)
        if one.value and kind is not None:
            yield replace(_activity(past, one, kind), content=one.value, consent=source.consent)


def _activity(past: Past, one: Version, kind: ActivityKind) -> Activity:
    activity_id = f"{one.property}:{past.contact_id}:{_stamp(one.at)}"
    return Activity(activity_id, kind, at=one.at, known_at=one.at)


def _is_true(value: str) -> bool:
    try:
        return parse_value(value, "boolean") is True
    except ValueError:
        return False


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%S.%f")

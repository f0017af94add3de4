"""One lead as a run knows it, and what can be learned only by looking at it now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.base import OurTask, SeenLead
from sla_engine.lifecycle import REJECTED
from sla_engine.model import FieldChange, Lead, LeadHistory, LifecycleStage, StageChange
from sla_engine.rejection import NONE_GIVEN
from sync.store.packing import from_micros, micros

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class KnownLead:
    """One lead of the working set: as the CRM shows it, its history, our tasks on it.

    ``first_sight``: the stage it is seen in although no history tells of it. ``merged``: ids of the leads
    that were merged into it.
    """

    seen: SeenLead
    history: LeadHistory
    tasks: tuple[OurTask, ...]
    first_sight: StageChange | None = None
    merged: tuple[str, ...] = ()


def first_sight(
    seen: SeenLead, told: Sequence[StageChange], sights: Sequence[StageChange] = ()
) -> StageChange | None:
    """The stage a lead is in although its history does not say so; the start is then an estimate.

    So it is where the CRM keeps no history of stages, or a lead was created in a later stage. A blank
    sight (without a stage) is one that is read under another mapping now: its instant holds.
    """
    lead = seen.lead
    history = [*told, *(one for one in sights if one.stage is not None)]
    last = max(history, key=lambda change: (change.at, change.id), default=None)
    if lead.closed_elsewhere or (last is None and lead.stage is None):
        return None
    if last is not None and last.stage is lead.stage:
        return None
    blank = max((one.at for one in sights if one.stage is None), default=None)
    at = lead.created_at if last is None and lead.stage is LifecycleStage.INQUIRY else seen.modified_at
    at = blank or at
    if last is not None:
        at = max(at, last.at)
    return StageChange(at, lead.stage, estimated=True, id=f"first-sight:{micros(at)}")


def field_changes(before: Lead, seen: SeenLead, last_relied_on: datetime) -> list[FieldChange]:
    """What each field of a lead held until it was changed: told by nobody, seen by us.

    Between ``last_relied_on``, the last instant for which we relied on the old values, and the last touch
    of the record nobody knows which of them held: there the new ones count.
    """
    now, at = seen.lead.fields, min(seen.modified_at, last_relied_on + _MICROSECOND)
    return [
        FieldChange(at, name, before.fields.get(name))
        for name in sorted({*now, *before.fields})
        if now.get(name) != before.fields.get(name)
    ]


def relied_on(row: sa.Row[Any]) -> datetime:
    """The last instant for which a lead was judged, or else shown, with the fields of its row."""
    if not row.verdict:
        return from_micros(row.modified_at)
    return datetime.fromisoformat(json.loads(row.verdict)["as_of"])


def with_reasons(told: Sequence[StageChange], reasons: Mapping[int, str]) -> list[StageChange]:
    """Stage changes with the reasons that were kept beside them, by instant (microseconds)."""
    return [
        replace(one, reason=reasons[micros(one.at)] or NONE_GIVEN)
        if one.stage in REJECTED and not one.reason and micros(one.at) in reasons
        else one
        for one in told
    ]

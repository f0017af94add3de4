"""One lead as a run knows it, and what can be learned only by looking at it now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from connectors.base import OurTask, SeenLead
from sla_engine.model import LeadHistory, LifecycleStage, StageChange
from sync.store.packing import micros, stage_form


@dataclass(frozen=True, slots=True)
class KnownLead:
    """One lead of the working set: as the CRM shows it, its history, our tasks on it.

    ``first_sight``: the stage it is seen in although no history tells of it.
    """

    seen: SeenLead
    history: LeadHistory
    tasks: tuple[OurTask, ...]
    first_sight: StageChange | None = None


def first_sight(seen: SeenLead, told: Sequence[StageChange]) -> StageChange | None:
    """The stage a lead is in although its history does not say so; the start is then an estimate.

    So it is where the CRM keeps no history of stages, or a lead was created in a later stage.
    """
    lead = seen.lead
    last = max(told, key=lambda change: (change.at, change.id), default=None)
    if lead.closed_elsewhere or (last is None and lead.stage is None):
        return None
    if last is not None and last.stage is lead.stage:
        return None
    at = lead.created_at if last is None and lead.stage is LifecycleStage.INQUIRY else seen.modified_at
    if last is not None:
        at = max(at, last.at)
    return StageChange(at, lead.stage, estimated=True, id=f"first-sight:{micros(at)}:{lead.stage or 'none'}")


def only_lacks_reason(body: str, stored: str | None) -> bool:
    """Whether a stage change is the stored one but for the reason that was kept beside it."""
    if stored is None:
        return False
    told, known = stage_form.validate_json(body), stage_form.validate_json(stored)
    return not told.reason and replace(known, reason="") == told

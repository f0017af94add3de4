"""Two records that turned out to be one person: what is owed to the person holds for the survivor.

The survivor keeps what the CRM shows. Its clock moves only one way: where the other record had been
waiting in the same phase for longer, the person has been waiting that long.
Not here: how a CRM tells of a merge (``connectors``), or where it is kept (``sync.store``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from sla_engine.history import history_of
from sla_engine.model import Activity, LeadHistory, OwnerChange, StageChange

_MERGING = timedelta(minutes=1)  # what a merge itself sets is stamped a little after it
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class MergedLead:
    """What was known of a lead when it was merged into another at ``at`` (aware UTC), in any order.

    >>> from datetime import UTC
    >>> MergedLead("7", datetime(2026, 3, 2, 9, tzinfo=UTC)).stages
    ()
    """

    lead_id: str
    at: datetime
    activities: tuple[Activity, ...] = ()
    stages: tuple[StageChange, ...] = ()
    owners: tuple[OwnerChange, ...] = ()


def united(history: LeadHistory, merged: Iterable[MergedLead]) -> LeadHistory:
    """The survivor's history with what was known of the leads merged into it. Raises BadFact.

    Activities of all count. If another lead was in the survivor's phase before the survivor was, that is
    when the phase began; its owner answered for it until the survivor came into the phase itself.

    >>> from sla_engine.examples import entered, handed_over, later
    >>> survivor = handed_over()
    >>> other = MergedLead("2", later(5), stages=(replace(entered("mql", -3), id="other"),))
    >>> [(change.stage.value, change.at == later(-3)) for change in united(survivor, [other]).stages]
    [('mql', True)]
    """
    for one in sorted(merged, key=lambda one: (one.at, one.lead_id)):
        history = _with(history, one)
    return history


def _with(history: LeadHistory, other: MergedLead) -> LeadHistory:
    lead, stages, owners = history.lead, history.stages, history.owners
    begun = _begun_before(history.stages, other)
    if begun is not None:
        entry, earlier = begun
        taken = {change.id for change in stages}
        name = f"{other.lead_id}/{earlier.id}" if earlier.id in taken else earlier.id
        first = replace(earlier, id=name, before=None)
        stages = (*(one for one in stages[:entry] if one.at < first.at), first, *stages[entry + 1 :])
        owners = _owners(history, other, min(other.at, history.stages[entry].at))
        lead = replace(lead, created_at=min(lead.created_at, first.at))
    return history_of(
        lead,
        (*history.activities, *other.activities),
        stages,
        owners,
        relations=history.relations,
        fields=history.fields,
        activity_readable=history.activity_readable,
        behaviour_readable=history.behaviour_readable,
    )


def _begun_before(stages: Sequence[StageChange], other: MergedLead) -> tuple[int, StageChange] | None:
    """The number of the change by which the survivor entered its phase, and the earlier one to put there."""
    theirs = sorted((one for one in other.stages if one.at <= other.at), key=lambda one: (one.at, one.id))
    known = sum(one.at <= other.at + _MERGING for one in stages)
    if not theirs or not known:
        return None
    entry = _entry(stages[:known])
    waiting, present = theirs[_entry(theirs)], stages[entry]
    if waiting.stage is None or waiting.stage is not present.stage or waiting.at >= present.at:
        return None
    left = [after.at for before, after in pairwise(stages[: entry + 1]) if before.stage is present.stage]
    began = max([waiting.at, *(at + _MICROSECOND for at in left)])  # what was answered before stays answered
    return entry, replace(waiting, at=began)


def _entry(stages: Sequence[StageChange]) -> int:
    """The number of the change by which the last phase was entered."""
    entry = len(stages) - 1
    while entry and stages[entry - 1].stage is stages[-1].stage:
        entry -= 1
    return entry


def _owners(history: LeadHistory, other: MergedLead, since: datetime) -> tuple[OwnerChange, ...]:
    """Until then the other's owners, from then on the survivor's."""
    before = tuple(one for one in other.owners if one.at < since)
    if not before:
        return history.owners
    after = tuple(one for one in history.owners if one.at > since)
    earlier = [one for one in history.owners if one.at <= since]
    owner = history.lead.owner
    if earlier:
        first = replace(earlier[-1], at=since, id=f"merged:{other.lead_id}")
    elif owner is not None and not after:
        first = OwnerChange(since, owner.id, to_queue=owner.is_queue, time_zone=owner.time_zone)
    else:
        return (*before, *after)
    return (*before, first, *after)

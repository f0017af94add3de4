"""From a verdict to changes: what the CRM should show minus what it shows. Pure.

Unchanged means no change. One open task per lead; a later step updates it, the answer closes
it, and one that a person closed is never made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.base import (
    AssignOwner,
    Change,
    CloseTask,
    CreateTask,
    OurTask,
    SetFields,
    SetStage,
    UpdateTask,
)
from connectors.canonical import canonical
from sla_engine.lifecycle import entries
from sla_engine.model import LifecycleStage, Value
from sla_engine.verdict import ClockState, Fit, SlaClock, Verdict
from sla_engine.wording import Wording
from sync.store.known import KnownLead
from sync.wording import ENGLISH, local_time, task_body, task_subject

SCORE_STEP = 5
READY = "mql"
"""What our field `qualification` shows of a lead that is ready for sales."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Permissions:
    """What may be touched: our fields, tasks, and stages one by one."""

    fields: bool
    tasks: bool
    stages: frozenset[LifecycleStage] = frozenset()
    owner: bool = False


def plan(
    connection: str,
    verdict: Verdict,
    known: KnownLead,
    allowed: Permissions,
    wording: Wording = ENGLISH,
) -> tuple[Change, ...]:
    """The changes that bring the CRM in line with the verdict; () when it is already."""
    if known.seen.lead.closed_elsewhere:
        return tuple(_close_all(known, "the lead was converted")) if allowed.tasks else ()
    if verdict.exempt:
        early = "handed over before the agreement took effect"
        return (
            *(_fields(verdict, known, wording) if allowed.fields and any(known.seen.ours.values()) else ()),
            *(_close_all(known, early) if allowed.tasks else ()),
        )
    changes: list[Change] = []
    if allowed.fields:
        changes += _owner(verdict, known, allowed)
        changes += _fields(verdict, known, wording)
        changes += _stage(verdict, known, allowed)
    if allowed.tasks:
        changes += _task(connection, verdict, known, wording)
    return tuple(changes)


def is_shown(change: Change, known: KnownLead) -> bool:
    """Whether the CRM shows a change already."""
    if isinstance(change, SetFields):
        shown = known.seen.ours
        return all(canonical(value) == shown.get(name, "") for name, value in change.values.items())
    return isinstance(change, CreateTask) and any(task.key == change.key for task in known.tasks)


def wanted_fields(verdict: Verdict, wording: Wording = ENGLISH) -> dict[str, Value]:
    """Our fields as the verdict wants them, typed, by our name."""
    clock = verdict.due_clock
    answered = [one.stopped_at for one in verdict.clocks if one.stopped_at and one.proof]
    qualification = READY if verdict.is_mql else "not_yet"
    if verdict.fit is Fit.NOT_A_BUYER:
        qualification = "not_a_buyer"
    return {
        "status": verdict.sla_status,
        "due_at": clock.due_at.replace(microsecond=0) if clock else None,
        "target": clock.target if clock else None,
        "score": verdict.score,
        "interest": verdict.interest.band.value,
        "qualification": qualification,
        "missing": wording.missing(verdict.missing) or None,
        "reasons": wording.reasons((*verdict.reasons, *verdict.findings)),
        "next_step": wording.step(verdict.next_step),
        "responded_at": max(answered).replace(microsecond=0) if answered else None,
    }


def _owner(verdict: Verdict, known: KnownLead, allowed: Permissions) -> Iterator[Change]:
    if verdict.assign_to is not None and allowed.owner:
        has_it = known.seen.lead.owner.id if known.seen.lead.owner else None
        because = "the agreed time passed without an answer"
        yield AssignOwner(verdict.lead_id, verdict.assign_to, has_it, because)


def _fields(verdict: Verdict, known: KnownLead, wording: Wording) -> Iterator[Change]:
    shown = known.seen.ours
    wanted = wanted_fields(verdict, wording)
    differing = {name: value for name, value in wanted.items() if canonical(value) != shown.get(name, "")}
    same_band = "interest" not in differing
    if same_band and "score" in differing and not _score_moved(verdict.score, shown.get("score", "")):
        del differing["score"]
    if differing:
        yield SetFields(verdict.lead_id, differing, _because(verdict, differing, shown))


def _score_moved(score: int, shown: str) -> bool:
    try:
        return abs(score - float(shown)) >= SCORE_STEP
    except ValueError:
        return True


def _because(verdict: Verdict, differing: Mapping[str, Value], shown: Mapping[str, str]) -> str:
    clock = verdict.due_clock
    if "status" in differing and clock is not None:
        due = local_time(clock.due_at, clock.time_zone)
        return f"{clock.target} is {clock.state.value.replace('_', ' ')}, due {due}"
    if "status" in differing and verdict.sla_status != "none":
        return f"the last clock ended {verdict.sla_status.replace('_', ' ')}"
    if not any(shown.get(name) for name in differing):
        return "the CRM does not show it yet"
    changes = (
        f"{name} was {shown.get(name) or 'empty'}"
        for name in sorted(differing)
        if name in {"status", "interest", "qualification", "score", "target"}
    )
    return "; ".join(changes) or f"the verdict changed: {', '.join(sorted(differing))}"


def _stage(verdict: Verdict, known: KnownLead, allowed: Permissions) -> Iterator[Change]:
    waiting = known.seen.lead.stage in {LifecycleStage.INQUIRY, LifecycleStage.RECYCLED}
    if verdict.is_mql and waiting and not _handed_over(known) and LifecycleStage.MQL in allowed.stages:
        because = "minimum data, fit and interest are as agreed"
        yield SetStage(verdict.lead_id, LifecycleStage.MQL, known.seen.lead.stage, because)


def _handed_over(known: KnownLead) -> bool:
    """Whether the lead was an MQL in this round already: a person who took that back has the last word."""
    ways = entries(known.history)
    return any(one.phase is LifecycleStage.MQL and one.round == ways[-1].round for one in ways)


def _task(connection: str, verdict: Verdict, known: KnownLead, wording: Wording) -> Iterator[Change]:
    clock = verdict.due_clock
    if clock is None or clock.responsible == "marketing":
        yield from _close_all(known, _outcome(verdict))
        return
    keys = _keys(connection, clock, known)
    if any(task.key in keys and not task.is_open for task in known.tasks):
        return  # a person closed it: it is never made again
    # after a merge the task that bears this decision's key already goes on: no key is given twice
    standing = sorted((task for task in known.tasks if task.is_open), key=lambda task: task.key not in keys)
    key = standing[0].key if standing and standing[0].key in keys else keys[0]
    owner = known.seen.lead.owner
    zone = (owner.time_zone if owner else None) or clock.time_zone
    subject = task_subject(verdict, clock, zone, wording)
    body = task_body(verdict, clock, zone, wording)
    owner_id = clock.acting
    if not standing:
        if owner is not None and owner_id is None:
            return  # its owner has left and nobody stands in: a task that nobody would see
        because = (
            f"{clock.target} is {clock.state.value.replace('_', ' ')}, due {local_time(clock.due_at, zone)}"
        )
        yield CreateTask(verdict.lead_id, key, owner_id, subject, body, clock.due_at, zone, because)
        return
    first, *surplus = standing
    if _differs(first, key, subject, owner_id, clock.due_at):
        because = f"{clock.target} is now {clock.state.value.replace('_', ' ')}"
        if (first.key, first.subject) == (key, subject) and owner_id not in {None, first.owner_id}:
            because = "the owner is now another"
        yield UpdateTask(verdict.lead_id, first.id, key, owner_id, subject, body, clock.due_at, zone, because)
    for task in surplus:
        yield CloseTask(
            verdict.lead_id, task.id, task.key, "one task per lead is enough", "a second open task"
        )


def _differs(task: OurTask, key: str, subject: str, owner_id: str | None, due_at: datetime) -> bool:
    # some CRMs keep a task's time to the minute only
    moved = task.due_at is None or abs(task.due_at - due_at) >= _MINUTE
    # a lead without owner leaves the task to whomever the CRM chose
    given_away = owner_id is not None and task.owner_id != owner_id
    return moved or given_away or (task.key, task.subject) != (key, subject)


def _close_all(known: KnownLead, note: str) -> Iterator[Change]:
    for task in known.tasks:
        if task.is_open:
            yield CloseTask(known.seen.lead.id, task.id, task.key, note, f"no answer is due any more: {note}")


def _outcome(verdict: Verdict) -> str:
    ended = [clock for clock in verdict.clocks if clock.stopped_at]
    last = max(ended, key=lambda clock: (clock.stopped_at or clock.due_at, clock.key), default=None)
    if last is None:
        return "no target applies"
    if last.state is ClockState.CANCELLED:
        return "the lead left this phase"
    return f"answered by {last.proof.replace('_', ' ')}"


def task_key(connection: str, clock_key: str) -> str:
    """Names the decision on the task: the same through restarts, new wording and new owners."""
    return hashlib.sha256(f"{connection}|{clock_key}".encode()).hexdigest()[:40]


def _keys(connection: str, clock: SlaClock, known: KnownLead) -> tuple[str, ...]:
    """The key of the decision, and what it was called on the leads that were merged into this one."""
    own = known.seen.lead.id
    rest = clock.key.removeprefix(f"{own}:")
    return tuple(task_key(connection, f"{lead_id}:{rest}") for lead_id in (own, *known.merged))


def closing_for_the_gone(tasks: Iterable[OurTask]) -> tuple[CloseTask, ...]:
    """What is left to do for leads that were deleted: their open tasks are nobody's any more."""
    return tuple(
        CloseTask(task.lead_id, task.id, task.key, "the lead was deleted", "the lead was deleted")
        for task in tasks
    )

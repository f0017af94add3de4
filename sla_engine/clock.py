"""Clocks: one target running for one lead in one round, from phase entry to proof.

A clock's start is the CRM's event time. Its calendar is that of the owner at the start. It is
judged by working time; one whose start is only estimated is never called breached.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sla_engine.agreement import Agreement, Target
from sla_engine.business_time import BusinessHours
from sla_engine.conditions import all_hold
from sla_engine.model import LeadHistory, LifecycleStage, StageChange
from sla_engine.proof import Proof, first_proof
from sla_engine.verdict import ClockState, SlaClock

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """The lead entered a phase: by which change, which time around, and when it left again."""

    change: StageChange
    round: int
    left_at: datetime | None
    ends_at: datetime | None  # when the same phase is entered anew

    @property
    def phase(self) -> LifecycleStage:
        return self.change.stage


def entries(history: LeadHistory) -> list[Entry]:
    """Every entry into a stage, in time order; staying in a stage is no entry."""
    moves: list[StageChange] = []
    for change in history.stages:
        if not moves or moves[-1].stage is not change.stage:
            moves.append(change)
    found = []
    for index, change in enumerate(moves):
        later = moves[index + 1 :]
        found.append(
            Entry(
                change,
                round=sum(earlier.stage is change.stage for earlier in moves[: index + 1]),
                left_at=later[0].at if later else None,
                ends_at=next((move.at for move in later if move.stage is change.stage), None),
            )
        )
    return found


def target_for(entry: Entry, history: LeadHistory, agreement: Agreement) -> Target | None:
    """The first target of the phase whose conditions held when the lead entered it."""
    start = entry.change.at
    then = replace(history, activities=tuple(a for a in history.activities if a.at <= start))
    return next(
        (
            target
            for target in agreement.target
            if target.phase is entry.phase and all_hold(target.when, then)
        ),
        None,
    )


def clocks_of(
    history: LeadHistory, agreement: Agreement, now: datetime, effective_from: datetime | None
) -> Iterator[SlaClock]:
    """All clocks of a lead's known history, in the order they began."""
    for entry in entries(history):
        if effective_from is not None and entry.change.at < effective_from:
            continue
        target = target_for(entry, history, agreement)
        if target is not None:
            yield _clock(entry, target, history, agreement, now)


def _clock(
    entry: Entry, target: Target, history: LeadHistory, agreement: Agreement, now: datetime
) -> SlaClock:
    start = entry.change.at
    owner, zone = _owner_at(history, start)
    name = agreement.hours_for(target, zone)
    hours = agreement.hours[name]
    proof = first_proof(history, start, entry.ends_at, target.met_by)
    if proof is not None and entry.left_at is not None and proof.at > entry.left_at:
        proof = None
    clock = SlaClock(
        key=f"{history.lead.id}:{entry.change.id or start.isoformat()}:{target.name}",
        target=target.name,
        round=entry.round,
        owner=owner,
        started_at=start,
        due_at=hours.add(start, target.within),
        warns_at=hours.add(start, target.within * target.warn_at),
        state=ClockState.RUNNING,
        estimated=entry.change.estimated,
        hours=name,
        time_zone=hours.tz,
    )
    return _stopped(clock, proof, entry, target, hours) or _open(clock, history, now)


def _stopped(
    clock: SlaClock, proof: Proof | None, entry: Entry, target: Target, hours: BusinessHours
) -> SlaClock | None:
    stop = proof.at if proof else entry.left_at
    if stop is None:
        return None
    worked = hours.between(clock.started_at, stop)
    over = max(worked - target.within, timedelta(0))
    state = ClockState.CANCELLED
    if proof:
        state = ClockState.MET_LATE if over else ClockState.MET
    return replace(
        clock,
        state=state,
        stopped_at=stop,
        proof=proof.name if proof else "",
        working_seconds=worked // _SECOND,
        wall_seconds=(stop - clock.started_at) // _SECOND,
        overshoot_seconds=over // _SECOND,
    )


def _open(clock: SlaClock, history: LeadHistory, now: datetime) -> SlaClock:
    """The state of a clock nobody has stopped. At the deadline itself it is still in time."""
    owner = history.owners[-1].owner if history.owners else clock.owner
    state = ClockState.RUNNING
    if now > clock.due_at:
        unproven = clock.estimated or not history.activity_readable
        state = ClockState.UNPROVEN if unproven else ClockState.BREACHED
    elif now >= clock.warns_at:
        state = ClockState.AT_RISK
    return replace(clock, state=state, owner=owner)


def _owner_at(history: LeadHistory, instant: datetime) -> tuple[str | None, str | None]:
    """(owner id, time zone) at an instant; the first one known later where none was yet."""
    before = [change for change in history.owners if change.at <= instant]
    named = before[-1:] if before and before[-1].owner else []
    later = [change for change in history.owners if change.at > instant and change.owner]
    for change in (*named, *later[:1]):
        return change.owner, change.time_zone
    current = history.lead.owner
    return (current.id, current.time_zone) if current else (None, None)

"""``evaluate``: what the agreement says of one lead at one instant. The engine's front door."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sla_engine.agreement import Agreement, Target
from sla_engine.clock import clocks_of, entries, target_for
from sla_engine.errors import NaiveInstant
from sla_engine.interest import band_ends, interest_of
from sla_engine.model import LeadHistory, LifecycleStage
from sla_engine.qualification import Qualification, qualify
from sla_engine.scorecard import score_lines
from sla_engine.verdict import OPEN_STATES, ClockState, Fit, Interest, NextStep, SlaClock, Verdict

_WORST_FIRST = (ClockState.BREACHED, ClockState.AT_RISK, ClockState.PAUSED, ClockState.RUNNING)
_CLOSED = frozenset({LifecycleStage.OPPORTUNITY, LifecycleStage.CUSTOMER, LifecycleStage.DISQUALIFIED})
_BEFORE_SALES = frozenset({LifecycleStage.INQUIRY, LifecycleStage.RECYCLED, None})
_JUST_AFTER = timedelta(microseconds=1)


def evaluate(
    history: LeadHistory, agreement: Agreement, now: datetime, *, effective_from: datetime | None = None
) -> Verdict:
    """Judge a lead at ``now`` by what had happened until then.

    ``effective_from``: phases entered earlier get no clock (the verdict is then ``exempt``). Pure:
    the same arguments give the same verdict. Raises NaiveInstant.
    """
    if now.tzinfo is None:
        raise NaiveInstant("the instant of an evaluation")
    now = now.astimezone(UTC)
    known = _until(history, now)
    stage = known.stages[-1].stage if known.stages else history.lead.stage
    interest = interest_of(known, agreement.interest, now)
    deciding = _since_recycled(known, stage, agreement, now) or interest
    judged = qualify(known, agreement, deciding.band)
    clocks = tuple(clocks_of(known, agreement, now, effective_from))
    lines = score_lines(judged.fit, judged.reasons, interest.band, has_minimum_data=not judged.missing)
    entered = entries(known)
    current = entered[-1] if entered else None
    exempt = bool(current and effective_from and current.change.at < effective_from)
    target = target_for(current, known, agreement) if current else None
    phases = {one.phase for one in agreement.target}
    return Verdict(
        lead_id=history.lead.id,
        as_of=now,
        stage=stage,
        is_mql=judged.is_mql,
        reasons=judged.reasons,
        missing=judged.missing,
        fit=judged.fit,
        interest=interest,
        score=sum(line.points for line in lines),
        clocks=clocks,
        next_step=_next_step(known, stage, judged, clocks, agreement),
        sla_status=_status(clocks),
        valid_until=_valid_until(history, now, (interest, deciding), clocks, agreement),
        agreement_version=agreement.version,
        uncovered=bool(current and not exempt and target is None and current.phase in phases),
        exempt=exempt,
    )


def _until(history: LeadHistory, now: datetime) -> LeadHistory:
    """Only what had happened by ``now``; planned work counts from when it was planned."""
    return replace(
        history,
        activities=tuple(
            a for a in history.activities if (a.known_at if a.planned_for is not None else a.at) <= now
        ),
        stages=tuple(change for change in history.stages if change.at <= now),
        owners=tuple(change for change in history.owners if change.at <= now),
    )


def _since_recycled(
    known: LeadHistory, stage: LifecycleStage | None, agreement: Agreement, now: datetime
) -> Interest | None:
    """What a recycled lead has shown since sales gave it back: only that makes it ready again."""
    if stage is not LifecycleStage.RECYCLED or not known.stages:
        return None
    given_back = entries(known)[-1].change.at
    fresh = tuple(activity for activity in known.activities if activity.at > given_back)
    return interest_of(replace(known, activities=fresh), agreement.interest, now)


def _status(clocks: tuple[SlaClock, ...]) -> str:
    states = {clock.state for clock in clocks}
    for state in _WORST_FIRST:
        if state in states:
            return state.value
    ended = [clock for clock in clocks if clock.stopped_at or clock.state is ClockState.UNPROVEN]
    last = max(ended, key=lambda clock: (clock.stopped_at or clock.due_at, clock.key), default=None)
    return last.state.value if last else "none"


def _valid_until(
    history: LeadHistory,
    now: datetime,
    interests: tuple[Interest, ...],
    clocks: tuple[SlaClock, ...],
    agreement: Agreement,
) -> datetime | None:
    """The first instant after ``now`` at which anything could change without a new fact."""
    moments = [clock.warns_at for clock in clocks if clock.state in OPEN_STATES]
    moments += [clock.due_at + _JUST_AFTER for clock in clocks if clock.state in OPEN_STATES]
    moments += [a.known_at if a.planned_for is not None else a.at for a in history.activities]
    moments += [change.at for change in history.stages]
    moments += [change.at for change in history.owners]
    fades = (band_ends(interest, agreement.interest.bands) for interest in interests)
    moments += [moment for moment in fades if moment is not None]
    return min((moment for moment in moments if moment > now), default=None)


def _next_step(
    history: LeadHistory,
    stage: LifecycleStage | None,
    judged: Qualification,
    clocks: tuple[SlaClock, ...],
    agreement: Agreement,
) -> NextStep:
    due = min((c for c in clocks if c.state in OPEN_STATES), key=lambda c: (c.due_at, c.key), default=None)
    if due is not None:
        target = next(one for one in agreement.target if one.name == due.target)
        return NextStep(_ask(target), target.responsible, due.due_at)
    return _step_without_clock(history, stage, judged)


def _step_without_clock(
    history: LeadHistory, stage: LifecycleStage | None, judged: Qualification
) -> NextStep:
    rejected = stage in {LifecycleStage.RECYCLED, LifecycleStage.DISQUALIFIED}
    if rejected and not history.lead.reason:
        step = NextStep(f"give the reason why this lead was {stage}", "sales")
    elif stage in _CLOSED:
        step = NextStep("nothing: sales has decided", "nobody")
    elif stage not in _BEFORE_SALES:
        step = NextStep("carry on: the agreed answer was given", "sales")
    elif judged.is_mql:
        step = NextStep("hand this lead over to sales", "marketing")
    elif judged.fit is Fit.NOT_A_BUYER:
        step = NextStep("nothing: not a buyer", "nobody")
    elif judged.missing:
        step = NextStep(f"find out: {', '.join(judged.missing)}", "marketing")
    else:
        step = NextStep("keep nurturing until interest rises", "marketing")
    return step


def _ask(target: Target) -> str:
    if target.phase is LifecycleStage.MQL:
        return "answer this lead: accept it, reject it with a reason, or get in touch"
    return "follow up: get in touch, qualify it, or reject it with a reason"

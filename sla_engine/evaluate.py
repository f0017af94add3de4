"""``evaluate``: what the agreement says of one lead at one instant. The engine's front door."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sla_engine.agreement import Agreement
from sla_engine.book import Book, Chapter
from sla_engine.clock import clocks_of, rung_instants
from sla_engine.errors import NaiveInstant
from sla_engine.history import happened_at, known_by
from sla_engine.interest import band_ends
from sla_engine.lifecycle import findings
from sla_engine.model import LeadHistory, Relation, RelationKind
from sla_engine.next_step import next_step
from sla_engine.qualification import Qualification, qualify
from sla_engine.scorecard import score_of
from sla_engine.situation import Situation, under
from sla_engine.verdict import OPEN_STATES, ClockState, Reason, SlaClock, Verdict

_WORST_FIRST = (ClockState.BREACHED, ClockState.AT_RISK, ClockState.PAUSED, ClockState.RUNNING)
_JUST_AFTER = timedelta(microseconds=1)


def evaluate(
    history: LeadHistory,
    agreement: Agreement | Book,
    now: datetime,
    *,
    effective_from: datetime | None = None,
) -> Verdict:
    """Judge a lead at ``now`` by what had happened until then.

    ``agreement`` may be a ``Book``: then the one whose scope covers the lead counts, and each clock
    runs under the version in force when it was opened. ``effective_from``: phases entered earlier get
    no clock (the verdict is then ``exempt``). Pure: the same arguments give the same verdict.
    Raises NaiveInstant.
    """
    if now.tzinfo is None:
        raise NaiveInstant("the instant of an evaluation")
    now = now.astimezone(UTC)
    known = known_by(history, now)
    chapter, covered = _chapter(agreement, known, now)
    situation = Situation(known, chapter.current, now)
    judged = qualify(situation)
    belongs_to = _known_already(situation)
    clocks = () if belongs_to or not covered else _clocks(situation, chapter, effective_from)
    ways = situation.course.ways
    current = ways[-1] if ways else None
    exempt = not covered or bool(current and effective_from and current.at < effective_from)
    stage = known.stages[-1].stage if known.stages else history.lead.stage
    faults = (*findings(situation.course, chapter.current.lifecycle), *_left_alone(situation, clocks))
    has_data = not judged.missing
    score = score_of(judged.fit, judged.criteria, judged.interest.band, has_minimum_data=has_data)
    return Verdict(
        lead_id=history.lead.id,
        as_of=now,
        stage=stage,
        is_mql=judged.is_mql and belongs_to is None,
        reasons=judged.reasons,
        missing=judged.missing,
        fit=judged.fit,
        interest=judged.interest,
        score=score,
        clocks=clocks,
        next_step=next_step(situation, judged, clocks, faults, belongs_to, chapter),
        sla_status=_status(clocks),
        valid_until=_valid_until(history, situation, judged, clocks, chapter),
        agreement_version=chapter.current.version,
        responsible=chapter.current.lifecycle.responsible.get(stage, "nobody") if stage else "marketing",
        findings=faults,
        belongs_to=belongs_to,
        assign_to=_assignment(situation, clocks),
        uncovered=_uncovered(situation, clocks) and not exempt and belongs_to is None,
        exempt=exempt,
    )


def _chapter(agreement: Agreement | Book, known: LeadHistory, now: datetime) -> tuple[Chapter, bool]:
    """The chapter to judge by, and whether it covers the lead."""
    if isinstance(agreement, Agreement):
        return Chapter(agreement), True
    found = agreement.covering(known, now)
    return found or agreement.chapters[-1], found is not None


def _clocks(situation: Situation, chapter: Chapter, effective_from: datetime | None) -> tuple[SlaClock, ...]:
    if not chapter.earlier:
        return tuple(clocks_of(situation, chapter.current, effective_from, None))
    clocks: list[SlaClock] = []
    for version, since, until in chapter.in_force():
        start = max((one for one in (since, effective_from) if one is not None), default=None)
        clocks += clocks_of(under(situation, version), version, start, until)
    return tuple(clocks)


def _known_already(situation: Situation) -> Relation | None:
    """The record under which this person is known, if that makes them no new lead."""
    if situation.history.relations:
        return situation.history.relations[0]
    lead = situation.lead
    if situation.agreement.not_new:
        circumstances = situation.at(situation.now)
        for rule in situation.agreement.not_new:
            if rule.applies(circumstances) is True:
                return Relation(
                    RelationKind.CUSTOMER, lead.id, lead.owner.id if lead.owner else None, lead.created_at
                )
    return None


def _left_alone(situation: Situation, clocks: tuple[SlaClock, ...]) -> tuple[Reason, ...]:
    """An open clock of an owner who has left, with nobody to stand in."""
    owner = situation.owner
    if owner is None or owner.is_active or not any(one.is_open and one.acting is None for one in clocks):
        return ()
    return (Reason("owner", met=False, code="owner_gone", values={"owner": owner.id}),)


def _uncovered(situation: Situation, clocks: tuple[SlaClock, ...]) -> bool:
    """Whether the lead is in a phase somebody promised something for, but no target took it up."""
    ways = situation.course.ways
    if not ways or ways[-1].phase not in situation.agreement.phases:
        return False
    entered = ways[-1].at
    return not any(clock.is_open or clock.started_at >= entered for clock in clocks)


def _status(clocks: tuple[SlaClock, ...]) -> str:
    states = {clock.state for clock in clocks if clock.is_open}
    for state in _WORST_FIRST:
        if state in states:
            return state.value
    ended = [clock for clock in clocks if clock.stopped_at or clock.state is ClockState.UNPROVEN]
    last = max(ended, key=lambda clock: (clock.stopped_at or clock.due_at, clock.key), default=None)
    return last.state.value if last else "none"


def _assignment(situation: Situation, clocks: tuple[SlaClock, ...]) -> str | None:
    """To whom the ladder of an open clock gives the lead; nobody once its owner has changed since."""
    taken = [
        step
        for clock in clocks
        if clock.is_open
        for step in clock.steps
        if step.do == "reassign" and step.to and not _owner_changed_since(situation, step.at)
    ]
    last = max(taken, key=lambda step: (step.at, step.to), default=None)
    has_it = situation.owner.id if situation.owner else None
    return last.to if last is not None and last.to != has_it else None


def _owner_changed_since(situation: Situation, instant: datetime) -> bool:
    owners = situation.history.owners
    return bool(owners) and owners[-1].at > instant


def _valid_until(
    history: LeadHistory,
    situation: Situation,
    judged: Qualification,
    clocks: tuple[SlaClock, ...],
    chapter: Chapter,
) -> datetime | None:
    """The first instant after now at which anything could change without a new fact."""
    now = situation.now
    moments = _moments(history, situation, judged, clocks, chapter)
    return min((moment for moment in moments if moment is not None and moment > now), default=None)


def _moments(
    history: LeadHistory,
    situation: Situation,
    judged: Qualification,
    clocks: tuple[SlaClock, ...],
    chapter: Chapter,
) -> Iterator[datetime | None]:
    model, now = situation.agreement.interest, situation.now
    for clock in clocks:
        if clock.state in OPEN_STATES and clock.stopped_at is None:
            yield clock.warns_at
            yield clock.due_at + _JUST_AFTER
            for pause in clock.pauses:
                yield pause.start
                yield pause.end
            yield from rung_instants(clock, chapter.version(clock.agreement))
    if situation.history is not history:
        yield from (happened_at(one) for one in history.activities)
        yield from (change.at for change in history.stages)
        yield from (change.at for change in history.owners)
        yield from (one.since for one in history.relations)
    turns = situation.agreement.people.turns
    yield from turns[bisect_right(turns, now) :][:1]
    yield judged.returns_on
    yield band_ends(judged.interest, model.bands)
    if judged.deciding is not judged.interest:
        yield band_ends(judged.deciding, model.bands)
    yield situation.behaviour.next_turn(now)

"""``evaluate``: what the agreement says of one lead at one instant. The engine's front door.

Not here: how each part of the answer is found (``qualification``, ``clock``, ``next_step``), what it is
made of (``verdict``), or its sentences (``wording``).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from sla_engine.agreement import Agreement
from sla_engine.book import Book, Chapter
from sla_engine.clock import clocks_of
from sla_engine.errors import NaiveInstant
from sla_engine.history import happened_at, known_by
from sla_engine.interest import band_ends
from sla_engine.lifecycle import Entry
from sla_engine.model import LeadHistory, LifecycleStage, Relation, RelationKind
from sla_engine.next_step import KnownAs, next_step
from sla_engine.qualification import Qualification, qualify
from sla_engine.rejection import findings
from sla_engine.situation import Situation, under
from sla_engine.verdict import ClockState, Reason, SlaClock, Verdict

_WITH_SALES = frozenset(
    {
        LifecycleStage.MQL,
        LifecycleStage.SAL,
        LifecycleStage.SQL,
        LifecycleStage.OPPORTUNITY,
        LifecycleStage.CUSTOMER,
    }
)
_WORST_FIRST = (ClockState.BREACHED, ClockState.AT_RISK, ClockState.PAUSED, ClockState.RUNNING)


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
    Instants are aware, in any zone; the verdict's are UTC. Raises NaiveInstant.

    >>> from sla_engine.examples import agreed, done, handed_over, later
    >>> verdict = evaluate(handed_over(), agreed(), later(1))  # four working hours from 09:00
    >>> verdict.sla_status, verdict.next_step.code, verdict.next_step.due_at.isoformat()
    ('running', 'answer', '2026-03-02T13:00:00+00:00')
    >>> evaluate(handed_over(done("call", 2)), agreed(), later(24)).sla_status
    'met'
    """
    for instant, what in ((now, "the instant of an evaluation"), (effective_from, "effective_from")):
        if instant is not None and instant.tzinfo is None:
            raise NaiveInstant(what)
    now = now.astimezone(UTC)
    known = known_by(history, now)
    book = agreement if isinstance(agreement, Book) else Book((Chapter(agreement),))
    covering = book.covering(known, now)
    chapter = covering or book.chapters[-1]
    situation = Situation(known, chapter.current, now)
    judged = qualify(situation)
    known_as = _known_already(situation)
    ways = situation.course.ways
    too_early = _handed_over_before(ways[-1] if ways else None, effective_from)
    clocks = () if too_early else _clocks(situation, book, effective_from, known_as)
    exempt = too_early or (covering is None and not clocks)
    stage = known.stages[-1].stage if known.stages else known.lead.stage
    faults = (
        *findings(situation.course, chapter.current.lifecycle),
        *_left_alone(situation, clocks),
        *(known_as.findings if known_as else ()),
    )
    return Verdict(
        lead_id=history.lead.id,
        as_of=now,
        stage=stage,
        is_mql=judged.is_mql and known_as is None,
        reasons=judged.reasons,
        missing=judged.missing,
        fit=judged.fit,
        interest=judged.interest,
        score=judged.score,
        clocks=clocks,
        next_step=next_step(situation, judged, clocks, faults, known_as, book),
        sla_status=_status(clocks),
        valid_until=_valid_until(history, situation, judged, clocks, book),
        agreement_version=chapter.current.version,
        responsible=chapter.current.lifecycle.responsible.get(stage, "nobody") if stage else "marketing",
        signals=situation.behaviour.signals(now) if any(one.is_open for one in clocks) else (),
        findings=faults,
        belongs_to=known_as.relation if known_as else None,
        assign_to=_assignment(situation, clocks),
        uncovered=not exempt and known_as is None and _uncovered(situation, clocks),
        exempt=exempt,
        held_out=judged.held_out,
    )


def _handed_over_before(current: Entry | None, effective_from: datetime | None) -> bool:
    """Whether sales had the lead already when the agreement took effect."""
    if current is None or effective_from is None:
        return False
    return current.phase in _WITH_SALES and current.at < effective_from


def _clocks(
    situation: Situation, book: Book, effective_from: datetime | None, known_as: KnownAs | None
) -> tuple[SlaClock, ...]:
    """Each clock under the agreement and version it was opened under."""
    end = known_as.since if known_as else None
    if book.is_simple:
        return tuple(clocks_of(situation, situation.agreement, effective_from, end))
    clocks: list[SlaClock] = []
    history = situation.history
    for chapter in book.chapters:
        covers = None
        if len(book.chapters) > 1 or any(one.scope for one, _, _ in chapter.in_force()):
            covers = partial(_is_first, book, history, chapter)
        for version, since, until in chapter.in_force():
            first = max((one for one in (since, effective_from) if one is not None), default=None)
            last = min((one for one in (until, end) if one is not None), default=None)
            fresh = clocks_of(under(situation, version), version, first, last, covers)
            clocks = [one for one in clocks if not _goes_on_in(one, fresh, since)] + fresh
    return tuple(sorted(clocks, key=lambda clock: (clock.started_at, clock.key)))


def _goes_on_in(clock: SlaClock, fresh: list[SlaClock], since: datetime | None) -> bool:
    """Whether a clock that followed a breach under an older version is one that the newer opens itself."""
    is_later = since is not None and clock.started_at >= since
    return is_later and any(one.started_at == clock.started_at for one in fresh)


def _is_first(book: Book, history: LeadHistory, chapter: Chapter, instant: datetime) -> bool:
    """Whether a lead was under this agreement at an instant."""
    return book.covered(history, instant) is chapter


def _known_already(situation: Situation) -> KnownAs | None:
    """Under which record this person is known, if that makes them no new lead."""
    relations = situation.history.relations
    if relations:
        first = relations[0]
        return KnownAs(first, first.since)
    rule = situation.agreement.known_by_rule(situation.at(situation.now))
    if rule is None:
        return None
    lead = situation.lead
    owner = lead.owner.id if lead.owner else None
    relation = Relation(RelationKind.CUSTOMER, lead.id, owner, lead.created_at)
    reason = Reason(rule.name, met=False, code="not_new", values={"because": rule.because})
    return KnownAs(relation, None, (reason,))


def _left_alone(situation: Situation, clocks: tuple[SlaClock, ...]) -> tuple[Reason, ...]:
    """An open clock of an owner who has left, with nobody to stand in."""
    owner = situation.owner
    if owner is None or owner.is_active:
        return ()
    if not any(one.is_open and one.acting is None and one.responsible == "sales" for one in clocks):
        return ()
    return (Reason("owner", met=False, code="owner_gone", values={"owner": owner.id}),)


def _uncovered(situation: Situation, clocks: tuple[SlaClock, ...]) -> bool:
    """Whether the lead is in a phase somebody promised something for, but no target took it up."""
    ways = situation.course.ways
    if not ways or ways[-1].phase not in situation.agreement.phases:
        return False
    entered = ways[-1].at
    return not any(
        clock.stopped_at is None or (clock.proof and clock.started_at >= entered) for clock in clocks
    )


def _status(clocks: tuple[SlaClock, ...]) -> str:
    if not clocks:
        return "none"
    if len(clocks) == 1:
        return clocks[0].state.value
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
        for step in clock.steps
        if clock.is_open
        and step.do == "reassign"
        and step.to
        and not _owner_changed_since(situation, step.at)
    ]
    if not taken:
        return None
    last = max(taken, key=lambda step: (step.at, step.to))
    has_it = situation.owner.id if situation.owner else None
    return last.to if last.to != has_it else None


def _owner_changed_since(situation: Situation, instant: datetime) -> bool:
    owners = situation.history.owners
    return bool(owners) and owners[-1].at > instant


def _valid_until(
    history: LeadHistory,
    situation: Situation,
    judged: Qualification,
    clocks: tuple[SlaClock, ...],
    book: Book,
) -> datetime | None:
    """The first instant after now at which anything could change without a new fact."""
    now, bands = situation.now, situation.agreement.interest.bands
    turns: list[datetime | None] = [clock.turns_at for clock in clocks]
    turns += (judged.returns_on, band_ends(judged.interest, bands), situation.behaviour.next_turn(now))
    turns.append(judged.turns_at)
    if judged.deciding is not judged.interest:
        turns.append(band_ends(judged.deciding, bands))
    for chapter in book.chapters:
        for agreement in (chapter.current, *(one for one, _ in chapter.earlier)):
            absences = agreement.people.turns
            if absences:
                turns += absences[bisect_right(absences, now) :][:1]
            turns += [one.since for one in agreement.cards]
    if situation.history is not history:
        turns += _lying_ahead(history)
    return min((turn for turn in turns if turn is not None and turn > now), default=None)


def _lying_ahead(history: LeadHistory) -> Iterator[datetime]:
    """When each fact becomes known, those known already among them."""
    for one in history.activities:
        yield happened_at(one)
        yield one.at
        if one.planned_for is not None:
            yield one.planned_for
    yield from (change.at for change in history.stages)
    yield from (change.at for change in history.owners)
    yield from (one.since for one in history.relations)
    yield from (change.at for change in history.fields)

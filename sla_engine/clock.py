"""Clocks: one target running for one lead, from what opened it to what proves the answer.

A clock's start is the CRM's event time. Its calendar is fixed at the start. It is judged by working
time without pauses; one whose start is only estimated is never called breached. Not here: what opens
a clock (``openings``), stands it still (``pauses``) or meets it (``proof``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sla_engine.agreement import Agreement
from sla_engine.business_time import BusinessHours
from sla_engine.deadline import worked, working_end, working_ends
from sla_engine.history import fields_at
from sla_engine.model import Owner
from sla_engine.openings import Opening, openings_of
from sla_engine.pauses import pauses_of
from sla_engine.people import NEXT_IN_LINE
from sla_engine.proof import Proof
from sla_engine.situation import Situation
from sla_engine.target import Step, Target
from sla_engine.verdict import OPEN_STATES, ClockState, Pause, SlaClock, StepTaken

_BY_ACTIVITY = frozenset({"call", "email", "meeting", "follow_up", "task"})
_SECOND = timedelta(seconds=1)
_NOTHING = timedelta(0)
_JUST_AFTER = timedelta(microseconds=1)
_MET, _MET_LATE, _CANCELLED = ClockState.MET, ClockState.MET_LATE, ClockState.CANCELLED
_BREACHED, _RUNNING, _UNPROVEN = ClockState.BREACHED, ClockState.RUNNING, ClockState.UNPROVEN


def clocks_of(
    situation: Situation,
    agreement: Agreement,
    since: datetime | None = None,
    until: datetime | None = None,
    covers: Callable[[datetime], bool] | None = None,
) -> list[SlaClock]:
    """The clocks opened in [since, until) under one agreement (None: no bound), in the order they began.

    ``covers``: whether the agreement was the lead's at an instant (None: always). A lead that a rule of
    the agreement knew already, when the clock would have begun, gets none. Instants are aware UTC.

    >>> from sla_engine.examples import agreed, done, handed_over, later
    >>> called = Situation(handed_over(done("call", 3)), agreed(), later(24))
    >>> [(one.state.value, one.proof, one.working_seconds) for one in clocks_of(called, called.agreement)]
    [('met', 'call', 10800)]
    """
    taken: set[tuple[str, str]] = set()

    def opens(target: Target, opening: Opening) -> bool:
        at = opening.at
        if (since is not None and at < since) or (until is not None and at >= until):
            return False
        promise = (target.competes_in, opening.id)
        if promise in taken or (covers is not None and not covers(at)):
            return False
        if target.when and target.applies(situation.at(at)) is not True:
            return False
        if agreement.not_new and agreement.known_by_rule(situation.at(at)) is not None:
            return False
        taken.add(promise)
        return True

    clocks = [
        clock
        for target, opening in openings_of(agreement.target, situation, opens)
        for clock in _clocks_from(_Run(target, opening, situation, agreement), until)
    ]
    if len(clocks) > 1:
        clocks.sort(key=lambda clock: (clock.started_at, clock.key))
    return clocks


def _clocks_from(run: _Run, until: datetime | None) -> list[SlaClock]:
    """The clock of one opening, and one more for each new owner the lead is given to after a breach.

    The breach stays with the owner under whom it happened.
    """
    clocks: list[SlaClock] = []
    owners = run.situation.history.owners
    while True:
        clock = run.clock()
        changed_hands = owners and owners[-1].at > clock.due_at
        passed_on = next(run.passed_on(clock), None) if changed_hands else None
        if passed_on is None:
            return [*clocks, clock]
        broken, run = passed_on
        clocks.append(broken)
        if until is not None and run.opening.at >= until:
            return clocks  # from here on another agreement counts, or the lead is known elsewhere


@dataclass(slots=True)
class _Run:
    """One clock being worked out."""

    target: Target
    opening: Opening
    situation: Situation
    agreement: Agreement

    def clock(self) -> SlaClock:
        target, opening, situation = self.target, self.opening, self.situation
        start, owner = opening.at, situation.holder_at(opening.at)
        name = self.agreement.hours_for(target, owner, fields_at(situation.history, start))
        hours = self.agreement.hours[name]
        proof = self._proof()
        stop = proof.at if proof else opening.ends_at
        pauses: tuple[Pause, ...] = ()
        if target.pauses:
            pauses = pauses_of(target.pauses, situation, start, stop)
        warns, due, too_late = working_ends(hours, start, target.marks, pauses)
        breaks: datetime | None = None
        if stop is None:
            if situation.now >= warns:
                breaks = too_late
            state, spent, over = self._open_state(breaks, pauses), _NOTHING, _NOTHING
            holder = situation.holder_at(due) if state is _BREACHED else situation.owner
        else:
            spent = worked(hours, start, stop, pauses)
            over = max(spent - target.within, _NOTHING)
            state = self._ended_state(proof, over)
            holder = self._answerable(stop, due if over else None, proof)
        until = situation.now if stop is None else stop
        if state is _UNPROVEN:
            until = min(until, due)  # nobody is urged over what cannot be known
        steps, next_step_at = self._ladder(hours, pauses, until)
        return SlaClock(
            key=f"{situation.lead.id}:{opening.id}:{target.name}",
            target=target.name,
            round=opening.round,
            owner=holder.id if holder else None,
            started_at=start,
            due_at=due,
            warns_at=warns,
            state=state,
            hours=name,
            time_zone=hours.tz,
            responsible=target.responsible,
            acting=self.agreement.people.acting(situation.owner, situation.now) if stop is None else None,
            agreement=self.agreement.version,
            stopped_at=stop,
            proof=proof.name if proof else "",
            estimated=opening.estimated,
            working_seconds=spent // _SECOND,
            wall_seconds=0 if stop is None else (stop - start) // _SECOND,
            overshoot_seconds=over // _SECOND,
            pauses=pauses,
            steps=steps,
            turns_at=_next_turn(situation.now, (warns, breaks, next_step_at), pauses)
            if stop is None and state in OPEN_STATES
            else None,
        )

    def _proof(self) -> Proof | None:
        """What met the target; a lead that was somebody's when the clock began is assigned already."""
        opening, accepted = self.opening, self.target.met_by
        if "assigned" in accepted and self.target.starts == "phase_entered":
            holder = self.situation.holder_at(opening.at)
            if holder is not None and not holder.is_queue:
                return Proof("assigned", opening.at, opening.id, holder.id)
        return self.situation.proofs.first(opening.at, opening.ends_at, accepted, but=opening.fact_id)

    def _answerable(self, stop: datetime, broken_at: datetime | None, proof: Proof | None) -> Owner | None:
        """Whose clock it was: theirs under whom it broke, else theirs who had the lead when it stopped.

        An assignment ends the clock of whoever had the lead before.
        """
        at = broken_at or stop
        if broken_at is None and (proof is None or proof.name == "assigned"):
            at -= _JUST_AFTER
        return self.situation.holder_at(max(at, self.opening.at))

    def passed_on(self, clock: SlaClock) -> Iterator[tuple[SlaClock, _Run]]:
        """The clock as it broke, and the run that began, when the lead went to another after the breach."""
        owners = self.situation.history.owners
        if self.target.starts == "assigned":
            return
        had = self.situation.holder_at(clock.due_at)
        for change in owners:
            if change.at <= clock.due_at or change.owner is None or change.to_queue:
                continue
            if (had and had.id == change.owner) or (clock.stopped_at and change.at >= clock.stopped_at):
                continue
            broken = replace(self, opening=self.opening._replace(ends_at=change.at)).clock()
            if broken.overshoot_seconds and not broken.proof:
                name = f"{self.opening.id}/{change.id or change.at.isoformat()}"
                estimated = self.opening.estimated or change.estimated
                following = self.opening._replace(
                    id=name, at=change.at, estimated=estimated, fact_id=change.id
                )
                yield broken, replace(self, opening=following)

    def _ended_state(self, proof: Proof | None, over: timedelta) -> ClockState:
        """A promise nobody kept stays broken when the lead leaves or goes to another owner."""
        if over and self._unprovable:
            return _UNPROVEN
        if proof is not None:
            return _MET_LATE if over else _MET
        if over:
            return _BREACHED
        return _UNPROVEN if self.opening.unclear else _CANCELLED

    def _open_state(self, breaks: datetime | None, pauses: Sequence[Pause]) -> ClockState:
        """``breaks``: the first second that is too late; None while not even the warning has come.

        A deadline at closing is missed at the next opening: an answer in between took no longer.
        """
        now = self.situation.now
        if breaks is not None and now >= breaks:
            return _UNPROVEN if self._unprovable else _BREACHED
        if any(pause.start <= now < pause.end for pause in pauses):
            return ClockState.PAUSED
        return _RUNNING if breaks is None else ClockState.AT_RISK

    @property
    def _unprovable(self) -> bool:
        """Whether an answer in time may have been given that nobody can see."""
        if self.opening.estimated:
            return True
        is_readable = self.situation.history.activity_readable
        return not is_readable and not _BY_ACTIVITY.isdisjoint(self.target.met_by)

    def _ladder(
        self, hours: BusinessHours, pauses: Sequence[Pause], until: datetime
    ) -> tuple[tuple[StepTaken, ...], datetime | None]:
        """The rungs reached by ``until``, and when the next one will be."""
        taken: list[StepTaken] = []
        for after, step in self.target.rungs:
            at = working_end(hours, self.opening.at, after, pauses)
            if at > until:
                return tuple(taken), at
            taken.append(StepTaken(at, step.do, self._to(step, at)))
        return tuple(taken), None

    def _to(self, step: Step, at: datetime) -> str:
        people, owner = self.agreement.people, self.situation.holder_at(at)
        owner_id = owner.id if owner else None
        if step.do == "tell_manager":
            return people.manager_of(owner_id) or people.manager_of(people.acting(owner, at)) or ""
        if step.to == NEXT_IN_LINE:
            return people.next_after(owner_id, self.situation.lead.id, at) or ""
        return step.to


def _next_turn(now: datetime, ahead: tuple[datetime | None, ...], pauses: Sequence[Pause]) -> datetime | None:
    """The first instant after ``now`` at which an open clock changes without news."""
    turns = [turn for turn in ahead if turn is not None]
    for pause in pauses:
        turns += (pause.start, pause.end)
    return min((turn for turn in turns if turn > now), default=None)

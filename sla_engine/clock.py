"""Clocks: one target running for one lead, from what opened it to what proves the answer.

A clock's start is the CRM's event time. Its calendar is fixed at the start. It is judged by working
time without pauses; one whose start is only estimated is never called breached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sla_engine.agreement import Agreement
from sla_engine.business_time import BusinessHours
from sla_engine.deadline import worked, working_end
from sla_engine.openings import Opening, openings_of
from sla_engine.pauses import pauses_of
from sla_engine.people import NEXT_IN_LINE
from sla_engine.proof import Proof
from sla_engine.situation import Situation
from sla_engine.target import Step, Target
from sla_engine.verdict import OPEN_STATES, ClockState, Pause, SlaClock, StepTaken

_SECOND = timedelta(seconds=1)
_NOTHING = timedelta(0)
_JUST_AFTER = timedelta(microseconds=1)
_MET, _MET_LATE, _CANCELLED = ClockState.MET, ClockState.MET_LATE, ClockState.CANCELLED
_BREACHED, _RUNNING, _UNPROVEN = ClockState.BREACHED, ClockState.RUNNING, ClockState.UNPROVEN


def clocks_of(
    situation: Situation, agreement: Agreement, since: datetime | None, until: datetime | None
) -> list[SlaClock]:
    """The clocks opened in [since, until) under one agreement (None: no bound), in the order they began."""
    clocks: list[SlaClock] = []
    taken: set[tuple[str, str]] = set()
    for target in agreement.target:
        for opening in openings_of(target, situation):
            promise = (target.competes_in, opening.id)
            outside = (since is not None and opening.at < since) or (
                until is not None and opening.at >= until
            )
            if outside or promise in taken:
                continue
            if target.when and target.applies(situation.at(opening.at)) is not True:
                continue
            taken.add(promise)
            clocks.append(_Run(target, opening, situation, agreement).clock())
    if len(clocks) > 1:
        clocks.sort(key=lambda clock: (clock.started_at, clock.key))
    return clocks


@dataclass(slots=True)
class _Run:
    """One clock being worked out."""

    target: Target
    opening: Opening
    situation: Situation
    agreement: Agreement

    def clock(self) -> SlaClock:
        target, opening, situation = self.target, self.opening, self.situation
        start, owner = opening.at, situation.owner_at(opening.at)
        name = self.agreement.hours_for(target, owner, situation.lead.fields)
        hours = self.agreement.hours[name]
        proof = self._proof()
        stop = proof.at if proof else opening.ends_at
        pauses: tuple[Pause, ...] = ()
        if target.pauses:
            pauses = pauses_of(target.pauses, situation, start, stop, owner.id if owner else None)
        due = working_end(hours, start, target.within, pauses)
        warns = working_end(hours, start, target.first_warning, pauses)
        steps, next_step_at = self._ladder(hours, pauses, stop) if target.rungs else ((), None)
        if stop is None:
            state, spent, over = self._open_state(due, warns, pauses), _NOTHING, _NOTHING
            holder = situation.owner or owner
        else:
            spent = worked(hours, start, stop, pauses)
            over = max(spent - target.within, _NOTHING)
            state, holder = self._ended_state(proof, over), owner
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
            acting=self.agreement.people.acting(holder, situation.now) if stop is None else None,
            agreement=self.agreement.version,
            stopped_at=stop,
            proof=proof.name if proof else "",
            estimated=opening.estimated,
            working_seconds=spent // _SECOND,
            wall_seconds=0 if stop is None else (stop - start) // _SECOND,
            overshoot_seconds=over // _SECOND,
            pauses=pauses,
            steps=steps,
            turns_at=_next_turn(situation.now, warns, due, pauses, next_step_at)
            if stop is None and state in OPEN_STATES
            else None,
        )

    def _proof(self) -> Proof | None:
        """What met the target; a lead that was somebody's when the clock began is assigned already."""
        start, accepted = self.opening.at, self.target.met_by
        holder = self.situation.holder_at(start) if "assigned" in accepted else None
        if holder is not None and not holder.is_queue:
            return Proof("assigned", start, self.opening.id, holder.id)
        return self.situation.proofs.first(start, self.opening.ends_at, accepted)

    def _ended_state(self, proof: Proof | None, over: timedelta) -> ClockState:
        """A promise nobody kept stays broken when the lead leaves or goes to another owner."""
        if proof is not None:
            return _MET_LATE if over else _MET
        if self.opening.unclear:
            return _UNPROVEN
        if not over:
            return _CANCELLED
        return _UNPROVEN if self._unprovable else _BREACHED

    def _open_state(self, due: datetime, warns: datetime, pauses: Sequence[Pause]) -> ClockState:
        """At the deadline itself a clock is still in time."""
        now = self.situation.now
        if now > due:
            return _UNPROVEN if self._unprovable else _BREACHED
        if any(pause.start <= now < pause.end for pause in pauses):
            return ClockState.PAUSED
        return ClockState.AT_RISK if now >= warns else _RUNNING

    @property
    def _unprovable(self) -> bool:
        return self.opening.estimated or not self.situation.history.activity_readable

    def _ladder(
        self, hours: BusinessHours, pauses: Sequence[Pause], stop: datetime | None
    ) -> tuple[tuple[StepTaken, ...], datetime | None]:
        """The rungs reached until the clock stopped (or now), and when the next one will be."""
        until = self.situation.now if stop is None else stop
        taken: list[StepTaken] = []
        for after, step in self.target.rungs:
            at = working_end(hours, self.opening.at, after, pauses)
            if at > until:
                return tuple(taken), at
            taken.append(StepTaken(at, step.do, self._to(step, at)))
        return tuple(taken), None

    def _to(self, step: Step, at: datetime) -> str:
        people, owner = self.agreement.people, self.situation.owner_at(at)
        owner_id = owner.id if owner else None
        if step.do == "tell_manager":
            return people.manager_of(owner_id) or ""
        if step.to == NEXT_IN_LINE:
            return people.next_after(owner_id, self.situation.lead.id, at) or ""
        return step.to


def _next_turn(
    now: datetime, warns: datetime, due: datetime, pauses: Sequence[Pause], next_step_at: datetime | None
) -> datetime | None:
    """The first instant after ``now`` at which an open clock changes without news."""
    turns = [warns, due + _JUST_AFTER]
    if next_step_at is not None:
        turns.append(next_step_at)
    for pause in pauses:
        turns += (pause.start, pause.end)
    return min((turn for turn in turns if turn > now), default=None)

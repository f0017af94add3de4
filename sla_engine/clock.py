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
from sla_engine.verdict import ClockState, Pause, SlaClock, StepTaken

_SECOND = timedelta(seconds=1)
_NOTHING = timedelta(0)


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
            if outside or promise in taken or target.applies(situation.at(opening.at)) is not True:
                continue
            taken.add(promise)
            clocks.append(_Run(target, opening, situation, agreement).clock())
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
        pauses = pauses_of(target.pauses, situation, start, stop, owner.id if owner else None)
        due = working_end(hours, start, target.within, pauses)
        warns = working_end(hours, start, target.within * min(target.warn_at), pauses)
        state = self._open_state(due, warns, pauses) if stop is None else ClockState.CANCELLED
        spent = _NOTHING if stop is None else worked(hours, start, stop, pauses)
        over = max(spent - target.within, _NOTHING)
        if stop is not None:
            state = self._ended_state(proof, over)
        holder = owner if stop is not None else (situation.owner or owner)
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
            steps=self._steps(hours, pauses, stop) if target.reminders else (),
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
            return ClockState.MET_LATE if over else ClockState.MET
        if self.opening.unclear:
            return ClockState.UNPROVEN
        if not over:
            return ClockState.CANCELLED
        return ClockState.UNPROVEN if self._unprovable else ClockState.BREACHED

    def _open_state(self, due: datetime, warns: datetime, pauses: Sequence[Pause]) -> ClockState:
        """At the deadline itself a clock is still in time."""
        now = self.situation.now
        if now > due:
            return ClockState.UNPROVEN if self._unprovable else ClockState.BREACHED
        if any(pause.start <= now < pause.end for pause in pauses):
            return ClockState.PAUSED
        return ClockState.AT_RISK if now >= warns else ClockState.RUNNING

    @property
    def _unprovable(self) -> bool:
        return self.opening.estimated or not self.situation.history.activity_readable

    def _steps(
        self, hours: BusinessHours, pauses: Sequence[Pause], stop: datetime | None
    ) -> tuple[StepTaken, ...]:
        until = self.situation.now if stop is None else stop
        reached = rungs(self.target, hours, self.opening.at, pauses)
        return tuple(StepTaken(at, step.do, self._to(step, at)) for at, step in reached if at <= until)

    def _to(self, step: Step, at: datetime) -> str:
        people, owner = self.agreement.people, self.situation.owner_at(at)
        owner_id = owner.id if owner else None
        if step.do == "tell_manager":
            return people.manager_of(owner_id) or ""
        if step.to == NEXT_IN_LINE:
            return people.next_after(owner_id, self.situation.lead.id, at) or ""
        return step.to


def rungs(
    target: Target, hours: BusinessHours, start: datetime, pauses: Sequence[Pause]
) -> list[tuple[datetime, Step]]:
    """Every rung of the ladder with the instant it is reached at, in time order."""
    found = [
        (working_end(hours, start, after, pauses), step)
        for step in target.reminders
        for after in step.instants(target.within)
    ]
    return sorted(found, key=lambda rung: rung[0])


def rung_instants(clock: SlaClock, agreement: Agreement) -> list[datetime]:
    """When the rungs of an open clock are reached, past and to come."""
    target = agreement.target_named(clock.target)
    if not clock.is_open or not target.reminders:
        return []
    hours = agreement.hours[clock.hours]
    return [at for at, _ in rungs(target, hours, clock.started_at, clock.pauses)]

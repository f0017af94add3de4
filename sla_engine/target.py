"""A target: one promise of the agreement, with its pauses and its escalation ladder.

Not here: a target running for one lead (``clock``), or what is a proof (``proof``).
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from sla_engine.conditions import Condition, Test, all_of
from sla_engine.model import ActivityKind, LifecycleStage
from sla_engine.parts import Duration, Part, WorkingTime, one_or_more, working_duration
from sla_engine.verdict import Party

ProofName = Literal[
    "accepted",
    "qualified",
    "opportunity",
    "rejected",
    "call",
    "email",
    "meeting",
    "follow_up",
    "task",
    "assigned",
    "enrolled",
    "handed_over",
]
_SECOND = timedelta(seconds=1)
FIRST_TOUCH: tuple[ProofName, ...] = (
    "accepted",
    "opportunity",
    "rejected",
    "call",
    "email",
    "meeting",
    "follow_up",
    "task",
)


def _share_or_working_time(raw: object) -> object:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        if not 0 < raw < 1000:
            raise ValueError("a share of the target is more than 0 and less than 1000; 1 is the deadline")
        return float(raw)
    return working_duration(raw)


def _written(at: float | timedelta) -> float | str:
    return at if isinstance(at, float) else f"{at // timedelta(seconds=1)}s"


When = Annotated[
    float | timedelta,
    BeforeValidator(_share_or_working_time),
    PlainSerializer(_written, when_used="json"),
]
Shares = Annotated[tuple[float, ...], BeforeValidator(one_or_more)]
Phases = Annotated[tuple[LifecycleStage, ...], BeforeValidator(one_or_more), Field(min_length=1)]


class PauseRule(Part):
    """What stops the clock for a while.

    ``waiting_for_lead``: after a person's call or mail until the lead answers; ``absent``: while the
    owner is away; ``hold``: an agreed hold. None lasts longer than ``at_most`` (days of 24 hours).

    >>> PauseRule.model_validate({"when": "hold", "at_most": "14d"}).at_most.days
    14
    """

    when: Literal["waiting_for_lead", "absent", "hold"]
    at_most: Duration = timedelta(days=5)


class Step(Part):
    """A rung of the ladder: ``at`` a share of the target (1 is the deadline) or a working time.

    ``remind_owner`` renews the lead's one task, ``tell_manager`` names the manager, ``reassign``
    gives the lead ``to`` a person, a queue or "next_in_line". ``every`` repeats it, ``times`` in all.
    Raises ValueError for what does not go together.

    >>> nagging = Step.model_validate({"at": 1, "do": "remind_owner", "every": "2h", "times": 3})
    >>> [after // timedelta(hours=1) for after in nagging.instants(timedelta(hours=4))]
    [4, 6, 8]
    """

    at: When
    do: Literal["remind_owner", "tell_manager", "reassign"]
    to: str = ""
    every: WorkingTime | None = None
    times: int = Field(default=1, ge=1, le=20)

    @model_validator(mode="after")
    def _makes_sense(self) -> Step:
        if (self.do == "reassign") != bool(self.to):
            raise ValueError('`to` says to whom `reassign` gives the lead, e.g. "next_in_line"')
        if (self.every is None) != (self.times == 1):
            raise ValueError("`every` and `times` (2 or more) belong together")
        if self.do == "reassign" and self.times > 1:
            raise ValueError("`reassign` happens once; write another step for the next")
        return self

    def instants(self, within: timedelta) -> tuple[timedelta, ...]:
        """The working times since the start at which this rung of a target ``within`` is reached."""
        first = self.at if isinstance(self.at, timedelta) else within * self.at
        return tuple(first + (self.every or timedelta(0)) * n for n in range(self.times))


class Target(Part):
    """One promise: who answers leads in ``phase`` within which working time, proven by what.

    ``starts``: when the phase is entered, when a person is given the lead in it (anew for each owner),
    when it lies with a queue or nobody (anew each time), or with each inbound activity of the kinds in
    ``activities`` (those within ``joins_within`` of a running clock join it). Targets with one
    ``promise`` compete and the first match wins, so they start alike; different promises run side by
    side. ``hours``: a calendar's name, "owner" or "region". ``warn_at``: shares of ``within``, between 0
    and 1. Raises ValueError for what does not go together.

    >>> answer = Target.model_validate({"name": "answer", "phase": "mql", "within": "4h"})
    >>> answer.first_warning, answer.marks, answer.rungs
    (datetime.timedelta(seconds=10800), (10800, 14400, 14401), ())
    >>> answer.competes_in
    'sales phase_entered mql'
    >>> from sla_engine.examples import agreed, handed_over, later
    >>> from sla_engine.situation import Circumstances
    >>> answer.applies(Circumstances(handed_over(), agreed(), later(0)))  # there are no conditions
    True
    """

    name: str
    phase: Phases
    starts: Literal["phase_entered", "assigned", "unassigned", "inbound_activity"] = "phase_entered"
    activities: Annotated[tuple[ActivityKind, ...], BeforeValidator(one_or_more)] = ()
    joins_within: Duration | None = None
    promise: str = ""
    responsible: Party = "sales"
    within: WorkingTime
    hours: str = "owner"
    warn_at: Shares = (0.75,)
    when: tuple[Condition, ...] = ()
    met_by: tuple[ProofName, ...] = FIRST_TOUCH
    pauses: tuple[PauseRule, ...] = ()
    escalate: tuple[Step, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> Target:
        inbound = self.starts == "inbound_activity"
        if inbound != bool(self.activities):
            raise ValueError("`activities` says which activities open an inbound_activity clock")
        if self.joins_within is not None and not inbound:
            raise ValueError("`joins_within` belongs to inbound_activity")
        if not self.warn_at or any(not 0 < share < 1 for share in self.warn_at):
            raise ValueError("warn_at is a share between 0 and 1, like 0.75")
        if not self.met_by:
            raise ValueError("nothing meets this target; name proofs in `met_by`")
        return self

    @cached_property
    def competes_in(self) -> str:
        """The promise this target belongs to; unnamed, one for its party, start and phases."""
        return self.promise or f"{self.responsible} {self.starts} {' '.join(self.phase)}"

    @cached_property
    def applies(self) -> Test:
        """Whether its conditions hold; None: cannot tell, which is not enough."""
        return all_of(self.when)

    @cached_property
    def first_warning(self) -> timedelta:
        """The working time after which a clock is at risk."""
        return self.within * min(self.warn_at)

    @cached_property
    def marks(self) -> tuple[int, int, int]:
        """Working seconds to the first warning, to the deadline, and to the first second too late."""
        deadline = self.within // _SECOND
        return round(self.first_warning / _SECOND), deadline, deadline + 1

    @cached_property
    def rungs(self) -> tuple[tuple[timedelta, Step], ...]:
        """The ladder in order of working time; warning points after the first remind the owner.

        A rung at the deadline itself is reached when it is missed: a second later.
        """
        later = sorted(self.warn_at)[1:]
        steps = (*(Step(at=share, do="remind_owner") for share in later), *self.escalate)
        reached = [
            (after + _SECOND if after == self.within else after, step)
            for step in steps
            for after in step.instants(self.within)
        ]
        return tuple(sorted(reached, key=lambda rung: rung[0]))

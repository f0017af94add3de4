"""What the agreement says of one lead at one instant: values only, made by ``evaluate``.

A verdict holds instants, states and bands, never a number that fades by itself: elapsed time
and the exact interest are functions of (verdict, instant). Reasons and steps are data; ``wording``
makes sentences of them when somebody looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from sla_engine.model import ActivityKind, LifecycleStage, Relation

Channel = Literal["any", "write"]
Party = Literal["sales", "marketing", "operations", "nobody"]
Values = Mapping[str, str | int | datetime]


class ClockState(StrEnum):
    """What became of a promise. Open: RUNNING, AT_RISK (warned), PAUSED, BREACHED (nobody answered in time).

    Ended: MET, MET_LATE, CANCELLED (the lead left the phase otherwise). UNPROVEN: the start is only
    estimated or the owner's work cannot be read, so nobody is accused. A breach left by a former owner has
    ended too.

    >>> ClockState.BREACHED in OPEN_STATES, ClockState.MET_LATE in OPEN_STATES
    (True, False)
    """

    RUNNING = "running"
    AT_RISK = "at_risk"
    PAUSED = "paused"
    MET = "met"
    MET_LATE = "met_late"
    BREACHED = "breached"
    UNPROVEN = "unproven"
    CANCELLED = "cancelled"


OPEN_STATES = frozenset({ClockState.RUNNING, ClockState.AT_RISK, ClockState.PAUSED, ClockState.BREACHED})


class InterestBand(StrEnum):
    """How warm a lead is; from how many points on, the agreement says (``interest.Bands``).

    >>> [band.value for band in InterestBand]
    ['none', 'low', 'medium', 'high']
    """

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


BANDS = (InterestBand.NONE, InterestBand.LOW, InterestBand.MEDIUM, InterestBand.HIGH)


class Trend(StrEnum):
    """Behaviour of the last half-life against the one before; GONE: none in either.

    >>> [trend.value for trend in Trend]
    ['rising', 'steady', 'fading', 'gone']
    """

    RISING = "rising"
    STEADY = "steady"
    FADING = "fading"
    GONE = "gone"


class Fit(StrEnum):
    """Whether this is a buyer at all; UNKNOWN: no sign either way.

    >>> Fit("not_a_buyer")
    <Fit.NOT_A_BUYER: 'not_a_buyer'>
    """

    BUYER = "buyer"
    NOT_A_BUYER = "not_a_buyer"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reason:
    """One criterion and whether it holds. ``met`` None: cannot tell (data missing).

    ``code`` names the sentence in ``wording``, ``values`` fill it in.

    >>> Reason("interest", met=False, code="interest", values={"band": "low", "wanted": "medium"}).met
    False
    """

    criterion: str
    met: bool | None
    code: str
    values: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Missing:
    """One group of minimum data without a real value: any of ``names`` would do.

    ``why``: "empty" (nothing or a placeholder), "invalid", "free_mail" or "bounced".

    >>> Missing(("email", "phone"), "bounced").why
    'bounced'
    """

    names: tuple[str, ...]
    why: str = "empty"


@dataclass(frozen=True, slots=True)
class Interest:
    """Interest as a function of time: ``points`` as of ``as_of``, halving every ``half_life``.

    ``readable`` is False where nothing delivers behaviour: no points then mean nothing.

    >>> from sla_engine.examples import later
    >>> Interest(20, later(0), timedelta(days=14), InterestBand.MEDIUM).at(later(28 * 24))
    5.0
    """

    points: float
    as_of: datetime
    half_life: timedelta
    band: InterestBand
    trend: Trend = Trend.GONE
    readable: bool = True

    def at(self, instant: datetime) -> float:
        """Points left at ``instant`` (aware UTC, not before ``as_of``)."""
        return float(self.points * 2.0 ** (-((instant - self.as_of) / self.half_life)))


@dataclass(frozen=True, slots=True)
class Signal:
    """Something the lead did that counts as interest: what, when (UTC), and about which content.

    >>> from sla_engine.examples import later
    >>> Signal(ActivityKind.FORM, later(0), "Pricing").content
    'Pricing'
    """

    kind: ActivityKind
    at: datetime
    content: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """[start, end) (UTC) in which a clock stood still, and why: waiting_for_lead, absent or hold.

    >>> from sla_engine.examples import later
    >>> Pause(later(1), later(3), "hold").reason
    'hold'
    """

    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class StepTaken:
    """A rung of the escalation ladder whose working time came at ``at`` (UTC). ``to``: whose id (CRM).

    >>> from sla_engine.examples import later
    >>> StepTaken(later(4), "tell_manager", "005M").to
    '005M'
    """

    at: datetime
    do: str
    to: str = ""


@dataclass(frozen=True, slots=True)
class SlaClock:
    """One running or ended promise: who must do what by when. All instants are UTC.

    ``key`` names the decision: the id of the fact that opened the clock plus the target, so it
    stays the same through re-evaluation, restarts and new wording. ``owner`` had the lead while the
    clock ran (or has it now), ``acting`` is who must act now: a queue's named responsible or an
    absent owner's deputy where there is one. ``due_at`` leaves out the pauses. ``hours`` names the
    calendar, ``time_zone`` (IANA) is that calendar's, ``agreement`` the version it was opened under.
    ``stopped_at`` None: nobody has stopped it. Seconds are whole and count to the stop:
    ``working_seconds`` without pauses, ``wall_seconds`` as the crow flies, ``overshoot_seconds`` the
    working seconds past the deadline. ``warns_at`` is the first warning. ``turns_at``: the next instant
    at which the clock changes without news (a warning, the deadline, a pause, a rung of the ladder).

    >>> from sla_engine.examples import later
    >>> SlaClock("1:a:answer", "answer", 1, "anna", later(0), later(4), later(3), ClockState.BREACHED).is_open
    True
    """

    key: str
    target: str
    round: int
    owner: str | None
    started_at: datetime
    due_at: datetime
    warns_at: datetime
    state: ClockState
    hours: str = ""
    time_zone: str = "UTC"
    responsible: Party = "sales"
    acting: str | None = None
    agreement: str = ""
    stopped_at: datetime | None = None
    proof: str = ""
    estimated: bool = False
    working_seconds: int = 0
    wall_seconds: int = 0
    overshoot_seconds: int = 0
    pauses: tuple[Pause, ...] = ()
    steps: tuple[StepTaken, ...] = ()
    turns_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to answer; a breach left behind by a former owner has ended."""
        return self.stopped_at is None and self.state in OPEN_STATES


@dataclass(frozen=True, slots=True)
class NextStep:
    """What happens next (``code`` and ``values`` for ``wording``), who is responsible, by when (UTC).

    ``due_at`` None: no deadline. ``channel`` is "write" where the lead must not be called.

    >>> NextStep("nurture", "marketing").due_at is None
    True
    """

    code: str
    responsible: Party
    due_at: datetime | None = None
    values: Values = field(default_factory=dict)
    channel: Channel = "any"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Judgement of one lead at ``as_of``; the same for every instant in [as_of, valid_until). All UTC.

    ``sla_status`` is the one word shown in the CRM: the worst open clock's state, else the last
    ended clock's, else "none". ``is_mql`` says all agreed conditions hold now (the CRM's own stage
    is ``stage``). ``responsible`` answers for the lead in this stage. ``score`` is 0 to 100. ``signals``,
    while somebody must act: the latest things the lead did that count, newest first, three at most.
    ``findings``: what somebody did against the agreement. ``belongs_to``: no new lead, but known there.
    ``assign_to``: the ladder gives the lead to this person or queue. ``uncovered``: something was promised
    for this phase, but no target applies. ``held_out``: routed without the score. ``valid_until`` None:
    nothing changes without a new fact.

    >>> from sla_engine.evaluate import evaluate
    >>> from sla_engine.examples import agreed, handed_over, later
    >>> verdict = evaluate(handed_over(), agreed(), later(1))
    >>> verdict.due_clock.due_at.hour, verdict.valid_until.hour  # the first warning comes before
    (13, 12)
    """

    lead_id: str
    as_of: datetime
    stage: LifecycleStage | None
    is_mql: bool
    reasons: tuple[Reason, ...]
    missing: tuple[Missing, ...]
    fit: Fit
    interest: Interest
    score: int
    clocks: tuple[SlaClock, ...]
    next_step: NextStep
    sla_status: str
    valid_until: datetime | None
    agreement_version: str
    responsible: Party = "nobody"
    signals: tuple[Signal, ...] = ()
    findings: tuple[Reason, ...] = ()
    belongs_to: Relation | None = None
    assign_to: str | None = None
    uncovered: bool = False
    exempt: bool = False  # handed over before effective_from, or out of scope: no clock, no task
    held_out: bool = False

    @property
    def due_clock(self) -> SlaClock | None:
        """The open clock that is due first; its deadline is the task's. None: nobody has to answer."""
        running = [clock for clock in self.clocks if clock.is_open]
        return min(running, key=lambda clock: (clock.due_at, clock.key), default=None)

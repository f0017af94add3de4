"""What the agreement says of one lead at one instant: values only, made by ``evaluate``.

A verdict holds instants, states and bands, never a number that fades by itself: elapsed time
and the exact interest are functions of (verdict, instant).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sla_engine.model import LifecycleStage


class ClockState(StrEnum):
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
    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Fit(StrEnum):
    BUYER = "buyer"
    NOT_A_BUYER = "not_a_buyer"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reason:
    """One criterion and whether it holds. ``met`` None: cannot tell (data missing)."""

    criterion: str
    met: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Interest:
    """Interest as a function of time: ``points`` as of ``as_of``, halving every ``half_life``."""

    points: float
    as_of: datetime
    half_life: timedelta
    band: InterestBand

    def at(self, instant: datetime) -> float:
        """Points left at ``instant`` (aware UTC, not before ``as_of``)."""
        return float(self.points * 2.0 ** (-((instant - self.as_of) / self.half_life)))


@dataclass(frozen=True, slots=True)
class SlaClock:
    """One running or ended promise: who must do what by when.

    ``key`` names the decision: the id of the fact that opened the clock plus the target, so it
    stays the same through re-evaluation, restarts and new wording. ``overshoot_seconds`` counts
    working seconds past the deadline at the stop, 0 while open or in time. ``owner`` is the
    responsible owner's id when the clock stopped or now. ``warns_at`` is the earliest warning.
    ``hours`` names the calendar it runs on, ``time_zone`` (IANA) is that calendar's.
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
    stopped_at: datetime | None = None
    proof: str = ""
    estimated: bool = False
    working_seconds: int = 0
    wall_seconds: int = 0
    overshoot_seconds: int = 0

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


@dataclass(frozen=True, slots=True)
class NextStep:
    """What happens next, who is responsible, by when (None: no deadline)."""

    text: str
    responsible: str  # "sales" | "marketing" | "nobody"
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Judgement of one lead at ``as_of``; the same for every instant in [as_of, valid_until).

    ``sla_status`` is the one word shown in the CRM: the worst open clock's state, else the last
    ended clock's, else "none". ``is_mql`` says all agreed conditions hold now (the CRM's own stage
    is ``stage``). ``valid_until`` None: nothing changes without a new fact.
    """

    lead_id: str
    as_of: datetime
    stage: LifecycleStage | None
    is_mql: bool
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...]
    fit: Fit
    interest: Interest
    score: int
    clocks: tuple[SlaClock, ...]
    next_step: NextStep
    sla_status: str
    valid_until: datetime | None
    agreement_version: str
    uncovered: bool = False
    exempt: bool = False  # handed over before effective_from, or out of scope: no clock, no task

    @property
    def due_clock(self) -> SlaClock | None:
        """The open clock that is due first; its deadline is the task's."""
        running = [clock for clock in self.clocks if clock.is_open]
        return min(running, key=lambda clock: (clock.due_at, clock.key), default=None)

"""The agreement both sides signed, as a value: what ``[agreement]`` in config.toml holds.

Not here: how it is applied (``evaluate`` and its neighbours). Refused at load: unknown keys,
names that point nowhere, durations and calendars that make no sense.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sla_engine.business_time import BusinessHours
from sla_engine.model import ActivityKind, LifecycleStage
from sla_engine.verdict import InterestBand

Responsible = Literal["sales", "marketing"]
ProofName = Literal[
    "accepted", "qualified", "opportunity", "rejected", "call", "email", "meeting", "follow_up", "task"
]
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration(raw: object) -> timedelta:
    if isinstance(raw, timedelta):
        return raw
    match = re.fullmatch(r"(\d+)([smhd])", str(raw))
    if not match or match[1] == "0":
        raise ValueError(f'{raw!r} is no duration; write one like "30m", "4h" or "14d"')
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _working_duration(raw: object) -> timedelta:
    if str(raw).endswith("d"):
        raise ValueError(
            'working time is written in hours or minutes, like "8h": a day is not the same everywhere'
        )
    return _duration(raw)


Duration = Annotated[timedelta, BeforeValidator(_duration)]
WorkingTime = Annotated[timedelta, BeforeValidator(_working_duration)]


def _one_or_more(raw: object) -> object:
    return (raw,) if isinstance(raw, str) else raw


AnyOf = Annotated[tuple[str, ...], BeforeValidator(_one_or_more)]


class Part(BaseModel):
    """A part of the agreement: unknown keys are mistakes, and it never changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Condition(Part):
    """One test on a lead: a field and an operator, or an activity that has happened."""

    field: str = ""
    activity: ActivityKind | None = None
    is_: str | float | bool | None = Field(None, alias="is")
    in_: tuple[str, ...] | None = Field(None, alias="in")
    at_least: float | None = None
    at_most: float | None = None
    matches: re.Pattern[str] | None = None
    missing: bool | None = None

    @model_validator(mode="after")
    def _one_test(self) -> Condition:
        tests = (self.is_, self.in_, self.at_least, self.at_most, self.matches, self.missing)
        given = sum(test is not None for test in tests)
        if self.activity is not None:
            if self.field or given:
                raise ValueError("`activity` stands alone")
        elif not self.field or given != 1:
            raise ValueError("name a `field` and one of: is, in, at_least, at_most, matches, missing")
        return self


class MinimumData(Part):
    """What must be known before a handover. Each group needs one real value."""

    required: tuple[AnyOf, ...] = ()
    placeholders: tuple[str, ...] = ()


class FitCriterion(Condition):
    """One sign of a buyer or of somebody who never buys, with the reason in plain words."""

    name: str
    verdict: Literal["buyer", "not_a_buyer"]
    because: str


class Bands(Part):
    low: float = Field(default=1, gt=0)
    medium: float = Field(default=10, gt=0)
    high: float = Field(default=25, gt=0)

    @model_validator(mode="after")
    def _rising(self) -> Bands:
        if not self.low < self.medium < self.high:
            raise ValueError("bands must rise: low < medium < high")
        return self


class InterestModel(Part):
    """Points per activity, caps per calendar day (UTC) on raw points, and how fast they fade."""

    half_life: Duration = timedelta(days=14)
    points: Mapping[ActivityKind, float] = Field(default_factory=dict)
    cap_per_day: Mapping[ActivityKind, float] = Field(default_factory=dict)
    bands: Bands = Bands()


class Handover(Part):
    """The band of interest that makes a lead ready for sales."""

    interest: InterestBand = InterestBand.MEDIUM


class Target(Part):
    """One promise: who answers leads in ``phase`` within which working time, proven by what."""

    name: str
    phase: LifecycleStage
    starts: Literal["phase_entered"] = "phase_entered"
    responsible: Responsible = "sales"
    within: WorkingTime
    hours: str = "owner"
    warn_at: float = Field(0.75, gt=0, lt=1)
    when: tuple[Condition, ...] = ()
    met_by: tuple[ProofName, ...] = (
        "accepted",
        "opportunity",
        "rejected",
        "call",
        "email",
        "meeting",
        "follow_up",
    )


class Rejection(Part):
    """The reasons both sides agreed on."""

    recycle: tuple[str, ...] = ()
    disqualify: tuple[str, ...] = ()


class Agreement(Part):
    """The whole agreement. ``version`` names its content: another content, another version."""

    name: str
    default_hours: str
    hours: Mapping[str, BusinessHours]
    hours_by_time_zone: Mapping[str, str] = Field(default_factory=dict)
    minimum: MinimumData = MinimumData()
    fit: tuple[FitCriterion, ...] = ()
    interest: InterestModel = InterestModel()
    handover: Handover = Handover()
    target: tuple[Target, ...] = ()
    rejection: Rejection = Rejection()

    @model_validator(mode="after")
    def _names_point_somewhere(self) -> Agreement:
        named = {"default_hours": self.default_hours}
        named |= {f"hours_by_time_zone.{zone}": hours for zone, hours in self.hours_by_time_zone.items()}
        named |= {f"target {target.name}": target.hours for target in self.target if target.hours != "owner"}
        wrong = [self._unknown(where, hours) for where, hours in named.items() if hours not in self.hours]
        names = [target.name for target in self.target]
        wrong += [
            f"two targets are called {name}" for name in sorted({n for n in names if names.count(n) > 1})
        ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _unknown(self, where: str, hours: str) -> str:
        near = difflib.get_close_matches(hours, self.hours, 1)
        hint = f', did you mean "{near[0]}"?' if near else ""
        return f'{where}: there are no hours called "{hours}"{hint}'

    @cached_property
    def version(self) -> str:
        """Twelve characters that stay the same as long as the content does."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()[:12]

    def hours_for(self, target: Target, time_zone: str | None) -> str:
        """The calendar's name on which ``target`` runs for an owner in ``time_zone`` (IANA name or None)."""
        if target.hours != "owner":
            return target.hours
        return self.hours_by_time_zone.get(time_zone or "", self.default_hours)

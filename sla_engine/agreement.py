"""The agreement both sides signed, as a value: what ``[agreement]`` in config.toml holds.

Not here: how it is applied (``evaluate`` and its neighbours). Refused at load: unknown keys,
names that point nowhere, durations and calendars that make no sense, targets that never end.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

from pydantic import Field, model_validator

from sla_engine.business_time import BusinessHours
from sla_engine.conditions import Condition, Test, all_of
from sla_engine.fit import FitCriterion
from sla_engine.interest import InterestModel
from sla_engine.lifecycle import Lifecycle, Rejection
from sla_engine.minimum_data import MinimumData
from sla_engine.model import LifecycleStage, Owner, Value
from sla_engine.parts import Part
from sla_engine.people import NEXT_IN_LINE, People
from sla_engine.target import Target
from sla_engine.texts import text_problems
from sla_engine.verdict import InterestBand

_MODERN = datetime(2026, 1, 1, tzinfo=UTC)


class Handover(Part):
    """The band of interest that makes a lead ready for sales."""

    interest: InterestBand = InterestBand.MEDIUM


class NotNew(Part):
    """Leads that are known already, told by their fields, e.g. customers."""

    name: str
    when: tuple[Condition, ...] = Field(min_length=1)
    because: str

    @cached_property
    def applies(self) -> Test:
        return all_of(self.when)


class Volume(Part):
    """What marketing promises: MQLs a month by source ("*": all together), and how many are good.

    ``accepted_share``: of the MQLs sales has answered, the share accepted. ``source`` is our lead field.
    """

    source: str = "source"
    per_month: Mapping[str, int] = Field(default_factory=dict)
    accepted_share: float | None = Field(default=None, gt=0, le=1)


class Agreement(Part):
    """The whole agreement. ``version`` names its content: another content, another version.

    ``people`` and ``texts`` are no part of what was signed and make no new version. ``scope``: the
    conditions a lead must meet for this agreement to apply.
    """

    name: str
    scope: tuple[Condition, ...] = ()
    default_hours: str
    hours: Mapping[str, BusinessHours]
    hours_by_time_zone: Mapping[str, str] = Field(default_factory=dict)
    hours_by_region: Mapping[str, str] = Field(default_factory=dict)
    region: str = "country"
    minimum: MinimumData = MinimumData()
    fit: tuple[FitCriterion, ...] = ()
    interest: InterestModel = InterestModel()
    handover: Handover = Handover()
    target: tuple[Target, ...] = ()
    lifecycle: Lifecycle = Lifecycle()
    rejection: Rejection = Rejection()
    not_new: tuple[NotNew, ...] = ()
    volume: Volume = Volume()
    people: People = People()
    language: Literal["en", "de"] = "en"
    texts: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _holds_together(self) -> Agreement:
        wrong = [*self._unknown_hours(), *self._doubles(), *self._endless(), *self._unknown_people()]
        wrong += text_problems(self.texts)
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _unknown_hours(self) -> Iterator[str]:
        named = {"default_hours": self.default_hours}
        named |= {f"hours_by_time_zone.{zone}": hours for zone, hours in self.hours_by_time_zone.items()}
        named |= {f"hours_by_region.{region}": hours for region, hours in self.hours_by_region.items()}
        named |= {
            f"target {one.name}": one.hours for one in self.target if one.hours not in {"owner", "region"}
        }
        named |= {f"people.{key}": one.hours for key, one in self.people.root.items() if one.hours}
        for where, hours in named.items():
            if hours not in self.hours:
                near = difflib.get_close_matches(hours, self.hours, 1)
                hint = f', did you mean "{near[0]}"?' if near else ""
                yield f'{where}: there are no hours called "{hours}"{hint}'

    def _doubles(self) -> Iterator[str]:
        for what, names in (
            ("targets", [one.name for one in self.target]),
            ("fit criteria", [one.name for one in self.fit]),
        ):
            yield from (
                f"two {what} are called {name}" for name in sorted({n for n in names if names.count(n) > 1})
            )

    def _endless(self) -> Iterator[str]:
        """Targets that would take longer than any calendar they may run on stays open."""
        for one in self.target:
            names = self.hours if one.hours in {"owner", "region"} else {one.hours} & set(self.hours)
            for name in names:
                try:
                    self.hours[name].add(_MODERN, one.within)
                except OverflowError:
                    yield f"target {one.name} never ends on the hours of {name}"

    def _unknown_people(self) -> Iterator[str]:
        if self.people.root:
            steps = [(one.name, step.to) for one in self.target for step in one.escalate]
            in_line = any(person.in_line for person in self.people.root.values())
            if not in_line and any(to == NEXT_IN_LINE for _, to in steps):
                yield "nobody in `people` is in_line, so there is no next_in_line"

    @cached_property
    def version(self) -> str:
        """Twelve characters that stay the same as long as what was signed does."""
        signed = self.model_dump_json(by_alias=True, exclude={"people", "texts", "language"})
        return hashlib.sha256(signed.encode()).hexdigest()[:12]

    @cached_property
    def roster(self) -> str:
        """Names the people and texts that stand beside what was signed, as ``version`` does."""
        beside = self.model_dump_json(by_alias=True, include={"people", "texts", "language"})
        return hashlib.sha256(beside.encode()).hexdigest()[:12]

    @cached_property
    def covers(self) -> Test:
        """Whether a lead is in this agreement's scope."""
        return all_of(self.scope)

    @cached_property
    def phases(self) -> frozenset[LifecycleStage]:
        """Phases in which somebody promised something on entry."""
        return frozenset(
            phase for one in self.target if one.starts != "inbound_activity" for phase in one.phase
        )

    @cached_property
    def _targets(self) -> Mapping[str, Target]:
        return {one.name: one for one in self.target}

    def target_named(self, name: str) -> Target:
        """The target called ``name``. Raises KeyError."""
        return self._targets[name]

    def hours_for(self, target: Target, owner: Owner | None, fields: Mapping[str, Value]) -> str:
        """The calendar's name on which ``target`` runs: named, by the lead's region, or the owner's."""
        if target.hours == "region":
            return self.hours_by_region.get(str(fields.get(self.region) or ""), self.default_hours)
        if target.hours != "owner":
            return target.hours
        person = self.people.root.get(owner.id) if owner else None
        if person and person.hours:
            return person.hours
        return self.hours_by_time_zone.get((owner.time_zone if owner else None) or "", self.default_hours)

"""The agreement both sides signed, as a value: what ``[agreement]`` in config.toml holds.

Not here: how it is applied (``evaluate`` and its neighbours). Refused at load: unknown keys,
names that point nowhere, durations and calendars that make no sense, targets that never end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sla_engine.business_time import BusinessHours
from sla_engine.conditions import Condition, Test, all_of
from sla_engine.fit import FitCriterion
from sla_engine.interest import InterestModel
from sla_engine.lifecycle import Lifecycle, Rejection
from sla_engine.minimum_data import MinimumData
from sla_engine.model import LifecycleStage, Owner, Value
from sla_engine.parts import Part
from sla_engine.people import People
from sla_engine.soundness import flaws
from sla_engine.target import Target
from sla_engine.verdict import InterestBand


class Handover(Part):
    """What makes a lead ready for sales beside the minimum data: a band of interest, and how sure the fit is.

    ``fit``: "buyer" wants a sign for, "not_excluded" is content when nothing speaks against.
    """

    interest: InterestBand = InterestBand.MEDIUM
    fit: Literal["not_excluded", "buyer"] = "not_excluded"


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
    per_month: Mapping[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
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

    @model_validator(mode="before")
    @classmethod
    def _people_live_by_default_hours(cls, raw: Any) -> Any:
        """Absences are days in a person's own zone; unless one is named, that of the default hours."""
        try:
            zone = raw["hours"][raw["default_hours"]]["tz"]
            people = {key: {"tz": zone, **one} for key, one in raw["people"].items()}
        except (KeyError, TypeError, AttributeError):
            return raw  # what is wrong with it, the fields say themselves
        return {**raw, "people": people}

    @model_validator(mode="after")
    def _holds_together(self) -> Agreement:
        wrong = flaws(self)
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

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

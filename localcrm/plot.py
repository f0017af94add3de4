"""One lead's part of the story while it is being told.

Nothing later than the told time is ever kept: a scene that runs on simply breaks off there, as in life.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from localcrm import working_time
from localcrm.company import Change, LeadEntry, Touch
from localcrm.names import Person
from localcrm.staff import INBOUND, Staff

_WEEKS = timedelta(days=42)
_MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Plot:
    """A lead, its person, and what happened so far. ``until`` is the last instant told."""

    key: str
    person: Person
    rng: random.Random
    until: datetime
    staff: Staff
    created_at: datetime = field(init=False)
    handed_over_at: datetime = field(init=False)
    stage: str = "new"
    owner: str = INBOUND.key
    reason: str = ""
    opted_out: bool = False
    touches: list[Touch] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.created_at = self.until - timedelta(days=self.rng.uniform(1.5, 41))
        self.handed_over_at = self.until

    @property
    def first_day(self) -> datetime:
        """Where the story begins."""
        return self.until - _WEEKS

    @property
    def zone(self) -> str:
        """The owner's time zone."""
        return self.staff.zone(self.owner)

    def touch(
        self,
        kind: str,
        at: datetime,
        content: str = "",
        *,
        by: str | None = None,
        outcome: str = "",
        logged_at: datetime | None = None,
    ) -> None:
        """The lead or a sales person does something, unless the story ends before it (or its logging)."""
        at, logged_at = _whole(at), _whole(logged_at) if logged_at else None
        if self.created_at <= at and max(at, logged_at or at) <= self.until:
            self.touches.append(Touch(self.key, kind, at, content, by, outcome, logged_at))

    def move(self, stage: str, at: datetime, by: str, reason: str = "") -> bool:
        """The lead's stage changes; False when the story ends before."""
        if self._change("stage", self.stage, stage, at, by):
            self.stage, self.reason = stage, reason
            return True
        return False

    def give(self, owner: str, at: datetime, by: str) -> bool:
        """The lead's owner changes; False when the story ends before."""
        if self._change("owner", self.owner, owner, at, by):
            self.owner = owner
            return True
        return False

    def _change(self, what: str, old: str, new: str, at: datetime, by: str) -> bool:
        at = _whole(max(at, self.changes[-1].at if self.changes else self.created_at))
        if at > self.until or old == new:
            return False
        self.changes.append(Change(self.key, what, old, new, at, by))
        return True

    def working(self, hours: float) -> datetime:
        """The instant this much working time of the owner after the handover."""
        return working_time.after(self.handed_over_at, hours, self.zone)

    def later(self, least: float, most: float) -> datetime:
        """Some instant between so many working hours of the owner after the last change."""
        last = self.changes[-1].at if self.changes else self.created_at
        return working_time.after(last, self.rng.uniform(least, most), self.zone)

    def entry(self) -> LeadEntry:
        """The lead as it stands at the end."""
        person = self.person
        return LeadEntry(
            key=self.key,
            created_at=self.created_at,
            last_name=person.last_name,
            first_name=person.first_name,
            email=person.email,
            phone=person.phone,
            company=person.company,
            job_title=person.job_title,
            country=person.country,
            industry=person.industry,
            employees=person.employees,
            source=person.source,
            owner=self.owner,
            stage=self.stage,
            reason=self.reason,
            email_opt_out=self.opted_out,
        )

    def begin(self, at: datetime) -> None:
        """The lead comes in at ``at``, or on the first day told if that is later."""
        self.created_at = _whole(max(at, self.first_day))


def _whole(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)

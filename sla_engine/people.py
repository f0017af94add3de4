"""Who stands in for whom: queues' named responsibles, deputies, managers, the line, absences.

Not part of what was signed: people change without a new version of the agreement. Keys are the
CRM's user and queue ids. Not here: what the CRM itself says of an owner (``model.Owner``).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, RootModel, model_validator

from sla_engine.model import Owner
from sla_engine.parts import Part

NEXT_IN_LINE = "next_in_line"


class Person(Part):
    """One user or queue. ``absent`` holds first and last day, both included, in ``tz`` (IANA).

    ``responsible`` (queues): who hands its leads out. ``deputy`` acts while this person is away or
    has left. ``hours`` names their own calendar. ``in_line``: may be given leads by ``next_in_line``.
    Raises ValueError for an unknown zone and an absence that ends before it begins.

    >>> eva = Person(absent=[["2026-12-24", "2026-12-24"]], tz="Europe/Berlin")
    >>> [one.isoformat() for one in eva.away[0]]
    ['2026-12-23T23:00:00+00:00', '2026-12-24T23:00:00+00:00']
    >>> eva.is_away(datetime(2026, 12, 24, 23, tzinfo=UTC))  # midnight in Berlin
    False
    """

    name: str = ""
    responsible: str | None = None
    deputy: str | None = None
    manager: str | None = None
    hours: str | None = None
    in_line: bool = False
    absent: tuple[tuple[date, date], ...] = ()
    tz: str = "UTC"

    @model_validator(mode="after")
    def _absences_end_after_they_begin(self) -> Person:
        for first, last in self.absent:
            if last < first:
                raise ValueError(f"an absence ends ({last}) before it begins ({first})")
        try:
            ZoneInfo(self.tz)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"there is no time zone {self.tz}; write one like Europe/Berlin") from None
        return self

    @cached_property
    def away(self) -> tuple[tuple[datetime, datetime], ...]:
        """Absences as [start, end) in UTC."""
        zone = ZoneInfo(self.tz)
        return tuple(
            (
                datetime.combine(first, time(), zone).astimezone(UTC),
                datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC),
            )
            for first, last in self.absent
        )

    def is_away(self, instant: datetime) -> bool:
        """Whether this person is absent at ``instant`` (aware)."""
        return any(start <= instant < end for start, end in self.away)


class People(RootModel[Mapping[str, Person]]):
    """Everybody the agreement names, by CRM id. Raises ValueError for who stands in for themselves.

    >>> people = People({"eva": {"deputy": "max", "absent": [["2026-12-24", "2027-01-01"]]}, "max": {}})
    >>> christmas = datetime(2026, 12, 25, 12, tzinfo=UTC)
    >>> people.acting(Owner("eva"), christmas), people.acting(Owner("eva"), christmas - timedelta(days=9))
    ('max', 'eva')
    >>> people.turns == people.absences("eva")[0]
    True
    >>> team = People({"eva": {"in_line": True, "manager": "kim"}, "max": {"in_line": True}})
    >>> team.next_after("eva", "00Q1", christmas), team.manager_of("eva")
    ('max', 'kim')
    """

    model_config = {"frozen": True}
    root: Mapping[str, Person] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known_to_each_other(self) -> People:
        for key, person in self.root.items():
            if key in {person.deputy, person.responsible}:
                raise ValueError(f"{key} cannot stand in for themselves")
        return self

    def acting(self, owner: Owner | None, instant: datetime) -> str | None:
        """Who must act at ``instant`` (aware): the owner, a queue's responsible, a deputy while away or gone.

        When everybody is away the first of them; a queue itself where nobody is named; None when
        somebody has left and nobody stands in.
        """
        if owner is None:
            return None
        if owner.id not in self.root:
            return owner.id if owner.is_active else None
        able = [one for one in self._chain(owner.id) if one != owner.id or owner.is_active]
        present = (one for one in able if not self._is_away(one, instant))
        return next(present, able[0] if able else None)

    def _chain(self, start: str) -> Iterator[str]:
        """The owner, then who stands in for whom, each once; a queue's responsible comes instead of it."""
        seen: set[str] = set()
        current: str | None = start
        while current is not None and current not in seen:
            seen.add(current)
            person = self.root.get(current)
            if person is None or person.responsible is None:
                yield current
            if person is None:
                return
            current = person.responsible or person.deputy or (person.manager if current == start else None)

    def _is_away(self, key: str, instant: datetime) -> bool:
        person = self.root.get(key)
        return person is not None and person.is_away(instant)

    def absences(self, key: str | None) -> tuple[tuple[datetime, datetime], ...]:
        """A person's absences as [start, end) in UTC; empty for who is not named here."""
        person = self.root.get(key or "")
        return person.away if person else ()

    def manager_of(self, key: str | None) -> str | None:
        """The id of a person's manager; None where none is named."""
        person = self.root.get(key or "")
        return person.manager if person else None

    def next_after(self, owner: str | None, lead_id: str, instant: datetime) -> str | None:
        """Who is next in line after ``owner`` and not away; for nobody's lead, spread evenly by lead."""
        line = [key for key, person in self.root.items() if person.in_line]
        if not line:
            return None
        first = line.index(owner) + 1 if owner in line else zlib.crc32(lead_id.encode()) % len(line)
        ring = [*line[first % len(line) :], *line[: first % len(line)]]
        return next((one for one in ring if one != owner and not self._is_away(one, instant)), None)

    @cached_property
    def turns(self) -> tuple[datetime, ...]:
        """Every instant (UTC) at which somebody leaves or comes back, sorted."""
        return tuple(sorted({turn for one in self.root.values() for span in one.away for turn in span}))

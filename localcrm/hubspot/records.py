"""Records with their history, and the tables that keep them in id order. No rules, no HTTP."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from localcrm.hubspot.kinds import FIRST_IDS
from localcrm.hubspot.values import whole


class Source(NamedTuple):
    """Who wrote a value: HubSpot's source type, source id and, for people, the user id."""

    type: str
    id: str | None = None
    user: int | None = None


class Version(NamedTuple):
    """One value a property had; ``at`` in milliseconds since 1970."""

    value: str
    at: int
    source: Source


def person(user: int) -> Source:
    """A person at the screen."""
    return Source("CRM_UI", f"userId:{user}", user)


INTEGRATION = Source("INTEGRATION", "2048190")
FLOW = Source("AUTOMATION_PLATFORM", "enrollmentId:5501")
IMPORT = Source("IMPORT", "12")


@dataclass(slots=True)
class Record:
    """One record. ``history`` lists versions oldest first, only of properties changed since the creation.

    ``links`` maps the other kind to its record numbers and the association type ids seen from here.
    """

    number: int
    created: int
    updated: int
    origin: Source
    values: dict[str, str] = field(default_factory=dict)
    history: dict[str, list[Version]] = field(default_factory=dict)
    links: dict[str, dict[int, set[int]]] = field(default_factory=dict)
    archived_at: int | None = None

    def put(self, name: str, value: str, at: int, source: Source, *, repeats: bool = False) -> None:
        """Set one value now; an unchanged one counts as a change but leaves no version unless ``repeats``."""
        old = self.values.get(name, "")
        if old != value or repeats:
            versions = self.history.get(name)
            if versions is None:
                versions = [Version(old, self.created, self.origin)] if old else []
                self.history[name] = versions
            versions.append(Version(value, at, source))
            self.values[name] = value
        self.updated = max(self.updated, at)

    def versions(self, name: str) -> list[Version]:
        """Every version of a property, newest first."""
        if name in self.history:
            return self.history[name][::-1]
        value = self.values.get(name)
        return [Version(value, self.created, self.origin)] if value else []

    def as_of(self, at: int) -> Record | None:
        """The record as it stood then (links as now); None when it was not there yet."""
        if self.created > at:
            return None
        values, updated = dict(self.values), self.created
        for name, versions in self.history.items():
            known = [version for version in versions if version.at <= at]
            values[name] = known[-1].value if known else ""
            updated = max([updated, *(version.at for version in known)])
        return Record(self.number, self.created, updated, self.origin, values, {}, self.links)


class Table:
    """The records of one kind by number, in id order; the archived apart, the merged by alias."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.records: dict[int, Record] = {}
        self.archived: dict[int, Record] = {}
        self.merged: dict[int, int] = {}
        self.unique: dict[str, dict[str, int]] = {}
        self._next = FIRST_IDS[kind]

    def take_number(self) -> int:
        """The next free record number; insertion order is id order."""
        self._next += 1
        return self._next - 1

    def add(self, record: Record) -> None:
        """Keep a new record, made with the newest number."""
        self.records[record.number] = record

    def find(self, record_id: str, *, archived: bool = False) -> Record | None:
        """By id as clients write it; a merged-away id finds the survivor."""
        number = whole(record_id)
        if number is None:
            return None
        number = self.merged.get(number, number)
        return (self.archived if archived else self.records).get(number)

    def above(self, number: int, *, archived: bool = False) -> Iterator[Record]:
        """Records with a larger number, smallest first."""
        kept = self.archived if archived else self.records
        numbers = sorted(kept)
        return (kept[found] for found in numbers[bisect_right(numbers, number) :])

    def restore(self, record: Record) -> None:
        """Put an archived record back where it was."""
        del self.archived[record.number]
        self.records[record.number] = record

    def archive(self, record: Record, at: int) -> None:
        """Take a record out of sight and free its unique values."""
        record.archived_at = at
        self.archived[record.number] = self.records.pop(record.number)
        for name, taken in self.unique.items():
            value = record.values.get(name, "").lower()
            if taken.get(value) == record.number:
                del taken[value]

"""One portal: its tables, schemas, owners, pipelines and email events. No rules, no HTTP."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from localcrm.clock import Clock
from localcrm.hubspot.errors import ApiError
from localcrm.hubspot.kinds import KIND_IDS, opposite
from localcrm.hubspot.properties import Property, Schema, read_schema
from localcrm.hubspot.records import Record, Source, Table
from localcrm.hubspot.values import millis

_LEAD_SCOPES = {
    "errors": [
        {
            "message": "One or more of the following scopes are required.",
            "context": {"requiredGranularScopes": ["crm.objects.leads.read"]},
        }
    ]
}


@dataclass(frozen=True, slots=True)
class Switches:
    """What differs between real portals. ``search_lag`` in seconds.

    ``task_unique_property``: whether a unique property may be made on tasks; undocumented, so off.
    ``leads``: whether the account has the leads object (Sales seats); without it 403.
    """

    limits: bool = True
    search_lag: float = 0.0
    task_unique_property: bool = False
    leads: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """A user who can own records; ``at`` in milliseconds since 1970."""

    id: str
    user: int
    email: str
    first_name: str
    last_name: str
    active: bool
    at: int


class Portal:
    """Everything one HubSpot account keeps. Hold ``lock`` while reading or writing."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self.clock = clock
        self.switches = switches
        self.lock = threading.RLock()
        self.schemas: dict[str, Schema] = {kind: read_schema(kind) for kind in KIND_IDS}
        self.tables: dict[str, Table] = {kind: Table(kind) for kind in KIND_IDS}
        for kind, schema in self.schemas.items():
            for told in schema.properties.values():
                if told.unique:
                    self.tables[kind].unique[told.name] = {}
        self.owners: dict[str, Owner] = {}
        self.email_events: list[dict[str, Any]] = []

    def now(self) -> int:
        """The portal's clock in milliseconds since 1970."""
        return millis(self.clock.now())

    def open_kind(self, kind: str) -> str:
        """The kind, if this account has it; raises ApiError (403) for leads without Sales seats."""
        if kind == "leads" and not self.switches.leads:
            raise ApiError(
                "This app hasn't been granted all required scopes to make this call. Read more about "
                "required scopes here: https://developers.hubspot.com/scopes.",
                status=403,
                category="MISSING_SCOPES",
                extra=_LEAD_SCOPES,
            )
        return kind

    def owner_ids(self) -> set[str]:
        """Ids of the owners that may be given records."""
        return {owner.id for owner in self.owners.values() if owner.active}

    def link(self, kinds: tuple[str, str], ends: tuple[Record, Record], type_id: int) -> None:
        """Associate two records, seen from the first; the other end gets the opposite type."""
        (from_kind, to_kind), (from_record, to_record) = kinds, ends
        there = from_record.links.setdefault(to_kind, {}).setdefault(to_record.number, set())
        there.add(type_id)
        back = to_record.links.setdefault(from_kind, {}).setdefault(from_record.number, set())
        back.add(opposite(from_kind, to_kind, type_id))

    def unlink(self, kinds: tuple[str, str], ends: tuple[Record, Record]) -> None:
        """Remove every association between two records."""
        (from_kind, to_kind), (from_record, to_record) = kinds, ends
        from_record.links.get(to_kind, {}).pop(to_record.number, None)
        to_record.links.get(from_kind, {}).pop(from_record.number, None)

    def archive(self, kind: str, record: Record) -> None:
        """Archive a record and drop its associations."""
        for other_kind, others in list(record.links.items()):
            for number in list(others):
                other = self.tables[other_kind].records.get(number)
                if other is not None:
                    self.unlink((kind, other_kind), (record, other))
        self.tables[kind].archive(record, self.now())

    def add_record(self, kind: str, at: int, source: Source, values: dict[str, str]) -> Record:
        """Keep a new record as given, unchecked; claims its unique values."""
        table = self.tables[kind]
        record = Record(table.take_number(), at, at, source, values)
        table.add(record)
        self.claim(kind, record)
        return record

    def claim(self, kind: str, record: Record) -> None:
        """Remember the record's unique values."""
        for name, taken in self.tables[kind].unique.items():
            value = record.values.get(name)
            if value:
                taken[value.lower()] = record.number

    def property(self, kind: str, name: str) -> Property | None:
        """A property of a kind, by name."""
        return self.schemas[kind].properties.get(name)

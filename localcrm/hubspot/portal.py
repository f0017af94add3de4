"""One portal: its tables, schemas, owners, pipelines and email events. No rules, no HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localcrm.clock import Clock
from localcrm.hubspot.kinds import KIND_IDS, opposite
from localcrm.hubspot.leads import PRIMARY_CONTACT, is_orphan, show_contact
from localcrm.hubspot.properties import Property, Schema, read_schema
from localcrm.hubspot.records import FLOW, INTEGRATION, Record, Source, Table
from localcrm.hubspot.rules import Rule
from localcrm.hubspot.scopes import missing_scopes
from localcrm.hubspot.switches import Switches
from localcrm.hubspot.values import millis

# Who is told of changes: kind, what happened, the record, who did it, and further facts.
Listener = Callable[[str, str, Record, Source, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Submission:
    """One form sent in; ``at`` in milliseconds since 1970. ``values`` by field name."""

    form: str
    at: int
    address: str
    page_url: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Owner:
    """A user who can own records; ``at`` in milliseconds since 1970. The first team is the primary one."""

    id: str
    user: int
    email: str
    first_name: str
    last_name: str
    active: bool
    at: int
    teams: tuple[str, ...] = ()


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
        self.forms: dict[str, str] = {}
        self.submissions: list[Submission] = []
        self.rules: dict[str, dict[str, list[Rule]]] = {kind: {} for kind in KIND_IDS}
        self.listener: Listener | None = None

    def tell(
        self,
        kind: str,
        happening: str,
        record: Record,
        source: Source,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Let the listener know of a change, if there is one."""
        if self.listener is not None:
            self.listener(kind, happening, record, source, facts or {})

    def now(self) -> int:
        """The portal's clock in milliseconds since 1970."""
        return millis(self.clock.now())

    def open_kind(self, kind: str) -> str:
        """The kind, if this account has it; raises ApiError (403) for leads without Sales seats."""
        if kind == "leads" and not self.switches.leads:
            raise missing_scopes(["crm.objects.leads.read"])
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
        if from_kind == "leads" and type_id == PRIMARY_CONTACT:
            show_contact(from_record, to_record)
        elif to_kind == "leads" and opposite(from_kind, to_kind, type_id) == PRIMARY_CONTACT:
            show_contact(to_record, from_record)

    def unlink(self, kinds: tuple[str, str], ends: tuple[Record, Record]) -> None:
        """Remove every association between two records; a lead that loses its last primary one goes."""
        (from_kind, to_kind), (from_record, to_record) = kinds, ends
        there = from_record.links.get(to_kind, {}).pop(to_record.number, set())
        back = to_record.links.get(from_kind, {}).pop(from_record.number, set())
        for kind, record, removed in ((from_kind, from_record, there), (to_kind, to_record, back)):
            if kind == "leads" and record.archived_at is None and is_orphan(record, removed):
                self.archive("leads", record, FLOW)

    def archive(self, kind: str, record: Record, source: Source = INTEGRATION) -> None:
        """Archive a record and drop its associations."""
        self.take_away(kind, record)
        self.tell(kind, "deletion", record, source)

    def take_away(self, kind: str, record: Record) -> None:
        """Archive a record without telling."""
        self.tables[kind].archive(record, self.now())
        for other_kind, others in list(record.links.items()):
            for number in list(others):
                other = self.tables[other_kind].records.get(number)
                if other is not None:
                    self.unlink((kind, other_kind), (record, other))

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

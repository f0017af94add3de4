"""What a CRM in this process keeps, and what people do to it: stamps move, history is written.

Not here: the port that leadsla speaks (``memory``). ``now`` is the CRM's own clock; whoever tells
a story sets it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from connectors.base import Note, OurTask, Rejection, Removal, SeenLead
from sla_engine.model import Activity, ActorKind, Lead, Owner, OwnerChange, StageChange

PARTS = ("leads", "stages", "owners", "activities", "tasks", "removals")
Fact = TypeVar("Fact")


@dataclass(frozen=True, slots=True)
class Row:
    """Anything a poll can bring: when the CRM stored it (``number`` breaks ties), and on which lead."""

    stamp: datetime
    number: int
    lead_id: str
    fact: object


@dataclass(slots=True)
class Faults:
    """What goes wrong next.

    ``lose_after``/``lose_before``: so many creates whose answer is lost after or before they
    happened. ``break_after_pages``: the next read breaks there, once. ``forbid_notes``: the right is missing.
    ``hide_deletions``: no poll tells of a deleted lead, only its absence does.
    """

    lose_after: int = 0
    lose_before: int = 0
    refuse_leads: set[str] = field(default_factory=set)
    unavailable: bool = False
    break_after_pages: int | None = None
    forbid_notes: bool = False
    hide_deletions: bool = False


class MemoryRecords:
    """Leads, their history, activities and tasks. ``fields`` are the lead fields that exist."""

    def __init__(self, now: datetime, fields: tuple[str, ...] = ()) -> None:
        self.now = now
        self.fields = fields
        self.faults = Faults()
        self.people: dict[str, Owner] = {}
        self.rubbish: dict[str, Rejection] = {}
        self.has_our_fields = False
        self.notes: dict[str, Note] = {}  # by id
        self._rows: dict[str, dict[str, Row]] = {part: {} for part in PARTS}
        self._number = 0

    def hire(self, owner: Owner) -> None:
        """Add or change somebody who can own leads."""
        self.people[owner.id] = owner

    def put_lead(self, lead: Lead, *, actor: str | None = None) -> None:
        """Create the lead, or replace it; stage and owner changes go into its history."""
        seen = self.seen(lead.id)
        before = seen.lead if seen else None
        if lead.stage is not None and (before is None or before.stage is not lead.stage):
            kind = self._kind_of(actor)
            move = StageChange(self.now, lead.stage, actor, kind, lead.reason, id=self._next_id("S"))
            self._keep("stages", move.id, lead.id, move)
        if before is None or owner_id(before) != owner_id(lead):
            self._keep_owner(lead, actor)
        self.keep_seen(SeenLead(lead, self.now, seen.ours if seen else {}))

    def log(self, lead_id: str, activity: Activity) -> None:
        """Something happened to the lead, stored now (``activity.at`` may be earlier)."""
        self._keep("activities", activity.id, lead_id, activity)

    def tick_off(self, task_id: str) -> None:
        """A person closes a task by hand."""
        self.keep_task(replace(self.task(task_id), is_open=False))

    def spoil(self, lead_id: str, name: str, value: str, reason: str) -> None:
        """Make the lead's record unreadable: this field holds rubbish."""
        self.rubbish[lead_id] = Rejection(lead_id, name, value, reason)
        self._touch(lead_id)

    def mend(self, lead_id: str) -> None:
        """The record can be read again."""
        del self.rubbish[lead_id]
        self._touch(lead_id)

    def remove(self, lead_id: str, merged_into: str = "") -> None:
        """Delete the lead, or merge it into another, which inherits its activities and tasks."""
        del self._rows["leads"][lead_id]
        for part in ("activities", "tasks"):
            for fact_id, row in list(self._rows[part].items()):
                if row.lead_id == lead_id and merged_into:
                    moved = (
                        replace(row.fact, lead_id=merged_into) if isinstance(row.fact, OurTask) else row.fact
                    )
                    self._keep(part, fact_id, merged_into, moved)
        if merged_into:
            self._touch(merged_into)
        if merged_into or not self.faults.hide_deletions:
            self._keep("removals", lead_id, lead_id, Removal(lead_id, self.now, merged_into))

    def forget_our_fields(self) -> None:
        """An admin removes our fields and all that is in them; a task without our key is ours no more."""
        self.has_our_fields = False
        self._rows["tasks"].clear()
        for lead_id, row in self._rows["leads"].items():
            if isinstance(row.fact, SeenLead):
                self._rows["leads"][lead_id] = replace(row, fact=replace(row.fact, ours={}))

    def rows(self, part: str) -> list[Row]:
        """Everything of one part in the order it was stored; of a changed record the last state."""
        return sorted(self._rows[part].values(), key=lambda row: row.number)

    def seen(self, lead_id: str) -> SeenLead | None:
        row = self._rows["leads"].get(lead_id)
        return row.fact if row and isinstance(row.fact, SeenLead) else None

    def tasks(self) -> Iterator[OurTask]:
        for row in self.rows("tasks"):
            if isinstance(row.fact, OurTask):
                yield row.fact

    def task(self, task_id: str) -> OurTask:
        """Raises KeyError when there is none."""
        found = {task.id: task for task in self.tasks()}
        return found[task_id]

    def has_task(self, task_id: str) -> bool:
        return task_id in self._rows["tasks"]

    def new_task_id(self) -> str:
        return self._next_id("T")

    def new_note_id(self) -> str:
        return self._next_id("N")

    def keep_seen(self, seen: SeenLead) -> None:
        """Store a lead as it now is; no history is written. One that was removed is back."""
        self._rows["removals"].pop(seen.lead.id, None)
        self._keep("leads", seen.lead.id, seen.lead.id, replace(seen, modified_at=self.now))

    def keep_task(self, task: OurTask) -> None:
        self._keep("tasks", task.id, task.lead_id, task)

    def _keep(self, part: str, fact_id: str, lead_id: str, fact: object) -> None:
        self._number += 1
        self._rows[part][fact_id] = Row(self.now, self._number, lead_id, fact)

    def _keep_owner(self, lead: Lead, actor: str | None) -> None:
        owner = lead.owner
        change = OwnerChange(
            self.now,
            owner.id if owner else None,
            actor,
            self._kind_of(actor),
            to_queue=bool(owner and owner.is_queue),
            time_zone=owner.time_zone if owner else None,
            id=self._next_id("O"),
        )
        self._keep("owners", change.id, lead.id, change)

    def _touch(self, lead_id: str) -> None:
        seen = self.seen(lead_id)
        if seen is not None:
            self.keep_seen(seen)

    def _next_id(self, letter: str) -> str:
        self._number += 1
        return f"{letter}{self._number:06}"

    def _kind_of(self, actor: str | None) -> ActorKind:
        person = self.people.get(actor or "")
        return ActorKind.PERSON if person and not person.is_automation else ActorKind.AUTOMATION


def owner_id(lead: Lead) -> str | None:
    """The id of who owns the lead, if anybody."""
    return lead.owner.id if lead.owner else None


def facts_of(kind: type[Fact], rows: Sequence[Row]) -> tuple[tuple[str, Fact], ...]:
    """The facts of one kind, each with its lead."""
    return tuple((row.lead_id, row.fact) for row in rows if isinstance(row.fact, kind))


def facts_in(kind: type[Fact], rows: Sequence[Row]) -> tuple[Fact, ...]:
    """The facts of one kind."""
    return tuple(fact for _, fact in facts_of(kind, rows))

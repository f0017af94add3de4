"""Reads a company from CSV exports. The columns stand in docs/reference/localcrm.md.

Not a CRM's own export format: the columns speak ``company``'s words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from localcrm import company as words
from localcrm.company import STAGES, Change, Company, LeadEntry, Queue, Rep, Touch
from localcrm.names import plain
from localcrm.sheets import BadExport, Line, Problem, Sheet

__all__ = ["BadExport", "read_exports"]

AUTOMATION = Rep("automation", "Marketing", "Automation", "automation@example.com", automation=True)
_KEYS = ("key", "lead_id", "id")
_TEXTS: tuple[str, ...] = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "company",
    "job_title",
    "country",
    "industry",
)
_TEXTS += ("source", "reason")
_OTHERS = ("created_at", "employees", "owner", "stage", "email_opt_out")
_STAGE_COLUMNS = {f"{stage}_at": stage for stage in STAGES if stage != "new"}
_ACTIVITY_COLUMNS = ("lead", "kind", "at")
_KINDS = (*words.LEAD_TOUCHES, *words.SALES_TOUCHES, "stage", "owner")
_QUEUE = "queue:"


def read_exports(
    leads: Path, activities: Path | None, *, until: datetime | None, at_least: datetime
) -> Company:
    """The company in these files, told until ``until``, else the last instant, but ``at_least`` that.

    Raises BadExport with every problem of both files.
    """
    reading = _Reading(until)
    reading.read_leads(Sheet(leads, reading.problems))
    if activities is not None:
        reading.read_activities(Sheet(activities, reading.problems))
    if not reading.problems:
        reading.settle()
    if reading.problems:
        raise BadExport(reading.problems)
    return reading.company(at_least)


@dataclass(slots=True)
class _Reading:
    """What both sheets gave so far."""

    until: datetime | None
    problems: list[Problem] = field(default_factory=list)
    leads: dict[str, LeadEntry] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    touches: list[Touch] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    listed: set[tuple[str, str]] = field(default_factory=set)  # lead and field of changes in the activities
    owners: dict[str, Rep | Queue] = field(default_factory=lambda: {AUTOMATION.key: AUTOMATION})

    def read_leads(self, sheet: Sheet) -> None:
        key_column = next((name for name in _KEYS if name in sheet.columns), "key")
        if not self._complete(sheet, (key_column, "created_at")):
            return
        for line in sheet.lines():
            key = line.needed(key_column)
            if key in self.leads:
                line.wrong(key_column, "stands twice")
            created_at = line.needed_instant("created_at", until=self.until)
            entry = self._entry(line, key, created_at, key_column)
            changes = self._stage_columns(line, entry)
            if changes and not line.text("stage"):
                entry = replace(entry, stage=changes[-1].new or "new")
            self.leads[key] = entry
            self.lines[key] = line

    def _entry(self, line: Line, key: str, created_at: datetime, key_column: str) -> LeadEntry:
        stage = line.text("stage").lower() or "new"
        if stage not in STAGES:
            line.wrong("stage", f"must be one of {', '.join(STAGES)}")
        return LeadEntry(
            key=key,
            created_at=created_at,
            **{name: line.text(name) for name in _TEXTS},
            employees=line.whole_number("employees"),
            owner=self._owner(line.text("owner")),
            stage=stage,
            email_opt_out=line.yes_or_no("email_opt_out"),
            extra=_extra(line, key_column),
        )

    def _stage_columns(self, line: Line, entry: LeadEntry) -> list[Change]:
        """``mql_at`` and the like as changes: marketing's by the automation, sales' by the owner."""
        found = []
        for order, (column, stage) in enumerate(_STAGE_COLUMNS.items()):
            at = line.instant(column, until=self.until)
            if at is not None:
                found.append((at, order, stage))
        changes, old = list[Change](), "new"
        person = entry.owner if isinstance(self.owners.get(entry.owner or ""), Rep) else None
        for at, _, stage in sorted(found):
            by = AUTOMATION.key if stage == "mql" else person or AUTOMATION.key
            changes.append(Change(entry.key, "stage", old, stage, at, by))
            old = stage
        self.changes += changes
        return changes

    def read_activities(self, sheet: Sheet) -> None:
        if not self._complete(sheet, _ACTIVITY_COLUMNS):
            return
        for line in sheet.lines():
            lead, kind = line.needed("lead"), line.needed("kind").lower()
            at = line.needed_instant("at", until=self.until)
            if lead and lead not in self.leads:
                line.wrong("lead", "is not in the leads file")
            if kind and kind not in _KINDS:
                line.wrong("kind", f"must be one of {', '.join(_KINDS)}")
            by = self._owner(line.text("by"))
            if kind in ("stage", "owner"):
                self._change(line, kind, at, by)
                continue
            logged_at = line.instant("logged_at", until=self.until)
            self.touches.append(
                Touch(lead, kind, at, line.text("content"), by, line.text("outcome"), logged_at)
            )

    def _change(self, line: Line, kind: str, at: datetime, by: str | None) -> None:
        old, new = line.text("old") or None, line.needed("new") or None
        if kind == "stage":
            for column, stage in (("old", old), ("new", new)):
                if stage is not None and stage not in STAGES:
                    line.wrong(column, f"must be one of {', '.join(STAGES)}")
        else:
            old, new = self._owner(old or ""), self._owner(new or "")
        self.listed.add((line.text("lead"), kind))
        self.changes.append(Change(line.text("lead"), kind, old, new, at, by or AUTOMATION.key))

    def _complete(self, sheet: Sheet, columns: Iterable[str]) -> bool:
        if not sheet.columns:
            return False
        missing = [column for column in columns if column not in sheet.columns]
        for column in missing:
            self.problems.append(Problem(sheet.path.name, 1, column, "this column is required"))
        return not missing

    def _owner(self, name: str) -> str | None:
        """Remember an owner by name; ``queue:NAME`` is a queue, anybody else a person."""
        if name and name not in self.owners:
            self.owners[name] = (
                Queue(name, name.removeprefix(_QUEUE).strip()) if name.startswith(_QUEUE) else _rep(name)
            )
        return name or None

    def settle(self) -> None:
        """Put everything in order; leads stand where their last change put them.

        A stage column may know more than the date columns (a date is often missing), but it may not
        contradict the changes in the activities.
        """
        self.touches.sort(key=lambda touch: touch.at)
        self.changes.sort(key=lambda change: change.at)
        ends = {
            (one.lead, one.field): one.new for one in self.changes if (one.lead, one.field) in self.listed
        }
        for key, lead in self.leads.items():
            stage, owner = ends.get((key, "stage"), lead.stage), ends.get((key, "owner"), lead.owner)
            for column, end in (("stage", stage), ("owner", owner)):
                told = self.lines[key].text(column)
                if told and told.lower() != (end or "").lower():
                    self.lines[key].wrong(column, f"is not where the last {column} change ends")
            self.leads[key] = replace(lead, stage=stage or "new", owner=owner)

    def company(self, at_least: datetime) -> Company:
        """Everything read."""
        owners = self.owners.values()
        return Company(
            reps=tuple(one for one in owners if isinstance(one, Rep)),
            queues=tuple(one for one in owners if isinstance(one, Queue)),
            leads=tuple(sorted(self.leads.values(), key=lambda lead: lead.created_at)),
            touches=tuple(self.touches),
            changes=tuple(self.changes),
            told_until=self.until or max([at_least, *self._instants()]),
        )

    def _instants(self) -> list[datetime]:
        told = [lead.created_at for lead in self.leads.values()] + [change.at for change in self.changes]
        return told + [max(touch.at, touch.logged_at or touch.at) for touch in self.touches]


def _extra(line: Line, key_column: str) -> dict[str, str]:
    known = {key_column, *_TEXTS, *_OTHERS, *_STAGE_COLUMNS, ""}
    return {name: text for name, text in line.cells.items() if name not in known and text}


def _rep(name: str) -> Rep:
    """A person from a name, a mail address or a bare key."""
    local = name.split("@", maxsplit=1)[0]
    words = (local.replace(".", " ").replace("_", " ") if "@" in name else name).split()
    first, last = (words[0], " ".join(words[1:])) if len(words) > 1 else ("", name)
    email = name if "@" in name else f"{plain(name) or 'rep'}@example.com"
    return Rep(name, first.title() if "@" in name else first, last.title() if "@" in name else last, email)

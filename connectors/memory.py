"""A CRM in this process: the reference implementation of ``Crm``, and the one tests talk to first.

Lists, dictionaries and its own clock. It is as honest as the real ones: rows are refused one by
one, a key on a task is not unique by itself, answers can get lost, history names who did what.
It is no mock: nothing is recorded about how it was called except the number of calls.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from connectors.base import (
    OUR_FIELDS,
    AssignOwner,
    CallCount,
    Change,
    CloseTask,
    CreateTask,
    OurTask,
    Page,
    Problem,
    ProvisionStep,
    Receipt,
    ReceiptStatus,
    Rejection,
    SeenLead,
    SetFields,
    SetStage,
    UpdateTask,
)
from connectors.canonical import canonical
from connectors.errors import Unavailable
from connectors.mapping import parse_instant
from sla_engine.model import (
    Activity,
    ActorKind,
    Lead,
    LifecycleStage,
    Owner,
    OwnerChange,
    StageChange,
    Value,
)

LONGEST_TEXT = 255
_PARTS = ("leads", "stages", "owners", "activities", "tasks")
_TURN: Mapping[type, int] = {AssignOwner: 0, SetFields: 1, SetStage: 1, CloseTask: 2, UpdateTask: 2, CreateTask: 3}
Fact = TypeVar("Fact")


@dataclass(slots=True)
class Faults:
    """What goes wrong next. ``lose_after``/``lose_before``: so many task creates whose answer is lost."""

    lose_after: int = 0
    lose_before: int = 0
    refuse_leads: set[str] = field(default_factory=set)
    unavailable: bool = False
    break_after_pages: int | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """Anything a poll can bring: when the CRM stored it, and on which lead."""

    stamp: datetime
    number: int
    lead_id: str
    fact: object


class MemoryCrm:
    """One connection to one CRM that lives as long as this object. ``now`` is the CRM's own clock.

    ``fields`` are the field names the CRM has; ``mapping`` is our field -> CRM field, which
    ``check`` compares with them. Raises Unavailable when ``faults`` say so. Not thread-safe.
    """

    def __init__(
        self,
        now: datetime,
        *,
        name: str = "memory",
        fields: Sequence[str] = (),
        mapping: Mapping[str, str] | None = None,
        page_size: int = 200,
    ) -> None:
        self.name = name
        self.now = now
        self.faults = Faults()
        self.look_back = timedelta(seconds=300)
        self.page_size = page_size
        self._fields = tuple(fields)
        self._mapping = dict(mapping or {})
        self._people: dict[str, Owner] = {}
        self._rows: dict[str, dict[str, _Row]] = {part: {} for part in _PARTS}
        self._rubbish: dict[str, Rejection] = {}
        self._calls: Counter[str] = Counter()
        self._provisioned = False
        self._number = 0

    # As people and their other tools would: these move stamps and keep history.

    def hire(self, owner: Owner) -> None:
        """Add or change somebody who can own leads."""
        self._people[owner.id] = owner

    def put_lead(self, lead: Lead, *, actor: str | None = None) -> None:
        """Create the lead, or replace it; stage and owner changes go into its history."""
        row = self._rows["leads"].get(lead.id)
        old = row.fact if row else None
        before = old.lead if isinstance(old, SeenLead) else None
        ours = old.ours if isinstance(old, SeenLead) else {}
        kind = self._kind_of(actor)
        if lead.stage is not None and (before is None or before.stage is not lead.stage):
            move = StageChange(self.now, lead.stage, actor, kind, lead.reason, id=self._next_id("S"))
            self._keep("stages", move.id, lead.id, move)
        if before is None or _owner_id(before) != _owner_id(lead):
            self._keep_owner(lead, actor, kind)
        self._keep("leads", lead.id, lead.id, SeenLead(lead, self.now, ours))

    def log(self, lead_id: str, activity: Activity) -> None:
        """Something happened to the lead, stored now (``activity.at`` may be earlier)."""
        self._keep("activities", activity.id, lead_id, activity)

    def tick_off(self, task_id: str) -> None:
        """A person closes a task by hand."""
        self._keep_task(replace(self._task(task_id), is_open=False))

    def spoil(self, lead_id: str, name: str, value: str, reason: str) -> None:
        """Make the lead's record unreadable: this field holds rubbish."""
        self._rubbish[lead_id] = Rejection(lead_id, name, value, reason)
        self._touch(lead_id)

    def mend(self, lead_id: str) -> None:
        """The record can be read again."""
        del self._rubbish[lead_id]
        self._touch(lead_id)

    # As the port asks.

    def account_id(self) -> str:
        return f"{self.name}-account"

    def server_now(self) -> datetime:
        return self.now

    def check(self) -> list[Problem]:
        self._call("check")
        problems = []
        for ours, theirs in self._mapping.items():
            if theirs not in self._fields:
                near = difflib.get_close_matches(theirs, self._fields, 1)
                remedy = f'did you mean "{near[0]}"?' if near else "map another field"
                problems.append(Problem(f"lead.{ours}", f'there is no field "{theirs}"', remedy))
        if not self._provisioned:
            problems.append(Problem("fields", "our fields do not exist yet", "run `leadsla provision`"))
        return problems

    def owners(self) -> Mapping[str, Owner]:
        self._call("owners")
        return dict(self._people)

    def pull(self, cursor: str, until: datetime) -> Iterator[Page]:
        place = json.loads(cursor) if cursor else {"since": "", "to": "", "part": 0, "after": -1}
        if place["to"]:
            yield from self._window(place)
            place = {"since": place["to"], "to": "", "part": 0, "after": -1}
        yield from self._window({**place, "to": until.isoformat()})

    def apply(self, changes: Sequence[Change]) -> list[Receipt]:
        self._call("write")
        receipts: dict[int, Receipt] = {}
        for index, change in sorted(enumerate(changes), key=lambda one: (_TURN[type(one[1])], one[0])):
            receipts[index] = self._refusal(change) or self._write(change)
        return [receipts[index] for index in range(len(changes))]

    def find_tasks(self, changes: Sequence[CreateTask]) -> Mapping[str, OurTask]:
        self._call("find")
        keys = {change.key for change in changes}
        return {task.key: task for task in self._tasks() if task.key in keys}

    def read_leads(self, lead_ids: Sequence[str]) -> list[SeenLead]:
        self._call("read")
        wanted, rows = dict.fromkeys(lead_ids), self._rows["leads"]
        found = (rows[one].fact for one in wanted if one in rows and one not in self._rubbish)
        return [seen for seen in found if isinstance(seen, SeenLead)]

    def read_tasks(self, lead_ids: Sequence[str]) -> list[OurTask]:
        self._call("read")
        wanted = set(lead_ids)
        return [task for task in self._tasks() if task.lead_id in wanted]

    def provision(self, *, dry_run: bool) -> list[ProvisionStep]:
        self._call("provision")
        steps = [ProvisionStep(f"field {name}", self._provisioned) for name in (*OUR_FIELDS, "key")]
        self._provisioned = self._provisioned or not dry_run
        return steps

    def link(self, lead_id: str) -> str:
        return f"memory:{self.name}/{lead_id}"

    def calls(self) -> CallCount:
        return CallCount(sum(self._calls.values()), dict(self._calls))

    def close(self) -> None:
        """Nothing to let go of."""

    # Reading.

    def _window(self, place: Mapping[str, str | int]) -> Iterator[Page]:
        since, until = str(place["since"]), parse_instant(str(place["to"]))
        start = parse_instant(since) - self.look_back if since else None
        rows = [
            (part, row)
            for part, name in enumerate(_PARTS)
            for row in sorted(self._rows[name].values(), key=lambda one: one.number)
            if (start is None or row.stamp > start) and row.stamp <= until
            if (part, row.number) > (place["part"], place["after"])
        ]
        for begin in range(0, len(rows), self.page_size):
            piece = rows[begin : begin + self.page_size]
            self._break_if_told()
            part, last = piece[-1]
            here = {"since": since, "to": place["to"], "part": part, "after": last.number}
            yield self._page(piece, json.dumps(here), len(rows))
        self._call("pull")
        yield Page(cursor=json.dumps({"since": place["to"], "to": "", "part": 0, "after": -1}))

    def _page(self, rows: Sequence[tuple[int, _Row]], cursor: str, estimate: int) -> Page:
        self._call("pull")
        leads = [row for part, row in rows if _PARTS[part] == "leads"]
        return Page(
            leads=tuple(
                row.fact for row in leads if isinstance(row.fact, SeenLead) and row.lead_id not in self._rubbish
            ),
            stages=_of(StageChange, rows),
            owners=_of(OwnerChange, rows),
            activities=_of(Activity, rows),
            tasks=tuple(task for _, task in _of(OurTask, rows)),
            rejections=tuple(self._rubbish[row.lead_id] for row in leads if row.lead_id in self._rubbish),
            cursor=cursor,
            records=len(rows),
            estimate=estimate,
        )

    def _break_if_told(self) -> None:
        if self.faults.break_after_pages is not None:
            self.faults.break_after_pages -= 1
            if self.faults.break_after_pages < 0:
                self.faults.break_after_pages = None
                raise Unavailable(f"{self.name}: connection broke while reading")

    # Writing.

    def _refusal(self, change: Change) -> Receipt | None:
        """Why this row is not taken, as a CRM would say it: without values."""
        row = self._rows["leads"].get(change.lead_id)
        seen = row.fact if row else None
        owner_id = getattr(change, "owner_id", None)
        reason = ""
        if not isinstance(seen, SeenLead):
            reason = "NOT_FOUND: the lead is not there; it may have been deleted or merged"
        elif seen.lead.closed_elsewhere or change.lead_id in self.faults.refuse_leads:
            reason = "READ_ONLY: the record cannot be edited"
        elif owner_id and owner_id not in self._people:
            reason = "INVALID_OWNER: there is no such owner; assign the lead to somebody who exists"
        elif isinstance(change, SetFields):
            reason = self._field_trouble(change)
        elif isinstance(change, UpdateTask | CloseTask) and change.task_id not in self._rows["tasks"]:
            reason = "NOT_FOUND: the task is not there any more"
        return Receipt(ReceiptStatus.REJECTED, message=reason) if reason else None

    def _field_trouble(self, change: SetFields) -> str:
        for name, value in change.values.items():
            kind = OUR_FIELDS.get(name)
            if kind is None or not self._provisioned:
                return f"UNKNOWN_FIELD: {name}; run `leadsla provision`"
            if kind == "text" and len(str(value or "")) > LONGEST_TEXT:
                return f"TOO_LONG: {name} takes {LONGEST_TEXT} characters"
        return ""

    def _write(self, change: Change) -> Receipt:
        match change:
            case SetFields():
                return self._set_fields(change)
            case SetStage():
                lead = self._seen(change.lead_id).lead
                if lead.stage is not change.expected:
                    return Receipt(ReceiptStatus.UNCHANGED, change.lead_id, "the stage was changed meanwhile")
                self.put_lead(replace(lead, stage=change.stage), actor=self.name)
                return Receipt(ReceiptStatus.WRITTEN, change.lead_id)
            case AssignOwner():
                lead = self._seen(change.lead_id).lead
                if _owner_id(lead) != change.expected_owner_id:
                    return Receipt(ReceiptStatus.UNCHANGED, change.lead_id, "the owner was changed meanwhile")
                self.put_lead(replace(lead, owner=self._people[change.owner_id]), actor=self.name)
                return Receipt(ReceiptStatus.WRITTEN, change.lead_id)
            case CreateTask():
                return self._create_task(change)
        return self._change_task(change)

    def _set_fields(self, change: SetFields) -> Receipt:
        seen = self._seen(change.lead_id)
        ours: dict[str, str] = {**seen.ours, **{name: canonical(value) for name, value in change.values.items()}}
        self._keep("leads", change.lead_id, change.lead_id, SeenLead(seen.lead, self.now, ours))
        return Receipt(ReceiptStatus.WRITTEN, change.lead_id)

    def _create_task(self, change: CreateTask) -> Receipt:
        if self.faults.lose_before:
            self.faults.lose_before -= 1
            return Receipt(ReceiptStatus.UNKNOWN, message="the answer was lost")
        task = OurTask(
            self._next_id("T"), change.key, change.lead_id, True, change.subject, change.due_at, change.owner_id
        )
        self._keep_task(task)
        if self.faults.lose_after:
            self.faults.lose_after -= 1
            return Receipt(ReceiptStatus.UNKNOWN, message="the answer was lost")
        return Receipt(ReceiptStatus.WRITTEN, task.id)

    def _change_task(self, change: UpdateTask | CloseTask) -> Receipt:
        task = self._task(change.task_id)
        if not task.is_open:
            return Receipt(ReceiptStatus.UNCHANGED, task.id, "the task is closed already")
        if isinstance(change, CloseTask):
            self._keep_task(replace(task, is_open=False))
        else:
            self._keep_task(
                replace(
                    task, key=change.key, subject=change.subject, due_at=change.due_at, owner_id=change.owner_id
                )
            )
        return Receipt(ReceiptStatus.WRITTEN, task.id)

    # Keeping.

    def _keep(self, part: str, fact_id: str, lead_id: str, fact: object) -> None:
        self._number += 1
        self._rows[part][fact_id] = _Row(self.now, self._number, lead_id, fact)

    def _keep_owner(self, lead: Lead, actor: str | None, kind: ActorKind) -> None:
        owner = lead.owner
        change = OwnerChange(
            self.now,
            owner.id if owner else None,
            actor,
            kind,
            to_queue=bool(owner and owner.is_queue),
            time_zone=owner.time_zone if owner else None,
            id=self._next_id("O"),
        )
        self._keep("owners", change.id, lead.id, change)

    def _keep_task(self, task: OurTask) -> None:
        self._keep("tasks", task.id, task.lead_id, task)

    def _touch(self, lead_id: str) -> None:
        self._keep("leads", lead_id, lead_id, replace(self._seen(lead_id), modified_at=self.now))

    def _seen(self, lead_id: str) -> SeenLead:
        seen = self._rows["leads"][lead_id].fact
        assert isinstance(seen, SeenLead)  # noqa: S101 - only these are kept there
        return seen

    def _tasks(self) -> list[OurTask]:
        return [row.fact for row in self._rows["tasks"].values() if isinstance(row.fact, OurTask)]

    def _task(self, task_id: str) -> OurTask:
        return next(task for task in self._tasks() if task.id == task_id)

    def _next_id(self, letter: str) -> str:
        self._number += 1
        return f"{letter}{self._number:06}"

    def _kind_of(self, actor: str | None) -> ActorKind:
        person = self._people.get(actor or "")
        return ActorKind.PERSON if person and not person.is_automation else ActorKind.AUTOMATION

    def _call(self, kind: str) -> None:
        if self.faults.unavailable:
            raise Unavailable(f"{self.name}: cannot be reached")
        self._calls[kind] += 1


def _owner_id(lead: Lead) -> str | None:
    return lead.owner.id if lead.owner else None


def _of(kind: type[Fact], rows: Sequence[tuple[int, _Row]]) -> tuple[tuple[str, Fact], ...]:
    return tuple((row.lead_id, row.fact) for _, row in rows if isinstance(row.fact, kind))

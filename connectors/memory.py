"""A connection to a CRM in this process: the reference implementation of ``Crm``.

It is as honest as the real ones: rows are refused one by one, a key on a task is not unique by
itself, answers can get lost, history names who did what. It is no mock: nothing is recorded
about how it was called except the number of calls.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from connectors.base import (
    OUR_FIELDS,
    AssignOwner,
    CallCount,
    Change,
    CloseTask,
    CreateTask,
    Marks,
    Note,
    OurTask,
    Page,
    Problem,
    ProvisionStep,
    Receipt,
    ReceiptStatus,
    Removal,
    SeenLead,
    SetFields,
    SetStage,
    UpdateTask,
    no_marks,
)
from connectors.canonical import canonical
from connectors.errors import Unavailable
from connectors.mapping import parse_instant
from connectors.memory_notes import LOST, publish
from connectors.memory_records import PARTS, MemoryRecords, Row, facts_in, facts_of, owner_id
from sla_engine.model import Activity, Owner, OwnerChange, StageChange

LONGEST_TEXT = 255
LOOK_BACK = timedelta(seconds=300)
SETTLE = timedelta(seconds=2)
_TURNS = (AssignOwner, SetFields, SetStage, CloseTask, UpdateTask, CreateTask)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a read stands: its window ("" = open end), the part, the last row's number."""

    since: str = ""
    to: str = ""
    part: int = 0
    after: int = -1


class MemoryCrm:
    """One connection to ``records``. ``mapping`` is our field -> CRM field, compared by ``check``.

    Raises Unavailable when ``records.faults`` say so. Not thread-safe.
    """

    def __init__(
        self,
        records: MemoryRecords,
        *,
        name: str = "memory",
        mapping: Mapping[str, str] | None = None,
        page_size: int = 200,
    ) -> None:
        self.name = name
        self.records = records
        self.page_size = page_size
        self._mapping = dict(mapping or {})
        self._calls: Counter[str] = Counter()

    def account_id(self) -> str:
        return f"{self.name}-account"

    def server_now(self) -> datetime:
        return self.records.now

    def check(self) -> list[Problem]:
        self._call("check")
        problems = []
        for ours, theirs in self._mapping.items():
            if theirs not in self.records.fields:
                near = difflib.get_close_matches(theirs, self.records.fields, 1)
                remedy = f'did you mean "{near[0]}"?' if near else "map another field"
                problems.append(Problem(f"lead.{ours}", f'there is no field "{theirs}"', remedy))
        if not self.records.has_our_fields:
            told = ("fields", "our fields do not exist yet", "run `leadsla provision`")
            problems.append(Problem(*told, is_about_writing=True))
        return problems

    def owners(self) -> Mapping[str, Owner]:
        self._call("owners")
        return dict(self.records.people)

    def remember(self, owners: Mapping[str, Owner]) -> None:
        """Leads carry their owners here."""

    def pull(self, cursor: str, until: datetime | None = None, marks: Marks = no_marks) -> Iterator[Page]:  # noqa: ARG002 - costs nothing to read again
        place = _Place(**json.loads(cursor)) if cursor else _Place()
        if place.to:
            yield from self._window(place)
            place = _Place(since=place.to)
        until = until or self.records.now - SETTLE
        yield from self._window(replace(place, to=until.isoformat()))

    def reread(self, lead_ids: Sequence[str], *, whole: bool = False) -> Iterator[Page]:
        wanted = set(lead_ids)
        parts = PARTS if whole else ("leads", "stages", "owners", "removals")
        rows = [row for part in parts for row in self.records.rows(part) if row.lead_id in wanted]
        told = {row.lead_id for row in rows if isinstance(row.fact, Removal | SeenLead)}
        gone = tuple(Removal(one, self.records.now) for one in dict.fromkeys(lead_ids) if one not in told)
        yield replace(self._page(rows, "", None), removals=(*facts_in(Removal, rows), *gone))

    def census(self) -> Iterator[Mapping[str, datetime]]:
        rows = self.records.rows("leads")
        for begin in range(0, len(rows), self.page_size):
            self._break_if_told()
            yield {row.lead_id: row.stamp for row in rows[begin : begin + self.page_size]}
        self._call("census")

    def apply(self, changes: Sequence[Change]) -> list[Receipt]:
        if changes:
            self._call("write")
        receipts: dict[int, Receipt] = {}
        for kind in _TURNS:
            for index, change in enumerate(changes):
                if isinstance(change, kind):
                    receipts[index] = self._refusal(change) or self._write(change)
        return [receipts[index] for index in range(len(changes))]

    def find_tasks(self, changes: Sequence[CreateTask]) -> Mapping[str, OurTask]:
        self._call("find")
        keys = {change.key for change in changes}
        return {task.key: task for task in self.records.tasks() if task.key in keys}

    def read_leads(self, lead_ids: Sequence[str]) -> list[SeenLead]:
        self._call("read")
        found = (self.records.seen(one) for one in dict.fromkeys(lead_ids))
        return [seen for seen in found if seen is not None and seen.lead.id not in self.records.rubbish]

    def read_tasks(self, lead_ids: Sequence[str]) -> list[OurTask]:
        self._call("read")
        return [task for task in self.records.tasks() if task.lead_id in lead_ids]

    def provision(self, *, dry_run: bool) -> list[ProvisionStep]:
        self._call("provision")
        exists = self.records.has_our_fields
        self.records.has_our_fields = exists or not dry_run
        made = not exists and not dry_run
        return [ProvisionStep(f"field {name}", exists, created=made) for name in (*OUR_FIELDS, "key")]

    def unprovision(self, *, dry_run: bool) -> list[ProvisionStep]:
        self._call("provision")
        exists = self.records.has_our_fields
        if exists and not dry_run:
            self.records.forget_our_fields()
        gone = exists and not dry_run
        return [ProvisionStep(f"field {name}", exists, removed=gone) for name in (*OUR_FIELDS, "key")]

    def publish_note(self, note: Note) -> Receipt:
        self._call("write")
        return publish(self.records, note)

    def link(self, lead_id: str) -> str:
        return f"memory:{self.name}/{lead_id}"

    def calls(self) -> CallCount:
        return CallCount(sum(self._calls.values()), dict(self._calls))

    def close(self) -> None:
        """Nothing to let go of."""

    def _window(self, place: _Place) -> Iterator[Page]:
        start = parse_instant(place.since) - LOOK_BACK if place.since else None
        until = parse_instant(place.to)
        rows = [
            (part, row)
            for part, name in enumerate(PARTS)
            for row in self.records.rows(name)
            if (start is None or row.stamp > start) and row.stamp <= until
            if (part, row.number) > (place.part, place.after)
        ]
        for begin in range(0, len(rows), self.page_size):
            piece = rows[begin : begin + self.page_size]
            self._break_if_told()
            part, last = piece[-1]
            here = json.dumps(asdict(replace(place, part=part, after=last.number)))
            yield self._page([row for _, row in piece], here, len(rows))
        self._call("pull")
        yield Page(cursor=json.dumps(asdict(_Place(since=place.to))))

    def _page(self, rows: Sequence[Row], cursor: str, estimate: int | None) -> Page:
        self._call("pull")
        rubbish = self.records.rubbish
        leads = facts_of(SeenLead, rows)
        return Page(
            leads=tuple(seen for lead_id, seen in leads if lead_id not in rubbish),
            stages=facts_of(StageChange, rows),
            owners=facts_of(OwnerChange, rows),
            activities=facts_of(Activity, rows),
            tasks=facts_in(OurTask, rows),
            removals=facts_in(Removal, rows),
            rejections=tuple(rubbish[lead_id] for lead_id, _ in leads if lead_id in rubbish),
            cursor=cursor,
            records=len(rows),
            estimate=estimate,
        )

    def _break_if_told(self) -> None:
        faults = self.records.faults
        if faults.break_after_pages is not None:
            faults.break_after_pages -= 1
            if faults.break_after_pages < 0:
                faults.break_after_pages = None
                raise Unavailable(f"{self.name}: connection broke while reading")

    def _refusal(self, change: Change) -> Receipt | None:
        """Why this row is not taken, as a CRM would say it: without values."""
        seen = self.records.seen(change.lead_id)
        owner = getattr(change, "owner_id", None)
        reason = ""
        if seen is None and not isinstance(change, UpdateTask | CloseTask):
            reason = "NOT_FOUND: the lead is not there; it may have been deleted or merged"
        elif change.lead_id in self.records.faults.refuse_leads or (seen and _is_locked(seen, change)):
            reason = "READ_ONLY: the record cannot be edited"
        elif owner and owner not in self.records.people:
            reason = "INVALID_OWNER: there is no such owner; give the lead to somebody who exists"
        elif isinstance(change, SetFields):
            reason = self._field_trouble(change)
        elif isinstance(change, UpdateTask | CloseTask) and not self.records.has_task(change.task_id):
            reason = "NOT_FOUND: the task is not there any more"
        is_gone = seen is None
        return Receipt(ReceiptStatus.REJECTED, message=reason, lead_is_gone=is_gone) if reason else None

    def _field_trouble(self, change: SetFields) -> str:
        for name, value in change.values.items():
            kind = OUR_FIELDS.get(name)
            if kind is None or not self.records.has_our_fields:
                return f"UNKNOWN_FIELD: {name}; run `leadsla provision`"
            if kind == "text" and len(str(value or "")) > LONGEST_TEXT:
                return f"TOO_LONG: {name} takes {LONGEST_TEXT} characters"
        return ""

    def _write(self, change: Change) -> Receipt:
        match change:
            case SetFields():
                return self._set_fields(change)
            case SetStage() | AssignOwner():
                return self._move(change)
            case CreateTask():
                return self._create_task(change)
        return self._change_task(change)

    def _set_fields(self, change: SetFields) -> Receipt:
        for seen in self._there(change.lead_id):
            new = {name: canonical(value) for name, value in change.values.items()}
            self.records.keep_seen(replace(seen, ours={**seen.ours, **new}))
        return Receipt(ReceiptStatus.WRITTEN, change.lead_id)

    def _move(self, change: SetStage | AssignOwner) -> Receipt:
        """Only if the record still shows what the decision was made on."""
        for seen in self._there(change.lead_id):
            if isinstance(change, SetStage):
                as_expected = seen.lead.stage is change.expected
                moved = replace(seen.lead, stage=change.stage)
            else:
                as_expected = owner_id(seen.lead) == change.expected_owner_id
                moved = replace(seen.lead, owner=self.records.people[change.owner_id])
            if not as_expected:
                return Receipt(ReceiptStatus.UNCHANGED, change.lead_id, "a person changed it meanwhile")
            self.records.put_lead(moved, actor=self.name)
        return Receipt(ReceiptStatus.WRITTEN, change.lead_id)

    def _there(self, lead_id: str) -> Iterator[SeenLead]:
        """The lead, if it is there."""
        seen = self.records.seen(lead_id)
        if seen is not None:
            yield seen

    def _create_task(self, change: CreateTask) -> Receipt:
        faults = self.records.faults
        if faults.lose_before:
            faults.lose_before -= 1
            return LOST
        task = OurTask(
            id=self.records.new_task_id(),
            key=change.key,
            lead_id=change.lead_id,
            is_open=True,
            subject=change.subject,
            due_at=change.due_at,
            owner_id=change.owner_id,
        )
        self.records.keep_task(task)
        if faults.lose_after:
            faults.lose_after -= 1
            return LOST
        return Receipt(ReceiptStatus.WRITTEN, task.id)

    def _change_task(self, change: UpdateTask | CloseTask) -> Receipt:
        task = self.records.task(change.task_id)
        if not task.is_open:
            return Receipt(ReceiptStatus.UNCHANGED, task.id, "the task is closed already")
        if isinstance(change, CloseTask):
            self.records.keep_task(replace(task, is_open=False))
        else:
            renamed = replace(task, key=change.key, subject=change.subject)
            self.records.keep_task(replace(renamed, due_at=change.due_at, owner_id=change.owner_id))
        return Receipt(ReceiptStatus.WRITTEN, task.id)

    def _call(self, kind: str) -> None:
        if self.records.faults.unavailable:
            raise Unavailable(f"{self.name}: cannot be reached")
        self._calls[kind] += 1


def _is_locked(seen: SeenLead, change: Change) -> bool:
    """A converted lead takes no more changes; the tasks it has can still be closed."""
    return seen.lead.closed_elsewhere and not isinstance(change, UpdateTask | CloseTask)

"""What the CRM told us: leads, activities, changes, our tasks, the cursor.

Not here: records put aside (``quarantine``).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.base import OurTask, Page, Removal, SeenLead
from sla_engine.errors import BadFact
from sla_engine.history import history_of
from sla_engine.lifecycle import REJECTED
from sla_engine.merging import MergedLead, united
from sla_engine.model import StageChange
from sla_engine.rejection import NONE_GIVEN
from sync.store import schema
from sync.store.known import KnownLead, first_sight, with_reasons
from sync.store.leads import Leads
from sync.store.packing import (
    FieldForm,
    activity_form,
    from_micros,
    micros,
    owner_form,
    stage_form,
    task_form,
    unpack_facts,
    unpack_lead,
)
from sync.store.people import People
from sync.store.quarantine import Quarantine
from sync.store.removals import Removals
from sync.store.statements import chunks, insert_new, upsert
from sync.store.visits import Visits

_FORMS: Mapping[str, Any] = {
    "activity": activity_form,
    "stage": stage_form,
    "owner": owner_form,
    "sight": stage_form,
    "field": FieldForm(),
}
_MINUTE = timedelta(minutes=1)
_TOLD = ("activity", "stage", "owner")  # by the CRM, under the mapping of then; the rest we learned ourselves


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far a connection was read, in which account of the CRM, and under which mapping."""

    cursor: str = ""
    account: str = ""
    mapping: str = ""


class Facts:
    """One connection's facts."""

    def __init__(self, connection: str) -> None:
        self._name = connection
        self.quarantine = Quarantine(connection)
        self.people = People(connection)
        self.leads = Leads(connection)
        self.removals = Removals(connection)
        self.visits = Visits(connection)

    def bookmark(self, db: sa.Connection) -> Bookmark:
        """How far this connection was read; empty before the first pull."""
        table = schema.cursors.c
        query = sa.select(table.cursor, table.account, table.mapping)
        row = db.execute(query.where(table.connection == self._name)).first()
        return Bookmark(row.cursor, row.account, row.mapping) if row else Bookmark()

    def read_anew(self, db: sa.Connection, bookmark: Bookmark) -> None:
        """Begin from the start under another mapping: what the old one made of the CRM's words goes.

        Of first sights the latest instant stays, for the stage that the new mapping sees, and so do the
        reasons that were read. No lead is judged before its record was read again.
        """
        table = schema.facts
        mine = table.c.connection == self._name
        gone = sa.select(schema.removed.c.lead_id).where(schema.removed.c.connection == self._name)
        still = table.c.lead_id.not_in(gone)  # nobody can read a merged lead's past again
        query = sa.select(table).where(mine, still, table.c.kind == "sight").order_by(table.c.lead_id)
        latest: dict[str, StageChange] = {}
        for row in db.execute(query):
            sight = stage_form.validate_json(row.body)
            if row.lead_id not in latest or latest[row.lead_id].at < sight.at:
                latest[row.lead_id] = sight
        db.execute(table.delete().where(mine, still, table.c.kind.in_((*_TOLD, "sight", "field"))))
        unread = (table.c.kind == "reason", table.c.body == json.dumps(""))
        db.execute(table.delete().where(mine, still, *unread))
        blank = [self._fact(lead, "sight", one.id, replace(one, stage=None)) for lead, one in latest.items()]
        upsert(db, table, blank)
        mine = schema.leads.c.connection == self._name
        db.execute(schema.leads.update().where(mine).values(dirty=schema.UNREAD))
        self._keep_bookmark(db, bookmark)

    def keep_page(self, db: sa.Connection, page: Page, account: str, mapping: str = "") -> Sequence[Removal]:
        """One page and the cursor after it, in the caller's transaction. Repeated facts change nothing.

        Returns the leads that are gone with it.
        """
        past = self.leads.keep(db, page.leads)
        past_rows = [self._fact(lead, "field", f"{micros(one.at)}:{one.field}", one) for lead, one in past]
        insert_new(db, schema.facts, past_rows)
        self.quarantine.release(db, [seen.lead.id for seen in page.leads])
        self.removals.came_back(db, [seen.lead.id for seen in page.leads])
        rows = [self._fact(lead_id, "activity", fact.id, fact) for lead_id, fact in page.activities]
        rows += [self._fact(one, "stage", f.id or f"{f.at}", f) for one, f in page.stages]
        rows += [self._fact(one, "owner", f.id or f"{f.at}", f) for one, f in page.owners]
        self._keep_facts(db, rows)
        self.keep_tasks(db, page.tasks, mark_dirty=True)
        self.quarantine.keep(db, page.rejections)
        gone = self.removals.keep(db, page.removals)
        if page.cursor:
            self._keep_bookmark(db, Bookmark(page.cursor, account, mapping))
        return gone

    def _keep_bookmark(self, db: sa.Connection, bookmark: Bookmark) -> None:
        upsert(db, schema.cursors, [{"connection": self._name, **asdict(bookmark)}])

    def _fact(self, lead_id: str, kind: str, fact_id: str, fact: Any) -> dict[str, Any]:
        body = _FORMS[kind].dump_json(fact).decode()
        return {
            "connection": self._name,
            "lead_id": lead_id,
            "kind": kind,
            "fact_id": fact_id,
            "body": body,
        }

    def _keep_facts(self, db: sa.Connection, rows: list[dict[str, Any]]) -> None:
        fresh: list[dict[str, Any]] = []
        table = schema.facts
        for chunk in chunks(rows):
            query = sa.select(table).where(
                table.c.connection == self._name,
                table.c.lead_id.in_({row["lead_id"] for row in chunk}),
                table.c.fact_id.in_({row["fact_id"] for row in chunk}),
            )
            known = {(row.lead_id, row.kind, row.fact_id): row.body for row in db.execute(query)}
            fresh += [
                row
                for row in chunk
                if known.get((row["lead_id"], row["kind"], row["fact_id"])) != row["body"]
            ]
        upsert(db, table, fresh)
        self.leads.mark_dirty(db, sorted({row["lead_id"] for row in fresh}))

    def keep_tasks(self, db: sa.Connection, tasks: Iterable[OurTask], *, mark_dirty: bool) -> None:
        """Remember our tasks as the CRM shows them; a changed one makes its lead dirty if asked."""
        wanted = {task.id: task for task in tasks}
        known = {
            row.task_id: row.body
            for row in self._by_ids(db, schema.tasks, schema.tasks.c.task_id, list(wanted))
        }
        rows = [
            {
                "connection": self._name,
                "task_id": task.id,
                "lead_id": task.lead_id,
                "body": task_form.dump_json(task).decode(),
            }
            for task in wanted.values()
        ]
        fresh = [
            row
            for row, task in zip(rows, wanted.values(), strict=True)
            if not _is_same(known.get(row["task_id"]), task)
        ]
        upsert(db, schema.tasks, fresh)
        if mark_dirty:
            self.leads.mark_dirty(db, sorted({row["lead_id"] for row in fresh}))

    def known(self, db: sa.Connection, lead_ids: Sequence[str]) -> Iterator[KnownLead]:
        """Leads with history and tasks, in the order of their ids; owners as they are now.

        What was known of leads that were merged into one counts as its own.
        """
        people = self.people.everyone(db)
        for chunk in chunks(lead_ids):
            merged = self.removals.merged_into(db, chunk)
            others = [other for found in merged.values() for other, _ in found]
            bodies, reasons = self._bodies(db, [*chunk, *others])
            tasks: dict[str, list[OurTask]] = defaultdict(list)
            for row in self._by_ids(db, schema.tasks, schema.tasks.c.lead_id, chunk):
                tasks[row.lead_id].append(task_form.validate_json(row.body))
            for row in self.leads.rows(db, chunk):
                lead, told = unpack_lead(row.lead), _told(bodies[row.lead_id], reasons[row.lead_id])
                if lead.owner is not None:
                    lead = replace(lead, owner=people.get(lead.owner.id, lead.owner))
                seen = SeenLead(lead, from_micros(row.modified_at), json.loads(row.ours))
                sight = first_sight(seen, told["stage"], told["sight"])
                stages = [*told["way"], *([sight] if sight else [])]
                past = [
                    _merged(other, at, _told(bodies[other], reasons[other]))
                    for other, at in merged.get(row.lead_id, ())
                ]
                try:
                    history = history_of(lead, told["activity"], stages, told["owner"], fields=told["field"])
                    history = united(history, past) if past else history
                except BadFact as error:
                    self.quarantine.set_aside(db, error)
                    continue
                ours = tuple(sorted(tasks[row.lead_id], key=lambda task: task.id))
                yield KnownLead(seen, history, ours, sight, tuple(one.lead_id for one in past))

    def _bodies(
        self, db: sa.Connection, lead_ids: Sequence[str]
    ) -> tuple[dict[str, dict[str, list[str]]], dict[str, dict[int, str]]]:
        """The facts of leads as they lie in the store, by lead and kind; and reasons by lead and instant."""
        bodies: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        reasons: dict[str, dict[int, str]] = defaultdict(dict)
        table = schema.facts.c
        query = sa.select(table.lead_id, table.kind, table.fact_id, table.body)
        mine = query.where(table.connection == self._name, table.lead_id.in_(lead_ids))
        for lead_id, kind, fact_id, body in db.execute(mine).all():
            if kind == "reason":
                reasons[lead_id][int(fact_id)] = json.loads(body)
            else:
                bodies[lead_id][kind].append(body)
        return bodies, reasons

    def keep_learned(self, db: sa.Connection, leads: Iterable[KnownLead]) -> None:
        """Keep what the CRM shows only for now: a stage seen first, and the reason of a rejection."""
        rows = []
        for known in leads:
            lead = known.seen.lead
            if known.first_sight is not None:
                rows.append(self._fact(lead.id, "sight", known.first_sight.id, known.first_sight))
            last = known.history.stages[-1] if known.history.stages else None
            if last is not None and last.stage in REJECTED and last.reason in {"", NONE_GIVEN}:
                row = {"connection": self._name, "lead_id": lead.id, "kind": "reason"}
                rows.append({**row, "fact_id": str(micros(last.at)), "body": json.dumps(lead.reason)})
        upsert(db, schema.facts, rows)

    def _by_ids(
        self, db: sa.Connection, table: sa.Table, column: sa.Column[Any], ids: Sequence[str]
    ) -> Iterator[sa.Row[Any]]:
        for chunk in chunks(ids):
            query = sa.select(table).where(table.c.connection == self._name, column.in_(chunk))
            yield from db.execute(query.order_by(column))


def _is_same(body: str | None, task: OurTask) -> bool:
    """Whether a task is shown as it is known; some CRMs keep its time to the minute only."""
    if body is None:
        return False
    old = task_form.validate_json(body)
    near = old.due_at is not None and task.due_at is not None and abs(old.due_at - task.due_at) < _MINUTE
    return replace(old, due_at=task.due_at) == task if near else old == task


def _told(bodies: Mapping[str, list[str]], reasons: Mapping[int, str]) -> Mapping[str, list[Any]]:
    """One lead's facts by kind; ``way``: its stage changes with their reasons, and stages it was seen in."""
    told = defaultdict[str, list[Any]](list)
    told |= {kind: unpack_facts(kind, texts) for kind, texts in bodies.items()}
    seen = [one for one in told["sight"] if one.stage is not None]
    told["way"] = with_reasons(told["stage"], reasons) + seen
    return told


def _merged(lead_id: str, at: datetime, told: Mapping[str, list[Any]]) -> MergedLead:
    return MergedLead(lead_id, at, tuple(told["activity"]), tuple(told["way"]), tuple(told["owner"]))

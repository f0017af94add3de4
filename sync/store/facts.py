"""What the CRM told us: leads, activities, changes, our tasks, the cursor.

Not here: records put aside (``quarantine``).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from connectors.base import OurTask, Page, SeenLead
from sla_engine.errors import BadFact
from sla_engine.history import history_of
from sla_engine.lifecycle import REJECTED
from sla_engine.model import StageChange
from sla_engine.rejection import NONE_GIVEN
from sync.store import schema
from sync.store.known import KnownLead, field_changes, first_sight, relied_on, with_reasons
from sync.store.packing import (
    FieldForm,
    activity_form,
    from_micros,
    micros,
    owner_form,
    pack_lead,
    stage_form,
    task_form,
    unpack_facts,
    unpack_lead,
)
from sync.store.people import People
from sync.store.quarantine import Quarantine
from sync.store.statements import chunks, insert_new, upsert

_FORMS: Mapping[str, Any] = {
    "activity": activity_form,
    "stage": stage_form,
    "owner": owner_form,
    "sight": stage_form,
    "field": FieldForm(),
}
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
        query = sa.select(table).where(mine, table.c.kind == "sight").order_by(table.c.lead_id)
        latest: dict[str, StageChange] = {}
        for row in db.execute(query):
            sight = stage_form.validate_json(row.body)
            if row.lead_id not in latest or latest[row.lead_id].at < sight.at:
                latest[row.lead_id] = sight
        db.execute(table.delete().where(mine, table.c.kind.in_((*_TOLD, "sight", "field"))))
        db.execute(table.delete().where(mine, table.c.kind == "reason", table.c.body == json.dumps("")))
        blank = [self._fact(lead, "sight", one.id, replace(one, stage=None)) for lead, one in latest.items()]
        upsert(db, table, blank)
        mine = schema.leads.c.connection == self._name
        db.execute(schema.leads.update().where(mine).values(dirty=schema.UNREAD))
        self._keep_bookmark(db, bookmark)

    def keep_page(self, db: sa.Connection, page: Page, account: str, mapping: str = "") -> None:
        """One page and the cursor after it, in the caller's transaction. Repeated facts change nothing."""
        self._keep_leads(db, page.leads)
        rows = [self._fact(lead_id, "activity", fact.id, fact) for lead_id, fact in page.activities]
        rows += [self._fact(one, "stage", f.id or f"{f.at}", f) for one, f in page.stages]
        rows += [self._fact(one, "owner", f.id or f"{f.at}", f) for one, f in page.owners]
        self._keep_facts(db, rows)
        self.keep_tasks(db, page.tasks, mark_dirty=True)
        self.quarantine.keep(db, page.rejections)
        self._keep_bookmark(db, Bookmark(page.cursor, account, mapping))

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

    def _keep_leads(self, db: sa.Connection, leads: Sequence[SeenLead]) -> None:
        known = {
            row.lead_id: row
            for row in self._by_ids(db, schema.leads, schema.leads.c.lead_id, [one.lead.id for one in leads])
        }
        rows, changed, fields = [], [], []
        for seen in {one.lead.id: one for one in sorted(leads, key=lambda one: one.modified_at)}.values():
            packed, ours = pack_lead(seen.lead), json.dumps(dict(sorted(seen.ours.items())))
            old = known.get(seen.lead.id)
            is_news = old is None or old.lead != packed or old.ours != ours
            if old is None or old.lead != packed:
                changed.append(seen.lead.id)
            if old is not None and old.lead != packed and old.dirty != schema.UNREAD:
                fields += [
                    self._fact(seen.lead.id, "field", f"{micros(one.at)}:{one.field}", one)
                    for one in field_changes(unpack_lead(old.lead), seen, relied_on(old))
                ]
            rows.append(
                {
                    "connection": self._name,
                    "lead_id": seen.lead.id,
                    "lead": packed,
                    "ours": ours,
                    "modified_at": micros(seen.modified_at),
                    "dirty": int(is_news or bool(old and old.dirty)),
                }
            )
        upsert(db, schema.leads, rows)
        insert_new(db, schema.facts, fields)
        self._second_chance(db, changed, [seen.lead.id for seen in leads])

    def _second_chance(self, db: sa.Connection, changed: Sequence[str], mapped: Sequence[str]) -> None:
        """A record that changed is tried again after a refusal; one that maps leaves quarantine."""
        box = schema.outbox.c
        for chunk in chunks(changed):
            refused = (box.connection == self._name, box.lead_id.in_(chunk), box.status == "rejected")
            db.execute(schema.outbox.delete().where(*refused))
        self.quarantine.release(db, mapped)

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
        self.mark_dirty(db, sorted({row["lead_id"] for row in fresh}))

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
        fresh = [row for row in rows if known.get(row["task_id"]) != row["body"]]
        upsert(db, schema.tasks, fresh)
        if mark_dirty:
            self.mark_dirty(db, sorted({row["lead_id"] for row in fresh}))

    def mark_dirty(self, db: sa.Connection, lead_ids: Sequence[str]) -> None:
        for chunk in chunks(lead_ids):
            db.execute(
                schema.leads.update()
                .where(schema.leads.c.connection == self._name, schema.leads.c.lead_id.in_(chunk))
                .where(schema.leads.c.dirty != schema.UNREAD)
                .values(dirty=schema.DIRTY)
            )

    def show_written(self, db: sa.Connection, written: Mapping[str, Mapping[str, str]]) -> None:
        """The CRM now shows these values (by lead id) in our fields: its echo will be no news."""
        table = schema.leads
        rows = [
            {
                "one": row.lead_id,
                "text": json.dumps(dict(sorted({**json.loads(row.ours), **written[row.lead_id]}.items()))),
            }
            for row in self._by_ids(db, table, table.c.lead_id, list(written))
        ]
        mine = (table.c.connection == self._name, table.c.lead_id == sa.bindparam("one"))
        if rows:
            db.execute(table.update().where(*mine).values(ours=sa.bindparam("text")), rows)

    def count(self, db: sa.Connection) -> int:
        return db.execute(
            sa.select(sa.func.count())
            .select_from(schema.leads)
            .where(schema.leads.c.connection == self._name)
        ).scalar_one()

    def known(self, db: sa.Connection, lead_ids: Sequence[str]) -> Iterator[KnownLead]:
        """Leads with history and tasks, in the order of their ids; owners as they are now."""
        people = self.people.everyone(db)
        for chunk in chunks(lead_ids):
            bodies, reasons = self._bodies(db, chunk)
            tasks: dict[str, list[OurTask]] = defaultdict(list)
            for row in self._by_ids(db, schema.tasks, schema.tasks.c.lead_id, chunk):
                tasks[row.lead_id].append(task_form.validate_json(row.body))
            for row in self._by_ids(db, schema.leads, schema.leads.c.lead_id, chunk):
                lead, told = unpack_lead(row.lead), defaultdict[str, list[Any]](list)
                told |= {kind: unpack_facts(kind, texts) for kind, texts in bodies[row.lead_id].items()}
                if lead.owner is not None:
                    lead = replace(lead, owner=people.get(lead.owner.id, lead.owner))
                seen = SeenLead(lead, from_micros(row.modified_at), json.loads(row.ours))
                sight = first_sight(seen, told["stage"], told["sight"])
                stages = with_reasons(told["stage"], reasons[row.lead_id])
                stages += [one for one in told["sight"] if one.stage is not None]
                stages += [sight] if sight else []
                try:
                    history = history_of(lead, told["activity"], stages, told["owner"], fields=told["field"])
                except BadFact as error:
                    self.quarantine.set_aside(db, error)
                    continue
                ours = tuple(sorted(tasks[row.lead_id], key=lambda task: task.id))
                yield KnownLead(seen, history, ours, sight)

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

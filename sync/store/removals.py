"""Leads that the CRM does not have any more: what is kept of them, and what goes.

Of a deleted lead nothing stays but the tasks of ours that are still open, until they are closed. Of a
merged one its past stays, for the survivor's sake; its tasks are the survivor's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from connectors.base import OurTask, Removal
from sync.store import schema
from sync.store.packing import from_micros, micros, task_form
from sync.store.statements import chunks, insert_new

_OF_A_LEAD = (schema.leads, schema.outbox, schema.quarantine)


class Removals:
    """One connection's leads that are gone."""

    def __init__(self, connection: str) -> None:
        self._name = connection

    def keep(self, db: sa.Connection, removals: Sequence[Removal]) -> list[Removal]:
        """Let go of these leads; returns those that were still there. Repeated, it changes nothing."""
        gone = self._news(db, removals)
        for one in gone:
            survivor = self._survivor(db, one)
            self._delete(db, _OF_A_LEAD, one.lead_id)
            if survivor:
                self._hand_over(db, one.lead_id, survivor)
            else:
                self._erase(db, one.lead_id)
            row = {"lead_id": one.lead_id, "at": micros(one.at), "merged_into": survivor}
            insert_new(db, schema.removed, [{"connection": self._name, **row}])
        self.forget_finished(db)
        return gone

    def came_back(self, db: sa.Connection, lead_ids: Sequence[str]) -> None:
        """Leads that are there (again)."""
        for chunk in chunks(lead_ids):
            db.execute(schema.removed.delete().where(*self._mine(schema.removed, chunk)))

    def merged_into(
        self, db: sa.Connection, lead_ids: Sequence[str]
    ) -> Mapping[str, list[tuple[str, datetime]]]:
        """The leads that were merged into these, each with the instant of the merge."""
        found: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
        table = schema.removed.c
        for chunk in chunks(lead_ids):
            query = sa.select(table.lead_id, table.at, table.merged_into).where(
                table.connection == self._name, table.merged_into.in_(chunk)
            )
            for row in db.execute(query.order_by(table.at, table.lead_id)):
                found[row.merged_into].append((row.lead_id, from_micros(row.at)))
        return found

    def open_tasks(self, db: sa.Connection) -> list[OurTask]:
        """Our tasks on deleted leads that are still open."""
        gone, tasks = schema.removed.c, schema.tasks.c
        query = (
            sa.select(tasks.body)
            .join(schema.removed, (gone.connection == tasks.connection) & (gone.lead_id == tasks.lead_id))
            .where(tasks.connection == self._name, gone.merged_into == "")
        )
        found = (
            task_form.validate_json(body) for body in db.execute(query.order_by(tasks.task_id)).scalars()
        )
        return [task for task in found if task.is_open]

    def forget_tasks(self, db: sa.Connection, task_ids: Sequence[str]) -> None:
        """These tasks are done with; a deleted lead without any is forgotten."""
        table = schema.tasks
        gone = sa.select(schema.removed.c.lead_id).where(
            schema.removed.c.connection == self._name, schema.removed.c.merged_into == ""
        )
        for chunk in chunks(task_ids):
            mine = (table.c.connection == self._name, table.c.task_id.in_(chunk))
            db.execute(table.delete().where(*mine, table.c.lead_id.in_(gone)))
        self.forget_finished(db)

    def forget_finished(self, db: sa.Connection) -> None:
        """Deleted leads without an open task leave no trace."""
        waiting = {task.lead_id for task in self.open_tasks(db)}
        gone = schema.removed.c
        query = sa.select(gone.lead_id).where(gone.connection == self._name, gone.merged_into == "")
        done = [lead_id for lead_id in db.execute(query).scalars() if lead_id not in waiting]
        for chunk in chunks(done):
            for table in (schema.tasks, schema.removed):
                db.execute(table.delete().where(*self._mine(table, chunk)))

    def _news(self, db: sa.Connection, removals: Sequence[Removal]) -> list[Removal]:
        """Those that we still have something of, each once."""
        wanted = {one.lead_id: one for one in removals}
        there: set[str] = set()
        for chunk in chunks(list(wanted)):
            for table in (schema.leads, schema.facts, schema.tasks, schema.quarantine):
                query = sa.select(table.c.lead_id).where(*self._mine(table, chunk)).distinct()
                there |= set(db.execute(query).scalars())
            query = sa.select(schema.removed.c.lead_id).where(*self._mine(schema.removed, chunk))
            there -= set(db.execute(query).scalars())
        return [one for lead_id, one in wanted.items() if lead_id in there]

    def _survivor(self, db: sa.Connection, one: Removal) -> str:
        """Who has the merged lead's past in the end: the survivor may have been merged itself."""
        into, passed = one.merged_into, {one.lead_id}
        while into and into not in passed:
            passed.add(into)
            query = sa.select(schema.removed.c.merged_into).where(*self._mine(schema.removed, [into]))
            further = db.execute(query).scalar_one_or_none()
            if further is None:
                return into
            into = further
        return ""

    def _hand_over(self, db: sa.Connection, lead_id: str, survivor: str) -> None:
        """Its tasks, and the leads merged into it before, are the survivor's, which has to be judged anew."""
        table, gone = schema.tasks, schema.removed
        for row in db.execute(sa.select(table).where(*self._mine(table, [lead_id]))).all():
            task = replace(task_form.validate_json(row.body), lead_id=survivor)
            body = task_form.dump_json(task).decode()
            same = (table.c.connection == self._name, table.c.task_id == row.task_id)
            db.execute(table.update().where(*same).values(lead_id=survivor, body=body))
        earlier = (gone.c.connection == self._name, gone.c.merged_into == lead_id)
        db.execute(gone.update().where(*earlier).values(merged_into=survivor))
        leads = schema.leads
        judged = (*self._mine(leads, [survivor]), leads.c.dirty != schema.UNREAD)
        db.execute(leads.update().where(*judged).values(dirty=schema.DIRTY))

    def _erase(self, db: sa.Connection, lead_id: str) -> None:
        """Its facts, and those of the leads merged into it."""
        gone = schema.removed
        into = (gone.c.connection == self._name, gone.c.merged_into == lead_id)
        merged = list(db.execute(sa.select(gone.c.lead_id).where(*into)).scalars())
        for one in (lead_id, *merged):
            self._delete(db, (schema.facts,), one)
        db.execute(gone.delete().where(*into))

    def _delete(self, db: sa.Connection, tables: Sequence[sa.Table], lead_id: str) -> None:
        for table in tables:
            db.execute(table.delete().where(*self._mine(table, [lead_id])))

    def _mine(self, table: sa.Table, lead_ids: Sequence[str]) -> tuple[sa.ColumnElement[bool], ...]:
        return (table.c.connection == self._name, table.c.lead_id.in_(lead_ids))

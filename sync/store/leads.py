"""Lead rows: each lead as the CRM shows it, and whether it has to be judged anew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.base import SeenLead
from sla_engine.model import FieldChange
from sync.store import schema
from sync.store.known import field_changes, relied_on
from sync.store.packing import from_micros, micros, pack_lead, unpack_lead
from sync.store.statements import chunks, upsert


class Leads:
    """One connection's lead rows."""

    def __init__(self, connection: str) -> None:
        self._name = connection

    def keep(self, db: sa.Connection, leads: Sequence[SeenLead]) -> list[tuple[str, FieldChange]]:
        """Remember leads as they are shown now; returns what their fields held before, by lead id.

        A lead that shows something new is judged anew, and what was refused of it is tried again.
        """
        known = {row.lead_id: row for row in self.rows(db, [one.lead.id for one in leads])}
        rows: list[dict[str, Any]] = []
        changed: list[str] = []
        past: list[tuple[str, FieldChange]] = []
        for seen in {one.lead.id: one for one in sorted(leads, key=lambda one: one.modified_at)}.values():
            lead_id, old = seen.lead.id, known.get(seen.lead.id)
            packed, ours = pack_lead(seen.lead), json.dumps(dict(sorted(seen.ours.items())))
            if old is None or old.lead != packed:
                changed.append(lead_id)
            if old is not None and old.lead != packed and old.dirty != schema.UNREAD:
                told = field_changes(unpack_lead(old.lead), seen, relied_on(old))
                past += [(lead_id, one) for one in told]
            is_news = old is None or old.lead != packed or old.ours != ours
            rows.append(
                {
                    "connection": self._name,
                    "lead_id": lead_id,
                    "lead": packed,
                    "ours": ours,
                    "modified_at": micros(seen.modified_at),
                    "mark": seen.mark,
                    "dirty": int(is_news or bool(old and old.dirty)),
                }
            )
        upsert(db, schema.leads, rows)
        self._second_chance(db, changed)
        return past

    def unknown(self, db: sa.Connection, lead_ids: Sequence[str]) -> set[str]:
        """Those of these leads that are not kept."""
        return set(lead_ids) - {row.lead_id for row in self.rows(db, lead_ids)}

    def rows(self, db: sa.Connection, lead_ids: Sequence[str]) -> Iterator[sa.Row[Any]]:
        """The rows of these leads, by id."""
        table = schema.leads
        for chunk in chunks(lead_ids):
            query = sa.select(table).where(table.c.connection == self._name, table.c.lead_id.in_(chunk))
            yield from db.execute(query.order_by(table.c.lead_id))

    def marks(self, db: sa.Connection, lead_ids: Sequence[str]) -> dict[str, str]:
        """The marks these leads were kept with; none of a lead that must be read anew."""
        table = schema.leads.c
        found: dict[str, str] = {}
        for chunk in chunks(lead_ids):
            query = sa.select(table.lead_id, table.mark).where(
                table.connection == self._name, table.lead_id.in_(chunk), table.dirty != schema.UNREAD
            )
            found |= {row.lead_id: row.mark for row in db.execute(query) if row.mark}
        return found

    def stamps(self, db: sa.Connection) -> dict[str, datetime]:
        """Every lead that is kept, with the CRM's stamp it was kept at."""
        table = schema.leads.c
        query = sa.select(table.lead_id, table.modified_at).where(table.connection == self._name)
        return {row.lead_id: from_micros(row.modified_at) for row in db.execute(query)}

    def count(self, db: sa.Connection) -> int:
        """How many leads are kept."""
        mine = schema.leads.c.connection == self._name
        return db.execute(sa.select(sa.func.count()).select_from(schema.leads).where(mine)).scalar_one()

    def mark_dirty(self, db: sa.Connection, lead_ids: Sequence[str]) -> None:
        """These leads are judged in the next run, unless they must be read first."""
        table = schema.leads
        for chunk in chunks(lead_ids):
            mine = (table.c.connection == self._name, table.c.lead_id.in_(chunk))
            db.execute(table.update().where(*mine, table.c.dirty != schema.UNREAD).values(dirty=schema.DIRTY))

    def forget_shown(self, db: sa.Connection) -> None:
        """Our fields were made anew and are empty: what they are to show is decided and written again."""
        table = schema.leads
        mine = (table.c.connection == self._name, table.c.dirty != schema.UNREAD)
        db.execute(table.update().where(*mine).values(ours="{}", dirty=schema.DIRTY))

    def show_written(self, db: sa.Connection, written: Mapping[str, Mapping[str, str]]) -> None:
        """The CRM now shows these values (by lead id) in our fields: its echo will be no news."""
        table = schema.leads
        rows = [
            {
                "one": row.lead_id,
                "text": json.dumps(dict(sorted({**json.loads(row.ours), **written[row.lead_id]}.items()))),
            }
            for row in self.rows(db, list(written))
        ]
        mine = (table.c.connection == self._name, table.c.lead_id == sa.bindparam("one"))
        if rows:
            db.execute(table.update().where(*mine).values(ours=sa.bindparam("text")), rows)

    def _second_chance(self, db: sa.Connection, changed: Sequence[str]) -> None:
        """A record that changed is tried again after a refusal."""
        box = schema.outbox.c
        for chunk in chunks(changed):
            refused = (box.connection == self._name, box.lead_id.in_(chunk), box.status == "rejected")
            db.execute(schema.outbox.delete().where(*refused))

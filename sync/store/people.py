"""Who may own leads, as the CRM shows them now."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from sla_engine.model import Owner
from sync.store import schema
from sync.store.packing import person_form
from sync.store.statements import upsert


class People:
    """One connection's owners."""

    def __init__(self, connection: str) -> None:
        self._name = connection

    def keep(self, db: sa.Connection, owners: Iterable[Owner]) -> None:
        """Remember who owns leads; when one moved to another zone, left or came back, all leads are dirty."""
        known = self.everyone(db)
        fresh = [owner for owner in owners if known.get(owner.id) != owner]
        rows = [
            {
                "connection": self._name,
                "owner_id": owner.id,
                "body": person_form.dump_json(owner).decode(),
            }
            for owner in fresh
        ]
        upsert(db, schema.owners, rows)
        if any(owner.id in known and _ways(known[owner.id]) != _ways(owner) for owner in fresh):
            mine = (schema.leads.c.connection == self._name, schema.leads.c.dirty != schema.UNREAD)
            db.execute(schema.leads.update().where(*mine).values(dirty=schema.DIRTY))

    def everyone(self, db: sa.Connection) -> dict[str, Owner]:
        """Everybody who may own leads, by id."""
        table = schema.owners.c
        query = sa.select(table.owner_id, table.body).where(table.connection == self._name)
        return {row.owner_id: person_form.validate_json(row.body) for row in db.execute(query)}


def _ways(owner: Owner) -> tuple[str | None, bool]:
    """What of an owner decides deadlines and who has to act."""
    return owner.time_zone, owner.is_active

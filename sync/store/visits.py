"""When something that need not happen in every run was last done, and under what."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from sync.store import schema
from sync.store.packing import from_micros, micros
from sync.store.statements import upsert


class Visits:
    """One connection's visits. ``under`` names what a visit is good for: mapping, credentials, version."""

    def __init__(self, connection: str) -> None:
        self._name = connection

    def note(self, db: sa.Connection, what: str, at: datetime, under: str = "") -> None:
        """It was done at ``at`` (aware UTC)."""
        row = {"connection": self._name, "what": what, "at": micros(at), "under": under}
        upsert(db, schema.visits, [row])

    def last(self, db: sa.Connection, what: str, under: str = "") -> datetime | None:
        """When it was last done under this; None: never."""
        table = schema.visits.c
        query = sa.select(table.at).where(
            table.connection == self._name, table.what == what, table.under == under
        )
        at = db.execute(query).scalar_one_or_none()
        return None if at is None else from_micros(at)

    def under(self, db: sa.Connection, what: str) -> str:
        """Under what it was last done; empty: never, or under nothing."""
        table = schema.visits.c
        query = sa.select(table.under).where(table.connection == self._name, table.what == what)
        return db.execute(query).scalar_one_or_none() or ""

    def is_fresh(
        self, db: sa.Connection, what: str, now: datetime, within: timedelta, under: str = ""
    ) -> bool:
        """Whether it was done under this no longer ago than ``within``; never, if the clock was set back."""
        last = self.last(db, what, under)
        return last is not None and timedelta(0) <= now - last <= within

    def forget(self, db: sa.Connection, what: str) -> None:
        """It has to be done again."""
        table = schema.visits
        db.execute(table.delete().where(table.c.connection == self._name, table.c.what == what))

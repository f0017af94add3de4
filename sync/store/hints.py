"""Records that the CRM said changed: to be read sooner than the next poll would. Polling misses none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from sync.store import schema
from sync.store.packing import from_micros, micros
from sync.store.statements import chunks, upsert

MOST = 10_000
"""So many hints are kept per connection; with more, the poll is the faster way anyhow."""
AT_ONCE = 1_000
"""So many are taken for one run."""


class Hints:
    """One connection's hints. Instants are those of our own clock, aware UTC."""

    def __init__(self, connection: str) -> None:
        self._name = connection

    def add(self, db: sa.Connection, ids: Sequence[str], now: datetime) -> int:
        """Keep these ids, each once, as long as there is room. Returns how many are news."""
        wanted = list(dict.fromkeys(ids))
        known: set[str] = set()
        table = schema.hints
        for part in chunks(wanted):
            here = (table.c.connection == self._name, table.c.lead_id.in_(part))
            known.update(db.execute(sa.select(table.c.lead_id).where(*here)).scalars())
        room = max(0, MOST - self._count(db))
        news = [one for one in wanted if one not in known][:room]
        kept = [*known, *news]
        rows = [{"connection": self._name, "lead_id": one, "at": micros(now)} for one in kept]
        for piece in chunks(rows):
            upsert(db, table, piece)
        return len(news)

    def take(self, db: sa.Connection) -> Mapping[str, datetime]:
        """The ids to read again now, the longest waiting first, with the instant each was last named.

        They stay until ``clear``: what a run took and could not read is taken again.
        """
        table = schema.hints.c
        query = sa.select(table.lead_id, table.at).where(table.connection == self._name)
        rows = db.execute(query.order_by(table.at, table.lead_id).limit(AT_ONCE))
        return {row.lead_id: from_micros(row.at) for row in rows}

    def clear(self, db: sa.Connection, taken: Mapping[str, datetime]) -> None:
        """These were read. What was named again since it was taken stays: that news may be later."""
        table = schema.hints
        for one, at in taken.items():
            mine = (table.c.connection == self._name, table.c.lead_id == one, table.c.at <= micros(at))
            db.execute(table.delete().where(*mine))

    def any(self, db: sa.Connection) -> bool:
        """Whether there is something to read at once."""
        table = schema.hints.c
        query = sa.select(table.lead_id).where(table.connection == self._name).limit(1)
        return db.execute(query).first() is not None

    def _count(self, db: sa.Connection) -> int:
        table = schema.hints.c
        query = sa.select(sa.func.count()).where(table.connection == self._name)
        return int(db.execute(query).scalar() or 0)

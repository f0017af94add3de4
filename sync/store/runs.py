"""The runs there were: when, and what each reported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sync.store import schema
from sync.store.packing import from_micros, micros


class Runs:
    """One connection's runs."""

    def __init__(self, connection: str) -> None:
        self._name = connection

    def last(self, db: sa.Connection) -> datetime | None:
        """When a run was last kept; None: never."""
        table = schema.runs.c
        last = db.execute(sa.select(sa.func.max(table.at)).where(table.connection == self._name)).scalar_one()
        return None if last is None else from_micros(last)

    def first(self, db: sa.Connection) -> datetime | None:
        """When a run was first kept; None: never."""
        table = schema.runs.c
        first = db.execute(sa.select(sa.func.min(table.at)).where(table.connection == self._name))
        value = first.scalar_one()
        return None if value is None else from_micros(value)

    def keep(self, db: sa.Connection, now: datetime, report: Mapping[str, Any]) -> None:
        """Keep a run's report, and let go of outbox rows done more than 30 days ago."""
        db.execute(
            schema.runs.insert().values(connection=self._name, at=micros(now), report=json.dumps(report))
        )
        old = micros(now - timedelta(days=30))
        table = schema.outbox
        done = table.c.status.in_(("written", "unchanged"))
        db.execute(table.delete().where(table.c.connection == self._name, done, table.c.at < old))

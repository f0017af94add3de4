"""Records that make no sense: put aside, shown in every report, tried again once they change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from connectors.base import Rejection
from sla_engine.errors import BadFact
from sync.store import schema
from sync.store.statements import chunks, upsert


class Quarantine:
    """One connection's records that were put aside."""

    def __init__(self, connection: str) -> None:
        self._name = connection

    def keep(self, db: sa.Connection, rejections: Iterable[Rejection]) -> None:
        """Values that could not be read, with why."""
        upsert(
            db,
            schema.quarantine,
            [self._row(one.lead_id, one.field, one.value, one.reason) for one in rejections],
        )

    def set_aside(self, db: sa.Connection, error: BadFact) -> None:
        """A lead whose facts contradict each other; the others go on."""
        upsert(
            db,
            schema.quarantine,
            [self._row(error.lead_id, error.field, "", f"{error.what}; {error.remedy}")],
        )

    def release(self, db: sa.Connection, lead_ids: Sequence[str]) -> None:
        """Leads that can be read now."""
        table = schema.quarantine.c
        for chunk in chunks(lead_ids):
            mine = (table.connection == self._name, table.lead_id.in_(chunk))
            db.execute(schema.quarantine.delete().where(*mine))

    def rows(self, db: sa.Connection) -> list[sa.Row[Any]]:
        """What is put aside, with raw values: mask before showing."""
        table = schema.quarantine
        return list(db.execute(sa.select(table).where(table.c.connection == self._name)))

    def _row(self, lead_id: str, field: str, value: str, reason: str) -> dict[str, str]:
        return {
            "connection": self._name,
            "lead_id": lead_id,
            "field": field,
            "value": value,
            "reason": reason,
        }

"""Scorecards: what was proposed, which one both sides approved, and which was in force since when.

An approved card is put in force by the first run that writes: at the CRM's own instant, as agreements are.
Approvals lie on each other; a rollback takes the topmost off, so that what it replaced is in force again.
Not here: how a card is learned (``sla_engine.learning``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from sla_engine.card import CardInForce, Scorecard
from sync.store import schema
from sync.store.packing import from_micros, micros
from sync.store.statements import upsert


class NothingToRollBack(Exception):
    """No card is in force on this connection."""


@dataclass(frozen=True, slots=True)
class KeptCard:
    """One proposed card. ``approvals``: (when, by whom), oldest first; ``is_in_force``: the one that counts.

    ``card`` None: another leadsla wrote it, and this one cannot read it.
    """

    version: str
    card: Scorecard | None
    proposed_at: datetime
    approvals: list[tuple[datetime, tuple[str, ...]]] = field(default_factory=list)
    is_in_force: bool = False


class Cards:
    """One connection's scorecards."""

    def __init__(self, connection: str) -> None:
        self._name = connection

    def propose(self, db: sa.Connection, card: Scorecard, at: datetime, report: str = "") -> str:
        """Keep a card for both sides to read; its version. The same card proposed again changes nothing.

        ``report``: what is said of it, kept as it is.
        """
        table = schema.cards
        known = sa.select(table.c.version).where(
            table.c.connection == self._name, table.c.version == card.version
        )
        if db.execute(known).first() is None:
            body = card.model_dump_json(by_alias=True)
            row = {"connection": self._name, "version": card.version, "body": body, "data": card.data}
            upsert(db, table, [{**row, "proposed_at": micros(at), "report": report}])
        return card.version

    def report(self, db: sa.Connection, version: str) -> str | None:
        """What was said of a card when it was proposed; None: it never was."""
        table = schema.cards.c
        query = sa.select(table.report).where(table.connection == self._name, table.version == version)
        return db.execute(query).scalar_one_or_none()

    def approve(self, db: sa.Connection, version: str, names: Sequence[str], at: datetime) -> None:
        """Both sides said yes: the next run puts it in force. Raises KeyError for a version never proposed.

        ``names``: who said so, at least one; that they are two different people is the front door's business.
        """
        if version not in {one.version for one in self.kept(db)}:
            raise KeyError(version)
        self._enter(db, version, names, at)

    def rollback(self, db: sa.Connection, at: datetime) -> str | None:
        """Take back the approval that counts; the version in force again, None: the starting score.

        Raises NothingToRollBack.
        """
        approved = self._stack(self._rows(db))
        if not approved:
            raise NothingToRollBack
        before = approved[-2] if len(approved) > 1 else None
        self._enter(db, before, (), at)
        return before

    def put_in_force(self, db: sa.Connection, now: datetime) -> None:
        """What was approved since the last run counts from ``now``, the CRM's instant."""
        table = schema.cards_in_force
        fresh = (table.c.connection == self._name, table.c.since.is_(None))
        db.execute(table.update().where(*fresh).values(since=micros(now)))

    def in_force(self, db: sa.Connection, now: datetime) -> tuple[CardInForce, ...]:
        """Every card that was in force, in time order, as if the latest approval were put in force ``now``.

        A card that this leadsla cannot read counts as none: the starting score.
        """
        rows = self._rows(db)
        if not rows:
            return ()
        cards = {one.version: one.card for one in self.kept(db)}
        return tuple(
            CardInForce(
                card=cards.get(row.version), since=now if row.since is None else from_micros(row.since)
            )
            for row in rows
        )

    def last_approval(self, db: sa.Connection) -> datetime | None:
        """When something was approved or rolled back last; None: never."""
        rows = self._rows(db)
        return from_micros(rows[-1].approved_at) if rows else None

    def approved_by(self, db: sa.Connection, instant: datetime) -> Scorecard | None:
        """The card both sides had approved last at an instant (aware); None: the starting score."""
        rows = [row for row in self._rows(db) if row.approved_at <= micros(instant)]
        cards = {one.version: one.card for one in self.kept(db)}
        return cards.get(rows[-1].version) if rows else None

    def unreadable(self, db: sa.Connection) -> str:
        """The version that counts, if this leadsla cannot read it; "" otherwise."""
        return next((one.version for one in self.kept(db) if one.is_in_force and one.card is None), "")

    def kept(self, db: sa.Connection) -> list[KeptCard]:
        """Every card proposed, oldest first, with its approvals."""
        table = schema.cards
        query = sa.select(table).where(table.c.connection == self._name)
        found = db.execute(query.order_by(table.c.proposed_at, table.c.version)).all()
        rows = self._rows(db) if found else []
        approved: dict[str, list[tuple[datetime, tuple[str, ...]]]] = {}
        for row in rows:
            if names := tuple(json.loads(row.approved_by)):
                approved.setdefault(row.version, []).append((from_micros(row.approved_at), names))
        last = rows[-1].version if rows else None
        return [
            KeptCard(
                one.version,
                _read(one.body),
                from_micros(one.proposed_at),
                approved.get(one.version, []),
                one.version == last,
            )
            for one in found
        ]

    def _rows(self, db: sa.Connection) -> Sequence[sa.Row[Any]]:
        table = schema.cards_in_force
        query = sa.select(table).where(table.c.connection == self._name)
        return db.execute(query.order_by(table.c.number)).all()

    def _enter(self, db: sa.Connection, version: str | None, names: Sequence[str], at: datetime) -> None:
        by = json.dumps(list(names), ensure_ascii=False)
        row = {"connection": self._name, "version": version, "approved_at": micros(at), "approved_by": by}
        db.execute(schema.cards_in_force.insert().values(row))

    @staticmethod
    def _stack(rows: Sequence[sa.Row[Any]]) -> list[str]:
        """Approvals that still stand, the latest last."""
        stack: list[str] = []
        for row in rows:
            if json.loads(row.approved_by):
                stack.append(row.version)
            else:
                stack.pop()
        return stack


def _read(body: str) -> Scorecard | None:
    try:
        return Scorecard.model_validate_json(body)
    except ValidationError:
        return None

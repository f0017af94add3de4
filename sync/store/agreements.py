"""Which version of which agreement was in force since when, so that clocks keep the one they began under.

Versions tried in shadow mode bind nobody and are not kept. Cards are kept apart (``cards``), never with an
agreement; every version is judged by the cards of its connection.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import sqlalchemy as sa
from pydantic import ValidationError

from sla_engine.agreement import Agreement
from sla_engine.book import Book, Chapter
from sla_engine.card import CardInForce
from sync.store import schema
from sync.store.cards import Cards
from sync.store.packing import from_micros, micros


class Agreements:
    """One connection's agreements through time."""

    def __init__(self, connection: str) -> None:
        self._name = connection
        self._cards = Cards(connection)

    def put_in_force(self, db: sa.Connection, book: Book, now: datetime) -> Book:
        """Note each agreement and card that is newly in force at ``now``; the book with its past."""
        self._cards.put_in_force(db, now)
        for agreement in book.agreements:
            versions = self._versions(db, agreement.name)
            if not versions or versions[-1][0] != agreement.version:
                self._keep(db, agreement, now)
        return self.with_past(db, book, now)

    def with_past(self, db: sa.Connection, book: Book, now: datetime) -> Book:
        """The book with its past and cards, as if it were put in force at ``now``; writes nothing."""
        cards = self._cards.in_force(db, now)
        return Book(tuple(self._chapter(db, agreement, now, cards) for agreement in book.agreements))

    def with_cards(self, db: sa.Connection, book: Book) -> Book:
        """The book without its past, under the cards of this connection: names the policy, judges nothing."""
        cards = self._cards.in_force(db, from_micros(0))
        return Book.of(*(agreement.with_cards(cards) for agreement in book.agreements)) if cards else book

    def history(self, db: sa.Connection, name: str) -> list[tuple[str, datetime]]:
        """(version, in force since) of the agreement called ``name``, oldest first."""
        return [(version, from_micros(since)) for version, since in self._versions(db, name)]

    def _versions(self, db: sa.Connection, name: str) -> list[tuple[str, int]]:
        table = schema.in_force.c
        query = sa.select(table.version, table.since).where(
            table.connection == self._name, table.name == name
        )
        return [(row.version, row.since) for row in db.execute(query.order_by(table.since))]

    def _keep(self, db: sa.Connection, agreement: Agreement, now: datetime) -> None:
        known = sa.select(schema.agreements.c.version).where(schema.agreements.c.version == agreement.version)
        if db.execute(known).first() is None:
            body = agreement.model_dump_json(by_alias=True, exclude={"people", "texts", "learning"})
            row = {"version": agreement.version, "body": body, "first_used": micros(now)}
            db.execute(schema.agreements.insert().values(row))
        row = {
            "connection": self._name,
            "name": agreement.name,
            "version": agreement.version,
            "since": micros(now),
        }
        db.execute(schema.in_force.insert().values(row))

    def _chapter(
        self, db: sa.Connection, agreement: Agreement, now: datetime, cards: tuple[CardInForce, ...]
    ) -> Chapter:
        versions = self._versions(db, agreement.name)
        if not versions or versions[-1][0] != agreement.version:
            versions.append((agreement.version, micros(now)))
        earlier = []
        for (version, _), (_, replaced) in pairwise(versions):
            found = self._load(db, version, agreement)
            if found is not None:
                earlier.append((found.with_cards(cards), from_micros(replaced)))
        return Chapter(agreement.with_cards(cards), tuple(earlier))

    def _load(self, db: sa.Connection, version: str, today: Agreement) -> Agreement | None:
        """A version as it was signed, with today's people; None if this leadsla cannot read it any more."""
        query = sa.select(schema.agreements.c.body).where(schema.agreements.c.version == version)
        body = db.execute(query).scalar_one_or_none()
        if body is None:
            return None
        try:
            signed = Agreement.model_validate_json(body)
        except ValidationError:
            return None
        beside = {"people": today.people, "texts": today.texts, "language": today.language}
        return signed.model_copy(update=beside)

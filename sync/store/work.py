"""What is decided and done: the working set, verdicts, the outbox, runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.base import Change, CreateTask, Receipt
from sla_engine.verdict import Verdict
from sync.store import schema
from sync.store.packing import (
    fingerprint_of,
    from_micros,
    micros,
    pack_change,
    unpack_change,
    verdict_form,
)
from sync.store.statements import chunks

UNSETTLED = ("sending", "unknown")
UNSENT = ("pending", "deferred")
TRY_AGAIN_AFTER = timedelta(days=1)
"""So long a refusal stands before it is tried again: the CRM's rules may be others by then."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A change on its way: pending, sending, written, unchanged, rejected, deferred or unknown."""

    id: int
    lead_id: str
    kind: str
    change: Change
    status: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Policy:
    """Under what leads are judged: the agreements signed, and how far the rollout goes."""

    signed: str
    rollout: str

    @property
    def name(self) -> str:
        return f"{self.signed}|{self.rollout}"

    @staticmethod
    def rollout_of(name: str) -> str:
        """The rollout in a policy's name."""
        return name.partition("|")[2]


class Work:
    """One connection's decisions."""

    def __init__(self, connection: str) -> None:
        self._name = connection

    def use_policy(self, db: sa.Connection, policy: Policy) -> bool:
        """Leads judged under another policy are judged again, and what was refused then is tried again.

        Returns whether many changes are expected: nothing was judged before, or another rollout was
        chosen. A new agreement is no such consent.
        """
        table = schema.leads
        mine = table.c.connection == self._name
        earlier = set(db.execute(sa.select(table.c.judged_by).where(mine).distinct()).scalars()) - {None}
        if earlier - {policy.name}:
            box = schema.outbox
            refused = (box.c.connection == self._name, box.c.status == "rejected")
            db.execute(box.delete().where(*refused))
            other = (table.c.judged_by != policy.name, table.c.dirty != schema.UNREAD)
            db.execute(table.update().where(mine, *other).values(dirty=schema.DIRTY))
        return not any(Policy.rollout_of(one) == policy.rollout for one in earlier)

    def working_set(self, db: sa.Connection, now: datetime) -> list[str]:
        """Leads that changed or whose verdict has run out."""
        table = schema.leads.c
        due = sa.or_(table.dirty == schema.DIRTY, table.valid_until <= micros(now))
        query = sa.select(table.lead_id).where(
            table.connection == self._name, due, table.dirty != schema.UNREAD
        )
        return list(db.execute(query.order_by(table.lead_id)).scalars())

    def everyone(self, db: sa.Connection) -> list[str]:
        """Every lead of this connection that can be judged."""
        table = schema.leads.c
        query = sa.select(table.lead_id).where(table.connection == self._name, table.dirty != schema.UNREAD)
        return list(db.execute(query.order_by(table.lead_id)).scalars())

    def next_due(self, db: sa.Connection) -> datetime | None:
        """The earliest instant at which a verdict runs out."""
        table = schema.leads.c
        first = db.execute(sa.select(sa.func.min(table.valid_until)).where(table.connection == self._name))
        value = first.scalar_one()
        return None if value is None else from_micros(value)

    def keep_verdicts(self, db: sa.Connection, verdicts: Sequence[Verdict], policy: str) -> None:
        """Store verdicts and clear the mark that made their leads part of the working set."""
        if not verdicts:
            return
        table = schema.leads
        statement = (
            table.update()
            .where(table.c.connection == self._name, table.c.lead_id == sa.bindparam("one"))
            .values(
                dirty=schema.CLEAN,
                valid_until=sa.bindparam("until"),
                verdict=sa.bindparam("text"),
                judged_by=sa.bindparam("by"),
            )
        )
        rows = [
            {
                "one": verdict.lead_id,
                "until": None if verdict.valid_until is None else micros(verdict.valid_until),
                "text": verdict_form.dump_json(verdict).decode(),
                "by": policy,
            }
            for verdict in verdicts
        ]
        db.execute(statement, rows)

    def verdicts(self, db: sa.Connection, lead_ids: Sequence[str] | None = None) -> list[Verdict]:
        """Stored verdicts, of these leads or of all."""
        table = schema.leads.c
        query = sa.select(table.verdict).where(table.connection == self._name, table.verdict.is_not(None))
        if lead_ids is None:
            return [verdict_form.validate_json(text) for text in db.execute(query).scalars()]
        found: list[Verdict] = []
        for chunk in chunks(lead_ids):
            texts = db.execute(query.where(table.lead_id.in_(chunk))).scalars()
            found += [verdict_form.validate_json(text) for text in texts]
        return found

    def were_ready(self, db: sa.Connection, lead_ids: Sequence[str]) -> Mapping[str, bool]:
        """Whether each lead was ready for sales when it was judged last; without those never judged."""
        table = schema.leads.c
        said_so = table.verdict.contains('"is_mql":true')  # in a text of JSON the quotes would be escaped
        query = sa.select(table.lead_id, said_so.label("ready")).where(
            table.connection == self._name, table.verdict.is_not(None)
        )
        found: dict[str, bool] = {}
        for chunk in chunks(lead_ids):
            rows = db.execute(query.where(table.lead_id.in_(chunk)))
            found |= {row.lead_id: bool(row.ready) for row in rows}
        return found

    def post(
        self, db: sa.Connection, changes: Iterable[Change], now: datetime, receipt: Receipt | None = None
    ) -> None:
        """Put decided changes into the outbox; with ``receipt`` they are done with already."""
        rows = [
            {
                "connection": self._name,
                "lead_id": change.lead_id,
                "kind": type(change).__name__,
                "fingerprint": fingerprint_of(type(change).__name__, packed),
                "owner_id": change.owner_id if isinstance(change, CreateTask) else None,
                "change": packed,
                "status": receipt.status.value if receipt else "pending",
                "message": receipt.message if receipt else "",
                "record_id": "",
                "at": micros(now),
            }
            for change, packed in ((one, pack_change(one)) for one in changes)
        ]
        if rows:
            db.execute(schema.outbox.insert(), rows)

    def count(self, db: sa.Connection, statuses: Sequence[str]) -> int:
        """How many outbox rows are in these states."""
        table = schema.outbox.c
        query = sa.select(sa.func.count()).where(table.connection == self._name, table.status.in_(statuses))
        return db.execute(query).scalar_one()

    def next_rows(self, db: sa.Connection, most: int) -> list[OutboxRow]:
        """What to send next: leads, then known tasks, then new ones, so that batches of a kind are full.

        Per lead that keeps the order in which it was decided.
        """
        table = schema.outbox.c
        turn = sa.case(
            (table.kind == "CreateTask", 2), (table.kind.in_(("UpdateTask", "CloseTask")), 1), else_=0
        )
        query = sa.select(schema.outbox).where(table.connection == self._name, table.status == "pending")
        return [_row(row) for row in db.execute(query.order_by(turn, table.id).limit(most))]

    def rows(self, db: sa.Connection, statuses: Sequence[str], lead_id: str = "") -> list[OutboxRow]:
        """Outbox rows in these states, oldest first."""
        table = schema.outbox.c
        query = sa.select(schema.outbox).where(table.connection == self._name, table.status.in_(statuses))
        if lead_id:
            query = query.where(table.lead_id == lead_id)
        return [_row(row) for row in db.execute(query.order_by(table.id))]

    def mark(self, db: sa.Connection, ids: Sequence[int], status: str) -> None:
        for chunk in chunks(ids):
            db.execute(schema.outbox.update().where(schema.outbox.c.id.in_(chunk)).values(status=status))

    def finish(self, db: sa.Connection, receipts: Mapping[int, Receipt]) -> None:
        """Write down what became of rows, by their id."""
        if not receipts:
            return
        table = schema.outbox
        told: dict[str, Any] = {
            name: sa.bindparam(f"new_{name}") for name in ("status", "message", "record_id")
        }
        rows = [
            {
                "one": row_id,
                "new_status": receipt.status.value,
                "new_message": receipt.message,
                "new_record_id": receipt.record_id,
            }
            for row_id, receipt in receipts.items()
        ]
        db.execute(table.update().where(table.c.id == sa.bindparam("one")).values(told), rows)

    def forget(self, db: sa.Connection, ids: Sequence[int]) -> None:
        """Take rows out: what they wanted is decided anew."""
        for chunk in chunks(ids):
            db.execute(schema.outbox.delete().where(schema.outbox.c.id.in_(chunk)))

    def refused(self, db: sa.Connection) -> set[str]:
        """Fingerprints of changes the CRM refused and that nothing has changed about since."""
        table = schema.outbox.c
        query = sa.select(table.fingerprint).where(table.connection == self._name, table.status == "rejected")
        return set(db.execute(query).scalars())

    def unfinished(self, db: sa.Connection, refused_before: datetime) -> list[str]:
        """Leads with changes that were decided and did not get through; the next run decides them anew."""
        table = schema.outbox.c
        waits = sa.or_(
            table.status.in_((*UNSETTLED, *UNSENT)),
            sa.and_(table.status == "rejected", table.at < micros(refused_before)),
        )
        query = sa.select(table.lead_id).where(table.connection == self._name, waits).distinct()
        return list(db.execute(query.order_by(table.lead_id)).scalars())

    def refused_long_ago(self, db: sa.Connection, before: datetime) -> list[OutboxRow]:
        """What was refused before an instant: the CRM's rules may be others by now."""
        return [row for row in self.rows(db, ("rejected",)) if row.at < before]

    def tasks_made(self, db: sa.Connection, since: datetime) -> Mapping[str, int]:
        """New tasks per owner since an instant, for the caps."""
        table = schema.outbox.c
        query = (
            sa.select(table.owner_id, sa.func.count())
            .where(
                table.connection == self._name,
                table.kind == "CreateTask",
                table.status == "written",
                table.at >= micros(since),
            )
            .group_by(table.owner_id)
        )
        return {owner or "": count for owner, count in db.execute(query)}

    def written_since(self, db: sa.Connection, since: datetime, lead_ids: Sequence[str]) -> list[Change]:
        """What was written into these leads' own records since an instant."""
        table, found = schema.outbox.c, list[Change]()
        kinds = ("SetFields", "SetStage", "AssignOwner")
        for chunk in chunks(lead_ids):
            mine = (table.connection == self._name, table.lead_id.in_(chunk), table.status == "written")
            query = sa.select(table.kind, table.change).where(
                *mine, table.kind.in_(kinds), table.at >= micros(since)
            )
            found += [unpack_change(row.kind, row.change) for row in db.execute(query)]
        return found


def _row(row: sa.Row[Any]) -> OutboxRow:
    change = unpack_change(row.kind, row.change)
    return OutboxRow(row.id, row.lead_id, row.kind, change, row.status, row.message, from_micros(row.at))

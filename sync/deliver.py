"""Carrying out what was decided: batches out, receipts in, unknown outcomes settled by key.

Nothing is decided here. A create whose answer was lost is looked up before anything is sent again.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from connectors.base import (
    Change,
    CloseTask,
    CreateTask,
    Crm,
    OurTask,
    Receipt,
    ReceiptStatus,
    SetFields,
    UpdateTask,
)
from connectors.canonical import canonical
from connectors.errors import CrmError
from sync.lease import Lease
from sync.progress import Progress
from sync.report import RunReport
from sync.store import Store
from sync.store.facts import Facts
from sync.store.work import OutboxRow, Work

BATCH = 1000
UNSETTLED = ("sending", "unknown")
UNSENT = ("pending", "deferred")


@dataclass(frozen=True, slots=True)
class Desk:
    """What delivery works with: one connection's CRM and store, under one lease."""

    crm: Crm
    store: Store
    lease: Lease
    facts: Facts
    work: Work


def settle(desk: Desk) -> None:
    """Find out what became of writes with an unknown outcome; what was never sent is decided anew."""
    with desk.store.begin() as db:
        open_rows = desk.work.rows(db, UNSETTLED)
        unsent = desk.work.rows(db, UNSENT)
    creates = [row.change for row in open_rows if isinstance(row.change, CreateTask)]
    found = desk.crm.find_tasks(creates) if creates else {}
    with desk.store.begin() as db:
        desk.lease.confirm(db)
        made = [row for row in open_rows if isinstance(row.change, CreateTask) and row.change.key in found]
        for row in made:
            task = found[row.change.key] if isinstance(row.change, CreateTask) else None
            desk.work.finish(db, row.id, Receipt(ReceiptStatus.WRITTEN, task.id if task else ""))
        desk.facts.keep_tasks(db, found.values(), mark_dirty=False)
        again = [row for row in (*open_rows, *unsent) if row not in made]
        desk.work.forget(db, [row.id for row in again])
        desk.facts.mark_dirty(db, sorted({row.lead_id for row in (*again, *made)}))


def deliver(desk: Desk, report: RunReport, progress: Progress, stop: threading.Event) -> None:
    """Send the outbox in batches; a receipt for each row. ``stop`` ends after the batch in hand."""
    with desk.store.begin() as db:
        rows = desk.work.rows(db, ("pending",))
    progress.step("write", 0, len(rows))
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        if stop.is_set():
            report.deferred += len(rows) - start
            report.troubles.append(f"stopped with {len(rows) - start} changes left; they are planned again")
            return
        try:
            _send(desk, batch, report)
        except CrmError as error:
            report.deferred += len(rows) - start
            report.troubles.append(str(error))
            raise
        progress.step("write", start + len(batch), len(rows))


def _send(desk: Desk, batch: Sequence[OutboxRow], report: RunReport) -> None:
    with desk.store.begin() as db:
        desk.lease.confirm(db)
        desk.work.mark(db, [row.id for row in batch], "sending")
    receipts = desk.crm.apply([row.change for row in batch])
    with desk.store.begin() as db:
        desk.lease.confirm(db)
        for row, receipt in zip(batch, receipts, strict=True):
            desk.work.finish(db, row.id, receipt)
            report.count(receipt)
            if receipt.status is ReceiptStatus.WRITTEN:
                _remember(desk, db, row.change, receipt.record_id)
            elif receipt.status in {ReceiptStatus.DEFERRED, ReceiptStatus.UNKNOWN}:
                desk.facts.mark_dirty(db, [row.lead_id])


def _remember(desk: Desk, db: Connection, change: Change, record_id: str) -> None:
    """What the CRM now shows, so that its echo is no news."""
    if isinstance(change, SetFields):
        shown = {name: canonical(value) for name, value in change.values.items()}
        desk.facts.show_written(db, change.lead_id, shown)
    elif isinstance(change, CreateTask | UpdateTask):
        task_id = record_id if isinstance(change, CreateTask) else change.task_id
        task = OurTask(
            task_id, change.key, change.lead_id, True, change.subject, change.due_at, change.owner_id
        )
        desk.facts.keep_tasks(db, [task], mark_dirty=False)
    elif isinstance(change, CloseTask):
        for known in desk.facts.known(db, [change.lead_id]):
            closed = [replace(task, is_open=False) for task in known.tasks if task.id == change.task_id]
            desk.facts.keep_tasks(db, closed, mark_dirty=False)

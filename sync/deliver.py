"""Carrying out what was decided: batches out, receipts in, unknown outcomes settled by key.

Nothing is decided here. A create whose answer was lost is looked up before anything is sent again.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

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
from sync.store.hints import Hints
from sync.store.work import TRY_AGAIN_AFTER, UNSENT, UNSETTLED, OutboxRow, Work

BATCH = 1000


@dataclass(frozen=True, slots=True)
class Desk:
    """What delivery works with: one connection's CRM and store, under one lease."""

    crm: Crm
    store: Store
    lease: Lease
    facts: Facts
    work: Work


def settle(desk: Desk, now: datetime) -> None:
    """Find out what became of writes with an unknown outcome; what was never sent is decided anew.

    So is what was refused a day ago: a rule in the CRM may have changed, which nobody tells us.
    """
    with desk.store.begin() as db:
        open_rows = desk.work.rows(db, UNSETTLED)
        unsent = (*desk.work.rows(db, UNSENT), *desk.work.refused_long_ago(db, now - TRY_AGAIN_AFTER))
    creates = [row.change for row in open_rows if isinstance(row.change, CreateTask)]
    found = desk.crm.find_tasks(creates) if creates else {}
    with desk.store.begin() as db:
        desk.lease.confirm(db)
        made = {
            row.id: Receipt(ReceiptStatus.WRITTEN, found[row.change.key].id)
            for row in open_rows
            if isinstance(row.change, CreateTask) and row.change.key in found
        }
        desk.work.finish(db, made)
        desk.facts.keep_tasks(db, found.values(), mark_dirty=False)
        every = (*open_rows, *unsent)
        desk.work.forget(db, [row.id for row in every if row.id not in made])
        desk.facts.leads.mark_dirty(db, sorted({row.lead_id for row in every}))


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
    answered = list(zip(batch, receipts, strict=True))
    unfinished = {ReceiptStatus.DEFERRED, ReceiptStatus.UNKNOWN}
    with desk.store.begin() as db:
        desk.lease.confirm(db)
        desk.work.finish(db, {row.id: receipt for row, receipt in answered})
        _remember(desk, db, [(row.change, one) for row, one in answered if one.status == "written"])
        ended = [row.change for row, one in answered if one.status not in unfinished]
        lost = [row.lead_id for row, one in answered if one.lead_is_gone]
        Hints(desk.crm.name).add(db, lost, datetime.now(UTC))
        desk.facts.removals.forget_tasks(db, [one.task_id for one in ended if isinstance(one, CloseTask)])
        desk.facts.leads.mark_dirty(
            db, sorted({row.lead_id for row, one in answered if one.status in unfinished})
        )
    for _, receipt in answered:
        report.count(receipt)


def _remember(desk: Desk, db: Connection, written: Sequence[tuple[Change, Receipt]]) -> None:
    """What the CRM now shows, so that its echo is no news."""
    fields: dict[str, dict[str, str]] = {}
    closed: dict[str, str] = {}
    tasks: list[OurTask] = []
    for change, receipt in written:
        if isinstance(change, SetFields):
            shown = {name: canonical(value) for name, value in change.values.items()}
            fields.setdefault(change.lead_id, {}).update(shown)
        elif isinstance(change, CreateTask):
            tasks.append(_as_shown(change, receipt.record_id))
        elif isinstance(change, UpdateTask):
            tasks.append(_as_shown(change, change.task_id))
        elif isinstance(change, CloseTask):
            closed[change.task_id] = change.lead_id
    desk.facts.leads.show_written(db, fields)
    for known in desk.facts.known(db, sorted(set(closed.values()))):
        tasks += [replace(task, is_open=False) for task in known.tasks if task.id in closed]
    desk.facts.keep_tasks(db, tasks, mark_dirty=False)


def _as_shown(change: CreateTask | UpdateTask, task_id: str) -> OurTask:
    return OurTask(
        id=task_id,
        key=change.key,
        lead_id=change.lead_id,
        is_open=True,
        subject=change.subject,
        due_at=change.due_at,
        owner_id=change.owner_id,
    )

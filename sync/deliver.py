"""Carrying out what was decided: batches out, receipts in, unknown outcomes settled by key.

Nothing is decided here. A create whose answer was lost is looked up before anything is sent again.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from connectors.abilities import TakesMany
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
from sync.lease import Lease, LeaseLost
from sync.progress import Progress
from sync.report import RunReport
from sync.store import Store
from sync.store.facts import Facts
from sync.store.hints import Hints
from sync.store.work import TRY_AGAIN_AFTER, UNSENT, UNSETTLED, OutboxRow, Work

BATCH = 5000


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


class Courier:
    """Carries the outbox to the CRM chunk by chunk, one on its way while the caller does something else.

    Only the call to the CRM runs beside the caller; everything about the store happens in ``go_on`` and
    ``finish``. A context manager: leaving it waits for the chunk on its way and keeps its receipts.
    """

    def __init__(self, desk: Desk, report: RunReport, progress: Progress, stop: threading.Event) -> None:
        self._desk = desk
        self._report = report
        self._progress = progress
        self._stop = stop
        self._takes_many = isinstance(desk.crm, TakesMany)
        self._size = desk.crm.changes_at_once if isinstance(desk.crm, TakesMany) else BATCH
        self._away: _Chunk | None = None
        self._sent = 0

    def go_on(self) -> None:
        """Take in what has come back, and send the next chunk if none is on its way. Does not wait.

        A CRM that is served better with many changes at once gets whole chunks only.
        """
        if self._away is None or self._away.is_back():
            self._take_in()
            is_enough = not self._takes_many or self._left() >= self._size
            if is_enough and not self._stop.is_set():
                self._send_next()

    def finish(self) -> None:
        """Send everything that is left; asked to stop, end after the chunk in hand.

        Raises what ended the connection (Unauthorised, BudgetSpent); the rest is deferred.
        """
        self._take_in()
        while not self._stop.is_set() and self._send_next():
            self._take_in()
        left = self._left()
        if left:
            self._report.deferred += left
            self._report.troubles.append(f"stopped with {left} changes left; they are planned again")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        if self._away is None:
            return
        if kind is None:
            self._take_in()
        else:  # what ended the run is told; that the receipts could not be kept either is no news
            with suppress(CrmError, LeaseLost, DBAPIError):
                self._take_in()

    def _left(self) -> int:
        with self._desk.store.begin() as db:
            return self._desk.work.count(db, ("pending",))

    def _send_next(self) -> bool:
        desk = self._desk
        with desk.store.begin() as db:
            rows = desk.work.next_rows(db, self._size)
            if rows:
                desk.lease.confirm(db)
                desk.work.mark(db, [row.id for row in rows], "sending")
        if rows:
            self._progress.step("write", self._sent, None)
        self._away = _Chunk(desk.crm, rows) if rows else None
        return bool(rows)

    def _take_in(self) -> None:
        """Wait for the chunk on its way, if there is one, and keep what became of it."""
        chunk, self._away = self._away, None
        if chunk is None:
            return
        try:
            receipts = chunk.receipts()
        except CrmError as error:
            self._report.deferred += len(chunk.rows) + self._left()
            self._report.troubles.append(str(error))
            raise
        _keep(self._desk, list(zip(chunk.rows, receipts, strict=True)))
        for receipt in receipts:
            self._report.count(receipt)
        self._sent += len(chunk.rows)
        self._progress.step("write", self._sent, self._sent + self._left())


class _Chunk:
    """Rows on their way to the CRM, in a thread of their own."""

    def __init__(self, crm: Crm, rows: Sequence[OutboxRow]) -> None:
        self.rows = rows
        self._crm = crm
        self._receipts: list[Receipt] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="deliver", daemon=True)
        self._thread.start()

    def is_back(self) -> bool:
        return not self._thread.is_alive()

    def receipts(self) -> list[Receipt]:
        """Wait for them. Raises what the CRM raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._receipts

    def _run(self) -> None:
        try:
            self._receipts = self._crm.apply([row.change for row in self.rows])
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._error = error


def _keep(desk: Desk, answered: Sequence[tuple[OutboxRow, Receipt]]) -> None:
    """What became of rows, in one transaction with what the CRM shows now."""
    unfinished = {ReceiptStatus.DEFERRED, ReceiptStatus.UNKNOWN}
    with desk.store.begin() as db:
        desk.lease.confirm(db)
        desk.work.finish(db, {row.id: receipt for row, receipt in answered})
        _remember(desk, db, [(row.change, one) for row, one in answered if one.status == "written"])
        lost = [row.lead_id for row, one in answered if one.lead_is_gone]
        Hints(desk.crm.name).add(db, lost, datetime.now(UTC))
        ended = [row.change for row, one in answered if one.status not in unfinished]
        desk.facts.removals.forget_tasks(db, [one.task_id for one in ended if isinstance(one, CloseTask)])
        again = {row.lead_id for row, one in answered if one.status in unfinished}
        desk.facts.leads.mark_dirty(db, sorted(again))


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

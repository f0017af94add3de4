"""Changes become rows: guarded by what the CRM shows now, merged per lead, sent in order.

HubSpot has no conditional write: what is guarded is read at once before, never hours before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import (
    AssignOwner,
    Change,
    CloseTask,
    CreateTask,
    OurTask,
    Receipt,
    ReceiptStatus,
    SetFields,
    SetStage,
    UpdateTask,
)
from connectors.hubspot.carrier import carrier_of
from connectors.hubspot.client import Client
from connectors.hubspot.delivery import GONE, Delivery, Row
from connectors.hubspot.fields import OWNER, TASK_KEY, property_of, written
from connectors.hubspot.new_tasks import NewTask, NewTasks
from connectors.hubspot.refusals import message_for
from connectors.hubspot.stage_write import StageWrite, confirm, stage_write
from connectors.hubspot.tasks import DONE, Tasks
from connectors.hubspot.texts import body_of, with_note
from connectors.mapping import ConnectionMapping

Numbered = Sequence[tuple[int, Change]]
_OPEN = {"hs_task_status": "NOT_STARTED", "hs_task_priority": "HIGH", "hs_task_type": "TODO"}


class Writer:
    """Writes to one account."""

    def __init__(self, client: Client, mapping: ConnectionMapping, tasks: Tasks) -> None:
        self._client = client
        self._mapping = mapping
        self._tasks = tasks
        self._kind = carrier_of(mapping).kind
        self._making = NewTasks(client, tasks, carrier_of(mapping))

    def apply(self, changes: Sequence[Change]) -> list[Receipt]:
        """See ``Crm.apply``."""
        delivery = Delivery(self._client)
        numbered = list(enumerate(changes))
        guards = self._guards(delivery, numbered)
        self._owners(delivery, numbered, guards)
        self._leads(delivery, numbered, guards)
        self._existing_tasks(delivery, numbered)
        self._new_tasks(delivery, numbered)
        return [delivery.receipts[number] for number, _ in numbered]

    def _guards(self, delivery: Delivery, numbered: Numbered) -> Mapping[str, Mapping[str, Any]]:
        """The present stage fields and owner of every lead whose stage or owner is to change."""
        guarded = [(number, one) for number, one in numbered if isinstance(one, AssignOwner | SetStage)]
        ids = list(dict.fromkeys(one.lead_id for _, one in guarded))
        found: dict[str, Mapping[str, Any]] = {}
        if not guarded:
            return found

        def read() -> None:
            for row in self._client.read(self._kind, ids, [*self._mapping.stages, OWNER]):
                found[str(row["id"])] = row.get("properties") or {}

        delivery.attempt(read, [number for number, _ in guarded])
        return found

    def _owners(
        self, delivery: Delivery, numbered: Numbered, guards: Mapping[str, Mapping[str, Any]]
    ) -> None:
        rows = []
        for number, one in numbered:
            if not isinstance(one, AssignOwner) or number in delivery.receipts:
                continue
            current = guards.get(one.lead_id)
            if current is None:
                delivery.settle_gone([number], message_for(GONE), one.lead_id)
            elif (current.get(OWNER) or None) == one.owner_id:
                delivery.settle([number], ReceiptStatus.UNCHANGED, "has this owner already", one.lead_id)
            elif (current.get(OWNER) or None) != one.expected_owner_id:
                delivery.settle([number], ReceiptStatus.UNCHANGED, "somebody changed the owner", one.lead_id)
            else:
                rows.append(Row((number,), {OWNER: one.owner_id}, id=one.lead_id))
        delivery.update(self._kind, rows)

    def _leads(self, delivery: Delivery, numbered: Numbered, guards: Mapping[str, Mapping[str, Any]]) -> None:
        """Our fields and the stage of a lead go together, and apart where HubSpot refuses them together."""
        fields: list[Row] = []
        stages: list[StageWrite] = []
        for number, one in numbered:
            if isinstance(one, SetFields):
                values = {property_of(name): written(value) for name, value in one.values.items()}
                fields.append(Row((number,), values, id=one.lead_id))
            elif isinstance(one, SetStage) and number not in delivery.receipts:
                outcome = stage_write(number, one, guards.get(one.lead_id), self._mapping)
                if isinstance(outcome, Receipt):
                    delivery.receipts[number] = outcome
                else:
                    stages.append(outcome)
        staged = [Row((one.number,), one.properties, id=one.lead_id) for one in stages]
        delivery.update(self._kind, [*fields, *staged])
        both = {row.id for row in fields} & {row.id for row in staged}
        for rows in (fields, staged) if both else ():
            apart = [row for row in rows if row.id in both and _is_refused(delivery, row)]
            delivery.update(self._kind, apart)
        confirm(delivery, self._kind, stages)

    def _existing_tasks(self, delivery: Delivery, numbered: Numbered) -> None:
        """Only open tasks are changed or closed; one that a person closed or deleted is theirs."""
        wanted = [(number, one) for number, one in numbered if isinstance(one, CloseTask | UpdateTask)]
        if not wanted:
            return
        shown: dict[str, Mapping[str, Any]] = {}

        def read() -> None:
            shown.update(self._tasks.by_id([one.task_id for _, one in wanted]))

        if not delivery.attempt(read, [number for number, _ in wanted]):
            return
        rows: list[Row] = []
        for number, one in wanted:
            current = shown.get(one.task_id)
            if current is None:
                delivery.settle([number], ReceiptStatus.UNCHANGED, "the task was deleted", one.task_id)
            elif current.get("hs_task_status") == DONE:
                delivery.settle([number], ReceiptStatus.UNCHANGED, "the task is closed already", one.task_id)
            else:
                values = _closed(one, current) if isinstance(one, CloseTask) else _reworded(one)
                rows.append(Row((number,), values, id=one.task_id))
        delivery.update("tasks", rows)

    def find(self, changes: Sequence[CreateTask]) -> Mapping[str, OurTask]:
        """See ``Crm.find_tasks``."""
        return self._making.find(changes)

    def _new_tasks(self, delivery: Delivery, numbered: Numbered) -> None:
        wanted: dict[str, NewTask] = {}
        for number, one in numbered:
            if isinstance(one, CreateTask):
                before = wanted[one.key].numbers if one.key in wanted else ()
                wanted[one.key] = NewTask((*before, number), one.lead_id, {**_reworded(one), **_OPEN})
        self._making.make(delivery, list(wanted.values()))


def _is_refused(delivery: Delivery, row: Row) -> bool:
    """Whether the record is there (under this id still) and HubSpot does not take the values."""
    receipt = delivery.receipts[row.numbers[0]]
    return receipt.status is ReceiptStatus.REJECTED and receipt.record_id == row.id


def _reworded(task: CreateTask | UpdateTask) -> dict[str, str]:
    return {
        TASK_KEY: task.key,
        "hs_timestamp": written(task.due_at),
        "hs_task_subject": written(task.subject),
        "hs_task_body": body_of(task.body),
        OWNER: task.owner_id or "",
    }


def _closed(task: CloseTask, current: Mapping[str, Any]) -> dict[str, str]:
    body = str(current.get("hs_task_body") or "")
    return {"hs_task_status": DONE, "hs_task_body": with_note(body, task.note)}

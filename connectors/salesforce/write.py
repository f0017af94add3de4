"""Writing: which records there are to write, in full batches, nothing but what was decided.

Updates may be sent twice. How rows travel and what refusals mean is in ``delivery``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from connectors.base import (
    AssignOwner,
    Change,
    CloseTask,
    CreateTask,
    Receipt,
    ReceiptStatus,
    SetFields,
    SetStage,
    UpdateTask,
)
from connectors.mapping import ConnectionMapping
from connectors.salesforce.carrier import carrier_of
from connectors.salesforce.client import Client
from connectors.salesforce.delivery import UPDATE, Delivery, Row
from connectors.salesforce.fields import OUR_API_NAMES, written
from connectors.salesforce.ingest import FROM, Ingest
from connectors.salesforce.lanes import Lanes
from connectors.salesforce.reading_back import retrieve_together
from connectors.salesforce.record_refusals import remedy_for
from connectors.salesforce.tasks import (
    TASK_SHOWN,
    closed_status,
    closed_values,
    key_is_unique,
    make,
    task_values,
)

_FASTER = "a person was faster: the CRM shows something else by now"
_CONVERTED = "the lead was converted meanwhile; nothing to do"
Shown = Mapping[str, Mapping[str, Any]]


class Writer:
    """Carries changes out on one org.

    ``task_fields``: how the org describes tasks, read when needed. ``forget_schema`` is called when a
    field turns out to be another than described. ``own_user``: the id of the user we act as.
    """

    def __init__(
        self,
        client: Client,
        mapping: ConnectionMapping,
        task_fields: Callable[[], Shown],
        forget_schema: Callable[[], None],
        own_user: Callable[[], str],
    ) -> None:
        self._client = client
        self._lanes = Lanes(client)
        self._mapping = mapping
        self._carrier = carrier_of(mapping)
        self._task_fields = task_fields
        self._forget_schema = forget_schema
        self._ingest = Ingest(client, own_user)
        self._size = 0  # rows that the org's triggers take together; 0: not tried yet

    @cached_property
    def _closed_status(self) -> str:
        return closed_status(self._client)

    def apply(self, changes: Sequence[Change]) -> list[Receipt]:
        """One receipt per change, in their order. Leads go first, then known tasks, then new ones."""
        delivery = Delivery(self._client, self._lanes)
        delivery.size = self._size or delivery.size
        shown: dict[str, Shown] = {}
        guarded = _rows_of(changes, SetStage | AssignOwner | UpdateTask | CloseTask)
        ready = not guarded or delivery.attempt(lambda: shown.update(self._shown(changes)), guarded)
        self._leads(delivery, changes, shown.get(self._carrier.object, {}))
        if ready:
            self._tasks(delivery, changes, shown.get("Task", {}))
        self._new_tasks(delivery, changes)
        self._size = delivery.size
        if delivery.schema_changed:
            self._forget_schema()
        return [delivery.receipts[number] for number in range(len(changes))]

    def close(self) -> None:
        self._lanes.close()

    def _shown(self, changes: Sequence[Change]) -> dict[str, dict[str, Mapping[str, Any]]]:
        """The leads and tasks that are changed only if they are as expected, as they are now."""
        leads = sorted({one.lead_id for one in changes if isinstance(one, SetStage | AssignOwner)})
        tasks = sorted({one.task_id for one in changes if isinstance(one, UpdateTask | CloseTask)})
        stages = (one for one in self._mapping.stages if "." not in one)  # no others are the record's own
        fields = ("Id", "OwnerId", *self._carrier.own, *stages)
        if any(isinstance(one, CloseTask) for one in changes):
            _ = self._closed_status  # asked for here, where trouble only puts these changes off
        wanted = {self._carrier.object: (leads, fields), "Task": (tasks, TASK_SHOWN)}
        return retrieve_together(self._client, wanted)

    def _leads(self, delivery: Delivery, changes: Sequence[Change], shown: Shown) -> None:
        """Everything decided about one lead goes into one record."""
        parts: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
        for number, one in enumerate(changes):
            if not isinstance(one, SetFields | SetStage | AssignOwner) or number in delivery.receipts:
                continue
            values = self._lead_values(one, shown)
            if isinstance(values, Receipt):
                delivery.receipts[number] = values
            else:
                parts.setdefault(one.lead_id, []).append((number, values))
        rows = [Row(self._carrier.object, tuple(found), lead_id) for lead_id, found in parts.items()]
        if len(rows) >= FROM:
            self._ingest.update(delivery, rows)
        else:
            delivery.send(UPDATE, rows)

    def _lead_values(
        self, change: SetFields | SetStage | AssignOwner, shown: Shown
    ) -> dict[str, Any] | Receipt:
        """The values to write; or the receipt that says why there are none."""
        if isinstance(change, SetFields):
            return {OUR_API_NAMES[name]: written(name, value) for name, value in change.values.items()}
        row = shown.get(change.lead_id)
        if row is None:
            gone = remedy_for("ENTITY_IS_DELETED")
            return Receipt(ReceiptStatus.REJECTED, change.lead_id, gone, lead_is_gone=True)
        why = _CONVERTED if row.get("IsConverted") else _FASTER
        if isinstance(change, AssignOwner):
            is_expected = row.get("OwnerId") == change.expected_owner_id
            target: tuple[str, str] | None = ("OwnerId", change.owner_id)
        else:
            is_expected = self._mapping.stage_from(row) is change.expected
            target = self._mapping.stage_value(change.stage)
        if why is _CONVERTED or not is_expected or target is None:
            return Receipt(ReceiptStatus.UNCHANGED, change.lead_id, why)
        return {target[0]: target[1]}

    def _tasks(self, delivery: Delivery, changes: Sequence[Change], shown: Shown) -> None:
        """Only open tasks are changed or closed; one that a person closed or deleted is theirs."""
        parts: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
        for number, one in enumerate(changes):
            if not isinstance(one, UpdateTask | CloseTask):
                continue
            current = shown.get(one.task_id)
            if current is None or current["IsClosed"]:
                why = "the task was deleted" if current is None else "the task is closed already"
                delivery.receipts[number] = Receipt(ReceiptStatus.UNCHANGED, one.task_id, why)
                continue
            if isinstance(one, CloseTask):
                values = closed_values(one, current, self._closed_status)
            else:
                values = task_values(one)
            parts.setdefault(one.task_id, []).append((number, values))
        delivery.send(UPDATE, [Row("Task", tuple(found), task_id) for task_id, found in parts.items()])

    def _new_tasks(self, delivery: Delivery, changes: Sequence[Change]) -> None:
        new = [(number, one) for number, one in enumerate(changes) if isinstance(one, CreateTask)]
        if new and delivery.attempt(self._task_fields, _rows_of(changes, CreateTask)):
            make(delivery, new, by_key=key_is_unique(self._task_fields()))


def _rows_of(changes: Iterable[Change], kinds: Any) -> list[Row]:
    """Rows that stand for these changes where nothing is known of their records yet."""
    found = []
    for number, one in enumerate(changes):
        if isinstance(one, kinds):
            is_new = isinstance(one, CreateTask)
            record_id = one.task_id if isinstance(one, UpdateTask | CloseTask) else one.lead_id
            found.append(Row("", ((number, {}),), "" if is_new else record_id))
    return found

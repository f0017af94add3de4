"""Writing: full batches, one receipt per change, nothing but what was decided.

Updates may be sent twice; a create whose answer was lost is UNKNOWN until it is looked up by key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

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
from connectors.errors import OutcomeUnknown, Unavailable
from connectors.mapping import ConnectionMapping
from connectors.salesforce.client import Client, RefusedCall
from connectors.salesforce.fields import KEY_FIELD, OUR_API_NAMES, instant, written

BATCH = 200
_LONGEST_BODY = 32000
_LATER = frozenset({"UNABLE_TO_LOCK_ROW", "TOO_MANY_APEX_REQUESTS", "QUERY_TIMEOUT"})
_REMEDIES = {
    "CANNOT_UPDATE_CONVERTED_LEAD": "the lead was converted; nothing to do",
    "ENTITY_IS_DELETED": "the record was deleted; nothing to do",
    "NOT_FOUND": "the record is gone; nothing to do",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "a validation rule refuses it; exempt the integration user",
    "DUPLICATES_DETECTED": "a duplicate rule of the org refuses it; exempt the integration user",
    "INACTIVE_OWNER_OR_USER": "the owner is inactive; give the lead to somebody else",
    "INSUFFICIENT_ACCESS_OR_READONLY": "the integration user may not write this; run `leadsla check`",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "the field is read-only; run `leadsla check`",
    "INVALID_FIELD": "a field is missing; run `leadsla provision`",
}


class Writer:
    """Carries changes out on one org."""

    def __init__(self, client: Client, mapping: ConnectionMapping, closed_status: str) -> None:
        self._client = client
        self._mapping = mapping
        self._closed_status = closed_status

    def apply(self, changes: Sequence[Change]) -> list[Receipt]:
        """One receipt per change, in their order. Leads go first, then known tasks, then new ones."""
        receipts: dict[int, Receipt] = {}
        tasks = self._shown_tasks(changes)
        self._leads(changes, receipts)
        self._tasks(changes, tasks, receipts)
        self._creates(changes, receipts)
        return [receipts[index] for index in range(len(changes))]

    def _leads(self, changes: Sequence[Change], receipts: dict[int, Receipt]) -> None:
        """Everything decided about one lead goes into one record."""
        guarded = [c for c in changes if isinstance(c, SetStage | AssignOwner)]
        shown = self._shown(sorted({change.lead_id for change in guarded}))
        records: dict[str, dict[str, Any]] = {}
        sources: dict[str, list[int]] = {}
        for index, change in enumerate(changes):
            if isinstance(change, SetFields | SetStage | AssignOwner):
                values = self._lead_values(change, shown)
                if values is None:
                    message = "a person was faster: the CRM shows something else by now"
                    receipts[index] = Receipt(ReceiptStatus.UNCHANGED, change.lead_id, message)
                    continue
                records.setdefault(change.lead_id, {}).update(values)
                sources.setdefault(change.lead_id, []).append(index)
        rows = [(record, sources[lead_id]) for lead_id, record in _typed_rows("Lead", records)]
        self._send("PATCH", rows, receipts)

    def _lead_values(self, change: Change, shown: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
        match change:
            case SetFields():
                return {OUR_API_NAMES[name]: written(name, value) for name, value in change.values.items()}
            case SetStage():
                row = shown.get(change.lead_id, {})
                target = self._mapping.stage_value(change.stage)
                is_expected = self._mapping.stage_from(row) is change.expected
                return {target[0]: target[1]} if target and is_expected else None
            case AssignOwner():
                row = shown.get(change.lead_id, {})
                is_expected = row.get("OwnerId") == change.expected_owner_id
                return {"OwnerId": change.owner_id} if is_expected else None
        raise TypeError(type(change).__name__)

    def _shown(self, lead_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        fields = ["Id", "OwnerId", *self._mapping.stages]
        return {row["Id"]: row for row in retrieve(self._client, "Lead", lead_ids, fields)}

    def _shown_tasks(self, changes: Sequence[Change]) -> Mapping[str, Mapping[str, Any]] | str:
        """The tasks to change as they are now; or why they cannot be read now."""
        ids = {change.task_id: None for change in changes if isinstance(change, UpdateTask | CloseTask)}
        try:
            rows = retrieve(self._client, "Task", list(ids), ("Id", "IsClosed", "Description"))
            return {row["Id"]: row for row in rows}
        except Unavailable as error:
            return str(error)

    def _tasks(
        self,
        changes: Sequence[Change],
        shown: Mapping[str, Mapping[str, Any]] | str,
        receipts: dict[int, Receipt],
    ) -> None:
        """Only open tasks are changed or closed; one that a person closed or deleted is theirs."""
        records: dict[str, dict[str, Any]] = {}
        sources: dict[str, list[int]] = {}
        for index, change in enumerate(changes):
            if not isinstance(change, UpdateTask | CloseTask):
                continue
            if isinstance(shown, str):
                receipts[index] = Receipt(ReceiptStatus.DEFERRED, change.task_id, shown)
                continue
            current = shown.get(change.task_id)
            if current is None or current["IsClosed"]:
                why = "the task was deleted" if current is None else "the task is closed already"
                receipts[index] = Receipt(ReceiptStatus.UNCHANGED, change.task_id, why)
                continue
            values = (
                self._closed(change, current) if isinstance(change, CloseTask) else self._task_values(change)
            )
            records.setdefault(change.task_id, {}).update(values)
            sources.setdefault(change.task_id, []).append(index)
        rows = [(record, sources[task_id]) for task_id, record in _typed_rows("Task", records)]
        self._send("PATCH", rows, receipts)

    def _closed(self, change: CloseTask, current: Mapping[str, Any]) -> dict[str, Any]:
        parts = [part for part in (current.get("Description"), change.note) if part]
        return {"Status": self._closed_status, "Description": "\n".join(parts)[-_LONGEST_BODY:]}

    def _creates(self, changes: Sequence[Change], receipts: dict[int, Receipt]) -> None:
        rows = []
        for index, change in enumerate(changes):
            if isinstance(change, CreateTask):
                base = {"WhoId": change.lead_id, "Status": "Not Started", "Priority": "High"}
                rows.append(({**base, **self._task_values(change), **_type("Task")}, [index]))
        self._send("POST", rows, receipts)

    def _task_values(self, change: CreateTask | UpdateTask) -> dict[str, Any]:
        """A task has only a due date: the reminder and the subject carry the time."""
        local = change.due_at.astimezone(ZoneInfo(change.time_zone))
        values: dict[str, Any] = {
            "Subject": change.subject[:255],
            "Description": change.body[:_LONGEST_BODY],
            "ActivityDate": local.date().isoformat(),
            "ReminderDateTime": instant(change.due_at.replace(second=0, microsecond=0)),
            "IsReminderSet": True,
            KEY_FIELD: change.key,
        }
        if change.owner_id:
            values["OwnerId"] = change.owner_id
        return values

    def _send(
        self, method: str, rows: Sequence[tuple[dict[str, Any], list[int]]], receipts: dict[int, Receipt]
    ) -> None:
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            answers = self._batch(method, [record for record, _ in batch])
            for (_, indexes), receipt in zip(batch, answers, strict=True):
                receipts.update(dict.fromkeys(indexes, receipt))

    def _batch(self, method: str, records: list[dict[str, Any]]) -> list[Receipt]:
        body = {"allOrNone": False, "records": records}
        try:
            answers = self._client.rest(method, "composite/sobjects", body)
        except OutcomeUnknown as error:
            return [Receipt(ReceiptStatus.UNKNOWN, message=str(error))] * len(records)
        except Unavailable as error:
            return [Receipt(ReceiptStatus.DEFERRED, message=str(error))] * len(records)
        except RefusedCall as error:
            if len(records) == 1:
                return [Receipt(ReceiptStatus.REJECTED, message=remedy_for(error.code))]
            half = len(records) // 2
            return self._batch(method, records[:half]) + self._batch(method, records[half:])
        return [_receipt(answer) for answer in answers]


def retrieve(
    client: Client, name: str, ids: Sequence[str], fields: Sequence[str]
) -> Iterator[Mapping[str, Any]]:
    """Records by id, 2,000 a call, by POST: long id lists do not fit into an address."""
    for start in range(0, len(ids), 2000):
        body = {"ids": list(ids[start : start + 2000]), "fields": list(dict.fromkeys(fields))}
        yield from (row for row in client.rest("POST", f"composite/sobjects/{name}", body) if row)


def _type(name: str) -> dict[str, Any]:
    return {"attributes": {"type": name}}


def _typed_rows(name: str, records: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for record_id, values in records.items():
        yield record_id, {"Id": record_id, **values, **_type(name)}


def _receipt(answer: Mapping[str, Any]) -> Receipt:
    if answer.get("success"):
        return Receipt(ReceiptStatus.WRITTEN, str(answer.get("id") or ""))
    errors = answer.get("errors") or [{}]
    code = str(errors[0].get("statusCode", "UNKNOWN"))
    if code in _LATER:
        return Receipt(ReceiptStatus.DEFERRED, message=f"{code}: tried again in the next run")
    fields = ", ".join(errors[0].get("fields") or [])
    where = f" ({fields})" if fields else ""
    return Receipt(ReceiptStatus.REJECTED, message=f"{remedy_for(code)}{where}")


def remedy_for(code: str) -> str:
    """A refusal's code with what a person can do about it."""
    return (
        f"{code}: {_REMEDIES.get(code, 'Salesforce refuses this record; see the code in its documentation')}"
    )

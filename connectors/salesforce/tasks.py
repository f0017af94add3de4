"""Our tasks in an org: what they hold, and how a new one is made only once.

Where our key is a unique external id on tasks, a task is upserted by it, which is safe to repeat. Where
it is not, a task is created, and one whose answer was lost is looked up by its key before anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base import CloseTask, CreateTask, UpdateTask
from connectors.canonical import clean
from connectors.salesforce.client import Client
from connectors.salesforce.delivery import CREATE, Deed, Delivery, Row
from connectors.salesforce.fields import KEY_FIELD, cut, instant

TASK_SHOWN = ("Id", "IsClosed", "Description")
TASK_WRITTEN = (
    "WhoId",
    "OwnerId",
    "Subject",
    "Description",
    "ActivityDate",
    "ReminderDateTime",
    "IsReminderSet",
    "Priority",
    "Status",
)
_LONGEST_SUBJECT, _LONGEST_BODY = 255, 32000
_UPSERT = Deed("PATCH", f"composite/sobjects/Task/{KEY_FIELD}", makes=True)
_DONE = "Completed"  # where an org renamed nothing


def key_is_unique(task_fields: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether describe shows our key as a unique external id, so that tasks can be upserted by it."""
    field = task_fields.get(KEY_FIELD, {})
    return bool(field.get("externalId") and field.get("unique"))


def make(delivery: Delivery, changes: Sequence[tuple[int, CreateTask]], *, by_key: bool) -> None:
    """Every new task once, however often its key is in the changes. Its status is the org's default."""
    parts: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    for number, one in changes:
        values = {"WhoId": one.lead_id, "Priority": "High", **task_values(one)}
        parts.setdefault(one.key, []).append((number, values))
    rows = [Row("Task", tuple(one)) for one in parts.values()]
    delivery.send(_UPSERT if by_key else CREATE, rows)


def task_values(change: CreateTask | UpdateTask) -> dict[str, Any]:
    """A task has only a due date: the reminder and the subject carry the time."""
    local = change.due_at.astimezone(ZoneInfo(change.time_zone))
    values: dict[str, Any] = {
        "Subject": cut(change.subject, _LONGEST_SUBJECT),
        "Description": cut(change.body, _LONGEST_BODY),
        "ActivityDate": local.date().isoformat(),
        "ReminderDateTime": instant(change.due_at.replace(second=0, microsecond=0)),
        "IsReminderSet": True,
        KEY_FIELD: change.key,
    }
    if change.owner_id:
        values["OwnerId"] = change.owner_id
    return values


def closed_values(change: CloseTask, shown: Mapping[str, Any], closed_status: str) -> dict[str, Any]:
    """What closes a task. A note that has no room is left out: what people wrote is never cut."""
    before = str(shown.get("Description") or "")
    text = "\n".join(part for part in (before, clean(change.note)) if part)
    is_fitting = bool(change.note) and cut(text, _LONGEST_BODY) == text
    return {"Status": closed_status, **({"Description": text} if is_fitting else {})}


def closed_status(client: Client) -> str:
    """The status that closes a task in this org; its words are the org's own."""
    rows = client.query_all("SELECT ApiName, IsClosed FROM TaskStatus ORDER BY SortOrder")
    closed = [str(row["ApiName"]) for row in rows if row["IsClosed"]]
    return _DONE if _DONE in closed or not closed else closed[0]

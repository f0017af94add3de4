"""Our own tasks as HubSpot shows them now: those that changed, and those of given contacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.base import OurTask, Page
from connectors.hubspot.client import SEARCH_PAGE, Client
from connectors.hubspot.contacts import instant_or
from connectors.hubspot.fields import OWNER, STAMP, TASK_KEY
from connectors.hubspot.refusals import Refused
from connectors.hubspot.window import Step, Window

DONE = "COMPLETED"
_PROPERTIES = (TASK_KEY, "hs_task_status", "hs_task_subject", "hs_task_body", "hs_timestamp", OWNER, STAMP)


class Tasks:
    """Reads tasks that carry our key."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._delivered: dict[str, str] = {}

    def forget(self) -> None:
        self._delivered.clear()

    def segment(self, window: Window, last: str) -> Iterator[Step]:
        """Our tasks that changed, in steps. None before our key property is provisioned."""
        while True:
            filters = [*window.filters(last), {"propertyName": TASK_KEY, "operator": "HAS_PROPERTY"}]
            try:
                found = self._client.search("tasks", filters, _PROPERTIES).results
            except Refused:
                if TASK_KEY in self._client.schema("tasks"):
                    raise
                return
            last = str(found[-1]["id"]) if len(found) == SEARCH_PAGE else ""
            news = [row for row in found if self._delivered.get(str(row["id"])) != _stamp(row)]
            leads = self._client.associated("tasks", "contacts", [str(row["id"]) for row in news])
            stamps = {str(row["id"]): _stamp(row) for row in news}
            self._delivered.update({one: stamp for one, stamp in stamps.items() if window.comes_again(stamp)})
            tasks = (_task(row, (leads.get(str(row["id"])) or [""])[0]) for row in news)
            yield Step(Page(tasks=tuple(one for one in tasks if one.lead_id), records=len(found)), last)
            if not last:
                return

    def of_leads(self, lead_ids: Sequence[str]) -> list[OurTask]:
        """Our tasks on these contacts, read by id and so without the search's lag."""
        by_lead = self._client.associated("contacts", "tasks", list(dict.fromkeys(lead_ids)))
        lead_of = {task_id: lead_id for lead_id, task_ids in by_lead.items() for task_id in task_ids}
        rows = self._client.read("tasks", list(lead_of), _PROPERTIES)
        ours = (row for row in rows if (row.get("properties") or {}).get(TASK_KEY))
        return [_task(row, lead_of[str(row["id"])]) for row in ours if str(row["id"]) in lead_of]

    def by_key(self, lead_of: Mapping[str, str]) -> list[OurTask]:
        """The tasks with these keys, where keys are unique; ``lead_of`` names the lead of each key."""
        rows = self._client.read("tasks", list(lead_of), _PROPERTIES, by=TASK_KEY)
        return [_task(row, lead_of[key]) for row in rows if (key := _key(row)) in lead_of]

    def by_id(self, task_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """The properties of these tasks now; deleted ones are left out."""
        rows = self._client.read("tasks", list(dict.fromkeys(task_ids)), _PROPERTIES)
        return {str(row["id"]): row.get("properties") or {} for row in rows}


def _task(row: Mapping[str, Any], lead_id: str) -> OurTask:
    properties = row.get("properties") or {}
    return OurTask(
        id=str(row["id"]),
        key=str(properties[TASK_KEY]),
        lead_id=lead_id,
        is_open=properties.get("hs_task_status") != DONE,
        subject=str(properties.get("hs_task_subject") or ""),
        due_at=instant_or(properties, "hs_timestamp", None),
        owner_id=properties.get(OWNER) or None,
    )


def _key(row: Mapping[str, Any]) -> str:
    return str((row.get("properties") or {}).get(TASK_KEY) or "")


def _stamp(row: Mapping[str, Any]) -> str:
    return str((row.get("properties") or {}).get(STAMP) or row.get("updatedAt") or "")

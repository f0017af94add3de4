"""Our own tasks as HubSpot shows them now: of given contacts, by key, by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import OurTask
from connectors.hubspot.carrier import CONTACTS, Carrier
from connectors.hubspot.client import Client
from connectors.hubspot.fields import OWNER, STAMP, TASK_KEY
from connectors.hubspot.lead_rows import instant_or

DONE = "COMPLETED"
PROPERTIES = (TASK_KEY, "hs_task_status", "hs_task_subject", "hs_task_body", "hs_timestamp", OWNER, STAMP)


class Tasks:
    """Reads tasks that carry our key."""

    def __init__(self, client: Client, carrier: Carrier = CONTACTS) -> None:
        self._client = client
        self._carrier = carrier

    def of_leads(self, lead_ids: Sequence[str]) -> list[OurTask]:
        """Our tasks on these leads, read by id and so without the search's lag."""
        by_lead = self._client.associated(self._carrier.kind, "tasks", list(dict.fromkeys(lead_ids)))
        lead_of = {task_id: lead_id for lead_id, task_ids in by_lead.items() for task_id in task_ids}
        rows = self._client.read("tasks", list(lead_of), PROPERTIES)
        ours = (row for row in rows if (row.get("properties") or {}).get(TASK_KEY))
        return [our_task(row, lead_of[str(row["id"])]) for row in ours if str(row["id"]) in lead_of]

    def by_key(self, lead_of: Mapping[str, str]) -> list[OurTask]:
        """The tasks with these keys, where keys are unique; ``lead_of`` names the lead of each key."""
        rows = self._client.read("tasks", list(lead_of), PROPERTIES, by=TASK_KEY)
        return [our_task(row, lead_of[key]) for row in rows if (key := _key(row)) in lead_of]

    def by_id(self, task_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """The properties of these tasks now; deleted ones are left out."""
        rows = self._client.read("tasks", list(dict.fromkeys(task_ids)), PROPERTIES)
        return {str(row["id"]): row.get("properties") or {} for row in rows}


def our_task(row: Mapping[str, Any], lead_id: str) -> OurTask:
    """A task record that shows our key, as a task of this lead."""
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

"""Making a task once, however often it is tried.

Where the account's schema says that our key is unique on tasks, HubSpot itself finds the task of a key or
makes it (an upsert), and a repeat is harmless. An upsert takes no associations, so the task is put on its
lead in a second call, which every repeat makes again. Elsewhere the task is created together with its
association, and looked for on its lead before it is ever sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.base import CreateTask, OurTask, ReceiptStatus
from connectors.hubspot.carrier import Carrier
from connectors.hubspot.client import ASSOCIATION_BATCH, BATCH, Client, chunks
from connectors.hubspot.delivery import Delivery, Row
from connectors.hubspot.fields import TASK_KEY
from connectors.hubspot.refusals import Refused, code_of, message_for
from connectors.hubspot.tasks import Tasks

NOT_ON_LEAD_YET = "the task is in HubSpot but not on its lead yet; the next run puts it there"
Pair = tuple[str, str]  # ids of a task and of its lead


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to make for the changes with these numbers."""

    numbers: tuple[int, ...]
    lead_id: str
    properties: Mapping[str, str]

    def to_create(self, task_type: int) -> Row:
        """Together with its association to the lead, by HubSpot's type of it."""
        kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": task_type}
        to_lead: Mapping[str, Any] = {"to": {"id": self.lead_id}, "types": [kind]}
        return Row(self.numbers, self.properties, associations=(to_lead,))

    def to_upsert(self) -> Row:
        return Row(self.numbers, self.properties, by=TASK_KEY)


class NewTasks:
    """Makes tasks in one account, and finds those that may have been made."""

    def __init__(self, client: Client, tasks: Tasks, carrier: Carrier) -> None:
        self._client = client
        self._tasks = tasks
        self._carrier = carrier

    def key_is_unique(self) -> bool:
        """Whether the account keeps a key on one task only."""
        return bool(self._client.schema("tasks").get(TASK_KEY, {}).get("hasUniqueValue"))

    def make(self, delivery: Delivery, wanted: Sequence[NewTask]) -> None:
        """Make these tasks; receipts go into ``delivery``."""
        numbers = [number for one in wanted for number in one.numbers]
        if not wanted or not delivery.attempt(self.key_is_unique, numbers):
            return
        if not self.key_is_unique():
            delivery.create("tasks", [one.to_create(self._carrier.task_type) for one in wanted])
            return
        delivery.upsert("tasks", [one.to_upsert() for one in wanted])
        self._put_on_leads(delivery, [one for one in wanted if delivery.has_written(one.numbers[0])])

    def find(self, changes: Sequence[CreateTask]) -> dict[str, OurTask]:
        """The tasks with these keys, by key. One that an interrupted upsert left on no lead is put there."""
        lead_of = {one.key: one.lead_id for one in changes}
        if not self.key_is_unique():
            found = self._tasks.of_leads(list(lead_of.values()))
            # a lead that was merged away meanwhile shows its task on the survivor, which nobody knows of yet
            return {one.key: replace(one, lead_id=lead_of[one.key]) for one in found if one.key in lead_of}
        tasks = self._tasks.by_key(lead_of)
        on_leads = self._client.associated("tasks", self._carrier.kind, [one.id for one in tasks])
        astray = [(one.id, one.lead_id) for one in tasks if not on_leads.get(one.id)]
        refused = {task_id: code for (task_id, _), code in self._refused(astray).items()}
        for part in chunks([task_id for task_id, code in refused.items() if code], BATCH):
            self._client.archive("tasks", part)
        return {one.key: one for one in tasks if one.id not in refused}

    def _put_on_leads(self, delivery: Delivery, made: Sequence[NewTask]) -> None:
        pairs = [(delivery.receipts[one.numbers[0]].record_id, one.lead_id) for one in made]
        numbers = [number for one in made for number in one.numbers]
        refused: dict[Pair, str] = {}
        if not made:
            return
        if not delivery.attempt(lambda: refused.update(self._refused(pairs)), numbers):
            delivery.settle(numbers, ReceiptStatus.UNKNOWN, NOT_ON_LEAD_YET)
            return
        for one, pair in zip(made, pairs, strict=True):
            if refused.get(pair):
                told = message_for(refused[pair]) + self._taken_back(delivery, pair[0])
                delivery.settle(one.numbers, ReceiptStatus.REJECTED, told, one.lead_id)
            elif pair in refused:
                delivery.settle(one.numbers, ReceiptStatus.UNKNOWN, NOT_ON_LEAD_YET, pair[0])

    def _taken_back(self, delivery: Delivery, task_id: str) -> str:
        """A task made a moment ago for a lead that is gone: nobody would ever close it."""
        if task_id not in delivery.made or delivery.attempt(lambda: self._client.archive("tasks", [task_id])):
            return ""
        return f"; delete task {task_id} in HubSpot, which is on no record"

    def _refused(self, pairs: Sequence[Pair]) -> dict[Pair, str]:
        """Put tasks on their leads; those that HubSpot did not put there, with its code ("" without one)."""
        refused: dict[Pair, str] = {}
        for part in chunks(pairs, ASSOCIATION_BATCH):
            refused.update(_refused_of(self._client, self._carrier.kind, part))
        return refused


def _refused_of(client: Client, kind: str, pairs: Sequence[Pair]) -> dict[Pair, str]:
    try:
        reply = client.associate("tasks", kind, pairs)
    except Refused as error:
        if len(pairs) == 1:
            return {pairs[0]: error.code}
        half = len(pairs) // 2
        return {**_refused_of(client, kind, pairs[:half]), **_refused_of(client, kind, pairs[half:])}
    done = {str((one.get("from") or {}).get("id")) for one in reply.results}  # its lead may have been merged
    codes: dict[str, str] = {}
    for told in reply.body.get("errors") or ():
        named = (told.get("context") or {}).get("fromObjectId") or ()
        codes.update((str(one), code_of(told)) for one in named)
    return {pair: codes.get(pair[0], "") for pair in pairs if pair[0] not in done}

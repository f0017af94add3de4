"""Writing a stage: which properties it takes, and whether HubSpot really took it.

``lifecyclestage`` only moves forward; backwards HubSpot answers 200 and changes nothing. So a
stage is read back, and where it did not take, the property is cleared first and set again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.base import Receipt, ReceiptStatus, SetStage
from connectors.hubspot.delivery import GONE, Delivery, Row
from connectors.hubspot.refusals import message_for
from connectors.mapping import ConnectionMapping

_NOT_SET = frozenset({ReceiptStatus.DEFERRED, ReceiptStatus.UNKNOWN})


@dataclass(frozen=True, slots=True)
class StageWrite:
    """The properties that make a lead's stage; ``field`` and ``value`` are the one that decides."""

    number: int
    lead_id: str
    field: str
    value: str
    properties: Mapping[str, str]


def stage_write(
    number: int, change: SetStage, current: Mapping[str, Any] | None, mapping: ConnectionMapping
) -> StageWrite | Receipt:
    """What to write, or at once the receipt when there is nothing to write.

    A field that stands before the one to write would still decide: a stage it shows is cleared.
    """
    if current is None:
        return Receipt(ReceiptStatus.REJECTED, change.lead_id, message_for(GONE), lead_is_gone=True)
    shown = mapping.stage_from(current)
    if shown is change.stage:
        return Receipt(ReceiptStatus.UNCHANGED, change.lead_id, "is in this stage already")
    if shown is not change.expected:
        return Receipt(ReceiptStatus.UNCHANGED, change.lead_id, "somebody changed the stage")
    target = mapping.stage_value(change.stage)
    if target is None:
        return Receipt(
            ReceiptStatus.REJECTED, change.lead_id, f"no HubSpot value is mapped to {change.stage}"
        )
    field, value = target
    properties = {field: value}
    for earlier, meanings in mapping.stages.items():
        if earlier == field:
            break
        if str(current.get(earlier) or "") in meanings:
            properties[earlier] = ""
    return StageWrite(number, change.lead_id, field, value, properties)


def confirm(delivery: Delivery, kind: str, stages: Sequence[StageWrite]) -> None:
    """Read written stages back; clear and set again where HubSpot silently kept the old one.

    ``kind`` is the object that carries the leads.
    """
    refused = _kept_old(delivery, kind, stages)
    if not refused:
        return
    delivery.update(kind, [Row((one.number,), {one.field: ""}, id=one.lead_id) for one in refused])
    cleared = [one for one in refused if delivery.has_written(one.number)]
    delivery.update(kind, [Row((one.number,), dict(one.properties), id=one.lead_id) for one in cleared])
    for one in _kept_old(delivery, kind, cleared):
        message = f"HubSpot does not let the stage go back: clear {one.field} in HubSpot"
        delivery.settle([one.number], ReceiptStatus.REJECTED, message, one.lead_id)
    for one in cleared:
        if delivery.receipts[one.number].status in _NOT_SET:  # nothing would look at it again
            message = f"{one.field} was cleared and could not be set after that: set it to {one.value}"
            delivery.settle([one.number], ReceiptStatus.REJECTED, f"{message} in HubSpot", one.lead_id)


def _kept_old(delivery: Delivery, kind: str, stages: Sequence[StageWrite]) -> list[StageWrite]:
    done = [one for one in stages if delivery.has_written(one.number)]
    shown: dict[str, Mapping[str, Any]] = {}
    if not done:
        return []

    def read() -> None:
        fields = list(dict.fromkeys(one.field for one in done))
        for row in delivery.client.read(kind, [one.lead_id for one in done], fields):
            shown[str(row["id"])] = row.get("properties") or {}

    if not delivery.attempt(read, [one.number for one in done]):
        return []
    return [one for one in done if str(shown.get(one.lead_id, {}).get(one.field) or "") != one.value]

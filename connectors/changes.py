"""What leadsla writes: one value per decision, and the receipt that says what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sla_engine.model import LifecycleStage, Value


@dataclass(frozen=True, slots=True)
class SetFields:
    """Write our own fields on a lead. Values are typed; the connector turns them into CRM form."""

    lead_id: str
    values: Mapping[str, Value]
    because: str


@dataclass(frozen=True, slots=True)
class CreateTask:
    """Make the lead's one open task. ``key`` makes it findable before any resend."""

    lead_id: str
    key: str
    owner_id: str | None
    subject: str
    body: str
    due_at: datetime
    time_zone: str
    because: str


@dataclass(frozen=True, slots=True)
class UpdateTask:
    lead_id: str
    task_id: str
    key: str
    owner_id: str | None
    subject: str
    body: str
    due_at: datetime
    time_zone: str
    because: str


@dataclass(frozen=True, slots=True)
class CloseTask:
    lead_id: str
    task_id: str
    key: str
    note: str
    because: str


@dataclass(frozen=True, slots=True)
class AssignOwner:
    """Only if the CRM still shows ``expected_owner_id``; else the receipt is UNCHANGED."""

    lead_id: str
    owner_id: str
    expected_owner_id: str | None
    because: str


@dataclass(frozen=True, slots=True)
class SetStage:
    """Only if the CRM still shows ``expected``; else the receipt is UNCHANGED."""

    lead_id: str
    stage: LifecycleStage
    expected: LifecycleStage | None
    because: str


Change = SetFields | CreateTask | UpdateTask | CloseTask | AssignOwner | SetStage


class ReceiptStatus(StrEnum):
    WRITTEN = "written"
    UNCHANGED = "unchanged"  # a person was faster, or the CRM already shows it
    REJECTED = "rejected"  # this record will not be taken; ``message`` says why and what to do
    DEFERRED = "deferred"  # not now: try in a later run
    UNKNOWN = "unknown"  # may have been applied; look up by key before resending


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one change. ``record_id`` is the CRM id written (a new task's id).

    ``lead_is_gone``: the lead seems to be deleted or merged away; reading it again will tell.
    """

    status: ReceiptStatus
    record_id: str = ""
    message: str = ""
    lead_is_gone: bool = False

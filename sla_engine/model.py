"""The facts about one lead: what it is, what happened to it, and when.

Not here: judgements (``verdict``), the agreement (``agreement``), or anything a CRM calls
by its own name. All instants are aware ``datetime`` in UTC; constructors do not convert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

Value = str | int | float | bool | datetime | None


class LifecycleStage(StrEnum):
    """Where a lead stands between marketing and sales.

    INQUIRY -> MQL -> SAL -> SQL -> OPPORTUNITY -> CUSTOMER, with two rejections on the way:
    RECYCLED (not now, may come back as MQL: a new round) and DISQUALIFIED (never).
    """

    INQUIRY = "inquiry"
    MQL = "mql"
    SAL = "sal"
    SQL = "sql"
    OPPORTUNITY = "opportunity"
    CUSTOMER = "customer"
    RECYCLED = "recycled"
    DISQUALIFIED = "disqualified"


class ActivityKind(StrEnum):
    """What happened: first the lead's behaviour, then work by sales, then what both sides arrange.

    ENROLLED: marketing took the lead into nurturing. HOLD: both agreed to wait (until
    ``planned_for``); RESUME ends a hold early.
    """

    EMAIL_OPEN = "email_open"
    EMAIL_CLICK = "email_click"
    EMAIL_REPLY = "email_reply"
    PAGE_VISIT = "page_visit"
    FORM = "form"
    EVENT = "event"
    HAND_RAISE = "hand_raise"
    BOUNCE = "bounce"
    OPT_OUT = "opt_out"
    CALL = "call"
    EMAIL = "email"
    MEETING = "meeting"
    AUTOMATIC_EMAIL = "automatic_email"
    TASK = "task"
    ENROLLED = "enrolled"
    HOLD = "hold"
    RESUME = "resume"


class ActorKind(StrEnum):
    """Who made a change: only a PERSON proves anything."""

    PERSON = "person"
    AUTOMATION = "automation"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody (or a queue) that a lead can belong to. ``id`` is the CRM's."""

    id: str
    name: str = ""
    is_queue: bool = False
    is_active: bool = True
    time_zone: str | None = None
    is_automation: bool = False


@dataclass(frozen=True, slots=True)
class Lead:
    """One lead as the CRM shows it now, in our words.

    ``fields`` holds mapped fields by our name (``email``, ``company`` ...), already typed; an
    absent or empty field is ``None`` or missing. ``stage`` is None when the CRM's value is not
    mapped. ``closed_elsewhere`` marks a converted record that must never be written.
    """

    id: str
    created_at: datetime
    stage: LifecycleStage | None
    owner: Owner | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)
    reason: str = ""
    closed_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Activity:
    """Something the lead did, or that sales did for the lead.

    ``at`` is when it happened, ``known_at`` when the CRM learned of it (later if backdated).
    ``id`` is the CRM's id of the source record and makes duplicates harmless.
    ``planned_for`` is set for work that lies ahead (an open task or meeting of a person).
    ``consent`` says on what ground behaviour may be scored: "" none, "declared" by the admin for
    the whole source, or the name of the lead field that must say yes.
    """

    id: str
    kind: ActivityKind
    at: datetime
    known_at: datetime
    actor: str | None = None
    actor_kind: ActorKind = ActorKind.UNKNOWN
    content: str = ""
    outcome: str = ""
    planned_for: datetime | None = None
    consent: str = ""


@dataclass(frozen=True, slots=True)
class StageChange:
    """The lead moved to ``stage`` at ``at`` (None: to where the agreement knows no stage).

    ``before``: the stage it left, if told. ``estimated``: known only from first sight.
    """

    at: datetime
    stage: LifecycleStage | None
    actor: str | None = None
    actor_kind: ActorKind = ActorKind.UNKNOWN
    reason: str = ""
    estimated: bool = False
    id: str = ""
    before: LifecycleStage | None = None


@dataclass(frozen=True, slots=True)
class OwnerChange:
    """The lead went to ``owner`` at ``at`` (None: nobody). ``before``: who had it until then, if told."""

    at: datetime
    owner: str | None
    actor: str | None = None
    actor_kind: ActorKind = ActorKind.UNKNOWN
    to_queue: bool = False
    time_zone: str | None = None
    estimated: bool = False
    id: str = ""
    before: Owner | None = None


class RelationKind(StrEnum):
    """How somebody is known already."""

    CUSTOMER = "customer"
    OPEN_OPPORTUNITY = "open_opportunity"
    IN_WORK = "in_work"


@dataclass(frozen=True, slots=True)
class Relation:
    """The same person known elsewhere since ``since``: under which record, with which owner."""

    kind: RelationKind
    record_id: str
    owner: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class LeadHistory:
    """Everything known of one lead; tuples are sorted by event time, duplicates removed by id.

    Build it with ``history.history_of``, which also refuses facts that make no sense.
    ``activity_readable`` is False where the owner's activities cannot be read: a clock then ends
    UNPROVEN, never BREACHED. ``behaviour_readable`` is False where nothing delivers behaviour.
    """

    lead: Lead
    activities: tuple[Activity, ...] = ()
    stages: tuple[StageChange, ...] = ()
    owners: tuple[OwnerChange, ...] = ()
    relations: tuple[Relation, ...] = ()
    activity_readable: bool = True
    behaviour_readable: bool = True

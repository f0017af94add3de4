"""The facts about one lead: what it is, what happened to it, and when.

Not here: judgements (``verdict``), the agreement (``agreement``), or anything a CRM calls
by its own name. All instants are aware ``datetime`` in UTC; constructors neither convert nor check,
``history.history_of`` refuses what makes no sense.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

Value = str | int | float | bool | datetime | None


class LifecycleStage(StrEnum):
    """Where a lead stands between marketing and sales; the moves are drawn in ``lifecycle``.

    INQUIRY -> MQL -> SAL -> SQL -> OPPORTUNITY -> CUSTOMER, with two rejections on the way:
    RECYCLED (not now, may come back as MQL: a new round) and DISQUALIFIED (never).

    >>> LifecycleStage("sal")
    <LifecycleStage.SAL: 'sal'>
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

    >>> ActivityKind("hand_raise")  # the lead asked to be contacted
    <ActivityKind.HAND_RAISE: 'hand_raise'>
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
    """Who made a change: only a PERSON proves an answer (``proof`` has the few exceptions).

    >>> [kind.value for kind in ActorKind]
    ['person', 'automation', 'unknown']
    """

    PERSON = "person"
    AUTOMATION = "automation"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody (or a queue) that a lead can belong to. ``id`` is the CRM's, ``time_zone`` an IANA name.

    ``is_active`` False: has left. ``is_automation``: a user that only programs use.

    >>> Owner("005A", "Anna", time_zone="Europe/Berlin").is_queue
    False
    """

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
    mapped. ``reason`` is that of the last rejection. ``closed_elsewhere`` marks a converted record
    that must never be written.

    >>> from datetime import UTC
    >>> at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    >>> Lead("00Q1", at, LifecycleStage.MQL, fields={"company": "Kontor"}).fields["company"]
    'Kontor'
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

    >>> from datetime import UTC
    >>> at = datetime(2026, 3, 2, 11, tzinfo=UTC)
    >>> Activity("00T1", ActivityKind.CALL, at, at, "005A", ActorKind.PERSON, outcome="reached").consent
    ''
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

    >>> from datetime import UTC
    >>> StageChange(datetime(2026, 3, 2, 11, tzinfo=UTC), LifecycleStage.SAL, "005A", ActorKind.PERSON).reason
    ''
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
    """The lead went to ``owner`` at ``at`` (None: nobody). ``before``: who had it until then, if told.

    ``estimated``: known only from first sight. ``time_zone`` (IANA) is the new owner's.

    >>> from datetime import UTC
    >>> OwnerChange(datetime(2026, 3, 2, 9, tzinfo=UTC), "00G1", to_queue=True).actor_kind.value
    'unknown'
    """

    at: datetime
    owner: str | None
    actor: str | None = None
    actor_kind: ActorKind = ActorKind.UNKNOWN
    to_queue: bool = False
    time_zone: str | None = None
    estimated: bool = False
    id: str = ""
    before: Owner | None = None


@dataclass(frozen=True, slots=True)
class FieldChange:
    """Until ``at`` our lead field ``field`` held ``before`` (None: nothing); the lead tells what it is now.

    >>> from datetime import UTC
    >>> FieldChange(datetime(2026, 3, 2, 9, tzinfo=UTC), "country", "DE").before
    'DE'
    """

    at: datetime
    field: str
    before: Value


class RelationKind(StrEnum):
    """How somebody is known already.

    >>> [kind.value for kind in RelationKind]
    ['customer', 'open_opportunity', 'in_work']
    """

    CUSTOMER = "customer"
    OPEN_OPPORTUNITY = "open_opportunity"
    IN_WORK = "in_work"


@dataclass(frozen=True, slots=True)
class Relation:
    """The same person known elsewhere since ``since``: under which record, with which owner.

    >>> from datetime import UTC
    >>> Relation(RelationKind.CUSTOMER, "0031", "005A", datetime(2025, 1, 1, tzinfo=UTC)).record_id
    '0031'
    """

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

    >>> from datetime import UTC
    >>> LeadHistory(Lead("00Q1", datetime(2026, 3, 2, tzinfo=UTC), LifecycleStage.INQUIRY)).activity_readable
    True
    """

    lead: Lead
    activities: tuple[Activity, ...] = ()
    stages: tuple[StageChange, ...] = ()
    owners: tuple[OwnerChange, ...] = ()
    relations: tuple[Relation, ...] = ()
    fields: tuple[FieldChange, ...] = ()
    activity_readable: bool = True
    behaviour_readable: bool = True

"""A company's leads and what happened to them, in no CRM's words.

``story`` invents one, ``exports`` reads one from CSV files; each face (``salesforce``,
``hubspot``) loads one into its own records with the right stamps and history.
All instants are aware UTC. Nothing here knows leadsla.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

# Stages a lead passes in this company. Each face maps them to its own picklist values.
STAGES = (
    "new",  # inquiry, not yet agreed as qualified
    "mql",  # handed over to sales
    "accepted",  # sales accepted it (a person changed status or owner)
    "qualified",  # sales qualified it
    "opportunity",
    "customer",
    "recycled",  # not now, back to nurturing
    "disqualified",  # never a customer
)

# Kinds of touches. The first group is the lead's own behaviour, the second is sales' work.
LEAD_TOUCHES = (
    "email_open",
    "email_click",
    "email_reply",
    "page_visit",
    "form",
    "event",
    "hand_raise",  # asked to be contacted: demo request, call-me-back
    "bounce",
    "opt_out",
)
SALES_TOUCHES = (
    "call",
    "email",  # one-to-one mail written by a person
    "meeting",
    "automatic_email",  # bulk or workflow mail: proves nothing
    "task",
)


@dataclass(frozen=True, slots=True)
class Rep:
    """A user of the CRM. ``automation`` marks the integration user and flows."""

    key: str
    first_name: str
    last_name: str
    email: str
    time_zone: str = "Europe/Berlin"
    active: bool = True
    automation: bool = False
    away_from: datetime | None = None
    away_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """A group of people that can own leads until somebody takes one (Salesforce only)."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class LeadEntry:
    """One lead as it stands at the end of the told time. ``extra`` holds further columns by name."""

    key: str
    created_at: datetime
    last_name: str
    first_name: str = ""
    email: str = ""
    phone: str = ""
    company: str = ""
    job_title: str = ""
    country: str = ""
    industry: str = ""
    employees: int | None = None
    source: str = ""
    owner: str | None = None  # key of a Rep or Queue
    stage: str = "new"
    reason: str = ""  # why recycled or disqualified
    email_opt_out: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Touch:
    """Something a lead or a sales person did. ``logged_at`` later than ``at`` means backdated."""

    lead: str
    kind: str
    at: datetime
    content: str = ""
    by: str | None = None
    outcome: str = ""
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of stage or owner, by a person or an automation (``by`` is a Rep's key)."""

    lead: str
    field: str  # "stage" | "owner"
    old: str | None
    new: str | None
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Company:
    """The whole told story, each list sorted by time."""

    reps: tuple[Rep, ...]
    queues: tuple[Queue, ...]
    leads: tuple[LeadEntry, ...]
    touches: tuple[Touch, ...]
    changes: tuple[Change, ...]
    told_until: datetime

"""The port: what leadsla asks of any CRM, and the values that cross it.

Words: a *page* is what one read call brings. A *cursor* is opaque JSON text that resumes a
read; equal stamps, late rows and repeated rows are normal, so a reader may see a fact twice
and must not mind. A *change* is one decision to write; a *receipt* says what became of it.

An implementer may not assume that a search index is up to date, that a batch succeeds or
fails as a whole, or that results come back in order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from sla_engine.model import Activity, Lead, LifecycleStage, Owner, OwnerChange, StageChange, Value


@dataclass(frozen=True, slots=True)
class Rejection:
    """What of a record could not be mapped: which field, what value, why. ``value`` is for the store only.

    The lead is left out of its page, unless only its stage means nothing to us: then it comes without one.
    """

    lead_id: str
    field: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class SeenLead:
    """A mapped lead together with what the CRM shows in the fields we own, as text by our name.

    ``crm_stage``/``shared`` hold raw CRM values needed for the three-way check before a stage or
    owner is touched. ``modified_at`` is the CRM's stamp.
    """

    lead: Lead
    modified_at: datetime
    ours: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OurTask:
    """A task that carries our key, as the CRM shows it now."""

    id: str
    key: str
    lead_id: str
    is_open: bool
    subject: str
    due_at: datetime | None
    owner_id: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """What one read brought: facts by lead id, any part may be empty.

    ``cursor`` resumes after this page. ``estimate`` is the total number of records if known.
    """

    leads: tuple[SeenLead, ...] = ()
    activities: tuple[tuple[str, Activity], ...] = ()
    stages: tuple[tuple[str, StageChange], ...] = ()
    owners: tuple[tuple[str, OwnerChange], ...] = ()
    tasks: tuple[OurTask, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    cursor: str = ""
    records: int = 0
    estimate: int | None = None


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


@dataclass(frozen=True, slots=True)
class Note:
    """A few lines for everybody, about no lead. ``key`` finds it: up to 80 of a-z, digits, dots, dashes."""

    key: str
    title: str
    lines: tuple[str, ...]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,79}", self.key) or not self.title.strip():
            raise ValueError(
                "a note needs a title, and a key of at most 80 letters a-z, digits, dots and dashes"
            )


Change = SetFields | CreateTask | UpdateTask | CloseTask | AssignOwner | SetStage


class ReceiptStatus(StrEnum):
    WRITTEN = "written"
    UNCHANGED = "unchanged"  # a person was faster, or the CRM already shows it
    REJECTED = "rejected"  # this record will not be taken; ``message`` says why and what to do
    DEFERRED = "deferred"  # not now: try in a later run
    UNKNOWN = "unknown"  # may have been applied; look up by key before resending


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one change. ``record_id`` is the CRM id written (a new task's id)."""

    status: ReceiptStatus
    record_id: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something ``check`` found. ``where`` is a config path or CRM place; ``remedy`` says what to do.

    ``is_about_writing``: reading and judging do without it (our fields are not there yet, a field may
    only be read), so where nothing is written it is no more than a warning.
    """

    where: str
    what: str
    remedy: str = ""
    is_warning: bool = False
    is_about_writing: bool = False


@dataclass(frozen=True, slots=True)
class ProvisionStep:
    """One thing that must be there so that our fields can be written.

    ``exists``: it was there before this call. ``created``: this call made it. Neither: it is missing.
    """

    what: str
    exists: bool
    created: bool = False


@dataclass(frozen=True, slots=True)
class CallCount:
    """Calls made through a connection since it was opened."""

    total: int
    by_kind: Mapping[str, int]


# Our fields on a lead, by our name. Each CRM has its own spelling of them.
OUR_FIELDS: Mapping[str, str] = {
    "status": "text",  # SLA status: running, at_risk, breached, met ...
    "due_at": "datetime",
    "target": "text",
    "score": "number",
    "interest": "text",
    "qualification": "text",  # "mql" | "not_yet" | "not_a_buyer"
    "missing": "text",
    "reasons": "long_text",
    "next_step": "text",
    "responded_at": "datetime",
}


class Crm(Protocol):
    """One connection to one CRM, opened with its mapping. Not thread-safe unless said."""

    name: str

    def account_id(self) -> str:
        """The org or portal id. Raises Unauthorised, Unavailable."""
        ...

    def server_now(self) -> datetime:
        """The CRM's own clock (aware UTC), from its last answer or a cheap call."""
        ...

    def check(self) -> list[Problem]:
        """Compare mapping and rights with the CRM's own schema; every problem at once. Reads only."""
        ...

    def owners(self) -> Mapping[str, Owner]: ...

    def pull(self, cursor: str, until: datetime) -> Iterator[Page]:
        """Everything changed since ``cursor`` ("" = ever) up to ``until``, page by page.

        Each page's ``cursor`` resumes after it; the last page's cursor starts the next poll
        (it looks back by itself). Raises Unauthorised, Unavailable, BudgetSpent.
        """
        ...

    def apply(self, changes: Sequence[Change]) -> list[Receipt]:
        """Write changes in full batches; one receipt per change, in the same order.

        Only connection-wide trouble raises (Unauthorised, BudgetSpent); anything about single
        records, including a lost answer (UNKNOWN), is a receipt.
        """
        ...

    def find_tasks(self, changes: Sequence[CreateTask]) -> Mapping[str, OurTask]:
        """Look up, by key, tasks that may already have been made. Never by a lagging index."""
        ...

    def read_leads(self, lead_ids: Sequence[str]) -> list[SeenLead]:
        """Read these leads now, by id (for read-back and ``explain``)."""
        ...

    def read_tasks(self, lead_ids: Sequence[str]) -> list[OurTask]:
        """Our tasks on these leads, open and closed, read now."""
        ...

    def provision(self, *, dry_run: bool) -> list[ProvisionStep]: ...

    def link(self, lead_id: str) -> str:
        """The address of the lead's page in the CRM, for reports."""
        ...

    def calls(self) -> CallCount: ...

    def close(self) -> None: ...


@runtime_checkable
class KeepsNotes(Protocol):
    """What a CRM may be able to do besides."""

    def publish_note(self, note: Note) -> Receipt:
        """Make the note of this key, or put these lines into the one there is; the same lines: UNCHANGED.

        Repeated, also after a lost answer (UNKNOWN), it leaves one note. REJECTED names a missing right, a
        message beside WRITTEN what a person has to do. Raises as ``Crm.apply`` does.
        """
        ...

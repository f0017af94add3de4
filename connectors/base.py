"""The port: what leadsla asks of any CRM, and the values that cross it.

Words: a *page* is what one read call brings. A *cursor* is opaque JSON text that resumes a
read; equal stamps, late rows and repeated rows are normal, so a reader may see a fact twice
and must not mind. A *change* is one decision to write; a *receipt* says what became of it.

An implementer may not assume that a search index is up to date, that a batch succeeds or
fails as a whole, or that results come back in order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from connectors.changes import (
    AssignOwner,
    Change,
    CloseTask,
    CreateTask,
    Receipt,
    ReceiptStatus,
    SetFields,
    SetStage,
    UpdateTask,
)
from sla_engine.model import Activity, Lead, Owner, OwnerChange, StageChange

__all__ = [
    "OUR_FIELDS",
    "AssignOwner",
    "CallCount",
    "Change",
    "CloseTask",
    "CreateTask",
    "Crm",
    "KeepsNotes",
    "Marks",
    "Note",
    "OurTask",
    "Page",
    "Problem",
    "ProvisionStep",
    "Receipt",
    "ReceiptStatus",
    "Rejection",
    "Removal",
    "SeenLead",
    "SetFields",
    "SetStage",
    "UpdateTask",
    "no_marks",
]


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

    ``modified_at`` is the CRM's stamp. ``mark`` is kept with the lead and means something only to the
    connector that made it: given back at the next pull, it tells what of a record is news (see ``Marks``).
    """

    lead: Lead
    modified_at: datetime
    ours: Mapping[str, str] = field(default_factory=dict)
    mark: str = ""


Marks = Callable[[Sequence[str]], Mapping[str, str]]
"""The marks that leads were kept with, by lead id; leads never kept are left out. Safe between threads."""


def no_marks(_lead_ids: Sequence[str]) -> Mapping[str, str]:
    """Nothing was kept before: everything is news."""
    return {}


@dataclass(frozen=True, slots=True)
class Removal:
    """A lead that the CRM does not have any more: deleted or erased, or merged into another lead.

    ``at``: when, as far as the CRM tells, else when it was noticed. A lead that is delivered again later
    was brought back.
    """

    lead_id: str
    at: datetime
    merged_into: str = ""


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

    ``cursor`` resumes after this page; empty leaves the place where it is. ``estimate`` is the total number
    of records if known. ``troubles`` are sources that could not be read, in words for the report.
    """

    leads: tuple[SeenLead, ...] = ()
    activities: tuple[tuple[str, Activity], ...] = ()
    stages: tuple[tuple[str, StageChange], ...] = ()
    owners: tuple[tuple[str, OwnerChange], ...] = ()
    tasks: tuple[OurTask, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    removals: tuple[Removal, ...] = ()
    troubles: tuple[str, ...] = ()
    cursor: str = ""
    records: int = 0
    estimate: int | None = None


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

    ``exists``: it was there before this call. ``created``: this call made it. ``removed``: this call took
    it away. None of them: it is missing; unless it is ``blocked``: something that is not ours stands in its
    place, or in its way, and is left alone. ``remark``: what else is to be known, in words.
    """

    what: str
    exists: bool
    created: bool = False
    removed: bool = False
    blocked: bool = False
    remark: str = ""


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

    def owners(self) -> Mapping[str, Owner]:
        """Everybody who can own leads, those that left included, by id; asked of the CRM."""
        ...

    def remember(self, owners: Mapping[str, Owner]) -> None:
        """Owners read a short while ago: they need not be asked for again while reading."""
        ...

    def pull(self, cursor: str, until: datetime | None = None, marks: Marks = no_marks) -> Iterator[Page]:
        """Everything changed since ``cursor`` ("" = ever) up to ``until``, page by page.

        Without ``until``: up to the CRM's own now, less the time a change needs to be seen. Each page's
        ``cursor`` resumes after it; the last page's cursor starts the next poll (it looks back by itself).
        Leads that were merged away or, where a poll can see it, deleted come as removals. Raises
        Unauthorised, Unavailable, BudgetSpent.
        """
        ...

    def reread(self, lead_ids: Sequence[str], *, whole: bool = False) -> Iterator[Page]:
        """These leads as they are now with their whole history, and a removal for each that is gone.

        ``whole``: as if read for the first time, with every activity and every task of ours. The pages have
        no cursor: the place of the poll stays. Raises as ``pull``.
        """
        ...

    def census(self) -> Iterator[Mapping[str, datetime]]:
        """Every lead there is, with its CRM stamp, page by page: whoever is not in it is gone.

        Never by a lagging index. Only what is read to its end is a census. Raises as ``pull``.
        """
        ...

    def apply(self, changes: Sequence[Change]) -> list[Receipt]:
        """Write changes in full batches; one receipt per change, in the same order.

        Only connection-wide trouble raises (Unauthorised, BudgetSpent); anything about single
        records, including a lost answer (UNKNOWN), is a receipt.
        """
        ...

    def find_tasks(self, changes: Sequence[CreateTask]) -> Mapping[str, OurTask]:
        """Look up, by key, tasks that may already have been made. Never by a lagging index.

        A task that an interrupted create left on no lead is put on its lead.
        """
        ...

    def read_leads(self, lead_ids: Sequence[str]) -> list[SeenLead]:
        """Read these leads now, by id (for read-back and ``explain``)."""
        ...

    def read_tasks(self, lead_ids: Sequence[str]) -> list[OurTask]:
        """Our tasks on these leads, open and closed, read now."""
        ...

    def provision(self, *, dry_run: bool) -> list[ProvisionStep]:
        """Make what is missing of our fields, or only say so; what is there stays as it is.

        By the connection's other credentials, if it has some for this. Raises Unauthorised without the
        right to change the CRM's schema.
        """
        ...

    def unprovision(self, *, dry_run: bool) -> list[ProvisionStep]:
        """Take our fields away again, with every value in them, or only say what would go.

        Nothing that is not ours is touched. Raises as ``provision``.
        """
        ...

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

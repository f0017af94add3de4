"""A stage for stories: a CRM in this process, a fresh store, people, and runs at chosen instants."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.base import OurTask, SeenLead
from connectors.memory import MemoryCrm
from connectors.memory_records import MemoryRecords
from sla_engine.agreement import Agreement
from sla_engine.book import Book
from sla_engine.model import Activity, ActivityKind, ActorKind, Lead, LifecycleStage, Owner
from sync.approval import Plan
from sync.report import RunReport
from sync.run import Run, RunSettings, plan_only, run_once
from sync.store import Store
from sync.store.work import OutboxRow, Work

KNOWN = {"last_name": "Lovelace", "company": "Engines", "email": "known", "country": "DE"}
SETTLED = timedelta(seconds=5)
ALL_STATES = ("pending", "sending", "unknown", "written", "unchanged", "rejected", "deferred")


def the_agreement() -> Agreement:
    """Two hours for an answer, a day for the follow-up; Berlin hours without holidays."""
    text = Path(__file__).with_name("agreement.toml").read_text(encoding="utf-8")
    return Agreement.model_validate(tomllib.loads(text))


@dataclass(slots=True)
class Theatre:
    """The whole set. Each deed of a person happens at ``at``; ``run`` comes a moment later."""

    records: MemoryRecords
    crm: MemoryCrm
    store: Store
    agreement: Agreement
    settings: RunSettings

    @classmethod
    def open(cls, folder: Path, start: datetime, **settings: Any) -> Theatre:
        records = MemoryRecords(start)
        records.has_our_fields = True
        for person in ("eva", "max"):
            records.hire(Owner(person, person.capitalize(), time_zone="Europe/Berlin"))
        records.hire(Owner("queue", "Inbound", is_queue=True))
        store = Store.open(f"sqlite:///{folder / 'state.db'}")
        chosen = RunSettings(**{"mode": "live", **settings})
        return cls(records, MemoryCrm(records), store, the_agreement(), chosen)

    def lead(self, name: str, at: datetime, stage: str = "mql", owner: str = "eva", **fields: str) -> None:
        """A complete lead in ``stage``, put there by marketing automation."""
        self.records.now = at
        who = self.records.people[owner] if owner else None
        self.records.put_lead(Lead(name, at, LifecycleStage(stage), who, {**KNOWN, **fields}))

    def change(self, name: str, at: datetime, by: str | None = "eva", **new: Any) -> None:
        """Somebody changes stage, owner, reason or any other part of a lead."""
        self.records.now = at
        if "stage" in new:
            new["stage"] = LifecycleStage(new["stage"])
        if "owner" in new:
            new["owner"] = self.records.people[new["owner"]]
        self.records.put_lead(replace(self.shown(name).lead, **new), actor=by)

    def activity(self, name: str, at: datetime, kind: str, by: str | None = None) -> None:
        """The lead does something, or somebody does it for the lead."""
        self.records.now = at
        actor = ActorKind.PERSON if by else ActorKind.UNKNOWN
        deed_id = f"{kind}-{name}-{at:%d%H%M}"
        deed = Activity(deed_id, ActivityKind(kind), at, at, by, actor, consent="declared")
        self.records.log(name, deed)

    def tick_off(self, name: str, at: datetime) -> None:
        """A person closes the lead's open task by hand."""
        self.records.now = at
        for task in self.open_tasks(name):
            self.records.tick_off(task.id)

    def run(self, at: datetime, approved: Plan | None = None, **options: Any) -> RunReport:
        self.records.now = at
        return run_once(self._run(**options), approved)

    def plan(self, at: datetime) -> tuple[RunReport, Plan, tuple[str, ...]]:
        self.records.now = at
        return plan_only(self._run())

    def shown(self, name: str) -> SeenLead:
        seen = self.records.seen(name)
        assert seen is not None
        return seen

    def tasks(self, name: str) -> list[OurTask]:
        return [task for task in self.records.tasks() if task.lead_id == name]

    def open_tasks(self, name: str) -> list[OurTask]:
        return [task for task in self.tasks(name) if task.is_open]

    def outbox(self, *states: str) -> list[OutboxRow]:
        with self.store.begin() as db:
            return Work(self.crm.name).rows(db, states or ALL_STATES)

    def close(self) -> None:
        self.store.close()

    def _run(self, **options: Any) -> Run:
        return Run(self.crm, self.store, Book.of(self.agreement), self.settings, **options)

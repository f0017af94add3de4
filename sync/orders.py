"""What one run is asked to do: on which CRM and store, by which agreement, how far it may go."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from connectors.base import Crm
from sla_engine.book import Book
from sla_engine.model import LifecycleStage
from sync.guard import Brakes
from sync.plan import Permissions
from sync.progress import Progress, Silent
from sync.store import Store
from sync.store.work import Policy

Mode = Literal["shadow", "fields", "live"]


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How far this connection's runs may go.

    ``behaviour_readable``: some source delivers what leads do themselves. ``mapping`` names how records
    are read: under another one everything is read again. ``identity`` names address and credentials, without
    telling them: what was checked under the same ones stands for an hour; empty: nothing stands. Every
    ``sweep_every`` all leads are counted; None: never. ``lead_object`` is what carries the clocks in the CRM.
    """

    mode: Mode = "shadow"
    effective_from: datetime | None = None
    max_new_tasks_per_owner_per_day: int = 20
    max_new_tasks_per_run: int = 200
    stages_writable: frozenset[LifecycleStage] = frozenset()
    owner_writable: bool = False
    behaviour_readable: bool = True
    brakes: Brakes = field(default_factory=Brakes)
    mapping: str = ""
    identity: str = ""
    lead_object: str = ""
    sweep_every: timedelta | None = timedelta(hours=24)

    @property
    def permissions(self) -> Permissions:
        written = self.mode != "shadow"
        return Permissions(written, self.mode == "live", self.stages_writable, self.owner_writable)

    @property
    def checked_under(self) -> str:
        """What a check is good for; empty: for nothing but now."""
        if not self.identity:
            return ""
        stages = ",".join(sorted(self.stages_writable))
        return f"{self.identity}|{self.mapping}|{self.mode}|{stages}|{self.owner_writable}"


@dataclass(frozen=True, slots=True)
class Run:
    """Everything one run needs. ``as_of`` replaces the CRM's now; ``stop`` asks to end early."""

    crm: Crm
    store: Store
    book: Book
    settings: RunSettings
    progress: Progress = field(default_factory=Silent)
    as_of: datetime | None = None
    allow_mass_change: bool = False
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        return self.crm.name

    @property
    def policy(self) -> Policy:
        """Agreements, people and cards, and the rollout: under another one every lead is judged anew."""
        settings = self.settings
        stages = ",".join(sorted(settings.stages_writable))
        return Policy(
            ",".join(f"{one.version}+{one.roster}" for one in self.book.agreements),
            f"{settings.mode}|{settings.effective_from}|{stages}|{settings.owner_writable}",
        )

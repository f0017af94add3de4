"""A practice HubSpot with a story of 40 leads, leadsla connected to it through a proxy, nothing synced yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import requests

from leadsla.settings import load
from leadsla.wiring import opened_crm
from localcrm.clock import Clock
from localcrm.hubspot import HubSpotFace
from localcrm.server import running
from localcrm.story import tell
from sync.run import run_once
from sync.store import Store
from sync.store.work import OutboxRow, Work
from tests.contract.benches import make_key_unique
from tests.faults.proxy import Proxy, running_proxy
from tests.scenarios.conftest import MONDAY_NOON, SHIPPED, Office

ALL_STATES = ("pending", "sending", "unknown", "written", "unchanged", "rejected", "deferred")


@dataclass
class HubSpotOffice(Office):
    """One run after another; ``url`` is the CRM's own address, ours goes through ``proxy``."""

    proxy: Proxy = field(default_factory=lambda: Proxy(""))

    def sync_meddled(self, deed: Callable[[], None]) -> Any:
        """A sync in which somebody does ``deed`` after everything was read and decided, before it is written."""

        class Meddling:
            def step(self, what: str, *_: Any) -> None:
                if what == "write" and not done:
                    done.append(what)
                    deed()

        done: list[str] = []
        with opened_crm(self.crm, self.settings.connections[self.crm]) as crm:
            report = run_once(replace(self._run(crm), progress=Meddling()))
        assert done
        return report

    @contextmanager
    def opened(self) -> Iterator[Any]:
        with opened_crm(self.crm, self.settings.connections[self.crm]) as crm:
            yield crm

    def outbox(self, *states: str) -> list[OutboxRow]:
        with self.store.begin() as db:
            return Work(self.crm).rows(db, states or ALL_STATES)

    def no_more_faults(self) -> None:
        requests.delete(f"{self.url}/_localcrm/faults", timeout=5).raise_for_status()

    def tasks_per_key(self) -> Counter[str]:
        return Counter(task["leadsla_key"] for task in self.our_tasks())

    def open_per_lead(self) -> Counter[str]:
        """Our open tasks by lead; "" stands for those on no lead."""
        found: Counter[str] = Counter()
        for task in self.our_tasks():
            if self.is_open(task):
                ends = task.get("associations", {}).get("contacts", {}).get("results") or [{"id": ""}]
                found.update(end["id"] for end in ends)
        return found


@contextmanager
def hubspot_office(folder: Path, *, unique_key: bool = False) -> Iterator[HubSpotOffice]:
    """``unique_key``: the account takes our key on tasks as a unique property."""
    clock = Clock(MONDAY_NOON, frozen=True)
    face = HubSpotFace(clock, limits=False, task_unique_property=unique_key)
    story = tell(7, 40, MONDAY_NOON)
    with (
        running(story, clock=clock, told={"hubspot": face}) as practice,
        running_proxy(practice.urls["hubspot"]) as proxy,
    ):
        path = folder / "config.toml"
        text = SHIPPED.read_text(encoding="utf-8").replace("http://127.0.0.1:8702", proxy.url)
        path.write_text(text, encoding="utf-8")
        settings = load(path)
        store = Store.open(f"sqlite:///{folder / 'state.db'}")
        url = practice.urls["hubspot"]
        if unique_key:
            make_key_unique(url)
        with opened_crm("hubspot", settings.connections["hubspot"]) as crm:
            crm.provision(dry_run=False)
        try:
            yield HubSpotOffice("hubspot", url, clock, settings, store, face, proxy=proxy)
        finally:
            store.close()

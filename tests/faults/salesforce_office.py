"""A practice Salesforce with a story of 40 leads, leadsla connected to it through a proxy, nothing synced yet."""

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
from localcrm.salesforce import SalesforceFace
from localcrm.server import running
from localcrm.story import tell
from sync.run import run_once
from sync.store import Store
from sync.store.work import OutboxRow, Work
from tests.faults.proxy import Proxy, Sent, running_proxy
from tests.scenarios.conftest import MONDAY_NOON, SHIPPED, Office

ALL_STATES = ("pending", "sending", "unknown", "written", "unchanged", "rejected", "deferred")
KEY = "LeadSLA_Key__c"


@dataclass
class SalesforceOffice(Office):
    """One run after another; ``url`` is the CRM's own address, ours goes through ``proxy``."""

    proxy: Proxy = field(default_factory=lambda: Proxy(""))

    def sync_meddled(self, deed: Callable[[], object]) -> Any:
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

    def apply(self, *changes: Any) -> list[Any]:
        with self.opened() as crm:
            return crm.apply(changes)

    def outbox(self, *states: str) -> list[OutboxRow]:
        with self.store.begin() as db:
            return Work(self.crm).rows(db, states or ALL_STATES)

    def admin(self, name: str, **row: Any) -> None:
        """As an admin, or a person, would."""
        self.face.edit(name, [row])

    def switch(self, **switches: Any) -> None:
        """Let the org be another, by the names of its switches."""
        self._steer("switches", switches)

    def _steer(self, what: str, told: Any) -> None:
        answer = requests.post(f"{self.url}/_localcrm/{what}", json=told, timeout=5)
        assert answer.ok, answer.text

    def no_more_faults(self) -> None:
        requests.delete(f"{self.url}/_localcrm/faults", timeout=5).raise_for_status()

    def ids(self) -> list[str]:
        """The leads that nobody has converted."""
        return sorted(one for one, row in self.leads().items() if not row["IsConverted"])

    def tasks_per_key(self) -> Counter[str]:
        return Counter(task[KEY] for task in self.our_tasks())

    def open_per_lead(self) -> Counter[str | None]:
        """Our open tasks by lead; None stands for those on no lead."""
        return Counter(task["WhoId"] for task in self.our_tasks() if self.is_open(task))

    def updates(self, name: str = "Lead") -> list[Sent]:
        """The calls that changed records of an object in collections."""
        return [one for one in self.proxy.seen if changes(one, name) and "PATCH" in one.method]


def changes(sent: Sent, name: str) -> bool:
    """Whether a call writes records of this object."""
    return "/composite/sobjects" in sent.path and any(
        row.get("attributes", {}).get("type") == name for row in sent.rows
    )


@contextmanager
def salesforce_office(folder: Path, *, unique_key: bool = False) -> Iterator[SalesforceOffice]:
    """``unique_key``: the org takes our key on tasks as a unique external id."""
    clock = Clock(MONDAY_NOON, frozen=True)
    face = SalesforceFace(clock, limits=False, task_external_id=unique_key)
    with (
        running(tell(7, 40, MONDAY_NOON), clock=clock, told={"salesforce": face}) as practice,
        running_proxy(practice.urls["salesforce"]) as proxy,
    ):
        path = folder / "config.toml"
        text = SHIPPED.read_text(encoding="utf-8").replace("http://127.0.0.1:8701", proxy.url)
        path.write_text(text, encoding="utf-8")
        settings = load(path)
        store = Store.open(f"sqlite:///{folder / 'state.db'}")
        url = practice.urls["salesforce"]
        with opened_crm("salesforce", settings.connections["salesforce"]) as crm:
            crm.provision(dry_run=False)
        proxy.seen.clear()
        try:
            yield SalesforceOffice("salesforce", url, clock, settings, store, face, proxy=proxy)
        finally:
            store.close()

"""A practice HubSpot that can be put back to where it was, and whole runs on it with any fault ordered."""

from __future__ import annotations

import copy
import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from connectors.connection import Connection, Patience
from connectors.errors import CrmError
from connectors.hubspot.crm import HubSpotCrm
from leadsla.cli.exits import Exit, code_of
from leadsla.settings import Settings, load
from leadsla.wiring import connection_of, run_settings
from localcrm.clock import Clock
from localcrm.hubspot import HubSpotFace
from localcrm.hubspot.portal import Portal
from localcrm.server import running
from localcrm.story import tell
from sync.report import RunReport
from sync.run import Run, run_once
from sync.store import Store

NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
SHIPPED = Path(__file__).parents[2] / "config.toml"
SHORT = Patience(connect=2.0, read=0.15, answer=0.5)
State = tuple[dict[str, dict[str, Any]], dict[tuple[str, str], tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Saved:
    """The portal, our store and the time at one moment."""

    portal: Portal
    store: Path
    now: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: its report or its error, its exit code, and the calls it made, in order of routes."""

    report: RunReport | None
    error: CrmError | None
    code: Exit
    calls: Mapping[str, int]


class Lab:
    """One connection to one practice portal with a small story in it, provisioned, nothing synced."""

    def __init__(self, url: str, face: HubSpotFace, clock: Clock, folder: Path) -> None:
        self.url = url
        self.face = face
        self.clock = clock
        self._folder = folder
        self.config = folder / "config.toml"
        text = SHIPPED.read_text(encoding="utf-8").replace("http://127.0.0.1:8702", url)
        text = re.sub(r"(?ms)^# -+ Salesforce$.*?(?=^# -+ HubSpot$)", "", text)
        self.config.write_text(text, encoding="utf-8")
        self.settings: Settings = load(self.config)
        self.store = Store.open(self._address)
        self.unprovisioned = self.save("unprovisioned")
        crm = self.opened()
        crm.provision(dry_run=False)
        crm.close()

    @property
    def _address(self) -> str:
        return f"sqlite:///{self._folder / 'state.db'}"

    def connection(self, **parts: Any) -> Connection:
        """Nothing to wait for here: this portal counts no calls."""
        made = connection_of("hubspot", self.settings.connections["hubspot"])
        return replace(made, **{"attempts": 2, "sleep": lambda _: None, **parts})

    def opened(self, **parts: Any) -> HubSpotCrm:
        return HubSpotCrm(self.connection(**parts))

    def run(self, stop: threading.Event | None = None, **parts: Any) -> Outcome:
        """One whole run, as ``leadsla sync`` does it."""
        requests.post(f"{self.url}/_localcrm/reset-calls", timeout=5)
        crm = self.opened(**parts)
        settings = run_settings(self.settings, self.settings.connections["hubspot"])
        assert self.settings.book is not None
        run = Run(crm, self.store, self.settings.book, settings, stop=stop or threading.Event())
        try:
            report = run_once(run)
        except CrmError as error:
            return Outcome(None, error, code_of([error]), self.calls())
        finally:
            crm.close()
        return Outcome(report, None, Exit.PARTIAL if report.is_partial else Exit.DONE, self.calls())

    def calls(self) -> dict[str, int]:
        return dict(requests.get(f"{self.url}/_localcrm/calls", timeout=5).json()["by_route"])

    def fault(self, route: str = "", **rule: Any) -> None:
        """Order a fault for one route as ``calls`` names it, or by ``method`` and ``path``."""
        if route:
            method, _, path = route.partition(" ")
            pattern = re.escape(path).replace(re.escape("{id}"), "[^/?]+")
            rule = {"method": method, "path": f"^{pattern}$", **rule}
        answer = requests.post(f"{self.url}/_localcrm/faults", json=[rule], timeout=5)
        assert answer.ok, answer.text

    def mend(self) -> None:
        requests.delete(f"{self.url}/_localcrm/faults", timeout=5)

    def edit(self, kind: str, *rows: dict[str, Any]) -> list[dict[str, Any]]:
        return self.face.edit(kind, rows)

    def leads(self) -> dict[str, dict[str, Any]]:
        return {row["id"]: row["properties"] for row in self.face.records("contacts")}

    def tasks(self) -> list[dict[str, Any]]:
        """Our tasks, with the contact they are on."""
        return [
            {
                **row["properties"],
                "id": row["id"],
                "lead": row["associations"]["contacts"]["results"][0]["id"],
            }
            for row in self.face.records("tasks")
            if row["properties"].get("leadsla_key")
        ]

    def state(self) -> State:
        """What we wrote, without ids of tasks and stamps; raises AssertionError for a task made twice."""
        tasks = self.tasks()
        twice = [one for one, n in Counter((t["lead"], t["leadsla_key"]) for t in tasks).items() if n > 1]
        assert not twice, f"made twice: {twice}"
        is_open = Counter(t["lead"] for t in tasks if t["hs_task_status"] != "COMPLETED")
        assert set(is_open.values()) <= {1}, f"more than one open task: {is_open}"
        told = ("hs_task_status", "hs_task_subject", "hs_task_body", "hs_timestamp", "hubspot_owner_id")
        fields = {
            lead_id: {name: value for name, value in row.items() if name.startswith("leadsla_")}
            for lead_id, row in self.leads().items()
        }
        return fields, {(t["lead"], t["leadsla_key"]): tuple(t.get(name) for name in told) for t in tasks}

    def save(self, name: str) -> Saved:
        self.store.close()
        place = self._folder / f"{name}.db"
        shutil.copy(self._folder / "state.db", place)
        self.store = Store.open(self._address)
        return Saved(self._copied(self.face.portal), place, self.clock.now())

    def restore(self, saved: Saved) -> None:
        self.mend()
        self.store.close()
        for leftover in self._folder.glob("state.db*"):
            leftover.unlink()
        shutil.copy(saved.store, self._folder / "state.db")
        self.store = Store.open(self._address)
        self.face.portal = self._copied(saved.portal)
        self.clock.set(saved.now)

    def _copied(self, portal: Portal) -> Portal:
        known = {id(one): one for one in (portal.clock, portal.listener)}
        return copy.deepcopy(portal, {**known, id(portal.lock): threading.RLock()})


@contextmanager
def opened_lab(folder: Path, leads: int = 16) -> Iterator[Lab]:
    """A lab at Monday noon; the time stands still unless the clock is moved."""
    clock = Clock(NOON, frozen=True)
    face = HubSpotFace(clock, limits=False)
    with running(tell(7, leads, NOON), clock=clock, told={"hubspot": face}) as practice:
        lab = Lab(practice.urls["hubspot"], face, clock, folder)
        try:
            yield lab
        finally:
            lab.store.close()


def a_working_day(lab: Lab) -> None:
    """What makes the next run update, close and create tasks: time passes, sales answers, a lead comes in."""
    lab.clock.advance(3 * 3600)
    open_tasks = [task for task in lab.tasks() if task["hs_task_status"] != "COMPLETED"]
    assert len(open_tasks) > 2, "the story is too small"
    lab.edit("contacts", {"id": open_tasks[0]["lead"], "hs_lead_status": "IN_PROGRESS"})
    lab.edit("contacts", {"id": open_tasks[1]["lead"], "hs_lead_status": "UNQUALIFIED"})
    owner = open_tasks[0]["hubspot_owner_id"] or next(iter(lab.face.portal.owner_ids()))
    given = {"lastname": "Newcomb", "email": "newcomb@example.com", "hubspot_owner_id": owner}
    lab.edit("contacts", {**given, "company": "Example", "lifecyclestage": "marketingqualifiedlead"})
    lab.clock.advance(60)

"""One practice CRM, its store and its configuration, as a story needs them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
import requests

from connectors.limits import Limiter
from leadsla.settings import Settings, load
from leadsla.wiring import opened_crm, run_settings
from localcrm.clock import Clock
from localcrm.server import running
from localcrm.story import tell
from sync.run import Run, plan_only, run_once
from sync.store import Store

MONDAY_NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
SHIPPED = Path(__file__).parents[2] / "config.toml"
WORDS = {
    "salesforce": {
        "lead": "Lead",
        "task": "Task",
        "id": "Id",
        "owner": "OwnerId",
        "status": "LeadSLA_Status__c",
        "key": "LeadSLA_Key__c",
        "stage": {"Status": "Working - Contacted"},
        "closed": {"Status": "Completed"},
    },
    "hubspot": {
        "lead": "contacts",
        "task": "tasks",
        "id": "id",
        "owner": "hubspot_owner_id",
        "status": "leadsla_status",
        "key": "leadsla_key",
        "stage": {"hs_lead_status": "IN_PROGRESS"},
        "closed": {"hs_task_status": "COMPLETED"},
    },
}


@dataclass
class Office:
    """One CRM with leadsla connected to it."""

    crm: str
    url: str
    clock: Clock
    settings: Settings
    store: Store
    face: object
    rollout: dict = field(default_factory=dict)

    @property
    def words(self):
        return WORDS[self.crm]

    def _run(self, crm):
        one = self.settings.connections[self.crm]
        limits = replace(run_settings(self.settings, one), **self.rollout)
        return Run(crm, self.store, self.settings.book, limits)

    def sync(self, approved=None):
        with opened_crm(self.crm, self.settings.connections[self.crm]) as crm:
            return run_once(self._run(crm), approved)

    def plan(self):
        with opened_crm(self.crm, self.settings.connections[self.crm]) as crm:
            return plan_only(self._run(crm))

    def records(self, what):
        rows = self.face.records(self.words[what])
        return [{**row, **row.get("properties", {})} for row in rows]

    def leads(self):
        return {row[self.words["id"]]: row for row in self.records("lead")}

    def our_tasks(self):
        return [row for row in self.records("task") if row.get(self.words["key"])]

    def lead_of(self, task):
        if self.crm == "salesforce":
            return task["WhoId"]
        return task["associations"]["contacts"]["results"][0]["id"]

    def is_open(self, task):
        return not task["IsClosed"] if self.crm == "salesforce" else task["hs_task_status"] != "COMPLETED"

    def edit(self, what, record_id, values):
        self.face.edit(self.words[what], [{self.words["id"]: record_id, **values}])

    def fault(self, **rule):
        requests.post(f"{self.url}/_localcrm/faults", json=[rule], timeout=5).raise_for_status()

    def calls(self):
        return requests.get(f"{self.url}/_localcrm/calls", timeout=5).json()["by_route"]

    def reset_calls(self):
        requests.post(f"{self.url}/_localcrm/reset-calls", timeout=5).raise_for_status()


def face_of(name, clock):
    module = import_module(f"localcrm.{name}")
    kind = module.SalesforceFace if name == "salesforce" else module.HubSpotFace
    return kind(clock, limits=False)


@pytest.fixture
def no_pacing(monkeypatch):
    """These practice CRMs count no calls, so waiting for their limits would only take time."""
    monkeypatch.setattr(Limiter, "take", lambda self: None)
    monkeypatch.setattr("connectors.session._wait", lambda state: 0.0)


@pytest.fixture(params=["salesforce", "hubspot"])
def office(request, tmp_path, no_pacing):
    """A provisioned CRM with a story of 80 leads at Monday noon, nothing synced yet."""
    name = request.param
    clock = Clock(MONDAY_NOON, frozen=True)
    face = face_of(name, clock)
    told = {name: face}
    with ExitStack() as stack:
        practice = stack.enter_context(running(tell(7, 80, MONDAY_NOON), clock=clock, told=told))
        url = practice.urls[name]
        text = SHIPPED.read_text(encoding="utf-8")
        text = text.replace("http://127.0.0.1:8701", url).replace("http://127.0.0.1:8702", url)
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        settings = load(path)
        store = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
        stack.callback(store.close)
        with opened_crm(name, settings.connections[name]) as crm:
            crm.provision(dry_run=False)
        yield Office(name, url, clock, settings, store, face)

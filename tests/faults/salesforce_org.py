"""A practice Salesforce of a few leads with our fields in it, and leadsla connected to it through a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from connectors.base import Change, CreateTask, Receipt, SetFields
from localcrm.clock import Clock
from localcrm.company import Company, LeadEntry, Queue, Rep
from localcrm.salesforce import SalesforceFace
from localcrm.server import running
from tests.contract.benches import open_crm
from tests.faults.proxy import Proxy, running_proxy

NOW = datetime(2026, 11, 23, 11, tzinfo=UTC)
KEY = "LeadSLA_Key__c"
UPDATE = "/composite/sobjects$"


@dataclass
class SalesforceOrg:
    """``url`` is the org's own address, ours goes through ``proxy``; its clock stands still."""

    url: str
    face: SalesforceFace
    clock: Clock
    proxy: Proxy
    crm: Any

    def apply(self, *changes: Change) -> list[Receipt]:
        return self.crm.apply(changes)

    def leads(self) -> dict[str, dict[str, Any]]:
        return {row["Id"]: row for row in self.face.records("Lead")}

    def ids(self) -> list[str]:
        return sorted(self.leads())

    def tasks(self) -> list[dict[str, Any]]:
        return [row for row in self.face.records("Task") if row.get(KEY)]

    def edit(self, name: str, **row: Any) -> None:
        """As a person, or an admin, would."""
        self.face.edit(name, [row])

    def switch(self, **switches: Any) -> None:
        """Let the org be another, by the names of its switches."""
        self._steer("switches", switches)

    def fail_job(self, **fault: Any) -> None:
        """Let the next bulk job fail."""
        self._steer("bulk_faults", fault)

    def end_sessions(self) -> None:
        requests.delete(f"{self.url}/_localcrm/sessions", timeout=5).raise_for_status()

    def _steer(self, what: str, told: Any) -> None:
        answer = requests.post(f"{self.url}/_localcrm/{what}", json=told, timeout=5)
        assert answer.ok, answer.text

    def fault(self, **rule: Any) -> None:
        requests.post(f"{self.url}/_localcrm/faults", json=[rule], timeout=5).raise_for_status()

    def no_more_faults(self) -> None:
        requests.delete(f"{self.url}/_localcrm/faults", timeout=5).raise_for_status()

    def writes(self) -> list[str]:
        """The calls that wrote, without those that only retrieve."""
        return [
            f"{one.method} {one.path.partition('/v59.0/')[2]}"
            for one in self.proxy.seen
            if one.path.endswith("composite/sobjects") or "/jobs/" in one.path or f"/Task/{KEY}" in one.path
        ]


@contextmanager
def salesforce_org(
    count: int = 10, *, unique_key: bool = False, is_provisioned: bool = True, **switches: Any
) -> Iterator[SalesforceOrg]:
    """``unique_key``: the org takes our key on tasks as a unique external id."""
    clock = Clock(NOW, frozen=True)
    reps = (
        Rep("ada", "Ada", "Stone", "ada@example.com"),
        Rep("bob", "Bob", "Reed", "bob@example.com"),
        Rep("cat", "Cat", "Hill", "cat@example.com", active=False),
    )
    born = NOW - timedelta(hours=2)
    leads = tuple(
        LeadEntry(
            f"l{n}", born, f"Lead{n}", email=f"l{n}@example.com", owner="ada", company="Co", stage="mql"
        )
        for n in range(count)
    )
    company = Company(reps, (Queue("inbound", "Inbound Leads"),), leads, (), (), NOW)
    face = SalesforceFace(clock, **{"limits": False, "task_external_id": unique_key, **switches})
    with (
        running(company, clock=clock, told={"salesforce": face}) as practice,
        running_proxy(practice.urls["salesforce"]) as proxy,
    ):
        org = SalesforceOrg(
            practice.urls["salesforce"], face, clock, proxy, open_crm("salesforce", proxy.url)
        )
        if is_provisioned:
            org.crm.provision(dry_run=False)
        proxy.seen.clear()
        try:
            yield org
        finally:
            org.crm.close()


def shows(lead_id: str, status: str = "met", **values: Any) -> SetFields:
    return SetFields(lead_id, {"status": status, **values}, "")


def a_task(lead_id: str, key: str = "k" * 40, owner_id: str | None = None) -> CreateTask:
    return CreateTask(lead_id, key, owner_id, "Call", "Because.", NOW, "Europe/Berlin", "due")


def statuses(receipts: list[Receipt]) -> list[str]:
    return [str(one.status) for one in receipts]

"""A practice Salesforce with a small story in it, and whole runs on it with any fault ordered."""

from __future__ import annotations

import re
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
from connectors.salesforce.crm import SalesforceCrm
from leadsla.cli.exits import Exit, code_of, end_of
from leadsla.settings import Settings, load
from leadsla.wiring import connection_of, run_settings
from localcrm.clock import Clock
from localcrm.salesforce import SalesforceFace
from localcrm.server import running
from localcrm.story import tell
from sync.report import RunReport
from sync.run import Run, run_once
from sync.store import Store

NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
SHIPPED = Path(__file__).parents[2] / "config.toml"
SHORT = Patience(connect=2.0, read=0.3, answer=0.6)
READS = "/services/data/v59.0/composite/"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: its report or its error, its exit code, what a person reads, the calls it made."""

    report: RunReport | None
    error: CrmError | None
    code: Exit
    says: str
    calls: Mapping[str, int]

    @property
    def asked(self) -> int:
        """Calls without signing in."""
        return sum(count for route, count in self.calls.items() if "oauth2" not in route)


class Lab:
    """One connection to one practice org, provisioned, nothing synced."""

    def __init__(self, url: str, face: SalesforceFace, clock: Clock, folder: Path) -> None:
        self.url = url
        self.face = face
        self.clock = clock
        text = SHIPPED.read_text(encoding="utf-8").replace("http://127.0.0.1:8701", url)
        text = re.sub(r"(?ms)^# -+ HubSpot$.*?(?=^# -+ The agreement|^\[agreement\])", "", text)
        (folder / "config.toml").write_text(text, encoding="utf-8")
        self.settings: Settings = load(folder / "config.toml")
        self.store = Store.open(f"sqlite:///{folder / 'state.db'}")
        crm = self.opened()
        crm.provision(dry_run=False)
        crm.close()

    def connection(self, **parts: Any) -> Connection:
        """Nothing to wait for here."""
        made = connection_of("salesforce", self.settings.connections["salesforce"])
        return replace(made, **{"attempts": 2, "sleep": lambda _: None, **parts})

    def opened(self, **parts: Any) -> SalesforceCrm:
        return SalesforceCrm(self.connection(**parts))

    def run(self, rollout: Mapping[str, Any] | None = None, **parts: Any) -> Outcome:
        """One whole run, as ``leadsla sync`` does it; ``parts`` of the connection."""
        requests.post(f"{self.url}/_localcrm/reset-calls", timeout=5)
        crm = self.opened(**parts)
        settings = run_settings(self.settings, self.settings.connections["salesforce"])
        settings = replace(settings, identity="lab")  # what was checked stands
        assert self.settings.book is not None
        run = Run(crm, self.store, self.settings.book, replace(settings, **(rollout or {})))
        try:
            report = run_once(run)
        except CrmError as error:
            end = end_of(error)
            return Outcome(None, error, code_of([error]), end.message if end else "", self.calls())
        finally:
            crm.close()
        code = Exit.PARTIAL if report.is_partial else Exit.DONE
        return Outcome(report, None, code, "; ".join(report.troubles), self.calls())

    def calls(self) -> dict[str, int]:
        return dict(requests.get(f"{self.url}/_localcrm/calls", timeout=5).json()["by_route"])

    def fault(self, **rule: Any) -> None:
        answer = requests.post(f"{self.url}/_localcrm/faults", json=[rule], timeout=5)
        assert answer.ok, answer.text

    def mend(self) -> None:
        requests.delete(f"{self.url}/_localcrm/faults", timeout=5)

    def switch(self, **switches: Any) -> None:
        answer = requests.post(f"{self.url}/_localcrm/switches", json=switches, timeout=5)
        assert answer.ok, answer.text

    def edit(self, kind: str, *rows: dict[str, Any]) -> list[dict[str, Any]]:
        return self.face.edit(kind, rows)

    def leads(self) -> dict[str, dict[str, Any]]:
        return {row["Id"]: row for row in self.face.records("Lead")}

    def living(self) -> list[str]:
        """Leads that are not converted, in a fixed order."""
        return sorted(lead_id for lead_id, row in self.leads().items() if not row["IsConverted"])

    def tasks(self) -> list[dict[str, Any]]:
        return [row for row in self.face.records("Task") if row.get("LeadSLA_Key__c")]

    def state(self) -> tuple[Any, ...]:
        """What we wrote; raises AssertionError for a task made twice."""
        tasks = self.tasks()
        twice = [
            key for key, n in Counter((one["WhoId"], one["LeadSLA_Key__c"]) for one in tasks).items() if n > 1
        ]
        assert not twice, f"made twice: {twice}"
        fields = {
            lead_id: {name: value for name, value in row.items() if name.startswith("LeadSLA_")}
            for lead_id, row in self.leads().items()
        }
        told = ("Status", "Subject", "Description", "ActivityDate", "OwnerId")
        return fields, {
            (one["WhoId"], one["LeadSLA_Key__c"]): tuple(one.get(name) for name in told) for one in tasks
        }


@contextmanager
def opened_lab(folder: Path, leads: int = 16, **switches: Any) -> Iterator[Lab]:
    """A lab at Monday noon; the time stands still unless the clock is moved."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = Clock(NOON, frozen=True)
    face = SalesforceFace(clock, **{"limits": False, **switches})
    with running(tell(7, leads, NOON), clock=clock, told={"salesforce": face}) as practice:
        lab = Lab(practice.urls["salesforce"], face, clock, folder)
        try:
            yield lab
        finally:
            lab.store.close()

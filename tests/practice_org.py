"""A practice Salesforce of ten leads to call over HTTP, for claims about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from localcrm.clock import Clock
from localcrm.company import Company, LeadEntry, Queue, Rep
from localcrm.salesforce import SalesforceFace
from localcrm.server import running

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BASE = "/services/data/v59.0"
LEADS = 10


@dataclass
class PracticeOrg:
    """The running org: its address, its clock (frozen at NOW), a session that is signed in."""

    url: str
    clock: Clock
    session: requests.Session

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """One call; ``path`` from the version on, or from /services."""
        url = self.url + (path if path.startswith("/services") else BASE + path)
        return self.session.request(method, url, json=body, timeout=20, **more)

    def rows(self, soql: str, *, resource: str = "query") -> list[dict[str, Any]]:
        """The records of a query's first page."""
        answer = self.call("GET", f"/{resource}", params={"q": soql})
        assert answer.ok, answer.text
        found: list[dict[str, Any]] = answer.json()["records"]
        return found

    def edit(self, name: str, *rows: dict[str, Any]) -> list[dict[str, Any]]:
        """As a person, or an admin, would."""
        answer = requests.post(f"{self.url}/_localcrm/records/{name}", json=list(rows), timeout=20)
        assert answer.ok, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found

    def control(self, method: str, door: str, body: Any = None) -> Any:
        """One of the org's own control doors."""
        answer = requests.request(method, f"{self.url}/_localcrm/{door}", json=body, timeout=20)
        assert answer.ok, answer.text
        return answer.json()

    def switch(self, **switches: Any) -> None:
        """Turn switches while it runs."""
        self.control("POST", "switches", switches)

    def end_sessions(self) -> None:
        """End every issued session."""
        self.control("DELETE", "sessions")

    def lead(self, name: str = "Lead0") -> str:
        """A lead's id."""
        return str(self.rows(f"SELECT Id FROM Lead WHERE LastName = '{name}'")[0]["Id"])

    def token(self) -> str:
        """A fresh session of the integration user."""
        form = {"grant_type": "client_credentials", "client_id": "localcrm", "client_secret": "localcrm"}
        answer = requests.post(f"{self.url}/services/oauth2/token", data=form, timeout=20)
        return str(answer.json()["access_token"])


@contextmanager
def practice_org(**switches: Any) -> Iterator[PracticeOrg]:
    """An org with these switches, ten leads of Ada's and a queue."""
    clock = Clock(NOW, frozen=True)
    reps = (Rep("ada", "Ada", "Stone", "ada@example.com"), Rep("bob", "Bob", "Reed", "bob@example.com"))
    leads = tuple(
        LeadEntry(
            f"l{n}",
            NOW - timedelta(hours=1),
            f"Lead{n}",
            email=f"l{n}@example.com",
            owner="ada",
            company="Co",
        )
        for n in range(LEADS)
    )
    company = Company(reps, (Queue("inbound", "Inbound Leads"),), leads, (), (), NOW)
    face = SalesforceFace(clock, **switches)
    with (
        running(company, clock=clock, told={"salesforce": face}) as practice,
        requests.Session() as session,
    ):
        session.headers["Authorization"] = "Bearer localcrm"
        yield PracticeOrg(practice.urls["salesforce"], clock, session)


def code(answer: requests.Response) -> tuple[int, str]:
    """Status and error code of a refused call."""
    return answer.status_code, str(answer.json()[0]["errorCode"])

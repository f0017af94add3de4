"""A practice HubSpot with a handful of contacts, and a plain client to knock on its doors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import requests

from localcrm.clock import Clock
from localcrm.company import Company, LeadEntry, Rep
from localcrm.server import running

T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
V3, DATED, NEXT = "/crm/v3/objects", "/crm/objects/2026-03", "/crm/objects/2026-09"


def company(count=6):
    """Contacts 97 and up, ``l0@example.com`` and so on, handed over and owned by Ada."""
    reps = (Rep("ada", "Ada", "Stone", "ada@example.com"),)
    leads = tuple(
        LeadEntry(f"l{n}", T0, f"Lead{n}", email=f"l{n}@example.com", owner="ada", stage="mql")
        for n in range(count)
    )
    return Company(reps, (), leads, (), (), T0)


class Hub:
    """The portal's address with its token; ``control`` steers it."""

    def __init__(self, crms):
        self.url, self.clock, self.face = crms.urls["hubspot"], crms.clock, crms.faces["hubspot"]
        self.session = requests.Session()
        self.session.headers["Authorization"] = "Bearer localcrm"

    def call(self, method, path, body=None, **params):
        return self.session.request(method, self.url + path, json=body, params=params, timeout=10)

    def get(self, path, **params):
        return self.call("GET", path, **params)

    def post(self, path, body):
        return self.call("POST", path, body)

    def control(self, method, path, body=None):
        return self.call(method, f"/_localcrm{path}", body)

    def turn(self, **switches):
        answer = self.control("POST", "/switches", switches)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def person(self, kind, *rows):
        """Edit as a person at the screen does."""
        answer = self.control("POST", f"/records/{kind}", list(rows))
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def portal(told=None, **switches) -> Iterator[Hub]:
    """A running portal at T0 with its clock standing still; no call limits unless asked for."""
    limits = switches.pop("limits", False)
    with running(told or company(), clock=Clock(T0, frozen=True), limits=limits, hubspot=switches) as crms:
        hub = Hub(crms)
        try:
            yield hub
        finally:
            hub.session.close()


def link(to, type_id):
    """An association of a create."""
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]
    return {"to": {"id": to}, "types": types}

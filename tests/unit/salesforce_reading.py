"""A practice Salesforce read through our connector, for claims about reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from connectors.base import Page
from connectors.salesforce.crm import SalesforceCrm
from leadsla.demo import SHIPPED_PORTS
from tests.contract.benches import ROOT, open_crm
from tests.practice_org import PracticeOrg, practice_org


@dataclass
class Reading:
    """An org with our connection to it. Each ``poll`` opens the connection anew, as a scheduled run does."""

    org: PracticeOrg
    parts: dict[str, Any] = field(default_factory=dict)
    cursor: str = ""
    kept: dict[str, str] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def opened(self) -> Iterator[SalesforceCrm]:
        crm = open_crm("salesforce", self.org.url, **self.parts)
        try:
            yield crm
        finally:
            crm.close()

    def poll(self, *, after: float = 600.0) -> list[Page]:
        """What a run reads ``after`` seconds; its marks and cursor are kept, its calls counted."""
        self.org.clock.advance(after)
        requests.post(f"{self.org.url}/_localcrm/reset-calls", timeout=5)
        with self.opened() as crm:
            pages = list(
                crm.pull(self.cursor, marks=lambda ids: {i: self.kept[i] for i in ids if i in self.kept})
            )
        self.calls = self.counted()
        self.cursor = pages[-1].cursor
        self.kept |= {seen.lead.id: seen.mark for page in pages for seen in page.leads}
        return pages

    def counted(self) -> dict[str, int]:
        """The calls by the last words of their route, without signing in."""
        told = requests.get(f"{self.org.url}/_localcrm/calls", timeout=5).json()["by_route"]
        return {
            (route.partition("/v59.0")[2] or route).rstrip("/"): count
            for route, count in told.items()
            if "oauth2" not in route
        }

    def shipped_text(self) -> str:
        """The shipped configuration at this address."""
        return (
            (ROOT / "config.toml")
            .read_text(encoding="utf-8")
            .replace(SHIPPED_PORTS["salesforce"], self.org.url)
        )

    def order(self, **fault: Any) -> None:
        """A fault of the practice CRM."""
        answer = requests.post(f"{self.org.url}/_localcrm/faults", json=[fault], timeout=5)
        assert answer.ok, answer.text

    def edit(self, name: str, **values: Any) -> None:
        """As a person edits a lead of this last name."""
        self.org.edit("Lead", {"Id": self.org.lead(name), **values})


@contextmanager
def reading(parts: dict[str, Any] | None = None, **switches: Any) -> Iterator[Reading]:
    """Ten leads, not read yet."""
    with practice_org(**switches) as org:
        yield Reading(org, parts or {})


def leads_in(pages: list[Page]) -> list[str]:
    """The last names of the leads delivered, in their order."""
    return [str(seen.lead.fields["last_name"]) for page in pages for seen in page.leads]


def told_in(pages: list[Page]) -> list[str]:
    return [trouble for page in pages for trouble in page.troubles]

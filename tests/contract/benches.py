"""Where the contract is tried: a CRM with five leads in it, whichever CRM that is."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from connectors.base import Crm
from connectors.connection import Connection
from connectors.mapping import ConnectionMapping
from connectors.memory import MemoryCrm
from connectors.memory_records import MemoryRecords
from sla_engine.model import Activity, ActivityKind, Lead, LifecycleStage, Owner

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PRACTICE_SECRET = "localcrm"  # the only one the practice CRMs take
ROOT = Path(__file__).parents[2]
LAST_NAMES = ("Abel", "Bauer", "Curie", "Dirac", "Euler")


@dataclass(frozen=True, slots=True)
class Practice:
    """A practice CRM beside our connection to it: its name, its address, and other ways to open it."""

    name: str
    url: str
    opened: Callable[..., Crm]  # with these parts of the mapping instead of the shipped ones

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Every record of a kind, raw."""
        answer = requests.get(f"{self.url}/_localcrm/records/{kind}", timeout=10)
        found: list[dict[str, Any]] = answer.json()
        return found

    def person_edits(self, kind: str, record_id: str, **values: Any) -> None:
        """As a person would."""
        row = {{"salesforce": "Id", "hubspot": "id"}[self.name]: record_id, **values}
        answer = requests.post(f"{self.url}/_localcrm/records/{kind}", json=row, timeout=10)
        assert answer.ok, answer.text


@dataclass(frozen=True, slots=True)
class Bench:
    """One CRM to try the contract on.

    ``person_sets_company`` edits leads as a person would; ``wait`` moves the CRM's clock on;
    ``misspelt`` opens the CRM with ``company`` mapped to a field that is nearly right. ``practice`` is
    what only a CRM beyond this process has.
    """

    crm: Crm
    person_sets_company: Callable[[Sequence[str], str], None]
    wait: Callable[[float], None]
    misspelt: Callable[[], tuple[Crm, str]]
    missing_lead: str
    practice: Practice | None = None

    def until(self) -> datetime:
        """The CRM's clock, freshly heard, minus the time a write needs to be seen."""
        self.wait(5)
        self.crm.read_leads([self.missing_lead])  # any call: its answer tells the time
        return self.crm.server_now() - timedelta(seconds=2)


@contextmanager
def memory_bench() -> Iterator[Bench]:
    records = MemoryRecords(NOW - timedelta(hours=2), ("Name", "Company"))
    eva = Owner("eva", "Eva", time_zone="Europe/Berlin")
    records.hire(eva)
    for name in LAST_NAMES:
        lead = Lead(name, records.now, LifecycleStage.INQUIRY, eva, {"last_name": name, "company": "Before"})
        records.put_lead(lead)
        visit = Activity(f"visit-{name}", ActivityKind.PAGE_VISIT, records.now, records.now)
        records.log(name, visit)
    records.now = NOW - timedelta(hours=1)
    for name in LAST_NAMES:
        seen = records.seen(name)
        assert seen is not None
        records.put_lead(replace(seen.lead, stage=LifecycleStage.MQL), actor="flow")
    records.now = NOW

    def set_company(lead_ids: Sequence[str], company: str) -> None:
        for lead_id in lead_ids:
            seen = records.seen(lead_id)
            assert seen is not None
            fields = {**seen.lead.fields, "company": company}
            records.put_lead(replace(seen.lead, fields=fields), actor="eva")

    def wait(seconds: float) -> None:
        records.now += timedelta(seconds=seconds)

    def misspelt() -> tuple[Crm, str]:
        return MemoryCrm(records, mapping={"company": "Compny"}), "Company"

    yield Bench(MemoryCrm(records, page_size=3), set_company, wait, misspelt, "nobody")


@contextmanager
def salesforce_bench() -> Iterator[Bench]:
    module = pytest.importorskip("localcrm.salesforce")
    with _practice_bench("salesforce", module.SalesforceFace, "Lead", "00Q000000000999EAA") as bench:
        yield bench


@contextmanager
def hubspot_bench() -> Iterator[Bench]:
    module = pytest.importorskip("localcrm.hubspot")
    if not hasattr(module, "HubSpotFace"):
        pytest.skip("the practice HubSpot is not there")
    with _practice_bench("hubspot", module.HubSpotFace, "contacts", "99999999") as bench:
        yield bench


@contextmanager
def unique_hubspot_bench() -> Iterator[Bench]:
    """An account that takes a unique property on tasks, and has our key as one."""
    module = pytest.importorskip("localcrm.hubspot")
    face_of = partial(module.HubSpotFace, task_unique_property=True)
    with _practice_bench("hubspot", face_of, "contacts", "99999999") as bench:
        assert bench.practice is not None
        make_key_unique(bench.practice.url)
        yield bench


def make_key_unique(url: str) -> None:
    """As a person would who makes our key by hand in a practice HubSpot."""
    group = {"name": "leadsla", "label": "leadsla"}
    text = {"type": "string", "fieldType": "text", "groupName": "leadsla"}
    key = {"name": "leadsla_key", "label": "SLA key", "hasUniqueValue": True, **text}
    for path, body in (("/groups", group), ("", key)):
        address = f"{url}/crm/properties/2026-03/tasks{path}"
        headers = {"Authorization": f"Bearer {PRACTICE_SECRET}"}
        answer = requests.post(address, json=body, headers=headers, timeout=10)
        assert answer.ok, answer.text


@contextmanager
def _practice_bench(name: str, face_of: Callable[..., Any], kind: str, missing: str) -> Iterator[Bench]:
    server = pytest.importorskip("localcrm.server")
    clock_module = pytest.importorskip("localcrm.clock")
    clock = clock_module.Clock(NOW)
    face = face_of(clock, limits=False)
    with server.running(_a_company(), clock=clock, told={name: face}) as practice:
        url = practice.urls[name]
        field = {"salesforce": "Company", "hubspot": "company"}[name]
        id_field = {"salesforce": "Id", "hubspot": "id"}[name]

        def set_company(lead_ids: Sequence[str], company: str) -> None:
            rows = [{id_field: lead_id, field: company} for lead_id in lead_ids]
            answer = requests.post(f"{url}/_localcrm/records/{kind}", json=rows, timeout=10)
            assert answer.ok, answer.text

        crms = [open_crm(name, url)]

        def opened(**parts: Any) -> Crm:
            crms.append(open_crm(name, url, **parts))
            return crms[-1]

        def misspelt() -> tuple[Crm, str]:
            return opened(lead=shipped(name)["lead"] | {"company": field[:-2] + field[-1]}), field

        practice_crm = Practice(name, url, opened)
        try:
            yield Bench(crms[0], set_company, clock.advance, misspelt, missing, practice_crm)
        finally:
            for crm in crms:
                crm.close()


def shipped(name: str) -> dict[str, Any]:
    """One connection of the shipped configuration, raw."""
    found = tomllib.loads((ROOT / "config.toml").read_text(encoding="utf-8"))["connections"][name]
    return dict(found)


def open_crm(name: str, url: str, **parts: Any) -> Crm:
    """The shipped configuration's connection, at this address, with some parts of its mapping replaced."""
    found = shipped(name)
    as_shipped = {part: found[part] for part in ("lead", "stages", "activities", "writes")}
    mapping = ConnectionMapping.model_validate(as_shipped | parts)
    secrets = {part: SecretStr(PRACTICE_SECRET) for part in found["auth"] if part != "kind"}
    connection = Connection(name, url, found["auth"]["kind"], secrets, mapping, sleep=_no_limits_to_wait_for)
    opener: Callable[[Connection], Crm] = pytest.importorskip(f"connectors.{name}").open_crm
    return opener(connection)


def _a_company() -> Any:
    from localcrm.company import Change, Company, LeadEntry, Rep, Touch  # noqa: PLC0415 - only for practice CRMs

    born, handed_over = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
    reps = (
        Rep("eva", "Eva", "Example", "eva@example.com"),
        Rep("flow", "Flow", "Example", "flow@example.com", automation=True),
    )
    leads = tuple(
        LeadEntry(
            name.lower(),
            born,
            name,
            email=f"{name.lower()}@example.com",
            company="Before",
            owner="eva",
            stage="mql",
        )
        for name in LAST_NAMES
    )
    touches = tuple(
        Touch(one.key, "form", born + timedelta(minutes=9), "Demo request", None) for one in leads
    )
    changes = tuple(Change(one.key, "stage", "new", "mql", handed_over, "flow") for one in leads)
    return Company(reps, (), leads, touches, changes, NOW)


def _no_limits_to_wait_for(_seconds: float) -> None:
    """These practice CRMs count no calls."""

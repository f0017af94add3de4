"""Clocks on records of the Leads object: the lead's own stage, its contact's values, whose activities are whose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from connectors.base import AssignOwner, CreateTask, Page, SetFields, SetStage
from connectors.connection import Connection
from connectors.hubspot.crm import HubSpotCrm
from connectors.mapping import ConnectionMapping
from leadsla.settings import ConnectionSettings
from localcrm.clock import Clock
from localcrm.hubspot import HubSpotFace
from localcrm.server import running
from sla_engine.model import ActivityKind, LifecycleStage
from tests.unit.test_hubspot_crm import NOW, company

pytestmark = pytest.mark.slow  # over HTTP, minutes in all

MAPPING: dict[str, Any] = {
    "lead_object": "leads",
    "lead": {
        "name": "hs_lead_name",
        "last_name": "contact.lastname",
        "email": "contact.email",
        "company": "contact.company",
        "email_opt_out": {"field": "contact.hs_email_optout", "as": "boolean"},
    },
    "stages": {
        "hs_pipeline_stage": {
            "new-stage-id": "mql",
            "attempting-stage-id": "sal",
            "connected-stage-id": "sal",
            "qualified-stage-id": "sql",
            "unqualified-stage-id": "disqualified",
        }
    },
    "activities": {
        "calls": {"object": "calls", "kind": "call", "actor": "hubspot_owner_id"},
        "emails": {"object": "emails", "kind": "email", "actor": "hubspot_owner_id"},
        "mail": {"object": "email_events", "kind_from": "type", "kinds": {"OPEN": "email_open"}},
        "pages": {"history_of": "contact.hs_analytics_last_url", "kind": "page_visit"},
    },
}


@dataclass
class Portal:
    """Four contacts; the first two have a lead each."""

    face: HubSpotFace
    clock: Clock
    url: str
    contacts: list[str] = field(default_factory=list)
    leads: list[str] = field(default_factory=list)
    marks: dict[str, str] = field(default_factory=dict)
    cursor: str = ""

    def open(self, **changed: Any) -> HubSpotCrm:
        made = ConnectionMapping.model_validate(MAPPING | changed)
        return HubSpotCrm(Connection("hubspot", self.url, "token", {"token": SecretStr("localcrm")}, made))

    def lead(self, contact: str, name: str = "A lead") -> str:
        values = {
            "hs_lead_name": name,
            "hs_pipeline": "lead-pipeline-id",
            "hs_pipeline_stage": "new-stage-id",
        }
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": one} for one in (578, 608)]
        body = {"properties": values, "associations": [{"to": {"id": contact}, "types": types}]}
        signed = {"Authorization": "Bearer localcrm"}
        made = requests.post(f"{self.url}/crm/objects/2026-03/leads", json=body, headers=signed, timeout=5)
        assert made.ok, made.text
        return str(made.json()["id"])

    def call(self, *ends: dict[str, str]) -> str:
        at = str(int(self.clock.now().timestamp() * 1000))
        (made,) = self.face.edit("calls", [{"hs_timestamp": at, "associations": list(ends)}])
        return f"calls:{made['id']}"

    def pull(self, crm: HubSpotCrm, wait: float = 600) -> list[Page]:
        self.clock.advance(wait)
        kept = self.marks
        pages = list(crm.pull(self.cursor, marks=lambda ids: {one: kept[one] for one in ids if one in kept}))
        self.marks |= {seen.lead.id: seen.mark for page in pages for seen in page.leads}
        self.cursor = pages[-1].cursor
        return pages

    def calls_made(self) -> int:
        told = requests.get(f"{self.url}/_localcrm/calls", timeout=5).json()["total"]
        requests.post(f"{self.url}/_localcrm/reset-calls", timeout=5)
        return int(told)


@pytest.fixture
def portal() -> Iterator[Portal]:
    clock = Clock(NOW)
    face = HubSpotFace(clock, limits=False, leads=True)
    with running(company(4), clock=clock, told={"hubspot": face}) as practice:
        one = Portal(face, clock, practice.urls["hubspot"])
        one.contacts = [str(row["id"]) for row in face.records("contacts")]
        face.edit("leads", [{"id": row["id"], "delete": True} for row in face.records("leads")])
        one.leads = [one.lead(contact) for contact in one.contacts[:2]]
        yield one


@pytest.fixture
def crm(portal: Portal) -> Iterator[HubSpotCrm]:
    one = portal.open()
    yield one
    one.close()


def leads_in(pages: list[Page]) -> dict[str, Any]:
    return {seen.lead.id: seen for page in pages for seen in page.leads}


def activities_in(pages: list[Page]) -> set[tuple[str, str]]:
    return {(lead_id, one.id) for page in pages for lead_id, one in page.activities}


def test_a_lead_has_its_own_stage_and_its_contacts_values(portal: Portal, crm: HubSpotCrm) -> None:
    pages = portal.pull(crm)
    seen = leads_in(pages)
    assert set(seen) == set(portal.leads)
    one = seen[portal.leads[0]].lead
    assert (str(one.stage), one.fields["name"], one.fields["last_name"]) == ("mql", "A lead", "Last000")
    assert one.fields["email"] == "l000@example.com"
    kinds = {activity.kind for page in pages for lead_id, activity in page.activities if lead_id == one.id}
    assert kinds == {ActivityKind.CALL, ActivityKind.EMAIL, ActivityKind.EMAIL_OPEN, ActivityKind.PAGE_VISIT}
    assert crm.read_leads(portal.leads)[0].lead == one
    assert crm.link(one.id).endswith(f"/record/0-136/{one.id}")
    assert {one for page in crm.census() for one in page} == set(portal.leads)


def test_a_move_in_the_pipeline_is_a_change_of_stage_with_its_instant(
    portal: Portal, crm: HubSpotCrm
) -> None:
    portal.pull(crm)
    moved_at = portal.clock.now()
    portal.face.edit("leads", [{"id": portal.leads[0], "hs_pipeline_stage": "attempting-stage-id"}])
    changes = {
        lead_id: one for page in portal.pull(crm) for lead_id, one in page.stages if one.stage == "sal"
    }
    assert list(changes) == portal.leads[:1]
    assert abs(changes[portal.leads[0]].at - moved_at) < timedelta(seconds=1)


def test_a_change_of_the_contact_is_news_of_its_leads_alone(portal: Portal, crm: HubSpotCrm) -> None:
    portal.pull(crm)
    first, second, third, *_ = portal.contacts
    portal.face.edit("contacts", [{"id": one, "company": "After"} for one in (second, third)])
    portal.face.edit("contacts", [{"id": first, "hs_analytics_last_url": "/pricing"}])
    pages = portal.pull(crm)
    assert {one: seen.lead.fields["company"] for one, seen in leads_in(pages).items()} == dict(
        zip(portal.leads, ("Before", "After"), strict=True)
    )
    visits = [(lead_id, one.content) for page in pages for lead_id, one in page.activities]
    assert (portal.leads[0], "/pricing") in visits
    assert {lead_id for lead_id, _ in visits} == {portal.leads[0]}


def test_an_idle_poll_reads_each_kind_of_record_once(portal: Portal, crm: HubSpotCrm) -> None:
    crm.provision(dry_run=False)
    portal.pull(crm)
    portal.pull(crm)
    portal.calls_made()
    assert not [page for page in portal.pull(portal.open()) if page.records]
    assert portal.calls_made() == len({"leads", "contacts", "calls", "emails", "tasks", "email events"})


def test_an_activity_belongs_to_the_lead_it_is_on_else_to_the_contacts_lead_of_its_time(
    portal: Portal, crm: HubSpotCrm
) -> None:
    contact, old = portal.contacts[0], portal.leads[0]
    portal.clock.advance(3600)
    before = portal.call({"to": contact})
    portal.clock.advance(3600)
    new = portal.lead(contact, "Another")
    portal.clock.advance(60)
    after = portal.call({"to": contact})
    on_the_old = portal.call({"to": contact}, {"to": old, "kind": "leads"})
    nobodys = portal.call({"to": portal.contacts[2]})
    found = activities_in(portal.pull(crm))
    assert {(old, before), (new, after), (old, on_the_old)} <= found
    assert not {one for _, one in found} & {nobodys}
    assert not {(new, before), (old, after), (new, on_the_old)} & found


def test_a_new_lead_brings_what_its_contact_did_before(portal: Portal, crm: HubSpotCrm) -> None:
    portal.pull(crm)
    contact = portal.contacts[2]
    made_early = portal.call({"to": contact})
    portal.clock.advance(3600)
    portal.pull(crm)
    new = portal.lead(contact)
    found = activities_in(portal.pull(crm))
    assert (new, made_early) in found
    assert {one.split(":")[0] for lead_id, one in found if lead_id == new} >= {
        "calls",
        "emails",
        "email_events",
    }
    assert {lead_id for lead_id, _ in found} == {new}


def test_what_is_written_goes_to_the_lead_and_its_contact_is_left_alone(
    portal: Portal, crm: HubSpotCrm
) -> None:
    crm.provision(dry_run=False)
    assert [one for one in crm.check() if not one.is_warning] == []
    portal.pull(crm)
    (one, *_) = portal.leads
    owner = next(iter(crm.owners()))
    key = "k" * 40
    changes = [
        AssignOwner(one, owner, crm.read_leads([one])[0].lead.owner and owner, ""),
        SetFields(one, {"status": "running"}, ""),
        SetStage(one, LifecycleStage.SAL, LifecycleStage.MQL, ""),
        CreateTask(one, key, owner, "Call", "Because.", NOW, "Europe/Berlin", "due"),
    ]
    assert {str(receipt.status) for receipt in crm.apply(changes)} == {"written"}
    (seen,) = crm.read_leads([one])
    assert (seen.ours["status"], str(seen.lead.stage), seen.lead.owner.id) == ("running", "sal", owner)  # type: ignore[union-attr]
    assert [made.key for made in crm.read_tasks([one])] == list(crm.find_tasks([changes[-1]])) == [key]  # type: ignore[list-item]
    (told,) = [made for page in portal.pull(crm) for made in page.tasks]
    assert (told.lead_id, told.key) == (one, key)
    contact = next(row for row in portal.face.records("contacts") if row["id"] == portal.contacts[0])
    assert not [name for name in contact["properties"] if name.startswith("leadsla_")]


def test_check_names_unknown_stages_and_properties_of_either_record(portal: Portal) -> None:
    stages = {"hs_pipeline_stage": {"new-stage": "mql", "qualified-stage-id": "sql"}}
    lead = {"company": "contact.compny", "name": "hs_lead_nam"}
    problems = portal.open(lead=lead, stages=stages).check()
    found = {one.where: one.remedy for one in problems if not (one.is_warning or one.is_about_writing)}
    assert found["lead.company"] == 'did you mean "contact.company"?'
    assert found["lead.name"] == 'did you mean "hs_lead_name"?'
    assert found["stages.hs_pipeline_stage"] == 'did you mean "new-stage-id"?'


def test_an_account_without_the_leads_object_is_told_what_it_needs() -> None:
    clock = Clock(NOW)
    with running(company(1), clock=clock, told={"hubspot": HubSpotFace(clock, limits=False)}) as practice:
        (problem,) = Portal(HubSpotFace(clock), clock, practice.urls["hubspot"]).open().check()
    assert problem.where == "lead_object"
    assert "Sales seats" in problem.remedy
    assert 'lead_object = "contacts"' in problem.remedy


def test_contacts_carry_the_clocks_unless_the_leads_object_is_named(portal: Portal) -> None:
    hubspot = {"crm": "hubspot", "base_url": portal.url, "auth": {}, "lead": {}, "stages": {}}
    plain, leads = (
        ConnectionSettings.model_validate(hubspot | {"lead_object": one}) for one in ("contacts", "leads")
    )
    assert leads.mapping.lead_object == "leads"
    assert plain.fingerprint != leads.fingerprint
    assert plain.fingerprint == ConnectionSettings.model_validate(hubspot).fingerprint

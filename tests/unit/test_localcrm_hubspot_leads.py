"""Claims about the leads object (0-136) of the practice HubSpot."""

from __future__ import annotations

from datetime import timedelta

import pytest

from localcrm.company import Change, Company, LeadEntry, Queue, Rep, Touch
from localcrm.hubspot.loading_leads import LEAD_STAGES
from localcrm.story import tell
from tests.unit.practice_hubspot import DATED, T0, V3, link, portal


def lead(contact="97", type_id=578, **values):
    return {"properties": {"hs_lead_name": "New", **values}, "associations": [link(contact, type_id)]}


@pytest.fixture
def hub():
    with portal(leads=True) as found:
        yield found


def made(hub, **asked):
    answer = hub.post(f"{V3}/leads", lead(**asked))
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_a_lead_needs_a_name_and_an_existing_contact(hub):
    before = hub.face.records("leads")
    nameless = {"properties": {"hs_lead_label": "WARM"}, "associations": [link("97", 578)]}
    alone = {"properties": {"hs_lead_name": "New"}, "associations": []}
    for wrong in (nameless, alone, lead("5"), lead(hs_pipeline_stage="nowhere")):
        assert hub.post(f"{V3}/leads", wrong).status_code in (400, 404)
        assert hub.post(f"{DATED}/0-136/batch/create", {"inputs": [wrong]}).status_code in (400, 404)
    assert hub.face.records("leads") == before


@pytest.mark.parametrize("base", [V3, DATED])
@pytest.mark.parametrize("kind", ["leads", "0-136"])
def test_leads_are_listed_searched_read_and_updated_like_any_record(hub, base, kind):
    number = made(hub, hs_pipeline_stage="new-stage-id")
    hub.clock.advance(60)
    row = {"id": number, "properties": {"hs_pipeline_stage": "connected-stage-id"}, "objectWriteTraceId": "t"}
    assert hub.post(f"{base}/{kind}/batch/update", {"inputs": [row]}).status_code == 200
    since = [{"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "2026-03-02T08:01:00Z"}]
    asked = {"filterGroups": [{"filters": since}], "properties": ["hs_associated_contact_email"], "limit": 1}
    [found] = hub.post(f"{base}/{kind}/search", asked).json()["results"]
    assert (found["id"], found["properties"]["hs_associated_contact_email"]) == (number, "l0@example.com")
    asked = {"inputs": [{"id": number}], "properties": [], "propertiesWithHistory": ["hs_pipeline_stage"]}
    [read] = hub.post(f"{base}/{kind}/batch/read", asked).json()["results"]
    versions = [one["value"] for one in read["propertiesWithHistory"]["hs_pipeline_stage"]]
    assert versions == ["connected-stage-id", "new-stage-id"]
    assert number in {one["id"] for one in hub.get(f"{base}/{kind}", limit=100).json()["results"]}


def test_the_lead_pipeline_has_hubspots_own_stages(hub):
    [pipeline] = hub.get("/crm/v3/pipelines/leads").json()["results"]
    told = [stage["id"] for stage in pipeline["stages"]]
    names = ("new", "attempting", "connected", "qualified", "unqualified")
    assert told == [f"{name}-stage-id" for name in names]
    assert hub.get(f"/crm/v3/pipelines/leads/{pipeline['id']}").json() == pipeline
    stages = hub.get(f"/crm/v3/pipelines/leads/{pipeline['id']}/stages").json()["results"]
    assert stages == pipeline["stages"]
    assert hub.get("/crm/v3/pipelines/leads/other").status_code == 404


def test_a_lead_goes_with_its_last_primary_association(hub):
    number = made(hub)
    company = hub.post(f"{V3}/companies", {"properties": {"name": "Kern"}}).json()["id"]
    hub.call(
        "PUT", f"/crm/v4/objects/leads/{number}/associations/companies/{company}", link("", 580)["types"]
    )
    ends = {"inputs": [{"from": {"id": number}, "to": [{"id": "97"}]}]}
    assert hub.post("/crm/v4/associations/leads/contacts/batch/archive", ends).status_code == 204
    assert hub.get(f"{V3}/leads/{number}").status_code == 200  # the company still holds it
    hub.call("DELETE", f"/crm/v4/objects/companies/{company}/associations/leads/{number}")
    assert hub.get(f"{V3}/leads/{number}").status_code == 404
    [gone] = hub.get(f"{V3}/leads", archived="true").json()["results"]
    assert gone["id"] == number


def test_an_unlabelled_association_is_no_anchor_but_holds_none_back(hub):
    number = made(hub, type_id=608)
    hub.call("DELETE", f"/crm/v4/objects/leads/{number}/associations/contacts/97")
    assert hub.get(f"{V3}/leads/{number}").status_code == 200


def test_leads_go_with_their_archived_contact_and_stay_with_a_merged_one(hub):
    first, second = made(hub, contact="97"), made(hub, contact="98")
    hub.post(f"{V3}/contacts/merge", {"primaryObjectId": "99", "objectIdToMerge": "98"})
    told = hub.get(f"{V3}/leads/{second}", associations="contacts", properties="hs_primary_contact_id").json()
    assert told["associations"]["contacts"]["results"] == [{"id": "99", "type": "lead_to_contact"}]
    assert told["properties"]["hs_primary_contact_id"] == "99"
    hub.call("DELETE", f"{V3}/contacts/97")
    assert hub.get(f"{V3}/leads/{first}").status_code == 404


def test_a_lead_tells_its_contacts_new_address_without_a_new_stamp(hub):
    number = made(hub)
    before = hub.get(f"{V3}/leads/{number}").json()["updatedAt"]
    hub.clock.advance(60)
    hub.call("PATCH", f"{V3}/contacts/97", {"properties": {"email": "other@example.com"}})
    told = hub.get(f"{V3}/leads/{number}", properties="hs_associated_contact_email").json()
    assert told["properties"]["hs_associated_contact_email"] == "other@example.com"
    assert told["updatedAt"] == before


def test_tasks_belong_to_leads_by_their_own_type(hub):
    number = made(hub)
    values = {"hs_timestamp": "2026-03-03T09:00:00Z"}
    task = {"properties": values, "associations": [link(number, 647), link("97", 204)]}
    assert hub.post(f"{V3}/tasks", task).status_code == 201
    back = hub.post("/crm/v4/associations/leads/tasks/batch/read", {"inputs": [{"id": number}]})
    assert back.json()["results"][0]["to"][0]["associationTypes"][0]["typeId"] == 646
    wrong = {"properties": values, "associations": [link(number, 646)]}
    assert hub.post(f"{V3}/tasks", wrong).status_code == 400


def story():
    reps = (Rep("ada", "Ada", "Stone", "ada@example.com"), Rep("flow", "F", "R", "f@r.io", automation=True))
    leads = (
        LeadEntry(
            "l1", T0, "Kern", "Eva", "kern@example.com", company="Co", owner="ada", stage="disqualified"
        ),
        LeadEntry("l2", T0, "Fresh", email="fresh@example.com", owner="ada"),
        LeadEntry("l3", T0, "Old", email="old@example.com", owner="ada", stage="accepted"),
    )

    def after(hours):
        return T0 + timedelta(hours=hours)

    changes = (
        Change("l1", "stage", "new", "mql", after(3), "flow"),
        Change("l1", "owner", "inbound", "ada", after(4), "flow"),
        Change("l1", "stage", "mql", "accepted", after(6), "ada"),
        Change("l1", "stage", "accepted", "disqualified", after(40), "ada"),
    )
    touches = (
        Touch("l1", "call", after(2), "Too early", "ada"),
        Touch("l1", "call", after(7), "Rang", "ada", "connected"),
        Touch("l1", "task", after(8), "Ring again", "ada"),
    )
    return Company(reps, (Queue("inbound", "Inbound"),), leads, touches, changes, after(48))


def test_the_story_hands_its_qualified_contacts_over_as_leads():
    with portal(story(), leads=True) as hub:
        hub.clock.advance(48 * 3600)
        first, third = hub.face.records("leads")
        told = first["properties"]
        assert (told["hs_lead_name"], told["hs_associated_company_name"]) == ("Eva Kern", "Co")
        assert (first["createdAt"], told["hubspot_owner_id"]) == ("2026-03-02T11:00:00.000Z", "29512")
        assert third["properties"]["hs_pipeline_stage"] == "attempting-stage-id"
        read = hub.get(
            f"{V3}/leads/{first['id']}", propertiesWithHistory="hs_pipeline_stage,hubspot_owner_id"
        )
        history = read.json()["propertiesWithHistory"]
        assert [(one["value"], one["sourceType"]) for one in history["hs_pipeline_stage"]] == [
            ("unqualified-stage-id", "CRM_UI"),
            ("attempting-stage-id", "CRM_UI"),
            ("new-stage-id", "AUTOMATION_PLATFORM"),
        ]
        assert [one["value"] for one in history["hubspot_owner_id"]] == ["29512"]
        assert {kind: len(ends["results"]) for kind, ends in first["associations"].items()} == {
            "calls": 1,
            "companies": 1,
            "contacts": 1,
            "tasks": 1,
        }


def test_the_whole_story_loads_with_leads_and_without():
    company = tell(1, 60, T0)
    ever = {
        change.lead for change in company.changes if change.field == "stage" and change.new in LEAD_STAGES
    }
    ever |= {one.key for one in company.leads if one.stage in LEAD_STAGES}
    with portal(company, leads=True) as hub:
        assert len(hub.face.records("leads")) == len(ever) > 10
    with portal(company) as hub:
        assert hub.face.records("leads") == []
        assert not any("leads" in row["associations"] for row in hub.face.records("contacts"))

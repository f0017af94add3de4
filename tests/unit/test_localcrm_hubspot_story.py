"""Claims about a story told as HubSpot records, and about the official client reading and writing them."""

from __future__ import annotations

import gc
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests
import uvicorn
from hubspot import HubSpot
from hubspot.crm.associations.v4.models import BatchInputPublicFetchAssociationsBatchRequest as Asked
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectBatchInput,
    PublicObjectSearchRequest,
    SimplePublicObjectBatchInput,
)
from hubspot.crm.objects.tasks import BatchInputSimplePublicObjectBatchInputForCreate as TaskInputs
from hubspot.crm.properties import PropertyCreate
from starlette.applications import Starlette

from localcrm.clock import Clock
from localcrm.company import Change, Company, LeadEntry, Queue, Rep, Touch
from localcrm.hubspot import HubSpotFace

T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def after(hours):
    return T0 + timedelta(hours=hours)


def story():
    reps = (
        Rep("ada", "Ada", "Stone", "ada@example.com"),
        Rep("bob", "Bob", "Reed", "bob@example.com", active=False),
        Rep("flow", "Flow", "Robot", "flow@example.com", automation=True),
    )
    leads = (
        LeadEntry(
            "l1", T0, "Kern", email="Kern@Example.com", company="Co", owner="ada", stage="disqualified",
            reason="No budget", source="Fair", extra={"city": "Bonn", "colour": "red"},
        ),
        LeadEntry("l2", T0, "Sold", email="sold@example.com", company="Co", owner="ada", stage="customer"),
        LeadEntry("l3", T0, "Waits", email="waits@example.com", owner="inbound", email_opt_out=True),
    )  # fmt: skip
    touches = (
        Touch("l1", "page_visit", after(1), "https://co.example/price"),
        Touch("l1", "page_visit", after(2), "https://co.example/price"),
        Touch("l1", "hand_raise", after(3), "Demo request"),
        Touch("l1", "email_click", after(4), "https://co.example/offer"),
        Touch("l1", "automatic_email", after(5), "Newsletter", outcome="bot"),
        Touch("l1", "call", after(6), "Rang", "ada", "no answer", after(30)),
        Touch("l1", "email_reply", after(7), "Re: offer"),
        Touch("l1", "meeting", after(8), "Demo", "ada"),
        Touch("l1", "task", after(9), "Ring again", "ada"),
        Touch("l1", "opt_out", after(10)),
    )
    changes = (
        Change("l1", "owner", "inbound", "ada", after(2), "flow"),
        Change("l1", "stage", "new", "mql", after(3), "flow"),
        Change("l1", "stage", "mql", "accepted", after(6), "ada"),
        Change("l1", "stage", "accepted", "disqualified", after(40), "ada"),
        Change("l2", "stage", "qualified", "opportunity", after(1), "ada"),
        Change("l2", "stage", "opportunity", "customer", after(2), "ada"),
    )
    return Company(reps, (Queue("inbound", "Inbound"),), leads, touches, changes, after(48))


@pytest.fixture
def face():
    loaded = HubSpotFace(Clock(after(48), frozen=True), limits=False)
    loaded.load(story())
    return loaded


def history(face, name, position=0):
    record = face.portal.tables["contacts"].find(face.records("contacts")[position]["id"])
    start = int(T0.timestamp() * 1000)
    return [(one.value, (one.at - start) / 3_600_000, one.source.type) for one in record.versions(name)]


def test_stage_and_owner_changes_are_history_with_the_right_source(face):
    assert history(face, "hs_lead_status") == [
        ("UNQUALIFIED", 40, "CRM_UI"),
        ("IN_PROGRESS", 6, "CRM_UI"),
        ("OPEN", 3, "AUTOMATION_PLATFORM"),
        ("NEW", 0, "IMPORT"),
    ]
    assert history(face, "hubspot_owner_id") == [("29512", 2, "AUTOMATION_PLATFORM")]
    assert history(face, "rejection_reason") == [("No budget", 40, "CRM_UI")]
    first, sold, waiting = (row["properties"] for row in face.records("contacts"))
    assert first["lastmodifieddate"] == "2026-03-04T00:00:00.000Z"
    assert (first["email"], first["city"], first["lead_source"]) == ("kern@example.com", "Bonn", "Fair")
    assert (sold["lifecyclestage"], sold["hs_lead_status"]) == ("customer", "OPEN_DEAL")
    assert (waiting["hubspot_owner_id"], waiting["hs_email_optout"]) == (None, "true")
    [deal] = face.records("deals")
    assert (deal["properties"]["dealstage"], deal["createdAt"]) == ("closedwon", "2026-03-02T09:00:00.000Z")


def test_every_visit_and_form_is_a_version(face):
    url = "https://co.example/price"
    assert history(face, "hs_analytics_last_url") == [(url, 2, "ANALYTICS"), (url, 1, "ANALYTICS")]
    assert history(face, "hs_analytics_num_visits")[0] == ("2", 2, "ANALYTICS")
    assert history(face, "recent_conversion_event_name") == [("Demo request", 3, "FORM")]
    assert history(face, "hs_email_optout") == [("true", 10, "EMAIL")]


def test_engagements_carry_times_owner_and_contact(face):
    [call], [meeting], [task], [reply] = (
        face.records(kind) for kind in ("calls", "meetings", "tasks", "emails")
    )
    assert call["properties"]["hs_timestamp"] == "2026-03-02T14:00:00.000Z"
    assert call["createdAt"] == call["properties"]["hs_createdate"] == "2026-03-03T14:00:00.000Z"
    assert call["properties"]["hs_call_disposition"] == "73a0d17f-1163-4015-bdd5-ec830791da20"
    assert call["properties"]["hubspot_owner_id"] == "29512"
    assert meeting["properties"]["hs_meeting_outcome"] == "COMPLETED"
    assert task["properties"]["hs_task_status"] == "NOT_STARTED"
    assert reply["properties"]["hs_email_direction"] == "INCOMING_EMAIL"
    assert reply["properties"]["hubspot_owner_id"] is None
    assert {one["associations"]["contacts"]["results"][0]["id"] for one in (call, meeting, task, reply)} == {
        "97"
    }


def test_loading_ten_times_the_leads_takes_about_ten_times_as_long():
    def cost(amount):
        leads = tuple(
            LeadEntry(f"l{n}", T0, "L", email=f"l{n}@example.com", stage="mql") for n in range(amount)
        )
        kinds = ("page_visit", "email_open", "call", "email")
        touches = tuple(
            Touch(f"l{n % amount}", kinds[n // amount % 4], after(n / amount), "x") for n in range(8 * amount)
        )
        face, started = HubSpotFace(Clock(T0)), time.process_time()
        face.load(Company((), (), leads, touches, (), after(9)))
        return time.process_time() - started

    cost(100)
    assert cost(4000) < 40 * cost(400)


@pytest.fixture
def address(face):
    app = Starlette(routes=list(face.routes()))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", date_header=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def client(address):
    apis = []

    def api(path):
        found = HubSpot(access_token="localcrm", host=address)
        for name in path.split("."):
            found = getattr(found, name)
        apis.append(found)
        return found

    yield api
    for made in apis:
        made.api_client.rest_client.pool_manager.clear()
    gc.collect()


def test_the_official_client_searches_and_updates(client, face):
    asked = PublicObjectSearchRequest(
        filter_groups=[{"filters": [{"propertyName": "hs_object_id", "operator": "GT", "value": "97"}]}],
        sorts=["hs_object_id"], properties=["email"], limit=1, after="0",
    )  # fmt: skip
    page = client("crm.contacts.search_api").do_search(asked)
    assert (page.total, page.results[0].id, page.paging.next.after) == (2, "98", "1")
    rows = [
        SimplePublicObjectBatchInput(id="97", properties={"city": "Ulm"}, object_write_trace_id="a"),
        SimplePublicObjectBatchInput(id="98", properties={"nope": "x"}, object_write_trace_id="b"),
    ]
    batch = client("crm.contacts.batch_api")
    answer = batch.update(BatchInputSimplePublicObjectBatchInput(rows))
    assert (answer.num_errors, answer.results[0].object_write_trace_id) == (1, "a")
    assert answer.errors[0].context == {"objectWriteTraceId": ["b"]}
    assert face.records("contacts")[0]["properties"]["city"] == "Ulm"


def test_the_official_client_makes_tasks_and_reads_their_contacts(client):
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204}]
    tasks = [
        {
            "properties": {"hs_timestamp": "2026-03-05T08:00:00Z", "hs_task_subject": f"Ring {n}"},
            "associations": [{"to": {"id": "98"}, "types": types}],
            "objectWriteTraceId": str(n),
        }
        for n in range(2)
    ]
    made = client("crm.objects.tasks.batch_api").create(TaskInputs(tasks))
    asked = Asked([{"id": "98"}, {"id": "99"}])
    answer = client("crm.associations.v4.batch_api").get_page("contacts", "tasks", asked)
    assert {str(to.to_object_id) for to in answer.results[0].to} == {row.id for row in made.results}
    assert answer.results[0].to[0].association_types[0].type_id == 203
    assert answer.num_errors == 1


def test_the_official_client_reads_owners_and_makes_properties(client):
    owners = client("crm.owners.owners_api")
    assert [owner.email for owner in owners.get_page().results] == ["ada@example.com"]
    assert [owner.email for owner in owners.get_page(archived=True).results] == ["bob@example.com"]
    wanted = PropertyCreate(
        name="leadsla_due", label="Due", type="datetime", field_type="date", group_name="contactinformation"
    )
    properties = client("crm.properties.core_api")
    assert properties.create("contacts", wanted).name == "leadsla_due"
    assert "leadsla_due" in {told.name for told in properties.get_all("contacts").results}
    pipelines = client("crm.pipelines.pipelines_api").get_all("deals").results
    assert pipelines[0].stages[-1].id == "closedlost"


def test_email_events_come_newest_first_without_bots_if_asked(face, address):
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer localcrm"
        url = f"{address}/email/public/v1/events"
        first = session.get(url, params={"limit": 2}, timeout=10).json()
        assert {event["type"] for event in first["events"]} == {"SENT", "DELIVERED"}
        rest = session.get(url, params={"offset": first["offset"]}, timeout=10).json()
        assert [(event["type"], event["url"]) for event in rest["events"]] == [
            ("CLICK", "https://co.example/offer")
        ]
        assert (first["hasMore"], rest["hasMore"]) == (True, False)
        people = session.get(url, params={"excludeFilteredEvents": "true"}, timeout=10).json()
        assert len(people["events"]) == 1
        face.edit("email_events", [{"type": "OPEN", "recipient": "Sold@example.com"}])
        asked = {"recipient": "sold@example.com", "startTimestamp": str(face.portal.now())}
        assert len(session.get(url, params=asked, timeout=10).json()["events"]) == 1
        usage = session.get(f"{address}/account-info/v3/api-usage/daily/private-apps", timeout=10).json()
        assert usage["results"][0]["currentUsage"] == 5

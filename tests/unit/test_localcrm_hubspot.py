"""Claims about the practice HubSpot's rules, over real HTTP."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest
import requests
import uvicorn
from starlette.applications import Starlette

from localcrm.clock import Clock
from localcrm.company import Company, LeadEntry, Rep
from localcrm.face import Refused
from localcrm.hubspot import HubSpotFace

T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
V3, DATED = "/crm/v3/objects", "/crm/objects/2026-03"


def company(count=12):
    reps = (
        Rep("ada", "Ada", "Stone", "ada@example.com"),
        Rep("bob", "Bob", "Reed", "bob@example.com", active=False),
        Rep("flow", "Flow", "Robot", "flow@example.com", automation=True),
    )
    leads = tuple(
        LeadEntry(
            f"l{n}", T0, f"Lead{n}", email=f"l{n}@example.com", owner="ada", employees=n * 10, stage="mql"
        )
        for n in range(count)
    )
    return Company(reps, (), leads, (), (), T0)


class Client:
    def __init__(self, face, url):
        self.face, self.url, self.session = face, url, requests.Session()
        self.session.headers["Authorization"] = "Bearer localcrm"

    def call(self, method, path, body=None, **params):
        return self.session.request(method, self.url + path, json=body, params=params, timeout=10)

    def search(self, kind="contacts", **body):
        return self.call("POST", f"{V3}/{kind}/search", body)

    def found(self, *filters, kind="contacts"):
        answer = self.search(kind, filterGroups=[{"filters": list(filters)}], limit=200).json()
        return [row["id"] for row in answer["results"]]


@pytest.fixture
def serve():
    running = []

    def start(loaded=None, **switches):
        face = HubSpotFace(Clock(T0, frozen=True), **switches)
        face.load(loaded or company())
        server = uvicorn.Server(
            uvicorn.Config(
                Starlette(routes=list(face.routes())), port=0, log_level="error", date_header=False
            )
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        client = Client(face, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
        running.append((server, thread, client))
        return client

    yield start
    for server, thread, client in running:
        client.session.close()
        server.should_exit = True
        thread.join()


def where(name, operator, value=None, **more):
    told = {"propertyName": name, "operator": operator, **more}
    return told if value is None else {**told, "value": value}


@pytest.mark.parametrize("base", [V3, DATED])
@pytest.mark.parametrize("kind", ["contacts", "0-1"])
def test_both_path_families_and_both_names_lead_to_the_same_contacts(serve, base, kind):
    hub = serve()
    page = hub.call("GET", f"{base}/{kind}", limit=5, properties="email").json()
    assert [row["id"] for row in page["results"]] == ["97", "98", "99", "100", "101"]
    rest = hub.call("GET", f"{base}/{kind}", limit=100, after=page["paging"]["next"]["after"]).json()
    assert len(rest["results"]) == 7
    assert "paging" not in rest


def test_only_the_secret_and_a_granted_token_open_the_door(serve):
    hub = serve()
    hub.session.headers["Authorization"] = "Bearer other"
    refused = hub.call("GET", f"{V3}/contacts")
    assert refused.status_code == 401
    assert refused.json()["category"] == "INVALID_AUTHENTICATION"
    form = {
        "grant_type": "refresh_token",
        "client_id": "localcrm",
        "client_secret": "localcrm",
        "refresh_token": "localcrm",
    }
    for path in ("/oauth/v1/token", "/oauth/v3/token", "/oauth/2026-03/token"):
        token = requests.post(hub.url + path, data=form, timeout=10).json()["access_token"]
        hub.session.headers["Authorization"] = f"Bearer {token}"
        assert hub.call("GET", f"{V3}/contacts").status_code == 200
    hub.face.clock.advance(1801)
    assert hub.call("GET", f"{V3}/contacts").json()["category"] == "EXPIRED_AUTHENTICATION"


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"nope": "x"}, "PROPERTY_DOESNT_EXIST"),
        ({"hs_email_open": "3"}, "READ_ONLY_VALUE"),
        ({"hs_lead_status": "open"}, "INVALID_OPTION"),
        ({"numberofemployees": "many"}, "INVALID_INTEGER"),
        ({"email": "nobody"}, "INVALID_EMAIL"),
        ({"company": "x" * 65_537}, "INVALID_LENGTH"),
        ({"hubspot_owner_id": "1"}, "INVALID_OWNER_ID"),
        ({"numberofemployees": 12}, "Cannot deserialize"),
        ({"company": None}, "Cannot deserialize"),
        ({"email": "l1@example.com"}, "Existing ID: 98"),
    ],
)
def test_a_bad_value_is_refused_and_nothing_is_written(serve, properties, told):
    hub = serve()
    before = hub.face.records("contacts")
    inputs = [{"id": "98", "properties": {"city": "Bonn"}}, {"id": "97", "properties": properties}]
    refused = hub.call("POST", f"{V3}/contacts/batch/update", {"inputs": inputs})
    assert refused.status_code in (400, 409)
    assert told in refused.text
    assert hub.face.records("contacts") == before


def test_trace_ids_let_the_good_rows_through(serve):
    hub = serve()
    inputs = [
        {"id": str(97 + n), "properties": {"hs_lead_status": status}, "objectWriteTraceId": f"t{n}"}
        for n, status in enumerate(["OPEN", "BAD", "CONNECTED"])
    ]
    answer = hub.call("POST", f"{DATED}/contacts/batch/update", {"inputs": inputs})
    body = answer.json()
    assert (answer.status_code, body["numErrors"]) == (207, 1)
    assert body["errors"][0]["context"] == {"objectWriteTraceId": ["t1"]}
    assert {row["objectWriteTraceId"]: row["id"] for row in body["results"]} == {"t0": "97", "t2": "99"}
    inputs[1]["objectWriteTraceId"] = "t0"
    assert hub.call("POST", f"{DATED}/contacts/batch/update", {"inputs": inputs}).status_code == 400


def test_a_batch_takes_a_hundred_distinct_ids(serve):
    hub = serve(company(120))
    rows = [{"id": str(97 + n), "properties": {"city": "Ulm"}} for n in range(101)]
    assert hub.call("POST", f"{V3}/contacts/batch/update", {"inputs": rows}).status_code == 400
    assert hub.call("POST", f"{V3}/contacts/batch/update", {"inputs": rows[:100]}).status_code == 200
    twice = hub.call("POST", f"{V3}/contacts/batch/update", {"inputs": rows[:1] * 2})
    assert twice.status_code == 400
    assert "Duplicate IDs found in batch input" in twice.text
    read = {"inputs": [{"id": "97"}] * 51, "properties": [], "propertiesWithHistory": ["city"]}
    assert hub.call("POST", f"{V3}/contacts/batch/read", read).status_code == 400


def test_every_write_moves_the_stamp_and_only_a_change_makes_history(serve):
    hub = serve()
    for seconds, city in ((1.5, "Bonn"), (1, "Bonn"), (1, "")):
        hub.face.clock.advance(seconds)
        hub.call("PATCH", f"{V3}/contacts/97", {"properties": {"city": city}})
    asked = {"inputs": [{"id": "97"}, {"id": "5"}], "properties": ["city"], "propertiesWithHistory": ["city"]}
    answer = hub.call("POST", f"{V3}/contacts/batch/read", asked)
    assert answer.status_code == 207
    assert answer.json()["errors"][0]["context"]["ids"] == ["5"]
    row = answer.json()["results"][0]
    assert row["properties"]["city"] is None
    assert row["properties"]["lastmodifieddate"] == "2026-03-02T08:00:03.500Z"
    history = row["propertiesWithHistory"]["city"]
    assert [(one["value"], one["timestamp"][-7:], one["sourceType"]) for one in history] == [
        ("", "03.500Z", "INTEGRATION"),
        ("Bonn", "01.500Z", "INTEGRATION"),
    ]


def test_lifecycle_goes_forward_only_unless_cleared(serve):
    hub = serve()
    for given, kept in (
        ("lead", "marketingqualifiedlead"),
        ("customer", "customer"),
        ("", None),
        ("lead", "lead"),
    ):
        hub.call("PATCH", f"{V3}/contacts/97", {"properties": {"lifecyclestage": given}})
        told = hub.call("GET", f"{V3}/contacts/97", properties="lifecyclestage").json()
        assert told["properties"]["lifecyclestage"] == kept


def test_upsert_needs_a_unique_property(serve):
    hub = serve()
    row = {"id": "L1@Example.com", "idProperty": "email", "properties": {"city": "Köln"}}
    new = {"id": "new@example.com", "idProperty": "email", "properties": {}}
    body = hub.call("POST", f"{V3}/contacts/batch/upsert", {"inputs": [row, new]}).json()
    assert {(told["id"], told["new"]) for told in body["results"]} == {("98", False), ("109", True)}
    row["idProperty"] = "city"
    assert "non-unique" in hub.call("POST", f"{V3}/contacts/batch/upsert", {"inputs": [row]}).text
    row["idProperty"] = "email"
    assert hub.call("POST", f"{V3}/contacts/batch/update", {"inputs": [row]}).status_code == 400


def test_the_search_has_its_own_second_and_the_rest_a_rolling_burst(serve):
    hub = serve()
    answers = [hub.search() for _ in range(6)]
    assert "X-HubSpot-RateLimit-Max" not in answers[0].headers
    assert answers[-1].json()["message"] == "You have reached your secondly limit."
    assert "Retry-After" not in answers[-1].headers
    for _ in range(190):
        answer = hub.call("GET", "/account-info/v3/details")
        assert answer.status_code == 200
    assert answer.headers["X-HubSpot-RateLimit-Remaining"] == "0"
    assert hub.call("GET", f"{V3}/contacts").json()["policyName"] == "TEN_SECONDLY_ROLLING"
    labels = hub.call("POST", "/crm/v4/associations/contacts/tasks/batch/read", {"inputs": [{"id": "97"}]})
    assert labels.status_code == 207


def test_a_task_needs_the_right_association_type_and_a_due_date(serve):
    hub = serve()

    def task(type_id, **values):
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]
        return {"properties": values, "associations": [{"to": {"id": "97"}, "types": types}]}

    made = hub.call(
        "POST", f"{V3}/tasks", task(204, hs_timestamp="2026-03-03T09:00:00Z", hs_task_status="COMPLETED")
    )
    assert made.json()["properties"]["hs_task_completion_date"] == "2026-03-02T08:00:00.000Z"
    assert hub.call("POST", f"{V3}/tasks", task(203, hs_timestamp="1")).status_code == 400
    assert hub.call("POST", f"{V3}/tasks", task(204)).status_code == 400
    assert hub.found(where("associations.contact", "EQ", "97"), kind="tasks") == [made.json()["id"]]
    assert hub.call("DELETE", f"{V3}/tasks/{made.json()['id']}").status_code == 204
    assert hub.call("GET", f"{V3}/tasks", archived="true").json()["results"][0]["archived"] is True
    assert hub.face.records("contacts")[0]["associations"] == {}


@pytest.mark.parametrize("allowed", [False, True])
def test_a_unique_property_on_tasks_is_a_switch(serve, allowed):
    hub = serve(task_unique_property=allowed)
    for kind, group, takes in (("contacts", "contactinformation", True), ("tasks", "task", allowed)):
        told = {
            "name": "leadsla_key",
            "label": "Key",
            "type": "string",
            "fieldType": "text",
            "groupName": group,
        }
        made = hub.call("POST", f"/crm/properties/2026-03/{kind}", {**told, "hasUniqueValue": True})
        assert made.status_code == (201 if takes else 400)
    first = hub.call("PATCH", f"{V3}/contacts/97", {"properties": {"leadsla_key": "k"}})
    again = hub.call("PATCH", f"{V3}/contacts/98", {"properties": {"leadsla_key": "K"}})
    assert (first.status_code, again.status_code) == (200, 409)


def test_merged_ids_find_the_survivor(serve):
    hub = serve()
    hub.call("POST", f"{V3}/contacts/merge", {"primaryObjectId": "97", "objectIdToMerge": "98"})
    assert hub.call("GET", f"{V3}/contacts/98").json()["id"] == "97"
    assert len(hub.face.records("contacts")) == 11


def test_odd_addresses_are_refused_as_hubspot_does(serve):
    hub = serve()
    assert hub.call("GET", f"{V3}/contacts", properties="p" * 8000).status_code == 414
    assert hub.call("GET", "/crm/v3/unheard-of").status_code == 404
    assert hub.call("GET", f"{V3}/leads").json()["category"] == "MISSING_SCOPES"
    assert hub.call("GET", f"{V3}/unicorns").status_code == 400
    assert hub.call("GET", f"{V3}/contacts").headers["Date"] == "Mon, 02 Mar 2026 08:00:00 GMT"


def test_a_person_edits_with_history_and_bad_edits_are_refused(serve):
    hub = serve()
    hub.face.clock.advance(60)
    [row] = hub.face.edit(
        "contacts", [{"id": "97", "hs_lead_status": "IN_PROGRESS", "_by": "ada@example.com"}]
    )
    assert row["updatedAt"] == "2026-03-02T08:01:00.000Z"
    told = hub.call("GET", f"{V3}/contacts/97", propertiesWithHistory="hs_lead_status").json()
    first, older = told["propertiesWithHistory"]["hs_lead_status"]
    assert (first["sourceType"], first["sourceId"]) == ("CRM_UI", "userId:7301")
    assert (older["value"], older["sourceType"]) == ("OPEN", "IMPORT")
    call = {"hs_timestamp": "2026-03-02T08:01:00Z", "associations": [{"to": "97"}]}
    [made] = hub.face.edit("calls", [call])
    assert made["associations"]["contacts"]["results"] == [{"id": "97", "type": "call_to_contact"}]
    hub.face.edit("calls", [{"id": made["id"], "delete": True}])
    assert hub.face.records("calls") == []
    for bad in ({"id": "97", "hs_lead_status": "x"}, {"id": "5"}, {"id": "97", "_by": "nobody"}):
        with pytest.raises(Refused):
            hub.face.edit("contacts", [bad])

"""Claims about what portals differ in: limits, scopes, tokens and the practice HubSpot's other switches."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from localcrm.hubspot.named_answers import NAMED
from localcrm.hubspot.switches import Switches
from tests.unit.practice_hubspot import DATED, V3, portal

FORM = {"grant_type": "refresh_token", "client_id": "localcrm", "client_secret": "localcrm"}


def test_switches_are_shown_turned_and_refused_when_unknown():
    with portal() as hub:
        assert hub.control("GET", "/switches").json()["leads"] is False
        assert hub.turn(leads=True)["leads"] is True
        assert hub.get(f"{V3}/leads").status_code == 200
        for wrong in ({"lead": True}, {"leads": 1}, {"burst_limit": -1}, {"missing_scopes": "x"}, {}, []):
            assert hub.control("POST", "/switches", wrong).status_code == 400
        assert hub.control("POST", "/switches", {"limit_bodies": "guessed"}).status_code == 400


@pytest.mark.parametrize(
    ("bodies", "policies"), [("documented", ("DAILY", "TEN_SECONDLY_ROLLING")), ("recorded", (None, None))]
)
def test_a_refused_day_and_burst_name_their_policy_only_as_documented(bodies, policies):
    with portal(limits=True, limit_bodies=bodies, daily_limit=3) as hub:
        for _ in range(3):
            assert hub.get(f"{V3}/contacts").status_code == 200
        day = hub.get(f"{V3}/contacts")
        assert (day.status_code, day.json().get("policyName")) == (429, policies[0])
        assert day.json()["message"] == "You have reached your daily limit."
        hub.turn(daily_limit=1000, burst_limit=3)
        burst = hub.get(f"{V3}/contacts")
        assert (burst.status_code, burst.json().get("policyName")) == (429, policies[1])
        assert ("category" in burst.json()) == (bodies == "recorded")


@pytest.mark.parametrize("seconds", [0, 7])
def test_retry_after_comes_only_from_portals_that_send_it(seconds):
    with portal(limits=True, burst_limit=0, retry_after=seconds) as hub:
        refused = hub.get(f"{V3}/contacts")
        assert refused.status_code == 429
        assert refused.headers.get("Retry-After") == (str(seconds) if seconds else None)


def test_the_day_begins_anew_at_midnight():
    with portal(limits=True, daily_limit=1) as hub:
        assert hub.get(f"{V3}/contacts").status_code == 200
        assert hub.get(f"{V3}/contacts").status_code == 429
        hub.clock.advance(16 * 3600)
        assert hub.get(f"{V3}/contacts").status_code == 200


@pytest.mark.parametrize(
    ("scope", "method", "path", "untouched"),
    [
        ("crm.objects.contacts.read", "GET", f"{V3}/contacts", "/crm/v3/owners"),
        ("crm.objects.contacts.read", "POST", f"{DATED}/tasks/search", "/crm/v3/owners"),
        ("crm.objects.contacts.write", "POST", f"{V3}/tasks/batch/create", f"{V3}/contacts"),
        ("crm.objects.leads.read", "GET", "/crm/v3/pipelines/leads", f"{V3}/contacts"),
        ("crm.objects.owners.read", "GET", "/crm/owners/2026-03", f"{V3}/contacts"),
        ("crm.schemas.contacts.write", "POST", "/crm/v3/properties/contacts", "/crm/v3/properties/contacts"),
        ("crm.objects.deals.read", "POST", "/crm/v4/associations/deals/contacts/batch/read", f"{V3}/tasks"),
        ("content", "GET", "/email/public/v1/events", f"{V3}/contacts"),
        ("forms", "GET", "/marketing/v3/forms", f"{V3}/contacts"),
    ],
)
def test_a_scope_not_granted_is_named_and_closes_only_its_own_doors(scope, method, path, untouched):
    with portal(leads=True, missing_scopes=(scope,)) as hub:
        refused = hub.call(method, path, {"inputs": []} if method == "POST" else None)
        assert refused.status_code == 403
        body = refused.json()
        assert body["category"] == "MISSING_SCOPES"
        assert body["errors"][0]["context"]["requiredGranularScopes"] == [scope]
        assert hub.get(untouched).status_code == 200
        hub.turn(missing_scopes=[])
        assert hub.call(method, path, {"inputs": []} if method == "POST" else None).status_code != 403


@pytest.mark.parametrize("path", ["/oauth/v3/token", "/oauth/2026-03/token", "/oauth/2026-09/token"])
def test_a_rotated_refresh_token_works_once(path):
    with portal(rotating_refresh_token=True) as hub:

        def refresh(token):
            return requests.post(hub.url + path, data={**FORM, "refresh_token": token}, timeout=10)

        first = refresh("localcrm").json()
        assert first["refresh_token"] != "localcrm"
        assert refresh("localcrm").json()["category"] == "BAD_REFRESH_TOKEN"
        second = refresh(first["refresh_token"])
        assert second.status_code == 200
        assert refresh(first["refresh_token"]).status_code == 400
        hub.session.headers["Authorization"] = f"Bearer {second.json()['access_token']}"
        assert hub.get(f"{V3}/contacts").status_code == 200


def test_the_refresh_token_stays_by_default():
    with portal() as hub:
        for _ in range(2):
            form = {**FORM, "refresh_token": "localcrm"}
            told = requests.post(f"{hub.url}/oauth/v3/token", data=form, timeout=10)
            assert told.json()["refresh_token"] == "localcrm"


@pytest.mark.parametrize(("refuses", "status"), [(False, 207), (True, 409)])
def test_one_conflict_in_an_upsert_may_refuse_the_whole_batch(refuses, status):
    key = {"name": "own_key", "label": "Key", "type": "string", "fieldType": "text", "hasUniqueValue": True}
    with portal(conflict_refuses_batch=refuses) as hub:
        hub.post("/crm/v3/properties/contacts", {**key, "groupName": "contactinformation"})
        inputs = [
            {"id": name, "idProperty": "own_key", "properties": {"email": email}, "objectWriteTraceId": name}
            for name, email in (("good", "good@example.com"), ("bad", "l1@example.com"))
        ]
        before = len(hub.face.records("contacts"))
        answer = hub.post(f"{DATED}/contacts/batch/upsert", {"inputs": inputs})
        assert answer.status_code == status
        assert len(hub.face.records("contacts")) == before + (status == 207)
        bad = [{"id": "97", "properties": {"hs_lead_status": "NO"}, "objectWriteTraceId": "t"}]
        assert hub.post(f"{DATED}/contacts/batch/update", {"inputs": bad}).status_code == 207


@pytest.mark.parametrize(("ignores", "status"), [(False, 400), (True, 201)])
def test_unknown_and_read_only_properties_of_tasks_are_refused_or_dropped(ignores, status):
    with portal(ignores_unknown_on_tasks=ignores) as hub:
        values = {"hs_timestamp": "1", "nope": "x", "hs_createdate": "1"}
        made = hub.post(f"{V3}/tasks", {"properties": values, "associations": []})
        assert made.status_code == status
        assert hub.post(f"{V3}/contacts", {"properties": {"nope": "x"}}).status_code == 400


@pytest.mark.parametrize(("as_text", "first"), [(False, ["99", "100", "101"]), (True, ["99"])])
def test_ids_compare_as_numbers_unless_the_portal_takes_them_as_text(as_text, first):
    with portal(text_sorted_ids=as_text) as hub:
        above = [{"propertyName": "hs_object_id", "operator": "GT", "value": "98"}]
        asked = {"filterGroups": [{"filters": above}], "sorts": ["hs_object_id"], "limit": 3}
        found = hub.post(f"{V3}/contacts/search", asked).json()
        assert [row["id"] for row in found["results"]] == first
        everybody = hub.post(f"{V3}/contacts/search", {"sorts": ["hs_object_id"], "limit": 2}).json()
        assert [row["id"] for row in everybody["results"]] == (["100", "101"] if as_text else ["97", "98"])


@pytest.mark.parametrize(
    ("name", "status", "header", "text"),
    [
        ("expired", 401, None, "EXPIRED_AUTHENTICATION"),
        ("too_long", 414, None, "<html>"),
        ("locked", 423, None, "locked"),
        ("burst", 429, None, "TEN_SECONDLY_ROLLING"),
        ("daily", 429, None, '"DAILY"'),
        ("edge", 429, None, "error code: 1015"),
        ("migrating", 477, "3600", "migrated"),
        ("bad_gateway", 502, None, "<html>"),
        ("too_slow", 524, None, "error code: 524"),
    ],
)
def test_hubspots_own_refusals_can_be_ordered_by_name(name, status, header, text):
    with portal() as hub:
        hub.control("POST", "/faults", {"do": "answer", "name": name, "path": "/contacts"})
        answer = hub.get(f"{V3}/contacts")
        assert (answer.status_code, answer.headers.get("Retry-After")) == (status, header)
        assert text in answer.text
        assert hub.get(f"{V3}/contacts").status_code == 200


def test_the_recorded_search_refusal_names_no_policy():
    with portal() as hub:
        hub.control("POST", "/faults", {"do": "answer", "name": "secondly"})
        told = hub.post(f"{V3}/contacts/search", {}).json()
        assert "policyName" not in told
        assert told["message"] == "You have reached your secondly limit."
        unknown = hub.control("POST", "/faults", {"do": "answer", "name": "nothing"})
        assert unknown.status_code == 400
        assert "secondly" in unknown.json()["error"]


def test_an_oauth_app_is_told_nothing_of_the_day():
    with portal(limits=True) as hub:
        private = hub.get(f"{V3}/contacts").headers
        assert (private["X-HubSpot-RateLimit-Daily"], private["X-HubSpot-RateLimit-Max"]) == ("625000", "190")
        form = {**FORM, "refresh_token": "localcrm"}
        token = requests.post(f"{hub.url}/oauth/v3/token", data=form, timeout=10).json()["access_token"]
        hub.session.headers["Authorization"] = f"Bearer {token}"
        granted = hub.get(f"{V3}/contacts").headers
        assert "X-HubSpot-RateLimit-Daily-Remaining" not in granted
        assert granted["X-HubSpot-RateLimit-Remaining"] == "188"


def test_an_owner_can_be_deactivated_and_put_into_teams():
    with portal() as hub:
        [owner] = hub.get("/crm/v3/owners").json()["results"]
        [told] = hub.person("owners", {"id": owner["id"], "teams": ["Inbound", "DACH"]})
        assert [(team["name"], team["primary"]) for team in told["teams"]] == [
            ("Inbound", True),
            ("DACH", False),
        ]
        hub.person("owners", {"id": owner["id"], "active": False})
        assert hub.get("/crm/v3/owners").json()["results"] == []
        values = {"properties": {"hubspot_owner_id": owner["id"]}}
        refused = hub.call("PATCH", f"{V3}/contacts/97", values)
        assert "INVALID_OWNER_ID" in refused.text
        assert hub.control("POST", "/records/owners", {"id": "1", "active": True}).status_code == 400


@pytest.mark.parametrize(
    ("who", "source"),
    [("automation", "AUTOMATION_PLATFORM"), ("integration", "INTEGRATION"), (None, "CRM_UI")],
)
def test_flows_and_other_apps_edit_too(who, source):
    with portal() as hub:
        hub.person("contacts", {"id": "97", "city": "Bonn", "_by": who})
        history = hub.get(f"{V3}/contacts/97", propertiesWithHistory="city").json()["propertiesWithHistory"]
        assert history["city"][0]["sourceType"] == source


def test_another_portal_has_another_number():
    with portal(portal_id=77) as hub:
        assert hub.get("/account-info/v3/details").json()["portalId"] == 77


def test_the_reference_names_every_switch_and_every_answer():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "localcrm.md").read_text(encoding="utf-8")
    missing = [name for name in (*Switches().told(), *NAMED) if f"`{name}`" not in page]
    assert missing == []

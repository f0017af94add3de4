"""Claims about what stands in the way of a call to the practice Salesforce: rules, rights, locks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.practice_org import LEADS, PracticeOrg, code, practice_org

ALLOW = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=false"}
NO_ASSIGN = {"Sforce-Auto-Assign": "FALSE"}


@pytest.fixture
def org() -> Iterator[PracticeOrg]:
    with practice_org() as one:
        yield one


def lead_ids(org: PracticeOrg) -> list[str]:
    return [row["Id"] for row in org.rows("SELECT Id FROM Lead ORDER BY Id")]


def collected(org: PracticeOrg, values: dict[str, Any], count: int = LEADS) -> list[str]:
    """Status codes (or ``ok``) of one update of many leads."""
    records = [{"attributes": {"type": "Lead"}, "id": one, **values} for one in lead_ids(org)[:count]]
    answer = org.call("PATCH", "/composite/sobjects", {"records": records}, headers=NO_ASSIGN)
    assert answer.status_code == 200
    return [one["errors"][0]["statusCode"] if one["errors"] else "ok" for one in answer.json()]


def test_a_duplicate_rule_refuses_unless_the_header_allows(org: PracticeOrg) -> None:
    org.edit("DuplicateRule", {"object": "Lead"})
    double = {"LastName": "D", "Company": "Co", "Email": "l1@example.com"}
    refused = org.call("POST", "/sobjects/Lead", double)
    assert code(refused) == (400, "DUPLICATES_DETECTED")
    assert refused.json()[0]["duplicateResult"]["allowSave"] is True
    assert org.call("POST", "/sobjects/Lead", double, headers=ALLOW).status_code == 201
    # an update of what is a duplicate now is refused as well
    assert collected(org, {"City": "Bonn"}, 2) == ["ok", "DUPLICATES_DETECTED"]
    org.edit("DuplicateRule", {"delete": True})
    assert collected(org, {"City": "Bonn"}, 2) == ["ok", "ok"]


def test_a_blocking_duplicate_rule_lets_no_header_through(org: PracticeOrg) -> None:
    org.edit("DuplicateRule", {"object": "Lead", "block": True})
    double = {"LastName": "D", "Company": "Co", "Email": "l1@example.com"}
    assert code(org.call("POST", "/sobjects/Lead", double, headers=ALLOW)) == (400, "DUPLICATES_DETECTED")


def test_a_validation_rule_names_the_field_it_wants(org: PracticeOrg) -> None:
    rule = {"object": "Lead", "requires": "Rejection_Reason__c", "when": {"Status": "Closed - Not Converted"}}
    org.edit("ValidationRule", {**rule, "message": "Say why."})
    path = f"/sobjects/Lead/{org.lead()}"
    refused = org.call("PATCH", path, {"Status": "Closed - Not Converted"})
    assert code(refused) == (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert (refused.json()[0]["message"], refused.json()[0]["fields"]) == (
        "Say why.",
        ["Rejection_Reason__c"],
    )
    told = {"Status": "Closed - Not Converted", "Rejection_Reason__c": "no budget"}
    assert org.call("PATCH", path, told).status_code == 204


@pytest.mark.parametrize("name", ["CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER"])
def test_a_trigger_fails_for_big_batches_only(org: PracticeOrg, name: str) -> None:
    org.edit("ApexTrigger", {"object": "Lead", "fails_over": 4, "code": name})
    assert collected(org, {"City": "Bonn"}, 5) == [name] * 5
    assert collected(org, {"City": "Bonn"}, 4) == ["ok"] * 4


def test_a_locked_row_refuses_so_many_times_and_the_rest_of_the_batch_is_saved(org: PracticeOrg) -> None:
    org.edit("Lead", {"Id": lead_ids(org)[1], "lock": 2})
    assert [collected(org, {"City": "Bonn"}, 3)[1] for _ in range(3)] == [
        "UNABLE_TO_LOCK_ROW",
        "UNABLE_TO_LOCK_ROW",
        "ok",
    ]


def test_the_assignment_rule_runs_on_an_update_unless_forbidden_or_not_active(org: PracticeOrg) -> None:
    path = f"/sobjects/Lead/{org.lead()}"
    owner = "SELECT Owner.Name FROM Lead WHERE LastName = 'Lead0'"
    org.call("PATCH", path, {"City": "Bonn"}, headers=NO_ASSIGN)
    assert org.rows(owner)[0]["Owner"]["Name"] == "Ada Stone"
    org.switch(assignment_rules=False)
    org.call("PATCH", path, {"City": "Bonn"})
    assert org.rows(owner)[0]["Owner"]["Name"] == "Ada Stone"
    org.switch(assignment_rules=True)
    org.call("PATCH", path, {"City": "Bonn"})
    assert org.rows(owner)[0]["Owner"]["Name"] == "Inbound Leads"


def test_a_hidden_field_is_nowhere_and_cannot_be_set(org: PracticeOrg) -> None:
    org.switch(hidden_fields=["Lead.Phone", "Lead.Status"])
    described = org.call("GET", "/sobjects/Lead/describe").json()
    assert not {"Phone", "Status"} & {field["name"] for field in described["fields"]}
    assert code(org.call("GET", "/query", params={"q": "SELECT Phone FROM Lead"})) == (400, "INVALID_FIELD")
    lead = org.lead()
    assert "Phone" not in org.call("GET", f"/sobjects/Lead/{lead}").json()
    refused = org.call("PATCH", f"/sobjects/Lead/{lead}", {"Phone": "1"})
    assert code(refused) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    # a person in the screens still sees it, and history keeps it from us
    org.edit("Lead", {"Id": lead, "Phone": "1", "Status": "Marketing Qualified"})
    assert [row["Field"] for row in org.rows(f"SELECT Field FROM LeadHistory WHERE LeadId = '{lead}'")] == [
        "created"
    ]


def test_a_read_only_field_says_so_in_the_describe_and_refuses(org: PracticeOrg) -> None:
    org.switch(read_only_fields=["Lead.City"])
    described = org.call("GET", "/sobjects/Lead/describe").json()
    (city,) = [field for field in described["fields"] if field["name"] == "City"]
    assert (city["createable"], city["updateable"]) == (False, False)
    refused = org.call("PATCH", f"/sobjects/Lead/{org.lead()}", {"City": "Bonn"})
    assert code(refused) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


def test_objects_the_org_lacks_are_unknown_everywhere() -> None:
    with practice_org(absent_objects=("CampaignMember", "EmailMessage")) as org:
        names = {one["name"] for one in org.call("GET", "/sobjects").json()["sobjects"]}
        assert not {"CampaignMember", "EmailMessage"} & names
        assert "Task" in names
        assert org.call("GET", "/sobjects/CampaignMember/describe").status_code == 404
        described = org.call("GET", "/sobjects/Lead/describe").json()
        assert "CampaignMembers" not in {one["relationshipName"] for one in described["childRelationships"]}
        for soql in (
            "SELECT Id FROM CampaignMember",
            "SELECT Id, (SELECT Id FROM CampaignMembers) FROM Lead",
        ):
            assert code(org.call("GET", "/query", params={"q": soql})) == (400, "INVALID_TYPE")


@pytest.mark.parametrize("allowed", [False, True])
def test_tasks_are_upserted_by_an_external_id_only_where_the_org_has_it(allowed: bool) -> None:
    with practice_org(task_external_id=allowed) as org:
        metadata = {"type": "Text", "label": "Key", "length": 80, "externalId": True, "unique": True}
        body = {"FullName": "Activity.Key__c", "Metadata": metadata}
        made = org.call("POST", "/tooling/sobjects/CustomField", body)
        if not allowed:
            assert code(made) == (400, "FIELD_INTEGRITY_EXCEPTION")
            return
        granted = org.call("POST", "/sobjects/PermissionSet", {"Name": "p", "Label": "p"}).json()["id"]
        user = org.call("GET", "/services/oauth2/userinfo").json()["user_id"]
        org.call(
            "POST", "/sobjects/PermissionSetAssignment", {"PermissionSetId": granted, "AssigneeId": user}
        )
        grant = {"ParentId": granted, "SobjectType": "Task", "Field": "Task.Key__c"}
        org.call(
            "POST", "/sobjects/FieldPermissions", {**grant, "PermissionsRead": True, "PermissionsEdit": True}
        )
        task = {"attributes": {"type": "Task"}, "Key__c": "k1", "Subject": "Ring", "WhoId": org.lead()}
        answers = [
            org.call("PATCH", "/composite/sobjects/Task/Key__c", {"records": [task]}).json()[0]
            for _ in range(2)
        ]
        assert [one["created"] for one in answers] == [True, False]
        assert answers[0]["id"] == answers[1]["id"]


def test_who_may_not_customise_is_refused_and_the_admins_session_is_not(org: PracticeOrg) -> None:
    org.switch(may_customise=False)
    body = {"FullName": "Lead.X__c", "Metadata": {"type": "Text", "label": "X", "length": 5}}
    ours = {"Authorization": f"Bearer {org.token()}"}
    assert code(org.call("POST", "/tooling/sobjects/CustomField", body, headers=ours)) == (
        403,
        "INSUFFICIENT_ACCESS",
    )
    refused = org.call("POST", "/sobjects/PermissionSet", {"Name": "p", "Label": "p"}, headers=ours)
    assert code(refused) == (400, "INSUFFICIENT_ACCESS_OR_READONLY")
    assert org.call("POST", "/tooling/sobjects/CustomField", body).status_code == 201


@pytest.mark.parametrize(
    ("door", "body", "words"),
    [
        ("switches", {"no_such": 1}, "no switch no_such"),
        ("switches", {"limits": 1}, "switch limits takes"),
        ("records/ValidationRule", {"object": "Lead"}, "requires"),
        ("bulk_faults", {"job": "other"}, "query or ingest"),
        ("switches", ["limits"], "send a JSON object"),
        ("records/Lead", {"Id": "00Q000000000000EAA", "undelete": True}, "UNDELETE_FAILED"),
    ],
)
def test_the_control_door_says_what_it_does_not_understand(
    org: PracticeOrg, door: str, body: Any, words: str
) -> None:
    answer = requests.post(f"{org.url}/_localcrm/{door}", json=body, timeout=20)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_the_control_door_shows_what_is_set_up(org: PracticeOrg) -> None:
    org.edit("ValidationRule", {"object": "Lead", "requires": "City"})
    org.control("POST", "bulk_faults", {"job": "query"})
    assert org.control("GET", "records/ValidationRule")[0]["requires"] == "City"
    assert org.control("GET", "switches")["daily_limit"] == 100_000
    assert org.control("GET", "bulk_faults")[0]["job"] == "query"
    org.token()
    assert org.control("GET", "sessions") == {"issued": 1}

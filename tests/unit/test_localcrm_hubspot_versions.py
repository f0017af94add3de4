"""Claims about the dated paths, communications, forms and single associations of the practice HubSpot."""

from __future__ import annotations

import pytest

from localcrm.company import Company, Touch
from tests.unit.practice_hubspot import DATED, NEXT, T0, V3, company, link, portal


def rows(statuses):
    return [
        {"id": str(97 + n), "properties": {"hs_lead_status": status}, "objectWriteTraceId": f"t{n}"}
        for n, status in enumerate(statuses)
    ]


@pytest.mark.parametrize(("base", "status"), [(V3, 207), (DATED, 207), (NEXT, 200)])
def test_from_2026_09_on_a_failed_row_hides_inside_a_200(base, status):
    with portal() as hub:
        answer = hub.post(f"{base}/contacts/batch/update", {"inputs": rows(["OPEN", "NO SUCH"])})
        body = answer.json()
        assert (answer.status_code, body["numErrors"], len(body["results"])) == (status, 1, 1)
        assert body["errors"][0]["context"]["objectWriteTraceId"] == ["t1"]


def test_from_2026_09_on_creates_reads_and_associations_have_no_207():
    with portal() as hub:
        inputs = [
            {"properties": {"hs_timestamp": "1"}, "objectWriteTraceId": "a", "associations": []},
            {"properties": {}, "objectWriteTraceId": "b", "associations": []},
        ]
        made = hub.post(f"{NEXT}/tasks/batch/create", {"inputs": inputs})
        assert (made.status_code, made.json()["numErrors"]) == (201, 1)
        asked = {"inputs": [{"id": "97"}, {"id": "5"}], "properties": [], "propertiesWithHistory": []}
        read = hub.post(f"{NEXT}/contacts/batch/read", asked)
        assert (read.status_code, read.json()["errors"][0]["context"]["ids"]) == (200, ["5"])
        ends = {"inputs": [{"id": "97"}]}
        linked = hub.post("/crm/associations/2026-09/contacts/tasks/batch/read", ends)
        assert (linked.status_code, linked.json()["numErrors"]) == (200, 1)


@pytest.mark.parametrize(("base", "status"), [(V3, 200), (DATED, 200), (NEXT, 400)])
def test_validation_rules_bind_from_2026_09_on(base, status):
    rule = {"property": "phone", "ruleType": "REGEX", "ruleArguments": [r"\+\d+"]}
    with portal() as hub:
        hub.person("property_validations", rule)
        answer = hub.call("PATCH", f"{base}/contacts/97", {"properties": {"phone": "call me"}})
        assert answer.status_code == status
        batch = {"inputs": [{"id": "98", "properties": {"phone": "call me"}}]}
        assert hub.post(f"{base}/contacts/batch/update", batch).status_code == status
        fine = hub.call("PATCH", f"{base}/contacts/97", {"properties": {"phone": "+49123"}})
        assert fine.status_code == 200
        [told] = hub.get("/crm/v3/property-validations/0-1").json()["results"]
        assert told["propertyValidationRules"] == [{"ruleType": "REGEX", "ruleArguments": [r"\+\d+"]}]


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (("MIN_LENGTH", "3"), "abc", "ab"),
        (("MAX_LENGTH", "3"), "abc", "abcd"),
        (("MIN_NUMBER", "10"), "10", "9"),
        (("MAX_NUMBER", "10"), "10", "11"),
    ],
)
def test_each_rule_knows_its_border(rule, good, bad):
    with portal() as hub:
        name = "numberofemployees" if "NUMBER" in rule[0] else "city"
        hub.person(
            "property_validations", {"property": name, "ruleType": rule[0], "ruleArguments": [rule[1]]}
        )
        for value, status in ((good, 200), (bad, 400), ("", 200)):
            answer = hub.call("PATCH", f"{NEXT}/contacts/97", {"properties": {name: value}})
            assert answer.status_code == status
        odd = {"property": name, "ruleType": rule[0], "ruleArguments": ["many"]}
        assert hub.control("POST", "/records/property_validations", odd).status_code == 400


def test_communications_are_activities_with_a_channel_and_a_contact():
    with portal() as hub:
        values = {"hs_timestamp": "2026-03-02T07:00:00Z", "hs_communication_channel_type": "WHATS_APP"}
        made = hub.post(f"{DATED}/0-18", {"properties": values, "associations": [link("97", 81)]})
        assert made.status_code == 201
        about = [{"propertyName": "associations.contact", "operator": "EQ", "value": "97"}]
        found = hub.post(f"{V3}/communications/search", {"filterGroups": [{"filters": about}]}).json()
        assert [row["id"] for row in found["results"]] == [made.json()["id"]]
        back = hub.post("/crm/v4/associations/contacts/communications/batch/read", {"inputs": [{"id": "97"}]})
        [end] = back.json()["results"][0]["to"]
        assert end["associationTypes"][0]["typeId"] == 82
        for wrong in ({"hs_timestamp": "1"}, {**values, "hs_communication_channel_type": "PIGEON"}):
            refused = hub.post(f"{V3}/communications", {"properties": wrong, "associations": []})
            assert refused.status_code == 400


def story_with_forms():
    told = company()
    touches = tuple(
        Touch(f"l{n % 6}", "hand_raise" if n == 3 else "form", T0, "Demo" if n % 2 else "Guide")
        for n in range(6)
    )
    return Company(told.reps, (), told.leads, touches, (), T0)


def test_forms_and_their_submissions_are_listed_by_guid():
    with portal(story_with_forms()) as hub:
        names = {row["name"]: row["id"] for row in hub.get("/marketing/v3/forms", limit=1).json()["results"]}
        names |= {row["name"]: row["id"] for row in hub.get("/marketing/v3/forms", after=1).json()["results"]}
        assert set(names) == {"Demo", "Guide"}
        path = f"/form-integrations/v1/submissions/forms/{names['Demo']}"
        hub.clock.advance(60)
        hub.person(
            "form_submissions", {"form": "Demo", "email": "New@Example.com", "pageUrl": "https://a.b/c"}
        )
        first = hub.get(path, limit=3).json()
        rest = hub.get(path, after=first["paging"]["next"]["after"]).json()
        newest = first["results"][0]
        assert {"name": "email", "value": "new@example.com", "objectTypeId": "0-1"} in newest["values"]
        assert (newest["submittedAt"], newest["pageUrl"]) == (1772438460000, "https://a.b/c")
        assert (len(first["results"]), len(rest["results"]), "paging" in rest) == (3, 1, False)
        assert ["conversionId" in row for row in first["results"]] == [True, True, False]
        assert hub.get(path, limit=51).status_code == 400
        assert hub.get("/form-integrations/v1/submissions/forms/none").status_code == 404
        assert hub.get(f"/marketing/v3/forms/{names['Demo']}").json()["name"] == "Demo"


def test_single_associations_are_put_and_deleted():
    with portal() as hub:
        made = hub.post(f"{V3}/companies", {"properties": {"name": "Kern"}}).json()["id"]
        path = f"/crm/v4/objects/contacts/97/associations/companies/{made}"
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
        assert hub.call("PUT", path, types).status_code == 201
        default = f"/crm/v4/objects/contacts/97/associations/default/companies/{made}"
        assert hub.call("PUT", default).status_code == 200
        [end] = hub.get("/crm/v4/objects/contacts/97/associations/companies").json()["results"]
        assert [told["typeId"] for told in end["associationTypes"]] == [1, 279]
        assert hub.call("DELETE", path).status_code == 204
        assert hub.get("/crm/v4/objects/contacts/97/associations/companies").json()["results"] == []
        assert hub.call("PUT", path, [{"associationTypeId": 204}]).status_code == 400
        assert hub.call("PUT", default.replace("/97/", "/5/")).status_code == 404

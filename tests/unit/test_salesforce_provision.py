"""Our fields, permission sets and list views in an org: made once, granted, told, taken away; or deployed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from pydantic import SecretStr

from connectors.base import ProvisionStep
from connectors.errors import Unauthorised
from connectors.salesforce.definitions import (
    PERMISSION_SET,
    READERS,
    Component,
    fields,
    list_views,
    permission_sets,
)
from connectors.salesforce.metadata_api import MetadataApi, _schema, as_schema
from connectors.salesforce.source import source_files
from tests.faults.proxy import Sent, Told
from tests.faults.salesforce_org import SalesforceOrg, salesforce_org

pytestmark = pytest.mark.slow  # over HTTP, minutes in all

DOCS = Path(__file__).parents[2] / "docs" / "salesforce"
SOAP = "{http://soap.sforce.com/2006/04/metadata}"
REFUSED = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope'
    ' xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns="http://soap.sforce.com/2006/04/metadata"><soapenv:Body><{verb}Response>{results}</{verb}Response>'
    "</soapenv:Body></soapenv:Envelope>"
)


@pytest.fixture
def fresh() -> Iterator[SalesforceOrg]:
    with salesforce_org(2, is_provisioned=False) as one:
        yield one


@pytest.fixture
def org() -> Iterator[SalesforceOrg]:
    with salesforce_org(2) as one:
        yield one


def by_what(steps: list[ProvisionStep]) -> dict[str, ProvisionStep]:
    return {step.what: step for step in steps}


def refusing(part: bytes, code: str) -> Any:
    """Salesforce refuses every component of a call that has this in it."""

    def meddle(sent: Sent, forward: Any) -> Told:
        verb = next((one for one in ("createMetadata", "upsertMetadata") if one.encode() in sent.body), "")
        if not verb or part not in sent.body:
            return forward()
        names = [one.text for one in ET.fromstring(sent.body).iter(f"{SOAP}fullName")]
        error = f"<errors><message>Ann</message><statusCode>{code}</statusCode></errors>"
        created = "<created>false</created>" if verb == "upsertMetadata" else ""
        results = "".join(
            f"<result>{created}{error}<fullName>{name}</fullName><success>false</success></result>"
            for name in names
        )
        body = REFUSED.format(verb=verb, results=results)
        return Told(200, body.encode(), {"Content-Type": "text/xml"})

    return meddle


def test_fields_permission_sets_and_list_views_are_made_once_and_all_told(fresh):
    planned = fresh.crm.provision(dry_run=True)
    assert [step.what for step in planned if not step.what.startswith("field")] == [
        "permission set leadsla",
        "permission set leadsla_read",
        "list view Lead.LeadSLA_Answer_Now",
        "list view Lead.LeadSLA_At_Risk",
        "list view Lead.LeadSLA_Breached",
    ]
    assert fresh.face.records("ListView") == []
    assert all(step.created for step in fresh.crm.provision(dry_run=False))
    assert sorted(row["Name"] for row in fresh.face.records("ListView")) == [
        "SLA: answer now",
        "SLA: at risk",
        "SLA: breached",
    ]
    assert all(step.exists for step in fresh.crm.provision(dry_run=False))
    sets = {row["Id"]: row["Name"] for row in fresh.face.records("PermissionSet")}
    granted = [
        (sets[row["ParentId"]], row["PermissionsEdit"]) for row in fresh.face.records("FieldPermissions")
    ]
    assert set(granted) == {(PERMISSION_SET, True), (READERS, False)}
    held = [sets[row["PermissionSetId"]] for row in fresh.face.records("PermissionSetAssignment")]
    assert held == [PERMISSION_SET]


@pytest.mark.parametrize("takes_it", [False, True])
def test_the_key_is_a_unique_external_id_where_the_org_takes_one_and_plain_where_not(takes_it):
    with salesforce_org(1, is_provisioned=False, task_external_id=takes_it) as org:
        step = by_what(org.crm.provision(dry_run=False))["field Activity.LeadSLA_Key__c"]
        described = org.crm._client.describe("Task")["fields"]
    key = next(one for one in described if one["name"] == "LeadSLA_Key__c")
    assert (step.created, key["externalId"], key["unique"]) == (True, takes_it, takes_it)
    assert step.remark == (
        ""
        if takes_it
        else "the org takes no external id on activities: our tasks are looked up by it instead"
    )


def test_fields_that_were_only_hidden_are_granted_and_not_called_made(org):
    for row in org.face.records("FieldPermissions"):
        org.edit("FieldPermissions", Id=row["Id"], delete=True)
    planned = by_what(org.crm.provision(dry_run=True))["permission set leadsla"]
    assert (planned.exists, planned.remark) == (True, "does not grant all of our fields yet")
    done = org.crm.provision(dry_run=False)
    assert {(step.exists, step.created) for step in done} == {(True, False)}
    assert by_what(done)["permission set leadsla"].remark == "now grants all of our fields"
    assert {step.remark for step in org.crm.provision(dry_run=False)} == {""}
    assert [one for one in org.crm.check() if not one.is_warning] == []


def test_fields_that_stay_hidden_are_no_success(fresh):
    fresh.proxy.meddle = refusing(b"PermissionSet", "INSUFFICIENT_ACCESS_OR_READONLY")
    with pytest.raises(Unauthorised, match=r"INSUFFICIENT_ACCESS.*permission set") as refusal:
        fresh.crm.provision(dry_run=False)
    assert "Ann" not in str(refusal.value)


def test_what_an_admin_put_into_our_permission_set_stays_in_it(org):
    (row,) = [one for one in org.face.records("PermissionSet") if one["Name"] == PERMISSION_SET]
    api = MetadataApi(org.crm._client)
    there = api.read("PermissionSet", [PERMISSION_SET])[PERMISSION_SET]
    more = {"editable": False, "field": "Lead.Phone", "readable": True}
    kept = [one for one in there["fieldPermissions"] if "Score" not in one["field"]]
    value = {"label": "Ours", "fieldPermissions": [*kept, more]}
    api.put([Component("PermissionSet", PERMISSION_SET, value)])
    org.edit("FieldPermissions", Id=_score(org, row["Id"]), delete=True)
    org.crm.provision(dry_run=False)
    after = api.read("PermissionSet", [PERMISSION_SET])[PERMISSION_SET]
    assert after["label"] == "Ours"
    assert {"Lead.Phone", "Lead.LeadSLA_Score__c"} <= {one["field"] for one in after["fieldPermissions"]}


def _score(org: SalesforceOrg, set_id: str) -> str:
    rows = org.face.records("FieldPermissions")
    return next(
        row["Id"] for row in rows if row["ParentId"] == set_id and row["Field"] == "Lead.LeadSLA_Score__c"
    )


def test_a_field_of_our_name_and_another_type_is_left_alone_by_making_and_by_removing(fresh):
    theirs = Component(
        "CustomField", "Lead.LeadSLA_Score__c", {"type": "Text", "label": "Score", "length": 10}
    )
    MetadataApi(fresh.crm._client).create([theirs])
    told = "is a Text, not a Number, so not ours; rename or remove it in Salesforce"
    for steps in (fresh.crm.provision(dry_run=False), fresh.crm.unprovision(dry_run=False)):
        step = by_what(steps)["field Lead.LeadSLA_Score__c"]
        assert (step.blocked, step.exists, step.removed, step.remark) == (True, False, False, told)
    left = MetadataApi(fresh.crm._client).read("CustomField", [one.name for one in fields()])
    assert list(left) == ["Lead.LeadSLA_Score__c"]


def test_everything_of_ours_goes_and_nothing_else(org):
    assert all(step.removed for step in org.crm.unprovision(dry_run=False))
    for name in ("PermissionSet", "PermissionSetAssignment", "FieldPermissions", "ListView"):
        assert org.face.records(name) == []
    assert not any(name.startswith("LeadSLA") for row in org.face.records("Lead") for name in row)


def test_an_admin_makes_what_the_running_user_may_not(fresh):
    """The running user needs no right to customise: it only gets the permission set."""
    fresh.switch(may_customise=False)
    with pytest.raises(Unauthorised, match=r"INSUFFICIENT_ACCESS.*provision_auth.*--write-source"):
        fresh.crm.provision(dry_run=False)
    admin = replace(
        fresh.crm._connection, auth_kind="session", credentials={"session": SecretStr("localcrm")}
    )
    fresh.crm._connection = replace(fresh.crm._connection, provision_as=admin)
    assert all(step.created for step in fresh.crm.provision(dry_run=False))
    (held,) = fresh.face.records("PermissionSetAssignment")
    assert held["AssigneeId"] == fresh.face.org.integration_user
    assert [one for one in fresh.crm.check() if not one.is_warning] == []


def test_a_session_that_ended_meanwhile_is_renewed_once(fresh):
    fresh.crm.provision(dry_run=True)
    fresh.end_sessions()
    assert all(step.created for step in fresh.crm.provision(dry_run=False))


def test_list_views_are_made_without_standard_columns_where_the_org_knows_others(fresh):
    fresh.proxy.meddle = refusing(b"FULL_NAME", "INVALID_FIELD")
    steps = by_what(fresh.crm.provision(dry_run=False))
    step = steps["list view Lead.LeadSLA_Breached"]
    assert (step.created, step.remark) == (
        True,
        "the org refuses its standard columns: add name and owner in the list view",
    )
    read = MetadataApi(fresh.crm._client).read("ListView", ["Lead.LeadSLA_Breached"])
    assert all(one.startswith("LeadSLA_") for one in read["Lead.LeadSLA_Breached"]["columns"])


def everything() -> list[Component]:
    return [*fields(), *permission_sets(), *list_views()]


@pytest.mark.parametrize("component", everything(), ids=lambda one: one.what)
def test_salesforces_own_schema_takes_each_component(component):
    as_schema(component)  # an attribute that the type lacks is a TypeError
    for name, kind in (("type", "FieldType"), ("filterScope", "FilterScope")):
        if name in component.value:
            _schema().get_type(f"ns0:{kind}")(component.value[name])
    for one in component.value.get("filters", ()):
        _schema().get_type("ns0:FilterOperation")(one["operation"])


def test_the_schema_is_no_rubber_stamp():
    with pytest.raises(TypeError):
        as_schema(Component("ListView", "Lead.X", {"label": "X", "filterScope": "Mine", "colums": []}))


def test_the_folder_that_comes_with_leadsla_is_what_it_would_write():
    written = {
        path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8")
        for path in DOCS.rglob("*")
        if path.is_file() and path.suffix in {".xml", ".json"}
    }
    assert written == source_files()


def deployed(path: str, content: str) -> Component:
    """A source file read back as Salesforce's tools read it."""
    root = ET.fromstring(content)
    value = _read(root)
    name = path.rpartition("/")[2].partition(".")[0]
    folder = path.split("/")
    full = f"{folder[folder.index('objects') + 1]}.{name}" if "objects" in folder else name
    value.pop("fullName", None)
    return Component(root.tag.removeprefix(SOAP), full, value)


def _read(element: ET.Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in element:
        name = child.tag.removeprefix(SOAP)
        text = child.text or ""
        value: Any = _read(child) if len(child) else {"true": True, "false": False}.get(text, text)
        if name in {"length", "precision", "scale", "visibleLines"}:
            value = int(text)
        if name in {"columns", "filters", "fieldPermissions"}:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found


def test_the_folder_holds_the_same_as_provision_makes():
    read = [deployed(path, text) for path, text in source_files().items() if path.startswith("force-app")]
    made = {one.name: one for one in [*fields(key_as_external_id=False), *permission_sets(), *list_views()]}
    assert {one.name: one for one in read} == made
    manifest = ET.fromstring(source_files()["manifest/package.xml"])
    assert {one.text for one in manifest.iter(f"{SOAP}members")} == set(made)


def test_what_the_folder_holds_can_be_deployed(fresh):
    read = [deployed(path, text) for path, text in source_files().items() if path.startswith("force-app")]
    api = MetadataApi(fresh.crm._client)
    for kind in ("CustomField", "PermissionSet", "ListView"):
        outcomes = api.create([one for one in read if one.kind == kind])
        assert [one.code for one in outcomes] == [""] * len(outcomes)
    assert {step.exists for step in fresh.crm.provision(dry_run=True)} == {True}

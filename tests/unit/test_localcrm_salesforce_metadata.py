"""Claims about the practice Salesforce's Metadata API, made by simple-salesforce's own schema of it."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from simple_salesforce import Salesforce

from tests.practice_org import PracticeOrg, practice_org
from tests.unit.test_localcrm_salesforce import PlainHttp

SOAP = "/services/Soap/m/59.0"


@pytest.fixture(scope="module")
def org() -> Iterator[PracticeOrg]:
    with practice_org() as one:
        one.session.mount("https://", PlainHttp())
        yield one


@pytest.fixture(scope="module")
def mdapi(org: PracticeOrg) -> Any:
    return opened(org, "localcrm")


def opened(org: PracticeOrg, session_id: str) -> Any:
    address = org.url.replace("http://", "https://")
    client = Salesforce(session_id=session_id, instance_url=address, session=org.session)
    client.mdapi._client.transport.session = org.session
    return client.mdapi


def text_field(mdapi: Any, name: str, label: str = "State", **more: Any) -> Any:
    kind = mdapi._client.get_type("ns0:FieldType")("Text")
    return mdapi.CustomField(fullName=name, type=kind, label=label, length=80, **more)


def granted(mdapi: Any, name: str, *fields: str, edit: bool = True) -> Any:
    permission = mdapi._client.get_type("ns0:PermissionSetFieldPermissions")
    rows = [permission(field=field, readable=True, editable=edit) for field in fields]
    return mdapi.PermissionSet(fullName=name, label="Ours", fieldPermissions=rows)


def assign(org: PracticeOrg, name: str) -> None:
    (row,) = org.rows(f"SELECT Id FROM PermissionSet WHERE Name = '{name}'")
    user = org.call("GET", "/services/oauth2/userinfo").json()["user_id"]
    org.call("POST", "/sobjects/PermissionSetAssignment", {"PermissionSetId": row["Id"], "AssigneeId": user})


def shown(org: PracticeOrg, name: str) -> dict[str, Any]:
    return {field["name"]: field for field in org.call("GET", f"/sobjects/{name}/describe").json()["fields"]}


def test_a_field_is_made_hidden_shown_by_a_permission_set_changed_and_removed(
    org: PracticeOrg, mdapi: Any
) -> None:
    mdapi.CustomField.upsert([text_field(mdapi, "Lead.State__c")])
    assert "State__c" not in shown(org, "Lead")
    mdapi.PermissionSet.upsert([granted(mdapi, "ours", "Lead.State__c")])
    assign(org, "ours")
    assert shown(org, "Lead")["State__c"]["updateable"]
    mdapi.CustomField.upsert([text_field(mdapi, "Lead.State__c", label="Our state")])
    assert shown(org, "Lead")["State__c"]["label"] == "Our state"
    read = mdapi.CustomField.read(["Lead.State__c"])
    assert (read.fullName, read.label, read.length) == ("Lead.State__c", "Our state", 80)
    mdapi.PermissionSet.upsert([granted(mdapi, "ours", "Lead.State__c", edit=False)])
    assert not shown(org, "Lead")["State__c"]["updateable"]
    mdapi.CustomField.delete(["Lead.State__c"])
    assert "State__c" not in shown(org, "Lead")
    mdapi.PermissionSet.delete(["ours"])
    assert org.rows("SELECT Id FROM PermissionSet WHERE Name = 'ours'") == []


def test_an_activity_field_needs_both_task_and_event_in_the_permission_set(
    org: PracticeOrg, mdapi: Any
) -> None:
    mdapi.CustomField.upsert([text_field(mdapi, "Activity.Key__c")])
    mdapi.PermissionSet.upsert([granted(mdapi, "activity", "Task.Key__c")])
    assign(org, "activity")
    assert "Key__c" not in shown(org, "Task")
    mdapi.PermissionSet.upsert([granted(mdapi, "activity", "Task.Key__c", "Event.Key__c")])
    assert "Key__c" in shown(org, "Task")
    assert "Key__c" in shown(org, "Event")


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (
            lambda m: [m.PermissionSet, granted(m, "p", "Lead.Nope__c")],
            "no CustomField named Lead.Nope__c found",
        ),
        (lambda m: [m.PermissionSet, granted(m, "p", "Lead.Company")], "required field"),
        (lambda m: [m.CustomField, text_field(m, "Lead.no good__c")], "name is not valid"),
        (lambda m: [m.CustomField, text_field(m, "Nope.X__c")], "bad value: Nope"),
        (lambda m: [m.CustomField, text_field(m, "Activity.E__c", externalId=True)], "external ID"),
        (lambda m: [m.ListView, view(m, columns=["Nope__c"])], "Could not resolve list view column"),
        (lambda m: [m.ListView, view(m, label="x" * 41)], "1 to 40 characters"),
    ],
)
def test_what_the_org_cannot_make_is_refused_in_words(mdapi: Any, build: Any, words: str) -> None:
    kind, component = build(mdapi)
    with pytest.raises(Exception, match=words):
        kind.upsert([component])


def view(mdapi: Any, name: str = "Lead.Answer_now", label: str = "Answer now", **more: Any) -> Any:
    scope = mdapi._client.get_type("ns0:FilterScope")("Everything")
    columns = more.pop("columns", ["FULL_NAME", "LEAD.STATUS"])
    return mdapi.ListView(fullName=name, label=label, filterScope=scope, columns=columns, **more)


def test_a_list_view_is_made_renamed_read_and_removed(org: PracticeOrg, mdapi: Any) -> None:
    by_status = mdapi._client.get_type("ns0:ListViewFilter")(
        field="LEAD.STATUS", operation="equals", value="Marketing Qualified"
    )
    mdapi.ListView.upsert([view(mdapi, filters=[by_status])])
    soql = "SELECT Name, DeveloperName FROM ListView WHERE SobjectType = 'Lead'"
    assert [row["Name"] for row in org.rows(soql)] == ["Answer now"]
    mdapi.ListView.upsert([view(mdapi, label="Answer at once", filters=[by_status])])
    assert [row["Name"] for row in org.rows(soql)] == ["Answer at once"]
    read = mdapi.ListView.read(["Lead.Answer_now"])
    assert (read.label, read.columns) == ("Answer at once", ["FULL_NAME", "LEAD.STATUS"])
    assert read.filters[0].value == "Marketing Qualified"
    mdapi.ListView.delete(["Lead.Answer_now"])
    assert org.rows(soql) == []
    assert mdapi.ListView.read(["Lead.Answer_now"]).fullName is None


def test_what_is_not_there_cannot_be_updated_or_deleted_and_what_is_there_not_created(mdapi: Any) -> None:
    with pytest.raises(Exception, match="not found"):
        mdapi.ListView.update([view(mdapi)])
    with pytest.raises(Exception, match="No ListView named"):
        mdapi.ListView.delete(["Lead.Answer_now"])
    mdapi.ListView.create([view(mdapi)])
    with pytest.raises(Exception, match="exists already"):
        mdapi.ListView.create([view(mdapi)])
    mdapi.ListView.delete(["Lead.Answer_now"])


def test_an_ended_session_and_one_without_the_right_are_refused(org: PracticeOrg) -> None:
    token = org.token()
    ours = opened(org, token)
    org.switch(may_customise=False)
    with pytest.raises(Exception, match="Modify Metadata"):
        ours.ListView.upsert([view(ours)])
    org.switch(may_customise=True)
    org.end_sessions()
    with pytest.raises(Exception, match="INVALID_SESSION_ID"):
        ours.ListView.upsert([view(ours)])


def test_at_most_ten_components_go_in_one_call(mdapi: Any) -> None:
    with pytest.raises(Exception, match="10 components"):
        mdapi.ListView.upsert([view(mdapi, f"Lead.V{n}") for n in range(11)])


FIELD = (
    "<fields><fullName>{name}</fullName><label>Zipped</label><length>20</length><type>Text</type></fields>"
)


def zipped(*names: str, grant: str = "") -> io.BytesIO:
    fields = "".join(FIELD.format(name=name) for name in names)
    xmlns = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("package.xml", f"<Package {xmlns}><version>59.0</version></Package>")
        archive.writestr("objects/Lead.object", f"<CustomObject {xmlns}>{fields}</CustomObject>")
        if grant:
            row = f"<fieldPermissions><editable>true</editable><field>{grant}</field><readable>true</readable></fieldPermissions>"
            archive.writestr(
                "permissionsets/zip.permissionset",
                f"<PermissionSet {xmlns}>{row}<label>Zip</label></PermissionSet>",
            )
    return content


def test_a_deployed_zip_makes_its_fields_and_grants_or_nothing_at_all(org: PracticeOrg) -> None:
    address = org.url.replace("http://", "https://")
    client = Salesforce(session_id="localcrm", instance_url=address, session=org.session)
    done = client.deploy(zipped("Zip__c", grant="Lead.Zip__c"), sandbox=False)
    status = client.checkDeployStatus(done["asyncId"], sandbox=False)
    assert (status["state"], status["state_detail"]) == ("Succeeded", None)
    assign(org, "zip")
    assert "Zip__c" in shown(org, "Lead")
    failed = client.deploy(zipped("Other__c", grant="Lead.Nope__c"), sandbox=False)
    status = client.checkDeployStatus(failed["asyncId"], sandbox=False)
    assert status["state"] == "Failed"
    assert status["deployment_detail"]["errors"][0]["message"].startswith("In field: field")
    body = {"FullName": "Lead.Other__c", "Metadata": {"type": "Text", "label": "Other", "length": 5}}
    assert org.call("POST", "/tooling/sobjects/CustomField", body).status_code == 201  # was not made


def test_a_zip_that_is_none_is_refused(org: PracticeOrg) -> None:
    body = (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Header>'
        "<sessionId>localcrm</sessionId></soapenv:Header><soapenv:Body><deploy><ZipFile>"
        f"{base64.b64encode(b'no zip').decode()}</ZipFile></deploy></soapenv:Body></soapenv:Envelope>"
    )
    answer = org.session.post(org.url + SOAP, data=body, headers={"Content-Type": "text/xml"}, timeout=20)
    assert answer.status_code == 500
    assert "The zip cannot be read" in answer.text

"""What ``check`` says of an org: every gap at once, and the page of its Setup where an admin mends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.base import Problem
from tests.contract.benches import open_crm, shipped
from tests.faults.proxy import Sent, Told
from tests.faults.salesforce_org import SalesforceOrg, salesforce_org

pytestmark = pytest.mark.slow  # over HTTP, minutes in all


@pytest.fixture
def org() -> Iterator[SalesforceOrg]:
    with salesforce_org(2) as one:
        yield one


def found(org: SalesforceOrg, **parts: Any) -> list[Problem]:
    crm = open_crm("salesforce", org.proxy.url, **parts)
    try:
        return crm.check()
    finally:
        crm.close()


def at(problems: list[Problem], where: str) -> list[Problem]:
    return [one for one in problems if one.where == where]


def defined(org: SalesforceOrg, **tracked: bool) -> None:
    """The org answers what fields Lead has, hidden ones too, and which are tracked."""
    records = [{"QualifiedApiName": name, "IsFieldHistoryTracked": on} for name, on in tracked.items()]
    told = {"totalSize": len(records), "done": True, "records": records}

    def meddle(sent: Sent, forward: Any) -> Told:
        if "FieldDefinition" in sent.path:
            return Told.json(200, told)
        answer = forward()
        if b"FieldDefinition" not in sent.body:
            return answer
        parts = json.loads(sent.body)["compositeRequest"]
        ours = {one["referenceId"] for one in parts if "FieldDefinition" in one["url"]}
        found = json.loads(answer.body)["compositeResponse"]
        for one in found:
            if one["referenceId"] in ours:
                one.update(httpStatusCode=200, body=told)
        return Told.json(200, {"compositeResponse": found})

    org.proxy.meddle = meddle


def test_a_hidden_field_is_told_from_one_that_does_not_exist_where_the_org_says_so(org):
    org.switch(hidden_fields=["Lead.Phone"])
    defined(org, Phone=False, Status=True, OwnerId=True)
    problems = found(org, lead=shipped("salesforce")["lead"] | {"job_title": "Titel"})
    (hidden,), (missing,) = at(problems, "lead.phone"), at(problems, "lead.job_title")
    assert hidden.what == "field-level security hides Lead.Phone from our user"
    assert hidden.remedy == (
        "grant read access to it in a permission set:"
        f" Setup > Permission Sets ({org.proxy.url}/lightning/setup/PermSets/home)"
    )
    assert missing.what == "Lead has no field Titel, or it is hidden from our user"
    assert missing.remedy == (
        'did you mean "Title"?; see Setup > Object Manager > Lead > Fields & Relationships'
        f" ({org.proxy.url}/lightning/setup/ObjectManager/Lead/FieldsAndRelationships/view)"
    )


def test_where_nobody_may_ask_both_are_said(org):
    org.switch(hidden_fields=["Lead.Phone"])
    (hidden,) = at(found(org), "lead.phone")
    assert hidden.what == "Lead has no field Phone, or it is hidden from our user"
    assert hidden.remedy == (
        "if it is there, grant read access to it: Setup > Permission Sets"
        f' ({org.proxy.url}/lightning/setup/PermSets/home); if not, did you mean "MobilePhone"?; see'
        " Setup > Object Manager > Lead > Fields & Relationships"
        f" ({org.proxy.url}/lightning/setup/ObjectManager/Lead/FieldsAndRelationships/view)"
    )
    assert not hidden.is_warning


@pytest.mark.parametrize(
    "hides", [{"absent_objects": ["Opportunity"]}, {"hidden_fields": ["Opportunity.StageName"]}]
)
def test_a_field_of_a_parent_that_is_not_shown_names_the_parent_and_what_it_needs(org, hides):
    org.switch(**hides)
    won = {"ConvertedOpportunity.StageName": {"Closed Won": "customer"}}
    (told,) = at(found(org, stages={**won, **shipped("salesforce")["stages"]}), f"stages.{next(iter(won))}")
    assert told.what == (
        "Opportunity.StageName, read as Lead.ConvertedOpportunity.StageName, is not there or hidden from our"
        " user"
    )
    setup = f"{org.proxy.url}/lightning/setup"
    assert told.remedy == (
        "look for it in Setup > Object Manager > Opportunity > Fields & Relationships"
        f" ({setup}/ObjectManager/Opportunity/FieldsAndRelationships/view); if it is there, grant read access"
        f" to Opportunity and to the field: Setup > Permission Sets ({setup}/PermSets/home); opportunities"
        " need a Salesforce licence with Sales objects"
    )


def test_a_stage_of_an_opportunity_is_not_looked_for_in_the_history_of_leads(org):
    bob = next(row["Id"] for row in org.face.records("User") if row["FirstName"] == "Bob")
    org.edit("Lead", Id=org.ids()[0], OwnerId=bob, Status="Sales Qualified")
    won = {"ConvertedOpportunity.StageName": {"Closed Won": "customer"}}
    problems = found(org, stages={**won, **shipped("salesforce")["stages"]})
    assert [one.what for one in at(problems, "stages") if "history" in one.what] == []


def test_check_takes_three_calls_however_many_objects_lead_to_others(org):
    opens = {"object": "EmailMessageRelation", "lead": "RelationId", "at": "EmailMessage.FirstOpenedDate"}
    answers = {"object": "CampaignMember", "lead": "LeadId", "at": "FirstRespondedDate"}
    activities = {
        "opens": {**opens, "kind": "email_open", "consent": "declared"},
        "answers": {**answers, "kind": "form", "content": "Campaign.Name", "consent": "declared"},
    }
    won = {"ConvertedOpportunity.StageName": {"Closed Won": "customer"}}
    org.proxy.seen.clear()
    found(org, activities=activities, stages={**won, **shipped("salesforce")["stages"]})
    assert len([one for one in org.proxy.seen if "oauth2" not in one.path]) == 3


def test_our_fields_that_are_there_and_hidden_ask_for_the_permission_set(org):
    for row in org.face.records("PermissionSetAssignment"):
        org.edit("PermissionSetAssignment", Id=row["Id"], delete=True)
    defined(org, LeadSLA_Status__c=False, LeadSLA_Score__c=False, Status=True, OwnerId=True)
    ours = [one for one in at(found(org), "writes") if not one.is_warning]
    hidden, missing = ours
    assert hidden.what == (
        "field-level security hides our fields from this user: Lead.LeadSLA_Status__c, Lead.LeadSLA_Score__c"
    )
    assert "assign the permission set leadsla" in hidden.remedy
    assert missing.what.startswith("our fields are missing or hidden: Lead.LeadSLA_Due_At__c, ")
    assert all(one.is_about_writing for one in ours)


def test_fields_without_history_tracking_are_warned_about_with_how_to_switch_it_on(org):
    defined(org, Status=False, OwnerId=True)
    (told,) = [one for one in at(found(org), "stages") if "history" in one.what]
    assert told.is_warning
    assert told.what.startswith("no history of Status can be read: clocks begin when leadsla first sees")
    assert told.remedy == (
        "switch field history tracking on: Setup > Object Manager > Lead > Fields & Relationships"
        " > Set History Tracking"
        f" ({org.proxy.url}/lightning/setup/ObjectManager/Lead/FieldsAndRelationships/setHistoryTracking)"
    )


def test_where_nobody_may_ask_a_history_without_any_trace_is_the_sign(org):
    bob = next(row["Id"] for row in org.face.records("User") if row["FirstName"] == "Bob")
    org.switch(untracked_fields=["Status"])
    org.edit("Lead", Id=org.ids()[0], OwnerId=bob, Status="Working - Contacted")
    (told,) = [one for one in at(found(org), "stages") if "history" in one.what]
    assert told.what.startswith("no history of Status can be read")
    org.switch(untracked_fields=[])
    org.edit("Lead", Id=org.ids()[0], Status="Sales Qualified")
    assert [one for one in at(found(org), "stages") if "history" in one.what] == []


def test_a_history_that_is_not_shown_at_all_is_a_warning_and_no_error(org):
    org.switch(absent_objects=["LeadHistory"])
    problems = found(org)
    (told,) = [one for one in at(problems, "stages") if "history" in one.what]
    assert told.what.startswith("no history of OwnerId, Status can be read")
    assert [one for one in problems if not one.is_warning] == []


@pytest.mark.parametrize(
    ("name", "lead", "at_", "told"),
    [
        ("CampaignMember", "LeadId", "CreatedDate", "campaigns need the right Marketing User"),
        ("EmailMessage", "RelatedToId", "MessageDate", "Setup > Enhanced Email"),
        ("Webinar__c", "Lead__c", "At__c", "check its name in Setup > Object Manager ("),
    ],
)
def test_an_optional_object_that_is_missing_only_turns_its_signal_off(org, name, lead, at_, told):
    org.switch(absent_objects=["CampaignMember", "EmailMessage"])
    source = {"object": name, "lead": lead, "at": at_, "kind": "event"}
    problems = found(org, activities={"more": source})
    (warning,) = at(problems, "activities.more")
    assert (warning.is_warning, warning.what) == (
        True,
        f"the object {name} is not there or hidden: this signal is off",
    )
    assert told in warning.remedy
    assert [one for one in problems if not one.is_warning] == []


def test_what_our_user_may_not_write_is_named_with_the_right_that_it_needs(org):
    sealed = ["Task.Subject", "Task.WhoId", "Lead.OwnerId", "Lead.Status", "Lead.LeadSLA_Score__c"]
    org.switch(read_only_fields=sealed)
    problems = found(org, writes={"owner": True, "stages": ["recycled"]})
    shown = {one.what: one for one in problems if not one.is_warning}
    page = f"Setup > Permission Sets ({org.proxy.url}/lightning/setup/PermSets/home)"
    assert {what: one.remedy for what, one in shown.items()} == {
        "tasks cannot be made: this user may not set Task.WhoId, Task.Subject": (
            f"grant Edit Tasks and edit access to the fields: {page}"
        ),
        "Lead.OwnerId is read-only for this user": f"grant Transfer Leads and edit access to it: {page}",
        "Status is read-only for this user": f"grant edit access to it: {page}",
        "Lead.LeadSLA_Score__c is read-only for this user": (
            f"grant edit access to it in a permission set: {page}"
        ),
    }
    assert all(one.is_about_writing for one in shown.values())


def test_a_stage_that_only_a_conversion_sets_cannot_be_written(org):
    stages = {"Status": {"Closed - Converted": "sql", "Marketing Qualified": "mql"}}
    problems = found(org, stages=stages, writes={"stages": ["sql"]})
    (told,) = [one for one in at(problems, "writes.stages") if "converted status" in one.what]
    assert (told.is_warning, told.is_about_writing) == (False, True)
    assert told.what.startswith('"Closed - Converted" is a converted status')


def test_a_picklist_value_that_is_gone_is_named_with_the_page_of_its_field(org):
    stages = {"Status": {"Marketing Qualifed": "mql"}}
    (told,) = [one for one in at(found(org, stages=stages), "stages.Status") if not one.is_warning]
    assert told.what == '"Marketing Qualifed" is no value of Status'
    assert told.remedy.startswith('did you mean "Marketing Qualified"?; see Setup > Object Manager > Lead')


@pytest.mark.parametrize("unique_key", [False, True])
def test_how_a_lost_task_is_found_again_is_decided_by_describe_and_told(unique_key):
    with salesforce_org(1, unique_key=unique_key) as org:
        told = [one for one in at(found(org), "writes") if "external id" in one.what]
    assert [one.is_warning for one in told] == ([] if unique_key else [True])


def test_everything_is_found_at_once(org):
    org.switch(hidden_fields=["Lead.Phone", "Lead.Company"], absent_objects=["LeadHistory"])
    parts = {
        "lead": shipped("salesforce")["lead"] | {"country": "Contry"},
        "stages": {"Status": {"Nope": "mql"}},
        "activities": {
            "more": {"object": "CampaignMember", "lead": "Nope", "at": "CreatedDate", "kind": "event"}
        },
    }
    places = {one.where for one in found(org, **parts)}
    assert {
        "lead.phone",
        "lead.company",
        "lead.country",
        "stages.Status",
        "activities.more",
        "stages",
    } <= places

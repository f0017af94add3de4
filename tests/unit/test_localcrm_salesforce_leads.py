"""Claims about what becomes of leads in the practice Salesforce: merged, deleted, converted, committed late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.practice_org import NOW, PracticeOrg, code, practice_org

HOUR = timedelta(hours=1)


@pytest.fixture
def org() -> Iterator[PracticeOrg]:
    with practice_org() as one:
        yield one


def changed(org: PracticeOrg, which: str = "updated", since: timedelta = HOUR, name: str = "Lead") -> Any:
    """getUpdated or getDeleted from ``since`` before now to an hour after."""
    now = org.clock.now()
    span = {"start": (now - since).isoformat(), "end": (now + HOUR).isoformat()}
    return org.call("GET", f"/sobjects/{name}/{which}/", params=span)


def task_for(org: PracticeOrg, lead: str) -> str:
    answer = org.call("POST", "/sobjects/Task", {"WhoId": lead, "Subject": "Ring"})
    return str(answer.json()["id"])


def history(org: PracticeOrg, lead: str) -> list[str]:
    return [row["Field"] for row in org.rows(f"SELECT Field FROM LeadHistory WHERE LeadId = '{lead}'")]


def test_a_merge_deletes_the_loser_and_gives_its_children_to_the_survivor(org: PracticeOrg) -> None:
    loser, survivor = org.lead("Lead0"), org.lead("Lead1")
    task = task_for(org, loser)
    org.clock.advance(60)
    org.edit("Lead", {"Id": loser, "merge_into": survivor})
    soql = f"SELECT Id, IsDeleted, MasterRecordId FROM Lead WHERE Id = '{loser}'"
    assert org.rows(soql) == []
    (gone,) = org.rows(soql, resource="queryAll")
    assert (gone["IsDeleted"], gone["MasterRecordId"]) == (True, survivor)
    (kept,) = org.rows(f"SELECT WhoId, SystemModstamp FROM Task WHERE Id = '{task}'")
    assert (kept["WhoId"], kept["SystemModstamp"]) == (survivor, "2026-11-23T12:01:00.000+0000")
    assert history(org, survivor)[-1] == "leadMerged"
    assert [one["id"] for one in changed(org, "deleted").json()["deletedRecords"]] == [loser]
    assert survivor in changed(org).json()["ids"]


def test_a_deleted_lead_takes_its_tasks_along_and_brings_them_back(org: PracticeOrg) -> None:
    lead = org.lead()
    kept, deleted_before = task_for(org, lead), task_for(org, lead)
    org.edit("Task", {"Id": deleted_before, "delete": True})
    org.edit("Lead", {"Id": lead, "delete": True})
    assert org.rows(f"SELECT Id FROM Task WHERE WhoId = '{lead}'") == []
    org.clock.advance(60)
    org.edit("Lead", {"Id": lead, "undelete": True})
    assert [row["Id"] for row in org.rows(f"SELECT Id FROM Task WHERE WhoId = '{lead}'")] == [kept]
    assert lead in changed(org).json()["ids"]
    org.edit("Lead", {"Id": lead, "delete": True})
    org.edit("Lead", {"Id": lead, "purge": True})
    assert org.rows(f"SELECT Id FROM Lead WHERE Id = '{lead}'", resource="queryAll") == []


def test_archived_tasks_are_for_query_all_only(org: PracticeOrg) -> None:
    task = task_for(org, org.lead())
    org.edit("Task", {"Id": task, "IsArchived": True})
    soql = f"SELECT IsArchived FROM Task WHERE Id = '{task}'"
    assert org.rows(soql) == []
    assert [row["IsArchived"] for row in org.rows(soql, resource="queryAll")] == [True]


def test_a_conversion_makes_account_contact_opportunity_and_contact_role(org: PracticeOrg) -> None:
    lead = org.lead()
    org.edit("Lead", {"Id": lead, "IsConverted": True, "_by": "ada"})
    fields = "ConvertedDate, ConvertedAccountId, ConvertedContactId, ConvertedOpportunityId, Status"
    (row,) = org.rows(f"SELECT {fields} FROM Lead WHERE Id = '{lead}'")
    assert (row["ConvertedDate"], row["Status"]) == ("2026-11-23", "Closed - Converted")
    (contact,) = org.rows("SELECT Id, Email, AccountId FROM Contact")
    assert (contact["Id"], contact["AccountId"]) == (row["ConvertedContactId"], row["ConvertedAccountId"])
    assert contact["Email"] == "l0@example.com"
    (role,) = org.rows("SELECT ContactId, OpportunityId, Opportunity.StageName FROM OpportunityContactRole")
    assert (role["ContactId"], role["OpportunityId"]) == (contact["Id"], row["ConvertedOpportunityId"])
    assert history(org, lead)[-1] == "leadConverted"
    refused = org.call("PATCH", f"/sobjects/Lead/{lead}", {"City": "Bonn"})
    assert code(refused) == (400, "CANNOT_UPDATE_CONVERTED_LEAD")


def test_a_conversion_may_do_without_an_opportunity(org: PracticeOrg) -> None:
    org.edit("Lead", {"Id": org.lead(), "IsConverted": True, "with_opportunity": False})
    assert org.rows("SELECT Id FROM Opportunity") == []
    assert len(org.rows("SELECT Id FROM Contact")) == 1


@pytest.mark.parametrize("follow", [False, True])
def test_activities_follow_a_conversion_where_the_switch_says_so(org: PracticeOrg, follow: bool) -> None:
    org.switch(activities_follow_conversion=follow)
    lead = org.lead()
    task = task_for(org, lead)
    org.edit("Lead", {"Id": lead, "IsConverted": True})
    (row,) = org.rows(f"SELECT WhoId, Who.Type FROM Task WHERE Id = '{task}'")
    assert row["Who"]["Type"] == ("Contact" if follow else "Lead")


def test_campaign_members_of_a_converted_lead_belong_to_its_contact_too(org: PracticeOrg) -> None:
    lead = org.lead()
    campaign = org.edit("Campaign", {"Name": "Fair"})[0]["Id"]
    org.edit("CampaignMember", {"CampaignId": campaign, "LeadId": lead, "Status": "Responded"})
    org.edit("Lead", {"Id": lead, "IsConverted": True})
    (row,) = org.rows("SELECT LeadId, ContactId, HasResponded, FirstRespondedDate FROM CampaignMember")
    assert (row["LeadId"], row["ContactId"][:3]) == (lead, "003")
    assert (row["HasResponded"], row["FirstRespondedDate"]) == (True, "2026-11-23")


def test_accepting_from_a_queue_and_assignment_leave_their_own_history(org: PracticeOrg) -> None:
    made = org.call("POST", "/sobjects/Lead", {"LastName": "New", "Company": "Co"}).json()["id"]
    assert history(org, made) == ["created", "ownerAssignment"]
    org.edit("Lead", {"Id": made, "accept": True, "_by": "bob"})
    assert history(org, made)[-1] == "ownerAccepted"
    (row,) = org.rows(f"SELECT Owner.Name FROM Lead WHERE Id = '{made}'")
    assert row["Owner"]["Name"] == "Bob Reed"


def test_without_field_history_tracking_changes_leave_no_rows() -> None:
    with practice_org(untracked_fields=("Status", "OwnerId")) as org:
        lead = org.lead()
        org.edit("Lead", {"Id": lead, "Status": "Marketing Qualified", "OwnerId": _user(org, "Bob Reed")})
        assert history(org, lead) == ["created"]


def _user(org: PracticeOrg, name: str) -> str:
    return str(org.rows(f"SELECT Id FROM User WHERE Name = '{name}'")[0]["Id"])


def test_a_late_commit_shows_up_with_a_stamp_already_passed(org: PracticeOrg) -> None:
    lead = org.lead()
    org.edit("Lead", {"Id": lead, "City": "Bonn", "commit_after": 120})
    org.clock.advance(60)
    other = org.lead("Lead1")
    org.edit("Lead", {"Id": other, "City": "Ulm"})
    seen = changed(org)
    assert (lead in seen.json()["ids"], other in seen.json()["ids"]) == (False, True)
    assert seen.json()["latestDateCovered"] == "2026-11-23T12:00:00.000+0000"  # before the open transaction
    org.clock.advance(60)
    (row,) = org.rows(f"SELECT City, SystemModstamp FROM Lead WHERE Id = '{lead}'")
    assert (row["City"], row["SystemModstamp"]) == ("Bonn", "2026-11-23T12:00:00.000+0000")
    assert changed(org).json()["latestDateCovered"] == "2026-11-23T12:02:00.000+0000"


def test_a_record_made_in_an_open_transaction_is_not_there_yet(org: PracticeOrg) -> None:
    made = org.edit("Lead", {"LastName": "Late", "Company": "Co", "commit_after": 30})[0]["Id"]
    assert org.call("GET", f"/sobjects/Lead/{made}").status_code == 404
    org.clock.advance(30)
    assert org.call("GET", f"/sobjects/Lead/{made}").json()["CreatedDate"] == "2026-11-23T12:00:00.000+0000"
    assert history(org, made) == ["created"]


def test_a_record_in_an_open_transaction_cannot_be_locked(org: PracticeOrg) -> None:
    lead = org.lead()
    org.edit("Lead", {"Id": lead, "City": "Bonn", "commit_after": 30})
    refused = org.call("PATCH", f"/sobjects/Lead/{lead}", {"City": "Ulm"})
    assert code(refused) == (400, "UNABLE_TO_LOCK_ROW")
    org.clock.advance(30)
    assert org.call("PATCH", f"/sobjects/Lead/{lead}", {"City": "Ulm"}).status_code == 204


@pytest.mark.parametrize(("which", "days"), [("updated", 30), ("deleted", 15)])
def test_changes_reach_back_so_many_days_and_no_further(org: PracticeOrg, which: str, days: int) -> None:
    assert changed(org, which, timedelta(days=days)).status_code == 200
    refused = changed(org, which, timedelta(days=days, minutes=1))
    assert code(refused) == (400, "INVALID_REPLICATION_DATE")


def test_seconds_of_a_span_are_ignored(org: PracticeOrg) -> None:
    org.clock.set(NOW + timedelta(seconds=30))
    org.edit("Lead", {"Id": org.lead(), "City": "Bonn"})
    span = {"start": "2026-11-23T12:00:45Z", "end": "2026-11-23T12:01:10Z"}
    found = org.call("GET", "/sobjects/Lead/updated/", params=span).json()
    assert found["ids"] == [org.lead()]
    same_minute = {"start": "2026-11-23T12:00:05Z", "end": "2026-11-23T12:00:50Z"}
    refused = org.call("GET", "/sobjects/Lead/updated/", params=same_minute)
    assert code(refused) == (400, "INVALID_REPLICATION_DATE")


def test_an_opened_mail_is_found_over_its_relation_to_the_lead(org: PracticeOrg) -> None:
    lead = org.lead()
    mail = org.edit("EmailMessage", {"Subject": "Hello", "FromAddress": "ada@example.com"})[0]["Id"]
    relation = {"EmailMessageId": mail, "RelationId": lead, "RelationType": "ToAddress"}
    org.edit("EmailMessageRelation", relation)
    opened = {"IsOpened": True, "FirstOpenedDate": "2026-11-23T11:30:00Z"}
    org.clock.advance(60)
    org.edit("EmailMessage", {"Id": mail, **opened})
    fields = "RelationId, RelationObjectType, EmailMessage.IsOpened, EmailMessage.FirstOpenedDate"
    (row,) = org.rows(f"SELECT {fields} FROM EmailMessageRelation WHERE RelationId = '{lead}'")
    assert (row["RelationObjectType"], row["EmailMessage"]["IsOpened"]) == ("Lead", True)
    assert row["EmailMessage"]["FirstOpenedDate"] == "2026-11-23T11:30:00.000+0000"
    assert changed(org, name="EmailMessage").json()["ids"] == [mail]


def test_a_contacts_tracked_fields_leave_a_history_of_their_own():
    with practice_org() as org:
        (made,) = org.edit("Contact", {"LastName": "Abel", "Contact_Status__c": "Open", "_by": "ada"})
        org.edit("Contact", {"Id": made["Id"], "Contact_Status__c": "Working", "Title": "CTO"})
        rows = org.rows("SELECT ContactId, Field, OldValue, NewValue FROM ContactHistory")
        told = [(row["ContactId"], row["Field"], row["OldValue"], row["NewValue"]) for row in rows]
        assert told == [
            (made["Id"], "created", None, None),
            (made["Id"], "Contact_Status__c", "Open", "Working"),
        ]
        org.switch(hidden_fields=["Contact.Contact_Status__c"])
        assert [row["Field"] for row in org.rows("SELECT Field FROM ContactHistory")] == ["created"]

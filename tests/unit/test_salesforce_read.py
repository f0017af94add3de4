"""Reading a Salesforce org: what a poll costs, what it brings, and what the cursor remembers, over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from connectors.errors import Misconfigured
from connectors.salesforce.cursor import Cursor, Span
from connectors.salesforce.ids import full_id
from tests.contract.benches import shipped
from tests.practice_org import LEADS, NOW
from tests.unit.salesforce_reading import Reading, leads_in, reading, told_in

ALL = [f"Lead{n}" for n in range(LEADS)]
OPENS = {
    "object": "EmailMessageRelation",
    "lead": "RelationId",
    "at": "EmailMessage.FirstOpenedDate",
    "known_at": "EmailMessage.SystemModstamp",
    "kind": "email_open",
    "content": "EmailMessage.Subject",
    "only": {"EmailMessage.IsOpened": True, "RelationType": "ToAddress"},
    "consent": "declared",
}
RESPONSES = {
    "object": "CampaignMember",
    "lead": "LeadId",
    "at": "FirstRespondedDate",
    "kind": "form",
    "content": "Campaign.Name",
    "only": {"HasResponded": True},
    "consent": "declared",
}


@pytest.fixture
def provisioned():
    """An org with our fields, read once."""
    with reading() as one:
        with one.opened() as crm:
            crm.provision(dry_run=False)
        one.poll()
        yield one


def test_the_first_poll_brings_everything_and_an_idle_one_costs_one_call(provisioned: Reading):
    assert sorted(provisioned.kept) == sorted(
        {row["Id"] for row in provisioned.org.rows("SELECT Id FROM Lead")}
    )
    pages = provisioned.poll()
    assert (leads_in(pages), provisioned.calls) == ([], {"/composite": 1})


def test_more_than_five_streams_cost_two_calls(provisioned: Reading):
    sources = {"opens": OPENS, "responses": RESPONSES}
    provisioned.parts = {"activities": {**shipped("salesforce")["activities"], **sources}}
    provisioned.poll()
    provisioned.poll()
    assert provisioned.calls == {"/composite": 2}


def test_a_poll_with_news_reads_the_people_too_and_each_record_once(provisioned: Reading):
    provisioned.edit("Lead3", Company="Other")
    pages = provisioned.poll()
    assert (leads_in(pages), provisioned.calls) == (["Lead3"], {"/composite": 2})


def test_what_the_look_back_shows_again_is_known_by_its_mark(provisioned: Reading):
    provisioned.edit("Lead3", Company="Other")
    assert leads_in(provisioned.poll(after=10)) == ["Lead3"]
    pages = provisioned.poll(after=10)
    assert (leads_in(pages), sum(page.records for page in pages)) == ([], 1)


def test_short_pages_are_followed_to_the_end():
    with reading(page_size=3) as one:
        assert sorted(leads_in(one.poll())) == ALL


def test_answers_of_a_composite_are_told_apart_by_name_not_by_place():
    with reading(composite_shuffled=True) as one:
        assert sorted(leads_in(one.poll())) == ALL


def test_every_page_can_be_resumed_from():
    with reading(page_size=3) as one:
        one.org.clock.advance(600)
        with one.opened() as crm:
            for number, page in enumerate(crm.pull("")):
                rest = list(crm.pull(page.cursor)) if page.cursor else []
                seen = leads_in([page, *rest])
                if page.leads:
                    assert len(seen) == LEADS - 3 * number, number
                    assert len(set(seen)) == len(seen)


def test_a_poll_interrupted_long_ago_is_finished_and_caught_up_with():
    with reading(page_size=3) as one:
        one.org.clock.advance(600)
        with one.opened() as crm:
            one.cursor = next(page for page in crm.pull("") if page.leads).cursor
        one.org.clock.advance(3600)
        one.edit("Lead0", Company="Other")
        assert sorted(leads_in(one.poll())) == ["Lead0", *ALL[3:]]


def test_a_field_of_an_activity_that_is_not_shown_is_found_out_by_being_refused_and_told_by_name():
    with reading(hidden_fields=("Task.CallDisposition",)) as one:
        pages = one.poll()
        assert sorted(leads_in(pages)) == ALL
        what = "Salesforce does not show Task.CallDisposition to our user"
        assert told_in(pages) == [f"salesforce: {what}; it is left out until it does"]


def test_what_is_not_shown_is_remembered_for_an_hour_and_asked_for_again_after_it():
    with reading(hidden_fields=("Task.CallDisposition",)) as one:
        one.poll()
        pages = one.poll()
        assert (one.calls, told_in(pages)) == ({"/composite": 1}, [])
        one.poll(after=3600)
        assert one.calls == {"/composite": 3}  # refused, looked at, asked again


def test_no_lead_is_read_without_a_field_it_is_judged_by_and_nothing_is_lost_meanwhile():
    with reading() as one:
        one.poll()
        one.org.switch(hidden_fields=["Lead.HasOptedOutOfEmail", "Lead.Status"])
        one.edit("Lead3", Company="Other")
        for _ in range(2):
            with pytest.raises(
                Misconfigured, match=r"does not show Lead\.HasOptedOutOfEmail, Lead\.Status to"
            ):
                one.poll(after=3600)
        one.org.switch(hidden_fields=[])
        assert leads_in(one.poll()) == ["Lead3"]


def test_our_own_fields_need_not_be_there_and_nobody_is_told():
    with reading() as one:
        pages = one.poll()
        assert sorted(leads_in(pages)) == ALL
        assert told_in(pages) == []
        assert all(seen.ours == {} for page in pages for seen in page.leads)


def test_activities_are_read_again_when_a_field_is_shown_that_was_not():
    with reading(hidden_fields=("Marketing_Activity__c.Content__c",)) as one:
        visit = {"Kind__c": "page_visit", "Occurred_At__c": "2026-11-23T12:00:00Z", "Content__c": "Prices"}
        one.org.edit("Marketing_Activity__c", {**visit, "Lead__c": one.org.lead()})

        def contents():
            return [activity.content for page in one.poll(after=3600) for _, activity in page.activities]

        assert contents() == [""]
        one.org.switch(hidden_fields=[])
        assert contents() == ["Prices"]
        assert contents() == []


def test_an_object_that_is_not_there_switches_its_signal_off_and_is_read_from_then_on_when_it_comes():
    with reading(absent_objects=("Marketing_Activity__c",)) as one:
        pages = one.poll()
        assert sorted(leads_in(pages)) == ALL
        what = "Salesforce does not show Marketing_Activity__c to our user"
        assert told_in(pages) == [f"salesforce: {what}; this signal is off until it does"]
        one.poll(after=1200)
        one.org.switch(absent_objects=[])
        visit = {"Kind__c": "page_visit", "Occurred_At__c": "2026-11-23T12:00:00Z", "Lead__c": one.org.lead()}
        one.org.edit("Marketing_Activity__c", visit)
        one.poll(after=60)
        assert Cursor.parse(one.cursor).behind == {"Marketing_Activity__c": ""}
        pages = one.poll(after=3600)
        assert [activity.kind for page in pages for _, activity in page.activities] == ["page_visit"]
        assert Cursor.parse(one.cursor).behind == {}


def test_a_check_in_the_same_run_spares_the_refusal():
    with reading(hidden_fields=("Task.CallDisposition",)) as one:
        one.org.clock.advance(600)
        with one.opened() as crm:
            crm.check()
            before = crm.calls().total
            list(crm.pull(""))
            assert crm.calls().total - before == 2  # the first pages, and people


def test_a_late_commit_is_waited_for_by_the_next_poll_s_start():
    with reading() as one:
        one.poll()
        one.edit("Lead3", Company="Late", commit_after=3 * 3600)
        begun = one.org.clock.now()
        for _ in range(3):
            assert leads_in(one.poll(after=3600 - 60)) == []
            assert Cursor.parse(one.cursor).since <= f"{begun:%Y-%m-%dT%H:%M:%SZ}"
        assert leads_in(one.poll(after=3600)) == ["Lead3"]
        assert leads_in(one.poll()) == []


def test_a_transaction_of_this_minute_moves_no_watermark():
    place = Cursor(since="2026-11-23T11:00:00Z", until="2026-11-23T12:00:50Z")
    place.cover("2026-11-23T12:00:00.000Z")
    assert place.finished().since == "2026-11-23T12:00:50Z"
    place.cover("2026-11-23T11:59:00.000Z")
    assert place.finished().since == "2026-11-23T11:59:00Z"


def test_leads_merged_one_after_the_other_live_on_in_the_last_survivor(provisioned: Reading):
    first, second, third = (provisioned.org.lead(f"Lead{n}") for n in range(3))
    provisioned.org.edit("Lead", {"Id": first, "merge_into": second})
    provisioned.org.clock.advance(1)
    provisioned.org.edit("Lead", {"Id": second, "merge_into": third})
    pages = provisioned.poll()
    gone = {one.lead_id: one.merged_into for page in pages for one in page.removals}
    assert gone == {first: third, second: third}


def test_a_survivor_that_was_merged_or_deleted_before_is_followed_to_who_is_left(provisioned: Reading):
    first, second, third = (provisioned.org.lead(f"Lead{n}") for n in range(3))
    provisioned.org.edit("Lead", {"Id": second, "merge_into": third})
    provisioned.org.edit("Lead", {"Id": third, "delete": True})
    provisioned.poll()
    provisioned.org.call("PATCH", f"/sobjects/Lead/{first}", {"Company": "x"})
    provisioned.org.edit("Lead", {"Id": third, "undelete": True})
    provisioned.org.edit("Lead", {"Id": first, "merge_into": third})
    pages = provisioned.poll()
    assert {one.lead_id: one.merged_into for page in pages for one in page.removals} == {first: third}
    assert "Lead2" in leads_in(pages)


def test_deleted_leads_come_as_removals_and_undeleted_ones_as_leads(provisioned: Reading):
    lead_id = provisioned.org.lead("Lead5")
    provisioned.org.edit("Lead", {"Id": lead_id, "delete": True})
    pages = provisioned.poll()
    assert [one.lead_id for page in pages for one in page.removals] == [lead_id]
    provisioned.org.edit("Lead", {"Id": lead_id, "undelete": True})
    assert leads_in(provisioned.poll()) == ["Lead5"]


def test_an_opened_mail_is_an_open_of_the_lead_it_went_to():
    with reading({"activities": {"opens": OPENS}}) as one:
        one.poll()
        sent = {"Subject": "Price list", "Status": "3", "MessageDate": "2026-11-23T12:00:00Z"}
        (mail,) = one.org.edit("EmailMessage", sent)
        relation = {"EmailMessageId": mail["Id"], "RelationId": one.org.lead("Lead4")}
        one.org.edit("EmailMessageRelation", {**relation, "RelationType": "ToAddress"})
        assert [page.activities for page in one.poll() if page.activities] == []
        opened = {"IsOpened": True, "FirstOpenedDate": "2026-11-23T13:00:00Z"}
        one.org.edit("EmailMessage", {"Id": mail["Id"], **opened})
        ((lead_id, activity),) = (pair for page in one.poll() for pair in page.activities)
        assert (lead_id, activity.kind, activity.content) == (
            one.org.lead("Lead4"),
            "email_open",
            "Price list",
        )
        assert activity.at.isoformat() == "2026-11-23T13:00:00+00:00"


def test_a_response_to_a_campaign_counts_from_when_it_was_known_that_day():
    with reading({"activities": {"responses": RESPONSES}}) as one:
        one.poll()
        (campaign,) = one.org.edit("Campaign", {"Name": "Trade fair"})
        member = {"CampaignId": campaign["Id"], "LeadId": one.org.lead("Lead4"), "Status": "Responded"}
        one.org.edit("CampaignMember", member)
        told = one.org.clock.now()
        ((lead_id, activity),) = (pair for page in one.poll() for pair in page.activities)
        assert (lead_id, activity.content) == (one.org.lead("Lead4"), "Trade fair")
        assert told - timedelta(minutes=1) <= activity.at <= told


def test_two_sources_on_one_object_are_one_stream_and_two_activities():
    seen = {
        "object": "Task",
        "lead": "WhoId",
        "at": "CreatedDate",
        "kind": "page_visit",
        "consent": "declared",
    }
    done = {**seen, "at": "CompletedDateTime", "kind": "call", "actor": "OwnerId", "only": {"IsClosed": True}}
    with reading({"activities": {"made": seen, "done": done}}) as one:
        one.poll()
        one.org.edit("Task", {"WhoId": one.org.lead(), "Subject": "x", "Status": "Completed"})
        found = [activity for page in one.poll() for _, activity in page.activities]
        assert [one.kind for one in found] == ["page_visit", "call"]
        assert found[1].id == f"{found[0].id}/done"
        assert one.calls == {"/composite": 2}


def test_a_query_that_takes_too_long_is_asked_again_for_shorter_times():
    with reading(page_size=3) as one:
        for number in range(4):
            one.org.clock.advance(86_400)
            one.edit(f"Lead{number}", Company="Other")
        one.order(method="GET", path="queryAll", do="answer", name="query_timeout", times=3)
        assert sorted(leads_in(one.poll())) == ALL
        assert one.calls["/queryAll"] > 6


def test_a_first_load_too_heavy_for_one_call_is_asked_for_query_by_query():
    with reading() as one:
        one.order(path="composite", do="cut_after", times=5)
        assert sorted(leads_in(one.poll())) == ALL
        assert (one.calls["/queryAll"], one.calls["/composite"]) == (
            1,
            8,
        )  # six, as ours are refused and left out


def test_a_user_who_may_see_too_little_at_once_reads_activities_in_shorter_times():
    with reading(most_whos=3) as one:
        for number in range(LEADS):
            one.org.clock.advance(3600)
            one.org.edit(
                "Task", {"WhoId": one.org.lead(f"Lead{number}"), "Status": "Completed", "Subject": "x"}
            )
        pages = one.poll()
        assert len([1 for page in pages for _ in page.activities]) == LEADS
        assert told_in(pages) == []


def test_a_cursor_is_small_and_an_older_form_is_taken():
    assert Cursor.parse("").text() == "{}"
    old = json.dumps(
        {"since": "2026-11-23T11:00:00Z", "until": "2026-11-23T12:00:00Z", "done": ["leads"], "x": 1}
    )
    assert Cursor.parse(old).span("Lead") == Span("2026-11-23T11:00:00Z", "2026-11-23T12:00:00Z")


def test_fractions_of_seconds_are_kept_in_a_key():
    span = Span("", "2026-11-23T12:00:00Z", ("2026-11-23T11:00:00.250+0000", "00Q1"))
    until, beyond = span.conditions("Stamp")
    assert until == "Stamp <= 2026-11-23T12:00:00Z"
    key = "2026-11-23T11:00:00.250Z"
    assert beyond == f"(Stamp > {key} OR (Stamp = {key} AND Id > '00Q1'))"


def test_long_lists_of_ids_travel_in_a_body_and_never_in_an_address(provisioned: Reading):
    ids = [full_id(f"00Q{number:012d}") for number in range(1500)] + [provisioned.org.lead("Lead1")]
    with provisioned.opened() as crm:
        assert [seen.lead.fields["last_name"] for seen in crm.read_leads(ids)] == ["Lead1"]
        pages = list(crm.reread(ids))
    assert leads_in(pages) == ["Lead1"]
    assert sum(len(page.removals) for page in pages) == 1500


def test_the_clock_is_known_from_signing_in(provisioned: Reading):
    with provisioned.opened() as crm:
        assert abs(crm.server_now() - provisioned.org.clock.now()) <= timedelta(seconds=1)
        assert crm.calls().by_kind == {"sign-in": 1}
    assert provisioned.org.clock.now() >= NOW


WON = {"ConvertedOpportunity.StageName": {"Closed Won": "customer"}}


def test_a_won_opportunity_makes_its_converted_lead_a_customer_though_the_lead_s_stamp_stays():
    stages = {**WON, **shipped("salesforce")["stages"]}
    with reading({"stages": stages}) as one:
        one.edit("Lead2", IsConverted=True)
        one.poll()
        row = one.org.rows("SELECT ConvertedOpportunityId FROM Lead WHERE LastName = 'Lead2'")[0]
        deal = {"Id": row["ConvertedOpportunityId"]}
        assert leads_in(one.poll()) == []
        one.org.edit("Opportunity", {**deal, "StageName": "Closed Won"})
        pages = one.poll()
        assert [(seen.lead.stage, seen.lead.closed_elsewhere) for page in pages for seen in page.leads] == [
            ("customer", True)
        ]
        assert leads_in(one.poll()) == []


def test_check_knows_the_fields_of_parents_and_names_those_that_are_not_there():
    stages = {**WON, "ConvertedOpportunity.StageNme": {"Lost": "recycled"}, **shipped("salesforce")["stages"]}
    with reading({"stages": stages}) as one, one.opened() as crm:
        found = [problem.what for problem in crm.check() if problem.where.startswith("stages.Converted")]
        (told,) = found
        assert told.startswith(
            "Opportunity.StageNme, read as Lead.ConvertedOpportunity.StageNme, is not there"
        )


def test_sources_by_way_of_a_parent_are_no_problem_to_check():
    with reading({"activities": {"opens": OPENS, "responses": RESPONSES}}) as one, one.opened() as crm:
        assert [problem.what for problem in crm.check() if problem.where.startswith("activities")] == []

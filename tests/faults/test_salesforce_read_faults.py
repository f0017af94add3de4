"""The fault catalogue for Salesforce, rows 28-50: reading; what a user sees, and that nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import Page
from connectors.salesforce.cursor import Cursor
from leadsla.cli.exits import Exit
from sync.store import schema
from sync.store.facts import Facts
from sync.store.work import Work
from tests.faults.proxy import Told, running_proxy
from tests.faults.salesforce_lab import Lab, opened_lab

DUE = "LeadSLA_Due_At__c"
COUNTING: Mapping[str, Any] = {"sweep_every": timedelta(0)}


@pytest.fixture
def lab(tmp_path) -> Iterator[Lab]:
    """Provisioned, nothing synced."""
    with opened_lab(tmp_path / "lab") as one:
        yield one


def pulled(lab: Lab, cursor: str = "", between: Any = None) -> tuple[list[str], str]:
    """The leads of one poll in their order, and its last cursor; ``between`` is done after each page."""
    crm = lab.opened()
    found: list[str] = []
    try:
        for page in crm.pull(cursor):
            found += [seen.lead.id for seen in page.leads]
            cursor = page.cursor or cursor
            if between is not None:
                between(page)
    finally:
        crm.close()
    return found, cursor


def verdict_of(lab: Lab, lead_id: str) -> Any:
    with lab.store.begin() as db:
        found = Work("salesforce").verdicts(db, [lead_id])
    return found[0] if found else None


def kept_of(lab: Lab, lead_id: str) -> set[str]:
    """The tables that know of a lead."""
    with lab.store.begin() as db:
        tables = [one for one in schema.metadata.sorted_tables if "lead_id" in one.c]
        return {
            one.name for one in tables if db.execute(one.select().where(one.c.lead_id == lead_id)).first()
        }


def with_open_task(lab: Lab) -> list[str]:
    """Leads with an open task of ours."""
    return sorted({task["WhoId"] for task in lab.tasks() if not task["IsClosed"]})


def test_fault_28_a_mass_update_on_one_second_is_read_whole_however_the_pages_fall(lab):
    _, cursor = pulled(lab)
    lab.clock.advance(600)
    lab.edit("Lead", *({"Id": one, "Fax": "+49 30 1"} for one in lab.living()))
    lab.switch(page_size=3)
    lab.clock.advance(600)
    found, after = pulled(lab, cursor)
    assert sorted(found) == lab.living()
    assert len(set(found)) == len(found)
    assert pulled(lab, after)[0] == []


def test_fault_28_a_poll_broken_off_within_one_second_goes_on_at_the_next_record(lab):
    lab.edit("Lead", *({"Id": one, "Fax": "+49 30 1"} for one in lab.living()))
    lab.switch(page_size=3)
    lab.clock.advance(600)
    places: list[Page] = []
    whole, _ = pulled(lab, between=places.append)
    for number, page in enumerate(places):
        if page.leads:
            rest, _ = pulled(lab, page.cursor)
            assert rest == whole[sum(len(one.leads) for one in places[: number + 1]) :]


@pytest.mark.parametrize("kept", [0, 1])
def test_fault_31_a_short_or_empty_page_with_more_behind_it_is_followed(tmp_path, kept):
    spoilt = []

    def meddle(sent, forward):
        told = forward()
        if "/queryAll" in sent.path and not spoilt and b'"done":false' in told.body.replace(b" ", b""):
            spoilt.append(sent)

            body = json.loads(told.body)
            body["nextRecordsUrl"] = body["nextRecordsUrl"].rpartition("-")[0] + f"-{kept}"
            body["records"] = body["records"][:kept]
            return Told.json(200, body)
        return told

    with opened_lab(tmp_path / "lab", page_size=3) as lab, running_proxy(lab.url, meddle) as proxy:
        lab.clock.advance(60)
        crm = lab.opened(base_url=proxy.url)
        found = {seen.lead.id for page in crm.pull("") for seen in page.leads}
        crm.close()
        assert spoilt
        assert found == set(lab.leads())


def test_fault_33_leads_that_change_while_they_are_paged_are_seen_in_this_poll_or_the_next(lab):
    lab.switch(page_size=3)
    lab.clock.advance(60)
    waiting = lab.living()

    def a_person_edits(_page: Page) -> None:
        lab.clock.advance(5)
        if waiting:
            lab.edit("Lead", {"Id": waiting.pop(), "Company": "Edited"})

    first, cursor = pulled(lab, between=a_person_edits)
    lab.clock.advance(60)
    second, _ = pulled(lab, cursor)
    assert set(first) | set(second) == set(lab.leads())
    edited = {lead_id for lead_id, row in lab.leads().items() if row["Company"] == "Edited"}
    assert edited <= set(second)


def test_fault_34_a_change_that_is_committed_an_hour_after_its_stamp_is_judged(lab):
    assert lab.run().code is Exit.DONE
    lab.clock.advance(600)
    lead_id = lab.living()[0]
    lab.edit("Lead", {"Id": lead_id, "Status": "Closed - Not Converted", "commit_after": 3600})
    for _ in range(3):
        lab.clock.advance(900)
        assert lab.run().code is Exit.DONE
    lab.clock.advance(1200)
    assert lab.run().report.evaluated > 0
    assert verdict_of(lab, lead_id).stage == "disqualified"
    assert lab.run().report.written == 0


def test_fault_35_a_query_whose_place_salesforce_has_lost_begins_again(lab):
    lab.switch(page_size=1)
    lab.fault(method="GET", path="query/01g", do="answer", name="cursor_gone", times=1)
    crm = lab.opened()
    assert len(crm.owners()) > 2
    crm.close()


def test_fault_36_a_lead_edited_while_its_page_is_read_is_judged_by_the_next_run(lab):
    lab.clock.advance(60)
    lead_id = lab.living()[0]
    first, cursor = pulled(lab, between=lambda _: lab.edit("Lead", {"Id": lead_id, "Company": "Edited"}))
    assert lead_id in first
    lab.clock.advance(60)
    assert lead_id in pulled(lab, cursor)[0]


def test_fault_37_a_stamp_from_the_future_moves_no_watermark_and_is_read_when_its_time_comes(lab):
    _, cursor = pulled(lab)
    now = lab.clock.now()
    lab.clock.advance(7200)
    lead_id = lab.living()[0]
    lab.edit("Lead", {"Id": lead_id, "Company": "Tomorrow"})
    lab.clock.set(now)
    lab.clock.advance(600)
    found, cursor = pulled(lab, cursor)
    assert lead_id not in found
    assert Cursor.parse(cursor).since < f"{lab.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    lab.clock.advance(7200)
    assert lead_id in pulled(lab, cursor)[0]


def test_fault_38_an_object_without_its_usual_stamp_is_read_by_another_one(tmp_path):
    with opened_lab(tmp_path / "lab", hidden_fields=("Marketing_Activity__c.SystemModstamp",)) as lab:
        crm = lab.opened()
        lab.clock.advance(60)
        pages = list(crm.pull(""))
        crm.close()
        assert any(page.activities for page in pages)
        kinds = {activity.kind for page in pages for _, activity in page.activities}
        assert kinds & {"page_visit", "form", "email_open"}


def test_fault_39_a_value_that_changes_without_a_new_stamp_is_judged_with_the_lead_s_next_change(lab):
    """As formula fields do: no poll and no count shows it, and the old judgement stands meanwhile."""
    for _ in range(2):  # what we write comes back once
        lab.run()
        lab.clock.advance(3600)
    one = next(i for i in lab.living() if "company" not in str(lab.leads()[i]["LeadSLA_Missing__c"]))
    next(row for row in lab.face.org.rows("Lead") if row["Id"] == one)["Company"] = "[not provided]"
    lab.clock.advance(3600)
    lab.run(COUNTING)
    assert "company" not in str(lab.leads()[one]["LeadSLA_Missing__c"])
    lab.edit("Lead", {"Id": one, "Title": "Buyer"})
    lab.clock.advance(3600)
    lab.run()
    assert "company" in lab.leads()[one]["LeadSLA_Missing__c"]


def test_fault_40_a_deleted_lead_is_forgotten_by_the_next_poll(lab):
    lab.run()
    lead_id = with_open_task(lab)[0]
    lab.edit("Lead", {"Id": lead_id, "delete": True})
    lab.clock.advance(600)
    report = lab.run().report
    assert report.gone == 1
    assert kept_of(lab, lead_id) <= {"outbox"}
    assert lab.run().report.written == 0


def test_fault_41_a_lead_erased_from_the_recycle_bin_too_is_missed_by_the_count(lab):
    lab.run()
    lead_id = with_open_task(lab)[0]
    lab.edit("Lead", {"Id": lead_id, "delete": True}, {"Id": lead_id, "purge": True})
    lab.clock.advance(600)
    assert lab.run().report.gone == 0  # no poll can see it
    lab.clock.advance(600)
    assert lab.run(COUNTING).report.gone == 1
    assert kept_of(lab, lead_id) <= {"outbox"}


def test_fault_42_leads_merged_in_a_chain_hand_the_earliest_deadline_to_the_last_survivor(lab):
    lab.run()
    waiting = [verdict_of(lab, one) for one in with_open_task(lab)]
    waiting = [one for one in waiting if one.stage == "mql" and one.due_clock.target == "response"]
    assert len(waiting) > 2
    waiting.sort(key=lambda one: one.due_clock.started_at)
    first, second, last = (one.lead_id for one in (waiting[0], waiting[1], waiting[-1]))
    lab.edit("Lead", {"Id": first, "merge_into": second})
    lab.clock.advance(1)
    lab.edit("Lead", {"Id": second, "merge_into": last})
    lab.clock.advance(600)
    assert lab.run().report.merged == 2
    started = [clock.started_at for clock in verdict_of(lab, last).clocks if clock.target == "response"]
    assert min(started) == waiting[0].due_clock.started_at
    assert with_open_task(lab).count(last) == 1
    assert not {first, second} & set(with_open_task(lab))


def test_fault_43_a_converted_lead_is_answered_and_never_written_again(lab):
    lab.run()
    lead_id = next(one for one in with_open_task(lab) if verdict_of(lab, one).stage == "mql")
    lab.clock.advance(600)
    lab.edit("Lead", {"Id": lead_id, "IsConverted": True})
    converted = lab.leads()[lead_id]
    assert converted["IsConverted"]
    lab.clock.advance(600)
    outcome = lab.run()
    assert outcome.code is Exit.DONE
    clocks = {clock.target: clock for clock in verdict_of(lab, lead_id).clocks}
    assert clocks["response"].stopped_at is not None
    ours = {name: value for name, value in lab.leads()[lead_id].items() if name.startswith("LeadSLA_")}
    assert ours == {name: value for name, value in converted.items() if name.startswith("LeadSLA_")}
    assert lead_id not in with_open_task(lab)


def test_fault_44_a_lead_brought_back_resumes_with_its_clock(lab):
    lab.run()
    lead_id = with_open_task(lab)[0]
    due = lab.leads()[lead_id][DUE]
    lab.edit("Lead", {"Id": lead_id, "delete": True})
    lab.clock.advance(600)
    lab.run()
    lab.edit("Lead", {"Id": lead_id, "undelete": True})
    lab.clock.advance(600)
    lab.run()
    assert lab.leads()[lead_id][DUE] == due
    assert with_open_task(lab).count(lead_id) <= 1


def facts_of(lab: Lab, lead_id: str) -> tuple[Any, ...]:
    with lab.store.begin() as db:
        (known,) = Facts("salesforce").known(db, [lead_id])
    return tuple(known.history.activities)


def test_fault_45_a_call_logged_days_later_counts_when_it_was_made(lab):
    lab.run()
    lead_id = with_open_task(lab)[0]
    made = lab.clock.now().replace(microsecond=0) - timedelta(hours=30)
    call = {"WhoId": lead_id, "Subject": "Call", "TaskSubtype": "Call", "Status": "Completed"}
    (task,) = lab.edit("Task", {**call, "CompletedDateTime": f"{made:%Y-%m-%dT%H:%M:%SZ}"})
    lab.clock.advance(600)
    lab.run()
    (found,) = (one for one in facts_of(lab, lead_id) if one.id == task["Id"])
    assert (found.at, found.known_at > found.at) == (made, True)


def test_fault_46_the_same_activity_read_again_and_again_is_one(lab):
    lab.run()
    lead_id = with_open_task(lab)[0]
    visit = {"Lead__c": lead_id, "Kind__c": "page_visit", "Occurred_At__c": "2026-11-23T10:59:00Z"}
    (one,) = lab.edit("Marketing_Activity__c", visit)
    for _ in range(3):
        lab.clock.advance(60)  # within the look-back
        lab.run()
    assert [fact.id for fact in facts_of(lab, lead_id)].count(one["Id"]) == 1


def test_fault_47_a_touch_of_every_lead_that_changes_nothing_mapped_writes_nothing(lab):
    lab.run()
    lab.clock.advance(600)
    lab.run()
    lab.edit("Lead", *({"Id": one, "Fax": "+49 30 1"} for one in lab.living()))
    lab.clock.advance(1)
    outcome = lab.run()
    assert (outcome.code, outcome.report.written) == (Exit.DONE, 0)


def test_fault_48_an_org_that_suddenly_looks_empty_forgets_nothing(lab):
    lab.run()
    kept = {one: kept_of(lab, one) for one in lab.living()}
    lab.clock.advance(600)
    lab.edit("Lead", *({"Id": one, "delete": True} for one in lab.living()))
    lab.edit("Lead", *({"Id": one, "undelete": True} for one in kept))
    lab.clock.advance(600)
    assert lab.run(COUNTING).code is Exit.DONE
    assert {one: bool(kept_of(lab, one)) for one in kept} == dict.fromkeys(kept, True)


def test_fault_50_a_number_written_for_people_sets_its_lead_aside_and_the_rest_goes_on(lab):
    lead_id, other = lab.living()[:2]
    lab.edit("Lead", {"Id": lead_id, "Company": "1,234 or so"}, {"Id": other, "Company": "250"})
    lab.clock.advance(10)
    shipped = lab.connection().mapping.model_dump(by_alias=True)
    shipped["lead"]["employees"] = {"field": "Company", "as": "integer"}
    mapping = type(lab.connection().mapping).model_validate(shipped)
    crm = lab.opened(mapping=mapping)
    pages = list(crm.pull(""))
    crm.close()
    refused = {one.lead_id: (one.field, one.reason) for page in pages for one in page.rejections}
    assert refused[lead_id] == ("Company", "is not an integer")
    found = {seen.lead.id: seen.lead.fields["employees"] for page in pages for seen in page.leads}
    assert (found[other], lead_id in found) == (250, False)

"""What goes to Salesforce and what comes of it: batches, upserts by key, bulk jobs, refusals in words."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.base import AssignOwner, CloseTask, SetFields, SetStage
from connectors.salesforce.bulk_csv import cells, read, written
from connectors.salesforce.fields import cut
from connectors.salesforce.record_refusals import refusal_in_bulk, refusal_of
from sla_engine.model import LifecycleStage
from tests.faults.proxy import Sent, Told
from tests.faults.salesforce_org import NOW, SalesforceOrg, a_task, salesforce_org, shows, statuses

pytestmark = pytest.mark.slow  # over HTTP, minutes in all

MANY = 2400  # leads: enough for a bulk job, and twelve full batches


@pytest.fixture(params=[False, True], ids=["key looked up", "unique key"])
def org(request: Any, monkeypatch: Any) -> Iterator[SalesforceOrg]:
    with salesforce_org(450, unique_key=request.param) as one:
        yield one


@pytest.fixture
def small(monkeypatch: Any) -> Iterator[SalesforceOrg]:
    monkeypatch.setattr("connectors.session._wait", lambda state: 0.0)
    with salesforce_org() as one:
        yield one


@pytest.fixture
def big(monkeypatch: Any) -> Iterator[SalesforceOrg]:
    monkeypatch.setattr("connectors.session._wait", lambda state: 0.0)
    with salesforce_org(MANY) as one:
        yield one


def all_leads(org: SalesforceOrg, **values: Any) -> list[SetFields]:
    return [shows(one, **values) for one in org.ids()]


def shown(org: SalesforceOrg, name: str = "LeadSLA_Status__c") -> set[Any]:
    return {row[name] for row in org.leads().values()}


def job_calls(org: SalesforceOrg) -> list[str]:
    return [" ".join(part for part in one.split("/") if not part.startswith("750")) for one in org.writes()]


def test_every_record_is_written_once_in_full_batches_and_the_receipts_keep_the_order(org):
    ids = org.ids()
    tasks = [a_task(one, f"{n:040d}") for n, one in enumerate(ids[:250])]
    receipts = org.apply(*tasks, *all_leads(org))
    assert set(statuses(receipts)) == {"written"}
    assert [one.record_id for one in receipts[250:]] == ids
    by_id = {task["Id"]: task["WhoId"] for task in org.tasks()}
    assert [by_id[one.record_id] for one in receipts[:250]] == ids[:250]
    sizes = [len(call.rows) for call in org.proxy.seen if call.rows]
    assert sorted(sizes) == [50, 50, 200, 200, 200]


def test_a_task_whose_key_is_unique_in_the_org_is_upserted_by_it_and_others_are_created(org, request):
    is_unique = "unique key" in request.node.name
    lead = org.ids()[0]
    (first,), (again,) = (org.apply(a_task(lead)) for _ in range(2))
    assert (first.record_id == again.record_id, len(org.tasks())) == (is_unique, 1 if is_unique else 2)
    verbs = {call.partition(" ")[0] for call in org.writes()}
    assert verbs == ({"PATCH"} if is_unique else {"POST"})


def test_a_task_that_a_person_closed_is_not_opened_by_a_repeated_upsert():
    with salesforce_org(1, unique_key=True) as org:
        (made,) = org.apply(a_task(org.ids()[0]))
        org.edit("Task", Id=made.record_id, Status="Completed")
        org.apply(a_task(org.ids()[0]))
        assert [task["Status"] for task in org.tasks()] == ["Completed"]


def test_what_is_read_before_a_guarded_write_takes_one_trip(small):
    lead, other = small.ids()[:2]
    (made,) = small.apply(a_task(lead))
    small.proxy.seen.clear()
    bob = next(row["Id"] for row in small.face.records("User") if row["FirstName"] == "Bob")
    ada = small.leads()[lead]["OwnerId"]
    receipts = small.apply(
        AssignOwner(lead, bob, ada, ""),
        SetStage(other, LifecycleStage.SAL, LifecycleStage.MQL, ""),
        CloseTask(lead, made.record_id, "k" * 40, "answered", ""),
    )
    assert statuses(receipts) == ["written"] * 3
    paths = [one.path.partition("/v59.0/")[2].partition("?")[0].rstrip("/") for one in small.proxy.seen]
    assert paths == ["query", "composite", "composite/sobjects", "composite/sobjects"]


def test_a_part_that_is_refused_does_not_take_the_other_parts_of_its_lead_along(small):
    """An owner who left: our fields are written all the same."""
    lead = small.ids()[0]
    cat = next(row["Id"] for row in small.face.records("User") if row["FirstName"] == "Cat")
    receipts = small.apply(shows(lead), AssignOwner(lead, cat, small.leads()[lead]["OwnerId"], ""))
    assert statuses(receipts) == ["written", "rejected"]
    assert receipts[1].message.startswith("INACTIVE_OWNER_OR_USER: the owner is inactive; give the lead to")
    assert small.leads()[lead]["LeadSLA_Status__c"] == "met"


def test_whatever_is_decided_about_a_lead_that_is_gone_says_so(small):
    lead = small.ids()[0]
    owner = small.leads()[lead]["OwnerId"]
    small.edit("Lead", Id=lead, delete=True)
    moved = AssignOwner(lead, owner, None, ""), SetStage(lead, LifecycleStage.SAL, LifecycleStage.MQL, "")
    receipts = small.apply(*moved, shows(lead), a_task(lead))
    assert statuses(receipts) == ["rejected"] * 4
    assert all(one.lead_is_gone for one in receipts)


def test_trouble_of_the_connection_does_not_lose_the_receipts_there_are(small):
    """The day's calls end between the leads and the tasks: what was written is told, the rest put off."""
    lead = small.ids()[0]
    spent = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    small.fault(method="POST", path="/composite/sobjects$", do="status", status=403, body=spent)
    receipts = small.apply(shows(lead), a_task(lead))
    assert statuses(receipts) == ["written", "deferred"]
    assert "daily API calls are used up" in receipts[1].message


def test_many_updates_are_one_bulk_job_of_a_few_calls(big):
    receipts = big.apply(*all_leads(big, due_at=NOW))
    assert set(statuses(receipts)) == {"written"}
    assert [one.record_id for one in receipts] == big.ids()
    assert shown(big) == {"met"}
    assert len(big.writes()) == 5  # our running jobs, create, upload, close, look
    assert big.proxy.calls("/composite") == []


@pytest.mark.slow
@pytest.mark.parametrize(("bulk_from", "most"), [(2000, 10), (100_000, 55)])
def test_10_000_leads_and_1_000_tasks_cost_no_more_calls_than_full_batches(monkeypatch, bulk_from, most):
    monkeypatch.setattr("connectors.salesforce.write.FROM", bulk_from)
    with salesforce_org(10_000) as org:
        ids = org.ids()
        receipts = org.apply(*all_leads(org)) + org.apply(*[a_task(one, f"{one:0>40}") for one in ids[:1000]])
        assert set(statuses(receipts)) == {"written"}
        assert len(org.writes()) <= most


def test_a_bulk_job_clears_with_a_sign_and_leaves_alone_what_it_does_not_name(big):
    first, *rest = big.ids()
    big.apply(*all_leads(big, due_at=NOW, score=7))
    big.apply(shows(first, "at_risk"), *[SetFields(one, {"due_at": None}, "") for one in rest])
    leads = big.leads()
    assert {leads[one]["LeadSLA_Due_At__c"] for one in rest} == {None}
    assert {row["LeadSLA_Score__c"] for row in leads.values()} == {7}
    assert (leads[first]["LeadSLA_Status__c"], leads[first]["LeadSLA_Due_At__c"]) == (
        "at_risk",
        "2026-11-23T11:00:00.000+0000",
    )
    assert {leads[one]["LeadSLA_Status__c"] for one in rest} == {"met"}


def test_each_row_that_a_bulk_job_refuses_says_why_and_the_others_are_written(big):
    bad = big.ids()[17]
    big.edit("ValidationRule", object="Lead", requires="Phone", when={"Id": bad}, message="Ring Ann first")
    receipts = big.apply(*all_leads(big))
    assert [one.record_id for one in receipts if one.status != "written"] == [bad]
    assert receipts[17].message.startswith("FIELD_CUSTOM_VALIDATION_EXCEPTION on Phone: a validation rule")
    assert "Ann" not in receipts[17].message


def test_rows_that_a_failed_bulk_job_did_not_get_to_go_by_collections(big):
    big.fail_job(job="ingest", after=1000)
    receipts = big.apply(*all_leads(big))
    assert set(statuses(receipts)) == {"written"}
    assert shown(big) == {"met"}
    assert sum(len(one.rows) for one in big.proxy.calls("/composite/sobjects")) == MANY - 1000
    assert {
        "GET jobs ingest successfulResults",
        "GET jobs ingest failedResults",
        "GET jobs ingest unprocessedrecords",
    } <= set(job_calls(big))


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/jobs/ingest$"), ("PUT", "/batches$"), ("PATCH", "/jobs/ingest/")],
    ids=["create", "upload", "close"],
)
@pytest.mark.parametrize("when", ["cut_after", "cut_before"])
def test_an_answer_lost_on_the_way_into_a_bulk_job_writes_every_row_all_the_same(big, method, path, when):
    big.fault(method=method, path=path, do=when)
    receipts = big.apply(*all_leads(big))
    assert set(statuses(receipts)) == {"written"}
    assert shown(big) == {"met"}


def test_a_bulk_job_that_outlasts_our_patience_is_put_off_and_not_given_its_rows_again(big):
    big.switch(bulk_polls=60)
    first = big.apply(*all_leads(big))
    assert set(statuses(first)) == {"deferred"}
    assert "is still running; see Setup > Bulk Data" in first[0].message
    assert shown(big) == {None}
    second = big.apply(*all_leads(big))
    assert set(statuses(second)) == {"written"}
    assert sum("POST jobs/ingest" in one for one in big.writes()) == 1
    assert big.proxy.calls("/composite") == []


def test_an_org_without_bulk_rights_is_written_by_collections(big):
    denied = [{"errorCode": "API_DISABLED_FOR_ORG", "message": "no"}]
    big.fault(path="/jobs/ingest", times=None, do="status", status=403, body=denied)
    assert set(statuses(big.apply(*all_leads(big)))) == {"written"}
    assert [len(one.rows) for one in big.proxy.calls("/composite/sobjects")] == [200] * 12


def test_an_answer_that_leaves_rows_out_promises_nothing(small):
    def short(sent: Sent, forward: Any) -> Told:
        told = forward()
        return Told.json(200, json.loads(told.body)[:-1]) if sent.rows else told

    small.proxy.meddle = short
    ids = small.ids()
    receipts = small.apply(*all_leads(small), a_task(ids[0]))
    assert statuses(receipts) == ["deferred"] * 10 + ["unknown"]


def test_what_is_cut_is_marked_and_halves_of_characters_are_not_left():
    assert cut("abcdef", 4) == "abc…"
    assert cut("ab😀", 4) == "ab😀"
    assert cut("abc😀", 4) == "abc…"
    assert cut("a\x00b\ud83d", 9) == "ab�"


def test_bulk_cells_clear_leave_alone_and_tell_truth_as_salesforce_does():
    columns = ["Id", "A", "B", "C", "D"]
    row = cells({"Id": "1", "A": None, "B": True, "C": 'x,"y"\nz'}, columns)
    assert row == {"Id": "1", "A": "#N/A", "B": "true", "C": 'x,"y"\nz', "D": ""}
    assert list(read(written([row], columns))) == [row]


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        (
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            "LeadTrigger: execution of BeforeUpdate\n\ncaused by: System.NullPointerException: Ann Ashdown",
            "(trigger LeadTrigger before update, NullPointerException)",
        ),
        (
            "CANNOT_EXECUTE_FLOW_TRIGGER",
            "We can't save this record because the “Lead Router” process failed. Ann Ashdown",
            '(flow "Lead Router")',
        ),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Ann Ashdown must be called", "a validation rule"),
        ("STRANGE_NEW_CODE", "Ann Ashdown", "STRANGE_NEW_CODE: Salesforce refuses this record"),
    ],
)
def test_a_refusal_names_what_stands_in_the_way_and_no_value(code, message, told):
    answer = {"success": False, "errors": [{"statusCode": code, "message": message, "fields": ["Ann B."]}]}
    for refusal in (
        refusal_of(answer),
        refusal_in_bulk(f"{code}:{message}:-- --"),
        refusal_in_bulk(f"{code}:{message}: --"),
    ):
        assert told in str(refusal)
        assert "Ann" not in str(refusal)


def test_the_duplicate_rule_that_blocks_is_named():
    error = {
        "statusCode": "DUPLICATES_DETECTED",
        "message": "Ann is there",
        "fields": [],
        "duplicateResult": {"duplicateRule": "Lead_Email"},
    }
    assert "(duplicate rule Lead_Email)" in str(refusal_of({"success": False, "errors": [error]}))


def test_a_note_with_no_room_in_a_task_is_left_out_and_what_people_wrote_stays(small):
    lead = small.ids()[0]
    (made,) = small.apply(a_task(lead))
    theirs = "z" * 32000
    small.edit("Task", Id=made.record_id, Description=theirs)
    (closed,) = small.apply(CloseTask(lead, made.record_id, "k" * 40, "answered", ""))
    (task,) = small.tasks()
    assert (closed.status, task["IsClosed"], task["Description"] == theirs) == ("written", True, True)


def test_a_new_tasks_reminder_is_a_whole_minute_and_its_words_are_cut_to_fit(small):
    long = replace(a_task(small.ids()[0]), subject="s" * 300, body="b" * 40_000)
    small.apply(long)
    (task,) = small.tasks()
    assert (len(task["Subject"]), task["Subject"][-1], len(task["Description"])) == (255, "…", 32000)
    assert task["ReminderDateTime"] == "2026-11-23T11:00:00.000+0000"


def test_reading_long_cells_leaves_the_limit_of_the_process_as_it_was():
    before = csv.field_size_limit()
    (row,) = read(b"Id,Note\n00Q1," + b"x" * 140_000 + b"\n")
    assert len(row["Note"]) == 140_000
    assert csv.field_size_limit() == before

"""Whole runs over real HTTP against both practice CRMs; everything is read back from their records."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from connectors.errors import Misconfigured
from sla_engine.verdict import ClockState
from sync.store.work import Work


def verdicts(office):
    with office.store.begin() as db:
        return {verdict.lead_id: verdict for verdict in Work(office.crm).verdicts(db)}


def an_open_task(office, state=None):
    """(task, verdict) of a lead that waits for an answer in its MQL phase."""
    judged = verdicts(office)
    for task in office.our_tasks():
        clock = judged[office.lead_of(task)].due_clock
        if office.is_open(task) and clock and "response" in clock.target and state in {None, clock.state}:
            return task, judged[office.lead_of(task)]
    raise AssertionError("the story has no such lead")


def test_the_second_sync_writes_nothing(office):
    first = office.sync()
    office.reset_calls()
    second = office.sync()
    assert first.written > 50
    assert (second.planned, second.written, second.evaluated) == (0, 0, 0)
    assert not any("batch/update" in route or "batch/create" in route for route in office.calls())
    assert not any(
        route.startswith(("PATCH", "POST")) and "composite/sobjects" in route for route in office.calls()
    )


def test_the_numbers_add_up(office):
    report = office.sync()
    assert report.planned == report.written + report.unchanged + report.rejected + report.deferred


def test_what_was_decided_stands_in_the_crm(office):
    office.sync()
    leads = office.leads()
    for lead_id, verdict in verdicts(office).items():
        if office.crm == "salesforce" and leads[lead_id]["IsConverted"]:
            continue
        assert leads[lead_id][office.words["status"]] == verdict.sla_status


def test_exactly_one_open_task_per_lead_that_needs_an_answer_owned_by_its_owner(office):
    report = office.sync()
    needed = {lead_id for lead_id, verdict in verdicts(office).items() if verdict.due_clock}
    tasks = [task for task in office.our_tasks() if office.is_open(task)]
    per_lead = Counter(office.lead_of(task) for task in tasks)
    assert set(per_lead.values()) == {1}
    leads, judged, owner = office.leads(), verdicts(office), office.words["owner"]
    alone = {lead_id for lead_id in needed if judged[lead_id].due_clock.acting is None}
    gone = {one for one in alone if leads[one][owner]}
    assert set(per_lead) == needed - gone
    assert report.rejected == 0
    for task in tasks:
        if office.lead_of(task) not in alone:
            assert (task[owner] or "") == (leads[office.lead_of(task)][owner] or "")
    assert gone
    assert gone == set(report.left_alone)  # theirs who have left, with nobody to stand in: said in the report


def test_a_lead_never_changes_owner_by_our_writing(office):
    owner = office.words["owner"]
    before = {lead_id: row.get(owner) for lead_id, row in office.leads().items()}
    office.sync()
    assert {lead_id: row.get(owner) for lead_id, row in office.leads().items()} == before


def test_plan_says_why_and_writes_nothing(office):
    before = office.leads()
    _, plan, sentences = office.plan()
    assert len(sentences) == len(plan.changes) > 50
    assert all(", because " in sentence for sentence in sentences)
    assert office.leads() == before
    assert office.our_tasks() == []


def test_shadow_mode_writes_nothing(office):
    office.rollout = {"mode": "shadow"}
    before = office.leads()
    report = office.sync()
    assert (report.planned, report.written) == (0, 0)
    assert office.leads() == before


def test_shadow_mode_refuses_even_an_approved_plan(office):
    office.rollout = {"mode": "shadow"}
    _, plan, _ = office.plan()
    with pytest.raises(Misconfigured, match="in shadow mode nothing is written"):
        office.sync(plan)
    assert office.our_tasks() == []


def test_leaving_shadow_mode_writes_what_was_held_back(office):
    office.rollout = {"mode": "shadow"}
    office.sync()
    office.rollout = {}
    assert office.sync().written > 50


def test_fields_mode_makes_no_task(office):
    office.rollout = {"mode": "fields"}
    assert office.sync().written > 50
    assert office.our_tasks() == []


def test_leads_handed_over_before_effective_from_get_no_clock_and_no_task(office):
    office.rollout = {"effective_from": office.clock.now()}
    report = office.sync()
    assert report.exempt > 10
    assert office.our_tasks() == []


def test_caps_hold_new_tasks_back_until_later_runs(office):
    office.rollout = {"max_new_tasks_per_run": 3}
    first = office.sync()
    assert len(office.our_tasks()) == 3
    assert first.deferred > 0
    office.sync()
    assert len(office.our_tasks()) == 6


def test_a_task_that_a_person_closed_is_never_made_again(office):
    office.sync()
    task, _ = an_open_task(office)
    office.edit("task", task[office.words["id"]], office.words["closed"])
    office.clock.advance(3600)
    office.sync()
    mine = [one for one in office.our_tasks() if office.lead_of(one) == office.lead_of(task)]
    assert [office.is_open(one) for one in mine] == [False]


def test_an_accepted_lead_closes_or_turns_its_task_and_says_answered(office):
    office.sync()
    _, verdict = an_open_task(office)
    office.clock.advance(60)
    office.edit("lead", verdict.lead_id, office.words["stage"])
    office.clock.advance(60)
    office.sync()
    after = verdicts(office)[verdict.lead_id]
    ended = next(clock for clock in after.clocks if clock.key == verdict.due_clock.key)
    assert ended.state in {ClockState.MET, ClockState.MET_LATE}
    assert ended.proof == "accepted"
    standing = [
        one for one in office.our_tasks() if office.lead_of(one) == verdict.lead_id and office.is_open(one)
    ]
    assert len(standing) == (1 if after.due_clock else 0)


def test_a_missed_deadline_changes_the_one_task_instead_of_adding_another(office):
    office.sync()
    task, verdict = an_open_task(office, ClockState.RUNNING)
    office.clock.set(verdict.due_clock.due_at + timedelta(minutes=1))
    office.sync()
    mine = [one for one in office.our_tasks() if office.lead_of(one) == verdict.lead_id]
    assert [one[office.words["id"]] for one in mine] == [task[office.words["id"]]]
    subject = mine[0].get("Subject") or mine[0].get("hs_task_subject")
    assert subject.startswith("Overdue")
    assert office.leads()[verdict.lead_id][office.words["status"]] == "breached"


def test_an_approved_plan_is_written_and_leads_edited_since_are_left_alone(office):
    _, plan, _ = office.plan()
    edited = plan.changes[0].lead_id
    office.clock.advance(5)
    field = {"Phone": "+49 30 23125999"} if office.crm == "salesforce" else {"phone": "+49 30 23125999"}
    office.edit("lead", edited, field)
    office.clock.advance(5)
    report = office.sync(plan)
    assert report.planned == len(plan.changes)
    assert report.deferred == sum(change.lead_id == edited for change in plan.changes)
    assert report.overtaken == [edited]
    assert not office.leads()[edited].get(office.words["status"])


def test_an_answer_lost_after_creating_tasks_leaves_one_task_each(office):
    path = "composite/sobjects$" if office.crm == "salesforce" else "tasks/batch/create$"
    office.fault(method="POST", path=path, do="cut_after", times=1)
    first = office.sync()
    assert first.deferred > 0
    office.sync()
    office.sync()
    per_lead = Counter(office.lead_of(task) for task in office.our_tasks())
    assert set(per_lead.values()) == {1}
    assert len(per_lead) > 5

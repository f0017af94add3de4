"""What every ``Crm`` keeps to: one suite of claims, the same for each CRM and the one in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.base import (
    AssignOwner,
    CloseTask,
    CreateTask,
    Page,
    Receipt,
    ReceiptStatus,
    SeenLead,
    SetFields,
    SetStage,
    UpdateTask,
)
from connectors.canonical import canonical
from sla_engine.model import LifecycleStage
from tests.contract.benches import (
    LAST_NAMES,
    NOW,
    Bench,
    hubspot_bench,
    memory_bench,
    salesforce_bench,
    unique_hubspot_bench,
)
from tests.contract.contacts_bench import contacts_bench

BENCHES = {
    "memory": memory_bench,
    "salesforce": salesforce_bench,
    "salesforce contacts": contacts_bench,
    "hubspot": hubspot_bench,
}
SETTINGS = {**BENCHES, "hubspot with unique keys": unique_hubspot_bench}
KEY = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"


@pytest.fixture(params=list(SETTINGS))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with SETTINGS[request.param]() as one:
        one.crm.provision(dry_run=False)
        yield one


@pytest.fixture(params=list(BENCHES))
def fresh(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A CRM that nobody has provisioned."""
    with BENCHES[request.param]() as one:
        yield one


def pull(bench: Bench, cursor: str = "") -> list[Page]:
    return list(bench.crm.pull(cursor, bench.until()))


def leads_in(pages: Iterable[Page]) -> dict[str, SeenLead]:
    return {seen.lead.id: seen for page in pages for seen in page.leads}


def facts_in(pages: Iterable[Page]) -> set[tuple[str, str]]:
    """Every fact by what it is of and its id, whatever page it came on."""
    found: set[tuple[str, str]] = set()
    for page in pages:
        found |= {("lead", seen.lead.id) for seen in page.leads}
        found |= {("activity", fact.id) for _, fact in page.activities}
        found |= {("stage", f"{lead_id} {fact.stage} {fact.at}") for lead_id, fact in page.stages}
        found |= {("owner", f"{lead_id} {fact.owner} {fact.at}") for lead_id, fact in page.owners}
    return found


def some_lead(bench: Bench) -> SeenLead:
    return min(leads_in(pull(bench)).values(), key=lambda seen: seen.lead.id)


def a_task(seen: SeenLead, key: str = KEY) -> CreateTask:
    owner = seen.lead.owner
    due = NOW + timedelta(hours=3)
    words = ("Answer this lead by noon", "Agreed: response.")
    return CreateTask(
        seen.lead.id, key, owner.id if owner else None, *words, due, "Europe/Berlin", "it is due"
    )


def made_task(bench: Bench, seen: SeenLead, key: str = KEY) -> str:
    (receipt,) = bench.crm.apply([a_task(seen, key)])
    assert receipt.status is ReceiptStatus.WRITTEN, receipt.message
    return receipt.record_id


def test_a_first_pull_brings_every_lead_with_its_history(bench: Bench) -> None:
    pages = pull(bench)
    assert {seen.lead.fields["last_name"] for seen in leads_in(pages).values()} == set(LAST_NAMES)
    assert {seen.lead.stage for seen in leads_in(pages).values()} == {LifecycleStage.MQL}
    with_stage = {lead_id for page in pages for lead_id, change in page.stages if change.stage == "mql"}
    with_activity = {lead_id for page in pages for lead_id, _ in page.activities}
    assert with_stage == with_activity == set(leads_in(pages))
    assert not [rejection for page in pages for rejection in page.rejections]


def test_a_pull_from_the_last_cursor_brings_what_changed_since(bench: Bench) -> None:
    first = pull(bench)
    changed = sorted(leads_in(first))[:2]
    bench.wait(3600)
    bench.person_sets_company(changed, "After")
    second = leads_in(pull(bench, first[-1].cursor))
    assert {lead_id: seen.lead.fields["company"] for lead_id, seen in second.items()} == dict.fromkeys(
        changed, "After"
    )


def test_a_pull_without_news_brings_nothing_after_the_look_back(bench: Bench) -> None:
    first = pull(bench)
    bench.wait(3600)
    second = pull(bench, first[-1].cursor)
    bench.wait(3600)
    assert not leads_in(pull(bench, second[-1].cursor))


def test_a_pull_resumes_after_any_page_without_losing_a_fact(bench: Bench) -> None:
    pages = pull(bench)
    whole = facts_in(pages)
    for stopped in range(1, len(pages)):
        rest = pull(bench, pages[stopped - 1].cursor)
        assert facts_in(pages[:stopped]) | facts_in(rest) >= whole


def test_a_page_is_never_newer_than_asked_for(bench: Bench) -> None:
    until = bench.until()
    bench.wait(60)
    bench.person_sets_company(sorted(leads_in(pull(bench)))[:1], "Later")
    assert all(seen.modified_at <= until for seen in leads_in(bench.crm.pull("", until)).values())


def test_written_fields_show_and_nothing_else_moves(bench: Bench) -> None:
    before = some_lead(bench)
    values = {
        "status": "at_risk",
        "score": 42,
        "due_at": NOW,
        "missing": None,
        "reasons": "yes: one\nno: two",
    }
    (receipt,) = bench.crm.apply([SetFields(before.lead.id, values, "the response is at risk")])
    assert receipt == Receipt(ReceiptStatus.WRITTEN, before.lead.id)
    (after,) = bench.crm.read_leads([before.lead.id])
    assert {name: after.ours.get(name, "") for name in values} == {
        name: canonical(value) for name, value in values.items()
    }
    assert after.lead == before.lead


def test_what_we_wrote_comes_back_as_we_wrote_it(bench: Bench) -> None:
    """So that our own echo is no news."""
    seen = some_lead(bench)
    bench.crm.apply([SetFields(seen.lead.id, {"status": "met", "responded_at": NOW}, "answered")])
    echoed = leads_in(pull(bench))[seen.lead.id]
    assert (echoed.ours["status"], echoed.ours["responded_at"]) == ("met", canonical(NOW))
    assert echoed.lead == seen.lead


def test_a_made_task_is_found_by_its_key_exactly_once(bench: Bench) -> None:
    seen = some_lead(bench)
    task_id = made_task(bench, seen)
    other = a_task(seen, "f" * 40)
    found = bench.crm.find_tasks([a_task(seen), other])
    assert {key: (task.id, task.lead_id, task.is_open) for key, task in found.items()} == {
        KEY: (task_id, seen.lead.id, True)
    }
    assert [task.id for task in bench.crm.read_tasks([seen.lead.id])] == [task_id]


def test_our_tasks_come_with_a_pull_and_prove_nothing(bench: Bench) -> None:
    seen = some_lead(bench)
    before = facts_in(pull(bench))
    task_id = made_task(bench, seen)
    bench.crm.apply([CloseTask(seen.lead.id, task_id, KEY, "answered by call", "answered")])
    pages = pull(bench)
    assert [(task.id, task.key, task.is_open) for page in pages for task in page.tasks] == [
        (task_id, KEY, False)
    ]
    assert {fact for fact in facts_in(pages) if fact[0] == "activity"} == {
        fact for fact in before if fact[0] == "activity"
    }


def test_a_task_is_updated_in_place(bench: Bench) -> None:
    seen = some_lead(bench)
    task_id = made_task(bench, seen)
    made = a_task(seen)
    later, due = "Overdue: answer this lead", NOW + timedelta(hours=5)
    update = UpdateTask(
        seen.lead.id, task_id, "b" * 40, made.owner_id, later, made.body, due, made.time_zone, "late"
    )
    (receipt,) = bench.crm.apply([update])
    assert receipt.status is ReceiptStatus.WRITTEN, receipt.message
    (task,) = bench.crm.read_tasks([seen.lead.id])
    assert (task.id, task.key, task.subject, task.is_open) == (task_id, "b" * 40, later, True)
    assert (task.due_at, task.owner_id) == (due, made.owner_id)


def test_a_closed_task_stays_and_is_closed(bench: Bench) -> None:
    seen = some_lead(bench)
    task_id = made_task(bench, seen)
    (receipt,) = bench.crm.apply([CloseTask(seen.lead.id, task_id, KEY, "answered by call", "answered")])
    assert receipt.status is ReceiptStatus.WRITTEN, receipt.message
    assert [(task.id, task.is_open) for task in bench.crm.read_tasks([seen.lead.id])] == [(task_id, False)]


def test_a_task_that_is_closed_already_is_left_as_it_is(bench: Bench) -> None:
    seen = some_lead(bench)
    task_id = made_task(bench, seen)
    close = CloseTask(seen.lead.id, task_id, KEY, "answered by call", "answered")
    made = a_task(seen)
    words = (made.owner_id, "Overdue", made.body, made.due_at, made.time_zone, "late")
    update = UpdateTask(seen.lead.id, task_id, "b" * 40, *words)
    bench.crm.apply([close])
    assert {receipt.status for receipt in bench.crm.apply([close, update])} == {ReceiptStatus.UNCHANGED}
    assert [task.key for task in bench.crm.read_tasks([seen.lead.id])] == [KEY]


def test_a_rejected_row_does_not_sink_its_batch(bench: Bench) -> None:
    ids = sorted(leads_in(pull(bench)))
    ids.insert(2, bench.missing_lead)
    receipts = bench.crm.apply([SetFields(one, {"status": "running"}, "it runs") for one in ids])
    expected = [ReceiptStatus.REJECTED if one == bench.missing_lead else ReceiptStatus.WRITTEN for one in ids]
    assert [receipt.status for receipt in receipts] == expected
    assert receipts[2].message
    assert [seen.ours["status"] for seen in bench.crm.read_leads(ids)] == ["running"] * 5


def test_receipts_come_in_the_order_of_the_changes(bench: Bench) -> None:
    """However the connector groups its calls."""
    first, second = sorted(leads_in(pull(bench)).values(), key=lambda seen: seen.lead.id)[:2]
    changes = [
        a_task(first),
        SetFields(bench.missing_lead, {"status": "met"}, "answered"),
        SetFields(second.lead.id, {"status": "met"}, "answered"),
        a_task(second, "c" * 40),
    ]
    receipts = bench.crm.apply(changes)
    W, R = ReceiptStatus.WRITTEN, ReceiptStatus.REJECTED  # noqa: N806 - a table to read at a glance
    assert [receipt.status for receipt in receipts] == [W, R, W, W]
    tasks = {task.id: task.lead_id for task in bench.crm.read_tasks([first.lead.id, second.lead.id])}
    assert tasks == {receipts[0].record_id: first.lead.id, receipts[3].record_id: second.lead.id}


def test_nothing_to_write_needs_no_receipt(bench: Bench) -> None:
    assert bench.crm.apply([]) == []


def test_a_stage_is_set_only_if_it_still_is_as_expected(bench: Bench) -> None:
    ids = sorted(leads_in(pull(bench)))[:2]
    wrong = SetStage(ids[0], LifecycleStage.RECYCLED, LifecycleStage.INQUIRY, "no answer")
    right = SetStage(ids[1], LifecycleStage.RECYCLED, LifecycleStage.MQL, "no answer")
    receipts = bench.crm.apply([wrong, right])
    assert [receipt.status for receipt in receipts] == [ReceiptStatus.UNCHANGED, ReceiptStatus.WRITTEN]
    stages = {seen.lead.id: seen.lead.stage for seen in bench.crm.read_leads(ids)}
    assert stages == {ids[0]: LifecycleStage.MQL, ids[1]: LifecycleStage.RECYCLED}


def test_an_owner_is_assigned_only_if_it_still_is_as_expected(bench: Bench) -> None:
    seen = some_lead(bench)
    assert seen.lead.owner is not None
    change = AssignOwner(seen.lead.id, seen.lead.owner.id, "somebody-else", "round robin")
    (receipt,) = bench.crm.apply([change])
    assert receipt.status is ReceiptStatus.UNCHANGED
    assert receipt.message


def test_provisioning_tells_what_it_made_from_what_was_there_and_makes_nothing_twice(fresh: Bench) -> None:
    runs = [fresh.crm.provision(dry_run=dry_run) for dry_run in (True, False, False, True)]
    missing, made, there = (False, False), (False, True), (True, False)
    told = [{(step.exists, step.created) for step in steps} for steps in runs]
    assert told == [{missing}, {made}, {there}, {there}]
    assert len({tuple(step.what for step in steps) for steps in runs}) == 1


def test_our_fields_can_be_taken_away_with_what_is_in_them_and_made_anew(bench: Bench) -> None:
    lead = some_lead(bench)
    bench.crm.apply([SetFields(lead.lead.id, {"status": "met"}, "answered"), a_task(lead)])
    planned = bench.crm.unprovision(dry_run=True)
    assert all(step.exists and not step.removed for step in planned)
    assert bench.crm.read_leads([lead.lead.id])[0].ours["status"] == "met"
    gone = bench.crm.unprovision(dry_run=False)
    assert [step.what for step in gone] == [step.what for step in planned]
    assert all(step.exists and step.removed for step in gone)
    assert not any(step.exists or step.removed for step in bench.crm.unprovision(dry_run=False))
    assert not any(bench.crm.read_leads([lead.lead.id])[0].ours.values())
    assert bench.crm.read_tasks([lead.lead.id]) == []
    assert all(step.created for step in bench.crm.provision(dry_run=False))
    assert not any(bench.crm.read_leads([lead.lead.id])[0].ours.values())


def test_taking_away_what_nobody_made_touches_nothing(fresh: Bench) -> None:
    before = fresh.practice and fresh.practice.records(
        {"salesforce": "Lead", "hubspot": "contacts"}[fresh.practice.name]
    )
    assert not any(step.exists or step.removed for step in fresh.crm.unprovision(dry_run=False))
    assert before == (
        fresh.practice
        and fresh.practice.records({"salesforce": "Lead", "hubspot": "contacts"}[fresh.practice.name])
    )


def test_a_crm_without_our_fields_is_read_all_the_same(fresh: Bench) -> None:
    pages = pull(fresh)
    assert {seen.lead.fields["last_name"] for seen in leads_in(pages).values()} == set(LAST_NAMES)
    assert {kind for kind, _ in facts_in(pages)} >= {"lead", "activity", "stage"}
    seen = some_lead(fresh)
    assert fresh.crm.read_leads([seen.lead.id]) == [seen]
    assert not any(seen.ours.values())
    assert fresh.crm.read_tasks([seen.lead.id]) == []
    assert fresh.crm.find_tasks([a_task(seen)]) == {}


def test_check_tells_that_only_writing_needs_our_missing_fields(fresh: Bench) -> None:
    problems = [problem for problem in fresh.crm.check() if not problem.is_warning]
    assert problems
    assert all(problem.is_about_writing and "leadsla provision" in problem.remedy for problem in problems)
    crm, _ = fresh.misspelt()
    assert [
        problem.where for problem in crm.check() if not problem.is_about_writing and not problem.is_warning
    ]


def test_provisioning_by_a_connection_in_use_is_seen_by_its_next_pull(fresh: Bench) -> None:
    pull(fresh)
    fresh.crm.provision(dry_run=False)
    seen = some_lead(fresh)
    fresh.crm.apply([SetFields(seen.lead.id, {"status": "met"}, "answered")])
    assert leads_in(pull(fresh))[seen.lead.id].ours["status"] == "met"


def test_check_finds_nothing_wrong_after_provisioning(bench: Bench) -> None:
    assert [problem for problem in bench.crm.check() if not problem.is_warning] == []


def test_check_names_a_wrong_field_and_the_nearest_right_one(bench: Bench) -> None:
    crm, right = bench.misspelt()
    (problem,) = [problem for problem in crm.check() if "company" in problem.where and not problem.is_warning]
    assert right in problem.remedy + problem.what


def test_owners_are_known_by_id(bench: Bench) -> None:
    seen = some_lead(bench)
    assert seen.lead.owner is not None
    assert bench.crm.owners()[seen.lead.owner.id] == seen.lead.owner
    assert replace(seen.lead.owner, name="").time_zone == "Europe/Berlin"


def test_a_link_names_the_lead(bench: Bench) -> None:
    seen = some_lead(bench)
    assert seen.lead.id in bench.crm.link(seen.lead.id)

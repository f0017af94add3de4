"""The writing half of the fault catalogue on HubSpot: what the user sees, nothing lost, nothing twice.

Each test carries the catalogue's number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.base import (
    AssignOwner,
    CloseTask,
    CreateTask,
    Receipt,
    ReceiptStatus,
    SetFields,
    SetStage,
    UpdateTask,
)
from connectors.errors import Misconfigured
from connectors.hubspot.texts import LONGEST
from sla_engine.model import LifecycleStage
from sync.store.work import Work
from tests.faults.hubspot_office import HubSpotOffice, hubspot_office
from tests.faults.proxy import Sent, Told, honest
from tests.scenarios.conftest import MONDAY_NOON, no_pacing

__all__ = ["no_pacing"]

UPDATE = "/contacts/batch/update"
TASKS_MADE = "/tasks/batch/(create|upsert)"
PUT_ON_LEAD = "/tasks/contacts/batch/associate/default"
REFUSED = {
    "status": "error",
    "category": "VALIDATION_ERROR",
    "message": 'Property values were not valid: [{"isValid":false,"error":"FORBIDDEN_COMBINATION",'
    '"name":"leadsla_status"}]',
}


@pytest.fixture
def office(tmp_path: Path, no_pacing: None) -> Iterator[HubSpotOffice]:
    with hubspot_office(tmp_path) as one:
        yield one


@pytest.fixture
def unique_office(tmp_path: Path, no_pacing: None) -> Iterator[HubSpotOffice]:
    with hubspot_office(tmp_path, unique_key=True) as one:
        yield one


@pytest.fixture(params=[False, True], ids=["key looked up", "unique key"])
def any_office(request: Any, tmp_path: Path, no_pacing: None) -> Iterator[HubSpotOffice]:
    """Both kinds of accounts: whether a task's key may be unique is documented nowhere."""
    with hubspot_office(tmp_path, unique_key=request.param) as one:
        yield one


def applied(office: HubSpotOffice, changes: list[Any]) -> list[Receipt]:
    with office.opened() as crm:
        return crm.apply(changes)


def ids_of(office: HubSpotOffice) -> list[str]:
    return sorted(office.leads(), key=int)


def a_task(lead_id: str, key: str = "k" * 40, **parts: Any) -> CreateTask:
    whole = CreateTask(lead_id, key, None, "Call", "Because.", MONDAY_NOON, "Europe/Berlin", "due")
    return replace(whole, **parts)


def statuses(receipts: list[Receipt]) -> list[str]:
    return [str(one.status) for one in receipts]


def as_if_nothing_had_happened(office: HubSpotOffice) -> None:
    """Every lead shows its verdict, has at most one task, and a further run has nothing to write."""
    assert set(office.tasks_per_key().values()) == {1}
    assert set(office.open_per_lead().values()) == {1}
    assert "" not in office.open_per_lead()
    last = office.sync()
    assert (last.planned, last.written, last.is_partial) == (0, 0, False)
    assert all(row.status in {"written", "unchanged"} for row in office.outbox())


def test_fault_05_cut_after_an_update_was_applied(office):
    office.fault(method="POST", path=UPDATE, times=2, do="cut_after")
    report = office.sync()
    assert (report.rejected, report.deferred, report.troubles) == (0, 0, [])
    assert all(row["leadsla_status"] for row in office.leads().values())
    as_if_nothing_had_happened(office)


@pytest.mark.slow
def test_fault_06_cut_after_a_create(any_office):
    any_office.fault(method="POST", path=TASKS_MADE, times=None, do="cut_after")
    a_lost_answer_makes_no_second_task(any_office, any_office.no_more_faults)


@pytest.mark.slow
def test_fault_07_response_truncated_after_a_create(any_office):
    def truncated(sent: Sent, forward: Any) -> Told:
        told = forward()
        return replace(told, kept_back=len(told.body) // 2) if makes_tasks(sent) else told

    def whole_again() -> None:
        any_office.proxy.meddle = honest

    any_office.proxy.meddle = truncated
    a_lost_answer_makes_no_second_task(any_office, whole_again)


@pytest.mark.parametrize("how", ["cut_after", "html"])
def test_fault_06_a_create_that_can_be_repeated_is_repeated_in_the_same_run(unique_office, how):
    unique_office.fault(method="POST", path=TASKS_MADE, times=2, do=how)
    report = unique_office.sync()
    assert (report.rejected, report.deferred, report.troubles) == (0, 0, [])
    as_if_nothing_had_happened(unique_office)


def makes_tasks(sent: Sent) -> bool:
    return "/tasks/batch/" in sent.path and sent.path.endswith(("/create", "/upsert"))


def a_lost_answer_makes_no_second_task(office: HubSpotOffice, repair: Callable[[], None]) -> None:
    """The first run leaves every new task unknown, and the next finds each by its key."""
    first = office.sync()
    made = office.tasks_per_key()
    unknown = office.outbox("unknown")
    assert made
    assert set(made.values()) == {1}
    assert len(unknown) == first.deferred == len(made)
    assert first.is_partial
    assert all("tasks/batch/" in row.message for row in unknown)
    repair()
    office.sync()
    assert office.tasks_per_key() == made
    as_if_nothing_had_happened(office)


@pytest.mark.slow
def test_fault_17_duplicated_delivery(any_office):
    """A proxy that replays every call that makes tasks."""
    office = any_office

    def twice(sent: Sent, forward: Any) -> Told:
        first = forward()
        return forward() if makes_tasks(sent) else first

    office.proxy.meddle = twice
    report = office.sync()
    assert report.rejected == 0
    is_unique = bool(office.proxy.calls("/tasks/batch/upsert"))
    assert set(office.tasks_per_key().values()) == ({1} if is_unique else {2})
    office.clock.advance(60)
    second = office.sync()
    assert second.changes["CloseTask"] == (0 if is_unique else len(office.tasks_per_key()))
    surplus = [task for task in office.our_tasks() if not office.is_open(task)]
    assert all(task["hs_task_body"].endswith("one task per lead is enough") for task in surplus)
    assert set(office.open_per_lead().values()) == {1}
    assert office.sync().planned == 0


def test_fault_51_207_partial_batch(office):
    """A value that one lead's field does not take: the others are written, and that one says why."""
    ids = ids_of(office)
    changes = [SetFields(one, {"status": "met"}, "") for one in ids]
    changes[7] = SetFields(ids[7], {"status": "x" * (LONGEST + 1)}, "")
    receipts = applied(office, changes)
    assert [n for n, one in enumerate(receipts) if one.status is not ReceiptStatus.WRITTEN] == [7]
    assert receipts[7].message.startswith("INVALID_LENGTH on leadsla_status: ")
    shown = office.leads()
    assert [one for one in ids if shown[one]["leadsla_status"] != "met"] == [ids[7]]
    (call,) = office.proxy.calls(UPDATE)
    traces = [row["objectWriteTraceId"] for row in call.rows]
    assert len(set(traces)) == len(traces) == len(ids)


@pytest.mark.parametrize(
    ("status", "body", "becomes", "told"),
    [
        (400, REFUSED, "rejected", "FORBIDDEN_COMBINATION on leadsla_status: correct the record"),
        (409, {"status": "error", "category": "CONFLICT"}, "deferred", "CONFLICT: somebody else changed it"),
    ],
)
def test_fault_52_400_for_a_whole_batch_due_to_one_row(office, status, body, becomes, told):
    needed = 100 - len(office.leads())
    office.face.edit("contacts", [{"lastname": f"More{n}"} for n in range(needed)])
    ids = ids_of(office)
    bad = ids[61]

    def spoilt(sent: Sent, forward: Any) -> Told:
        spoils = UPDATE in sent.path and any(row["id"] == bad for row in sent.rows)
        return Told.json(status, body) if spoils else forward()

    office.proxy.meddle = spoilt
    receipts = applied(office, [SetFields(one, {"status": "met"}, "") for one in ids])
    assert len(ids) == 100
    assert len(office.proxy.calls(UPDATE)) <= 1 + 14
    assert statuses(receipts).count("written") == 99
    assert str(receipts[61].status) == becomes
    assert receipts[61].message.startswith(told)
    shown = office.leads()
    assert [one for one in ids if shown[one]["leadsla_status"] != "met"] == [bad]


@pytest.mark.slow
def test_fault_54_validation_rule(office):
    """A rule the account made for our field on one lead: told, not repeated every run, tried next day."""
    bad = ids_of(office)[3]

    def ruled(sent: Sent, forward: Any) -> Told:
        spoils = UPDATE in sent.path and any(row["id"] == bad for row in sent.rows)
        return Told.json(400, REFUSED) if spoils else forward()

    office.proxy.meddle = ruled
    first = office.sync()
    (row,) = office.outbox("rejected")
    assert (row.lead_id, first.rejected, first.refused) == (bad, 1, 1)
    assert row.message == (
        "FORBIDDEN_COMBINATION on leadsla_status: correct the record in HubSpot;"
        " it is tried again when it changes"
    )
    assert "`leadsla outbox` lists why" in " ".join(first.remarks())
    office.proxy.seen.clear()
    second = office.sync()
    assert (second.refused, second.is_partial) == (1, True)
    assert office.proxy.calls(UPDATE) == []
    office.proxy.meddle = honest
    office.clock.advance(timedelta(hours=25).total_seconds())
    office.sync()
    assert office.leads()[bad]["leadsla_status"]
    assert office.outbox("rejected") == []


def test_fault_56_picklist_value_removed(office):
    """A stage whose option is gone: the stage alone is refused, our fields are written, nothing invented."""
    with office.opened() as crm:
        seen = {one.lead.id: one.lead for one in crm.read_leads(ids_of(office))}
    lead = next(one for one in seen.values() if one.stage is LifecycleStage.INQUIRY)
    told = office.face.portal.schemas["contacts"].properties["lifecyclestage"]
    kept = tuple(one for one in told.options if one["value"] != "marketingqualifiedlead")
    office.face.portal.schemas["contacts"].properties["lifecyclestage"] = replace(told, options=kept)
    before = office.leads()[lead.id]["lifecyclestage"]
    receipts = applied(
        office,
        [
            SetStage(lead.id, LifecycleStage.MQL, LifecycleStage.INQUIRY, ""),
            SetFields(lead.id, {"status": "met"}, ""),
        ],
    )
    assert statuses(receipts) == ["rejected", "written"]
    assert receipts[0].message == (
        "INVALID_OPTION on lifecyclestage: add the option in HubSpot or correct the mapping"
    )
    shown = office.leads()[lead.id]
    assert (shown["lifecyclestage"], shown["leadsla_status"]) == (before, "met")
    with office.opened() as crm:
        found = {one.where: one.what for one in crm.check() if not one.is_warning}
    assert '"marketingqualifiedlead"' in found["stages.lifecyclestage"]


@pytest.mark.slow
def test_fault_57_field_deleted(office):
    """Deleted between the check and the write: nothing counts as refused, and the next run names it."""
    address = f"{office.url}/crm/properties/2026-03/contacts/leadsla_next_step"
    headers = {"Authorization": "Bearer localcrm"}
    first = office.sync_meddled(lambda: requests.delete(address, headers=headers, timeout=5))
    put_off = office.outbox("deferred")
    assert first.deferred == len(put_off) > 20
    assert {row.message for row in put_off} == {
        "PROPERTY_DOESNT_EXIST on leadsla_next_step: run `leadsla provision` or correct the mapping"
    }
    assert first.rejected == 0
    with pytest.raises(Misconfigured, match=r"contacts\.leadsla_next_step .*leadsla provision"):
        office.sync()
    with office.opened() as crm:
        crm.provision(dry_run=False)
    office.sync()
    assert all(row["leadsla_next_step"] for row in office.leads().values())
    as_if_nothing_had_happened(office)


def test_fault_58_value_too_long(office):
    """A field is refused and told; only the body of our own task is cut, with a mark."""
    one, two, three = ids_of(office)[:3]
    long = "<" * (LONGEST + 1)
    receipts = applied(
        office,
        [
            SetFields(one, {"reasons": long}, ""),
            SetFields(two, {"reasons": "short"}, ""),
            a_task(one, "a" * 40, subject=long),
            a_task(two, "b" * 40, body=long),
            a_task(three, "c" * 40),
        ],
    )
    assert statuses(receipts) == ["rejected", "written", "rejected", "written", "written"]
    remedy = "it is longer than HubSpot takes: shorten the fields it is made of"
    assert receipts[0].message == f"INVALID_LENGTH on leadsla_reasons: {remedy}"
    assert receipts[2].message == f"INVALID_LENGTH on hs_task_subject: {remedy}"
    body = next(task["hs_task_body"] for task in office.our_tasks() if task["leadsla_key"] == "b" * 40)
    assert (len(body) <= LONGEST, body[:8], body[-5:]) == (True, "&lt;&lt;", "&lt;…")


@pytest.mark.slow
def test_fault_59_owner_deactivated(any_office):
    """Deactivated while we decide: the task is refused with its reason, and the next run looks again."""
    office = any_office
    owners = office.face.portal.owners

    def gone(owner_id: str) -> None:
        owners[owner_id] = replace(owners[owner_id], active=False)

    with office.opened() as crm:
        leads = crm.read_leads(ids_of(office))
    active = [one for one in leads if one.lead.owner and owners[one.lead.owner.id].active]
    owner_id = max(owners, key=lambda each: sum(one.lead.owner.id == each for one in active))
    first = office.sync_meddled(lambda: gone(owner_id))
    refused = office.outbox("rejected")
    assert refused
    assert {row.kind for row in refused} == {"CreateTask"}
    assert {row.message for row in refused} == {
        "INVALID_OWNER_ID on hubspot_owner_id: the owner is unknown or inactive: give the lead another owner"
    }
    assert {row.change.owner_id for row in refused} == {owner_id}
    assert first.rejected == len(refused)
    assert all(task["hubspot_owner_id"] != owner_id for task in office.our_tasks())
    office.clock.advance(60)
    second = office.sync()
    assert {row.lead_id for row in refused} <= set(second.left_alone)
    assert "name a deputy or manager" in " ".join(second.remarks())
    assert set(office.tasks_per_key().values()) == {1}


LOCKED = {"status": "error", "category": "LOCKED", "message": "The record is locked by another process."}


def test_fault_55_locked_for_a_moment_is_sent_again_in_the_same_run(office):
    held: list[Sent] = []

    def locked_twice(sent: Sent, forward: Any) -> Told:
        if UPDATE in sent.path and len(held) < 2:
            held.append(sent)
            return Told.json(423, LOCKED)
        return forward()

    office.proxy.meddle = locked_twice
    report = office.sync()
    assert len(held) == 2
    assert (report.rejected, report.deferred) == (0, 0)
    assert office.sync().planned == 0


def test_fault_55_locked_for_long_is_put_off_and_written_by_the_next_run(office):
    office.proxy.meddle = lambda sent, forward: Told.json(423, LOCKED) if UPDATE in sent.path else forward()
    first = office.sync()
    assert first.rejected == 0
    assert first.deferred > 0
    office.proxy.meddle = honest
    office.clock.advance(60)
    office.sync()
    assert all(row["leadsla_status"] for row in office.leads().values())
    assert office.sync().planned == 0


def test_fault_24_a_property_hidden_from_us_is_named_and_nothing_is_judged_by_what_it_lacks(office):
    """The account does not show us `company`: a lead without one would look incomplete."""
    office.sync()
    before = {key: row["leadsla_missing"] for key, row in office.leads().items()}

    def hidden(sent: Sent, forward: Any) -> Told:
        told = forward()
        if sent.method == "GET" and sent.path.split("?")[0].endswith("/properties/2026-03/contacts"):
            shown = [one for one in json.loads(told.body)["results"] if one["name"] != "company"]
            return Told.json(told.status, {"results": shown})
        return told

    office.proxy.meddle = hidden
    office.clock.advance(600)
    with pytest.raises(Misconfigured, match=r"lead\.company: HubSpot contacts have no property company"):
        office.sync()
    assert {key: row["leadsla_missing"] for key, row in office.leads().items()} == before
    office.proxy.meddle = honest
    office.sync()
    assert office.sync().planned == 0


@pytest.mark.slow
def test_fault_60_record_deleted_between_read_and_write(any_office):
    office = any_office
    doomed = next(one.lead_id for one in office.plan()[1].changes if isinstance(one, CreateTask))
    first = office.sync_meddled(lambda: office.face.edit("contacts", [{"id": doomed, "delete": True}]))
    refused = office.outbox("rejected")
    assert {row.lead_id for row in refused} == {doomed}
    assert {row.kind for row in refused} == {"SetFields", "CreateTask"}
    assert all(row.message.startswith("OBJECT_NOT_FOUND: the record was deleted") for row in refused)
    assert first.written == first.planned - len(refused)
    assert "" not in office.open_per_lead()  # no task stands on nobody
    office.proxy.seen.clear()
    assert office.sync().gone == 1  # read again, and found to be gone
    assert not [
        call for call in office.proxy.seen if "/batch/" in call.path and "/batch/read" not in call.path
    ]


def test_fault_61_human_edits_between_read_and_write(office):
    """Stage and owner only from what was seen; nothing is ever sent but our own fields."""
    with office.opened() as crm:
        seen = [one.lead for one in crm.read_leads(ids_of(office)) if one.lead.owner]
        lead = next(one for one in seen if one.stage is LifecycleStage.MQL)
        active = [each.id for each in crm.owners().values() if each.is_active]
        one, two = [each for each in active if each != lead.owner.id][:2]
        values = {"hubspot_owner_id": one, "lifecyclestage": "customer", "company": "As typed"}
        office.face.edit("contacts", [{"id": lead.id, **values}])
        receipts = crm.apply(
            [
                AssignOwner(lead.id, two, lead.owner.id, ""),
                SetStage(lead.id, LifecycleStage.RECYCLED, LifecycleStage.MQL, ""),
                SetFields(lead.id, {"status": "met"}, ""),
            ]
        )
    assert statuses(receipts) == ["unchanged", "unchanged", "written"]
    assert [one.message for one in receipts[:2]] == [
        "somebody changed the owner",
        "somebody changed the stage",
    ]
    shown = office.leads()[lead.id]
    assert {name: shown[name] for name in values} == values
    office.sync()
    sent = {name for call in office.proxy.calls(UPDATE) for row in call.rows for name in row["properties"]}
    assert all(name.startswith("leadsla_") for name in sent)


@pytest.mark.slow
def test_fault_63_workflow_resets_our_field_each_time(office):
    one = ids_of(office)[0]
    reports, written = [], []
    for _ in range(4):
        reports.append(office.sync())
        written.append(office.leads()[one]["leadsla_status"] != "reset")
        office.clock.advance(60)
        office.face.edit("contacts", [{"id": one, "leadsla_status": "reset"}])
        office.clock.advance(60)
    assert written == [True, True, True, False]
    assert [report.fights for report in reports] == [[], [], [], [one]]
    assert f"keeps setting back status of lead {one}" in " ".join(reports[-1].remarks())
    assert reports[-1].is_partial


def test_fault_70_a_text_that_looks_like_a_formula_is_written_as_it_is(office):
    one = ids_of(office)[0]
    applied(office, [SetFields(one, {"next_step": "=1+1", "missing": "@x"}, "")])
    shown = office.leads()[one]
    assert (shown["leadsla_next_step"], shown["leadsla_missing"]) == ("=1+1", "@x")


def test_fault_71_1_mb_notes(office):
    """A task that a person filled to the brim is closed without our note, and not a letter of it is lost."""
    one = ids_of(office)[0]
    (made,) = applied(office, [a_task(one, body="y" * 1_000_000)])
    theirs = "z" * LONGEST
    office.face.edit("tasks", [{"id": made.record_id, "hs_task_body": theirs}])
    closed = applied(office, [CloseTask(one, made.record_id, "k" * 40, "answered", "")])
    assert statuses([made, *closed]) == ["written", "written"]
    (task,) = office.our_tasks()
    assert (task["hs_task_body"] == theirs, office.is_open(task)) == (True, False)


def test_fault_72_duplicate_lead_same_email(office):
    """Two contacts of one person (one address in the main field, the other in none): each by its own id."""
    twin = office.face.edit("contacts", [{"lastname": "Twin"}])[0]["id"]
    one = ids_of(office)[0]
    applied(
        office,
        [SetFields(one, {"status": "met"}, ""), SetFields(twin, {"status": "at_risk"}, ""), a_task(twin)],
    )
    shown = office.leads()
    assert (shown[one]["leadsla_status"], shown[twin]["leadsla_status"]) == ("met", "at_risk")
    assert office.open_per_lead() == {twin: 1}
    rows = [row for call in office.proxy.calls(UPDATE) for row in call.rows]
    assert all(row["id"].isdigit() and "idProperty" not in row for row in rows)


def test_fault_73_hubspot_batch_contains_same_id_twice(office):
    one = ids_of(office)[0]
    (made,) = applied(office, [a_task(one)])
    with office.opened() as crm:
        lead = crm.read_leads([one])[0].lead
        active = [each.id for each in crm.owners().values() if each.is_active]
        other = next(each for each in active if lead.owner is None or each != lead.owner.id)
        assign = AssignOwner(one, other, lead.owner.id if lead.owner else None, "")
        update = UpdateTask(one, made.record_id, "k" * 40, None, "New", "Body", MONDAY_NOON, "UTC", "")
        receipts = crm.apply(
            [
                assign,
                SetFields(one, {"status": "met"}, ""),
                SetFields(one, {"score": 5.0}, ""),
                assign,
                update,
                CloseTask(one, made.record_id, "k" * 40, "answered", ""),
            ]
        )
    assert statuses(receipts) == ["written"] * 6
    for call in office.proxy.calls("/batch/update"):
        ids = [row["id"] for row in call.rows]
        assert len(set(ids)) == len(ids)
    shown = office.leads()[one]
    assert (shown["leadsla_status"], shown["leadsla_score"]) == ("met", "5")
    (task,) = office.our_tasks()
    assert (task["hs_task_subject"], office.is_open(task)) == ("New", False)


@pytest.mark.slow
def test_fault_74_association_of_task_fails_after_task_was_made(unique_office):
    """An upsert takes no associations: what the second call did not do, the next run repairs."""
    office = unique_office
    office.fault(method="POST", path=PUT_ON_LEAD, times=None, do="status", status=503)
    first = office.sync()
    assert set(office.open_per_lead()) == {""}
    unknown = office.outbox("unknown")
    assert len(unknown) == first.deferred == office.open_per_lead()[""]
    assert {row.message for row in unknown} == {
        "the task is in HubSpot but not on its lead yet; the next run puts it there"
    }
    made = office.tasks_per_key()
    office.no_more_faults()
    office.sync()
    assert office.tasks_per_key() == made
    as_if_nothing_had_happened(office)


def test_fault_74_a_task_for_a_lead_that_is_gone_is_taken_back(unique_office):
    one = ids_of(unique_office)[0]
    receipts = applied(unique_office, [a_task(one, "a" * 40), a_task("99999999", "b" * 40)])
    assert statuses(receipts) == ["written", "rejected"]
    assert receipts[1].message == "OBJECT_NOT_FOUND: the record was deleted or merged: nothing to do"
    assert [task["leadsla_key"] for task in unique_office.our_tasks()] == ["a" * 40]


def test_fault_74_where_keys_are_not_unique_a_task_is_never_without_its_lead(office):
    office.sync()
    made = [row for call in office.proxy.calls("/objects/2026-03/tasks/batch/create") for row in call.rows]
    assert made
    assert all(row["associations"][0]["to"]["id"].isdigit() for row in made)
    assert office.proxy.calls(PUT_ON_LEAD) == []


@pytest.mark.slow
def test_a_lost_answer_leaves_no_task_open_when_the_lead_is_answered_meanwhile(any_office):
    """The task of a decision that no longer stands is found by its key and closed."""
    office = any_office
    office.fault(method="POST", path=TASKS_MADE, times=None, do="cut_after")
    office.sync()
    waiting = {row.lead_id for row in office.outbox("unknown")}
    office.no_more_faults()
    answered = [{"id": one, "lifecyclestage": "customer", "hs_lead_status": ""} for one in waiting]
    office.clock.advance(60)
    office.face.edit("contacts", answered)
    office.clock.advance(60)
    office.sync()
    assert "" not in office.open_per_lead()
    with office.store.begin() as db:
        done = {one.lead_id for one in Work(office.crm).verdicts(db) if not one.due_clock}
    assert waiting & done
    assert not done & set(office.open_per_lead())
    assert set(office.tasks_per_key().values()) == {1}

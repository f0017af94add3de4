"""The HubSpot connector against the practice HubSpot, over real HTTP."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.base import (
    AssignOwner,
    CloseTask,
    CreateTask,
    Page,
    ReceiptStatus,
    SetFields,
    SetStage,
    UpdateTask,
)
from connectors.connection import Connection
from connectors.hubspot.crm import HubSpotCrm
from connectors.mapping import ConnectionMapping
from localcrm.clock import Clock
from localcrm.company import Change, Company, LeadEntry, Rep, Touch
from localcrm.hubspot import HubSpotFace
from localcrm.server import running
from sla_engine.model import ActivityKind, ActorKind, LifecycleStage

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BORN = NOW - timedelta(hours=2)
WRITTEN, REJECTED, UNCHANGED = ReceiptStatus.WRITTEN, ReceiptStatus.REJECTED, ReceiptStatus.UNCHANGED


def mapping(**changed: Any) -> ConnectionMapping:
    shipped = tomllib.loads((Path(__file__).parents[2] / "config.toml").read_text())["connections"]["hubspot"]
    wanted = ("lead", "stages", "activities", "writes", "automation_users")
    return ConnectionMapping.model_validate({name: shipped[name] for name in wanted} | changed)


def company(size: int) -> Company:
    reps = (
        Rep("eva", "Eva", "Example", "eva@example.com"),
        Rep("max", "Max", "Example", "max@example.com"),
        Rep("flow", "Flow", "Example", "flow@example.com", automation=True),
    )
    leads = tuple(
        LeadEntry(
            f"l{n:03}",
            BORN,
            f"Last{n:03}",
            email=f"l{n:03}@example.com",
            company="Before",
            owner="eva",
            stage="accepted",
        )
        for n in range(size)
    )
    touches = []
    for lead in leads:
        for minute, kind in enumerate(
            ("form", "page_visit", "email_open", "email_click", "call", "email", "meeting", "email_reply"), 5
        ):
            touches.append(
                Touch(
                    lead.key,
                    kind,
                    BORN + timedelta(minutes=minute),
                    "Demo request" if kind == "form" else f"x {kind}",
                    "eva" if kind in {"call", "email", "meeting"} else None,
                )
            )
    changes = []
    for lead in leads:
        changes.append(Change(lead.key, "stage", "new", "mql", BORN + timedelta(minutes=60), "flow"))
        changes.append(Change(lead.key, "stage", "mql", "accepted", BORN + timedelta(minutes=90), "eva"))
    return Company(
        reps,
        (),
        leads,
        tuple(sorted(touches, key=lambda one: one.at)),
        tuple(sorted(changes, key=lambda one: one.at)),
        NOW,
    )


@dataclass
class Bench:
    crm: HubSpotCrm
    face: HubSpotFace
    clock: Clock
    url: str
    doors: Any

    def open(self, **changed: Any) -> HubSpotCrm:
        secret = {"token": SecretStr("localcrm")}
        return HubSpotCrm(
            Connection(
                "hubspot", self.url, "token", secret, mapping(**changed), attempts=2, sleep=lambda _: None
            )
        )

    def pull(self, cursor: str = "", crm: HubSpotCrm | None = None) -> list[Page]:
        self.clock.advance(5)
        return list((crm or self.crm).pull(cursor, self.clock.now() - timedelta(seconds=2)))


@pytest.fixture(params=[7])
def bench(request) -> Iterator[Bench]:
    clock = Clock(NOW)
    face = HubSpotFace(clock, limits=False)
    with running(company(request.param), clock=clock, told={"hubspot": face}) as practice:
        one = Bench(None, face, clock, practice.urls["hubspot"], practice.doors["hubspot"])  # type: ignore[arg-type]
        one.crm = one.open()
        one.crm.provision(dry_run=False)
        yield one
        one.crm.close()


def lead_ids(pages: Iterable[Page]) -> list[str]:
    return sorted({seen.lead.id for page in pages for seen in page.leads}, key=int)


def calls(bench: Bench) -> int:
    return bench.crm.calls().total


def task(lead_id: str, key: str = "k" * 40, owner: str | None = None) -> CreateTask:
    return CreateTask(
        lead_id, key, owner, "Call", "Because.", NOW + timedelta(hours=3), "Europe/Berlin", "due"
    )


@pytest.mark.parametrize("bench", [130], indirect=True)
def test_first_pull_reads_every_fact_in_few_calls(bench):
    before = calls(bench)
    pages = bench.pull()
    spent = calls(bench) - before
    ids = lead_ids(pages)
    assert len(ids) == 130
    one = ids[0]
    kinds = {activity.kind for page in pages for lead_id, activity in page.activities if lead_id == one}
    expected = [
        "form",
        "hand_raise",
        "page_visit",
        "email_open",
        "email_click",
        "call",
        "email",
        "meeting",
        "email_reply",
    ]
    assert {str(kind) for kind in kinds} <= set(expected)
    assert kinds >= {
        ActivityKind.HAND_RAISE,
        ActivityKind.PAGE_VISIT,
        ActivityKind.CALL,
        ActivityKind.EMAIL_REPLY,
        ActivityKind.EMAIL_OPEN,
        ActivityKind.EMAIL_CLICK,
        ActivityKind.MEETING,
    }
    stages = [change for page in pages for lead_id, change in page.stages if lead_id == one]
    assert [(str(one.stage), one.actor_kind) for one in stages[-2:]] == [
        ("mql", ActorKind.AUTOMATION),
        ("sal", ActorKind.PERSON),
    ]
    assert not any(one.estimated for one in stages)
    owners = [change for page in pages for lead_id, change in page.owners if lead_id == one]
    assert owners[-1].owner in bench.crm.owners()
    assert [str(stage.at) for stage in stages] == sorted(str(stage.at) for stage in stages)
    assert spent < 25


def test_a_poll_without_news_costs_one_call_per_source(bench):
    cursor = bench.pull()[-1].cursor
    before = calls(bench)
    pages = bench.pull(cursor)
    assert not [page for page in pages if page.leads or page.activities or page.tasks or page.stages]
    assert calls(bench) - before <= 6


def test_changes_come_with_the_next_poll_and_survive_another_process(bench):
    cursor = bench.pull()[-1].cursor
    one = lead_ids(bench.pull())[0]
    bench.face.edit("contacts", [{"id": one, "company": "After"}])
    for crm in (bench.crm, bench.open()):
        seen = [seen for page in bench.pull(cursor, crm) for seen in page.leads if seen.lead.id == one]
        assert seen[-1].lead.fields["company"] == "After"


def test_a_pull_that_was_given_up_is_brought_again_in_full(bench):
    bench.crm.apply([task(lead_ids(bench.pull())[0])])
    for page in bench.crm.pull("", bench.clock.now()):
        if page.tasks:
            break
    assert [page.tasks for page in bench.pull() if page.tasks]


@pytest.mark.parametrize("bench", [130], indirect=True)
def test_any_cursor_resumes_without_losing_a_fact(bench):
    def facts(pages):
        return {("lead", seen.lead.id) for page in pages for seen in page.leads} | {
            (lead_id, fact.id)
            for page in pages
            for part in (page.activities, page.stages, page.owners)
            for lead_id, fact in part
        }

    pages = bench.pull()
    whole = facts(pages)
    for stopped in range(1, len(pages), 2):
        rest = bench.pull(pages[stopped - 1].cursor, bench.open())
        assert facts(pages[:stopped]) | facts(rest) >= whole


def test_rubbish_becomes_a_rejection_and_the_others_go_on(bench):
    ids = lead_ids(bench.pull())
    crm = bench.open(lead={"company": {"field": "company", "as": "number"}})
    pages = bench.pull("", crm)
    assert sorted((one.lead_id for page in pages for one in page.rejections), key=int) == ids
    assert {one.field for page in pages for one in page.rejections} == {"company"}


def test_fields_are_written_read_back_and_cleared(bench):
    one, two = lead_ids(bench.pull())[:2]
    values = {"status": "at_risk", "score": 42.0, "due_at": NOW, "reasons": "a\nb"}
    receipts = bench.crm.apply(
        [SetFields(one, values, ""), SetFields("99999999", values, ""), SetFields(two, {"score": None}, "")]
    )
    assert [receipt.status for receipt in receipts] == [WRITTEN, REJECTED, WRITTEN]
    assert "OBJECT_NOT_FOUND" in receipts[1].message
    shown = bench.crm.read_leads([one])[0].ours
    assert (shown["status"], shown["score"], shown["due_at"], shown["reasons"]) == (
        "at_risk",
        "42",
        "2026-11-23T12:00:00Z",
        "a\nb",
    )
    bench.crm.apply([SetFields(one, dict.fromkeys(values), "")])
    assert set(bench.crm.read_leads([one])[0].ours.values()) == {""}


def test_more_than_a_batch_with_bad_rows_is_written_but_for_these(bench):
    ids = lead_ids(bench.pull())
    changes = [SetFields(lead_id, {"status": "running"}, "") for lead_id in [*ids, "777777", *ids]]
    receipts = bench.crm.apply(changes)
    assert [receipt.status for receipt in receipts] == [WRITTEN] * 7 + [REJECTED] + [WRITTEN] * 7


def test_a_task_lives_from_its_making_to_its_closing(bench):
    one = lead_ids(bench.pull())[0]
    owner = bench.crm.read_leads([one])[0].lead.owner
    (made,) = bench.crm.apply([task(one, owner=owner.id)])
    assert made.status is WRITTEN
    found = bench.crm.find_tasks([task(one), task(one, "z" * 40)])
    assert [(key, item.id, item.owner_id) for key, item in found.items()] == [
        ("k" * 40, made.record_id, owner.id)
    ]
    update = UpdateTask(one, made.record_id, "b" * 40, owner.id, "New", "Body", NOW, "Europe/Berlin", "")
    close = CloseTask(one, made.record_id, "b" * 40, "answered", "")
    assert [receipt.status for receipt in bench.crm.apply([update])] == [WRITTEN]
    assert [receipt.status for receipt in bench.crm.apply([close])] == [WRITTEN]
    assert [receipt.status for receipt in bench.crm.apply([close])] == [UNCHANGED]
    pages = bench.pull()
    assert [(item.key, item.is_open, item.lead_id) for page in pages for item in page.tasks] == [
        ("b" * 40, False, one)
    ]


def test_a_task_for_a_lead_that_is_gone_is_rejected_alone(bench):
    ids = lead_ids(bench.pull())
    receipts = bench.crm.apply([task(ids[0], "a" * 40), task("99999999", "b" * 40), task(ids[1], "c" * 40)])
    assert [receipt.status for receipt in receipts] == [WRITTEN, REJECTED, WRITTEN]


def test_a_stage_goes_back_and_only_from_where_it_is_expected(bench):
    ids = lead_ids(bench.pull())
    changes = [
        SetStage(ids[0], LifecycleStage.MQL, LifecycleStage.SAL, ""),
        SetStage(ids[1], LifecycleStage.RECYCLED, LifecycleStage.MQL, ""),
        SetStage(ids[2], LifecycleStage.INQUIRY, LifecycleStage.SAL, ""),
    ]
    receipts = bench.crm.apply(changes)
    assert [receipt.status for receipt in receipts] == [WRITTEN, UNCHANGED, WRITTEN]
    seen = {one.lead.id: one.lead.stage for one in bench.crm.read_leads(ids[:3])}
    assert [seen[one] for one in ids[:3]] == [LifecycleStage.MQL, LifecycleStage.SAL, LifecycleStage.INQUIRY]


def test_an_owner_changes_only_from_the_expected_one(bench):
    one = bench.crm.read_leads(lead_ids(bench.pull())[:1])[0].lead
    other = next(owner for owner in bench.crm.owners() if owner != one.owner.id)
    late = AssignOwner(one.id, other, other + "0", "")
    assert [receipt.status for receipt in bench.crm.apply([late])] == [UNCHANGED]
    assert [
        receipt.status for receipt in bench.crm.apply([AssignOwner(one.id, other, one.owner.id, "")])
    ] == [WRITTEN]
    assert bench.crm.read_leads([one.id])[0].lead.owner.id == other


def test_check_is_clean_after_provisioning_and_names_what_is_wrong(bench):
    assert [problem for problem in bench.crm.check() if not problem.is_warning] == []
    wrong = bench.open(lead={"company": "compny"}, stages={"hs_lead_status": {"IN_PROGRES": "sal"}})
    found = {problem.where: problem.remedy for problem in wrong.check() if not problem.is_warning}
    assert found["lead.company"] == 'did you mean "company"?'
    assert found["stages.hs_lead_status"] == 'did you mean "IN_PROGRESS"?'


def test_provisioning_is_needed_once_and_dry_runs_write_nothing():
    clock = Clock(NOW)
    face = HubSpotFace(clock, limits=False)
    with running(company(1), clock=clock, told={"hubspot": face}) as practice:
        bench = Bench(None, face, clock, practice.urls["hubspot"], None)  # type: ignore[arg-type]
        bench.crm = bench.open()
        assert any("leadsla provision" in problem.remedy for problem in bench.crm.check())
        assert len(bench.pull()[-1].cursor) > 0
        assert not any(step.exists for step in bench.crm.provision(dry_run=True))
        assert all(step.created for step in bench.crm.provision(dry_run=False))
        assert all(step.exists for step in bench.crm.provision(dry_run=False))

"""Going live without harm: brakes, caps, approval, refusals and old leads, as an admin meets them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.base import Change, Receipt
from connectors.errors import Misconfigured, Unavailable
from sla_engine.model import LifecycleStage, Owner, StageChange
from sla_engine.verdict import Verdict
from sync.guard import Brakes, GuardStopped
from sync.store.facts import Facts
from sync.store.work import Work
from tests.scenarios.theatre import Theatre

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
NAMES = ("ada", "bob", "cleo", "dan")
TIGHT = Brakes(share=0.1, floor=1)


def after(minutes: int) -> datetime:
    return NINE + timedelta(minutes=minutes)


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    one = Theatre.open(tmp_path, NINE, brakes=TIGHT)
    for name in NAMES:
        one.lead(name, NINE)
    yield one
    one.close()


def verdict_of(theatre: Theatre, name: str) -> Verdict:
    with theatre.store.begin() as db:
        (verdict,) = Work(theatre.crm.name).verdicts(db, [name])
    return verdict


def stricter(theatre: Theatre) -> None:
    """Another agreement: one hour to answer instead of two."""
    first, *others = theatre.agreement.target
    faster = first.model_copy(update={"within": timedelta(hours=1)})
    theatre.agreement = theatre.agreement.model_copy(update={"target": (faster, *others)})
    theatre.agreement.__dict__.pop("version", None)


def test_a_first_run_that_was_interrupted_is_finished_without_asking(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, sent = theatre.crm.apply, []

    def breaking(changes: list[Change]) -> list[Receipt]:
        if sent:
            raise Unavailable("memory: no connection")
        sent.append(changes)
        return apply(changes)

    monkeypatch.setattr("sync.deliver.BATCH", 2)
    monkeypatch.setattr(theatre.crm, "apply", breaking)
    assert theatre.run(after(1)).deferred == 6
    monkeypatch.undo()
    report = theatre.run(after(2))
    assert (report.written, report.deferred) == (6, 0)
    assert {len(theatre.open_tasks(name)) for name in NAMES} == {1}


def test_leads_whose_task_a_cap_holds_back_do_not_set_off_the_brake(theatre: Theatre) -> None:
    theatre.settings = replace(theatre.settings, max_new_tasks_per_run=1)
    made = [theatre.run(after(minute)) for minute in range(1, 5)]
    assert sum(len(theatre.tasks(name)) for name in NAMES) == 4
    assert made[0].held_back == ["bob", "cleo", "dan"]
    assert "a cap on new tasks in [rollout] holds back leads bob, cleo, dan" in made[0].remarks()[0]
    assert made[-1].held_back == []


def test_a_new_agreement_that_changes_many_leads_waits_for_consent(theatre: Theatre) -> None:
    theatre.run(after(1))
    stricter(theatre)
    for name in NAMES:  # a clock keeps the agreement it began under; a new phase begins under the new one
        theatre.change(name, after(2), stage="recycled", reason="no budget")
    with pytest.raises(GuardStopped, match="--allow-mass-change"):
        theatre.run(after(3))
    assert theatre.run(after(4), allow_mass_change=True).written > 0


def test_another_rollout_is_consent_by_itself(theatre: Theatre) -> None:
    theatre.settings = replace(theatre.settings, mode="fields")
    theatre.run(after(1))
    theatre.settings = replace(theatre.settings, mode="live")
    assert theatre.run(after(2)).changes["CreateTask"] == 4


def test_a_plan_keeps_to_the_caps_and_says_whom_they_hold_back(theatre: Theatre) -> None:
    theatre.settings = replace(theatre.settings, max_new_tasks_per_run=3)
    report, plan, _ = theatre.plan(after(1))
    assert [type(change).__name__ for change in plan.changes].count("CreateTask") == 3
    assert report.held_back == ["dan"]


def test_an_approved_plan_keeps_to_the_caps_of_the_day(theatre: Theatre) -> None:
    theatre.settings = replace(theatre.settings, max_new_tasks_per_owner_per_day=3)
    _, plan, _ = theatre.plan(after(1))
    theatre.lead("eve", after(2))
    theatre.lead("aaa", after(2))
    theatre.run(after(3))
    report = theatre.run(after(4), approved=plan)
    assert sum(len(theatre.tasks(name)) for name in (*NAMES, "eve", "aaa")) == 3
    assert report.is_partial


@pytest.mark.parametrize("change", ["mode", "agreement"])
def test_a_plan_made_under_other_rules_is_void(theatre: Theatre, change: str) -> None:
    """A plan read in live mode creates tasks; fields mode means none."""
    _, plan, _ = theatre.plan(after(1))
    if change == "mode":
        theatre.settings = replace(theatre.settings, mode="fields")
    else:
        stricter(theatre)
    with pytest.raises(Misconfigured, match="make it again"):
        theatre.run(after(2), approved=plan)
    assert theatre.outbox() == []


def test_an_answer_given_after_the_plan_was_read_leaves_the_lead_alone(theatre: Theatre) -> None:
    _, plan, _ = theatre.plan(after(1))
    theatre.activity("ada", after(2), "call", by="eva")
    report = theatre.run(after(3), approved=plan)
    assert report.overtaken == ["ada"]
    assert theatre.tasks("ada") == []
    assert "lead ada changed after the plan was made" in report.remarks()[0]


def test_a_refusal_stands_in_every_report_until_it_is_tried_again_a_day_later(theatre: Theatre) -> None:
    theatre.settings = replace(theatre.settings, brakes=Brakes())
    theatre.records.faults.refuse_leads = {"ada"}
    assert theatre.run(after(1)).rejected == 2
    quiet = theatre.run(after(2))
    assert (quiet.planned, quiet.refused, quiet.is_partial) == (0, 2, True)
    assert "2 changes stand that the CRM has refused" in quiet.remarks()[0]
    theatre.records.faults.refuse_leads = set()
    healed = theatre.run(after(25 * 60))
    assert (healed.refused, len(theatre.open_tasks("ada"))) == (0, 1)


def test_what_was_refused_is_tried_again_under_a_new_agreement(theatre: Theatre) -> None:
    theatre.records.faults.refuse_leads = {"ada"}
    theatre.run(after(1))
    theatre.records.faults.refuse_leads = set()
    stricter(theatre)
    assert theatre.run(after(2), allow_mass_change=True).refused == 0
    assert len(theatre.open_tasks("ada")) == 1


def test_a_person_who_takes_our_mql_back_has_the_last_word(theatre: Theatre) -> None:
    stages = frozenset({LifecycleStage.MQL})
    theatre.settings = replace(theatre.settings, stages_writable=stages)
    theatre.lead("eve", after(1), stage="inquiry")
    theatre.activity("eve", after(1), "hand_raise")
    theatre.run(after(2))
    assert theatre.shown("eve").lead.stage is LifecycleStage.MQL
    theatre.change("eve", after(3), stage="inquiry")
    theatre.run(after(4))
    assert theatre.shown("eve").lead.stage is LifecycleStage.INQUIRY


def test_leads_never_handed_over_are_judged_whenever_the_agreement_took_effect(theatre: Theatre) -> None:
    theatre.settings = replace(theatre.settings, effective_from=after(5))
    theatre.lead("eve", after(1), stage="inquiry")
    report = theatre.run(after(10))
    assert report.exempt == len(NAMES)
    assert theatre.shown("eve").ours["qualification"] == "not_yet"
    assert not any(theatre.shown("ada").ours.values())


def test_a_later_effective_from_takes_back_what_was_shown(theatre: Theatre) -> None:
    theatre.run(after(1))
    assert theatre.shown("ada").ours["status"] == "running"
    theatre.settings = replace(theatre.settings, effective_from=after(5))
    theatre.run(after(10))
    assert theatre.shown("ada").ours["status"] == "none"
    assert theatre.open_tasks("ada") == []


def test_a_lead_of_somebody_who_left_gets_no_task_that_nobody_sees_and_is_named(theatre: Theatre) -> None:
    theatre.records.hire(Owner("gone", "Gone", is_active=False, time_zone="Europe/Berlin"))
    theatre.lead("eve", after(1), owner="gone")
    report = theatre.run(after(2))
    assert theatre.tasks("eve") == []
    assert "lead eve must be answered, but the owner has left" in report.remarks()[0]


def test_another_mapping_reads_everything_again(theatre: Theatre) -> None:
    theatre.settings = replace(theatre.settings, brakes=Brakes())
    theatre.settings = replace(theatre.settings, mapping="one")
    theatre.run(after(1))
    theatre.run(after(20))
    assert theatre.run(after(40)).read == 0
    theatre.settings = replace(theatre.settings, mapping="two")
    assert theatre.run(after(60)).read >= len(NAMES)
    assert sum(len(theatre.tasks(name)) for name in NAMES) == len(NAMES)


def test_a_lead_whose_facts_contradict_each_other_is_set_aside_and_the_others_go_on(theatre: Theatre) -> None:
    facts = Facts(theatre.crm.name)
    theatre.run(after(1))
    with theatre.store.begin() as db:
        for stage, fact_id in ((LifecycleStage.MQL, "x"), (LifecycleStage.SAL, "x")):
            change = StageChange(after(2), stage, id=fact_id)
            row = facts._fact("ada", "stage", f"{stage}", change)
            facts._keep_facts(db, [row])
    theatre.change("bob", after(3), stage="sal")
    report = theatre.run(after(4))
    assert (report.quarantined, report.written) == (1, 2)
    with theatre.store.begin() as db:
        (aside,) = facts.quarantine.rows(db)
    assert (aside.lead_id, aside.field) == ("ada", "stage change x")


def test_what_the_brake_held_back_stands_in_the_next_plan(theatre: Theatre) -> None:
    """Its message tells people to read the plan, so the plan must show it."""
    theatre.run(after(1))
    for name in NAMES:
        theatre.change(name, after(2), stage="recycled", reason="no budget")
    with pytest.raises(GuardStopped):
        theatre.run(after(3))
    assert theatre.outbox("pending") == []
    _, plan, _ = theatre.plan(after(4))
    assert {change.lead_id for change in plan.changes} == set(NAMES)


def test_a_plan_after_a_run_that_died_while_sending_shows_what_is_left(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(changes: list[Change]) -> list[Receipt]:
        raise KeyboardInterrupt

    monkeypatch.setattr(theatre.crm, "apply", killed)
    with pytest.raises(KeyboardInterrupt):
        theatre.run(after(1))
    monkeypatch.undo()
    _, plan, _ = theatre.plan(after(2))
    assert len(plan.changes) == 2 * len(NAMES)


def test_consent_to_another_rollout_outlasts_a_run_that_could_not_deliver(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    theatre.settings = replace(theatre.settings, mode="fields")
    theatre.run(after(1))
    theatre.settings = replace(theatre.settings, mode="live")

    def down(changes: list[Change]) -> list[Receipt]:
        raise Unavailable("memory: no connection")

    monkeypatch.setattr(theatre.crm, "apply", down)
    assert theatre.run(after(2)).deferred == len(NAMES)
    monkeypatch.undo()
    assert theatre.run(after(3)).written == len(NAMES)


def test_asked_to_stop_while_reading_a_run_judges_nothing(theatre: Theatre) -> None:
    """Half of what happened would be judged as if it were all."""
    stop = threading.Event()
    stop.set()
    report = theatre.run(after(1), stop=stop)
    assert (report.evaluated, report.planned) == (0, 0)
    assert "stopped while reading" in report.troubles[0]
    assert theatre.run(after(2)).written == 2 * len(NAMES)


def untold(theatre: Theatre, name: str, at: datetime) -> None:
    """A lead that is in a later stage although no history says since when."""
    theatre.lead(name, at)
    theatre.records._rows["stages"] = {
        key: row for key, row in theatre.records._rows["stages"].items() if row.lead_id != name
    }


def test_a_stage_seen_first_keeps_its_instant_when_our_own_writing_moves_the_record(theatre: Theatre) -> None:
    untold(theatre, "eve", after(1))
    _, plan, _ = theatre.plan(after(2))
    theatre.run(after(30), approved=plan)
    report = theatre.run(after(40))
    assert report.planned == 0
    (clock,) = verdict_of(theatre, "eve").clocks
    assert (clock.started_at, clock.estimated) == (after(1), True)


def test_a_stage_seen_first_is_read_anew_under_another_mapping_at_the_same_instant(theatre: Theatre) -> None:
    theatre.settings = replace(theatre.settings, mapping="one")
    untold(theatre, "eve", after(1))
    theatre.run(after(2))
    seen = theatre.shown("eve")
    theatre.records.put_lead(replace(seen.lead, stage=LifecycleStage.SAL), actor="flow")
    untold_again = {k: r for k, r in theatre.records._rows["stages"].items() if r.lead_id != "eve"}
    theatre.records._rows["stages"] = untold_again
    theatre.settings = replace(theatre.settings, mapping="two")
    theatre.run(after(20), allow_mass_change=True)
    clocks = verdict_of(theatre, "eve").clocks
    assert [(one.target, one.started_at) for one in clocks] == [("follow-up", after(1))]


def test_the_reason_of_a_past_rejection_outlasts_another_mapping(theatre: Theatre) -> None:
    theatre.settings = replace(theatre.settings, mapping="one")
    theatre.run(after(1))
    theatre.change("ada", after(2), stage="recycled", reason="no budget")
    theatre.run(after(3))
    theatre.change("ada", after(4), stage="mql", by="flow", reason="")
    theatre.settings = replace(theatre.settings, mapping="two")
    theatre.run(after(30))
    assert [one.state for one in verdict_of(theatre, "ada").clocks] == ["met", "running"]


@pytest.mark.parametrize(("reason", "state"), [("", "breached"), ("no budget", "met")])
def test_a_rejection_seen_without_a_reason_stays_no_answer_when_the_lead_comes_back(
    theatre: Theatre, reason: str, state: str
) -> None:
    theatre.run(after(1))
    theatre.change("ada", after(2), stage="recycled", reason="")
    theatre.run(after(3))
    theatre.change("ada", after(4), stage="recycled", reason=reason)  # given later on, or never
    theatre.run(after(5))
    theatre.change("ada", after(300), stage="mql", by="flow", reason="")
    theatre.run(after(301), allow_mass_change=True)
    assert [one.state for one in verdict_of(theatre, "ada").clocks] == [state, "running"]


def test_a_lead_not_yet_read_under_another_mapping_is_not_judged_by_what_is_gone(theatre: Theatre) -> None:
    """Somebody edits it in the seconds that a run leaves to the next one."""
    theatre.settings = replace(theatre.settings, mapping="one")
    theatre.run(after(1))
    theatre.run(after(10))
    theatre.settings = replace(theatre.settings, mapping="two")
    theatre.change("bob", after(20) - timedelta(seconds=1), reason="moved")
    theatre.run(after(20))
    with theatre.store.begin() as db:
        assert "bob" not in Work(theatre.crm.name).everyone(db)
        assert len(Work(theatre.crm.name).everyone(db)) == len(NAMES) - 1
    theatre.run(after(21))
    with theatre.store.begin() as db:
        assert "bob" in Work(theatre.crm.name).everyone(db)

"""Leads that are deleted, merged or brought back in the CRM, and the daily count that finds them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.base import Change, Receipt
from connectors.errors import Misconfigured
from sla_engine.model import LifecycleStage
from sync.guard import GuardStopped
from sync.store import schema
from sync.store.facts import Facts
from sync.store.visits import Visits
from sync.store.work import Work
from tests.scenarios.theatre import Theatre

NINE = datetime(2026, 11, 23, 8, tzinfo=UTC)  # a Monday, nine in the morning in Berlin


def after(hours: float) -> datetime:
    return NINE + timedelta(hours=hours)


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    one = Theatre.open(tmp_path, NINE, sweep_every=None)
    yield one
    one.close()


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Theatre]:
    """Every run counts all leads, and no poll tells of a deleted one."""
    one = Theatre.open(tmp_path, NINE, sweep_every=timedelta(0))
    one.records.faults.hide_deletions = True
    yield one
    one.close()


def remove(theatre: Theatre, name: str, at: datetime, into: str = "") -> None:
    theatre.records.now = at
    theatre.records.remove(name, into)


def everything_kept(theatre: Theatre) -> str:
    """All rows of all tables as text."""
    with theatre.store.begin() as db:
        return "\n".join(
            repr(row) for table in schema.metadata.sorted_tables for row in db.execute(table.select())
        )


def due_at(theatre: Theatre, name: str) -> str:
    return theatre.shown(name).ours.get("due_at", "")


def test_a_deleted_lead_leaves_no_trace_and_no_open_task(theatre: Theatre) -> None:
    theatre.lead("ada", NINE, email="ada@analytical.example")
    theatre.lead("bob", NINE)
    theatre.activity("ada", after(0.5), "page_visit")
    theatre.run(after(1))
    (task,) = theatre.open_tasks("ada")
    remove(theatre, "ada", after(1.2))
    report = theatre.run(after(1.5))
    assert (report.gone, report.merged, report.changes["CloseTask"], report.rejected) == (1, 0, 1, 0)
    assert "1 lead was deleted in the CRM and forgotten here" in report.remarks()
    assert not theatre.records.task(task.id).is_open
    kept = everything_kept(theatre)
    assert "analytical" not in kept
    with theatre.store.begin() as db:
        for table in (schema.leads, schema.facts, schema.tasks, schema.removed, schema.quarantine):
            assert not [row for row in db.execute(table.select()) if row.lead_id == "ada"], table.name
    assert theatre.run(after(2)).planned == 0


def test_a_task_that_could_not_be_closed_is_closed_by_a_later_run(theatre: Theatre) -> None:
    theatre.lead("ada", NINE)
    theatre.run(after(1))
    remove(theatre, "ada", after(1.2))
    _, plan, sentences = theatre.plan(after(1.3))
    assert [type(change).__name__ for change in plan.changes] == ["CloseTask"]
    assert "the lead was deleted" in sentences[0]
    assert theatre.open_tasks("ada")
    assert theatre.run(after(1.5), approved=plan).written == 1
    assert not theatre.open_tasks("ada")
    assert theatre.run(after(1.6)).planned == 0


def test_where_tasks_may_not_be_touched_a_deleted_lead_is_just_forgotten(
    theatre: Theatre, tmp_path: Path
) -> None:
    theatre.lead("ada", NINE)
    theatre.run(after(1))
    theatre.settings = type(theatre.settings)(mode="shadow", sweep_every=None)
    remove(theatre, "ada", after(1.2))
    theatre.run(after(1.5))
    assert theatre.open_tasks("ada")
    with theatre.store.begin() as db:
        assert Facts("memory").removals.open_tasks(db) == []


def test_the_survivor_of_a_merge_takes_over_the_earlier_deadline_and_its_one_task(theatre: Theatre) -> None:
    theatre.lead("old", NINE)
    theatre.run(after(0.5))
    theatre.lead("new", after(1))
    theatre.run(after(1.1))
    earlier, (task,) = due_at(theatre, "old"), theatre.open_tasks("old")
    assert due_at(theatre, "new") > earlier
    remove(theatre, "old", after(1.2), into="new")
    report = theatre.run(after(1.3))
    assert (report.gone, report.merged) == (1, 1)
    assert due_at(theatre, "new") == earlier
    (left,) = theatre.open_tasks("new")
    assert left.id == task.id
    assert len(list(theatre.records.tasks())) == 2
    assert theatre.run(after(1.4)).written == 0


def test_a_merge_never_gives_more_time(theatre: Theatre) -> None:
    theatre.lead("old", NINE)
    theatre.lead("new", after(1))
    theatre.run(after(1.1))
    earlier = due_at(theatre, "old")
    remove(theatre, "new", after(1.2), into="old")
    theatre.run(after(1.3))
    assert due_at(theatre, "old") == earlier
    assert len(theatre.open_tasks("old")) == 1


def test_a_task_that_a_person_closed_before_the_merge_is_not_made_again(theatre: Theatre) -> None:
    theatre.lead("old", NINE)
    theatre.run(after(0.5))
    theatre.tick_off("old", after(0.6))
    theatre.lead("new", after(1), stage="inquiry")
    theatre.run(after(1.1))
    assert not theatre.open_tasks("new")
    theatre.records.now = after(1.2)
    theatre.records.remove("old", "new")
    theatre.change("new", after(1.2), stage="mql")
    theatre.run(after(1.3))
    assert not theatre.open_tasks("new")
    assert len(list(theatre.records.tasks())) == 1


def test_what_was_merged_in_stays_known_through_a_second_merge_and_another_mapping(theatre: Theatre) -> None:
    theatre.lead("first", NINE)
    theatre.run(after(0.5))
    earliest = due_at(theatre, "first")
    theatre.lead("second", after(0.6))
    theatre.lead("third", after(0.7))
    theatre.run(after(0.8))
    remove(theatre, "first", after(0.9), into="second")
    theatre.run(after(1))
    remove(theatre, "second", after(1.1), into="third")
    theatre.run(after(1.2))
    assert due_at(theatre, "third") == earliest
    theatre.settings = type(theatre.settings)(mode="live", sweep_every=None, mapping="another")
    theatre.run(after(1.3))
    assert due_at(theatre, "third") == earliest
    assert len(theatre.open_tasks("third")) == 1


def test_an_answer_before_the_merge_counts_for_the_survivor(theatre: Theatre) -> None:
    theatre.lead("old", NINE)
    theatre.activity("old", after(0.5), "call", by="eva")
    theatre.lead("new", after(1))
    theatre.run(after(1.1))
    assert theatre.shown("new").ours["status"] == "running"
    remove(theatre, "old", after(1.2), into="new")
    theatre.run(after(1.3))
    assert theatre.shown("new").ours["status"] == "met"
    assert not theatre.open_tasks("new")


def test_a_lead_that_is_brought_back_goes_on(theatre: Theatre) -> None:
    theatre.lead("ada", NINE)
    theatre.run(after(1))
    lead = theatre.shown("ada").lead
    remove(theatre, "ada", after(1.2))
    theatre.run(after(1.5))
    theatre.records.now = after(1.6)
    theatre.records.put_lead(lead)
    report = theatre.run(after(1.7))
    assert report.evaluated == 1
    assert due_at(theatre, "ada")
    assert len(theatre.open_tasks("ada")) <= 1


def test_a_lead_that_is_brought_back_keeps_its_answers(theatre: Theatre) -> None:
    theatre.lead("ada", NINE)
    theatre.activity("ada", after(0.5), "call", by="eva")
    theatre.run(after(1))
    assert theatre.shown("ada").ours["status"] == "met"
    lead = theatre.shown("ada").lead
    remove(theatre, "ada", after(24))
    theatre.run(after(24.1))
    theatre.records.now = after(24.2)
    theatre.records.put_lead(lead)
    theatre.run(after(24.3))
    with theatre.store.begin() as db:
        (known,) = Facts("memory").known(db, ["ada"])
    assert [one.kind.value for one in known.history.activities] == ["call"]


def test_the_daily_count_finds_a_lead_that_is_gone_without_a_word(counted: Theatre) -> None:
    counted.lead("ada", NINE)
    counted.lead("bob", NINE)
    counted.run(after(1))
    remove(counted, "ada", after(1.2))
    report = counted.run(after(1.5))
    assert report.gone == 1
    assert not counted.open_tasks("ada")
    assert counted.open_tasks("bob")


def test_the_daily_count_finds_what_no_poll_has_shown(counted: Theatre) -> None:
    counted.lead("ada", NINE, country="DE")
    counted.run(after(1))
    counted.records.now = after(0.5)  # stamped long before it can be seen
    counted.records.keep_seen(counted.shown("ada"))
    lead = counted.shown("ada").lead
    counted.records.now = after(0.9)
    counted.lead("ada", after(0.9), country="AT")
    with counted.store.begin() as db:  # the poll has passed that instant already, and the look-back too
        place = json.dumps({"since": after(1.2).isoformat(), "to": "", "part": 0, "after": -1})
        db.execute(schema.cursors.update().values(cursor=place))
    report = counted.run(after(1.5))
    assert report.missed == 1
    assert lead.fields["country"] == "DE"
    with counted.store.begin() as db:
        (known,) = Facts("memory").known(db, ["ada"])
    assert known.seen.lead.fields["country"] == "AT"


def test_a_crm_that_is_suddenly_empty_stops_the_run_and_nothing_is_forgotten(counted: Theatre) -> None:
    for number in range(30):
        counted.lead(f"lead{number}", NINE)
    counted.run(after(1))
    for number in range(30):
        remove(counted, f"lead{number}", after(1.2))
    with pytest.raises(GuardStopped, match="30 of 30 leads are no longer there"):
        counted.run(after(1.5))
    with counted.store.begin() as db:
        assert Facts("memory").leads.count(db) == 30
    assert counted.run(after(1.6), allow_mass_change=True).gone == 30


def test_a_count_that_breaks_off_is_put_off_and_the_run_goes_on(
    counted: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted.lead("ada", NINE)
    counted.run(after(1))
    census = counted.crm.census

    def broken() -> Iterator[dict[str, datetime]]:
        counted.records.faults.break_after_pages = 0
        yield from (dict(page) for page in census())

    monkeypatch.setattr(counted.crm, "census", broken)
    counted.change("ada", after(1.2), stage="sal")
    report = counted.run(after(1.5))
    assert report.evaluated == 1
    assert "put off for an hour" in report.troubles[0]
    assert report.is_partial


def test_a_first_run_needs_no_count(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, NINE)
    theatre.lead("ada", NINE)
    theatre.run(after(1))
    theatre.run(after(1.1))
    assert "census" not in theatre.crm.calls().by_kind
    with theatre.store.begin() as db:
        Visits("memory").note(db, "sweep", datetime.now(UTC) - timedelta(hours=25))
    theatre.run(after(1.2))
    assert theatre.crm.calls().by_kind["census"] == 1
    theatre.close()


def test_what_was_checked_stands_for_an_hour_until_the_crm_refuses_something(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, NINE, identity="same")
    theatre.lead("ada", NINE)
    theatre.run(after(1))
    theatre.run(after(1.1))
    assert theatre.crm.calls().by_kind["check"] == 1
    theatre.records.faults.refuse_leads.add("ada")
    theatre.change("ada", after(1.15), stage="sal")
    assert theatre.run(after(1.2)).rejected
    theatre.run(after(1.3))
    assert theatre.crm.calls().by_kind["check"] == 2
    theatre.close()


def test_the_owner_before_answers_for_the_time_until_the_survivor_was_waiting_itself(
    theatre: Theatre,
) -> None:
    theatre.lead("old", NINE, owner="max")
    theatre.lead("new", after(3), owner="eva")
    theatre.run(after(3.1))
    remove(theatre, "old", after(3.2), into="new")
    theatre.run(after(3.3))
    with theatre.store.begin() as db:
        (verdict,) = Work("memory").verdicts(db, ["new"])
        (known,) = Facts("memory").known(db, ["new"])
    assert known.seen.lead.stage is LifecycleStage.MQL
    assert {clock.owner for clock in verdict.clocks} == {"max", "eva"}


def test_a_lead_that_vanishes_between_reading_and_writing_is_asked_for_in_the_next_run(
    theatre: Theatre,
) -> None:
    theatre.records.faults.hide_deletions = True
    theatre.lead("ada", NINE)
    theatre.run(after(0.1))
    theatre.change("ada", after(0.2), stage="sal")
    apply = theatre.crm.apply

    def deleted_first(changes: Sequence[Change]) -> list[Receipt]:
        if theatre.records.seen("ada"):
            theatre.records.remove("ada")
        return apply(changes)

    theatre.crm.apply = deleted_first  # type: ignore[method-assign]
    assert theatre.run(after(0.3)).rejected
    report = theatre.run(after(0.4))
    assert report.gone == 1
    assert theatre.run(after(0.5)).planned == 0


def test_another_lead_object_under_the_same_name_is_refused_before_anything_seems_gone(
    theatre: Theatre,
) -> None:
    theatre.lead("ada", NINE)
    theatre.settings = replace(theatre.settings, lead_object="contacts")
    theatre.run(after(1))
    theatre.settings = replace(theatre.settings, lead_object="leads", mapping="another")
    with pytest.raises(Misconfigured, match=r'until now it was "contacts".*give the connection another name'):
        theatre.run(after(1.1))
    with theatre.store.begin() as db:
        assert Facts("memory").leads.count(db) == 1

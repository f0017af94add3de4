"""What becomes of decisions when answers get lost, the process dies, or the CRM refuses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.base import Change, Marks, Receipt, no_marks
from connectors.errors import BudgetSpent, Unavailable
from sync.lease import LeaseLost
from sync.store import schema
from tests.scenarios.theatre import Theatre

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
SOON = timedelta(seconds=1)  # before a poll shows what was just made: only looking it up by key does


def after(minutes: int) -> datetime:
    return NINE + timedelta(minutes=minutes)


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    one = Theatre.open(tmp_path, NINE)
    one.lead("ada", NINE)
    yield one
    one.close()


@pytest.mark.parametrize("lost", ["lose_after", "lose_before"])
def test_a_create_whose_answer_was_lost_ends_as_exactly_one_task(theatre: Theatre, lost: str) -> None:
    setattr(theatre.records.faults, lost, 1)
    report = theatre.run(after(1))
    assert (report.planned, report.written, report.deferred) == (2, 1, 1)
    theatre.run(after(1) + SOON)
    theatre.run(after(2))
    assert len(theatre.tasks("ada")) == 1
    assert {row.status for row in theatre.outbox()} == {"written"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_killed_while_writing_ends_as_exactly_one_task(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    apply = theatre.crm.apply

    def killed(changes: list[Change]) -> list[Receipt]:
        if when == "after":
            apply(changes)
        raise KeyboardInterrupt

    monkeypatch.setattr(theatre.crm, "apply", killed)
    with pytest.raises(KeyboardInterrupt):
        theatre.run(after(1))
    monkeypatch.undo()
    theatre.run(after(1) + SOON)
    theatre.run(after(2))
    assert len(theatre.tasks("ada")) == 1
    assert theatre.shown("ada").ours["status"] == "running"


def test_what_was_never_sent_is_decided_anew_and_never_sent_stale(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(theatre.crm, "apply", _no_budget)
    with pytest.raises(BudgetSpent):
        theatre.run(after(1))
    monkeypatch.undo()
    theatre.activity("ada", after(2), "call", by="eva")
    report = theatre.run(after(3))
    assert (report.planned, report.written) == (1, 1)
    assert theatre.tasks("ada") == []
    assert theatre.shown("ada").ours["status"] == "met"


def _no_budget(_: list[Change]) -> list[Receipt]:
    raise BudgetSpent("the day's calls are used up")


def test_a_refused_change_is_not_tried_again_until_the_record_changes(theatre: Theatre) -> None:
    theatre.records.faults.refuse_leads.add("ada")
    assert theatre.run(after(1)).rejected == 2
    before = theatre.crm.calls().by_kind["write"]
    theatre.run(after(2))
    assert theatre.crm.calls().by_kind["write"] == before
    assert {(row.lead_id, row.status) for row in theatre.outbox()} == {("ada", "rejected")}
    theatre.records.faults.refuse_leads.clear()
    theatre.change("ada", after(3), fields={**theatre.shown("ada").lead.fields, "phone": "known"})
    assert theatre.run(after(4)).written == 2


def test_one_refused_lead_does_not_hold_up_the_others(theatre: Theatre) -> None:
    theatre.lead("bob", NINE)
    theatre.records.faults.refuse_leads.add("ada")
    report = theatre.run(after(1))
    assert (report.planned, report.written, report.rejected) == (4, 2, 2)
    assert report.is_partial


def test_a_read_that_breaks_is_resumed_and_loses_nothing(theatre: Theatre) -> None:
    theatre.lead("bob", NINE)
    theatre.crm.page_size = 2
    theatre.records.faults.break_after_pages = 1
    broken = theatre.run(after(1))
    assert (broken.planned, len(broken.troubles)) == (0, 1)
    report = theatre.run(after(2))
    assert broken.read == 2
    assert report.written == 4


def test_a_crm_that_cannot_be_reached_leaves_everything_as_it_was(theatre: Theatre) -> None:
    theatre.records.faults.unavailable = True
    with pytest.raises(Unavailable):
        theatre.run(after(1))
    assert theatre.outbox() == []


def test_a_run_that_lost_its_lease_sends_nothing(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    pull = theatre.crm.pull

    def slow(cursor: str, until: datetime | None = None, marks: Marks = no_marks) -> object:
        yield from pull(cursor, until, marks)
        with theatre.store.begin() as db:
            db.execute(schema.leases.update().values(epoch=99, holder="another"))

    monkeypatch.setattr(theatre.crm, "pull", slow)
    with pytest.raises(LeaseLost):
        theatre.run(after(1))
    assert theatre.tasks("ada") == []


def test_our_own_writes_coming_back_are_not_even_judged(theatre: Theatre) -> None:
    theatre.run(after(1))
    echo = theatre.run(after(2))
    assert echo.read > 0
    assert (echo.evaluated, echo.planned) == (0, 0)


def test_rubbish_is_kept_apart_shown_and_let_go_when_it_reads_again(theatre: Theatre) -> None:
    theatre.run(after(1))
    theatre.records.spoil("ada", "employees", "a-secret-value", "is not an integer")
    report = theatre.run(after(2))
    assert report.quarantined == 1
    assert "a-secret-value" not in str(report.as_json())
    theatre.records.now = after(3)
    theatre.records.mend("ada")
    assert theatre.run(after(4)).quarantined == 0


def test_asked_to_stop_a_run_ends_after_the_batch_in_hand(theatre: Theatre) -> None:
    stop = threading.Event()
    stop.set()
    report = theatre.run(after(1), stop=stop)
    assert report.written == 0
    assert theatre.run(after(2)).written == 2

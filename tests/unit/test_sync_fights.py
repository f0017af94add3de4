"""A workflow in the CRM that sets our fields back is noticed, left alone for a day, and told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.scenarios.theatre import Theatre

NINE = datetime(2026, 11, 23, 8, tzinfo=UTC)


def after(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    one = Theatre.open(tmp_path, NINE, sweep_every=None)
    one.lead("ada", NINE)
    one.lead("bob", NINE)
    yield one
    one.close()


def set_back(theatre: Theatre, name: str, at: datetime, field: str = "status") -> None:
    theatre.records.now = at
    seen = theatre.shown(name)
    theatre.records.keep_seen(replace(seen, ours={**seen.ours, field: "NONE"}))


def test_a_field_that_is_set_back_each_time_is_left_alone_after_the_third_write(theatre: Theatre) -> None:
    written = []
    for turn in range(6):
        report = theatre.run(after(10 * turn + 5))
        written.append(theatre.shown("ada").ours["status"] == "running")
        set_back(theatre, "ada", after(10 * turn + 8))
    assert written == [True, True, True, False, False, False]
    assert report.fights == ["ada"]
    assert "keeps setting back status of lead ada" in report.remarks()[-1]
    assert report.is_partial
    assert theatre.shown("bob").ours["status"] == "running"


def test_other_fields_of_the_same_lead_are_still_written(theatre: Theatre) -> None:
    for turn in range(4):
        theatre.run(after(10 * turn + 5))
        set_back(theatre, "ada", after(10 * turn + 8))
    set_back(theatre, "ada", after(44), "next_step")
    theatre.run(after(45))
    assert theatre.shown("ada").ours["status"] == "NONE"
    assert theatre.shown("ada").ours["next_step"] not in {"", "NONE"}


def test_a_day_later_it_is_tried_again(theatre: Theatre) -> None:
    for turn in range(5):
        theatre.run(after(10 * turn + 5))
        set_back(theatre, "ada", after(10 * turn + 8))
    theatre.run(after(60 * 25))
    assert theatre.shown("ada").ours["status"] == "breached"
    set_back(theatre, "ada", after(60 * 25 + 1), "target")
    assert not theatre.run(after(60 * 25 + 5)).fights


def test_a_plan_tells_of_a_fight_and_leaves_it_out(theatre: Theatre) -> None:
    for turn in range(4):
        theatre.run(after(10 * turn + 5))
        set_back(theatre, "ada", after(10 * turn + 8))
    report, plan, _ = theatre.plan(after(50))
    assert report.fights == ["ada"]
    assert not [change for change in plan.changes if change.lead_id == "ada"]

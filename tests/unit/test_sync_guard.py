"""The brakes: unusually many changes stop before anything is written; new tasks are capped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.base import CreateTask, SetFields
from sync.guard import Brakes, Caps, GuardStopped
from tests.scenarios.theatre import Theatre

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_many_changes_stop_a_run_unless_somebody_agreed() -> None:
    brakes = Brakes(share=0.5, floor=10)
    brakes.check(changed=50, leads=100, consented=False)
    brakes.check(changed=10, leads=10, consented=False)  # never for so few
    brakes.check(changed=90, leads=100, consented=True)
    with pytest.raises(GuardStopped, match="51 of 100 leads"):
        brakes.check(changed=51, leads=100, consented=False)


def test_new_tasks_are_capped_per_run_and_per_owner() -> None:
    caps = Caps(per_run=3, per_owner=2, made={"max": 2})
    asked = [("eva", "1"), ("eva", "2"), ("eva", "3"), ("max", "4"), ("ida", "5"), ("ida", "6")]
    allowed = [lead for owner, lead in asked if caps.allow(a_task(owner, lead))]
    assert allowed == ["1", "2", "5"]
    assert caps.allow(SetFields("7", {"status": "met"}, "fields are never capped"))


def a_task(owner: str, lead: str) -> CreateTask:
    return CreateTask(lead, lead * 40, owner, "subject", "body", NINE, "UTC", "because")


def test_a_stopped_run_writes_nothing_and_the_next_one_is_stopped_too(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, NINE, brakes=Brakes(share=0.1, floor=1))
    for name in ("ada", "bob", "cleo"):
        theatre.lead(name, NINE)
    theatre.run(NINE + timedelta(minutes=1))  # a first run is expected to change every lead
    for name in ("ada", "bob", "cleo"):
        theatre.change(name, NINE + timedelta(minutes=2), stage="sal")
    for minute in (3, 4):
        with pytest.raises(GuardStopped, match="3 of 3 leads"):
            theatre.run(NINE + timedelta(minutes=minute))
    assert {theatre.tasks(name)[0].subject[:6] for name in ("ada", "bob", "cleo")} == {"Answer"}
    report = theatre.run(NINE + timedelta(minutes=5), allow_mass_change=True)
    assert report.written == report.planned == 6
    theatre.close()

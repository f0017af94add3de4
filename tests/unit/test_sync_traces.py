"""Per person: of how many answered leads the answer itself can be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leadsla.cli.traces import Readability
from sync.traces import Traces, traces_of
from tests.scenarios.theatre import Theatre

NINE = datetime(2026, 11, 23, 8, tzinfo=UTC)


def after(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    one = Theatre.open(tmp_path, NINE, sweep_every=None)
    yield one
    one.close()


def rows(theatre: Theatre, since: datetime = NINE) -> list[Traces]:
    with theatre.store.begin() as db:
        return traces_of(db, "memory", since)


def test_an_answer_by_a_call_is_readable_and_one_by_a_change_of_stage_alone_is_not(theatre: Theatre) -> None:
    for name in ("called", "moved", "both", "open"):
        theatre.lead(name, NINE)
    theatre.activity("called", after(10), "call", by="eva")
    theatre.change("moved", after(20), stage="sal")
    theatre.activity("both", after(25), "email", by="eva")
    theatre.change("both", after(30), stage="sal")
    theatre.run(after(40))
    assert rows(theatre) == [Traces("eva", 3, 2)]


def test_what_a_machine_sends_and_what_came_before_is_no_trace(theatre: Theatre) -> None:
    theatre.lead("ada", NINE)
    theatre.activity("ada", after(5), "automatic_email")
    theatre.change("ada", after(20), stage="sal")
    theatre.run(after(40))
    assert rows(theatre) == [Traces("eva", 1, 0)]
    assert rows(theatre, since=after(30)) == []


def test_a_low_share_is_a_warning_that_names_no_person() -> None:
    found = Readability({"memory": [Traces("eva", 10, 4), Traces("max", 4, 0)]}, {"memory": {"eva": "Eva E"}})
    (problem,) = found.problems()
    assert problem.is_warning
    assert problem.what == "only 4 of 10 leads that owner eva answered show a call, mail, meeting or task"
    assert "connections.memory.activities" in problem.remedy
    assert found.as_json()["memory"][0]["share"] == 0.4

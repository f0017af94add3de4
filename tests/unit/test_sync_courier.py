"""Writing begins while judging goes on, wherever no brake can hold any more; nothing is lost by it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.base import Change, Receipt
from connectors.errors import Unauthorised
from sync.guard import Brakes, GuardStopped
from tests.scenarios.theatre import Theatre

NINE = datetime(2026, 11, 23, 8, tzinfo=UTC)
NAMES = tuple(f"lead{number}" for number in range(12))


@pytest.fixture
def theatre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Theatre]:
    monkeypatch.setattr("sync.decide.BATCH", 2)
    monkeypatch.setattr("sync.deliver.BATCH", 4)
    one = Theatre.open(tmp_path, NINE, sweep_every=None)
    for name in NAMES:
        one.lead(name, NINE)
    yield one
    one.close()


def after(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


def watched(theatre: Theatre) -> list[int]:
    """How many leads had been judged when each chunk was sent."""
    judged: list[int] = []
    apply = theatre.crm.apply
    shown: list[int] = [0]

    class Watching:
        def step(self, name: str, done: int, total: int | None) -> None:
            shown[0] = done if name == "judge" else shown[0]

    def applied(changes: Sequence[Change]) -> list[Receipt]:
        judged.append(shown[0])
        return apply(changes)

    theatre.crm.apply = applied  # type: ignore[method-assign]
    theatre.run(after(1), progress=Watching())
    return judged


def test_the_first_chunk_leaves_before_the_last_lead_is_judged(theatre: Theatre) -> None:
    judged = watched(theatre)
    assert judged[0] < len(NAMES)
    assert {len(theatre.open_tasks(name)) for name in NAMES} == {1}
    assert theatre.run(after(2)).planned == 0


def test_where_a_brake_may_hold_nothing_leaves_before_all_are_judged(theatre: Theatre) -> None:
    theatre.run(after(1))
    theatre.settings = type(theatre.settings)(mode="live", sweep_every=None, brakes=Brakes(0.5, 1))
    for name in NAMES:
        theatre.change(name, after(2), stage="recycled", reason="no budget")
    applied = threading.Event()
    theatre.crm.apply = lambda changes: applied.set() or []  # type: ignore[assignment, func-returns-value]
    with pytest.raises(GuardStopped):
        theatre.run(after(3))
    assert not applied.is_set()


def test_trouble_with_a_chunk_on_its_way_ends_the_run_and_the_next_one_does_the_rest(
    theatre: Theatre,
) -> None:
    apply, chunks = theatre.crm.apply, []

    def refused(changes: Sequence[Change]) -> list[Receipt]:
        chunks.append(len(changes))
        if len(chunks) == 2:
            raise Unauthorised("memory: the token was taken back")
        return apply(changes)

    theatre.crm.apply = refused  # type: ignore[method-assign]
    with pytest.raises(Unauthorised):
        theatre.run(after(1))
    theatre.crm.apply = apply  # type: ignore[method-assign]
    theatre.run(after(2))
    assert {len(theatre.open_tasks(name)) for name in NAMES} == {1}
    assert theatre.run(after(3)).planned == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "deliver"]


def test_asked_to_stop_while_judging_the_chunk_on_its_way_is_finished_and_the_rest_told(
    theatre: Theatre,
) -> None:
    stop = threading.Event()
    apply = theatre.crm.apply

    def stopping(changes: Sequence[Change]) -> list[Receipt]:
        stop.set()
        return apply(changes)

    theatre.crm.apply = stopping  # type: ignore[method-assign]
    report = theatre.run(after(1), stop=stop)
    assert report.written > 0
    assert report.planned == report.written + report.unchanged + report.rejected + report.deferred
    assert "changes left; they are planned again" in report.troubles[-1]
    theatre.crm.apply = apply  # type: ignore[method-assign]
    theatre.run(after(2))
    assert {len(theatre.open_tasks(name)) for name in NAMES} == {1}

"""The schedule wakes for the poll or for the first verdict to run out, and stops when asked."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from sync.schedule import pause, run_forever

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(seconds=60)


@pytest.mark.parametrize(
    ("due_in", "seconds"),
    [
        (None, 60),  # nothing will change by itself
        (20, 20),  # a warning comes on time
        (600, 60),  # the poll is earlier
        (0, 6),  # never in a tight loop
        (-50, 6),  # could not be judged: the CRM may be down
    ],
)
def test_it_waits_for_what_comes_first(due_in: int | None, seconds: float) -> None:
    due = None if due_in is None else NOON + timedelta(seconds=due_in)
    assert pause(NOON, due, MINUTE) == seconds


def test_asked_to_stop_it_ends_without_waiting() -> None:
    stop, runs = threading.Event(), []

    def one_run() -> None:
        runs.append("run")
        stop.set()

    run_forever(one_run, lambda: None, timedelta(hours=1), stop)
    assert runs == ["run"]


class Patient(threading.Event):
    """Notes how long it is waited for, instead of waiting."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.waited: list[float] = []
        self.rounds = rounds

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0)
        return self.is_set()

    def one_run(self) -> None:
        self.rounds -= 1
        if self.rounds < 0:
            self.set()


def test_a_hint_ends_the_wait_but_not_before_a_tenth_of_the_interval() -> None:
    stop, asked = Patient(1), iter([False, False, True])
    run_forever(stop.one_run, lambda: None, MINUTE, stop, lambda: next(asked, True))
    assert stop.waited[:3] == [6, 1, 1]


def test_without_hints_it_waits_the_whole_interval() -> None:
    stop = Patient(1)
    run_forever(stop.one_run, lambda: None, timedelta(seconds=20), stop)
    assert stop.waited[:19] == [2, *[1] * 18]

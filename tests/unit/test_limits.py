"""Limits on calls are kept at the moment a call really leaves."""

from __future__ import annotations

import threading

from connectors.limits import Limit, Limiter


class Clock:
    """Sleeping takes as long as asked, and for the first time a little longer."""

    def __init__(self, late: float = 0.0) -> None:
        self.now = 0.0
        self.late = late

    def sleep(self, seconds: float) -> None:
        self.now += seconds + self.late
        self.late = 0.0


def sent(limit: Limit, clock: Clock, calls: int) -> list[float]:
    limiter = Limiter(limit, clock.sleep, lambda: clock.now)
    times = []
    for _ in range(calls):
        limiter.take()
        times.append(round(clock.now, 3))
    return times


def test_so_many_calls_leave_at_once_and_the_next_when_the_first_is_a_window_ago() -> None:
    assert sent(Limit(2, 1.0), Clock(), 6) == [0, 0, 1, 1, 2, 2]


def test_who_wakes_late_sends_late_and_moves_who_comes_a_window_after() -> None:
    assert sent(Limit(1, 1.0), Clock(late=0.3), 4) == [0, 1.3, 2.3, 3.3]


def test_who_waits_already_waits_longer_for_one_that_turned_out_late() -> None:
    """The second call wakes at 1.6 instead of 1.0, while the third waits for 2.0."""
    clock = Clock()
    second_waits, third_waits, second_left = threading.Event(), threading.Event(), threading.Event()
    waits: list[tuple[str, float]] = []

    def sleep(seconds: float) -> None:
        name = threading.current_thread().name
        waits.append((name, round(seconds, 3)))
        if name == "second":
            second_waits.set()
            third_waits.wait(5)
            clock.now = 1.6
        elif seconds > 1:
            third_waits.set()
            second_left.wait(5)
            clock.now = 2.0
        else:
            clock.now += seconds

    limiter = Limiter(Limit(1, 1.0), sleep, lambda: clock.now)
    limiter.take()

    def take() -> None:
        limiter.take()
        second_left.set()

    second, third = (threading.Thread(target=take, name=name) for name in ("second", "third"))
    second.start()
    second_waits.wait(5)
    third.start()
    second.join()
    third.join()
    assert waits == [("second", 1.0), ("third", 2.0), ("third", 0.6)]
    assert round(clock.now, 3) == 2.6

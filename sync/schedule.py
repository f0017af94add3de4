"""Runs on an interval, and earlier when a verdict runs out, until stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

LOOK_SECONDS = 1.0


def run_forever(
    run_all: Callable[[], None],
    next_due: Callable[[], datetime | None],
    every: timedelta,
    stop: threading.Event,
    is_wanted: Callable[[], bool] = lambda: False,
) -> None:
    """Call ``run_all``, then wait for the earlier of the interval and the first verdict to run out.

    ``stop`` ends the wait at once; ``is_wanted`` (asked every second) ends it too, but not before a tenth of
    the interval has passed. A run in hand is finished by ``run_all`` itself.
    """
    least = pause(datetime.now(UTC), datetime.now(UTC), every)
    while not stop.is_set():
        run_all()
        left = pause(datetime.now(UTC), next_due(), every)
        stop.wait(min(left, least))
        left -= least
        while left > 0 and not is_wanted() and not stop.wait(min(left, LOOK_SECONDS)):
            left -= LOOK_SECONDS


def pause(now: datetime, due: datetime | None, every: timedelta) -> float:
    """Seconds to wait: never longer than the interval, never less than a tenth of it or one second.

    A verdict that has run out already could not be judged, most likely because the CRM is not
    there: no reason to ask it every second.

    >>> now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    >>> pause(now, now + timedelta(seconds=20), timedelta(seconds=60))
    20.0
    >>> pause(now, None, timedelta(seconds=60))
    60.0
    """
    wait = every if due is None else min(every, due - now)
    return max(wait, every / 10, timedelta(seconds=1)) / timedelta(seconds=1)

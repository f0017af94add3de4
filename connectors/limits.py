"""Limits on calls in any window of time, kept by waiting before a call instead of being refused."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``calls`` in any window of ``seconds``."""

    calls: int
    seconds: float


@dataclass(slots=True)
class Turn:
    """When a call is sent: as planned, and once it goes, as it was."""

    at: float


class Limiter:
    """A sliding window shared by threads: ``take`` waits until a call is allowed.

    A thread that wakes up late sends late, and whoever comes a window after it waits that much longer.
    """

    def __init__(
        self,
        limit: Limit,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._sleep = sleep
        self._now = now
        self._lock = threading.Lock()
        self._turns: deque[Turn] = deque(maxlen=limit.calls)

    def take(self) -> None:
        with self._lock:
            now = self._now()
            before = self._turns[0] if len(self._turns) == self._limit.calls else None
            planned = max(now, before.at + self._limit.seconds) if before else now
            mine = Turn(planned)
            self._turns.append(mine)
        self._wait(planned - now)
        if before and before.at + self._limit.seconds > planned:
            self._wait(before.at + self._limit.seconds - self._now())
        mine.at = max(planned, self._now())

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._sleep(seconds)

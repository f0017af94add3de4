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


class Limiter:
    """A sliding window shared by threads: ``take`` waits until a call is allowed."""

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
        self._taken: deque[float] = deque()

    def take(self) -> None:
        with self._lock:
            now = self._now()
            while self._taken and self._taken[0] <= now - self._limit.seconds:
                self._taken.popleft()
            start = now
            if len(self._taken) >= self._limit.calls:
                start = self._taken[-self._limit.calls] + self._limit.seconds
            self._taken.append(start)
        if start > now:
            self._sleep(start - now)

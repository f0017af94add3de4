"""The practice CRM's own clock: real time plus an offset, or frozen.

Both faces stamp records with it and answer their ``Date`` header from it, so a test can
move a CRM through a week in a second.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """A settable clock. All instants are aware UTC."""

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        self._lock = threading.Lock()
        self._frozen_at: datetime | None = None
        self._offset = timedelta(0)
        if start is not None:
            self.set(start)
        if frozen:
            self.freeze()

    def now(self) -> datetime:
        """The CRM's present instant (aware UTC)."""
        with self._lock:
            if self._frozen_at is not None:
                return self._frozen_at
            return datetime.fromtimestamp(time.time(), UTC) + self._offset

    def set(self, instant: datetime) -> None:
        """Jump to ``instant`` (must be aware); the clock goes on from there unless frozen."""
        if instant.tzinfo is None:
            message = "the clock needs an instant with a time zone"
            raise ValueError(message)
        with self._lock:
            if self._frozen_at is not None:
                self._frozen_at = instant.astimezone(UTC)
            self._offset = instant.astimezone(UTC) - datetime.fromtimestamp(time.time(), UTC)

    def advance(self, seconds: float) -> None:
        """Move forward (or back, if negative) by ``seconds``."""
        self.set(self.now() + timedelta(seconds=seconds))

    def freeze(self) -> None:
        """Stand still at the present instant."""
        instant = self.now()
        with self._lock:
            self._frozen_at = instant

    def thaw(self) -> None:
        """Run on from where the clock stands."""
        instant = self.now()
        with self._lock:
            self._frozen_at = None
        self.set(instant)

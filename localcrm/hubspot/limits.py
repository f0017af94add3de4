"""The portal's three rate limits: a rolling burst, the search's own second, and the day."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from localcrm.hubspot.errors import ApiError

DAILY = 625_000
_BURST, _BURST_SECONDS = 190, 10.0
_SEARCHES, _SEARCH_SECONDS = 5, 1.0


@dataclass(slots=True)
class Window:
    """At most ``most`` calls in any ``seconds`` (monotonic: the CRM's own clock may jump)."""

    most: int
    seconds: float
    calls: deque[float]

    def spend(self) -> bool:
        """Count one call; False when the window is full."""
        now = time.monotonic()
        while self.calls and self.calls[0] <= now - self.seconds:
            self.calls.popleft()
        if len(self.calls) >= self.most:
            return False
        self.calls.append(now)
        return True


class Limits:
    """Counts calls. ``is_on`` False counts the day for the usage call but never refuses."""

    def __init__(self, *, is_on: bool) -> None:
        self._is_on = is_on
        self._burst = Window(_BURST, _BURST_SECONDS, deque())
        self._search = Window(_SEARCHES, _SEARCH_SECONDS, deque())
        self._day: object = None
        self.used_today = 0

    def spend(self, rule: str, now: datetime) -> dict[str, str]:
        """Count a call under its rule (``burst``, ``search`` or ``free``); answers the headers.

        Raises ApiError (429), whose ``extra`` never holds a Retry-After: HubSpot documents none.
        """
        if now.date() != self._day:
            self._day, self.used_today = now.date(), 0
        if not self._is_on:
            self.used_today += 1
            return {}
        if self.used_today >= DAILY:
            raise _refused("You have reached your daily limit.", "DAILY")
        if rule == "search" and not self._search.spend():
            raise ApiError("You have reached your secondly limit.", status=429, category="RATE_LIMITS")
        if rule == "burst" and not self._burst.spend():
            raise _refused("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING")
        self.used_today += 1
        return self.headers(rule)

    def headers(self, rule: str) -> dict[str, str]:
        """What answers tell about the limits; search answers tell only about the day."""
        if not self._is_on:
            return {}
        told = {
            "X-HubSpot-RateLimit-Daily": str(DAILY),
            "X-HubSpot-RateLimit-Daily-Remaining": str(DAILY - self.used_today),
        }
        if rule == "burst":
            told["X-HubSpot-RateLimit-Max"] = str(_BURST)
            told["X-HubSpot-RateLimit-Remaining"] = str(_BURST - len(self._burst.calls))
            told["X-HubSpot-RateLimit-Interval-Milliseconds"] = str(round(_BURST_SECONDS * 1000))
        return told


def _refused(message: str, policy: str) -> ApiError:
    extra = {"errorType": "RATE_LIMIT", "policyName": policy}
    return ApiError(message, status=429, category=None, extra=extra)

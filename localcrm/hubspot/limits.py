"""The portal's three rate limits: a rolling burst, the search's own second, and the day."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from localcrm.hubspot.errors import ApiError
from localcrm.hubspot.switches import Switches

_BURST_SECONDS = 10.0
_SEARCHES, _SEARCH_SECONDS = 5, 1.0


@dataclass(slots=True)
class Window:
    """Calls of the last ``seconds`` (monotonic: the CRM's own clock may jump)."""

    seconds: float
    calls: deque[float]

    def spend(self, most: int) -> bool:
        """Count one call; False when there were ``most`` already."""
        now = time.monotonic()
        while self.calls and self.calls[0] <= now - self.seconds:
            self.calls.popleft()
        if len(self.calls) >= most:
            return False
        self.calls.append(now)
        return True


class Limits:
    """Counts calls. With the switch ``limits`` off it counts the day for the usage call but never refuses."""

    def __init__(self, switches: Switches) -> None:
        self.switches = switches
        self._burst = Window(_BURST_SECONDS, deque())
        self._search = Window(_SEARCH_SECONDS, deque())
        self._day: object = None
        self.used_today = 0

    def spend(self, rule: str, now: datetime) -> None:
        """Count a call under its rule (``burst``, ``search`` or ``free``); raises ApiError (429)."""
        if now.date() != self._day:
            self._day, self.used_today = now.date(), 0
        if not self.switches.limits:
            self.used_today += 1
            return
        if self.used_today >= self.switches.daily_limit:
            raise self._refused("You have reached your daily limit.", "DAILY")
        if rule == "search" and not self._search.spend(_SEARCHES):
            raise ApiError("You have reached your secondly limit.", status=429, category="RATE_LIMITS")
        if rule == "burst" and not self._burst.spend(self.switches.burst_limit):
            raise self._refused("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING")
        self.used_today += 1

    def headers(self, rule: str, *, is_oauth: bool = False) -> dict[str, str]:
        """What answers tell: to searches nothing of the burst, to OAuth apps nothing of the day."""
        if not self.switches.limits:
            return {}
        told = (
            {}
            if is_oauth
            else {
                "X-HubSpot-RateLimit-Daily": str(self.switches.daily_limit),
                "X-HubSpot-RateLimit-Daily-Remaining": str(self.switches.daily_limit - self.used_today),
            }
        )
        if rule == "burst":
            left = max(0, self.switches.burst_limit - len(self._burst.calls))
            told["X-HubSpot-RateLimit-Max"] = str(self.switches.burst_limit)
            told["X-HubSpot-RateLimit-Remaining"] = str(left)
            told["X-HubSpot-RateLimit-Interval-Milliseconds"] = str(round(_BURST_SECONDS * 1000))
        return told

    def patience(self) -> dict[str, str]:
        """The Retry-After of a refusal, where the portal sends one."""
        seconds = self.switches.retry_after
        return {"Retry-After": str(seconds)} if seconds else {}

    def _refused(self, message: str, policy: str) -> ApiError:
        if self.switches.limit_bodies == "recorded":
            return ApiError(message, status=429, category="RATE_LIMITS")
        extra = {"errorType": "RATE_LIMIT", "policyName": policy}
        return ApiError(message, status=429, category=None, extra=extra)

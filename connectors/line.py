"""What all threads of one connection share: limits, token, counters, the CRM's clock, and patience.

Not here: how a call is sent and repeated (``session``).
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from connectors.base import CallCount
from connectors.connection import Patience
from connectors.errors import Unavailable, wrong_address
from connectors.limits import Limit, Limiter

if TYPE_CHECKING:
    from connectors.session import CrmSession

_RENEW_BEFORE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer means for the transport.

    ``again_after``: seconds to wait at least before repeating (None: do not repeat). ``limited``: the
    CRM took nothing because of a rate limit, so repeating is always safe. ``why``: what to tell a person
    instead of the status.
    """

    again_after: float | None = None
    limited: bool = False
    sign_in: bool = False
    budget: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; ``expires_in`` seconds as the CRM told with it (None: it did not)."""

    value: str = field(repr=False)
    expires_in: float | None = None


class GivenUp(Unavailable):
    """Not to be had in this run, however often it is asked for."""


def _unchanged(url: str) -> str:
    return url


@dataclass(frozen=True, slots=True)
class Rules:
    """What the transport must know of one CRM."""

    judge: Callable[[requests.Response], Judgement]
    call_class: Callable[[str, str], str]  # (method, path) -> name of its limit and counter
    safe_to_repeat: Callable[[str, str], bool]
    recognises: Callable[[requests.Response], bool]  # whether this CRM answers so (below HTTP 420)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    rewrite: Callable[[str], str] = _unchanged


class Line:
    """What every thread of one connection shares.

    ``sign_in`` fetches a fresh token over a given session; it is called once per expiry, however
    many threads notice. ``sleep`` may raise Unavailable to end a wait early on Ctrl-C or SIGTERM.
    """

    def __init__(  # noqa: PLR0913 - the one place where a connection is put together
        self,
        name: str,
        base_url: str,
        rules: Rules,
        sign_in: Callable[[CrmSession], Token],
        *,
        attempts: int = 5,
        sleep: Callable[[float], None] = time.sleep,
        patience: Patience | None = None,
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self.host = urlsplit(base_url).netloc
        self.rules = rules
        self.attempts = attempts
        self.sleep = sleep
        self.patience = patience or Patience()
        self.limiters = {name: Limiter(limit, sleep) for name, limit in rules.limits.items()}
        self.endings: dict[str, str] = {}  # the beginning of a path -> when the CRM says it ends
        self._sign_in = sign_in
        self._lock = threading.Lock()  # for counters, never held while waiting
        self._sign_in_lock = threading.RLock()
        self._token = ""
        self._renew_at: float | None = None
        self._is_recognised = False
        self._counts: Counter[str] = Counter()
        self._clock_offset: timedelta | None = None
        self._failures = 0
        self._retrying = 0.0

    def token(self, session: CrmSession, *, refused: str = "") -> str:
        """The bearer token; ``refused`` names one the CRM no longer takes. One refresh for all threads."""
        with self._sign_in_lock:
            is_old = self._renew_at is not None and time.monotonic() >= self._renew_at
            if not self._token or self._token == refused or is_old:
                asked_at = time.monotonic()
                found = self._sign_in(session)
                self._token, self._renew_at = found.value, None
                if found.expires_in is not None:
                    # a short-lived one must not be renewed with every call
                    early = min(_RENEW_BEFORE_SECONDS, found.expires_in / 10)
                    self._renew_at = asked_at + found.expires_in - early
            return self._token

    def count(self, kind: str) -> None:
        with self._lock:
            self._counts[kind] += 1

    def calls(self) -> CallCount:
        with self._lock:
            return CallCount(sum(self._counts.values()), dict(self._counts))

    def ask_for_a_call(self) -> None:
        """Raise GivenUp when call after call has failed: one more would not help, and errors are counted."""
        with self._lock:
            failures = self._failures
        if failures >= self.patience.failures:
            raise GivenUp(
                f"{self.name}: {failures} calls to {self.host} failed one after the other;"
                " the rest is left to the next run"
            )

    def call_ended(self, *, well: bool) -> None:
        """One call with all its attempts is over."""
        with self._lock:
            self._failures = 0 if well else self._failures + 1

    def retried(self, seconds: float) -> None:
        """So much time went into an attempt that failed and the wait after it."""
        with self._lock:
            self._retrying += seconds

    def has_patience(self) -> bool:
        """Whether there is time left in this run for trying again."""
        with self._lock:
            return self._retrying < self.patience.retrying

    def recognise(self, response: requests.Response) -> None:
        """Raise Misconfigured when the first answer is none of this CRM: the address is another's."""
        if self._is_recognised or response.status_code >= 420:  # busy or broken tells nothing
            return
        if not self.rules.recognises(response):
            raise wrong_address(self.name, self.base_url, f"HTTP {response.status_code}")
        self._is_recognised = True

    def listen(self, response: requests.Response) -> None:
        """Learn what every answer tells besides: the CRM's clock, and which addresses are to end."""
        instant = _instant(response.headers.get("Date", ""))
        if instant is not None:
            self._clock_offset = instant - datetime.now(UTC)
        sunset, deprecation = (response.headers.get(name, "") for name in ("Sunset", "Deprecation"))
        if sunset or deprecation:
            family = "/".join(urlsplit(response.url or "").path.split("/")[:4])
            ends = _instant(sunset)
            self.endings[family] = f"on {ends:%Y-%m-%d}" if ends else "on a day it does not name"

    def server_now(self) -> datetime | None:
        """The CRM's clock as last heard (whole seconds, aware UTC); None before any answer."""
        if self._clock_offset is None:
            return None
        return (datetime.now(UTC) + self._clock_offset).replace(microsecond=0)


def seconds_asked(response: requests.Response) -> float | None:
    """``Retry-After`` in seconds, also where it is a date; None if there is none that can be read."""
    stated = response.headers.get("Retry-After", "").strip()
    if stated.isdigit():
        return float(stated)
    until = _instant(stated)
    if until is None:
        return None
    now = _instant(response.headers.get("Date", "")) or datetime.now(UTC)
    return max((until - now).total_seconds(), 0.0)


def _instant(stamp: str) -> datetime | None:
    """A date as HTTP writes it, aware UTC."""
    try:
        return parsedate_to_datetime(stamp).astimezone(UTC)
    except (TypeError, ValueError, IndexError):
        return None

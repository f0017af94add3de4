"""One transport per connection: timeouts, limits, retries, sign-in, headers, host, counting.

A ``Line`` is what all threads of a connection share (limits, token, counters); a
``CrmSession`` is one thread's ``requests.Session`` on it. Both SDKs speak through it, so
``responses`` intercepts both. Retries happen here and nowhere else, and only where a repeat
is safe: a create whose answer was lost becomes ``OutcomeUnknown``.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import tenacity

from connectors.base import CallCount
from connectors.errors import (
    BudgetSpent,
    CrmError,
    OutcomeUnknown,
    RateLimited,
    Unauthorised,
    Unavailable,
    wrong_address,
)
from connectors.limits import Limit, Limiter

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer means for the transport.

    ``again_after``: seconds to wait before repeating (None: do not repeat). ``limited``: the CRM
    took nothing because of a rate limit, so repeating is always safe.
    """

    again_after: float | None = None
    limited: bool = False
    sign_in: bool = False
    budget: str = ""


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


@dataclass(frozen=True, slots=True)
class _Call:
    """One call on its way: the same on every attempt."""

    verb: str
    address: str
    headers: Mapping[str, str]
    options: Mapping[str, Any]

    @property
    def path(self) -> str:
        return urlsplit(self.address).path

    def __str__(self) -> str:
        """Fit for an error text: no ids, no query."""
        return f"{self.verb} {'/'.join('{id}' if _is_id(part) else part for part in self.path.split('/'))}"


def _is_id(part: str) -> bool:
    return len(part) > 9 and any(letter.isdigit() for letter in part)


class Line:
    """What every thread of one connection shares.

    ``sign_in`` fetches a fresh token over a given session; it is called once per expiry, however
    many threads notice. ``stopping`` makes waits end early on Ctrl-C or SIGTERM.
    """

    def __init__(  # noqa: PLR0913 - the one place where a connection is put together
        self,
        name: str,
        base_url: str,
        rules: Rules,
        sign_in: Callable[[CrmSession], str],
        *,
        attempts: int = 5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self.host = urlsplit(base_url).netloc
        self.rules = rules
        self.attempts = attempts
        self.sleep = sleep
        self.limiters = {name: Limiter(limit, sleep) for name, limit in rules.limits.items()}
        self._sign_in = sign_in
        self._lock = threading.RLock()
        self._token = ""
        self._is_recognised = False
        self._counts: Counter[str] = Counter()
        self._clock_offset: timedelta | None = None

    def token(self, session: CrmSession, *, refused: str = "") -> str:
        """The bearer token; ``refused`` names one the CRM no longer takes. One refresh for all threads."""
        with self._lock:
            if not self._token or self._token == refused:
                self._token = self._sign_in(session)
            return self._token

    def count(self, kind: str) -> None:
        with self._lock:
            self._counts[kind] += 1

    def calls(self) -> CallCount:
        with self._lock:
            return CallCount(sum(self._counts.values()), dict(self._counts))

    def recognise(self, response: requests.Response) -> None:
        """Raise Misconfigured when the first answer is none of this CRM: the address is another's."""
        if self._is_recognised or response.status_code >= 420:  # busy or broken tells nothing
            return
        if not self.rules.recognises(response):
            raise wrong_address(self.name, self.base_url, f"HTTP {response.status_code}")
        self._is_recognised = True

    def note_date(self, response: requests.Response) -> None:
        """Learn the CRM's clock from an answer's ``Date`` header."""
        stamp = response.headers.get("Date")
        if stamp:
            self._clock_offset = parsedate_to_datetime(stamp).astimezone(UTC) - datetime.now(UTC)

    def server_now(self) -> datetime | None:
        """The CRM's clock as last heard (whole seconds, aware UTC); None before any answer."""
        if self._clock_offset is None:
            return None
        return (datetime.now(UTC) + self._clock_offset).replace(microsecond=0)


class CrmSession(requests.Session):
    """One thread's session on a ``Line``; hand it to an SDK instead of ``requests.Session()``.

    Raises the errors of ``connectors.errors`` for everything that concerns the connection;
    answers about single records (4xx) are returned for the SDK to read.
    """

    def __init__(self, line: Line) -> None:
        super().__init__()
        self.line = line
        self.trust_env = False
        self._signing_in = False

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send by this line's rules, to this line's host, with the same headers on every attempt.

        Positional arguments are those of ``requests.Session.request`` (params, data).
        """
        kwargs.update(zip(("params", "data"), args, strict=False))
        headers = {**self.line.rules.headers, **dict(kwargs.pop("headers", None) or {})}
        kwargs["timeout"] = (CONNECT_SECONDS, READ_SECONDS)
        kwargs["allow_redirects"] = False
        call = _Call(_text(method).upper(), self._address(_text(url)), headers, kwargs)
        if self._signing_in:
            return self._once(call)
        return self._retrying()(self._authorised, call)

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unavailable),
            stop=tenacity.stop_after_attempt(self.line.attempts),
            wait=_wait,
            sleep=self.line.sleep,
            reraise=True,
        )

    def _authorised(self, call: _Call) -> requests.Response:
        token = self._token()
        for refused in ("", token):
            if refused:
                token = self._token(refused=refused)
            signed = replace(call, headers={**call.headers, "Authorization": f"Bearer {token}"})
            response = self._once(signed)
            judgement = self.line.rules.judge(response)
            if not judgement.sign_in:
                return self._judged(judgement, response, call)
        raise Unauthorised(f"{self.line.name}: the CRM refuses the credentials (HTTP {response.status_code})")

    def _judged(self, judgement: Judgement, response: requests.Response, call: _Call) -> requests.Response:
        if judgement.budget:
            raise BudgetSpent(f"{self.line.name}: {judgement.budget}")
        if judgement.again_after is None:
            return response
        what = f"{self.line.name}: HTTP {response.status_code} on {call}"
        if judgement.limited:
            raise RateLimited(what, judgement.again_after)
        if not self.line.rules.safe_to_repeat(call.verb, call.path):
            raise OutcomeUnknown(f"{what}; it may have happened")
        raise Unavailable(what)

    def _token(self, *, refused: str = "") -> str:
        self._signing_in = True
        try:
            return self.line.token(self, refused=refused)
        finally:
            self._signing_in = False

    def _once(self, call: _Call) -> requests.Response:
        kind = self.line.rules.call_class(call.verb, call.path)
        limiter = self.line.limiters.get(kind)
        if limiter:
            limiter.take()
        self.line.count(kind)
        try:
            response = super().request(call.verb, call.address, headers=dict(call.headers), **call.options)
        except requests.RequestException as error:
            raise self._broken(error, call) from None
        self.line.recognise(response)
        self.line.note_date(response)
        return response

    def _broken(self, error: requests.RequestException, call: _Call) -> CrmError:
        never_sent = isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError) or any(
            name in repr(error) for name in ("NewConnectionError", "NameResolutionError")
        )
        if never_sent:
            kind = type(error).__name__
            return Unavailable(f"{self.line.name}: no connection to {self.line.host} ({kind})")
        if self._signing_in or self.line.rules.safe_to_repeat(call.verb, call.path):
            return Unavailable(f"{self.line.name}: connection broke on {call}")
        return OutcomeUnknown(f"{self.line.name}: connection broke on {call}; it may have happened")

    def _address(self, url: str) -> str:
        """The URL on this line's host, whatever scheme and host the SDK built; nothing else is reached."""
        parts = urlsplit(self.line.rules.rewrite(url))
        query = f"?{parts.query}" if parts.query else ""
        return f"{self.line.base_url}{parts.path}{query}"


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RateLimited):
        return min(error.retry_after, LONGEST_WAIT_SECONDS)
    return float((tenacity.wait_exponential(multiplier=0.5, max=8.0) + tenacity.wait_random(0, 1))(state))


def _text(raw: str | bytes) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw

"""One transport per connection: timeouts, limits, retries, sign-in, headers, host, counting.

A ``CrmSession`` is one thread's ``requests.Session`` on a ``Line``. Both SDKs speak through it, so
``responses`` intercepts both. Retries happen here and nowhere else, and only where a repeat
is safe: a create whose answer was lost becomes ``OutcomeUnknown``.
"""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import tenacity
import urllib3

from connectors.deadline import CuttableAdapter
from connectors.errors import (
    BudgetSpent,
    CrmError,
    OutcomeUnknown,
    RateLimited,
    Unauthorised,
    Unavailable,
    wrong_address,
)
from connectors.line import GivenUp, Judgement, Line

_GZIP = b"\x1f\x8b"
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, EOFError, OSError, zlib.error)


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


class CrmSession(requests.Session):
    """One thread's session on a ``Line``; hand it to an SDK instead of ``requests.Session()``.

    Raises the errors of ``connectors.errors`` for everything that concerns the connection;
    answers about single records (4xx) are returned for the SDK to read.
    """

    def __init__(self, line: Line) -> None:
        super().__init__()
        self.line = line
        self.trust_env = False
        self._thread = threading.local()  # whether this very thread is just signing in
        self._adapter = CuttableAdapter()
        for scheme in ("https://", "http://"):
            self.mount(scheme, self._adapter)

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send by this line's rules, to this line's host, with the same headers on every attempt.

        Positional arguments are those of ``requests.Session.request`` (params, data).
        """
        kwargs.update(zip(("params", "data"), args, strict=False))
        given = dict(kwargs.pop("headers", None) or {})
        headers = {"Accept-Encoding": "gzip", **self.line.rules.headers, **given}
        kwargs["timeout"] = (self.line.patience.connect, self.line.patience.read)
        kwargs["allow_redirects"] = False
        kwargs["stream"] = True  # the body is read by ``_sent``
        call = _Call(_text(method).upper(), self._address(_text(url)), headers, kwargs)
        if self._signing_in:
            return self._once(call)
        self.line.ask_for_a_call()
        try:
            response: requests.Response = self._retrying()(self._attempt, call)
        except (Unavailable, OutcomeUnknown):
            self.line.call_ended(well=False)
            raise
        self.line.call_ended(well=True)
        return response

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._is_worth_repeating),
            stop=tenacity.stop_after_attempt(self.line.attempts),
            wait=_wait,
            sleep=self.line.sleep,
            before_sleep=self._note_wait,
            reraise=True,
        )

    def _is_worth_repeating(self, error: BaseException) -> bool:
        """A wait longer than we have is no wait but a reason to leave the rest to a later run."""
        return (
            isinstance(error, Unavailable)
            and not isinstance(error, GivenUp)
            and error.retry_after <= self.line.patience.longest_wait
            and (isinstance(error, RateLimited) or self.line.has_patience())
        )

    def _attempt(self, call: _Call) -> requests.Response:
        started = time.monotonic()
        try:
            return self._authorised(call)
        except RateLimited:
            raise  # the CRM is well and only asks to be asked more slowly
        except Unavailable:
            self.line.retried(time.monotonic() - started)
            raise

    def _note_wait(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, RateLimited):
            self.line.retried(state.upcoming_sleep)

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
        why = f"{judgement.why} (HTTP {response.status_code})" if judgement.why else ""
        what = f"{self.line.name}: {why or f'HTTP {response.status_code}'} on {call}"
        if judgement.limited:
            raise RateLimited(what, judgement.again_after)
        if not self.line.rules.safe_to_repeat(call.verb, call.path):
            raise OutcomeUnknown(f"{what}; it may have happened")
        raise Unavailable(what, judgement.again_after)

    def _token(self, *, refused: str = "") -> str:
        self._thread.signs_in = True
        try:
            return self.line.token(self, refused=refused)
        finally:
            self._thread.signs_in = False

    @property
    def _signing_in(self) -> bool:
        return getattr(self._thread, "signs_in", False)

    def _once(self, call: _Call) -> requests.Response:
        response = self._sent(call)
        if response.is_redirect:
            response = self._sent(self._moved(response, call))
            if response.is_redirect:
                raise self._misdirected(response)
        self.line.recognise(response)
        self.line.listen(response)
        return response

    def _moved(self, response: requests.Response, call: _Call) -> _Call:
        """The call at the address it is sent on to: a read only, and on this line's host only."""
        address = urljoin(call.address, response.headers["Location"])
        if call.verb != "GET" or _origin(address) != _origin(self.line.base_url):
            raise self._misdirected(response)
        options = {name: value for name, value in call.options.items() if name != "params"}
        return replace(call, address=address, options=options)

    def _misdirected(self, response: requests.Response) -> CrmError:
        host = urlsplit(urljoin(self.line.base_url, response.headers["Location"])).netloc
        answer = f"HTTP {response.status_code}, which sends calls on to {host}"
        return wrong_address(self.line.name, self.line.base_url, answer)

    def _sent(self, call: _Call) -> requests.Response:
        """The whole answer to one request, its body decoded by what it is, whatever its headers say."""
        kind = self.line.rules.call_class(call.verb, call.path)
        limiter = self.line.limiters.get(kind)
        if limiter:
            limiter.take()
        self.line.count(kind)
        with self._adapter.within(self.line.patience.answer) as late:
            try:
                response = super().request(
                    call.verb, call.address, headers=dict(call.headers), **call.options
                )
                body = response.raw.read(decode_content=False)
                response.raw = BytesIO(gzip.decompress(body) if body.startswith(_GZIP) else body)
            except _BROKEN as error:
                raise self._broken(error, call, is_late=late.is_set()) from None
        if late.is_set():  # what was cut may look like an ordinary end
            raise self._broken(EOFError(), call, is_late=True)
        return response

    def _broken(self, error: Exception, call: _Call, *, is_late: bool) -> CrmError:
        name, told = self.line.name, repr(error)
        if not is_late and "CERTIFICATE_VERIFY_FAILED" in told:
            return GivenUp(
                f"{name}: the certificate of {self.line.host} is not trusted; is a proxy in between?"
            )
        never_sent = isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError) or any(
            one in told for one in ("NewConnectionError", "NameResolutionError")
        )
        if never_sent and not is_late:
            return Unavailable(f"{name}: no connection to {self.line.host} ({type(error).__name__})")
        why = f"no whole answer within {self.line.patience.answer:g} s" if is_late else "connection broke"
        if self._signing_in or self.line.rules.safe_to_repeat(call.verb, call.path):
            return Unavailable(f"{name}: {why} on {call}")
        return OutcomeUnknown(f"{name}: {why} on {call}; it may have happened")

    def _address(self, url: str) -> str:
        """The URL on this line's host, whatever scheme and host the SDK built; nothing else is reached."""
        parts = urlsplit(self.line.rules.rewrite(url))
        query = f"?{parts.query}" if parts.query else ""
        return f"{self.line.base_url}{parts.path}{query}"


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RateLimited):
        return error.retry_after
    asked = error.retry_after if isinstance(error, Unavailable) else 0.0
    backoff = tenacity.wait_exponential(multiplier=0.5, max=8.0) + tenacity.wait_random(0, 1)
    return max(asked, float(backoff(state)))


def _text(raw: str | bytes) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw

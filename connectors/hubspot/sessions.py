"""The sessions of one connection, and the form in which the SDK's modules use them.

A ``CrmSession`` serves one thread at a time. It is lent for one call and given back, so that a later
call finds its connection open, whichever thread makes it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from connectors.line import Line
from connectors.session import CrmSession


class Sessions:
    """As many sessions on one line as calls were ever made at the same time. Safe between threads."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._lock = threading.Lock()
        self._idle: list[CrmSession] = []
        self._every: list[CrmSession] = []

    @contextmanager
    def lent(self) -> Iterator[CrmSession]:
        """A session that nobody else uses meanwhile."""
        with self._lock:
            session = self._idle.pop() if self._idle else self._new()
        try:
            yield session
        finally:
            with self._lock:
                self._idle.append(session)

    def _new(self) -> CrmSession:
        session = CrmSession(self._line)
        self._every.append(session)
        return session

    def close(self) -> None:
        """Close every connection; a later call opens a new one."""
        with self._lock:
            for session in self._every:
                session.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """A ``requests`` response in the few words of urllib3 that the SDK uses."""

    status: int
    reason: str
    data: bytes
    headers: Mapping[str, str]

    def getheaders(self) -> Mapping[str, str]:
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        return self.headers.get(name, default)


class SessionPool:
    """Stands where the SDK expects its urllib3 pool; sends through a session of ours."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def request(self, method: str, url: str, **options: Any) -> Answer:
        """Only what is sent is taken over: time limits and retries are the session's."""
        with self._sessions.lent() as session:
            response = session.request(
                method,
                url,
                params=options.get("fields"),
                data=options.get("body"),
                headers=options.get("headers"),
            )
        return Answer(response.status_code, response.reason, response.content, response.headers)

    def clear(self) -> None:
        """The SDK may ask; connections are closed with the sessions."""

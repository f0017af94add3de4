"""Calls of one connection under way at the same time, each on a client of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import TypeVar

from connectors.salesforce.client import Client

Result = TypeVar("Result")

AT_ONCE = 5


class Lanes:
    """At most ``AT_ONCE`` calls beside those of whoever asks. Salesforce allows 25 long ones in an org."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._idle: SimpleQueue[Client] = SimpleQueue()
        self._every: list[Client] = []
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="salesforce")

    def begin(self, job: Callable[[Client], Result]) -> Future[Result]:
        """The job's result, once it is there; its error is raised where the result is taken."""
        return self._pool.submit(self._run, job)

    def _run(self, job: Callable[[Client], Result]) -> Result:
        try:
            client = self._idle.get_nowait()
        except Empty:
            client = self._client.beside()
            self._every.append(client)
        try:
            return job(client)
        finally:
            self._idle.put(client)

    def close(self) -> None:
        """Wait for the calls under way, and close every connection."""
        self._pool.shutdown(cancel_futures=True)
        for client in self._every:
            client.close()

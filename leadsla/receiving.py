"""Hints over HTTP: who may speak, how much and how long, and where the named records are noted down.

An answer takes milliseconds and waits for no run: what cannot be noted at once is answered with 503, and
HubSpot says it again. Not here: what a signature or an event is (``connectors.hubspot.webhooks``), reading
the records (``sync``).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from connectors.hubspot.webhooks import Forged, Unreadable, Webhook
from sync.store import Store
from sync.store.facts import Facts
from sync.store.hints import Hints

LARGEST_BODY = 1_000_000
LONGEST_BODY_SECONDS = 5.0  # HubSpot itself waits no longer for an answer
TELL_EVERY_SECONDS = 60.0
_WRITERS = 2  # at a time in the database, which takes one anyhow; none of them waits longer than a moment


class Turned(Exception):
    """A request that is not taken; what is answered."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Receiver:
    """``POST /hints/CONNECTION`` for connections with a webhook. ``others``: why another has none, by name.

    ``say`` gets a line of counts a minute, if there is anything to count. ``clock`` tells the time, aware.
    """

    def __init__(
        self,
        store: Store,
        webhooks: Mapping[str, Webhook],
        others: Mapping[str, str],
        say: Callable[[str], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._webhooks = webhooks
        self._others = others
        self._say = say
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._writers = asyncio.Semaphore(_WRITERS)

    def app(self) -> Starlette:
        route = Route("/hints/{connection}", self._hints, methods=["POST"])
        return Starlette(routes=[route], lifespan=self._telling)

    async def _hints(self, request: Request) -> Response:
        try:
            await self._take(request.path_params["connection"], request)
        except Turned as turned:
            self._counts[str(turned)] += 1
            return PlainTextResponse(f"{turned}\n", turned.status)
        return Response(status_code=204)

    async def _take(self, name: str, request: Request) -> None:
        webhook = self._webhooks.get(name)
        if webhook is None:
            raise Turned(404, self._others.get(name, "there is no such connection"))
        body = await _body(request)
        now = self._clock()
        try:
            webhook.verify(request.headers, body, now)
        except Forged as forged:
            raise Turned(401, str(forged)) from None
        try:
            async with self._writers:
                news = await run_in_threadpool(self._note, name, webhook, body, now)
        except Unreadable as unreadable:
            raise Turned(400, str(unreadable)) from None
        except DBAPIError:
            raise Turned(503, "the state is in use; send it again") from None
        self._counts["records named"] += news

    def _note(self, name: str, webhook: Webhook, body: bytes, now: datetime) -> int:
        with self._store.begin_at_once() as db:
            account = Facts(name).bookmark(db).account
            if not account:
                return 0  # nothing was read yet: the first run reads everything
            return Hints(name).add(db, webhook.records(body, account), now)

    @asynccontextmanager
    async def _telling(self, _app: Starlette) -> AsyncIterator[None]:
        async def every_minute() -> None:
            while True:
                await asyncio.sleep(TELL_EVERY_SECONDS)
                self._tell()

        task = asyncio.create_task(every_minute())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self._tell()

    def _tell(self) -> None:
        """Counts only: nothing that anybody sent."""
        told = ", ".join(f"{amount} x {what}" for what, amount in sorted(self._counts.items()) if amount)
        self._counts.clear()
        if told:
            self._say(told)


async def _body(request: Request) -> bytes:
    """The body as it came. Raises Turned when it is too large or too slow; no more than that is held."""
    told = request.headers.get("content-length", "0")
    if not told.isascii() or not told.isdigit() or int(told[:12]) > LARGEST_BODY:
        raise Turned(413, "the body is too large")
    body = bytearray()
    try:
        async with asyncio.timeout(LONGEST_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise Turned(413, "the body is too large")
    except TimeoutError:
        raise Turned(408, "the body came too slowly") from None
    except ClientDisconnect:
        raise Turned(400, "the body broke off") from None
    return bytes(body)

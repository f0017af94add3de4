"""How an ordered fault looks on the wire: cut, hung, truncated, replaced or delayed calls.

Works one level below the faces, on the real socket: a client sees a dropped connection, not a polite
answer. Which call goes wrong is decided in ``faults``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from localcrm.faults import Rule

_TRANSPORT = "localcrm.transport"
_MAINTENANCE = "<html><head><title>Maintenance</title></head><body>We will be back soon</body></html>"


class OpenProtocol(H11Protocol):
    """uvicorn's HTTP protocol, showing each call the transport it came by."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        application = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope[_TRANSPORT] = self.transport
            await application(scope, receive, send)

        self.app = with_transport


@dataclass(slots=True)
class Answer:
    """A whole answer, recorded instead of sent."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def record(self, message: Message) -> None:
        """An ASGI ``send`` that keeps."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def start(self, send: Send) -> None:
        """Send status and headers, with the full length of the body."""
        headers = [pair for pair in self.headers if pair[0].lower() != b"content-length"]
        headers.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})

    async def send(self, send: Send) -> None:
        """Send it as it is."""
        await self.start(send)
        await send({"type": "http.response.body", "body": self.body})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call under a rule: the face's application and both ends of the wire."""

    rule: Rule
    face: ASGIApp
    scope: Scope
    receive: Receive
    respond: Send
    leaving: asyncio.Event

    async def answered(self) -> Answer:
        """Let the face do its work and keep what it says."""
        answer = Answer()
        await self.face(self.scope, self.receive, answer.record)
        return answer

    async def cut(self, *, flush: bool = False) -> None:
        """Drop the connection; ``flush`` lets what was sent so far leave first."""
        transport = self.scope[_TRANSPORT]
        if flush:
            transport.close()
        else:
            transport.abort()
        await self.client_left()

    async def client_left(self) -> None:
        """Return once the connection is gone."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def wait(self, seconds: float | None, *others: Awaitable[Any]) -> None:
        """Until the seconds are over, one of the others is done, or the server stops."""
        tasks = [asyncio.ensure_future(one) for one in (self.leaving.wait(), *others)]
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _status(call: Exchange) -> None:
    body, details = call.rule.details.get("body", ""), call.rule.details
    kind = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
    given = {"content-type": kind} | {
        str(name).lower(): str(value) for name, value in details.get("headers", {}).items()
    }
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()]
    text = body if isinstance(body, str) else json.dumps(body)
    await Answer(details["status"], headers, text.encode()).send(call.respond)


async def _cut_before(call: Exchange) -> None:
    await call.cut()


async def _cut_after(call: Exchange) -> None:
    await call.answered()
    await call.cut()


async def _hang(call: Exchange) -> None:
    if call.rule.details.get("apply"):
        await call.answered()
    await call.wait(call.rule.details.get("seconds"), call.client_left())
    await call.cut()


async def _truncate(call: Exchange) -> None:
    answer = await call.answered()
    await answer.start(call.respond)
    half = answer.body[: len(answer.body) // 2]
    await call.respond({"type": "http.response.body", "body": half, "more_body": True})
    await call.cut(flush=True)


async def _html(call: Exchange) -> None:
    page = str(call.rule.details.get("body", _MAINTENANCE)).encode()
    await Answer(200, [(b"content-type", b"text/html; charset=utf-8")], page).send(call.respond)


async def _latency(call: Exchange) -> None:
    await call.wait(call.rule.details["seconds"])
    await call.face(call.scope, call.receive, call.respond)


async def _hide(call: Exchange) -> None:
    answer = await call.answered()
    if answer.status < 300:
        answer = _emptied(answer)
    await answer.send(call.respond)


async def _twice(call: Exchange) -> None:
    """Deliver the call two times, as a proxy that repeats it does; the client gets the second answer."""
    body, more = b"", True
    while more:
        message = await call.receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)

    def again() -> Receive:
        whole = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            return whole.pop() if whole else await call.receive()

        return receive

    await call.face(call.scope, again(), Answer().record)
    await call.face(call.scope, again(), call.respond)


def _emptied(answer: Answer) -> Answer:
    """The same answer with nothing found; a single record becomes a 404."""
    try:
        found = json.loads(answer.body or b"null")
    except ValueError:
        found = None
    if isinstance(found, list):
        return Answer(answer.status, answer.headers, b"[]")
    if not isinstance(found, dict) or not {"records", "results"} & set(found):
        return Answer(404, answer.headers, b"[]")
    empty = {name: [] if name in ("records", "results") else value for name, value in found.items()}
    empty |= {name: 0 for name in ("total", "totalSize") if name in found}
    for onward in ("paging", "nextRecordsUrl"):
        empty.pop(onward, None)
    if "done" in empty:
        empty["done"] = True
    return Answer(answer.status, answer.headers, json.dumps(empty).encode())


_ACTS: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    "status": _status,
    "cut_before": _cut_before,
    "cut_after": _cut_after,
    "hang": _hang,
    "truncate": _truncate,
    "html": _html,
    "latency": _latency,
    "hide": _hide,
    "twice": _twice,
}


async def act(call: Exchange) -> None:
    """Let one call go wrong as its rule says."""
    await _ACTS[call.rule.do](call)

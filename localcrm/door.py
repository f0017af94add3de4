"""One practice CRM behind its port: its routes, the control routes, faults, call counts, the Date header."""

from __future__ import annotations

import asyncio
from email.utils import format_datetime
from urllib.parse import unquote_plus

from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from localcrm.clock import Clock
from localcrm.control import PREFIX, Control
from localcrm.face import Face
from localcrm.faults import Faults
from localcrm.tally import Tally
from localcrm.wire import Exchange, act


class Door:
    """The ASGI application of one face. ``leaving`` is set when the server stops, to wake hanging calls."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self.faults = Faults(getattr(face, "named_answers", None))
        self.tally = Tally()
        self.leaving = asyncio.Event()
        self._control = Starlette(routes=Control(face, self.faults, self.tally).routes())
        self._face = Starlette(routes=list(face.routes()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        path, method = scope["path"], scope["method"]
        dated = _dated(send, self.face.clock)
        if path == PREFIX or path.startswith(PREFIX + "/"):
            await self._control(scope, receive, dated)
            return
        self.tally.count(method, path)
        rule = self.faults.draw(method, _targets(scope))
        if rule is None:
            await self._face(scope, receive, dated)
        else:
            await act(Exchange(rule, self._face, scope, receive, dated, self.leaving))


def _targets(scope: Scope) -> tuple[str, ...]:
    path, query = scope["path"], scope["query_string"].decode("latin-1")
    return (path, f"{path}?{unquote_plus(query)}") if query else (path,)


def _dated(send: Send, clock: Clock) -> Send:
    """A ``send`` that adds the CRM's own Date where the answer has none."""

    async def dated(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", []))
            if not any(name.lower() == b"date" for name, _ in headers):
                headers.append((b"date", format_datetime(clock.now(), usegmt=True).encode()))
            message = {**message, "headers": headers}
        await send(message)

    return dated

"""A small web server: few callers at a time, none of whom may linger."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_AT_ONCE = 64
HEAD_SECONDS = 5.0
_LONGEST_HEAD = 16_384


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there (port 0: any free one). Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=MOST_AT_ONCE)


class _Prompt(H11Protocol):
    """A caller who has not said within a few seconds what he wants loses his place."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(HEAD_SECONDS, self._check)

    def _check(self) -> None:
        if self.cycle is None:
            self.transport.close()


class Server(uvicorn.Server):
    """uvicorn with nothing open that is not needed; ends on SIGINT and SIGTERM when answers are out."""

    def __init__(self, told: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                told,
                http=_Prompt,
                ws="none",
                log_config=None,
                log_level="error",  # who sends no HTTP at all is not worth a line
                access_log=False,
                server_header=False,
                headers=[("Connection", "close")],  # one request each: who lingers keeps others out
                proxy_headers=False,
                limit_concurrency=MOST_AT_ONCE,
                h11_max_incomplete_event_size=_LONGEST_HEAD,
                timeout_graceful_shutdown=5,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave by the door: uvicorn's own way ends the process by the signal, with the store still open."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

"""Serves the practice CRMs: one process, one event loop, one port each. Only on 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import uvicorn

from localcrm.clock import Clock
from localcrm.company import Company
from localcrm.door import Door
from localcrm.face import Face
from localcrm.wire import OpenProtocol

HOST = "127.0.0.1"
_LONGEST_HEAD = 65_536  # longer than the longest address either CRM takes, so the face refuses it itself
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class PortTaken(Exception):
    """A port could not be bound; the text names it and says why."""


@dataclass(frozen=True, slots=True)
class PracticeCrms:
    """Running practice CRMs, by name (``salesforce``, ``hubspot``): addresses, doors, the shared clock."""

    urls: Mapping[str, str]
    doors: Mapping[str, Door]
    clock: Clock

    @property
    def faces(self) -> dict[str, Face]:
        """The faces by name."""
        return {name: door.face for name, door in self.doors.items()}


class _Server(uvicorn.Server):
    """uvicorn without its signal handling (two of them share a process), telling when it listens."""

    def __init__(self, door: Door) -> None:
        super().__init__(
            uvicorn.Config(
                door,
                http=OpenProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                date_header=False,
                server_header=False,
                proxy_headers=False,
                h11_max_incomplete_event_size=_LONGEST_HEAD,
                timeout_graceful_shutdown=2,
            )
        )
        self.door = door
        self.listening = asyncio.Event()
        self.left = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to ``serve``."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start and tell."""
        await super().startup(sockets=sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        """Wait to be told to leave; what uvicorn does every tenth of a second is switched off above."""
        await self.left.wait()

    def leave(self) -> None:
        """Stop soon; calls that hang on purpose are let go."""
        self.should_exit = True
        self.left.set()
        self.door.leaving.set()


def bound(port: int) -> socket.socket:
    """A socket on ``port`` of this machine (0: any free one). Raises PortTaken."""
    # named TCP, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms for an acknowledgement
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen(2048)  # from here on the port is ours, and early callers wait instead of failing
    except OSError as problem:
        found.close()
        raise PortTaken(f"port {port} on {HOST} cannot be used: {problem.strerror}") from problem
    return found


def faces(
    clock: Clock, *, limits: bool = True, search_lag: float = 0.0, hubspot: Mapping[str, Any] | None = None
) -> dict[str, Face]:
    """Both faces, empty. ``search_lag`` in seconds; ``hubspot`` holds further switches of that face."""
    from localcrm.hubspot import HubSpotFace  # noqa: PLC0415 - serving one face must not need the other
    from localcrm.salesforce import SalesforceFace  # noqa: PLC0415

    return {
        "salesforce": SalesforceFace(clock, limits=limits),
        "hubspot": HubSpotFace(clock, limits=limits, search_lag=search_lag, **(hubspot or {})),
    }


def address(door_socket: socket.socket) -> str:
    """The URL of a bound socket."""
    return f"http://{HOST}:{door_socket.getsockname()[1]}"


async def _serve(
    doors: Mapping[str, Door],
    sockets: Mapping[str, socket.socket],
    ready: Callable[[Callable[[], None]], None],
) -> None:
    """Serve until the stop function, handed to ``ready`` once all listen, is called in this loop."""
    servers = {name: _Server(door) for name, door in doors.items()}

    def stop() -> None:
        for server in servers.values():
            server.leave()

    async def tell() -> None:
        for server in servers.values():
            await server.listening.wait()
        ready(stop)

    serving = [server.serve(sockets=[sockets[name]]) for name, server in servers.items()]
    await asyncio.gather(*serving, tell())


def serve(
    told: Mapping[str, Face],
    sockets: Mapping[str, socket.socket],
    announce: Callable[[Mapping[str, str]], None],
) -> None:
    """Serve loaded faces on bound sockets until SIGTERM or SIGINT; ``announce`` gets the addresses."""
    doors = {name: Door(face) for name, face in told.items()}

    async def until_signal() -> None:
        loop = asyncio.get_running_loop()

        def ready(stop: Callable[[], None]) -> None:
            for number in _SIGNALS:
                loop.add_signal_handler(number, stop)
            announce({name: address(one) for name, one in sockets.items()})

        await _serve(doors, sockets, ready)

    asyncio.run(until_signal())


@contextlib.contextmanager
def running(
    company: Company | None = None,
    *,
    clock: Clock | None = None,
    limits: bool = True,
    search_lag: float = 0.0,
    told: Mapping[str, Face] | None = None,
    hubspot: Mapping[str, Any] | None = None,
) -> Iterator[PracticeCrms]:
    """Both practice CRMs on free ports in a background thread, for tests.

    ``company`` is loaded into each face; ``told`` serves other faces instead of both; ``hubspot`` holds
    further switches of the HubSpot face, such as ``{"leads": True}``.
    """
    clock = clock or Clock(company.told_until if company else None)
    shown = (
        dict(told)
        if told is not None
        else faces(clock, limits=limits, search_lag=search_lag, hubspot=hubspot)
    )
    if company is not None:
        for face in shown.values():
            face.load(company)
    doors = {name: Door(face) for name, face in shown.items()}
    sockets = {name: bound(0) for name in doors}
    urls = {name: address(one) for name, one in sockets.items()}
    with _in_background(doors, sockets):
        yield PracticeCrms(urls, doors, clock)


@contextlib.contextmanager
def _in_background(doors: Mapping[str, Door], sockets: Mapping[str, socket.socket]) -> Iterator[None]:
    started = threading.Event()
    ways_out: list[tuple[asyncio.AbstractEventLoop, Callable[[], None]]] = []

    async def background() -> None:
        loop = asyncio.get_running_loop()

        def ready(stop: Callable[[], None]) -> None:
            ways_out.append((loop, stop))
            started.set()

        await _serve(doors, sockets, ready)

    def run() -> None:
        try:
            asyncio.run(background())
        finally:
            started.set()

    thread = threading.Thread(target=run, name="localcrm", daemon=True)
    thread.start()
    try:
        started.wait()
        if not ways_out:
            raise RuntimeError("the practice CRMs did not start")
        yield
    finally:
        for loop, leave in ways_out:
            loop.call_soon_threadsafe(leave)
        thread.join()

"""A bound on the whole of one answer: at the deadline the line is cut, whatever was being waited for.

A read timeout bounds the wait for the next byte only; a server that drips holds its caller for ever.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class CuttableAdapter(HTTPAdapter):
    """Knows the sockets it opened. For one thread: cutting one call cuts every socket of the adapter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: WeakSet[socket.socket] = WeakSet()
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        pools = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}
        self.poolmanager.pool_classes_by_scheme = {
            scheme: _noting(pool, self._opened) for scheme, pool in pools.items()
        }

    def _opened(self, found: socket.socket) -> None:
        with self._lock:
            self._open.add(found)

    @contextmanager
    def within(self, seconds: float) -> Iterator[threading.Event]:
        """Whoever reads or writes here for longer is cut off; the event tells that it happened."""
        late = threading.Event()
        timer = threading.Timer(seconds, self._cut, [late])
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()

    def _cut(self, late: threading.Event) -> None:
        late.set()
        with self._lock:
            still_open = list(self._open)
        for one in still_open:
            with suppress(OSError):  # closed in the meantime
                # the plain socket's way: an encrypted one's own would pull the cipher away under its reader
                socket.socket.shutdown(one, socket.SHUT_RDWR)


def _noting(pool: type[Any], opened: Callable[[socket.socket], None]) -> type[Any]:
    """This kind of pool, telling of every socket it opens."""

    class Noting(pool.ConnectionCls):  # type: ignore[misc, name-defined]
        def connect(self) -> None:
            super().connect()
            opened(self.sock)

    return type(pool.__name__, (pool,), {"ConnectionCls": Noting})

"""Reading ahead: an iterator runs in a thread of its own, a few items before whoever takes them.

Items come out in their order and an error at its place. Whoever stops early closes it, and no thread
is left behind.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Ahead(Generic[Item]):
    """``items``, at most ``room`` of them waiting; begins at once. For one taker; a context manager."""

    def __init__(self, items: Iterator[Item], room: int = 2) -> None:
        self._items = items
        self._room = room
        self._ready: deque[Item] = deque()
        self._changed = threading.Condition()
        self._is_over = False
        self._is_given_up = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._is_over)
            if self._ready:
                item = self._ready.popleft()
                self._changed.notify_all()
                return item
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        raise StopIteration

    def __enter__(self) -> Ahead[Item]:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self.close()

    def give_up(self) -> None:
        """Take no more; does not wait."""
        with self._changed:
            self._is_given_up = True
            self._ready.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Take no more: the call under way is waited for, none is begun after it."""
        self.give_up()
        self._thread.join()

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._offered(item):
                    break
        except BaseException as error:  # noqa: BLE001 - raised where it belongs: at the taker
            self._error = error
        finally:
            if isinstance(self._items, Generator):
                self._items.close()
            with self._changed:
                self._is_over = True
                self._changed.notify_all()

    def _offered(self, item: Item) -> bool:
        """Wait for room; False when nobody wants it any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_given_up or len(self._ready) < self._room)
            if not self._is_given_up:
                self._ready.append(item)
                self._changed.notify_all()
            return not self._is_given_up


class Parts(Generic[Item]):
    """Several iterators by name, read ahead at the same time; the ``late`` ones begin when they are taken.

    A context manager: leaving it stops them all.
    """

    def __init__(self, ways: Mapping[str, Callable[[], Iterator[Item]]], late: Collection[str] = ()) -> None:
        self._ways = ways
        self._running = {name: Ahead(way()) for name, way in ways.items() if name not in late}

    def steps(self, name: str) -> Iterator[Item]:
        """The items of one, in order. Raises what it raises, at its place."""
        if name not in self._running:
            self._running[name] = Ahead(self._ways[name]())
        return self._running[name]

    def __enter__(self) -> Parts[Item]:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        for one in self._running.values():
            one.give_up()
        for one in self._running.values():
            one.close()

"""Reading ahead: what the taker sees, and what is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from connectors.hubspot.ahead import Ahead, Parts


def counted(upto: int, made: list[int] | None = None) -> Iterator[int]:
    for number in range(upto):
        if made is not None:
            made.append(number)
        yield number


def broken_after(upto: int) -> Iterator[int]:
    yield from counted(upto)
    raise ValueError("broken")


def readers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "read-ahead"]


def test_items_come_in_their_order_and_an_error_at_its_place():
    with Ahead(broken_after(5)) as ahead:
        assert [next(ahead) for _ in range(5)] == [0, 1, 2, 3, 4]
        with pytest.raises(ValueError, match="broken"):
            next(ahead)
    assert readers() == []


def test_no_more_is_read_than_there_is_room_for():
    made: list[int] = []
    with Ahead(counted(100, made), room=3) as ahead:
        assert next(ahead) == 0
        time.sleep(0.05)
        assert len(made) <= 5  # taken, waiting, and one that waits for room
    assert readers() == []


def test_who_stops_early_leaves_no_thread_and_closes_what_was_read():
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    with Ahead(endless()) as ahead:
        assert next(ahead) == 1
    assert closed.is_set()
    assert readers() == []


def test_an_iterator_that_reads_ahead_itself_is_closed_with_it():
    def doubled() -> Iterator[int]:
        with Ahead(counted(1000)) as inner:
            for item in inner:
                yield 2 * item

    with Ahead(doubled()) as ahead:
        assert [next(ahead) for _ in range(3)] == [0, 2, 4]
    assert readers() == []


def test_parts_are_read_at_the_same_time_and_the_late_ones_when_taken():
    made: dict[str, list[int]] = {"one": [], "two": [], "late": []}
    ways = {name: (lambda found=found: counted(3, found)) for name, found in made.items()}
    with Parts(ways, {"late"}) as parts:
        time.sleep(0.05)
        assert (bool(made["one"]), bool(made["two"]), made["late"]) == (True, True, [])
        assert [list(parts.steps(name)) for name in ways] == [[0, 1, 2]] * 3
    assert readers() == []

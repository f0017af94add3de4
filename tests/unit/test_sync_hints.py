"""Hints that records changed: kept once, bounded, and never lost to a run that was reading."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from sync.store import Store
from sync.store import hints as module
from sync.store.hints import Hints

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HINTS = Hints("hubspot")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    yield one
    one.close()


def test_a_record_named_often_is_one_hint_and_the_longest_waiting_comes_first(store):
    with store.begin() as db:
        assert HINTS.add(db, ["7", "8", "7"], NOW) == 2
        assert HINTS.add(db, ["9"], NOW + SECOND) == 1
        assert HINTS.add(db, ["7"], NOW + 2 * SECOND) == 0
    with store.begin() as db:
        assert list(HINTS.take(db)) == ["8", "9", "7"]
        assert HINTS.take(db)["7"] == NOW + 2 * SECOND


def test_hints_are_of_one_connection(store):
    with store.begin() as db:
        HINTS.add(db, ["7"], NOW)
        assert (HINTS.any(db), Hints("other").any(db)) == (True, False)
        Hints("other").clear(db, HINTS.take(db))
        assert list(HINTS.take(db)) == ["7"]
        assert Hints("other").take(db) == {}


def test_what_is_named_again_while_a_run_reads_it_stays_for_the_next(store):
    with store.begin() as db:
        HINTS.add(db, ["7", "8"], NOW)
        taken = HINTS.take(db)
    with store.begin() as db:
        HINTS.add(db, ["8", "9"], NOW + SECOND)
    with store.begin() as db:
        HINTS.clear(db, taken)
        assert list(HINTS.take(db)) == ["8", "9"]
        HINTS.clear(db, HINTS.take(db))
        assert not HINTS.any(db)


def test_a_flood_is_kept_up_to_a_bound_and_taken_in_portions(store, monkeypatch):
    monkeypatch.setattr(module, "MOST", 1_500)
    with store.begin() as db:
        assert HINTS.add(db, [str(one) for one in range(1, 1_401)], NOW) == 1_400
        assert HINTS.add(db, [str(one) for one in range(1, 3_001)], NOW + SECOND) == 100
        assert HINTS.add(db, ["99999"], NOW) == 0
        first = HINTS.take(db)
        assert len(first) == module.AT_ONCE
        HINTS.clear(db, first)
        assert len(HINTS.take(db)) == 500


def test_who_cannot_wait_is_told_so_at_once_while_a_run_commits_and_loses_nothing_after(store):
    with store.begin() as db:
        HINTS.add(db, ["7"], NOW)
    other = Store.open(str(store.engine.url))
    held, done = threading.Event(), threading.Event()

    def a_run() -> None:
        with other.begin() as db:
            HINTS.add(db, ["1"], NOW)
            held.set()
            done.wait(30)

    thread = threading.Thread(target=a_run)
    thread.start()
    assert held.wait(30)
    try:
        for _ in range(3):
            with pytest.raises(OperationalError), store.begin_at_once() as db:
                HINTS.add(db, ["8"], NOW)
            assert not done.is_set()  # the run was never waited for
    finally:
        done.set()
        thread.join()
        other.close()
    with store.begin_at_once() as db:
        assert db.exec_driver_sql("PRAGMA busy_timeout").scalar() == 100  # milliseconds
        HINTS.add(db, ["8"], NOW)
    with store.begin() as db:
        assert sorted(HINTS.take(db)) == ["1", "7", "8"]
        assert db.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000


def test_nothing_stays_of_what_broke_off_at_once(store):
    def broken() -> None:
        with store.begin_at_once() as db:
            HINTS.add(db, ["7"], NOW)
            raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        broken()
    with store.begin() as db:
        assert not HINTS.any(db)

"""One run per connection at a time, and a run that lost its lease writes nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.lease import Busy, LeaseLost, held
from sync.store import Store, schema


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    yield one
    one.close()


def expire(store: Store) -> None:
    with store.begin() as db:
        db.execute(schema.leases.update().values(expires_at=0))


def test_a_second_run_steps_aside_and_says_who_holds_the_connection(store: Store) -> None:
    with held(store, "crm") as lease, pytest.raises(Busy, match=lease.holder), held(store, "crm"):
        pass


def test_another_connection_is_free(store: Store) -> None:
    with held(store, "crm"), held(store, "other") as lease:
        assert lease.epoch == 1


def test_a_finished_run_leaves_the_connection_free_at_once(store: Store) -> None:
    with held(store, "crm") as first:
        pass
    with held(store, "crm") as second:
        assert second.epoch == first.epoch + 1


def test_a_run_that_was_overtaken_can_commit_nothing(store: Store) -> None:
    with held(store, "crm") as slow:
        expire(store)
        with held(store, "crm") as quick, store.begin() as db:
            quick.confirm(db)
            with pytest.raises(LeaseLost):
                slow.confirm(db)


def test_an_overtaken_run_does_not_release_the_lease_of_its_successor(store: Store) -> None:
    with held(store, "crm"):
        expire(store)
        successor = held(store, "crm")
        successor.__enter__()
    with pytest.raises(Busy), held(store, "crm"):
        pass
    successor.__exit__(None, None, None)

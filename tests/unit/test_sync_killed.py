"""A run killed at any moment, then run again, ends as if it had never been killed.

"Killed" means: from that moment on neither the store nor the CRM can be reached, so no tidying
up happens either. The CRM may or may not have taken the batch that was under way.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.base import Change, Receipt
from sync.store import schema
from tests.scenarios.theatre import Theatre

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
NAMES = ("ada", "bob", "cleo")


class Killed(BaseException):
    """The process is gone."""


class Fate:
    """Lets ``steps`` moments pass, then nothing works any more."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.passed = 0

    def moment(self) -> None:
        self.passed += 1
        self.left -= 1
        if self.left < 0:
            raise Killed


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_is_as_if_never_killed(tmp_path: Path) -> None:
    expected = outcome(story(tmp_path / "whole", None))
    for moment in itertools.count():
        theatre = story(tmp_path / f"killed-{moment}", moment)
        assert outcome(theatre) == expected, f"killed at moment {moment}"
        if theatre.fate_was_spared:
            break
    assert moment > 20


def outcome(theatre: StoryTheatre) -> dict[str, object]:
    """What people see in the CRM, task ids aside."""
    theatre.close()
    return {
        name: (
            dict(theatre.shown(name).ours),
            [(task.key, task.subject, task.is_open, task.due_at) for task in theatre.tasks(name)],
        )
        for name in NAMES
    }


class StoryTheatre(Theatre):
    """A theatre that knows whether fate struck."""

    __slots__ = ("fate_was_spared",)
    fate_was_spared: bool


def story(folder: Path, killed_at: int | None) -> StoryTheatre:
    folder.mkdir()
    theatre = StoryTheatre.open(folder, NINE)
    assert isinstance(theatre, StoryTheatre)
    theatre.crm.page_size = 4
    for name in NAMES:
        theatre.lead(name, NINE)
    theatre.run(NINE + timedelta(minutes=1))
    theatre.activity("ada", NINE + timedelta(minutes=5), "call", by="eva")
    theatre.change("bob", NINE + timedelta(minutes=5), stage="sal")
    theatre.lead("dora", NINE + timedelta(minutes=6))
    fate = Fate(10**6 if killed_at is None else killed_at)
    try:
        with under(theatre, fate):
            theatre.run(NINE + timedelta(minutes=100))
        theatre.fate_was_spared = True
    except Killed:
        theatre.fate_was_spared = False
        with theatre.store.begin() as db:
            db.execute(schema.leases.update().values(expires_at=0))  # two minutes later
    # so soon that a poll does not show yet what was made: only looking it up by its key does
    theatre.run(NINE + timedelta(minutes=100, seconds=1))
    theatre.run(NINE + timedelta(minutes=101))
    assert len(theatre.tasks("dora")) == 1
    assert theatre.run(NINE + timedelta(minutes=102)).planned == 0
    return theatre


@contextmanager
def under(theatre: Theatre, fate: Fate) -> Iterator[None]:
    begin, apply = theatre.store.begin, theatre.crm.apply

    @contextmanager
    def fated_begin() -> Iterator[sa.Connection]:
        fate.moment()
        with begin() as db:
            yield db
            fate.moment()

    def fated_apply(changes: Sequence[Change]) -> list[Receipt]:
        fate.moment()
        half = len(changes) // 2
        receipts = apply(changes[:half])
        fate.moment()
        receipts += apply(changes[half:])
        fate.moment()
        return receipts

    with pytest.MonkeyPatch.context() as patch:
        patched: tuple[tuple[object, str, Callable[..., object]], ...] = (
            (theatre.store, "begin", fated_begin),
            (theatre.crm, "apply", fated_apply),
        )
        for owner, name, fated in patched:
            patch.setattr(owner, name, fated)
        yield

"""In what order and in what portions decisions go out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.base import Change, Receipt
from tests.scenarios.theatre import Theatre

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
LEADS = 7


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    one = Theatre.open(tmp_path, NINE)
    for number in range(LEADS):
        one.lead(f"lead{number}", NINE)
    yield one
    one.close()


def portions(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The kinds of the changes of each ``apply`` of a run."""
    apply = theatre.crm.apply
    seen: list[list[str]] = []

    def noted(changes: Sequence[Change]) -> list[Receipt]:
        seen.append([type(one).__name__ for one in changes])
        return apply(changes)

    monkeypatch.setattr(theatre.crm, "apply", noted)
    report = theatre.run(NINE + timedelta(minutes=1))
    assert (report.planned, report.written) == (2 * LEADS, 2 * LEADS)
    return seen


def test_leads_go_before_tasks_so_that_batches_of_each_are_full(theatre, monkeypatch):
    monkeypatch.setattr("sync.deliver.BATCH", 5)
    seen = portions(theatre, monkeypatch)
    assert [len(one) for one in seen] == [5, 5, 4]
    assert [kind for one in seen for kind in one] == ["SetFields"] * LEADS + ["CreateTask"] * LEADS


def test_a_crm_that_takes_many_gets_as_many_as_it_says(theatre, monkeypatch):
    monkeypatch.setattr("sync.deliver.BATCH", 5)
    monkeypatch.setattr(theatre.crm, "changes_at_once", 100, raising=False)
    assert [len(one) for one in portions(theatre, monkeypatch)] == [2 * LEADS]

"""From a verdict to changes: only what differs, one task per lead, and a plan file that is kept to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.base import Change, OurTask, SeenLead, SetFields
from connectors.canonical import canonical
from connectors.errors import Misconfigured
from sla_engine.evaluate import evaluate
from sla_engine.history import history_of
from sla_engine.model import Lead, LifecycleStage, Owner, StageChange
from sla_engine.verdict import Verdict
from sync.approval import from_json, to_json
from sync.plan import Permissions, plan, task_key, wanted_fields
from sync.store.known import KnownLead
from sync.store.packing import pack_change, unpack_change
from tests.scenarios.theatre import KNOWN, Theatre, the_agreement

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
LIVE = Permissions(fields=True, tasks=True)


def after(minutes: int) -> datetime:
    return NINE + timedelta(minutes=minutes)


def an_mql(*tasks: OurTask, **shown: str) -> tuple[Verdict, KnownLead]:
    """A lead handed over at nine, judged at ten past; the CRM shows what we want, but for ``shown``."""
    lead = Lead("ada", NINE, LifecycleStage.MQL, Owner("eva", time_zone="Europe/Berlin"), KNOWN)
    history = history_of(lead, stages=(StageChange(NINE, LifecycleStage.MQL, id="s1"),))
    verdict = evaluate(history, the_agreement(), after(10))
    ours = {name: canonical(value) for name, value in wanted_fields(verdict).items()} | shown
    return verdict, KnownLead(SeenLead(lead, NINE, ours), history, tasks)


def the_task(number: int = 1, **parts: object) -> OurTask:
    verdict, known = an_mql()
    create = plan("crm", verdict, known, LIVE)[0]
    task = OurTask(f"t{number}", create.key, "ada", True, create.subject, create.due_at, create.owner_id)
    return replace(task, **parts)


def kinds(changes: tuple[Change, ...]) -> list[str]:
    return [type(change).__name__ for change in changes]


@pytest.mark.parametrize(
    ("shown", "written"),
    [
        ({}, None),  # as it should be
        ({"status": "met"}, {"status"}),
        ({"score": "1"}, {"score"}),  # far away
        ({"interest": "high"}, {"interest"}),
        ({"missing": "company"}, {"missing"}),
        ({"due_at": ""}, {"due_at"}),
    ],
)
def test_only_fields_that_differ_are_written(shown: dict[str, str], written: set[str] | None) -> None:
    verdict, known = an_mql(the_task(), **shown)
    changes = plan("crm", verdict, known, LIVE)
    assert [set(change.values) for change in changes] == ([written] if written else [])


@pytest.mark.parametrize(("away", "is_written"), [(4, False), (5, True), (-4, False), (-5, True)])
def test_a_score_is_written_when_it_moved_five_points(away: int, is_written: bool) -> None:
    verdict, _ = an_mql()
    verdict, known = an_mql(the_task(), score=str(verdict.score + away))
    assert bool(plan("crm", verdict, known, LIVE)) == is_written


def test_a_score_is_written_along_when_the_band_changed() -> None:
    verdict, _ = an_mql()
    verdict, known = an_mql(the_task(), score=str(verdict.score + 1), interest="high")
    (change,) = plan("crm", verdict, known, LIVE)
    assert isinstance(change, SetFields)
    assert set(change.values) == {"score", "interest"}


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ((), ["CreateTask"]),
        ((the_task(),), []),
        ((the_task(is_open=False),), []),  # a person closed it
        ((the_task(is_open=False, key="of an earlier round"),), ["CreateTask"]),
        ((the_task(subject="something else"),), ["UpdateTask"]),
        ((the_task(owner_id="max"),), ["UpdateTask"]),
        ((the_task(due_at=after(0)),), ["UpdateTask"]),
        ((the_task(1), the_task(2)), ["CloseTask"]),  # one is enough
    ],
)
def test_one_open_task_per_lead(tasks: tuple[OurTask, ...], expected: list[str]) -> None:
    verdict, known = an_mql(*tasks)
    assert kinds(plan("crm", verdict, known, LIVE)) == expected


def test_a_record_closed_elsewhere_is_never_written() -> None:
    verdict, known = an_mql(status="met")
    closed = replace(known, seen=replace(known.seen, lead=replace(known.seen.lead, closed_elsewhere=True)))
    assert plan("crm", verdict, closed, LIVE) == ()


def test_a_key_names_the_decision_and_the_connection() -> None:
    verdict, _ = an_mql()
    (clock,) = verdict.clocks
    later = replace(clock, owner="max", due_at=after(500))
    assert task_key("crm", clock.key) == task_key("crm", later.key) != task_key("other", clock.key)


def test_every_change_survives_packing() -> None:
    verdict, known = an_mql(the_task(1), the_task(2), status="met", due_at="")
    for change in (*plan("crm", verdict, known, LIVE), *plan("crm", *an_mql(), LIVE)):
        assert unpack_change(type(change).__name__, pack_change(change)) == change


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    one = Theatre.open(tmp_path, NINE)
    one.lead("ada", NINE)
    one.lead("bob", NINE)
    yield one
    one.close()


def test_an_approved_plan_is_written_exactly(theatre: Theatre) -> None:
    _, plan_, sentences = theatre.plan(after(1))
    assert theatre.outbox() == []
    (read,) = from_json(to_json([plan_]))
    assert read == plan_
    report = theatre.run(after(2), approved=read)
    assert (report.planned, report.written) == (len(sentences), 4)
    assert [row.change for row in theatre.outbox()] == list(plan_.changes)


def test_a_lead_that_changed_after_the_plan_is_left_alone(theatre: Theatre) -> None:
    _, plan_, _ = theatre.plan(after(1))
    theatre.change("ada", after(2), stage="sal")
    report = theatre.run(after(3), approved=plan_)
    assert (report.planned, report.written, report.deferred) == (4, 2, 2)
    assert theatre.tasks("ada") == []
    assert report.overtaken == ["ada"]


def test_a_plan_approved_twice_is_written_once(theatre: Theatre) -> None:
    _, plan_, _ = theatre.plan(after(1))
    theatre.run(after(2), approved=plan_)
    assert theatre.run(after(3), approved=plan_).unchanged == 4
    assert len(theatre.tasks("ada")) == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"form": "leadsla-plan/2"}', '{"form": "x", "plans": []}'])
def test_what_is_no_plan_file_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match="no plan file"):
        from_json(text)

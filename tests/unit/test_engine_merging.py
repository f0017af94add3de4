"""Two records of one person: what was owed to either is owed to the survivor, and never later."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from sla_engine.book import Book
from sla_engine.evaluate import evaluate
from sla_engine.examples import agreed, done, entered, given, handed_over, later
from sla_engine.history import history_of
from sla_engine.merging import MergedLead, united
from sla_engine.model import Lead, LeadHistory, LifecycleStage, StageChange
from sla_engine.verdict import ClockState, Verdict

BOOK = Book.of(agreed())


def survivor(*stages: StageChange, stage: str = "mql") -> LeadHistory:
    lead = Lead("1", later(-100), LifecycleStage(stage))
    return history_of(lead, (), stages)


def theirs(*stages: StageChange, at: float, **more: object) -> MergedLead:
    named = tuple(replace(one, id=f"theirs {one.id}") for one in stages)
    return MergedLead("2", later(at), stages=named, **more)  # type: ignore[arg-type]


def judged(history: LeadHistory, hours: float) -> Verdict:
    return evaluate(history, BOOK, later(hours))


def due(history: LeadHistory, hours: float) -> datetime:
    clock = judged(history, hours).due_clock
    assert clock is not None
    return clock.due_at


WAYS = [
    # (survivor's stages, the other's, merged at, expected start of the present phase)
    ([entered("mql", 2)], [entered("mql", 0)], 3, 0),
    ([entered("mql", 0)], [entered("mql", 2)], 3, 0),
    ([entered("mql", 2)], [entered("inquiry", 0)], 3, 2),
    ([entered("inquiry", 0), entered("mql", 3)], [entered("mql", 1)], 3, 1),  # the merge itself set the stage
    ([entered("mql", 4)], [entered("mql", 0)], 3, 4),  # entered after the merge: a phase of its own
    ([entered("mql", 2)], [entered("mql", 0), entered("recycled", 1)], 3, 2),  # the other was not waiting
    ([entered("mql", 2)], [entered("mql", 0), entered("mql", 1)], 3, 0),
    ([entered("mql", 2)], [], 3, 2),
]


@pytest.mark.parametrize(("ours", "others", "at", "expected"), WAYS)
def test_the_phase_began_when_either_record_entered_it(
    ours: list[StageChange], others: list[StageChange], at: float, expected: float
) -> None:
    history = united(survivor(*ours), [theirs(*others, at=at)])
    (clock,) = judged(history, 5).clocks
    assert clock.started_at == later(expected)


def test_what_the_survivor_answered_before_stays_answered() -> None:
    ours = survivor(entered("mql", 0), entered("recycled", 1, reason="budget"), entered("mql", 3))
    history = united(ours, [theirs(entered("mql", 0.5), at=4)])
    clocks = judged(history, 4.5).clocks
    assert [clock.state for clock in clocks] == [ClockState.MET, ClockState.AT_RISK]
    assert clocks[1].started_at >= later(1)


def test_a_call_to_the_other_record_answers_for_the_survivor() -> None:
    other = theirs(entered("mql", 0), at=3, activities=(done("call", 1),))
    (clock,) = judged(united(survivor(entered("mql", 2)), [other]), 5).clocks
    assert (clock.state, clock.stopped_at) == (ClockState.MET, later(1))


def test_until_the_survivor_was_waiting_itself_the_other_owner_answers_for_it() -> None:
    ours = history_of(
        replace(handed_over().lead, stage=LifecycleStage.MQL),
        (),
        (entered("mql", 2),),
        (given("anna", 0),),
    )
    history = united(ours, [theirs(entered("mql", 0), at=3, owners=(given("bob", 0),))])
    assert [(change.owner, change.at) for change in history.owners] == [("bob", later(0)), ("anna", later(2))]


@for_all(
    st.lists(
        st.tuples(st.sampled_from(["inquiry", "mql", "sal", "recycled"]), st.integers(0, 30)), max_size=5
    ),
    st.lists(
        st.tuples(st.sampled_from(["inquiry", "mql", "sal", "recycled"]), st.integers(0, 30)), max_size=5
    ),
    st.integers(0, 40),
    st.booleans(),
)
def test_a_merge_never_puts_an_open_deadline_off(
    ours: list[tuple[str, int]], others: list[tuple[str, int]], at: int, owned: bool
) -> None:
    mine = [replace(entered(stage, hour), id=f"m{n}") for n, (stage, hour) in enumerate(ours)]
    lead = Lead("1", later(-100), LifecycleStage.MQL)
    alone = history_of(lead, (), mine, (given("anna", -90),) if owned else ())
    if not alone.stages or alone.stages[-1].stage is not LifecycleStage.MQL:
        return
    told = [replace(entered(stage, hour), id=f"o{n}") for n, (stage, hour) in enumerate(others)]
    owners = (given("bob", -80),) if owned else ()
    together = united(alone, [theirs(*told, at=at, owners=owners)])
    before, after = judged(alone, 40).due_clock, judged(together, 40).due_clock
    if before is not None:
        assert after is not None
        assert after.due_at <= before.due_at


@for_all(st.permutations([0, 1, 2]))
def test_the_order_in_which_merges_are_told_changes_nothing(order: list[int]) -> None:
    merges = [
        replace(theirs(entered("mql", hour), at=4 + hour), lead_id=f"lead{hour}") for hour in (0.5, 1, 1.5)
    ]
    start = survivor(entered("mql", 3))
    assert united(start, [merges[one] for one in order]) == united(start, merges)

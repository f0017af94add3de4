"""What must hold under any agreement, any book of them, any history, at any instant.

The agreements and histories are random (``random_agreements``, ``random_leads``). One property a test; the
slow one proves all of them for many more examples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sla_engine.evaluate import evaluate
from sla_engine.history import history_of
from sla_engine.lifecycle import REJECTED, entries
from sla_engine.model import ActorKind, LeadHistory
from sla_engine.replay import replay
from sla_engine.verdict import ClockState, SlaClock, Verdict
from tests.properties.random_agreements import START
from tests.properties.random_leads import Case, random_case

MICROSECOND = timedelta(microseconds=1)
END = START + timedelta(days=40)
BROKEN = {ClockState.BREACHED, ClockState.MET_LATE}
CASES = st.builds(random_case, st.randoms(use_true_random=False))
QUICK = settings(max_examples=40, deadline=None)


def lasting(verdict: Verdict) -> Verdict:
    """A verdict without the instant it was made at and the numbers that fade by themselves."""
    still = replace(verdict.interest, points=0.0, as_of=START)
    return replace(verdict, as_of=START, interest=still, valid_until=None)


def kept(case: Case) -> Iterator[tuple[SlaClock, SlaClock | None]]:
    """Each clock of each verdict of a replay, and what it has become in the next verdict.

    Left out is the one verdict with which the reason of a rejection is lost or given (``reasons_told_anew``).
    """
    lost = reasons_told_anew(case.history)
    for verdict, following in pairwise(replay(case.history, case.book, END)):
        now = {clock.key: clock for clock in following.clocks}
        for clock in verdict.clocks if following.as_of not in lost else ():
            yield clock, now.get(clock.key)


def reasons_told_anew(history: LeadHistory) -> set[datetime]:
    """When a lead left a person's rejection that was told without its reason, or its reason came later.

    As long as it stands the lead itself shows the reason, or that there is none. After that nobody can
    read it any more (``rejection.ReasonLost``): it may have been an answer after all, so what stood on
    there being none is judged anew, once. One that is given later makes the rejection the answer it
    was meant to be.
    """
    given_later = {
        two.at for one, two in pairwise(history.stages) if one.stage is two.stage and one.stage in REJECTED
    }
    return given_later | {
        one.left_at
        for one in entries(history)
        if one.left_at is not None
        and one.phase in REJECTED
        and one.change is not None
        and one.change.actor_kind is ActorKind.PERSON
        and not one.change.reason
    }


def holders(history: LeadHistory, since: datetime, until: datetime) -> set[str | None]:
    """Everybody who had the lead at some time from one instant to the other, both included."""
    if not history.owners:
        return {history.lead.owner.id if history.lead.owner else None}
    had = [None, *(change.owner for change in history.owners if change.at <= since)]
    return {had[-1], *(change.owner for change in history.owners if since < change.at <= until)}


@given(CASES)
@QUICK
def test_a_verdict_is_the_same_until_it_says_it_may_change(case: Case) -> None:
    for verdict in replay(case.history, case.book, END):
        end = verdict.valid_until or verdict.as_of + timedelta(days=3000)
        assert end > verdict.as_of
        between = verdict.as_of + (end - verdict.as_of) * case.share
        for instant in (min(between, end - MICROSECOND), end - MICROSECOND):
            assert lasting(evaluate(case.history, case.book, instant)) == lasting(verdict)


@given(CASES)
@QUICK
def test_judging_at_any_instant_equals_replaying_up_to_it(case: Case) -> None:
    verdicts = list(replay(case.history, case.book, case.now))
    if verdicts:  # else the lead was not there yet
        assert lasting(verdicts[-1]) == lasting(evaluate(case.history, case.book, case.now))


@given(CASES)
@QUICK
def test_order_and_repetition_of_facts_change_nothing(case: Case) -> None:
    history, dice = case.history, Random(case.share)
    activities, stages, owners = history.activities * 2, history.stages * 2, history.owners * 2
    again = history_of(
        history.lead,
        dice.sample(activities, len(activities)),
        dice.sample(stages, len(stages)),
        dice.sample(owners, len(owners)),
        relations=history.relations * 2,
        fields=history.fields * 2,
        activity_readable=history.activity_readable,
        behaviour_readable=history.behaviour_readable,
    )
    assert again == history
    assert evaluate(again, case.book, case.now) == evaluate(history, case.book, case.now)


@given(CASES)
@QUICK
def test_a_clock_once_opened_stays_as_it_was_opened(case: Case) -> None:
    """It never disappears and never moves its start, calendar or agreement; only pauses move its deadline."""
    for clock, now in kept(case):
        assert now is not None
        assert (now.started_at, now.hours, now.agreement) == (clock.started_at, clock.hours, clock.agreement)
        assert now.due_at == clock.due_at or now.pauses != clock.pauses


@given(CASES)
@QUICK
def test_no_clock_appears_out_of_the_past(case: Case) -> None:
    """But for the one verdict with which the reason of a rejection is lost or given (``reasons_told_anew``)."""
    lost = reasons_told_anew(case.history)
    for verdict, following in pairwise(replay(case.history, case.book, END)):
        known = {clock.key for clock in verdict.clocks}
        for clock in following.clocks if following.as_of not in lost else ():
            assert clock.key in known or clock.started_at > verdict.as_of


@given(CASES)
@QUICK
def test_what_became_of_a_clock_is_never_undone(case: Case) -> None:
    """Nothing closed changes by later facts; a breach may still be answered, late, but stays a breach."""
    for clock, now in kept(case):
        if clock.stopped_at is not None:
            assert now == clock
        elif clock.state is ClockState.BREACHED:
            assert now is not None
            assert now.state in BROKEN
            assert now.due_at == clock.due_at


@given(CASES)
@QUICK
def test_clocks_are_never_doubled_and_agree_with_the_story(case: Case) -> None:
    for verdict in replay(case.history, case.book, END):
        keys = [clock.key for clock in verdict.clocks]
        assert len(keys) == len(set(keys))
        for clock in verdict.clocks:
            assert clock.started_at <= clock.warns_at <= clock.due_at
            end = clock.stopped_at or verdict.as_of
            assert clock.started_at <= end <= verdict.as_of
            assert clock.owner in holders(case.history, clock.started_at, end)
            assert all(step.at <= verdict.as_of for step in clock.steps)


CLAIMS = [
    test_a_verdict_is_the_same_until_it_says_it_may_change,
    test_judging_at_any_instant_equals_replaying_up_to_it,
    test_order_and_repetition_of_facts_change_nothing,
    test_a_clock_once_opened_stays_as_it_was_opened,
    test_no_clock_appears_out_of_the_past,
    test_what_became_of_a_clock_is_never_undone,
    test_clocks_are_never_doubled_and_agree_with_the_story,
]


@pytest.mark.slow
@given(CASES)
@settings(QUICK, max_examples=600)
def test_all_of_this_holds_for_many_more(case: Case) -> None:
    for claim in CLAIMS:
        claim.hypothesis.inner_test(case)  # type: ignore[attr-defined]

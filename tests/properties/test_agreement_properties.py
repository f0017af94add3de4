"""What must hold for any history under an agreement that uses everything, at any instant."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sla_engine.agreement import Agreement
from sla_engine.behaviour import interest_of
from sla_engine.book import Book, Chapter
from sla_engine.evaluate import evaluate
from sla_engine.history import history_of
from sla_engine.interest import InterestModel
from sla_engine.model import (
    Activity,
    ActivityKind,
    ActorKind,
    Lead,
    LeadHistory,
    LifecycleStage,
    Owner,
    OwnerChange,
    Relation,
    RelationKind,
    StageChange,
)
from sla_engine.replay import replay
from sla_engine.verdict import ClockState

RICH = Agreement.model_validate(
    tomllib.loads((Path(__file__).parents[1] / "rich_agreement.toml").read_text(encoding="utf-8"))
)
_RAW = json.loads(RICH.model_dump_json(by_alias=True))
_RAW["target"] = [{**one, "within": f"{int(one['within'][:-1]) // 2}s"} for one in _RAW["target"]]
FASTER = Agreement.model_validate(_RAW)
START = datetime(2026, 3, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
INSTANTS = st.integers(0, 30 * 96).map(lambda quarter: START + timedelta(minutes=15 * quarter))
PEOPLE = {
    "rep": Owner("rep", time_zone="Europe/Berlin"),
    "ben": Owner("ben", time_zone="America/New_York"),
    "gone": Owner("gone", is_active=False),
    "inbox": Owner("inbox", is_queue=True),
}
REASONS = st.sampled_from(["", "no budget", "not reachable", "something else"])


PHASES = [*LifecycleStage, LifecycleStage.MQL, LifecycleStage.MQL, LifecycleStage.SAL]
KINDS = [*ActivityKind, *[ActivityKind.HAND_RAISE, ActivityKind.HOLD, ActivityKind.EMAIL_REPLY] * 2]


def rarely(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 14)) == 7


@st.composite
def histories(draw: st.DrawFn) -> LeadHistory:
    """A lead with everything that may happen to it, in any order."""
    at = st.builds(lambda moment: moment, INSTANTS)
    activities = [
        Activity(
            f"a{number}",
            draw(st.sampled_from(KINDS)),
            moment := draw(at),
            moment,
            draw(st.sampled_from(["rep", "ben"])),
            draw(st.sampled_from(list(ActorKind))),
            content=draw(st.sampled_from(["pricing", "demo", "x"])),
            outcome=draw(st.sampled_from(["", "done"])),
            planned_for=draw(st.none() | st.just(moment + timedelta(days=2))),
            consent=draw(st.sampled_from(["declared", "", "tracking"])),
        )
        for number in range(draw(st.integers(0, 8)))
    ]
    stages = [
        StageChange(
            draw(at),
            draw(st.sampled_from(PHASES)),
            "rep",
            draw(st.sampled_from(list(ActorKind))),
            draw(REASONS),
            estimated=rarely(draw),
            id=f"s{number}",
        )
        for number in range(draw(st.integers(1, 5)))
    ]
    owners = []
    for number in range(draw(st.integers(0, 4))):
        owner = PEOPLE[draw(st.sampled_from(list(PEOPLE)))]
        by = draw(st.sampled_from([owner.id, "flow"]))
        kind = ActorKind.PERSON if by != "flow" else ActorKind.AUTOMATION
        owners.append(
            OwnerChange(draw(at), owner.id, by, kind, owner.is_queue, owner.time_zone, id=f"o{number}")
        )
    relations = [Relation(RelationKind.CUSTOMER, "c1", "ben", draw(at))] if rarely(draw) else []
    fields = {
        "last_name": "X",
        "company": draw(st.sampled_from(["Kontor", "Kontor", "Kontor", "n/a", "Rival"])),
        "email": draw(st.sampled_from(["eva@kontor.de", "eva@kontor.de", "eva@gmx.de", "no"])),
        "job_title": draw(st.sampled_from(["Head", "Head", "student", ""])),
        "country": draw(st.sampled_from(["DE", "US", "BR"])),
        "tracking": draw(st.booleans()),
        "do_not_call": draw(st.booleans()),
        "return_on": draw(st.none() | at),
        "customer": rarely(draw),
    }
    owner = PEOPLE[draw(st.sampled_from(list(PEOPLE)))]
    lead = Lead("L", START, LifecycleStage.INQUIRY, owner, fields, draw(REASONS))
    return history_of(
        lead,
        activities,
        stages,
        owners,
        relations=relations,
        activity_readable=not rarely(draw),
        behaviour_readable=not rarely(draw),
    )


def lasting(verdict):
    """A verdict without the instant it was made at and the numbers that fade by themselves."""
    still = replace(verdict.interest, points=0.0, as_of=START)
    return replace(verdict, as_of=START, interest=still, valid_until=None)


@given(histories(), INSTANTS, st.floats(0, 0.999999))
@settings(max_examples=250, deadline=None)
def test_a_verdict_is_the_same_until_it_says_it_may_change(history, now, share):
    verdict = evaluate(history, RICH, now)
    end = verdict.valid_until or now + timedelta(days=4000)
    assert end > now
    inside = now + timedelta(microseconds=int((end - now) / MICROSECOND * share))
    assert lasting(evaluate(history, RICH, inside)) == lasting(verdict)
    assert lasting(evaluate(history, RICH, end - MICROSECOND)) == lasting(verdict)


@given(histories(), INSTANTS)
@settings(max_examples=150, deadline=None)
def test_judging_at_any_instant_equals_replaying_up_to_it(history, now):
    *_, last = replay(history, RICH, now)
    assert lasting(last) == lasting(evaluate(history, RICH, now))


@given(histories(), INSTANTS, st.randoms())
@settings(max_examples=150, deadline=None)
def test_order_and_repetition_of_facts_change_nothing(history, now, random):
    parts = [list(one) * 2 for one in (history.activities, history.stages, history.owners)]
    for part in parts:
        random.shuffle(part)
    again = history_of(
        history.lead,
        *parts,
        relations=history.relations * 2,
        activity_readable=history.activity_readable,
        behaviour_readable=history.behaviour_readable,
    )
    assert replace(again, relations=history.relations) == history
    assert evaluate(again, RICH, now) == evaluate(history, RICH, now)


@given(histories(), INSTANTS)
@settings(max_examples=150, deadline=None)
def test_clocks_are_never_doubled_and_their_numbers_agree(history, now):
    verdict = evaluate(history, RICH, now)
    keys = [clock.key for clock in verdict.clocks]
    assert len(keys) == len(set(keys))
    for clock in verdict.clocks:
        assert clock.started_at <= clock.warns_at <= clock.due_at
        assert clock.started_at <= now
        if clock.stopped_at is None:
            assert clock.state not in {ClockState.MET, ClockState.MET_LATE, ClockState.CANCELLED}
            continue
        assert clock.started_at <= clock.stopped_at <= now
        assert 0 <= clock.working_seconds <= clock.wall_seconds
        assert (clock.state is ClockState.MET_LATE) <= (clock.overshoot_seconds > 0)
        assert (clock.stopped_at > clock.due_at) >= (clock.overshoot_seconds > 0)


@given(histories(), INSTANTS, INSTANTS)
@settings(max_examples=150, deadline=None)
def test_a_new_agreement_leaves_clocks_that_began_before_it_alone(history, now, replaced):
    """Under another version that halves every target, only clocks opened since are shorter.

    What follows from a breach is the same promise still, under the version it was given.
    """
    book = Book((Chapter(FASTER, ((RICH, replaced),)),))
    before = {clock.key: clock for clock in evaluate(history, RICH, now).clocks}
    for clock in evaluate(history, book, now).clocks:
        if clock.started_at < replaced or clock.agreement == RICH.version:
            assert clock == before[clock.key]
        else:
            assert clock.agreement == FASTER.version


@given(histories(), INSTANTS, st.integers(0, 10**6), st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_decay_composes(history, now, first, second):
    """Fading for a while and then for another while is fading for both."""
    model = InterestModel.model_validate({"points": {"form": 10, "page_visit": 3}})
    interest = interest_of(history, model, now + timedelta(days=60))
    halfway = interest.as_of + timedelta(seconds=first)
    there = replace(interest, points=interest.at(halfway), as_of=halfway)
    end = halfway + timedelta(seconds=second)
    assert abs(there.at(end) - interest.at(end)) < 1e-9
    later = interest_of(history, model, end)
    assert abs(later.points - interest.at(end)) < 1e-9 * max(1.0, interest.points)

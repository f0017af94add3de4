"""Clocks and proofs: one row, one case of the agreement. Berlin hours, Mon-Fri 09-17, four hours to answer."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sla_engine.agreement import Agreement
from sla_engine.errors import NaiveInstant
from sla_engine.evaluate import evaluate
from sla_engine.history import history_of
from sla_engine.model import (
    Activity,
    ActivityKind,
    ActorKind,
    Lead,
    LifecycleStage,
    Owner,
    OwnerChange,
    StageChange,
)
from sla_engine.verdict import ClockState, Fit, InterestBand
from sla_engine.wording import Wording

AGREEMENT = Agreement.model_validate(
    tomllib.loads((Path(__file__).parents[2] / "config.toml").read_text(encoding="utf-8"))["agreement"]
)
ENGLISH = Wording.of("en")
ANNA = Owner("anna", "Anna", time_zone="Europe/Berlin")
KNOWN = {"last_name": "Example", "company": "Example AG", "email": "a@example.com", "country": "DE"}


def berlin(text):
    """An instant written in Berlin winter time."""
    return datetime.fromisoformat(f"{text}+01:00").astimezone(UTC)


HANDED_OVER = berlin("2026-11-24T10:00")  # a Tuesday
DUE = berlin("2026-11-24T14:00")


def an_mql(*, activities=(), stages=(), owners=(), fields=KNOWN, at=HANDED_OVER, reason=""):
    created = at - timedelta(days=20)
    lead = Lead("L1", created, LifecycleStage.MQL, ANNA, fields, reason)
    handover = StageChange(at, LifecycleStage.MQL, "flow", ActorKind.AUTOMATION, id="h1")
    return history_of(lead, tuple(activities), (handover, *stages), tuple(owners))


def work(kind, at, by=ActorKind.PERSON, known_at=None, planned_for=None):
    return Activity(f"{kind}-{at}", kind, at, known_at or at, "anna", by, planned_for=planned_for)


def move(stage, at, by=ActorKind.PERSON, reason="no budget"):
    return StageChange(at, stage, "anna", by, reason, id=f"{stage}-{at}")


BEFORE, EARLY, NIGHT, LATE = (
    berlin("2026-11-24T09:30"),
    berlin("2026-11-24T13:59"),
    berlin("2026-11-24T03:00"),
    berlin("2026-11-25T09:30"),
)


@pytest.mark.parametrize(
    ("facts", "state", "proof"),
    [
        ({"stages": [move(LifecycleStage.SAL, EARLY)]}, ClockState.MET, "accepted"),
        ({"stages": [move(LifecycleStage.SAL, LATE)]}, ClockState.MET_LATE, "accepted"),
        # a flow that moves the stage ends the clock but keeps no promise
        ({"stages": [move(LifecycleStage.SAL, EARLY, ActorKind.AUTOMATION)]}, ClockState.CANCELLED, ""),
        ({"stages": [move(LifecycleStage.RECYCLED, EARLY)]}, ClockState.MET, "rejected"),
        ({"stages": [move(LifecycleStage.DISQUALIFIED, EARLY)]}, ClockState.MET, "rejected"),
        ({"stages": [move(LifecycleStage.OPPORTUNITY, EARLY)]}, ClockState.MET, "opportunity"),
        ({"activities": [work(ActivityKind.CALL, EARLY)]}, ClockState.MET, "call"),
        ({"activities": [work(ActivityKind.EMAIL, EARLY)]}, ClockState.MET, "email"),
        ({"activities": [work(ActivityKind.MEETING, LATE)]}, ClockState.MET_LATE, "meeting"),
        # automatic mail and an integration's calls prove nothing
        ({"activities": [work(ActivityKind.AUTOMATIC_EMAIL, EARLY)]}, ClockState.BREACHED, ""),
        ({"activities": [work(ActivityKind.CALL, EARLY, ActorKind.AUTOMATION)]}, ClockState.BREACHED, ""),
        # before the handover proves nothing
        ({"activities": [work(ActivityKind.CALL, BEFORE)]}, ClockState.BREACHED, ""),
        # logged a day later, but made in time: event time counts
        ({"activities": [work(ActivityKind.CALL, EARLY, known_at=LATE)]}, ClockState.MET, "call"),
        # a follow-up planned ahead is an answer from when it was planned
        (
            {"activities": [work(ActivityKind.MEETING, LATE, known_at=EARLY, planned_for=LATE)]},
            ClockState.MET,
            "follow_up",
        ),
        # taken out of a queue by the person who now owns it
        (
            {
                "owners": [
                    OwnerChange(BEFORE, "queue", to_queue=True, id="o1"),
                    OwnerChange(EARLY, "anna", "anna", ActorKind.PERSON, id="o2"),
                ]
            },
            ClockState.MET,
            "accepted",
        ),
        # assigned by a flow: nobody has answered yet
        (
            {"owners": [OwnerChange(EARLY, "anna", "flow", ActorKind.AUTOMATION, id="o1")]},
            ClockState.BREACHED,
            "",
        ),
        ({}, ClockState.BREACHED, ""),
    ],
)
def test_what_proves_an_answer(facts, state, proof):
    verdict = evaluate(an_mql(**facts), AGREEMENT, berlin("2026-11-27T12:00"))
    clock = next(clock for clock in verdict.clocks if clock.target == "response")
    assert (clock.state, clock.proof, clock.due_at) == (state, proof, DUE)


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (HANDED_OVER, ClockState.RUNNING),
        (berlin("2026-11-24T12:59:59"), ClockState.RUNNING),
        (berlin("2026-11-24T13:00"), ClockState.AT_RISK),  # three of four hours are gone
        (DUE, ClockState.AT_RISK),  # at the deadline itself it is still in time
        (DUE + timedelta(milliseconds=999), ClockState.AT_RISK),
        (DUE + timedelta(seconds=1), ClockState.BREACHED),
    ],
)
def test_a_clock_runs_is_at_risk_and_breaches_to_the_second(now, state):
    assert evaluate(an_mql(), AGREEMENT, now).clocks[0].state is state


@pytest.mark.parametrize(
    ("handed_over", "due"),
    [
        (berlin("2026-11-27T16:30"), berlin("2026-11-30T12:30")),  # Friday evening to Monday
        (berlin("2026-11-28T11:00"), berlin("2026-11-30T13:00")),  # on a Saturday
        (berlin("2026-12-24T16:00"), berlin("2026-12-28T12:00")),  # over Christmas and a weekend
        (berlin("2026-11-24T22:00"), berlin("2026-11-25T13:00")),  # at night
    ],
)
def test_deadlines_are_counted_in_working_hours(handed_over, due):
    assert evaluate(an_mql(at=handed_over), AGREEMENT, handed_over).clocks[0].due_at == due


def test_a_recycled_lead_that_comes_back_is_a_new_round_with_its_own_clock():
    again = berlin("2026-11-26T10:00")
    stages = [move(LifecycleStage.RECYCLED, EARLY), StageChange(again, LifecycleStage.MQL, id="h2")]
    verdict = evaluate(an_mql(stages=stages), AGREEMENT, again)
    assert [(clock.round, clock.state) for clock in verdict.clocks] == [
        (1, ClockState.MET),
        (2, ClockState.RUNNING),
    ]
    assert len({clock.key for clock in verdict.clocks}) == 2


def test_a_hand_raise_before_the_handover_gets_the_shorter_target():
    raised = Activity("r", ActivityKind.HAND_RAISE, BEFORE, BEFORE)
    verdict = evaluate(an_mql(activities=[raised]), AGREEMENT, HANDED_OVER)
    assert verdict.clocks[0].target == "hand-raise response"
    assert verdict.clocks[0].due_at == berlin("2026-11-24T12:00")


def test_the_owners_time_zone_chooses_the_calendar():
    owner = OwnerChange(BEFORE, "bob", time_zone="America/New_York", id="o")
    verdict = evaluate(an_mql(owners=[owner]), AGREEMENT, HANDED_OVER)
    assert verdict.clocks[0].due_at == datetime(2026, 11, 24, 18, 0, tzinfo=UTC)  # 13:00 in New York


def test_effective_from_leaves_older_leads_without_clocks():
    verdict = evaluate(an_mql(), AGREEMENT, LATE, effective_from=DUE)
    assert (verdict.exempt, verdict.clocks, verdict.sla_status) == (True, (), "none")


def test_an_estimated_start_is_never_called_breached():
    lead = Lead("L1", BEFORE, LifecycleStage.MQL, ANNA, KNOWN)
    history = history_of(lead, stages=(StageChange(HANDED_OVER, LifecycleStage.MQL, estimated=True),))
    assert evaluate(history, AGREEMENT, LATE).clocks[0].state is ClockState.UNPROVEN


@pytest.mark.parametrize("stage", [LifecycleStage.RECYCLED, LifecycleStage.DISQUALIFIED])
def test_a_rejection_without_reason_is_no_answer_and_is_flagged_to_the_rep(stage):
    unsaid = an_mql(stages=[move(stage, EARLY, reason="")])
    verdict = evaluate(unsaid, AGREEMENT, LATE)
    assert [clock.state for clock in verdict.clocks] == [ClockState.BREACHED]
    assert verdict.next_step.code == "give_reason"
    assert [finding.code for finding in verdict.findings] == ["reason_missing"]
    said = an_mql(stages=[move(stage, EARLY, reason="")], reason="no budget")
    assert evaluate(said, AGREEMENT, LATE).clocks[0].state is ClockState.MET


def test_a_rejection_long_past_whose_reason_is_lost_is_unproven():
    """The CRM shows only the last reason; nobody is blamed for one that cannot be read any more."""
    stages = [move(LifecycleStage.RECYCLED, EARLY, reason=""), StageChange(LATE, LifecycleStage.MQL, id="h2")]
    verdict = evaluate(an_mql(stages=stages), AGREEMENT, LATE)
    assert [clock.state for clock in verdict.clocks] == [ClockState.UNPROVEN, ClockState.RUNNING]


def test_a_naive_instant_is_refused():
    with pytest.raises(NaiveInstant):
        evaluate(an_mql(), AGREEMENT, datetime(2026, 11, 24, 12, 0))  # noqa: DTZ001 - the mistake under test


@pytest.mark.parametrize(
    ("fields", "fit", "missing"),
    [
        (KNOWN, Fit.BUYER, ()),
        ({**KNOWN, "job_title": "Werkstudentin Marketing"}, Fit.NOT_A_BUYER, ()),
        ({**KNOWN, "country": "BR"}, Fit.UNKNOWN, ()),
        ({**KNOWN, "company": "N/A"}, Fit.BUYER, (("company", "empty"),)),
        ({"last_name": "X", "company": "Y", "phone": "+49 30 901820"}, Fit.UNKNOWN, ()),
        ({"last_name": "X", "company": "Y", "phone": "030 901820"}, Fit.UNKNOWN, ()),
        ({"last_name": "X", "company": "Y", "phone": "1"}, Fit.UNKNOWN, (("email or phone", "invalid"),)),
        ({**KNOWN, "email": "nobody@"}, Fit.BUYER, (("email or phone", "invalid"),)),
        ({}, Fit.UNKNOWN, (("last_name", "empty"), ("company", "empty"), ("email or phone", "empty"))),
    ],
)
def test_minimum_data_and_fit(fields, fit, missing):
    verdict = evaluate(an_mql(fields=fields), AGREEMENT, HANDED_OVER)
    assert (verdict.fit, tuple((" or ".join(one.names), one.why) for one in verdict.missing)) == (
        fit,
        missing,
    )


def behaviour(*kinds, gap=timedelta(hours=1)):
    start = HANDED_OVER - timedelta(days=1)
    return [
        Activity(f"b{i}", kind, start + i * gap, start + i * gap, content=f"c{i}", consent="declared")
        for i, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize(
    ("activities", "band"),
    [
        ([], InterestBand.NONE),
        (behaviour(ActivityKind.PAGE_VISIT), InterestBand.LOW),
        (behaviour(ActivityKind.FORM, ActivityKind.PAGE_VISIT), InterestBand.MEDIUM),
        (behaviour(ActivityKind.HAND_RAISE), InterestBand.HIGH),
        (
            behaviour(*[ActivityKind.EMAIL_CLICK] * 3, gap=timedelta(seconds=2)),
            InterestBand.NONE,
        ),  # a scanner
        (behaviour(*[ActivityKind.EMAIL_CLICK] * 9), InterestBand.LOW),  # capped per day
        (behaviour(ActivityKind.HAND_RAISE, ActivityKind.OPT_OUT), InterestBand.NONE),
        (behaviour(*[ActivityKind.EMAIL_OPEN] * 50), InterestBand.NONE),  # opens prove little
    ],
)
def test_interest_from_behaviour(activities, band):
    assert evaluate(an_mql(activities=activities), AGREEMENT, HANDED_OVER).interest.band is band


def test_a_recycled_lead_is_ready_again_only_by_what_it_did_since():
    """Or the warmth that sales just gave back would send it to sales again at once."""
    given_back = move(LifecycleStage.RECYCLED, EARLY)
    warm = an_mql(activities=behaviour(ActivityKind.HAND_RAISE), stages=[given_back])
    verdict = evaluate(warm, AGREEMENT, LATE)
    assert (verdict.interest.band, verdict.is_mql) == (InterestBand.HIGH, False)
    assert "interest since sales gave it back is none, medium is needed" in ENGLISH.reasons(verdict.reasons)
    again = Activity("again", ActivityKind.HAND_RAISE, LATE, LATE, consent="declared")
    warm_anew = an_mql(activities=[*behaviour(ActivityKind.HAND_RAISE), again], stages=[given_back])
    assert evaluate(warm_anew, AGREEMENT, LATE).is_mql

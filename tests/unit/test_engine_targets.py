"""Targets and their clocks: what opens one, which target it is, on which calendar, how it ends."""

from __future__ import annotations

import pytest

from sla_engine.evaluate import evaluate
from tests.unit.engine_builders import (
    NINE_TO_FIVE,
    a_lead,
    agreement,
    clocks,
    done,
    entered,
    given,
    lead_did,
    on,
    shows,
    target,
)

HAND_RAISES = {"starts": "inbound_activity", "activities": ["hand_raise", "email_reply"]}


# ---------------------------------------------------------------- what opens a clock


def test_a_phase_entered_opens_one_clock_however_often_the_owner_changes():
    lead = a_lead(given("anna", "mon 09:00"), given("ben", "tue 12:00"), owner="ben")
    assert shows(clocks(lead, agreement(target()), "tue 13:00"), "started_at", "due_at", "owner") == [
        ("tue 10:00", "tue 14:00", "ben")
    ]


def test_staying_in_a_phase_or_hearing_of_it_twice_opens_nothing_new():
    lead = a_lead(entered("mql", "tue 10:00"), entered("mql", "tue 12:00"))
    assert shows(clocks(lead, agreement(target()), "tue 13:00"), "started_at") == ["tue 10:00"]


def test_an_assignment_in_the_phase_opens_a_clock_for_whoever_was_given_the_lead():
    lead = a_lead(given("inbox", "mon 09:00"), given("anna", "tue 15:00"))
    assigned = agreement(target(starts="assigned"))
    assert clocks(lead, assigned, "tue 14:59") == ()
    assert shows(clocks(lead, assigned, "tue 15:00"), "owner", "started_at", "due_at") == [
        ("anna", "tue 15:00", "wed 11:00")
    ]


def test_whoever_had_the_lead_at_the_handover_was_given_it_then():
    lead = a_lead(given("anna", "mon 09:00"))
    assert shows(clocks(lead, agreement(target(starts="assigned")), "tue 11:00"), "started_at") == [
        "tue 10:00"
    ]


def test_each_hand_raise_and_each_reply_opens_its_own_clock():
    asks = [lead_did("hand_raise", "tue 11:00"), lead_did("email_reply", "tue 11:30")]
    seen = clocks(a_lead(*asks), agreement(target(within="1h", **HAND_RAISES)), "tue 11:45")
    assert shows(seen, "started_at", "due_at") == [("tue 11:00", "tue 12:00"), ("tue 11:30", "tue 12:30")]
    assert seen[0].key != seen[1].key


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("tue 09:59", 0),  # before the phase
        ("tue 10:00", 1),  # at the very moment it begins
        ("wed 11:00", 0),  # at the very moment it ends
        ("wed 12:00", 0),  # after it
    ],
)
def test_inbound_activity_counts_inside_the_phase(at, opens):
    lead = a_lead(lead_did("hand_raise", at), entered("opportunity", "wed 11:00", "anna"))
    assert len(clocks(lead, agreement(target(**HAND_RAISES)), "thu 12:00")) == opens


def test_one_call_answers_everything_that_was_asked_before_it():
    asks = [lead_did("hand_raise", "tue 11:00"), lead_did("email_reply", "tue 11:30")]
    seen = clocks(
        a_lead(*asks, done("call", "tue 12:15")), agreement(target(within="1h", **HAND_RAISES)), "wed 12:00"
    )
    assert shows(seen, "state", "working_seconds") == [("met_late", 75 * 60), ("met", 45 * 60)]


def test_different_promises_run_side_by_side():
    promises = agreement(
        target("assign", "1h", responsible="operations", met_by=["assigned"]),
        target("first touch", "2h", promise="touch", met_by=["call", "email", "meeting"]),
        target("acceptance", "8h", promise="accept", met_by=["accepted", "rejected", "opportunity"]),
        target("reply", "1h", **HAND_RAISES),
    )
    facts = [given("inbox", "mon 09:00"), given("anna", "tue 10:30"), lead_did("hand_raise", "tue 11:00")]
    lead = a_lead(*facts, done("call", "tue 12:30"))
    assert shows(clocks(lead, promises, "tue 13:00"), "target", "state", "due_at") == [
        ("acceptance", "running", "wed 10:00"),
        ("assign", "met", "tue 11:00"),
        ("first touch", "met_late", "tue 12:00"),
        ("reply", "met_late", "tue 12:00"),
    ]


# ---------------------------------------------------------------- joining

JOINING = agreement(target(within="4h", joins_within="2h", **HAND_RAISES))


@pytest.mark.parametrize(
    ("second", "opens"),
    [
        ("tue 12:59", ["tue 11:00"]),  # joins
        ("tue 13:00", ["tue 11:00"]),  # at two hours exactly it still joins
        ("tue 13:01", ["tue 11:00", "tue 13:01"]),
    ],
)
def test_a_hand_raise_soon_after_another_joins_its_clock(second, opens):
    lead = a_lead(lead_did("hand_raise", "tue 11:00"), lead_did("hand_raise", second))
    assert shows(clocks(lead, JOINING, "tue 14:00"), "started_at") == opens


def test_joining_is_counted_from_the_clocks_start_so_a_chain_of_asking_does_not_put_it_off():
    asks = [lead_did("hand_raise", f"tue {at}") for at in ("11:00", "12:30", "13:30")]
    assert shows(clocks(a_lead(*asks), JOINING, "tue 14:00"), "started_at") == ["tue 11:00", "tue 13:30"]


def test_a_hand_raise_after_the_answer_joins_nothing():
    asks = [lead_did("hand_raise", "tue 11:00"), lead_did("hand_raise", "tue 12:00")]
    lead = a_lead(*asks, done("call", "tue 11:30"))
    assert shows(clocks(lead, JOINING, "tue 12:30"), "started_at", "state") == [
        ("tue 11:00", "met"),
        ("tue 12:00", "running"),
    ]


# ---------------------------------------------------------------- which target

BY_LEAD = agreement(
    target("asked", "1h", promise="response", when=[{"activity": "form", "content": "(?i)demo"}]),
    target("fair", "2h", promise="response", when=[{"field": "source", "in": ["Fair", "Event"]}]),
    target("abroad", "3h", promise="response", when=[{"not": {"field": "country", "is": "DE"}}]),
    target("hot", "4h", promise="response", when=[{"interest": "high"}, {"score": 70}]),
    target("warm", "5h", promise="response", when=[{"interest": "medium"}]),
    target("rest", "8h", promise="response", when=[{"field": "source", "missing": True}]),
    interest={"points": {"form": 12, "hand_raise": 30}},
    minimum={"required": ["email"]},
)
REACHABLE = {"email": "eva@kontor.de"}


@pytest.mark.parametrize(
    ("fields", "behaviour", "expected"),
    [
        (
            {"source": "Fair"},
            [lead_did("form", "tue 09:00", "Demo request")],
            "asked",
        ),  # two match: the first
        (
            {"source": "fair"},
            [lead_did("form", "tue 09:00", "newsletter")],
            "fair",
        ),  # small letters are the same
        ({"source": "Web", "country": "AT"}, [], "abroad"),
        ({"country": ""}, [], "rest"),  # an empty country is no other country
        ({"source": "Web", **REACHABLE}, [lead_did("hand_raise", "tue 09:00")], "hot"),  # 50 + 20 points
        ({"source": "Web"}, [lead_did("hand_raise", "tue 09:00")], "warm"),  # 50: high, but scores too little
        ({"source": "Web"}, [lead_did("form", "tue 09:00", "newsletter")], "warm"),
        ({}, [], "rest"),
    ],
)
def test_the_first_target_whose_conditions_hold_is_the_leads(fields, behaviour, expected):
    lead = a_lead(*behaviour, fields={"country": "DE"} | fields)
    assert shows(clocks(lead, BY_LEAD, "tue 10:30"), "target") == [expected]


def test_what_the_lead_does_after_the_start_does_not_change_its_target():
    lead = a_lead(lead_did("form", "tue 10:30", "demo"), fields={"country": "DE"})
    assert shows(clocks(lead, BY_LEAD, "tue 11:00"), "target", "due_at") == [("rest", "wed 10:00")]


@pytest.mark.parametrize(
    ("stage", "uncovered"),
    [
        ("mql", True),  # nobody promised anything for a lead from the web
        ("sal", False),  # a phase for which there are no targets at all
    ],
)
def test_a_lead_that_no_target_takes_up_is_reported(stage, uncovered):
    lead = a_lead(entered("mql", "tue 10:00"), entered(stage, "tue 11:00", "anna"), fields={"source": "Web"})
    verdict = evaluate(lead, agreement(target(when=[{"field": "source", "is": "Fair"}])), on("tue 12:00"))
    assert (verdict.clocks, verdict.uncovered, verdict.sla_status) == ((), uncovered, "none")


# ---------------------------------------------------------------- whose hours

PLACES = {
    "new_york": {"tz": "America/New_York", "weekly": NINE_TO_FIVE},  # 15:00 to 23:00 in Berlin
    "mornings": {"tz": "Europe/Berlin", "weekly": {"tue": [["09:00", "12:00"]], "wed": [["09:00", "12:00"]]}},
}


@pytest.mark.parametrize(
    ("hours", "fields", "zone", "people", "name", "due"),
    [
        ("mornings", {}, "America/New_York", {}, "mornings", "wed 11:00"),  # named: nothing else matters
        ("owner", {}, None, {}, "berlin", "tue 14:00"),  # nothing known of the owner
        ("owner", {}, "America/New_York", {}, "new_york", "tue 19:00"),  # by the owner's time zone
        ("owner", {}, "Asia/Tokyo", {}, "berlin", "tue 14:00"),  # a zone nobody has hours for
        (
            "owner",
            {},
            "America/New_York",
            {"anna": {"hours": "mornings"}},
            "mornings",
            "wed 11:00",
        ),  # part time
        ("region", {"country": "US"}, None, {"anna": {"hours": "mornings"}}, "new_york", "tue 19:00"),
        ("region", {"country": "FR"}, "America/New_York", {}, "berlin", "tue 14:00"),
        ("region", {}, None, {}, "berlin", "tue 14:00"),
    ],
)
def test_a_calendar_is_named_or_the_owners_or_the_regions(hours, fields, zone, people, name, due):
    agreed = agreement(
        target(hours=hours),
        hours=PLACES,
        hours_by_time_zone={"America/New_York": "new_york"},
        hours_by_region={"US": "new_york"},
        people=people,
    )
    assert shows(clocks(a_lead(fields=fields, zone=zone), agreed, "tue 10:30"), "hours", "due_at") == [
        (name, due)
    ]


def test_a_running_clock_keeps_the_calendar_it_began_on():
    agreed = agreement(target(), hours=PLACES, people={"anna": {"hours": "mornings"}, "ben": {}})
    lead = a_lead(given("anna", "mon 09:00"), given("ben", "tue 11:00"), owner="ben")
    assert shows(clocks(lead, agreed, "tue 12:00"), "owner", "hours", "due_at") == [
        ("ben", "mornings", "wed 11:00")
    ]


# ---------------------------------------------------------------- warnings, breach, after


@pytest.mark.parametrize(
    ("now", "state", "turns"),
    [
        ("tue 11:59", "running", "tue 12:00"),
        ("tue 12:00", "at_risk", "tue 13:00"),  # half
        ("tue 13:00", "at_risk", "tue 13:36"),  # three quarters: reminded
        ("tue 14:00", "at_risk", "tue 14:00:01"),  # at the deadline it is still in time
        ("tue 14:01", "breached", None),
    ],
)
def test_every_warning_point_is_a_turn_of_the_clock(now, state, turns):
    agreed = agreement(target(warn_at=[0.75, 0.5, 0.9]))
    assert shows(clocks(a_lead(), agreed, now), "state", "turns_at", "warns_at") == [
        (state, turns, "tue 12:00")
    ]


def test_the_warnings_after_the_first_remind_the_owner():
    [clock] = clocks(a_lead(), agreement(target(warn_at=[0.75, 0.5, 0.9])), "wed 12:00")
    assert shows(clock.steps, "at", "do") == [("tue 13:00", "remind_owner"), ("tue 13:36", "remind_owner")]


def test_a_breached_clock_is_measured_on_until_somebody_answers():
    """From Friday 16:00 to Tuesday 10:00: 1 + 8 + 1 working hours, 90 by the wall."""
    lead = a_lead(entered("mql", "fri 16:00"), done("call", "tue2 10:00"))
    numbers = ("state", "due_at", "stopped_at", "working_seconds", "wall_seconds", "overshoot_seconds")
    assert shows(clocks(lead, agreement(target()), "tue2 09:59"), *numbers[:3]) == [
        ("breached", "mon2 12:00", None)
    ]
    assert shows(clocks(lead, agreement(target()), "tue2 10:00"), *numbers) == [
        ("met_late", "mon2 12:00", "tue2 10:00", 10 * 3600, 90 * 3600, 6 * 3600)
    ]


def test_an_answer_at_night_uses_no_working_time():
    """Due Monday 12:00 by the wall, answered on Saturday after one working hour."""
    lead = a_lead(entered("mql", "fri 16:00"), done("call", "sat 23:00"))
    assert shows(
        clocks(lead, agreement(target()), "mon2 09:00"), "state", "working_seconds", "wall_seconds"
    ) == [("met", 3600, 31 * 3600)]


# ---------------------------------------------------------------- rounds


def test_a_lead_that_comes_back_is_a_new_round_with_clocks_of_its_own():
    """The call of the first round answers nothing in the second."""
    first = [entered("mql", "tue 10:00"), done("call", "tue 11:00"), entered("recycled", "tue 12:00", "anna")]
    lead = a_lead(*first, entered("inquiry", "wed 10:00"), entered("mql", "thu 10:00"))
    seen = clocks(lead, agreement(target()), "fri 10:00")
    assert shows(seen, "round", "started_at", "state") == [
        (1, "tue 10:00", "met"),
        (2, "thu 10:00", "breached"),
    ]
    assert len({clock.key for clock in seen}) == 2

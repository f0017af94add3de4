"""People and the clock: pauses, deputies, queues, reassignment, the ladder, and owners who have left."""

from __future__ import annotations

import pytest

from sla_engine.evaluate import evaluate
from tests.unit.engine_builders import (
    a_lead,
    agreement,
    clocks,
    done,
    entered,
    given,
    lead_did,
    on,
    planned,
    shows,
    taken,
    target,
)


def away(*days, **more):
    """A person in Berlin who is absent on these days, first and last."""
    return {"tz": "Europe/Berlin", "absent": [[f"2026-03-{day:02}" for day in days]], **more}


def paused(clock):
    """Its pauses in words."""
    return shows(clock.pauses, "start", "end")


# ---------------------------------------------------------------- pauses

WAITING = agreement(target(met_by=["accepted"], pauses=[{"when": "waiting_for_lead", "at_most": "1d"}]))
MAILED = done("email", "tue 11:00")


@pytest.mark.parametrize(
    ("facts", "pauses", "due"),
    [
        # answered after two hours, which do not count
        ([MAILED, lead_did("email_reply", "tue 13:00")], [("tue 11:00", "tue 13:00")], "tue 16:00"),
        # no answer: a day and no longer; one hour used, three left from Wednesday 11:00
        ([done("call", "tue 11:00")], [("tue 11:00", "wed 11:00")], "wed 14:00"),
        # asking again does not make the first pause longer
        ([MAILED, done("email", "tue 15:00")], [("tue 11:00", "wed 11:00")], "wed 14:00"),
        # but asking on the next day waits anew; two hours used, two left from Thursday 12:00
        (
            [MAILED, done("email", "wed 12:00")],
            [("tue 11:00", "wed 11:00"), ("wed 12:00", "thu 12:00")],
            "thu 14:00",
        ),
        # opening the mail or looking at a page is no answer
        ([MAILED, lead_did("email_open", "tue 11:05")], [("tue 11:00", "wed 11:00")], "wed 14:00"),
        ([MAILED, lead_did("page_visit", "tue 11:05")], [("tue 11:00", "wed 11:00")], "wed 14:00"),
        ([MAILED, lead_did("form", "tue 12:00")], [("tue 11:00", "tue 12:00")], "tue 15:00"),
        # only a person's mail waits for an answer, and only one that was sent
        ([done("automatic_email", "tue 11:00")], [], "tue 14:00"),
        ([done("email", "tue 11:00", "flow")], [], "tue 14:00"),
        ([planned("call", "tue 11:00", "wed 09:00")], [], "tue 14:00"),
        # asked after the deadline: too late to wait
        ([done("email", "tue 15:00")], [("tue 15:00", "wed 15:00")], "tue 14:00"),
    ],
)
def test_waiting_for_the_lead_stops_the_clock(facts, pauses, due):
    [clock] = clocks(a_lead(*facts), WAITING, "wed 16:00")
    assert (paused(clock), shows([clock], "due_at")) == (pauses, [due])


HOLDING = agreement(target(met_by=["accepted"], pauses=[{"when": "hold", "at_most": "7d"}]))
RESUMED = done("resume", "wed 12:00")


def held(at, until):
    """Both agreed to wait until a date."""
    return done("hold", at, planned_for=until)


@pytest.mark.parametrize(
    ("facts", "pauses", "due"),
    [
        ([held("tue 11:00", "thu 11:00")], [("tue 11:00", "thu 11:00")], "thu 14:00"),
        # without a date it lasts as long as agreed at most
        ([done("hold", "tue 11:00")], [("tue 11:00", "tue2 11:00")], "tue2 14:00"),
        ([held("tue 11:00", "fri 11:00"), RESUMED], [("tue 11:00", "wed 12:00")], "wed 15:00"),
        # a second hold takes the place of the first
        (
            [held("tue 11:00", "fri 11:00"), held("wed 12:00", "wed 13:00")],
            [("tue 11:00", "wed 12:00"), ("wed 12:00", "wed 13:00")],
            "wed 16:00",
        ),
        ([done("resume", "tue 11:00")], [], "tue 14:00"),  # nothing to resume
        # agreed before the handover and still holding
        ([held("mon 11:00", "wed 09:00")], [("tue 10:00", "wed 09:00")], "wed 13:00"),
    ],
)
def test_an_agreed_hold_stops_the_clock(facts, pauses, due):
    [clock] = clocks(a_lead(*facts), HOLDING, "mon2 09:00")
    assert (paused(clock), shows([clock], "due_at")) == (pauses, [due])


def test_a_paused_clock_says_so_and_when_it_goes_on():
    lead = a_lead(held("tue 11:00", "thu 11:00"))
    assert shows(clocks(lead, HOLDING, "wed 12:00"), "state", "turns_at") == [("paused", "thu 11:00")]
    assert shows(clocks(lead, HOLDING, "thu 11:00"), "state", "turns_at") == [("running", "thu 13:00")]


def test_a_pause_is_no_working_time_but_it_is_wall_time():
    lead = a_lead(held("tue 11:00", "thu 11:00"), entered("sal", "thu 12:00", "anna"))
    assert shows(clocks(lead, HOLDING, "thu 13:00"), "state", "working_seconds", "wall_seconds") == [
        ("met", 2 * 3600, 50 * 3600)
    ]


def test_an_answer_ends_the_pause_it_comes_in():
    lead = a_lead(held("tue 11:00", "thu 11:00"), entered("sal", "wed 12:00", "anna"))
    [clock] = clocks(lead, HOLDING, "fri 12:00")
    assert (paused(clock), clock.working_seconds) == ([("tue 11:00", "wed 12:00")], 3600)


# ---------------------------------------------------------------- absence and deputies

ANNA_AWAY = {"anna": away(3, 4, deputy="ben"), "ben": {}}  # Tuesday and Wednesday


def test_an_absent_owners_deputy_takes_over_and_the_clock_runs_on():
    seen = clocks(a_lead(), agreement(target(), people=ANNA_AWAY), "tue 13:00")
    assert shows(seen, "owner", "acting", "state", "due_at") == [("anna", "ben", "at_risk", "tue 14:00")]


def test_stopping_the_clock_of_an_absent_owner_is_the_option():
    agreed = agreement(target(pauses=[{"when": "absent"}]), people=ANNA_AWAY)
    seen = clocks(a_lead(), agreed, "tue 13:00")
    assert shows(seen, "state", "due_at") == [("paused", "thu 13:00")]
    assert shows(seen[0].pauses, "start", "end", "reason") == [("tue 10:00", "thu 00:00", "absent")]


def test_an_absence_that_begins_while_the_clock_runs_keeps_what_was_used_before():
    """Two hours on Tuesday afternoon, then two on Thursday morning."""
    agreed = agreement(target(pauses=[{"when": "absent"}]), people={"anna": away(4, 4)})
    lead = a_lead(entered("mql", "tue 15:00"))
    assert shows(clocks(lead, agreed, "wed 12:00"), "state", "due_at") == [("paused", "thu 11:00")]


@pytest.mark.parametrize(
    ("people", "acting"),
    [
        ({}, "anna"),
        ({"anna": away(4, 4, deputy="ben")}, "anna"),  # away tomorrow
        ({"anna": away(3, 3, deputy="ben")}, "ben"),
        ({"anna": away(3, 3, deputy="ben"), "ben": away(3, 3, deputy="cem")}, "cem"),
        ({"anna": away(3, 3, deputy="ben"), "ben": away(3, 3, deputy="anna")}, "anna"),  # nobody is there
        ({"anna": away(3, 3, manager="chef")}, "chef"),
        ({"anna": away(3, 3)}, "anna"),
    ],
)
def test_who_must_act_for_an_owner(people, acting):
    assert shows(clocks(a_lead(), agreement(target(), people=people), "tue 12:00"), "acting") == [acting]


@pytest.mark.parametrize(
    ("people", "acting", "findings"),
    [
        ({"anna": {"deputy": "ben"}}, "ben", []),
        ({"anna": {"manager": "chef"}}, "chef", []),
        ({"anna": {}}, None, [("owner_gone", {"owner": "anna"})]),
        ({}, None, [("owner_gone", {"owner": "anna"})]),
    ],
)
def test_an_owner_who_has_left_is_stood_in_for_or_reported(people, acting, findings):
    lead = a_lead(given("anna", "mon 09:00"), owner_left=True)
    verdict = evaluate(lead, agreement(target(), people=people), on("tue 12:00"))
    assert shows(verdict.clocks, "owner", "acting", "state") == [("anna", acting, "running")]
    assert shows(verdict.findings, "code", "values") == findings


# ---------------------------------------------------------------- queues: to assign and to respond

TWO_TIMES = agreement(
    target("assign", "1h", responsible="operations", met_by=["assigned", "accepted", "rejected"]),
    target("response", "4h", starts="assigned"),
    people={"inbox": {"responsible": "ops", "deputy": "nobody"}, "ops": away(4, 4, deputy="otto")},
)


def test_a_queues_named_responsible_has_the_time_to_assign():
    seen = clocks(a_lead(given("inbox", "mon 09:00"), owner="inbox"), TWO_TIMES, "tue 10:30")
    assert shows(seen, "target", "owner", "acting", "responsible", "due_at") == [
        ("assign", "inbox", "ops", "operations", "tue 11:00")
    ]


def test_the_responsibles_deputy_assigns_while_they_are_away():
    lead = a_lead(entered("mql", "wed 10:00"), given("inbox", "mon 09:00"), owner="inbox")
    assert shows(clocks(lead, TWO_TIMES, "wed 10:30"), "acting") == ["otto"]


def test_time_to_assign_and_time_to_respond_are_kept_apart():
    """Assigned half an hour late, answered in good time: the rep is not blamed for the queue."""
    facts = [given("inbox", "mon 09:00"), given("anna", "tue 11:30"), done("call", "tue 15:00")]
    seen = clocks(a_lead(*facts), TWO_TIMES, "tue 16:00")
    assert shows(seen, "target", "owner", "state", "working_seconds") == [
        ("assign", "inbox", "met_late", 90 * 60),
        ("response", "anna", "met", 210 * 60),
    ]


def test_taking_a_lead_out_of_the_queue_assigns_it():
    assign = clocks(a_lead(given("inbox", "mon 09:00"), taken("tue 10:45")), TWO_TIMES, "tue 12:00")[0]
    assert shows([assign], "target", "state", "stopped_at") == [("assign", "met", "tue 10:45")]


def test_a_lead_that_somebody_has_at_the_handover_is_assigned_already():
    seen = clocks(a_lead(), TWO_TIMES, "tue 10:30")
    assert shows(seen, "target", "state", "working_seconds") == [
        ("assign", "met", 0),
        ("response", "running", 0),
    ]


# ---------------------------------------------------------------- reassignment

FOR_EACH_OWNER = agreement(target(starts="assigned"))


@pytest.mark.parametrize(
    ("reassigned", "former"),
    [
        ("tue 12:00", ("anna", "cancelled", 0)),  # nobody is blamed for a lead taken away in time
        ("wed 11:00", ("anna", "breached", 5 * 3600)),  # 14:00 to 17:00 and 9:00 to 11:00 too late
    ],
)
def test_a_reassignment_leaves_the_breach_with_the_former_owner_and_opens_a_new_clock(reassigned, former):
    lead = a_lead(given("anna", "mon 09:00"), given("ben", reassigned), owner="ben")
    anna, ben = clocks(lead, FOR_EACH_OWNER, "wed 11:00")
    assert shows([anna], "owner", "state", "overshoot_seconds") == [former]
    assert (anna.is_open, anna.acting) == (False, None)
    assert shows([ben], "owner", "started_at", "is_open") == [("ben", reassigned, True)]


def test_what_the_new_owner_does_does_not_mend_the_former_owners_breach():
    facts = [given("anna", "mon 09:00"), given("ben", "wed 11:00"), done("call", "wed 12:00", "ben")]
    verdict = evaluate(a_lead(*facts, owner="ben"), FOR_EACH_OWNER, on("wed 13:00"))
    assert shows(verdict.clocks, "owner", "state") == [("anna", "breached"), ("ben", "met")]
    assert verdict.sla_status == "met"


# ---------------------------------------------------------------- the ladder

TEAM = {
    "anna": {"in_line": True, "manager": "chef"},
    "ben": {**away(4, 4), "in_line": True},
    "cem": {"in_line": True},
    "dora": {"manager": "boss"},
}
LADDER = [
    {"at": 3.0, "do": "reassign", "to": "next_in_line"},  # 12 h: Wednesday 14:00
    {"at": "5h", "do": "remind_owner", "every": "90m", "times": 3},  # 15:00, 16:30, Wednesday 10:00
    {"at": 2.0, "do": "tell_manager"},  # 8 h: Wednesday 10:00
    {"at": "14h", "do": "reassign", "to": "pool"},  # Wednesday 16:00
]
REMINDED = [(at, "remind_owner", "") for at in ("tue 15:00", "tue 16:30", "wed 10:00")]
TOLD, GIVEN_ON = ("wed 10:00", "tell_manager", "chef"), ("wed 14:00", "reassign", "cem")  # ben is away


@pytest.mark.parametrize(
    ("now", "steps", "assign_to"),
    [
        ("tue 14:59", [], None),
        ("tue 15:00", REMINDED[:1], None),
        ("tue 20:00", REMINDED[:2], None),  # at night nothing comes due
        ("wed 10:00", [*REMINDED, TOLD], None),
        ("wed 14:00", [*REMINDED, TOLD, GIVEN_ON], "cem"),
        ("wed 16:00", [*REMINDED, TOLD, GIVEN_ON, ("wed 16:00", "reassign", "pool")], "pool"),
    ],
)
def test_each_rung_of_the_ladder_is_reached_at_its_own_working_time(now, steps, assign_to):
    verdict = evaluate(a_lead(), agreement(target(escalate=LADDER), people=TEAM), on(now))
    assert (shows(verdict.clocks[0].steps, "at", "do", "to"), verdict.assign_to) == (steps, assign_to)


def test_once_somebody_has_given_the_lead_on_nothing_is_left_to_assign_and_the_new_manager_is_told():
    late = [{"at": 2.0, "do": "reassign", "to": "next_in_line"}, {"at": 3.0, "do": "tell_manager"}]
    agreed = agreement(target(escalate=late), people=TEAM)
    lead = a_lead(given("anna", "mon 09:00"), given("dora", "wed 10:01"), owner="dora")
    verdict = evaluate(lead, agreed, on("wed 14:00"))
    assert verdict.assign_to is None
    assert shows(verdict.clocks[0].steps, "do", "to") == [("reassign", "cem")]
    assert shows(verdict.clocks, "owner", "state") == [("anna", "breached"), ("dora", "at_risk")]


def test_an_answer_ends_the_ladder_and_a_pause_puts_it_off():
    stepped = agreement(target(escalate=LADDER, pauses=[{"when": "hold"}], met_by=["call"]), people=TEAM)
    [answered] = clocks(a_lead(done("call", "tue 16:00")), stepped, "thu 12:00")
    assert shows(answered.steps, "at") == ["tue 15:00"]
    [put_off] = clocks(a_lead(held("tue 11:00", "wed 11:00")), stepped, "wed 15:00")
    assert shows(put_off.steps, "at") == ["wed 15:00"]

"""What is a proof and what is not, which promise each meets, and how often one must have tried."""

from __future__ import annotations

import pytest

from sla_engine.evaluate import evaluate
from sla_engine.model import ActorKind, OwnerChange, StageChange
from sla_engine.model import LifecycleStage as Stage
from sla_engine.target import ProofName
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

QUEUED = given("inbox", "mon 09:00")

# One row a fact: what it proves of a lead handed over on Tuesday at ten, and at what instant.
PROOFS = [
    ([entered("sal", "tue 11:00", "anna")], "accepted", "tue 11:00"),
    ([entered("sql", "tue 11:00", "anna")], "qualified", "tue 11:00"),
    ([entered("sql", "tue 11:00", "anna")], "accepted", "tue 11:00"),
    ([entered("opportunity", "tue 11:00", "anna")], "opportunity", "tue 11:00"),
    ([entered("customer", "tue 11:00", "anna")], "opportunity", "tue 11:00"),
    ([entered("recycled", "tue 11:00", "anna")], "rejected", "tue 11:00"),
    ([entered("disqualified", "tue 11:00", "anna")], "rejected", "tue 11:00"),
    # taken out of the queue, or given out of it
    ([QUEUED, taken("tue 11:00")], "accepted", "tue 11:00"),
    ([QUEUED, taken("tue 11:00")], "assigned", "tue 11:00"),
    ([QUEUED, given("anna", "tue 11:00", "ops")], "assigned", "tue 11:00"),
    ([QUEUED, given("anna", "tue 11:00", "flow")], "assigned", "tue 11:00"),
    # work by a person; a mail of a sequence that the rep enrolled is the rep's
    ([done("call", "tue 11:00")], "call", "tue 11:00"),
    ([done("email", "tue 11:00")], "email", "tue 11:00"),
    ([done("meeting", "tue 11:00")], "meeting", "tue 11:00"),
    ([done("task", "tue 11:00", outcome="reached")], "task", "tue 11:00"),
    # made in time and written down a day later: when it was made counts
    ([done("call", "tue 11:00", known_at="wed 11:00")], "call", "tue 11:00"),
    # at the very moment of the handover
    ([done("call", "tue 10:00")], "call", "tue 10:00"),
    # at night and on a Sunday: work all the same
    ([done("call", "sun 23:00")], "call", "sun 23:00"),
    # a follow-up with a date ahead proves something from when it was written down
    ([planned("meeting", "tue 11:00", "fri 10:00")], "follow_up", "tue 11:00"),
    ([planned("task", "tue 11:00", "fri 10:00")], "follow_up", "tue 11:00"),
    ([planned("call", "tue 11:00", "mon2 10:00")], "follow_up", "tue 11:00"),
    # marketing's enrolment is made by its automation
    ([done("enrolled", "tue 11:00", "flow")], "enrolled", "tue 11:00"),
    # somebody who deputises counts as much
    ([done("call", "tue 11:00", "ben")], "call", "tue 11:00"),
]


@pytest.mark.parametrize(("facts", "proof", "at"), PROOFS)
def test_a_proof_meets_the_target_that_names_it(facts, proof, at):
    one = agreement(target(within="80h", met_by=[proof]))
    clock = clocks(a_lead(*facts), one, "mon2 12:00")[0]
    assert shows([clock], "state", "proof", "stopped_at") == [("met", proof, at)]


@pytest.mark.parametrize(("facts", "proof", "at"), [row for row in PROOFS if row[1] != "assigned"])
def test_a_proof_meets_no_target_that_does_not_name_it(facts, proof, at):
    proved = {name for row, name, _ in PROOFS if row == facts}
    others = [name for name in ProofName.__args__ if name not in proved | {"assigned"}]
    clock = clocks(a_lead(*facts), agreement(target(within="80h", met_by=others)), "mon2 12:00")[0]
    assert (clock.proof, clock.state.value in {"running", "cancelled"}) == ("", True)


@pytest.mark.parametrize(
    "facts",
    [
        [],
        # a flow, an integration, or nobody knows who
        [entered("sal", "tue 11:00", "flow")],
        [entered("opportunity", "tue 11:00", "flow")],
        [entered("recycled", "tue 11:00", "flow")],
        [StageChange(on("tue 11:00"), Stage.SAL, id="?")],
        [done("call", "tue 11:00", "flow")],
        [done("email", "tue 11:00", "flow")],  # a sequence that a flow enrolled
        [done("meeting", "tue 11:00", "flow")],
        [done("task", "tue 11:00", "flow", outcome="reached")],
        [planned("task", "tue 11:00", "fri 10:00", "flow")],
        [QUEUED, given("anna", "tue 11:00", "flow")],
        # given by a person to another: nobody has answered yet
        [QUEUED, given("anna", "tue 11:00", "ops")],
        # put into a queue, however personally
        [given("anna", "mon 09:00"), given("inbox", "tue 11:00", "anna")],
        # taken, but since when is only estimated
        [QUEUED, OwnerChange(on("tue 11:00"), "anna", "anna", ActorKind.PERSON, estimated=True, id="o")],
        # automatic and bulk mail, even if a person pressed the button
        [done("automatic_email", "tue 11:00", "flow")],
        [done("automatic_email", "tue 11:00", "anna")],
        # before the handover
        [done("call", "tue 09:59")],
        [done("call", "tue 09:59", known_at="tue 11:00")],  # written down after it
        [planned("meeting", "tue 09:59", "fri 10:00")],
        [QUEUED, taken("tue 09:59")],
        # a follow-up without a date ahead, a task without an outcome
        [done("task", "tue 11:00")],
        [done("task", "tue 11:00", planned_for="tue 11:00")],
        [done("call", "tue 11:00", planned_for="mon 10:00")],
        # what the lead does itself
        [lead_did("email_reply", "tue 11:00"), lead_did("hand_raise", "tue 11:00")],
        # a rejection without a reason
        [entered("recycled", "tue 11:00", "anna", "")],
        [entered("disqualified", "tue 11:00", "anna", "")],
        # a step back
        [entered("inquiry", "tue 11:00", "anna")],
    ],
)
def test_what_is_no_proof(facts):
    """Whatever opens a first touch, by default, these facts do not keep it."""
    clock = clocks(a_lead(*facts, owner="anna"), agreement(target()), "wed 12:00")[0]
    assert (clock.proof, clock.state.value in {"breached", "cancelled"}) == ("", True)


def test_the_first_proof_counts_and_what_comes_later_changes_nothing():
    facts = [done("call", "tue 13:00"), done("email", "tue 12:00"), entered("sal", "wed 11:00", "anna")]
    assert shows(
        clocks(a_lead(*facts), agreement(target()), "thu 12:00"), "proof", "stopped_at", "state"
    ) == [("email", "tue 12:00", "met")]


def test_acceptance_stops_the_response_clock_and_opens_the_follow_up_clock():
    both = agreement(target(), target("follow-up", "8h", phase="sal", met_by=["call", "qualified"]))
    for acceptance in ([entered("sal", "tue 12:00", "anna")], [QUEUED, taken("tue 12:00")]):
        assert shows(
            clocks(a_lead(*acceptance), both, "tue 13:00"), "target", "proof", "started_at", "due_at"
        ) == [
            ("response", "accepted", "tue 10:00", "tue 14:00"),
            ("follow-up", "", "tue 12:00", "wed 12:00"),
        ]


def test_by_default_a_lead_is_answered_by_a_decision_or_by_getting_in_touch():
    assert agreement(target()).target[0].met_by == (
        "accepted",
        "opportunity",
        "rejected",
        "call",
        "email",
        "meeting",
        "follow_up",
        "task",
    )


def test_marketings_promise_to_enrol_is_kept_by_marketing():
    enrol = target("nurture", "24h", phase="recycled", responsible="marketing", met_by=["enrolled"])
    lead = a_lead(entered("recycled", "tue 11:00", "anna"), done("enrolled", "thu 12:00", "flow"))
    assert shows(clocks(lead, agreement(enrol), "fri 09:00"), "responsible", "state", "working_seconds") == [
        ("marketing", "met", 17 * 3600)
    ]


# ---------------------------------------------------------------- where nothing can be read


@pytest.mark.parametrize(
    ("facts", "now", "state"),
    [
        ([], "tue 14:00", "at_risk"),
        ([], "tue 14:01", "unproven"),  # nobody can say that there was no call
        ([entered("sal", "tue 13:00", "anna")], "wed 12:00", "met"),  # the CRM shows this one
        ([entered("opportunity", "tue 13:00", "flow")], "wed 12:00", "cancelled"),
        ([entered("opportunity", "wed 11:00", "flow")], "wed 12:00", "unproven"),
    ],
)
def test_where_a_reps_activities_cannot_be_read_nothing_is_called_a_breach(facts, now, state):
    assert shows(clocks(a_lead(*facts, readable=False), agreement(target()), now), "state") == [state]


def test_an_unproven_clock_asks_nobody_for_anything():
    verdict = evaluate(a_lead(readable=False), agreement(target()), on("wed 12:00"))
    assert (verdict.due_clock, verdict.sla_status) == (None, "unproven")


# ---------------------------------------------------------------- tried often enough

CADENCE = {"reasons": ["Not reachable"], "attempts": 3, "channels": 2, "working_days": 5}
TRYING = agreement(target("decision", "80h", met_by=["accepted", "rejected"]), rejection={"cadence": CADENCE})
GAVE_UP = entered("recycled", "wed2 12:00", "anna", "not reachable")


@pytest.mark.parametrize(
    ("attempts", "made"),
    [
        ([done("call", "tue 11:00"), done("email", "wed 11:00"), done("call", "thu 11:00")], None),
        # the fifth working day after Tuesday ends on the next Tuesday at midnight
        ([done("call", "tue 11:00"), done("email", "wed 11:00"), done("call", "tue2 23:59")], None),
        ([done("call", "tue 11:00"), done("email", "wed 11:00"), done("call", "wed2 09:00")], (2, 2)),
        # three calls are one channel
        ([done("call", "tue 11:00"), done("call", "wed 11:00"), done("call", "thu 11:00")], (3, 1)),
        # made for marketing, by a flow, or only planned
        ([done("call", "mon 11:00"), done("email", "wed 11:00"), done("call", "thu 11:00")], (2, 2)),
        ([done("call", "tue 11:00"), done("email", "wed 11:00", "flow"), done("call", "thu 11:00")], (2, 1)),
        (
            [
                done("call", "tue 11:00"),
                done("call", "thu 11:00"),
                planned("meeting", "wed 11:00", "mon2 09:00"),
            ],
            (2, 1),
        ),
        # after giving up
        ([done("call", "tue 11:00"), done("email", "wed 11:00"), done("call", "wed2 13:00")], (2, 2)),
        ([], (0, 0)),
    ],
)
def test_not_reachable_is_accepted_only_after_trying_as_agreed(attempts, made):
    verdict = evaluate(a_lead(*attempts, GAVE_UP), TRYING, on("wed2 15:00"))
    if made is None:
        assert (shows(verdict.clocks, "state", "proof"), verdict.findings) == ([("met", "rejected")], ())
        return
    assert shows(verdict.clocks, "state", "proof") == [("running", "")]
    assert verdict.next_step.code == "try_more"
    [short] = verdict.findings
    assert (short.code, short.values["made"], short.values["over"]) == ("cadence_short", *made)


def test_other_reasons_need_no_attempts():
    lead = a_lead(entered("recycled", "tue 11:00", "anna", "no budget"))
    assert shows(clocks(lead, TRYING, "tue 12:00"), "state", "proof") == [("met", "rejected")]


def test_a_planned_enrolment_is_none_yet():
    nurture = target("nurture", "8h", phase="recycled", responsible="marketing", met_by=["enrolled"])
    lead = a_lead(entered("recycled", "tue 12:00"), planned("enrolled", "tue 13:00", "thu 10:00"))
    assert shows(clocks(lead, agreement(nurture), "tue 14:00"), "state") == ["running"]

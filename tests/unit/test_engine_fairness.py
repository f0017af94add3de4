"""Fair clocks: what opened a clock does not meet it, a breach stays where it happened, nothing is rewritten.

Handed over on Tuesday at ten to anna, four hours to answer: due at two.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from sla_engine.agreement import Agreement
from sla_engine.book import Book
from sla_engine.evaluate import evaluate
from sla_engine.model import RelationKind
from tests.unit.engine_builders import (
    a_lead,
    agreement,
    clocks,
    done,
    entered,
    given,
    known_as,
    lead_did,
    on,
    planned,
    shows,
    taken,
    target,
)

ABSENT = [{"when": "absent"}]
WAITING = [{"when": "waiting_for_lead"}]
HOLD = [{"when": "hold"}]


def test_acceptance_opens_the_follow_up_clock_and_does_not_meet_it():
    agreed = agreement(target(), target("follow-up", "8h", phase="sal"))
    lead = a_lead(entered("sal", "tue 11:00", "anna"))
    assert shows(clocks(lead, agreed, "tue 12:00"), "target", "state", "due_at") == [
        ("response", "met", "tue 14:00"),
        ("follow-up", "running", "wed 11:00"),
    ]


def test_a_rejection_opens_marketings_clock_and_does_not_meet_it():
    agreed = agreement(target("enrol", "8h", phase="recycled", responsible="marketing"))
    lead = a_lead(entered("recycled", "tue 11:00", "anna"))
    assert shows(clocks(lead, agreed, "tue 12:00"), "state") == ["running"]


def test_handing_a_lead_over_is_what_marketing_promised_for_inquiries():
    promise = target("qualify", "8h", phase="inquiry", responsible="marketing", met_by=["handed_over"])
    lead = a_lead(entered("inquiry", "mon 12:00"), entered("mql", "tue 10:00"))
    assert shows(clocks(lead, agreement(promise), "tue 12:00"), "state", "proof") == [("met", "handed_over")]


@pytest.mark.parametrize("kind", ["hold", "automatic_email", "event", "email_click"])
def test_only_dated_work_is_a_follow_up(kind):
    """An agreed hold, a planned bulk mail or an event is dated too, and answers nobody."""
    lead = a_lead(planned(kind, "tue 11:00", "thu 11:00"))
    assert shows(clocks(lead, agreement(target()), "tue 12:00"), "proof") == [""]


def test_a_hold_stops_the_clock_of_a_target_with_the_usual_proofs():
    lead = a_lead(planned("hold", "tue 11:00", "tue 13:00"))
    seen = clocks(lead, agreement(target(pauses=HOLD)), "tue 12:00")
    assert shows(seen, "state", "due_at") == [("paused", "tue 16:00")]


def test_a_hold_ends_when_somebody_resumes_however_crms_date_it():
    lead = a_lead(planned("hold", "tue 11:00", "thu 11:00"), done("resume", "tue 12:00"))
    seen = clocks(lead, agreement(target(pauses=HOLD)), "tue 13:00")
    assert shows(seen, "due_at") == ["tue 15:00"]


@pytest.mark.parametrize("kind", list(RelationKind))
def test_becoming_known_elsewhere_opens_no_clock_and_wipes_none_out(kind):
    lead = a_lead(known_as(kind, "R7", "ben", "wed 10:00"), lead_did("hand_raise", "wed 12:00"))
    agreed = agreement(target(), target("reply", "1h", starts="inbound_activity", activities=["hand_raise"]))
    assert shows(clocks(lead, agreed, "thu 11:00"), "target", "state") == [("response", "breached")]


def test_who_is_no_new_lead_is_said_with_the_agreed_reason():
    rule = {
        "name": "customer",
        "when": [{"field": "customer", "is": True}],
        "because": "buys from us already",
    }
    lead = a_lead(fields={"customer": True})
    verdict = evaluate(lead, agreement(target(), not_new=[rule]), on("tue 12:00"))
    assert (verdict.clocks, verdict.findings[0].values) == ((), {"because": "buys from us already"})


def test_the_agreement_of_the_moment_a_clock_opened_keeps_it():
    """A lead that raises its hand later comes under another agreement; its running clock does not."""
    fast = agreement(target("fast", "1h"), scope=[{"activity": "hand_raise"}])
    book = Book.of(
        Agreement.model_validate({**fast.model_dump(by_alias=True), "name": "fast"}), agreement(target())
    )
    lead = a_lead(lead_did("hand_raise", "thu 10:00"))
    for now in ("wed 12:00", "thu 12:00"):
        assert shows(clocks(lead, book, now), "target", "due_at") == [("response", "tue 14:00")]


def test_an_inbound_activity_does_not_join_a_clock_that_never_ran():
    reply = target(
        "reply",
        "1h",
        starts="inbound_activity",
        activities=["form"],
        joins_within="4h",
        when=[{"activity": "form", "content": "demo"}],
    )
    lead = a_lead(lead_did("form", "tue 11:00", "newsletter"), lead_did("form", "tue 12:00", "demo"))
    assert shows(clocks(lead, agreement(reply), "tue 12:30"), "started_at") == ["tue 12:00"]


def test_back_in_a_queue_the_time_to_assign_begins_anew():
    assign = target(
        "assign", "1h", starts="unassigned", responsible="operations", met_by=["assigned"], promise="assign"
    )
    agreed = agreement(assign, target(starts="assigned", promise="response"))
    lead = a_lead(
        given("inbox", "mon 09:00"),
        given("anna", "tue 10:30"),
        given("inbox", "wed 11:00"),
        given("ben", "wed 13:00"),
        owner="ben",
    )
    assert shows(clocks(lead, agreed, "wed 14:00"), "target", "owner", "started_at", "state") == [
        ("assign", "inbox", "tue 10:00", "met"),
        ("response", "anna", "tue 10:30", "breached"),
        ("assign", "inbox", "wed 11:00", "met_late"),
        ("response", "ben", "wed 13:00", "running"),
    ]


def test_a_lead_back_in_a_queue_that_nobody_promised_to_assign_is_reported():
    lead = a_lead(given("anna", "mon 09:00"), given("inbox", "wed 11:00"), owner="inbox")
    verdict = evaluate(lead, agreement(target(starts="assigned")), on("wed 12:00"))
    assert verdict.uncovered


def test_a_new_owner_ends_the_former_owners_absence():
    people = {"anna": {"absent": [["2026-03-03", "2026-03-06"]]}}
    agreed = agreement(target(pauses=ABSENT), people=people)
    lead = a_lead(given("anna", "mon 09:00"), given("ben", "tue 11:00"), owner="ben")
    assert shows(clocks(lead, agreed, "tue 12:00"), "state", "due_at") == [("running", "tue 15:00")]


def test_the_new_owners_absence_stops_the_clock_from_then_on():
    people = {"ben": {"absent": [["2026-03-03", "2026-03-03"]]}}
    agreed = agreement(target(pauses=ABSENT), people=people)
    lead = a_lead(given("anna", "mon 09:00"), given("ben", "tue 11:00"), owner="ben")
    assert shows(clocks(lead, agreed, "tue 12:00"), "state", "due_at") == [("paused", "wed 12:00")]


def test_a_long_absence_counts_from_when_it_began_to_matter():
    people = {"anna": {"absent": [["2026-02-20", "2026-03-06"]]}}
    agreed = agreement(target(pauses=[{"when": "absent", "at_most": "1d"}]), people=people)
    assert shows(clocks(a_lead(), agreed, "tue 12:00"), "state", "due_at") == [("paused", "wed 14:00")]


def test_what_was_asked_before_the_handover_does_not_stop_the_clock():
    lead = a_lead(done("call", "tue 09:30"))
    assert shows(clocks(lead, agreement(target(pauses=WAITING)), "tue 12:00"), "due_at") == ["tue 14:00"]


@pytest.mark.parametrize("kind", ["bounce", "opt_out", "email_reply"])
def test_nobody_waits_for_a_lead_that_a_mail_did_not_reach(kind):
    agreed = agreement(target(pauses=WAITING, met_by=["accepted"]))
    lead = a_lead(done("email", "tue 11:00"), lead_did(kind, "tue 11:30"))
    assert shows(clocks(lead, agreed, "tue 12:00"), "due_at") == ["tue 14:30"]


def test_a_breach_stays_with_the_owner_under_whom_it_happened():
    lead = a_lead(
        given("anna", "mon 09:00"), given("ben", "wed 11:00"), done("call", "wed 12:00", "ben"), owner="ben"
    )
    assert shows(clocks(lead, agreement(target()), "wed 13:00"), "owner", "state", "started_at") == [
        ("anna", "breached", "tue 10:00"),
        ("ben", "met", "wed 11:00"),
    ]


def test_an_owner_who_gets_a_lead_in_time_gets_what_is_left_of_it():
    lead = a_lead(
        given("anna", "mon 09:00"), given("ben", "tue 13:00"), done("call", "tue 13:30", "ben"), owner="ben"
    )
    assert shows(clocks(lead, agreement(target()), "wed 13:00"), "owner", "state") == [("ben", "met")]


def test_an_answer_that_ends_a_clock_counts_for_whoever_had_the_lead_then():
    lead = a_lead(given("inbox", "mon 09:00"), given("anna", "tue 11:00"), done("call", "tue 12:00"))
    assert shows(clocks(lead, agreement(target()), "wed 13:00"), "owner", "state") == [("anna", "met")]


def test_taking_a_lead_over_from_somebody_else_is_acceptance():
    lead = a_lead(given("anna", "mon 09:00"), taken("tue 11:00", "ben"), owner="ben")
    assert shows(clocks(lead, agreement(target()), "tue 12:00"), "owner", "proof") == [("ben", "accepted")]


def test_a_rejection_that_was_no_answer_does_not_buy_time():
    """Rejected as not reachable without trying, and moved back a minute later: the first clock runs on."""
    cadence = {"reasons": ["not reachable"], "attempts": 3, "channels": 2, "working_days": 5}
    agreed = agreement(target(), rejection={"cadence": cadence})
    lead = a_lead(
        entered("mql", "tue 10:00"),
        entered("recycled", "tue 13:00", "anna", "not reachable"),
        replace(entered("mql", "tue 13:01", "anna"), id="back"),
    )
    assert shows(clocks(lead, agreed, "tue 13:30"), "state", "due_at") == [("at_risk", "tue 14:00")]


def test_attempts_made_after_a_premature_rejection_make_it_good():
    cadence = {"reasons": ["not reachable"], "attempts": 2, "channels": 1, "working_days": 3}
    agreed = agreement(target(met_by=["rejected"]), rejection={"cadence": cadence})
    lead = a_lead(
        done("call", "tue 11:00"),
        entered("recycled", "tue 12:00", "anna", "not reachable"),
        done("call", "tue 13:00"),
    )
    assert shows(clocks(lead, agreed, "tue 12:30"), "state") == ["running"]
    assert shows(clocks(lead, agreed, "tue 13:30"), "state", "stopped_at") == [("met", "tue 13:00")]


def test_attempts_count_in_the_round_they_were_made_in():
    cadence = {"reasons": ["not reachable"], "attempts": 2, "channels": 1, "working_days": 3}
    agreed = agreement(target(), rejection={"cadence": cadence})
    lead = a_lead(
        entered("mql", "tue 10:00"),
        done("call", "tue 11:00"),
        entered("recycled", "tue 12:00", "anna", "no budget"),
        entered("mql", "wed 10:00"),
        done("call", "wed 11:00"),
        entered("recycled", "wed 12:00", "anna", "not reachable"),
    )
    (finding,) = evaluate(lead, agreed, on("wed 13:00")).findings
    assert (finding.code, finding.values["made"]) == ("cadence_short", 1)


def test_a_deadline_at_closing_is_missed_only_when_work_begins_again():
    """Four hours from one o'clock are used up at closing; an answer at night took no longer."""
    lead = a_lead(entered("mql", "tue 13:00"))
    agreed = agreement(target(escalate=[{"at": 1.0, "do": "reassign", "to": "ben"}]))
    evening = evaluate(lead, agreed, on("tue 20:00"))
    assert (shows(evening.clocks, "state", "due_at"), evening.assign_to) == ([("at_risk", "tue 17:00")], None)
    assert evening.valid_until == on("wed 09:00:01")
    morning = evaluate(lead, agreed, on("wed 09:00:01"))
    assert (shows(morning.clocks, "state"), morning.assign_to) == (["breached"], "ben")
    answered = a_lead(entered("mql", "tue 13:00"), done("call", "tue 20:00"))
    assert shows(clocks(answered, agreed, "wed 10:00"), "state") == ["met"]


def test_a_late_answer_of_somebody_whose_work_cannot_be_read_is_unproven():
    lead = a_lead(entered("sal", "wed 11:00", "anna"), readable=False)
    assert shows(clocks(lead, agreement(target()), "wed 12:00"), "state", "proof") == [
        ("unproven", "accepted")
    ]


def test_what_no_activity_could_prove_is_breached_also_where_none_can_be_read():
    assign = target("assign", starts="unassigned", met_by=["assigned"], responsible="operations")
    lead = a_lead(given("inbox", "mon 09:00"), owner="inbox", readable=False)
    assert shows(clocks(lead, agreement(assign), "wed 12:00"), "state") == ["breached"]


def test_a_flow_that_brings_back_a_disqualified_lead_opens_no_clock_and_is_reported():
    lead = a_lead(
        entered("mql", "tue 10:00"),
        entered("disqualified", "tue 11:00", "anna", "not a buyer"),
        replace(entered("mql", "wed 10:00"), id="again"),
    )
    verdict = evaluate(lead, agreement(target()), on("wed 11:00"))
    assert shows(verdict.clocks, "round") == [1]
    assert [one.code for one in verdict.findings] == ["stray_move"]


def test_the_past_does_not_know_todays_stage_and_owner():
    lead = a_lead(entered("mql", "wed 10:00"), given("anna", "wed 10:00"))
    before = evaluate(lead, agreement(target()), on("tue 12:00"))
    assert (before.stage, before.responsible, before.next_step.responsible) == (
        None,
        "marketing",
        "marketing",
    )


def test_the_manager_of_a_queues_responsible_is_told():
    people = {"inbox": {"responsible": "ops"}, "ops": {"manager": "chef"}}
    agreed = agreement(target(escalate=[{"at": 1.5, "do": "tell_manager"}]), people=people)
    lead = a_lead(given("inbox", "mon 09:00"), owner="inbox")
    assert shows(clocks(lead, agreed, "thu 12:00")[0].steps, "to") == ["chef"]


def test_a_bounce_after_the_handover_does_not_choose_another_target_for_it():
    hot, cold = (
        target("hot", "1h", when=[{"score": 20}], promise="response"),
        target("cold", promise="response"),
    )
    agreed = agreement(hot, cold, minimum={"required": ["email"]})
    lead = a_lead(lead_did("bounce", "tue 10:45"), fields={"email": "eva@kontor.de"})
    assert shows(clocks(lead, agreed, "tue 12:00"), "target") == ["hot"]

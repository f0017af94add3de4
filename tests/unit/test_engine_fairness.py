"""Fair clocks: what opened a clock does not meet it, a breach stays where it happened, nothing is rewritten.

Handed over on Tuesday at ten to anna, four hours to answer: due at two.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from sla_engine.agreement import Agreement
from sla_engine.book import Book, Chapter
from sla_engine.evaluate import evaluate
from sla_engine.model import RelationKind
from sla_engine.scanners import scanner_clicks
from tests.unit.engine_builders import (
    FLOW,
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


LADDER = [{"at": 1.0, "do": "tell_manager"}, {"at": 2.0, "do": "reassign", "to": "ben"}]
CHEF = {"anna": {"manager": "chef"}}


def test_nobody_is_urged_over_what_cannot_be_known():
    """A start known only from first sight ends unproven, and its ladder with it."""
    lead = a_lead(entered("mql", "tue 10:00", estimated=True))
    verdict = evaluate(lead, agreement(target(escalate=LADDER), people=CHEF), on("thu 12:00"))
    assert shows(verdict.clocks, "state", "steps") == [("unproven", ())]
    assert (verdict.assign_to, verdict.valid_until) == (None, None)


def test_a_later_owner_changes_nothing_of_what_was():
    hours = {"ny": {"tz": "America/New_York", "weekly": {"mon": [["09:00", "17:00"]]}}}
    agreed = agreement(
        target(pauses=ABSENT),
        hours=hours,
        hours_by_time_zone={"America/New_York": "ny"},
        people={"bob": {"absent": [["2026-03-03", "2026-03-03"]]}},
    )
    lead = a_lead(given("bob", "wed 10:00", time_zone="America/New_York"), owner="bob")
    for now in ("tue 15:00", "wed 09:59"):
        assert shows(clocks(lead, agreed, now), "owner", "state", "due_at") == [
            (None, "breached", "tue 14:00")
        ]
    assert shows(clocks(lead, agreed, "wed 11:00")[:1], "owner", "state", "due_at") == [
        (None, "breached", "tue 14:00")
    ]


def test_hand_raises_join_a_running_clock_of_the_promise_whichever_target_it_runs_under():
    inbound = {
        "starts": "inbound_activity",
        "activities": ["hand_raise"],
        "joins_within": "4h",
        "promise": "reply",
    }
    german = [{"field": "country", "is": "DE"}]
    agreed = agreement(target("hot", "1h", **inbound, when=german), target("normal", "4h", **inbound))
    lead = a_lead(
        lead_did("hand_raise", "tue 11:00"), lead_did("hand_raise", "tue 11:30"), fields={"country": "DE"}
    )
    assert shows(clocks(lead, agreed, "tue 11:45"), "target", "started_at") == [("hot", "tue 11:00")]


def versions(newer, older, replaced):
    """A book in which one agreement was replaced by the other."""
    return Book((Chapter(newer, ((older, on(replaced)),)),))


def test_narrowing_the_scope_leaves_running_and_past_clocks_alone():
    french = agreement(target(), scope=[{"field": "country", "is": "FR"}])
    book = versions(french, agreement(target()), "tue 12:00")
    lead = a_lead(fields={"country": "DE"})
    assert shows(clocks(lead, book, "tue 15:00"), "state") == ["breached"]


def test_one_clock_where_a_breach_and_a_new_version_meet():
    book = versions(
        agreement(target(promise="x", starts="assigned")), agreement(target(promise="x")), "tue 15:00"
    )
    lead = a_lead(given("anna", "mon 10:00"), given("ben", "wed 10:00"), owner="ben")
    seen = clocks(lead, book, "wed 11:00")
    assert len({clock.key for clock in seen}) == len(seen) == 2
    assert shows(seen, "owner", "state") == [("anna", "breached"), ("ben", "running")]


def test_somebody_known_elsewhere_gets_no_second_clock_by_being_given_to_that_owner():
    lead = a_lead(
        given("anna", "mon 10:00"),
        known_as("customer", "c1", "bob", "wed 09:00"),
        given("bob", "wed 10:00"),
        owner="bob",
    )
    assert shows(clocks(lead, agreement(target()), "wed 12:00"), "owner", "state") == [("anna", "breached")]


def test_two_facts_with_one_id_are_one_in_whatever_order_they_come():
    taken_by_ben = given("ben", "tue 11:00", "ben")
    by_flow = replace(taken_by_ben, actor=None, actor_kind=FLOW)
    other_way = a_lead(given("anna", "mon 10:00"), by_flow, taken_by_ben, owner="ben")
    assert a_lead(given("anna", "mon 10:00"), taken_by_ben, by_flow, owner="ben") == other_way
    ticked = done("task", "tue 11:00", outcome="done")
    machine = replace(ticked, actor_kind=FLOW)
    assert a_lead(ticked, machine) == a_lead(machine, ticked)


def test_an_open_breach_stays_with_its_owner_when_the_lead_goes_back_to_a_queue():
    lead = a_lead(given("anna", "mon 10:00"), given("inbox", "wed 10:00"), owner="inbox")
    agreed = agreement(target(), people={"inbox": {"responsible": "ops"}})
    assert shows(clocks(lead, agreed, "wed 11:00"), "owner", "acting", "state") == [
        ("anna", "ops", "breached")
    ]


def test_a_lead_taken_away_in_time_blames_nobody():
    gone = replace(given("anna", "tue 11:00"), owner=None, id="nobody")
    lead = a_lead(given("anna", "mon 10:00"), gone, owner=None)
    assert shows(clocks(lead, agreement(target()), "tue 15:00"), "owner", "acting") == [(None, None)]


def test_a_certain_lateness_stays_one_when_the_reason_is_lost():
    lead = a_lead(
        entered("mql", "tue 10:00"),
        entered("recycled", "wed 10:00", "anna", ""),
        replace(entered("mql", "thu 10:00"), id="again"),
    )
    assert shows(clocks(lead, agreement(target()), "thu 11:00")[:1], "state") == ["breached"]


def test_a_meeting_that_was_only_planned_has_not_happened():
    met = target("met", "1h", when=[{"activity": "meeting"}], promise="response")
    agreed = agreement(met, target(promise="response"))
    lead = a_lead(planned("meeting", "mon 10:00", "tue 09:30"))
    assert shows(clocks(lead, agreed, "tue 10:30"), "target") == ["response"]


def test_a_visit_planned_for_later_is_none_yet():
    event = replace(lead_did("event", "tue 11:00"), planned_for=on("tue 11:00"), known_at=on("tue 10:00"))
    callback = target("event", "1h", starts="inbound_activity", activities=["event"])
    verdict = evaluate(
        a_lead(event), agreement(callback, interest={"points": {"event": 20}}), on("tue 12:00")
    )
    assert (verdict.clocks, verdict.interest.points) == ((), 0)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"fit": [{"name": "x", "not": {"score": 5}, "verdict": "buyer", "because": "b"}]}, "fit cannot ask"),
        ({"not_new": [{"name": "x", "when": [{"activity": "form"}], "because": "b"}]}, "told by fields"),
        ({"scope": [{"any": [{"interest": "high"}]}]}, "change by themselves"),
        (
            {"rejection": {"cadence": {"reasons": ["r"], "attempts": 1, "channels": 2, "working_days": 1}}},
            "more channels",
        ),
    ],
)
def test_what_would_go_round_in_circles_or_flicker_is_refused(part, words):
    with pytest.raises(ValueError, match=words):
        agreement(target(), **part)


def test_a_thousand_clicks_are_looked_through_once(monkeypatch):
    """Not once for every click: a lead whose mail gateway clicks everything must not hold up a run."""
    looked = []

    def counted(clicks, *rest):
        looked.append(len(clicks))
        return scanner_clicks(clicks, *rest)

    monkeypatch.setattr("sla_engine.behaviour.scanner_clicks", counted)
    clicks = [lead_did("email_click", "tue 09:00", f"/{number}") for number in range(1000)]
    asking = agreement(target(when=[{"not": {"activity": "email_click", "content": "nowhere"}}]))
    evaluate(a_lead(*clicks), asking, on("tue 11:00"))
    assert looked == [1000, 1000]  # at the opening and now


def test_replacing_a_version_changes_no_verdict_that_said_it_holds():
    """What is asked of a lead is the newest version's business before and after it came into force."""
    french = agreement(target(), scope=[{"field": "country", "is": "FR"}])
    book = Book((*versions(french, agreement(target()), "wed 12:00").chapters, Chapter(agreement())))
    lead = a_lead(fields={"country": "DE"})
    before = evaluate(lead, book, on("wed 11:59"))
    assert before.valid_until is None
    after = evaluate(lead, book, on("wed 12:01"))
    assert (after.agreement_version, after.clocks) == (before.agreement_version, before.clocks)
    assert shows(after.clocks, "state") == ["breached"]

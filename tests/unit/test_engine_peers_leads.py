"""What users ask of lead software around the SLA, or find stuck or lost in it: the engine's answer.

The peer, its issue and what it does are in the docstrings; clocks and calendars are in
``test_engine_peers``. Words as in ``engine_builders``: "tue 10:00" is a Tuesday in Berlin.
"""

from __future__ import annotations

import pytest

from sla_engine.book import Book, Chapter
from sla_engine.evaluate import evaluate
from sla_engine.scorecard import score_lines
from sla_engine.verdict import Fit, InterestBand
from sla_engine.wording import Wording
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
    target,
)

POINTS = {"points": {"hand_raise": 30, "form": 12}, "half_life": "7d"}
MARKET = {"name": "market", "field": "country", "is": "DE", "verdict": "buyer", "because": "we sell there"}
REMIND = {"at": 1, "do": "remind_owner"}
FOLLOW_UP = target("follow-up", "8h", phase="sal", met_by=["follow_up", "qualified"], escalate=[REMIND])
FORM = lead_did("form", "mon 10:00", "Demo")
WON = entered("customer", "tue 12:00", by="anna")
BACK = entered("sql", "tue 13:00", by="anna")


def judged(agreed, now, *facts, **fields):
    return evaluate(a_lead(*facts, fields=fields), agreed, on(now))


# the next date (frappe/crm#2588)


def test_frappe_crm_2588_every_accepted_lead_has_one_next_date_and_whose_it_is():
    """Frappe CRM (crm#2588) has no field that says when a lead is next to be touched, and by whom."""
    verdict = judged(agreement(FOLLOW_UP), "tue 12:00", entered("sal", "tue 11:00", by="anna"))
    step, clock = verdict.next_step, verdict.due_clock
    assert (step.code, step.responsible, step.due_at) == ("follow_up", "sales", on("wed 11:00"))
    assert (clock.owner, clock.acting, clock.due_at) == ("anna", "anna", step.due_at)


@pytest.mark.parametrize(
    ("now", "reminded"),
    [("wed 11:00", []), ("wed 11:00:01", ["wed 11:00:01"]), ("fri 9:00", ["wed 11:00:01"])],
)
def test_frappe_crm_2588_the_owner_is_reminded_when_the_date_has_come(now, reminded):
    """Frappe CRM (crm#2588): a date in a field of one's own reminds nobody."""
    (clock,) = clocks(a_lead(entered("sal", "tue 11:00", by="anna")), agreement(FOLLOW_UP), now)
    assert [(one.do, one.at) for one in clock.steps] == [("remind_owner", on(when)) for when in reminded]


def test_frappe_crm_2588_a_date_agreed_with_the_lead_moves_the_reminder_to_it():
    """Frappe CRM (crm#2588): a task with a date is apart from the lead; here a hold until then moves the date."""
    hold = done("hold", "tue 11:00", planned_for="thu 11:00", known_at="tue 11:00")
    agreed = agreement(FOLLOW_UP | {"pauses": [{"when": "hold", "at_most": "30d"}]})
    facts = entered("sal", "tue 10:30", by="anna"), hold
    verdict = judged(agreed, "wed 12:00", *facts)
    assert (verdict.sla_status, verdict.next_step.due_at) == ("paused", on("fri 10:30"))
    (later,) = judged(agreed, "mon2 9:00", *facts).clocks
    assert [step.at for step in later.steps] == [on("fri 10:30:01")]


def test_frappe_crm_2588_a_dated_call_is_the_follow_up_promised():
    """Frappe CRM (crm#2588): what a rep has planned does not count as the next follow-up."""
    facts = entered("sal", "tue 11:00", by="anna"), planned("call", "tue 15:00", "thu 10:00")
    assert shows(clocks(a_lead(*facts), agreement(FOLLOW_UP), "tue 16:00"), "state", "proof") == [
        ("met", "follow_up")
    ]


def test_frappe_crm_2588_a_task_that_a_flow_planned_is_nobodys_word():
    facts = (
        entered("sal", "tue 11:00", by="anna"),
        done("call", "tue 12:00"),
        planned("task", "tue 15:00", "thu 10:00", by="flow"),
    )
    assert (
        judged(agreement(FOLLOW_UP | {"met_by": ["call"]}), "tue 16:00", *facts).next_step.code == "carry_on"
    )


@pytest.mark.parametrize(
    ("now", "step"), [("tue 16:00", ("keep_date", "thu 10:00")), ("thu 10:00", ("carry_on", None))]
)
def test_frappe_crm_2588_the_next_step_names_the_planned_date(now, step):
    """Frappe CRM (crm#2588): the next follow-up is nowhere said on the lead."""
    facts = entered("sal", "tue 11:00", by="anna"), planned("call", "tue 15:00", "thu 10:00")
    verdict = judged(agreement(FOLLOW_UP), now, *facts)
    code, due = step
    assert (verdict.next_step.code, verdict.next_step.due_at) == (code, due and on(due))
    if due:
        assert verdict.valid_until == on(due)


def test_frappe_crm_2588_a_recycled_lead_comes_back_on_its_date():
    """Frappe CRM (crm#2588): nothing happens when the date arrives."""
    agreed = agreement(target(), rejection={"return_on": "call_again"})
    back = {"call_again": on("thu 9:00")}
    steps = [
        judged(agreed, now, entered("recycled", "tue 12:00", by="anna"), **back).next_step
        for now in ("wed 12:00", "thu 9:00")
    ]
    assert [(one.code, one.responsible, one.due_at) for one in steps] == [
        ("take_up_again", "marketing", on("thu 9:00")),
        ("hand_over", "marketing", None),
    ]


# scores (odoo#104365, odoo#49027, frappe/crm#792, Django-CRM#630)


def test_odoo_104365_and_49027_a_lead_that_was_won_and_goes_back_scores_as_if_it_never_had():
    """Odoo (PR#49027) leaves a lead that was won at 100 % when it goes back a stage; (PR#104365) at 91.67 %."""
    agreed = agreement(target(), interest=POINTS, fit=[MARKET])
    never, won = (entered("sql", "tue 11:00", by="anna"),), (entered("sql", "tue 11:00", by="anna"), WON)
    stories = never, won, (*won, BACK)
    found = [judged(agreed, "tue 14:00", FORM, *story, country="DE") for story in stories]
    assert [one.score for one in found] == [30 + 20 + 35] * 3
    assert [one.stage for one in found] == ["sql", "customer", "sql"]
    assert [one.next_step.code for one in found] == ["carry_on", "decided", "carry_on"]


def test_odoo_49027_where_nothing_can_be_told_the_score_is_what_is_known():
    """Odoo (PR#49027) keeps the value of before when it has nothing to compute one from."""
    agreed = agreement(target(), interest=POINTS, fit=[MARKET])
    less_and_less = ("tue 14:00", "DE"), ("tue 14:00", ""), ("thu9 14:00", "")  # the form has faded
    scores = [judged(agreed, now, FORM, country=country).score for now, country in less_and_less]
    assert scores == [30 + 20 + 35, 20 + 35, 20]


def test_frappe_crm_792_a_score_is_fit_and_data_and_behaviour_each_shown():
    """Frappe CRM (crm#792, open) has no lead score by fit rules and engagement."""
    verdict = judged(agreement(target(), interest=POINTS, fit=[MARKET]), "tue 10:00", FORM, country="DE")
    criteria = [one for one in verdict.reasons if one.criterion == "market"]
    lines = score_lines(verdict.fit, criteria, verdict.interest.band, has_minimum_data=not verdict.missing)
    assert [(one.code, one.points) for one in lines] == [
        ("score_fit", 30),
        ("score_data", 20),
        ("score_interest", 35),
    ]
    assert (verdict.fit, sum(one.points for one in lines)) == (Fit.BUYER, verdict.score)


def test_django_crm_630_several_models_score_with_decay_and_thresholds_of_their_own():
    """Django-CRM (#630) asks for scores that decay, thresholds, and more than one model."""
    slow = agreement(target(), name="slow", interest={**POINTS, "half_life": "28d"})
    fast = {**POINTS, "bands": {"low": 4, "medium": 6, "high": 20}}
    quick = agreement(target(), name="quick", interest=fast, scope=[{"field": "country", "is": "US"}])
    book = Book.of(quick, slow)
    bands = [
        [
            judged(book, now, FORM, country=land).interest.band
            for now in ("mon 10:00", "mon2 10:00", "mon3 10:00")
        ]
        for land in ("US", "DE")
    ]
    low, medium, none = InterestBand.LOW, InterestBand.MEDIUM, InterestBand.NONE
    assert bands == [[medium, medium, none], [medium, medium, low]]


# clocks side by side and one after the other


def test_django_crm_590_a_clock_says_when_it_is_at_risk_paused_and_breached():
    """Django-CRM (#590) asks for an SLA with at risk, pause and breach."""
    agreed = agreement(target(pauses=[{"when": "hold"}]))
    hold = done("hold", "tue 11:00", planned_for="tue 12:00", known_at="tue 11:00")
    instants = "tue 10:30", "tue 11:30", "tue 12:30", "tue 14:00", "tue 15:00:01"
    states = [judged(agreed, now, hold).sla_status for now in instants]
    assert states == ["running", "paused", "running", "at_risk", "breached"]


def test_frappe_helpdesk_2449_a_hold_takes_nothing_from_a_lead_of_a_weekend_but_working_time():
    """Frappe Helpdesk (PR#2449) added the hold to the instant of creation: of a Saturday's, 13:00."""
    hold = done("hold", "sat 12:00", planned_for="mon2 10:00", known_at="sat 12:00")
    agreed = agreement(target(pauses=[{"when": "hold"}]))
    (clock,) = clocks(a_lead(entered("mql", "sat 12:00"), hold), agreed, "mon2 9:30")
    assert shows([clock], "state", "due_at") == [("paused", "mon2 14:00")]


def test_zammad_each_answer_keeps_its_own_time_when_the_agreement_changes():
    """Zammad (read) keeps only the longest update time, which is wrong once the SLA has changed."""
    reply = target("reply", "2h", starts="inbound_activity", activities="email_reply", met_by=["email"])
    new = agreement({**reply, "within": "1h"})
    book = Book((Chapter(new, ((agreement(reply), on("wed 9:00")),)),))
    asked = [lead_did("email_reply", when) for when in ("tue 11:00", "tue 14:00", "wed 10:00")]
    said = [done("email", when) for when in ("tue 11:30", "tue 16:30", "wed 10:45")]
    found = clocks(a_lead(*asked, *said), book, "thu 9:00")
    assert shows(found, "state", "working_seconds", "overshoot_seconds") == [
        ("met", 1800, 0),
        ("met_late", 9000, 1800),
        ("met", 2700, 0),
    ]


def test_freescout_2074_every_clock_is_a_line_of_a_report_by_itself():
    """FreeScout (#2074) has no report on SLAs: whose, which promise, how long in both times, how late."""
    (clock,) = clocks(
        a_lead(given("anna", "mon 9:00"), done("call", "wed 11:00")), agreement(target()), "thu 9:00"
    )
    assert shows([clock], "target", "responsible", "owner", "state", "proof") == [
        ("response", "sales", "anna", "met_late", "call")
    ]
    assert (clock.working_seconds, clock.wall_seconds, clock.overshoot_seconds) == (
        9 * 3600,
        25 * 3600,
        5 * 3600,
    )


def test_mautic_a_score_says_which_activities_made_it():
    """Mautic (read) explains points by nothing but the log."""
    verdict = judged(agreement(target(), interest=POINTS), "tue 11:00", FORM)
    told = Wording.of("en").signals(verdict.signals, "Europe/Berlin")
    assert told == "sent a form: Demo, Mon 2 Mar 10:00"

"""Marketing's side: its own targets beside sales' ones, the volume it promised, and how much was accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sla_engine.agreement import Agreement
from sla_engine.evaluate import evaluate
from sla_engine.history import history_of
from sla_engine.marketing import VolumeLine, volume
from sla_engine.model import Activity, ActivityKind, ActorKind, Lead, LifecycleStage, Owner, StageChange

PERSON = ActorKind.PERSON
WEEK = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
WELCOME = {
    "name": "welcome",
    "phase": "inquiry",
    "responsible": "marketing",
    "within": "8h",
    "met_by": ["email", "call"],
}
RESPONSE = {"name": "response", "phase": "mql", "within": "4h"}
ENROL = {**WELCOME, "name": "enrol", "phase": "recycled", "within": "16h", "met_by": ["enrolled"]}


def march(day, hour=10, minute=0):
    """A moment of March 2026; the second is a Monday."""
    return datetime(2026, 3, 1, hour, minute, tzinfo=UTC) + timedelta(days=day - 1)


def to(stage, at, by=PERSON):
    return StageChange(at, LifecycleStage(stage), "anna", by, "no budget", id=f"{stage} {at}")


def did(kind, at, by=PERSON):
    return Activity(f"{kind} {at}", ActivityKind(kind), at, at, "mia", by)


def a_lead(*facts, **fields):
    lead = Lead("L", march(1), LifecycleStage.INQUIRY, Owner("anna"), fields)
    moves = [one for one in facts if isinstance(one, StageChange)]
    return history_of(lead, [one for one in facts if isinstance(one, Activity)], moves)


def agreed(*targets, tz="UTC", **changes):
    hours = {"office": {"tz": tz, "weekly": WEEK}}
    return Agreement.model_validate(
        {"name": "A", "default_hours": "office", "hours": hours, "target": targets, **changes}
    )


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ([did("email", march(2, 16))], "met"),
        ([did("call", march(3, 11))], "met_late"),
        ([did("email", march(2, 16), ActorKind.AUTOMATION)], "breached"),  # a flow's mail is no welcome
        ([did("automatic_email", march(2, 16))], "breached"),
        ([did("meeting", march(2, 16))], "breached"),  # not agreed as proof
        ([], "breached"),
    ],
)
def test_marketing_promises_work_of_its_own(facts, state):
    (clock,) = evaluate(a_lead(to("inquiry", march(2)), *facts), agreed(WELCOME), march(4)).clocks
    assert (clock.responsible, clock.due_at, clock.state) == ("marketing", march(3), state)


@pytest.mark.parametrize(
    ("target", "stage", "code"),
    [(WELCOME, "inquiry", "marketing_acts"), (ENROL, "recycled", "enrol"), (RESPONSE, "mql", "answer")],
)
def test_the_next_step_goes_to_who_promised_it(target, stage, code):
    verdict = evaluate(a_lead(to(stage, march(2))), agreed(WELCOME, RESPONSE, ENROL), march(2))
    (clock,) = verdict.clocks
    assert (verdict.next_step.code, verdict.next_step.due_at) == (code, clock.due_at)
    assert verdict.next_step.responsible == clock.responsible == target.get("responsible", "sales")


def test_marketings_clock_and_sales_clock_are_judged_apart_in_one_life():
    facts = [to("inquiry", march(2)), to("mql", march(3, 11)), to("recycled", march(3, 12))]
    verdict = evaluate(a_lead(*facts, did("enrolled", march(4))), agreed(WELCOME, RESPONSE, ENROL), march(9))
    assert [(one.target, one.responsible, one.state) for one in verdict.clocks] == [
        ("welcome", "marketing", "breached"),  # eight hours were over on Tuesday at ten
        ("response", "sales", "met"),
        ("enrol", "marketing", "met"),
    ]


@pytest.mark.parametrize(
    ("facts", "answered"),
    [
        # handed over, accepted, rejected, waiting
        ([], (0, 0, 0, 0)),
        ([to("inquiry", march(2))], (0, 0, 0, 0)),
        ([to("mql", march(2))], (1, 0, 0, 1)),
        ([to("mql", march(2)), did("call", march(3))], (1, 0, 0, 1)),  # called is not yet accepted
        *(([to("mql", march(2)), to(yes, march(3))], (1, 1, 0, 0)) for yes in ("sal", "sql", "opportunity")),
        *(([to("mql", march(2)), to(no, march(3))], (1, 0, 1, 0)) for no in ("recycled", "disqualified")),
        # each handover counts, with the answer it got itself
        ([to("mql", march(2)), to("recycled", march(3)), to("mql", march(9))], (2, 0, 1, 1)),
        (
            [to("mql", march(2)), to("recycled", march(3)), to("mql", march(9)), to("sal", march(10))],
            (2, 1, 1, 0),
        ),
        # what became of it later does not take an acceptance back
        ([to("mql", march(2)), to("sal", march(3)), to("disqualified", march(20))], (1, 1, 0, 0)),
        # answered in another month: still this month's MQL
        ([to("mql", march(31)), to("sal", march(33))], (1, 1, 0, 0)),
        ([to("mql", march(-3)), to("sal", march(3))], (0, 0, 0, 0)),  # February's
        ([to("mql", march(33))], (0, 0, 0, 0)),  # April's
    ],
)
def test_what_a_month_brought_and_what_sales_said_of_it(facts, answered):
    (everything, *_) = volume([a_lead(*facts)], agreed(), 2026, 3, march(60))
    line = (everything.handed_over, everything.accepted, everything.rejected, everything.waiting)
    assert line == answered


def test_only_what_was_known_by_then_counts():
    history = a_lead(to("mql", march(2)), to("sal", march(5)), to("mql", march(9)))
    told = [volume([history], agreed(), 2026, 3, march(day))[0] for day in (1, 4, 6)]
    assert [(one.handed_over, one.accepted, one.waiting) for one in told] == [(0, 0, 0), (1, 0, 1), (1, 1, 0)]


@pytest.mark.parametrize(
    ("tz", "month"), [("UTC", 3), ("Europe/Berlin", 4), ("America/New_York", 3), ("Asia/Tokyo", 4)]
)
def test_a_month_begins_at_midnight_in_the_zone_of_the_default_calendar(tz, month):
    handed_over = to("mql", march(31, 23, 30))
    counted = {
        one: volume([a_lead(handed_over)], agreed(tz=tz), 2026, one, march(60))[0].handed_over
        for one in (3, 4)
    }
    assert counted == {month: 1, 7 - month: 0}


def test_all_together_come_first_then_every_source_with_or_without_a_goal():
    promise = {"per_month": {"*": 10, "Web": 4, "Fair": 6}}
    histories = [
        a_lead(to("mql", march(2)), to("sal", march(3)), source="Web"),
        a_lead(to("mql", march(2)), source="Web"),
        a_lead(to("mql", march(2)), to("recycled", march(3)), source="Ads"),
        a_lead(to("mql", march(2))),
    ]
    assert volume(histories, agreed(volume=promise), 2026, 3, march(9)) == (
        VolumeLine("*", 10, 4, 1, 1, 2),
        VolumeLine("", None, 1, 0, 0, 1),  # nobody knows where it came from
        VolumeLine("Ads", None, 1, 0, 1, 0),  # nothing promised
        VolumeLine("Fair", 6, 0, 0, 0, 0),  # promised, nothing came
        VolumeLine("Web", 4, 2, 1, 0, 1),
    )


def test_which_field_tells_the_source_is_configuration():
    promise = {"source": "campaign", "per_month": {"spring": 3}}
    lines = volume(
        [a_lead(to("mql", march(2)), campaign="spring")], agreed(volume=promise), 2026, 3, march(9)
    )
    assert lines[1] == VolumeLine("spring", 3, 1, 0, 0, 1)


@pytest.mark.parametrize(
    ("accepted", "rejected", "waiting", "share"),
    [(3, 1, 0, 0.75), (3, 1, 96, 0.75), (0, 4, 0, 0), (2, 0, 0, 1), (0, 0, 9, None), (0, 0, 0, None)],
)
def test_the_accepted_share_is_of_those_sales_has_answered(accepted, rejected, waiting, share):
    line = VolumeLine("*", None, accepted + rejected + waiting, accepted, rejected, waiting)
    assert line.accepted_share == share


def test_no_leads_at_all_still_show_what_was_promised():
    promise = {"per_month": {"*": 10}}
    assert volume([], agreed(volume=promise), 2026, 3, march(9)) == (VolumeLine("*", 10, 0, 0, 0, 0),)

"""The lead's way: moves, who answers for it, coming back, rejections and cadences. Mon-Fri 09-17, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sla_engine.agreement import Agreement
from sla_engine.evaluate import evaluate
from sla_engine.history import history_of
from sla_engine.model import Activity, ActivityKind, ActorKind, Lead, LifecycleStage, Owner, StageChange
from sla_engine.replay import replay

PERSON, FLOW, UNSAID = ActorKind.PERSON, ActorKind.AUTOMATION, ActorKind.UNKNOWN
DAYS = ("mon", "tue", "wed", "thu", "fri")
RESPONSE = {"name": "response", "phase": "mql", "within": "4h", "met_by": ["accepted", "rejected"]}
ENROL = {
    "name": "enrol",
    "phase": "recycled",
    "responsible": "marketing",
    "within": "16h",
    "met_by": ["enrolled"],
}


def march(day, hour=10, minute=0):
    """A moment of March 2026; the second is a Monday."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def to(stage, at, by=PERSON, reason="no budget"):
    given = reason if stage in {"recycled", "disqualified"} else ""
    return StageChange(at, LifecycleStage(stage), "anna", by, given, id=f"{stage} {at}")


def did(kind, at, by=UNSAID, **more):
    return Activity(f"{kind} {at}", ActivityKind(kind), at, at, "anna", by, consent="declared", **more)


def a_lead(*facts, fields=None, reason="", stage=None):
    lead = Lead("L", march(1), stage, Owner("anna"), fields or {}, reason)
    moves = [one for one in facts if isinstance(one, StageChange)]
    return history_of(lead, [one for one in facts if isinstance(one, Activity)], moves)


def agreed(*targets, **changes):
    hours = {"utc": {"tz": "UTC", "weekly": {day: [["09:00", "17:00"]] for day in DAYS}}}
    changes = {"interest": {"points": {"form": 16}}, **changes}
    return Agreement.model_validate(
        {"name": "A", "default_hours": "utc", "hours": hours, "target": targets, **changes}
    )


def codes(verdict):
    return [one.code for one in verdict.findings]


GOOD, STRAY = [], ["stray_move"]


@pytest.mark.parametrize(
    ("before", "after", "by", "expected"),
    [
        *(("inquiry", after, FLOW, GOOD) for after in ("mql", "sal", "sql", "opportunity")),
        *(("mql", after, PERSON, GOOD) for after in ("sal", "sql", "opportunity")),
        *(("sal", after, PERSON, GOOD) for after in ("sql", "opportunity")),
        ("sql", "opportunity", PERSON, GOOD),
        ("opportunity", "customer", PERSON, GOOD),
        *((before, "recycled", PERSON, GOOD) for before in ("inquiry", "mql", "sal", "sql")),
        *((before, "disqualified", PERSON, GOOD) for before in ("inquiry", "mql", "sal", "sql", "recycled")),
        # a recycled lead comes back to marketing or to sales
        *(("recycled", after, FLOW, GOOD) for after in ("inquiry", "mql", "sal", "sql")),
        # backwards, or past the opportunity
        ("mql", "inquiry", PERSON, STRAY),
        ("sal", "mql", PERSON, STRAY),
        ("sql", "sal", PERSON, STRAY),
        ("inquiry", "customer", PERSON, STRAY),
        ("recycled", "customer", PERSON, STRAY),
        # disqualified: only by hand
        *(("disqualified", after, PERSON, GOOD) for after in ("inquiry", "mql", "sal", "recycled")),
        *(("disqualified", after, FLOW, STRAY) for after in ("inquiry", "mql", "sal", "recycled")),
    ],
)
def test_which_moves_are_agreed(before, after, by, expected):
    history = a_lead(to(before, march(2)), to(after, march(3), by))
    assert codes(evaluate(history, agreed(), march(4))) == expected


def test_a_stray_move_is_told_with_stages_and_instant_however_long_ago():
    history = a_lead(to("sal", march(2)), to("mql", march(3)), to("sal", march(4)))
    (found,) = evaluate(history, agreed(), march(30)).findings
    assert found.values == {"from": "sal", "to": "mql", "at": march(3)}


def test_moves_are_configuration():
    moves = {"moves": {"sal": ["mql"], "mql": ["sal"]}}
    history = a_lead(to("sal", march(2)), to("mql", march(3)), to("sql", march(4)))
    (found,) = evaluate(history, agreed(lifecycle=moves), march(5)).findings
    assert (found.values["from"], found.values["to"]) == ("mql", "sql")


@pytest.mark.parametrize(
    ("stage", "responsible"),
    [
        ("inquiry", "marketing"),
        *((stage, "sales") for stage in ("mql", "sal", "sql", "opportunity", "customer")),
        ("recycled", "marketing"),
        ("disqualified", "nobody"),
    ],
)
def test_every_stage_has_somebody_responsible(stage, responsible):
    assert evaluate(a_lead(to(stage, march(2))), agreed(), march(3)).responsible == responsible


def test_a_lead_whose_stage_nobody_mapped_is_marketings():
    assert evaluate(a_lead(), agreed(), march(3)).responsible == "marketing"


BACK = march(16, 0)
RETURNS = {"rejection": {"return_on": "back"}}


@pytest.mark.parametrize(
    ("field", "now", "code", "due"),
    [
        (BACK, march(4), "take_up_again", BACK),
        (BACK, BACK - timedelta(microseconds=1), "take_up_again", BACK),
        (BACK, BACK, "hand_over", None),
        (None, march(30), "nurture", None),
        (march(2), march(30), "nurture", None),  # a date left over from before it was given back
    ],
)
def test_a_recycled_lead_comes_back_on_the_date_agreed(field, now, code, due):
    history = a_lead(to("mql", march(2)), to("recycled", march(3)), fields={"back": field})
    verdict = evaluate(history, agreed(**RETURNS), now)
    assert (verdict.next_step.code, verdict.next_step.due_at, verdict.is_mql) == (
        code,
        due,
        code == "hand_over",
    )
    assert verdict.next_step.responsible == "marketing"
    assert verdict.valid_until == due


@pytest.mark.parametrize(
    ("behaviour", "is_mql"),
    [
        ([], False),
        ([march(2)], False),  # the warmth sales has just given back
        ([march(3)], False),  # in that very moment
        ([march(4)], True),
        ([march(2), march(4)], True),
    ],
)
def test_a_recycled_lead_comes_back_by_what_it_does_since(behaviour, is_mql):
    history = a_lead(to("mql", march(2)), to("recycled", march(3)), *(did("form", at) for at in behaviour))
    assert evaluate(history, agreed(), march(4)).is_mql is is_mql


def test_given_back_twice_only_what_it_did_since_the_last_time_counts():
    rounds = [to("recycled", march(3)), to("mql", march(5)), to("recycled", march(6))]
    for asked, is_mql in ((march(4), False), (march(6, 11), True)):
        history = a_lead(to("mql", march(2)), *rounds, did("form", asked))
        assert evaluate(history, agreed(), march(6, 12)).is_mql is is_mql


def test_a_disqualified_lead_is_ready_again_only_by_hand_whatever_it_does():
    hot = [did("form", march(day)) for day in (2, 4, 5)]
    gone = [to("mql", march(2)), to("disqualified", march(3), reason="no fit")]
    verdict = evaluate(a_lead(*gone, *hot), agreed(), march(6))
    assert (verdict.is_mql, verdict.next_step.code) == (False, "decided")
    assert "only_by_hand" in [one.code for one in verdict.reasons]
    assert evaluate(a_lead(*gone, *hot, to("inquiry", march(6))), agreed(), march(6)).is_mql


@pytest.mark.parametrize(
    ("enrolled", "by", "state"),
    [
        (march(3, 11), FLOW, "met"),  # marketing's automation may do it
        (march(3, 11), PERSON, "met"),
        (march(5), PERSON, "met"),  # 16 working hours end at ten on Thursday
        (march(5, 11), PERSON, "met_late"),
        (march(2), FLOW, "breached"),  # before it was given back
        (None, None, "breached"),
    ],
)
def test_marketing_takes_a_recycled_lead_into_nurturing_in_time(enrolled, by, state):
    done = [did("enrolled", enrolled, by)] if enrolled else []
    history = a_lead(to("inquiry", march(2, 9)), to("recycled", march(3)), *done)
    (clock,) = evaluate(history, agreed(ENROL), march(6)).clocks
    assert (clock.state, clock.responsible, clock.due_at) == (state, "marketing", march(5))


def test_until_then_the_next_step_is_marketings_to_enrol_it():
    step = evaluate(a_lead(to("recycled", march(3))), agreed(ENROL), march(4)).next_step
    assert (step.code, step.responsible, step.due_at) == ("enrol", "marketing", march(5))


@pytest.mark.parametrize("stage", ["recycled", "disqualified"])
@pytest.mark.parametrize(("said", "field"), [("", ""), ("no budget", ""), ("", "no budget")])
def test_a_rejection_without_a_reason_is_no_answer_and_is_flagged_to_the_rep(stage, said, field):
    history = a_lead(to("mql", march(2)), to(stage, march(2, 11), reason=said), reason=field)
    verdict = evaluate(history, agreed(RESPONSE), march(3))
    has_reason = bool(said or field)
    assert codes(verdict) == ([] if has_reason else ["reason_missing"])
    assert [one.state for one in verdict.clocks] == ["met" if has_reason else "breached"]
    if not has_reason:
        step = verdict.next_step
        assert (step.code, step.responsible, step.due_at) == ("give_reason", "sales", march(2, 14))


@pytest.mark.parametrize(
    ("stage", "reason", "expected"),
    [
        ("recycled", "No Budget", []),
        ("disqualified", "student", []),
        ("recycled", "student", ["reason_not_agreed"]),  # agreed for the other rejection
        ("disqualified", "no budget", ["reason_not_agreed"]),
        ("recycled", "bad karma", ["reason_not_agreed"]),
    ],
)
def test_each_rejection_has_its_own_agreed_reasons(stage, reason, expected):
    rules = {"recycle": ["no budget", "wrong timing"], "disqualify": ["student"]}
    history = a_lead(to("mql", march(2)), to(stage, march(2, 11), reason=reason))
    verdict = evaluate(history, agreed(RESPONSE, rejection=rules), march(3))
    assert codes(verdict) == expected
    assert [one.state for one in verdict.clocks] == ["met"]  # an answer all the same


def test_without_a_list_every_reason_is_agreed():
    history = a_lead(to("mql", march(2)), to("recycled", march(2, 11), reason="bad karma"))
    assert codes(evaluate(history, agreed(), march(3))) == []


CADENCE = {"reasons": ["unreachable"], "attempts": 3, "channels": 2, "working_days": 3}
CALL, MAIL = ("call", PERSON), ("email", PERSON)
MON, TUE, WED = march(2, 12), march(3), march(4)


@pytest.mark.parametrize(
    ("attempts", "made"),
    [
        ([(*CALL, MON), (*CALL, TUE), (*MAIL, WED)], None),
        ([(*CALL, MON), (*MAIL, TUE), ("meeting", PERSON, WED)], None),
        ([(*CALL, MON), (*CALL, TUE), (*CALL, WED)], (3, 1)),  # one channel only
        ([(*CALL, MON), (*MAIL, TUE)], (2, 2)),
        ([], (0, 0)),
        # what a flow sent, and what is not written by hand, is no attempt
        ([(*CALL, MON), (*CALL, TUE), ("email", FLOW, WED)], (2, 1)),
        ([(*CALL, MON), (*CALL, TUE), ("automatic_email", PERSON, WED)], (2, 1)),
        # nor is one before the handover
        ([(*CALL, march(2, 9)), (*CALL, TUE), (*MAIL, WED)], (2, 2)),
        # the third working day after a Monday is Thursday
        ([(*CALL, MON), (*CALL, TUE), (*MAIL, march(5, 23, 59))], None),
        ([(*CALL, MON), (*CALL, TUE), (*MAIL, march(6, 9))], (2, 2)),  # Tuesday to Friday at best
    ],
)
def test_unreachable_is_only_accepted_after_the_agreed_attempts(attempts, made):
    tried = [did(kind, at, by) for kind, by, at in attempts]
    history = a_lead(to("mql", march(2)), *tried, to("recycled", march(6, 12), reason="Unreachable"))
    verdict = evaluate(history, agreed(RESPONSE, rejection={"cadence": CADENCE}), march(6, 13))
    assert codes(verdict) == (["cadence_short"] if made else [])
    (clock,) = verdict.clocks
    assert clock.is_open is bool(made)
    if made:
        assert verdict.next_step.code == "try_more"
        assert (verdict.findings[0].values["made"], verdict.findings[0].values["over"]) == made


def test_a_meeting_that_is_only_planned_is_no_attempt():
    planned = did("meeting", WED, PERSON, planned_for=march(5))
    tried = [did("call", MON, PERSON), did("call", TUE, PERSON), planned]
    history = a_lead(to("mql", march(2)), *tried, to("recycled", march(6), reason="unreachable"))
    (found,) = evaluate(history, agreed(rejection={"cadence": CADENCE}), march(6)).findings
    assert (found.values["made"], found.values["over"]) == (2, 1)


def test_other_reasons_need_no_attempts():
    history = a_lead(to("mql", march(2)), to("recycled", march(2, 11), reason="no budget"))
    assert codes(evaluate(history, agreed(rejection={"cadence": CADENCE}), march(3))) == []


def test_a_replay_gives_each_verdict_from_the_moment_it_holds():
    history = a_lead(to("inquiry", march(2, 9)), to("mql", march(2)), to("sal", march(3, 11)))
    told = [(one.as_of, one.sla_status) for one in replay(history, agreed(RESPONSE), march(10))]
    assert told == [
        (march(1), "none"),
        (march(2, 9), "none"),
        (march(2), "running"),
        (march(2, 13), "at_risk"),  # three of four hours are gone
        (march(2, 14) + timedelta(seconds=1), "breached"),
        (march(3, 11), "met_late"),
    ]

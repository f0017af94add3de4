"""Interest: what counts, how much, how it fades, and until when a verdict about it holds. UTC throughout."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from leadsla.keeping import keeping_problems
from sla_engine.agreement import Agreement
from sla_engine.behaviour import interest_of
from sla_engine.evaluate import evaluate
from sla_engine.history import history_of
from sla_engine.interest import InterestModel
from sla_engine.model import Activity, ActivityKind, Lead, LifecycleStage, StageChange
from sla_engine.verdict import InterestBand, Trend
from sla_engine.wording import Wording

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
POINTS = {"form": 10, "page_visit": 5, "email_click": 3, "hand_raise": 30}
FOREVER = "360d"  # a half-life in which seconds do not matter


def on(day, hour=12, minute=0):
    """A moment of March 2026; day 0 is the last of February."""
    return datetime(2026, 2, 28, hour, minute, tzinfo=UTC) + timedelta(days=day)


def did(kind, at=NOW, content="", consent="declared"):
    """Something the lead did."""
    return Activity(f"{kind} {at} {content}", ActivityKind(kind), at, at, content=content, consent=consent)


def a_lead(*activities, fields=None, stages=(), readable=True):
    lead = Lead("L", datetime(2026, 1, 1, tzinfo=UTC), LifecycleStage.INQUIRY, fields=fields or {})
    return history_of(lead, activities, stages, behaviour_readable=readable)


def points(*activities, now=NOW, fields=None, **model):
    """Points left of these activities."""
    rules = InterestModel.model_validate({"half_life": "1d", "points": POINTS, **model})
    return interest_of(a_lead(*activities, fields=fields), rules, now).points


def agreed(**changes):
    hours = {"utc": {"tz": "UTC", "weekly": {"mon": [["09:00", "17:00"]]}}}
    return Agreement.model_validate({"name": "A", "default_hours": "utc", "hours": hours, **changes})


@pytest.mark.parametrize(
    ("activity", "worth"),
    [
        (did("form"), 10),
        (did("page_visit"), 5),
        (did("event"), 0),  # nothing agreed about events
        (did("call"), 0),  # what sales does shows nobody's interest
        (did("email_open"), 0),
        (did("page_visit", content="/pricing"), 6),
        (did("page_visit", content="/pricing/enterprise"), 6),  # the first rule that matches
        (did("page_visit", content="/jobs"), 0),
        (did("page_visit", content="/blog"), 5),  # no rule matches: the kind's own points
        (did("email_reply", content="send me a DEMO"), 20),  # a kind worth something only by its content
    ],
)
def test_points_go_by_kind_and_content(activity, worth):
    rules = [
        {"kind": "page_visit", "matches": "/pricing", "points": 6},
        {"kind": "page_visit", "matches": "/pricing/enterprise", "points": 50},
        {"kind": "page_visit", "matches": "^/jobs", "points": 0},
        {"kind": "email_reply", "matches": "(?i)demo", "points": 20},
    ]
    assert points(activity, content=rules) == worth


def test_opens_are_worth_nothing_unless_an_admin_gives_them_points():
    opens = [did("email_open", content=str(n)) for n in range(50)]
    assert points(*opens) == 0
    assert points(*opens, points={"email_open": 0.5}) == 25


@pytest.mark.parametrize(
    ("age", "left"), [(0, 16), (7, 8), (14, 4), (21, 2), (70, 16 / 1024), (3.5, 16 / 2**0.5)]
)
def test_points_halve_with_every_half_life(age, left):
    done = did("form", NOW - timedelta(days=age))
    assert points(done, half_life="7d", points={"form": 16}) == pytest.approx(left, rel=1e-12)


def test_fading_twice_is_fading_by_the_sum():
    rules = InterestModel.model_validate({"half_life": "7d", "points": POINTS})
    history = a_lead(did("form", on(1)), did("hand_raise", on(3)))
    early = interest_of(history, rules, NOW)
    for days in (1, 3, 30):
        later = NOW + timedelta(days=days)
        assert early.at(later) == pytest.approx(interest_of(history, rules, later).points, rel=1e-12)


def test_what_lies_ahead_counts_nothing_yet():
    assert points(did("form", NOW + timedelta(microseconds=1))) == 0


@pytest.mark.parametrize(
    ("per", "first", "second", "left"),
    [
        # 5 points each, capped at 5 a period, half-life 12 hours: 2.5 in one period, 7.5 in two
        ("day", on(4, 0), on(4, 12), 2.5),
        ("day", on(4, 12), on(5, 0), 7.5),
        ("week", on(8, 12), on(9, 0), 7.5),  # Sunday, Monday
        ("week", on(9, 0), on(9, 12), 2.5),
        ("week", on(3, 12), on(4, 0), 2.5),
        ("month", on(0, 12), on(1, 0), 7.5),  # the last of February, the first of March
        ("month", on(8, 12), on(9, 0), 2.5),
    ],
)
def test_a_cap_holds_for_a_calendar_day_week_or_month(per, first, second, left):
    visits = (did("page_visit", first), did("page_visit", second))
    cap = [{"kind": "page_visit", "points": 5, "per": per}]
    assert points(*visits, now=second, half_life="12h", cap=cap) == left


def test_a_cap_cuts_the_last_activity_that_reaches_it_and_is_filled_in_order_of_time():
    visits = [did("page_visit", NOW, content=str(n)) for n in range(3)]
    assert points(*visits, cap=[{"kind": "page_visit", "points": 12}]) == 12  # 5 + 5 + 2
    early, late = did("page_visit", on(4, 0)), did("page_visit", on(4, 12))
    cap = [{"kind": "page_visit", "points": 7}]
    for order in ((early, late), (late, early)):
        assert points(*order, half_life="12h", cap=cap) == 4.5  # 5 faded to a half, and 2


def test_every_cap_of_a_kind_holds_and_none_touches_another_kind():
    caps = [
        {"kind": "page_visit", "points": 6, "per": "day"},
        {"kind": "page_visit", "points": 8, "per": "week"},
    ]
    yesterday = [did("page_visit", on(3), content=str(n)) for n in range(2)]  # 5 + 1
    today = [did("page_visit", content=str(n)) for n in range(2)]  # 2 are left of the week
    forms = [did("form", content=str(n)) for n in range(4)]
    assert points(*yesterday, *today, *forms, cap=caps) == 3 + 2 + 40


@pytest.mark.parametrize(
    ("consent", "fields", "worth"),
    [
        ("declared", {}, 10),
        ("", {}, 0),  # no ground to score it
        ("tracking", {"tracking": True}, 10),
        ("tracking", {"tracking": False}, 0),
        ("tracking", {}, 0),
        ("tracking", {"tracking": "yes"}, 0),  # only a clear yes
    ],
)
def test_behaviour_without_a_ground_for_it_never_scores(consent, fields, worth):
    assert points(did("form", consent=consent), fields=fields) == worth


@pytest.mark.parametrize(
    ("story", "left"),
    [
        ([("form", 3)], 5),
        ([("form", 3), ("opt_out", 4)], 0),
        ([("opt_out", 3), ("form", 4)], 10),  # came back of its own account
        ([("form", 1), ("opt_out", 2), ("form", 3)], 5),
        ([("form", 2), ("opt_out", 1), ("form", 3), ("opt_out", 4)], 0),  # the last one ends it
        ([("form", 3), ("opt_out", 5)], 5),  # has not happened yet
    ],
)
def test_opting_out_ends_the_interest_shown_before(story, left):
    assert points(*(did(kind, on(day)) for kind, day in story)) == left


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        *((kind, False) for kind in ("email_open", "email_click", "page_visit")),
        *((kind, True) for kind in ("form", "event", "email_reply", "hand_raise")),
    ],
)
def test_of_somebody_marked_as_opted_out_only_what_they_do_by_themselves_counts(kind, counts):
    left = points(did(kind), fields={"email_opt_out": True}, points={kind: 4})
    assert left == (4 if counts else 0)


@pytest.mark.parametrize(
    ("seconds", "links", "human"),
    [
        ((0, 1, 2), "abc", 0),  # three links in two seconds: a scanner
        *(((0, 5, 10), "abc", 0), ((0, 5, 11), "abc", 3)),
        ((0, 1), "ab", 2),
        ((0, 1, 2), "aaa", 3),  # one link clicked again and again is a person
        ((0, 1, 2, 3), "aabb", 4),
        ((0, 1, 2, 60), "abcd", 1),  # a person reads it a minute later
        ((0, 6, 9, 15), "abcd", 0),  # a-b-c and b-c-d
    ],
)
def test_a_burst_of_clicks_over_several_links_is_no_interest(seconds, links, human):
    made = [
        did("email_click", on(3) + timedelta(seconds=n), link) for n, link in zip(seconds, links, strict=True)
    ]
    for order in (made, made[::-1]):
        assert points(*order, half_life=FOREVER) == pytest.approx(3 * human, rel=0.01)


@pytest.mark.parametrize(("seconds", "counts"), [(-1, True), (0, False), (5, False), (6, True), (3600, True)])
def test_a_click_right_after_a_mail_was_sent_is_no_interest(seconds, counts):
    sent = did("automatic_email", on(3))
    click = did("email_click", on(3) + timedelta(seconds=seconds))
    assert points(sent, click, half_life=FOREVER) == pytest.approx(3 if counts else 0, rel=0.01)


def test_what_a_scanner_looks_like_is_configuration():
    pair = [did("email_click", on(3) + timedelta(seconds=20 * n), link) for n, link in enumerate("ab")]
    assert points(*pair, half_life=FOREVER, scanners={"links": 2, "within": "30s"}) == 0


@pytest.mark.parametrize(
    ("recent", "before", "trend"),
    [
        (0, 0, Trend.GONE),
        (1, 0, Trend.RISING),
        *((12.5, 10, Trend.RISING), (12, 10, Trend.STEADY)),  # a fifth more or less is no change
        *((8, 10, Trend.STEADY), (7.5, 10, Trend.FADING)),
        (0, 10, Trend.FADING),
    ],
)
def test_the_trend_holds_the_last_half_life_against_the_one_before(recent, before, trend):
    rules = InterestModel.model_validate({"half_life": "7d", "points": {"form": recent, "event": before}})
    history = a_lead(did("form", NOW - timedelta(days=1)), did("event", NOW - timedelta(days=8)))
    assert interest_of(history, rules, NOW).trend is trend


@pytest.mark.parametrize(
    ("worth", "band"),
    [
        *((0.99, InterestBand.NONE), (1, InterestBand.LOW), (9.99, InterestBand.LOW)),
        *((10, InterestBand.MEDIUM), (24.99, InterestBand.MEDIUM), (25, InterestBand.HIGH)),
    ],
)
def test_a_band_begins_at_its_floor(worth, band):
    rules = InterestModel.model_validate({"points": {"form": worth}})
    assert interest_of(a_lead(did("form")), rules, NOW).band is band


def test_a_verdict_holds_until_the_band_falls_and_not_a_microsecond_longer():
    """40 points halve in seven days, so they are down to 40 / sqrt 2 after three and a half."""
    agreement = agreed(
        interest={"half_life": "7d", "points": {"form": 40}, "bands": {"high": 40 / 2**0.5, "medium": 20}}
    )
    history = a_lead(did("form"))
    until = evaluate(history, agreement, NOW).valid_until
    moment = timedelta(microseconds=1)
    assert abs(until - (NOW + timedelta(days=3.5))) <= moment
    bands = [evaluate(history, agreement, at).interest.band for at in (until - moment, until + moment)]
    assert bands == [InterestBand.HIGH, InterestBand.MEDIUM]


def test_a_verdict_holds_until_the_trend_turns():
    agreement = agreed(interest={"half_life": "7d", "points": {"form": 1000}})
    history = a_lead(did("form"))
    for age, trend, until in ((0, Trend.RISING, 7), (7, Trend.FADING, 14)):
        verdict = evaluate(history, agreement, NOW + timedelta(days=age))
        assert (verdict.interest.trend, verdict.valid_until) == (trend, NOW + timedelta(days=until))


def test_a_verdict_about_a_lead_that_does_nothing_holds_for_ever():
    assert evaluate(a_lead(), agreed(interest={"points": POINTS}), NOW).valid_until is None


def test_where_nothing_delivers_behaviour_interest_cannot_be_told():
    verdict = evaluate(a_lead(readable=False), agreed(interest={"points": POINTS}), NOW)
    assert verdict.is_mql is False
    assert [(one.met, one.code) for one in verdict.reasons][-1] == (None, "interest_unreadable")
    without = agreed(handover={"interest": "none"})
    assert evaluate(a_lead(readable=False), without, NOW).is_mql


@pytest.mark.parametrize(
    ("wanted", "consent", "refused"),
    [("medium", None, True), ("medium", "", True), ("medium", "declared", False), ("none", None, False)],
)
def test_check_refuses_a_rule_that_needs_behaviour_where_no_source_delivers_any(wanted, consent, refused):
    source = SimpleNamespace(delivers=frozenset({ActivityKind.FORM}), consent=consent)
    sources = {} if consent is None else {"forms": source}
    connection = SimpleNamespace(lead={"reason": "r"}, activities=sources)
    agreement = agreed(handover={"interest": wanted}, interest={"points": POINTS})
    problems = [
        one for one in keeping_problems(agreement, {"crm": connection}, timedelta(1)) if not one.is_warning
    ]
    assert [one.where for one in problems] == (["connections.crm.activities"] if refused else [])


@pytest.mark.parametrize(("do_not_call", "channel"), [(True, "write"), (False, "any"), (None, "any")])
def test_who_must_not_be_called_is_written_to(do_not_call, channel):
    agreement = agreed(target=[{"name": "response", "phase": "mql", "within": "4h"}])
    handed_over = StageChange(NOW, LifecycleStage.MQL, id="m")
    history = a_lead(stages=(handed_over,), fields={"do_not_call": do_not_call})
    step = evaluate(history, agreement, NOW).next_step
    assert (step.code, step.channel) == ("answer", channel)
    assert ("(write, do not call)" in Wording.of("en").step(step)) is (channel == "write")

"""Where other SLA, scoring and calendar software goes wrong: the engine's answer, worked out by hand.

"10 09:30" is June 2024, and the 10th a Monday. Wall times are of the calendar's own zone, else Berlin's.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from time import process_time
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from sla_engine.agreement import Agreement
from sla_engine.behaviour import interest_of
from sla_engine.book import Book, Chapter
from sla_engine.business_time import BusinessHours
from sla_engine.evaluate import evaluate
from sla_engine.history import history_of
from sla_engine.interest import InterestModel
from sla_engine.model import Activity, ActorKind, Lead, Owner, OwnerChange, StageChange
from sla_engine.model import ActivityKind as K
from sla_engine.model import LifecycleStage as S
from sla_engine.places import Place
from sla_engine.replay import replay
from sla_engine.verdict import Fit, InterestBand, StepTaken
from sla_engine.wording import Wording

PERSON, AUTOMATION = ActorKind.PERSON, ActorKind.AUTOMATION
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY, NIGHT, ALWAYS = ("09:00", "17:00"), ("22:00", "06:00"), ("00:00", "24:00")


def calendar(*shifts, tz="Europe/Berlin", days=WEEK[:5], **more):
    return BusinessHours.model_validate({"tz": tz, "weekly": dict.fromkeys(days, shifts), **more})


LORD_HOWE = "Australia/Lord_Howe"
BERLIN, BAVARIA = Place(country="DE", subdivision="BE"), Place(country="DE", subdivision="BY")
OFFICE, NIGHTS, ALL_WEEK = calendar(DAY), calendar(NIGHT), calendar(ALWAYS, days=WEEK)
LUNCH = calendar(("09:00", "12:00"), ("13:00", "17:00"))
THREE = calendar(("08:00", "10:00"), ("12:00", "14:00"), ("18:00", "20:00"))
OVERLAP = calendar(("09:00", "14:00"), ("12:00", "17:00"))
BREAK = calendar(DAY, breaks={"2024-06-10": [("11:00", "12:30")]})
SHORT_FRIDAY = calendar(weekly={"mon": [DAY], "fri": [("09:00", "12:00"), ("12:00", "15:00")]})
TUESDAY_OFF, NIGHT_OFF = calendar(DAY, holidays=["2024-06-11"]), calendar(NIGHT, holidays=["2024-06-11"])
GERMAN = calendar(DAY, holidays=BERLIN, overrides={"2024-12-24": [("09:00", "12:00")]})
CHINA = calendar(DAY, tz="Asia/Shanghai", holidays=Place(country="CN"), overrides={"2024-09-29": [DAY]})
SYDNEY = calendar(("12:00", "20:00"), tz="Australia/Sydney", overrides={"2024-06-12": [("08:00", "10:00")]})
APIA, ISLAND = calendar(DAY, tz="Pacific/Apia"), calendar(ALWAYS, tz=LORD_HOWE, days=WEEK)
NIGHTLY, ISLAND_NIGHTS = calendar(NIGHT, days=WEEK), calendar(NIGHT, tz=LORD_HOWE, days=WEEK)
NEW_YORK_NIGHTS = calendar(NIGHT, tz="America/New_York", days=WEEK)
IN_THE_GAP = calendar(("02:15", "06:00"), tz=LORD_HOWE, days=("sun",))


def at(text, tz="Europe/Berlin"):
    whole = text if "-" in text else f"2024-06-{text}"
    return datetime.fromisoformat(whole).replace(tzinfo=ZoneInfo(tz)).astimezone(UTC)


def due(hours, start, /, **working):
    """The deadline as the calendar's own clock on the wall shows it."""
    end = hours.add(at(start, hours.tz), timedelta(**working)).astimezone(ZoneInfo(hours.tz))
    return end.replace(tzinfo=None).isoformat(" ").removesuffix(":00").removeprefix("2024-06-")


def worked(hours, start, end):
    return hours.between(at(start, hours.tz), at(end, hours.tz)) / timedelta(hours=1)


RESPONSE = {"name": "response", "phase": "mql", "within": "4h"}
REPLY = RESPONSE | {"name": "next", "within": "1h", "starts": "inbound_activity", "activities": "email_reply"}
REMIND = {"at": 1.5, "do": "remind_owner"}
POINTS = {"hand_raise": 30, "form": 10, "email_click": 3, "page_visit": 2}
MARKET = {"name": "market", "field": "country", "is": "DE", "verdict": "buyer", "because": "we sell there"}
NO_STUDENT = {"name": "student", "field": "title", "is": "Student", "verdict": "not_a_buyer", "because": "no"}


def an_agreement(*targets, **more):
    hours = {"berlin": OFFICE, "new_york": calendar(DAY, tz="America/New_York")}
    base = {"name": "peers", "default_hours": "berlin", "hours": hours, "interest": {"points": POINTS}}
    return Agreement.model_validate({**base, "target": targets, **more})


def promised(**changes):
    return an_agreement({**RESPONSE, **changes})


AGREED, ON_HOLD = promised(), promised(met_by=["email"], pauses=[{"when": "hold"}])


def a_lead(*facts, start="10 10:00", stage=S.MQL, fields=None):
    since = at(start)
    lead = Lead("L1", since, stage, Owner("anna"), fields or {})
    first = StageChange(since, stage, "flow", AUTOMATION, id="first")
    sorts = (Activity, OwnerChange, StageChange)
    activities, owners, stages = ([one for one in facts if isinstance(one, sort)] for sort in sorts)
    return history_of(lead, activities, [first, *stages], owners)


def did(kind, when, content="", by=PERSON, until=None):
    then, ahead, name = at(when), at(until) if until else None, f"{kind} {when} {content}"
    return Activity(name, kind, then, then, "anna", by, content, "", ahead, "declared")


def moved(stage, when, by=PERSON, reason="no budget"):
    return StageChange(at(when), stage, "anna", by, reason, id=f"{stage} {when}")


def the_clock(agreement, now, *facts, start="10 10:00"):
    (clock,) = evaluate(a_lead(*facts, start=start), agreement, at(now)).clocks
    return clock


@pytest.mark.parametrize(
    ("name", "theirs", "hours", "start", "minutes", "ours"),
    [
        ("frappe_crm_saturday_noon_waits_for_monday", "17 13:00", OFFICE, "15 12:00", 60, "17 10:00"),
        ("frappe_crm_saturday_night_waits_for_monday", "18 10:00", OFFICE, "15 20:00", 60, "17 10:00"),
        ("frappe_crm_sunday_night_waits_for_monday", "18 10:00", OFFICE, "16 23:59", 60, "17 10:00"),
        ("frappe_crm_19_percent_of_random_leads", "18 11:00", OFFICE, "15 15:00", 240, "17 13:00"),
        ("frappe_crm_a_holidays_noon_is_not_kept", "12 13:00", TUESDAY_OFF, "11 12:00", 60, "12 10:00"),
        ("frappe_crm_the_first_shift_of_a_day_counts", "10 14:00", LUNCH, "10 09:00", 60, "10 10:00"),
        ("frappe_crm_end_before_start_is_overnight", "no end", NIGHTS, "10 10:00", 480, "11 06:00"),
        ("frappe_crm_half_a_holiday", "no way", GERMAN, "2024-12-24 11:00", 120, "2024-12-27 10:00"),
        ("chatwoot_holidays_osticket_4969", "no way", GERMAN, "2024-12-30 16:00", 960, "2025-01-02 16:00"),
        ("chatwoot_14009_lunch_is_no_work", "10 12:30", LUNCH, "10 11:30", 60, "10 13:30"),
        ("frappe_helpdesk_2212_lunch_is_no_work", "10 16:00", LUNCH, "10 09:00", 420, "10 17:00"),
        ("freescout_3756_goes_on_tomorrow", "10 20:00", OFFICE, "10 16:00", 240, "11 12:00"),
        ("osticket_1168_a_weekend_uses_nothing_up", "16 15:00", OFFICE, "15 15:00", 480, "17 17:00"),
        ("salesforce_three_intervals_a_day", "no way", THREE, "10 09:00", 240, "10 19:00"),
        ("salesforce_seconds_count", "in minutes", OFFICE, "10 16:59:15", 1.5, "11 09:00:45"),
        ("zammad_3180_open_until_midnight", "11 00:01", ALL_WEEK, "10 23:59:30", 1, "11 00:00:30"),
        ("zammad_used_up_at_closing_is_due_then", "17 09:00", OFFICE, "14 13:00", 240, "14 17:00"),
        ("biz_an_overnight_shift_is_one_shift", "refused", NIGHTS, "10 23:00", 240, "11 03:00"),
        ("biz_overlapping_shifts_count_once", "10 15:00", OVERLAP, "10 09:00", 480, "10 17:00"),
        ("biz_a_negative_target_goes_back", "refused", OFFICE, "10 10:00", -120, "07 16:00"),
        ("biz_an_override_leaves_the_day_before", "12 09:00", SYDNEY, "11 19:00", 60, "11 20:00"),
        ("biz_a_holiday_is_looked_for_all_night", "11 01:00", NIGHT_OFF, "10 22:00", 180, "12 01:00"),
        ("working_hours_lord_howe", "2024-10-06 19:00", ISLAND, "2024-10-05 12:00", 1800, "2024-10-06 18:30"),
        ("working_hours_breaks_are_cut_out", "no way", BREAK, "10 10:00", 120, "10 13:30"),
        ("pandas_minutes_and_seconds", "refused", OFFICE, "10 11:00", 90.5, "10 12:30:30"),
        ("pandas_a_target_of_nothing", "refused", OFFICE, "15 10:00", 0, "15 10:00"),
        ("pandas_fridays_own_hours_touching_shifts", "no way", SHORT_FRIDAY, "14 11:00", 300, "17 10:00"),
        ("pandas_a_holiday_ends_the_night", "11 01:00", NIGHT_OFF, "10 23:00", 120, "12 01:00"),
        ("pandas_a_clock_change", "raises", NIGHTLY, "2024-03-30 22:00", 420, "2024-03-31 06:00"),
        ("businesstimedelta_after_midnight", "12 00:00", NIGHTS, "11 01:00", 120, "11 03:00"),
        ("businesstimedelta_9_back_over_midnight", "no end", NIGHTS, "11 02:00", -180, "10 23:00"),
        ("businesstimedelta_9_back_over_a_weekend", "no end", NIGHTS, "11 02:00", -360, "08 04:00"),
        ("businesstimedelta_10_past_the_last_holiday", "TypeError", TUESDAY_OFF, "14 16:00", 120, "17 10:00"),
        ("workalendar_china", "raises", CHINA, "2024-09-30 16:00", 120, "2024-10-08 10:00"),
        ("workalendar_make_up_sunday", "raises", CHINA, "2024-09-27 16:00", 120, "2024-09-29 10:00"),
        ("numpy_busday_apia", "2011-12-30 10:00", APIA, "2011-12-29 16:00", 120, "2012-01-02 10:00"),
        ("nineminds_11_3_manual", "18 11:00", calendar(("08:00", "17:00")), "14 16:00", 240, "17 11:00"),
    ],
)
def test_deadlines(name, theirs, hours, start, minutes, ours):
    """Frappe CRM (no issue filed), biz 1.8.2, pandas 3.1.1 ...: run or read, they give ``theirs``."""
    assert due(hours, start, minutes=minutes) == ours != theirs


@pytest.mark.parametrize(
    ("name", "theirs", "hours", "start", "end", "ours"),
    [
        ("working_hours_new_york_night", 8, NEW_YORK_NIGHTS, "2024-11-02 22:00", "2024-11-03 06:00", 9),
        ("working_hours_berlin_night", 8, NIGHTLY, "2024-03-30 22:00", "2024-03-31 06:00", 7),
        ("working_hours_lord_howe_night", 8, ISLAND_NIGHTS, "2024-10-05 22:00", "2024-10-06 06:00", 7.5),
        ("biz_start_in_a_gap_of_30_minutes", 2.75, IN_THE_GAP, "2024-10-06 00:00", "2024-10-07 00:00", 3.5),
        ("biz_less_than_nothing", 0, OFFICE, "10 10:00", "07 16:00", -2),
        ("businesstimedelta_has_no_sign", 2, OFFICE, "10 12:00", "10 10:00", -2),
        ("business_duration_2_h_of_8", None, calendar(("21:00", "03:00")), "10 23:00", "12 01:00", 8),
        ("business_duration_round_the_clock", None, ALL_WEEK, "10 00:00", "17 00:00", 168),
        ("business_duration_reversed", None, ALL_WEEK, "17 00:00", "10 00:00", -168),
        ("businesstime_13_friday_to_monday_evening", 0, OFFICE, "14 18:00", "17 18:00", 8),
        ("numpy_busday_a_day_of_23_hours", 24, ALL_WEEK, "2024-03-31 00:00", "2024-04-01 00:00", 23),
        ("numpy_busday_a_day_of_25_hours", 24, ALL_WEEK, "2024-10-27 00:00", "2024-10-28 00:00", 25),
    ],
)
def test_working_hours_between(name, theirs, hours, start, end, ours):
    """working_hours 1.5.0, businesstimedelta 1.0.1, businesstime#13 ...: run, they give ``theirs``."""
    assert worked(hours, start, end) == ours != theirs


@pytest.mark.parametrize(
    ("tz", "shifts", "said"),
    [
        ("UTC", [("09:00", "09:00")], "ends when it starts"),
        ("UTC", [("09:00", "24:30")], "no time of day"),
        ("UTC", [], "no working time at all"),  # Frappe CRM: OverflowError when a lead is saved
        ("Europe/Atlantis", [DAY], "no time zone"),
    ],
)
def test_frappe_crm_impossible_hours_are_refused_at_load(tz, shifts, said):
    """Frappe CRM validate (no issue) checks hours in the browser only."""
    with pytest.raises(ValidationError, match=said):
        calendar(*shifts, tz=tz)


def test_frappe_crm_a_target_that_never_ends_is_refused_at_load():
    """Frappe CRM calc_time (no issue) walks day by day until the dates overflow."""
    once = calendar(tz="UTC", overrides={"2024-01-02": [DAY]})
    with pytest.raises(ValidationError, match="target response never ends on the hours of berlin"):
        an_agreement(RESPONSE, hours={"berlin": once})


def test_frappe_crm_a_year_is_measured_without_a_loop_over_its_seconds():
    """Frappe CRM calc_elapsed_time (no issue) steps second by second: a year takes it 365 times a day."""
    start = at("2024-01-01 00:00")
    assert OFFICE.between(start, start + timedelta(days=365)) == timedelta(
        seconds=7_516_800
    )  # 261 days of 8 h

    def cost(days):
        begun = process_time()
        for _ in range(2000):
            OFFICE.between(start, start + timedelta(days=days))
        return process_time() - begun

    cost(1)
    assert min(cost(365) for _ in range(3)) < 50 * min(cost(1) for _ in range(3))


def test_zammad_390_a_deadline_explains_the_days_it_skips():
    """Zammad (zammad#390, "why 6 days?") does not say which nights and holidays lie between."""
    way = calendar(DAY, holidays=BERLIN).explain(at("2024-12-24 16:00"), timedelta(hours=2))
    assert [(one.start, one.counted, one.reason) for one in way] == [
        (at("2024-12-24 16:00"), True, "working time"),
        (at("2024-12-24 17:00"), False, "outside hours"),
        (at("2024-12-25 00:00"), False, "Christmas Day"),
        (at("2024-12-26 00:00"), False, "Second Day of Christmas"),
        (at("2024-12-27 00:00"), False, "outside hours"),
        (at("2024-12-27 09:00"), True, "working time"),
    ]


@pytest.mark.parametrize(
    ("place", "day", "closed"),
    [
        (Place(country="US"), date(2024, 6, 19), True),  # Juneteenth
        (Place(country="JP"), date(2024, 2, 12), True),  # substitute day
        (Place(country="PL"), date(2025, 12, 24), True),  # the first time
        (BERLIN, date(2024, 11, 11), False),  # St Martin, closed in zammad#390
        (BERLIN, date(2024, 11, 17), False),  # Volkstrauertag, closed in zammad#390
        (BERLIN, date(2025, 5, 8), True),  # once, in Berlin only
        (BAVARIA, date(2024, 8, 15), False),  # in Catholic communities only
        (BAVARIA.model_copy(update={"categories": ("public", "catholic")}), date(2024, 8, 15), True),
    ],
)
def test_workalendar_and_zammad_390_holidays_follow_year_category_and_subdivision(place, day, closed):
    """workalendar 17.0.0 (compared for 2024-26) lacks days of the US, JP, PL and BE; differs on 15 August."""
    assert bool(calendar(DAY, holidays=place).holiday(day)) is closed


def test_frappe_helpdesk_2075_and_chatwoot_13392_a_lead_of_a_sunday_is_answered_in_no_working_time():
    """Frappe Helpdesk (helpdesk#2075) errs on non-working days, Chatwoot (PR#13392) counted all of them."""
    clock = the_clock(AGREED, "17 12:00", did(K.EMAIL, "16 18:00"), start="16 12:00")
    assert (clock.due_at, clock.state, clock.working_seconds) == (at("17 13:00"), "met", 0)


def test_frappe_crm_the_owners_zone_counts_not_the_sites():
    """Frappe CRM (no issue) keeps naive instants in the site's zone."""
    bob = OwnerChange(at("10 10:00"), "bob", time_zone="America/New_York", id="o1")
    agreement = an_agreement(RESPONSE, hours_by_time_zone={"America/New_York": "new_york"})
    assert the_clock(agreement, "10 11:00", bob).due_at == at("10 13:00", "America/New_York")


def test_frappe_crm_an_answer_is_measured_from_the_leads_message_and_a_failure_is_kept():
    """Frappe CRM's rolling response (no issue): 6,600 and 13,200 s from its own last reply, "Failed" lost."""
    mails = [did(K.EMAIL, f"10 {when}") for when in ("10:30", "12:20", "16:00")]
    replies = [did(K.EMAIL_REPLY, f"10 {when}") for when in ("12:00", "14:00", "16:30")]
    agreement = an_agreement({**RESPONSE, "within": "1h"}, REPLY)
    clocks = evaluate(a_lead(*mails, *replies), agreement, at("10 16:45")).clocks
    assert [(one.target, one.state, one.working_seconds, one.due_at) for one in clocks] == [
        ("response", "met", 1800, at("10 11:00")),
        ("next", "met", 1200, at("10 13:00")),
        ("next", "met_late", 7200, at("10 15:00")),
        ("next", "running", 0, at("11 09:30")),
    ]


def test_frappe_crm_a_status_turns_without_anybody_saving():
    """Frappe CRM (no issue) flips sla_status on a save only: a forgotten lead stays "due" for ever."""
    verdicts = list(replay(a_lead(), AGREED, at("20 10:00")))
    turns = [("10 10:00", "running"), ("10 13:00", "at_risk"), ("10 14:00:01", "breached")]
    assert [(one.as_of, one.sla_status) for one in verdicts] == [(at(when), status) for when, status in turns]
    assert [one.valid_until for one in verdicts] == [*(one.as_of for one in verdicts[1:]), None]


def test_frappe_crm_and_zammad_the_default_agreement_is_last_by_its_place():
    """Frappe CRM get_sla (no issue) leaves it to the order of database rows, Zammad to names."""
    default = an_agreement(name="A default")
    special = an_agreement(name="Z special", scope=[{"field": "country", "is": "US"}])
    leads = [a_lead(fields=fields) for fields in ({"country": "US"}, {"country": "DE"}, {})]
    verdicts = [evaluate(lead, Book.of(special, default), at("10 11:00")) for lead in leads]
    assert [one.agreement_version for one in verdicts] == [special.version, default.version, default.version]


def test_frappe_crm_a_new_round_chooses_its_target_anew():
    """Frappe CRM set_sla (no issue) chooses once per record and never again."""
    hot = {**RESPONSE, "name": "hot", "within": "2h", "when": [{"activity": "hand_raise"}]}
    again = moved(S.RECYCLED, "10 11:00"), did(K.HAND_RAISE, "10 12:00"), moved(S.MQL, "10 13:00")
    clocks = evaluate(a_lead(*again), an_agreement(hot, RESPONSE), at("10 14:00")).clocks
    assert [(one.target, one.round, one.state, one.due_at) for one in clocks] == [
        ("response", 1, "met", at("10 14:00")),
        ("hot", 2, "running", at("10 15:00")),
    ]


def test_frappe_crm_a_dropdown_is_no_answer_where_contact_was_promised():
    """Frappe CRM (no issue) calls a lead responded once somebody changes its status."""
    moves = moved(S.SAL, "10 11:00"), moved(S.DISQUALIFIED, "10 11:00", reason="")
    agreement = promised(phase=["mql", "sal"], met_by=["call", "email", "meeting"])
    clocks = [the_clock(agreement, "11 12:00", move) for move in moves]
    assert [(one.state, one.proof) for one in clocks] == [("breached", "")] * 2


@pytest.mark.parametrize("answer", [did(K.EMAIL, "17 10:00"), moved(S.SAL, "17 10:00")])
def test_frappe_crm_a_mail_and_an_acceptance_are_measured_alike(answer):
    """Frappe CRM (no issue) takes wall-clock time for a mail, business time for a dropdown."""
    clock = the_clock(AGREED, "17 12:00", answer, start="14 16:00")
    assert (clock.state, clock.working_seconds, clock.wall_seconds) == ("met", 2 * 3600, 66 * 3600)


def test_frappe_crm_a_lead_made_an_opportunity_keeps_its_clock():
    """Frappe CRM create_deal (no issue) drops the SLA of a lead nobody had answered."""
    clock = the_clock(AGREED, "11 12:00", moved(S.OPPORTUNITY, "10 15:00", ActorKind.UNKNOWN))
    assert (clock.state, clock.proof, clock.overshoot_seconds) == ("met_late", "opportunity", 3600)


def test_frappe_32328_an_automatic_mail_is_no_first_response():
    """Frappe (frappe PR#32328) took its own SLA warning mail for one."""
    mails = [(K.AUTOMATIC_EMAIL, AUTOMATION), (K.EMAIL, AUTOMATION), (K.EMAIL, PERSON)]
    clocks = [the_clock(AGREED, "11 12:00", did(kind, "10 13:00", by=by)) for kind, by in mails]
    assert [one.state for one in clocks] == ["breached", "breached", "met"]


def test_frappe_crm_2475_and_1866_an_idle_lead_reminds_its_owner():
    """Frappe CRM (crm#2475, crm#1866) has no reminder for a lead that lies idle."""
    reached = [at("10 16:00"), at("11 12:00"), at("11 16:00")]
    steps = the_clock(promised(escalate=[REMIND | {"every": "4h", "times": 3}]), "12 12:00").steps
    assert steps == tuple(StepTaken(instant, "remind_owner") for instant in reached)


def test_chatwoot_6889_a_forgotten_lead_goes_to_the_next_in_line():
    """Chatwoot (chatwoot#6889) cannot reassign what its owner forgot."""
    target = {**RESPONSE, "escalate": [{"at": 1.5, "do": "reassign", "to": "next_in_line"}]}
    agreement = an_agreement(target, people={"anna": {"in_line": True}, "bob": {"in_line": True}})
    verdicts = [evaluate(a_lead(), agreement, at(now)) for now in ("10 15:59", "10 16:00")]
    assert [one.assign_to for one in verdicts] == [None, "bob"]


def test_zammad_4432_and_glpi_22678_warnings_come_in_working_time():
    """Zammad (zammad#4432) and GLPI (PR#22678) warn at midnight or on a weekend."""
    clock = the_clock(promised(escalate=[REMIND]), "17 13:00", start="14 15:00")
    assert (clock.warns_at, clock.due_at) == (at("17 10:00"), at("17 11:00"))
    assert [one.at for one in clock.steps] == [at("17 13:00")]


def test_zammad_5177_a_later_message_does_not_overrule_the_first_response():
    """Zammad (zammad#5177) puts the update's deadline in place of the first response's."""
    verdict = evaluate(a_lead(did(K.EMAIL_REPLY, "10 13:30")), an_agreement(RESPONSE, REPLY), at("10 14:10"))
    assert [(one.target, one.due_at, one.state) for one in verdict.clocks] == [
        ("response", at("10 14:00"), "breached"),
        ("next", at("10 14:30"), "running"),
    ]
    assert (verdict.due_clock, verdict.sla_status) == (verdict.clocks[0], "breached")


def test_frappe_helpdesk_2405_and_2214_an_edited_sla_leaves_deadlines_alone():
    """Frappe Helpdesk (helpdesk#2405, helpdesk#2214) shows wrong deadlines after an edit of the SLA."""
    book = Book((Chapter(promised(within="1h"), ((AGREED, at("10 11:00")),)),))
    old, new = (the_clock(book, "10 12:30", start=start) for start in ("10 10:00", "10 11:00"))
    assert (old.due_at, old.state, new.due_at) == (at("10 14:00"), "running", at("10 12:00"))


def test_glpi_15605_a_pause_survives_a_change_of_the_sla():
    """GLPI (glpi#15605) loses the pause when the SLA changes."""
    book = Book((Chapter(AGREED, ((ON_HOLD, at("10 12:00")),)),))
    assert the_clock(book, "10 14:00", did(K.HOLD, "10 11:00", until="10 13:00")).due_at == at("10 16:00")


def test_glpi_10594_and_erpnext_a_hold_takes_its_working_time_only():
    """GLPI (glpi#10594) counts a pending weekend; ERPNext (read) adds wall-clock seconds to the deadline."""
    weekend = the_clock(ON_HOLD, "15 10:00", did(K.HOLD, "14 16:00", until="17 10:00"), start="14 15:00")
    night = the_clock(ON_HOLD, "10 20:00", did(K.HOLD, "10 16:00", until="11 10:00"), start="10 15:00")
    assert (weekend.due_at, night.due_at) == (at("17 13:00"), at("11 13:00"))


def test_frappe_helpdesk_1675_a_pause_moves_the_deadline_while_it_lasts():
    """Frappe Helpdesk (helpdesk#1675) does not recalculate on a pause."""
    agreement = promised(met_by=["meeting"], pauses=[{"when": "waiting_for_lead", "at_most": "2d"}])
    facts = did(K.CALL, "10 11:00"), did(K.EMAIL_REPLY, "10 12:00")
    clocks = [the_clock(agreement, now, *facts) for now in ("10 10:30", "10 11:30", "10 12:30")]
    assert [one.state for one in clocks] == ["running", "paused", "running"]
    assert [one.due_at for one in clocks] == [at("10 14:00"), at("12 14:00"), at("10 15:00")]


def test_frappe_helpdesk_3776_an_answer_keeps_the_hold_and_a_deadline_reads_right_elsewhere():
    """Frappe Helpdesk (PR#3776) loses hold time from paused to resolved; badges are wrong in other zones."""
    facts = did(K.HOLD, "14 16:00", until="17 10:00"), did(K.EMAIL, "17 09:30")
    clock = the_clock(ON_HOLD, "17 12:00", *facts, start="14 15:00")
    assert (clock.state, clock.working_seconds, clock.wall_seconds) == ("met", 3600, 239_400)
    assert Wording.of("en").instant(clock.due_at, "Asia/Kolkata") == "Mon 17 Jun 16:00 (Asia/Kolkata)"


def test_erpnext_38745_the_readers_zone_changes_nothing():
    """ERPNext (PR#38745) compares zone-naive instants, and its banner says Failed at once."""
    here = evaluate(a_lead(), AGREED, at("10 12:00"))
    there = evaluate(a_lead(), AGREED, at("10 12:00").astimezone(ZoneInfo("Asia/Kolkata")))
    assert (there, there.sla_status) == (here, "running")


def test_erpnext_28752_a_failure_names_its_target_and_who_failed():
    """ERPNext (erpnext#28752) says that an SLA failed, not which and by whom."""
    give = RESPONSE | {"name": "give", "responsible": "operations", "within": "2h", "met_by": ["assigned"]}
    inbox = OwnerChange(at("10 10:00"), "inbox", to_queue=True, id="o1")
    people = [OwnerChange(at(when), who, id=who) for when, who in (("10 13:00", "anna"), ("11 12:00", "bob"))]
    agreement = an_agreement(give, {**RESPONSE, "starts": "assigned"})
    clocks = evaluate(a_lead(inbox, *people), agreement, at("11 13:00")).clocks
    assert [(one.target, one.responsible, one.owner, one.state) for one in clocks] == [
        ("give", "operations", "inbox", "met_late"),
        ("response", "sales", "anna", "breached"),
        ("response", "sales", "bob", "running"),
    ]


def test_distribution_engine_an_absent_owner_stops_the_clock():
    """Distribution Engine (help.nc-squared.com/sla) does not count out-of-office."""
    anna = {"absent": [["2024-06-11", "2024-06-12"]], "tz": "Europe/Berlin"}
    agreement = an_agreement({**RESPONSE, "pauses": [{"when": "absent"}]}, people={"anna": anna})
    assert the_clock(agreement, "10 16:00", start="10 16:00").due_at == at("13 12:00")


def points(now, *facts, **model):
    """The lead's points at an instant, by ``POINTS`` halving every fortnight."""
    rules = InterestModel.model_validate({"points": POINTS, **model})
    return interest_of(a_lead(*facts, start="01 00:00"), rules, at(now)).points


FORMS = [did(K.FORM, when, "demo") for when in ("01 12:00", "15 12:00", "29 12:00")]
VISITS = [did(K.PAGE_VISIT, "03 12:00", page) for page in "abcdefghi"]
CLICKS = [did(K.EMAIL_CLICK, f"03 12:00:0{second}", f"/{second}") for second in (0, 2, 4)]
OPEN, SENT = did(K.EMAIL_OPEN, "03 12:00"), did(K.AUTOMATIC_EMAIL, "03 12:00:01", by=AUTOMATION)
CAPPED = {"cap": [{"kind": "page_visit", "points": 8}]}
PUMPS = {"content": [{"kind": "page_visit", "matches": "a", "points": 7}]}


@pytest.mark.parametrize(
    ("name", "theirs", "now", "facts", "model", "ours"),
    [
        ("mautic_points_fade", 10, "15 12:00", FORMS[:1], {}, 5),
        ("mautic_929_1654_the_same_action_again", 10, "29 12:00", FORMS, {}, 2.5 + 5 + 10),
        ("mautic_a_kind_is_capped_per_day", 18, "03 12:00", VISITS, CAPPED, 8),
        ("mautic_581_points_by_product", 4, "03 12:00", VISITS[:2], PUMPS, 7 + 2),
        ("mautic_1653_5308_clicks_score_not_opens", 0, "03 12:00:04", [OPEN, CLICKS[2]], {}, 3),
        ("mautic_16263_9162_every_link_at_once", 9, "03 12:00:04", CLICKS, {}, 0),
        ("mautic_16263_9798_8692_right_after_sending", 3, "03 12:00:04", [SENT, CLICKS[2]], {}, 0),
    ],
)
def test_points(name, theirs, now, facts, model, ours):
    """Mautic 5.1 (mautic#929 ...; Marketo idea 260059: scanners) adds for ever, and gives ``theirs``."""
    assert points(now, *facts, **model) == ours != theirs


def test_mautic_5369_points_are_the_sum_of_the_log_in_any_order():
    """Mautic (mautic#5369) keeps a running total that drifts away from its log."""
    log = [did(K.FORM, "01 12:00"), did(K.PAGE_VISIT, "15 12:00")]
    assert points("15 12:00", *reversed(log), *log) == sum(points("15 12:00", one) for one in log) == 7


@pytest.mark.parametrize(
    ("country", "fit", "met", "score"),
    [("DE", Fit.BUYER, True, 100), ("BR", Fit.UNKNOWN, False, 70), (None, Fit.UNKNOWN, None, 70)],
)
def test_mautic_1465_a_field_scores_and_odoo_an_empty_one_cannot_tell(country, fit, met, score):
    """Mautic (mautic#1465) has no rule on fields; Odoo's crm.lead (read) takes emptiness for evidence."""
    history = a_lead(did(K.HAND_RAISE, "10 10:00"), fields={"country": country})
    verdict = evaluate(history, an_agreement(fit=[MARKET]), at("10 10:00"))
    market = next(one for one in verdict.reasons if one.criterion == "market")
    assert (verdict.fit, market.met, verdict.score) == (fit, met, score)


@pytest.mark.parametrize(("title", "score"), [("Head of Sales", 100), ("Student", 0)])
def test_odoo_127470_a_score_of_nought_or_hundred_is_no_lost_or_won(title, score):
    """Odoo (odoo PR#127470) reads 0 and 100 % as lost and won."""
    history = a_lead(did(K.HAND_RAISE, "10 10:00"), fields={"country": "DE", "title": title})
    verdict = evaluate(history, an_agreement(RESPONSE, fit=[MARKET, NO_STUDENT]), at("10 10:00"))
    assert (verdict.score, verdict.stage, verdict.sla_status) == (score, "mql", "running")


def test_odoo_the_stage_is_no_part_of_the_score():
    """Odoo's predictive scoring (read) mostly restates where in the pipeline a lead is."""
    stages = (S.INQUIRY, S.MQL, S.SQL, S.OPPORTUNITY)
    leads = [a_lead(stage=stage, fields={"country": "DE"}) for stage in stages]
    assert [evaluate(lead, an_agreement(fit=[MARKET]), at("10 10:00")).score for lead in leads] == [50] * 4


@pytest.mark.parametrize(("stage", "ready"), [(S.RECYCLED, True), (S.DISQUALIFIED, False)])
def test_odoo_later_and_never_are_two_rejections(stage, ready):
    """Odoo (read) knows only lost."""
    history = a_lead(moved(stage, "10 11:00"), did(K.HAND_RAISE, "12 11:00"))
    assert evaluate(history, AGREED, at("12 12:00")).is_mql is ready


def test_hubspot_a_lead_given_back_starts_again_from_nothing():
    """HubSpot's score (eshopman.com) cannot be taken back when a lead "needs nurturing"."""
    history = a_lead(did(K.HAND_RAISE, "10 10:00"), moved(S.RECYCLED, "10 11:00"))
    verdict = evaluate(history, AGREED, at("10 12:00"))
    assert (verdict.interest.band, verdict.is_mql) == (InterestBand.HIGH, False)

"""The story of the practice CRMs: the same each time, believable, and with everybody in it."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from localcrm.company import LEAD_TOUCHES, SALES_TOUCHES, STAGES
from localcrm.staff import AUTOMATION, MARKETING
from localcrm.story import SCENES, cast, tell

MINUTE = timedelta(minutes=1)
ENDS = {
    "Monday morning in Berlin": datetime(2026, 11, 23, 8, 20, tzinfo=UTC),
    "Wednesday afternoon": datetime(2026, 11, 18, 15, 0, tzinfo=UTC),
    "Saturday night": datetime(2026, 11, 21, 23, 30, tzinfo=UTC),
    "Sunday": datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
    "New Year's night": datetime(2027, 1, 1, 0, 0, tzinfo=UTC),
    "after the clocks went back": datetime(2026, 10, 26, 7, 0, tzinfo=UTC),
}
FRIDAY = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def company():
    return tell(1, 240, FRIDAY)


@pytest.fixture(scope="module")
def touches(company):
    found = defaultdict(list)
    for touch in company.touches:
        found[touch.lead].append(touch)
    return found


def _working_minutes(start, end, zone):
    """Counted minute by minute, so that it cannot share a mistake with the story."""
    minutes, local = 0, ZoneInfo(zone)
    while start < end:
        here = start.astimezone(local)
        minutes += here.weekday() < 5 and 9 <= here.hour < 17
        start += MINUTE
    return minutes


def test_the_same_seed_tells_the_same_story_and_another_another(company):
    assert tell(1, 240, FRIDAY) == company
    assert tell(2, 240, FRIDAY) != company


def test_size_is_the_number_of_leads():
    assert [len(tell(3, size, FRIDAY).leads) for size in (0, 1, 7, 41, 1000)] == [0, 1, 7, 41, 1000]


def test_every_scene_is_played_once_the_size_allows_it():
    assert set(cast(5, len(SCENES))) == set(SCENES)
    assert set(cast(1, 240)) == set(SCENES)


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_leads_end_where_their_changes_end_and_nothing_happens_after_the_end(end):
    told = tell(4, 240, end)
    stage, owner = ({lead.key: "new" for lead in told.leads}, {lead.key: "inbound" for lead in told.leads})
    created = {lead.key: lead.created_at for lead in told.leads}
    for change in told.changes:
        now = stage if change.field == "stage" else owner
        assert now[change.lead] == change.old
        assert created[change.lead] <= change.at <= end
        now[change.lead] = change.new
    assert stage == {lead.key: lead.stage for lead in told.leads}
    assert owner == {lead.key: lead.owner for lead in told.leads}
    for touch in told.touches:
        assert created[touch.lead] <= touch.at <= (touch.logged_at or touch.at) <= end
    assert all(lead.created_at <= end for lead in told.leads)


def test_everything_is_sorted_and_in_the_agreed_words(company):
    for told in (company.touches, company.changes):
        assert [one.at for one in told] == sorted(one.at for one in told)
    assert [one.created_at for one in company.leads] == sorted(one.created_at for one in company.leads)
    assert {touch.kind for touch in company.touches} <= {*LEAD_TOUCHES, *SALES_TOUCHES}
    assert {lead.stage for lead in company.leads} == set(STAGES)
    people = {rep.key for rep in company.reps} | {queue.key for queue in company.queues}
    assert {lead.owner for lead in company.leads} <= people
    assert {one.by for one in (*company.touches, *company.changes)} - {None} <= people


def test_no_address_leaves_the_example_domains():
    told = tell(6, 1000, FRIDAY)
    addresses = [one.email for one in (*told.leads, *told.reps) if one.email]
    assert all(
        re.fullmatch(r"[a-z0-9.-]+@(example\.(com|org|net)|[a-z0-9-]+\.example)", one) for one in addresses
    )
    assert len(set(addresses)) == len(addresses)


def test_phone_numbers_lie_in_the_ranges_for_fiction(company):
    ranges = (
        r"\+49 30 23125\d{3}|\+43 1 5550\d{3}|\+41 44 555 0\d\d\d|\+44 1632 960\d{3}|\+1 \d{3}-555-01\d\d"
    )
    assert all(re.fullmatch(ranges, lead.phone) for lead in company.leads if lead.phone)


def test_the_staff_has_its_characters(company):
    reps = company.reps
    assert {rep.time_zone for rep in reps} == {"Europe/Berlin", "America/New_York"}
    assert [rep.active for rep in reps].count(False) == 1
    assert [rep.automation for rep in reps].count(True) == 1
    assert any(rep.away_from and rep.away_from < FRIDAY < rep.away_until for rep in reps)
    assert any("ü" in rep.first_name for rep in reps)
    assert [queue.name for queue in company.queues] == ["Inbound Leads"]
    assert not reps[0].automation
    assert reps[0].active


def test_leads_have_their_characters(company, touches):
    leads = company.leads
    assert {lead.country for lead in leads} == {"DE", "AT", "CH", "GB", "US"}
    assert len({lead.source for lead in leads}) == 6
    assert any("ß" in lead.last_name or "ü" in lead.last_name for lead in leads)
    assert any(not lead.company for lead in leads)
    assert any(not lead.phone and not lead.email for lead in leads)
    assert {"test", "n/a"} <= {lead.company for lead in leads}
    for title in ("Bewerber|Applicant|Job seeker", "(?i)student|praktikant"):
        assert any(re.search(title, lead.job_title) for lead in leads)
    for company_name in ("Competitor|Rival", "Supplier"):
        assert any(re.search(company_name, lead.company) for lead in leads)
    assert any(lead.email.endswith("@freemail.example") for lead in leads)
    assert any(not [t for t in touches[lead.key] if t.kind != "automatic_email"] for lead in leads)
    for lead in leads:
        assert lead.email_opt_out == any(t.kind == "opt_out" for t in touches[lead.key])
    assert any(t.kind == "bounce" for t in company.touches)
    assert {t.content for t in company.touches if t.kind == "hand_raise"} <= {
        "Demo request",
        "Call me back",
        "Pricing request",
    }


def test_some_click_every_link_within_seconds(touches):
    def seconds(own):
        clicks = [t.at for t in own if t.kind == "email_click"][:6]
        return (clicks[-1] - clicks[0]).total_seconds() if len(clicks) == 6 else 9999

    assert any(seconds(own) < 15 for own in touches.values())


def test_sales_behaves_in_every_way(company, touches):
    changes = defaultdict(list)
    for change in company.changes:
        changes[change.lead].append(change)
    shapes = {tuple(c.new for c in own if c.field == "stage") for own in changes.values()}
    assert ("mql", "recycled", "mql") in {shape[:3] for shape in shapes}
    assert {"customer", "opportunity", "qualified", "accepted", "recycled", "disqualified"} <= {
        s[-1] for s in shapes if s
    }
    for lead in company.leads:
        assert bool(lead.reason) == (lead.stage in ("recycled", "disqualified"))
    assert any(t.logged_at and t.logged_at - t.at >= timedelta(days=1) for t in company.touches)
    nights = [
        t
        for t in company.touches
        if t.kind == "email" and t.at.astimezone(ZoneInfo("Europe/Berlin")).hour >= 21
    ]
    assert nights
    silent = [
        lead
        for lead in company.leads
        if lead.stage == "mql" and not any(t.by and t.kind in ("call", "email") for t in touches[lead.key])
    ]
    called = [
        lead
        for lead in company.leads
        if lead.stage == "mql" and any(t.kind == "call" for t in touches[lead.key])
    ]
    assert silent
    assert {t.outcome for t in company.touches if t.kind == "task"} == {"", "completed"}
    assert called
    assert {"inbound", "lukas", "bjoern"} <= {lead.owner for lead in company.leads if lead.stage == "mql"}


def test_only_marketing_hands_over_and_only_people_accept(company):
    by = defaultdict(set)
    for change in company.changes:
        if change.field == "stage":
            by[change.new].add(change.by)
    assert by["mql"] == {AUTOMATION, MARKETING}
    assert AUTOMATION not in by["accepted"] | by["qualified"] | by["recycled"] | by["disqualified"]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_clocks_are_running_at_risk_and_breached_whenever_the_story_ends(end):
    told = tell(1, 240, end)
    zones = {rep.key: rep.time_zone for rep in told.reps}
    since = {c.lead: c.at for c in told.changes if c.new == "mql"}
    answered = {t.lead for t in told.touches if t.kind in ("call", "email", "meeting", "task")}
    raised = {t.lead for t in told.touches if t.kind == "hand_raise"}
    fresh = [
        lead
        for lead in told.leads
        if lead.stage == "mql"
        and lead.key not in answered | raised
        and since[lead.key] > end - timedelta(days=6)
    ]
    hours = [
        _working_minutes(since[one.key], end, zones.get(one.owner, "Europe/Berlin")) / 60 for one in fresh
    ]
    assert any(hour < 3 for hour in hours)
    assert any(3 < hour < 3.9 for hour in hours)
    assert any(hour > 4.2 for hour in hours)

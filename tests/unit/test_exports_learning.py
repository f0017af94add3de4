"""From an export to a sample: roles found, every row counted once, activities in their window, order of no matter."""

from __future__ import annotations

import csv
import random
from datetime import timedelta

import numpy as np
import pytest

from leadsla.exports.activities import ActivityWishes, read_activities
from leadsla.exports.assembling import assembled
from leadsla.exports.counting import Times, counted
from leadsla.exports.leads import Wishes, read_leads
from leadsla.exports.learning import Request, learn
from leadsla.exports.outcome import End
from leadsla.exports.reading import BadExport
from tests.unit.past_leads import COLUMNS, EDUCATION, activity_rows, b2b_rows, education_rows, text_of

ACTIVITIES = ("LeadId", "Activity Type", "Activity Date", "Subject")


@pytest.fixture(scope="module")
def company():
    rows = b2b_rows(1_500, seed=8)
    return rows, activity_rows(rows, seed=12)


@pytest.fixture
def kept(tmp_path):
    def write(text, name="leads.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write


def sample_of(path, outcome="Status", activities=None, times=None, **wishes):
    leads = read_leads(path, Wishes(outcome, **wishes), [])
    done = None
    if activities is not None:
        times = Times(timedelta(days=14))
        done = read_activities(activities, leads, timedelta(days=14), ActivityWishes(), [])
    counting = counted(leads, times or Times(), [])
    found = assembled(leads, counting, done, excluded=leads_excluded(wishes), kept=wishes.get("keep", ()))
    return leads, counting, found


def leads_excluded(wishes):
    return wishes.get("exclude", ())


def refused(path, outcome, *words, **wishes):
    with pytest.raises(BadExport) as end:
        counted(read_leads(path, Wishes(outcome, **wishes), []), Times(), [])
    said = "; ".join(f"{one.what}; {one.remedy}" for one in end.value.problems)
    for word in words:
        assert word in said


def test_who_when_and_how_it_ended_are_found_by_name_and_content(kept, company):
    leads, _, found = sample_of(kept(text_of(company[0])))
    roles = leads.roles
    assert (roles.created, roles.ended, roles.lead_id, roles.account) == (
        "CreatedDate",
        "Closed Date",
        "Lead ID",
        "Company",
    )
    dropped = {one.field: one.why for one in found.dropped}
    assert dropped["Notes"] == dropped["Zip"] == "text"
    assert dropped["Last Edited"] == "date"
    assert dropped["Loss Reason"] == "set_later"
    assert {one.name: one.kind for one in found.sample.features} == {
        "Industry": "category",
        "Country": "category",
        "Lead Source": "category",
        "No. of Employees": "number",
        "Annual Revenue": "number",
        "Newsletter": "yes_no",
        "Website Visits": "number",
        "Offer Sent By": "category",
        "Segment": "category",
    }


def test_every_row_is_counted_exactly_once(kept, company):
    rows = [*company[0], *company[0][:40]]
    rows += [(f"x{n}", "", *company[0][0][2:]) for n in range(7)]
    leads, counting, _ = sample_of(kept(text_of(rows)))
    assert counting.leads + sum(amount for _, amount in counting.excluded) == leads.size == len(rows)
    assert dict(counting.excluded)["duplicate"] == 40
    assert dict(counting.excluded)["no_date"] == 7
    assert dict(counting.excluded)["too_young"] > 0


def equal(one, other):
    assert one.won.tolist() == other.won.tolist()
    assert one.order.tolist() == other.order.tolist()
    for left, right in zip(one.features, other.features, strict=True):
        assert (left.name, left.levels) == (right.name, right.levels)
        assert np.array_equal(left.values, right.values, equal_nan=left.kind == "number")
    for left, right in zip(one.presences, other.presences, strict=True):
        assert (left.name, left.rows.tolist()) == (right.name, right.rows.tolist())


def test_neither_the_order_of_rows_nor_repeated_rows_change_the_sample(kept, company):
    rows, done = company
    one = sample_of(kept(text_of(rows)), activities=kept(text_of(done, ACTIVITIES, ","), "a.csv"))[2].sample
    shuffled, again = [*rows, *rows[:99]], [*done, *done[:500]]
    random.Random(5).shuffle(shuffled)
    random.Random(6).shuffle(again)
    path = kept(text_of(again, ACTIVITIES, ","), "b.csv")
    equal(one, sample_of(kept(text_of(shuffled), "other.csv"), activities=path)[2].sample)


@pytest.mark.parametrize("date", ["{:%d.%m.%Y}", "{:%m/%d/%Y}", "{:%Y-%m-%d}", "{:%d-%b-%Y}"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_same_leads_written_otherwise_are_the_same_leads(kept, date, delimiter):
    plain = sample_of(
        kept(text_of(b2b_rows(400, date="{:%Y-%m-%d}", decimal="."), delimiter=","), "plain.csv")
    )[2]
    rows = b2b_rows(400, date=date, decimal="." if delimiter == "," else ",")
    other = sample_of(kept(text_of(rows, delimiter=delimiter)))[2]
    assert sorted(plain.sample.order.tolist()) == sorted(other.sample.order.tolist())
    for left, right in zip(plain.sample.features, other.sample.features, strict=True):
        assert np.array_equal(np.sort(left.values), np.sort(right.values), equal_nan=left.kind == "number")


def test_only_activities_of_the_first_days_count(kept):
    rows = b2b_rows(300)
    at = {row[0]: row[1] for row in rows}
    day, month, year = at["00Q0000100"].split(".")
    iso = f"{year}-{month}-{day}"
    done = [
        ("00Q0000100", "Call", f"{iso} 00:00:00", "Early"),
        ("00Q0000100", "Call", "2019-01-01 10:00:00", "Before"),
    ]
    done += [
        ("00Q0000100", "Meeting", "2029-01-01 10:00:00", "Much later"),
        ("nobody", "Call", f"{iso} 00:00:00", "x"),
    ]
    done += [("00Q0000100", "Call", "", "Early")]
    done += [(row[0], "Noise", "2019-01-01 10:00:00", "x") for row in rows]
    leads = read_leads(kept(text_of(rows)), Wishes("Status"), [])
    found = read_activities(
        kept(text_of(done, ACTIVITIES, ","), "a.csv"), leads, timedelta(days=14), ActivityWishes(), []
    )
    counts = found.counts
    assert (counts.within, counts.outside, counts.of_no_lead, counts.without_time) == (1, 302, 1, 1)
    assert (found.kinds, [text for _, text in found.contents]) == (("Call",), ["Early"])


def test_pages_are_one_whatever_follows_the_question_mark(kept, company):
    path = kept(text_of(company[1], ACTIVITIES, ","), "a.csv")
    sample = sample_of(kept(text_of(company[0])), activities=path)[2].sample
    names = {one.name for one in sample.presences if one.family == "content"}
    assert {
        "Page Visit: /pricing",
        "Page Visit: /about",
        "Form Submitted: Price list",
        "Lead Source: Referral",
    } <= names
    features = {one.name: one for one in sample.features}
    assert features["Form Submitted"].activity == "form"
    assert features["Page Visit: /pricing"].content == "/pricing"
    assert features["Form Submitted"].window == timedelta(days=15)


@pytest.mark.parametrize(
    ("outcome", "cells", "ends"),
    [
        ("Won", ["1", "0", ""], [1, 0, -1]),
        ("Won", ["true", "", "true"], [1, 0, 1]),
        ("Won", ["Ja", "nein", "Select"], [1, 0, -1]),
        ("Won=Closed Won", ["closed won", "Lost", "New", "Duplicate", ""], [1, 0, 2, 3, -1]),
        ("Won=Sold, Customer", ["Sold", "Customer", "Lost"], [1, 1, 0]),
        ("Won", ["Customer", "Lost", "In talks"], [1, 0, 0]),
        ("Won", ["1.200,50", "0", "", "99"], [1, 0, 0, 1]),
        ("Won", ["2026-01-05", "", "2026-02-01"], [1, 0, 1]),
    ],
)
def test_won_is_understood_however_it_is_written(kept, outcome, cells, ends):
    rows = [(str(n), cells[n % len(cells)]) for n in range(60)]
    leads = read_leads(kept(text_of(rows, ("Key", "Won"))), Wishes(outcome), [])
    assert leads.outcome.ends[: len(cells)].tolist() == ends


def test_an_answer_still_open_is_not_lost(kept):
    rows = [(str(n), ("Won", "Lost", "Thinking")[n % 3]) for n in range(60)]
    leads = read_leads(kept(text_of(rows, ("Key", "End"))), Wishes("End", still_open=("thinking",)), [])
    assert (leads.outcome.ends == End.OPEN).sum() == 20
    assert dict(counted(leads, Times(), []).excluded)["unworked"] == 20


def test_what_nobody_can_learn_from_is_said_with_the_values_seen(kept):
    rows = [(str(n), ("Qualified", "Dropped")[n % 2]) for n in range(60)]
    path = kept(text_of(rows, ("Key", "Stage")))
    refused(path, "Stage", "nobody can tell which value of Stage means won", "Dropped (30), Qualified (30)")
    refused(path, "Stage=Qualifed", 'no lead has Stage = "Qualifed"', '--outcome "Stage=Qualified"')
    refused(path, "Staje", 'has no column "Staje"', 'did you mean "Stage"?')
    refused(path, "Stage=Dropped", 'has no column "Created"', "Key, Stage", created="Created")
    refused(kept(text_of(rows[:10], ("Key", "Stage"))), "Stage=Dropped", "only 10 leads with a known outcome")
    same = [(key, "Qualified") for key, _ in rows]
    refused(
        kept(text_of(same, ("Key", "Stage"))),
        "Stage=Qualified",
        "all 60 leads were won",
        "Qualified (60)",
    )


def test_an_export_without_dates_is_ordered_by_its_running_number(kept):
    leads, counting, found = sample_of(kept(text_of(education_rows(400), EDUCATION, ",")), "Converted")
    assert (leads.roles.sequence, leads.roles.created, counting.as_of) == ("Lead Number", None, None)
    assert np.all(np.diff(found.sample.order) > 0)
    names = {one.name for one in found.sample.features}
    assert "Tags" not in names
    assert found.sample.features[0].levels == ("API", "Landing Page Submission", "Lead Add Form")
    job = next(one for one in found.sample.features if one.name == "Current Occupation")
    assert job.levels == ("Unemployed", "Working Professional")
    signs = {one.name: one.sign for one in found.sample.features}
    assert signs["Total Time Spent on Website"] == "good"


def test_excluded_columns_are_out_and_kept_ones_are_in(kept, company):
    path = kept(text_of(company[0]))
    _, _, found = sample_of(path, exclude=("offer sent by",), keep=("Loss Reason",))
    names = {one.name for one in found.sample.features}
    assert "Offer Sent By" not in names
    assert "Loss Reason" in names


@pytest.fixture(scope="module")
def learned(company, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    leads, activities = folder / "leads.csv", folder / "activities.csv"
    leads.write_text(text_of(company[0]), encoding="utf-8", newline="")
    activities.write_text(text_of(company[1], ACTIVITIES, ","), encoding="utf-8", newline="")
    return learn(Request(leads, Wishes("Status"), activities))


def test_the_leak_is_blocked_and_what_is_true_is_found(learned):
    assert [one.field for one in learned.blocked] == ["Offer Sent By"]
    asked = {line.when.field or str(line.when.activity) for line in learned.card.lines}
    assert {"Lead Source", "form"} <= asked
    assert not asked & {"Industry", "Country", "Segment", "Offer Sent By"}
    assert 0.6 < learned.proposal.new.auc.value < 0.9


def test_forms_are_a_good_sign_and_pages_are_none(learned):
    verdicts = {row.name: row.verdict for row in learned.lifts.rows}
    assert verdicts["Form Submitted"] == "good_sign"
    assert verdicts["Page Visit"] == "no_clear_difference"
    assert "Onboarding call" not in verdicts  # always after the win


def test_columns_read_back_are_those_written():
    assert next(csv.reader([text_of([]).strip()], delimiter=";")) == list(COLUMNS)


def test_a_numbered_id_tells_the_order_where_no_date_does(kept):
    rows = [(str(1000 - n), ("yes", "no", "no")[n % 3], n % 7) for n in range(90)]
    leads, _, found = sample_of(kept(text_of(rows, ("ID", "Won", "Size"))), "Won")
    assert leads.roles.sequence == leads.roles.lead_id == "ID"
    assert found.sample.order.tolist() == list(range(911, 1001))


def test_a_column_named_for_the_beginning_is_not_the_end_as_well(kept, company):
    leads, _, _ = sample_of(kept(text_of(company[0])), created="closed date")
    assert (leads.roles.created, leads.roles.ended) == ("Closed Date", None)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4])
def test_the_share_held_out_is_that_of_every_figure(kept, company, share):
    found = learn(Request(kept(text_of(company[0])), Wishes("Status"), holdout=share))
    leads = round(share * found.counting.leads)
    assert (found.proposal.new.leads, found.proposal.challenger.leads) == (leads, leads)
    assert found.proposal.card.outcomes == found.counting.leads


def test_a_share_that_cannot_be_held_out_is_said(kept):
    """Only the oldest were won."""
    rows = [(str(n), "yes" if n < 40 else "no", n % 7) for n in range(200)]
    path = kept(text_of(rows, ("Lead Number", "Won", "Size")))
    with pytest.raises(BadExport) as end:
        learn(Request(path, Wishes("Won"), holdout=0.5))
    (problem,) = end.value.problems
    assert problem.where == "--holdout"
    assert "none of the 100 newest leads, to be measured on, were won" in problem.what

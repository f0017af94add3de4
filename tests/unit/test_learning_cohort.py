"""Every lead is counted once, and nothing after its window changes how."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sla_engine.learning.cohort import Ends, Rules, count

DAY = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ends(*leads):
    """Each lead: began, won, closed (days), worked, bad data."""
    began, won, closed, worked, bad = zip(*leads, strict=True)
    days = [np.where(np.array(one) < 0, -1, np.array(one) * DAY) for one in (began, won, closed)]
    return Ends(*days, np.array(worked, bool), np.array(bad, bool))


def rules(as_of=200, horizon=30, since=0):
    length = None if horizon is None else timedelta(days=horizon)
    start = None if since is None else EPOCH + timedelta(days=since)
    return Rules(EPOCH + timedelta(days=as_of), timedelta(days=14), length, start)


def test_each_reason_takes_its_lead_and_every_lead_is_counted_once():
    leads = ends(
        (10, 30, -1, True, False),  # won in time
        (10, -1, 60, True, False),  # lost
        (180, -1, -1, True, False),  # too young
        (2, -1, -1, True, False),  # before recording
        (10, -1, 30, True, True),  # wrong data
        (10, 20, -1, True, False),  # won before the landmark
        (10, -1, 15, True, False),  # lost before the landmark
        (10, -1, -1, False, False),  # nobody worked it
    )
    counted = count(leads, rules(since=5))
    assert (counted.leads, counted.wins) == (2, 1)
    assert counted.excluded == (
        ("duplicate", 0), ("too_young", 1), ("before_recording", 1), ("data_quality", 1),
        ("closed_before_landmark", 2), ("unworked", 1),
    )  # fmt: skip
    assert counted.leads + sum(number for _, number in counted.excluded) == 8


def test_an_unworked_lead_is_never_lost_but_one_that_was_won_was_worked():
    counted = count(ends((10, 40, -1, False, False), (10, -1, -1, False, False)), rules())
    assert counted.won.tolist() == [True]


def test_a_win_after_the_horizon_is_no_win():
    assert count(ends((10, 54, -1, True, False)), rules()).won.tolist() == [True]
    assert count(ends((10, 55, -1, True, False)), rules()).won.tolist() == [False]


def test_what_happens_after_the_window_or_the_as_of_date_changes_nothing():
    leads = ends((10, -1, -1, True, False), (20, 40, -1, True, False), (30, -1, -1, True, False))
    later = replace(leads, won_at=np.array([150 * DAY, 40 * DAY, 300 * DAY]), closed_at=np.full(3, 400 * DAY))
    before, after = count(leads, rules()), count(later, rules())
    assert before.won.tolist() == after.won.tolist()
    assert before.excluded == after.excluded


def test_an_immature_cohort_never_enters_even_if_already_won():
    assert count(ends((170, 190, -1, True, False)), rules()).leads == 0


def test_leads_from_before_the_first_win_seen_are_left_out():
    leads = ends((5, -1, -1, True, False), (50, 80, -1, True, False), (90, -1, -1, True, False))
    assert dict(count(leads, rules(since=None)).excluded)["before_recording"] == 2


def test_the_horizon_is_when_nine_in_ten_wins_came_and_young_leads_do_not_shorten_it():
    old = [(day, day + 14 + 5 * (day % 10), -1, True, False) for day in range(10, 90)]
    young = [(day, day + 15, -1, True, False) for day in range(150, 185)]
    assert count(ends(*old, *young), rules(horizon=None)).horizon.days == 40


def test_a_lead_given_twice_counts_once_whatever_the_order():
    leads = ends((10, 30, -1, True, False), (10, -1, -1, True, False), (10, -1, -1, True, False))
    leads = replace(leads, lead=np.array([7, 7, 8]))
    back = Ends(
        *(
            getattr(leads, name)[::-1]
            for name in ("began", "won_at", "closed_at", "worked", "bad_data", "lead")
        )
    )
    for one in (leads, back):
        counted = count(one, rules())
        assert (counted.leads, counted.wins, dict(counted.excluded)["duplicate"]) == (2, 1, 1)


def test_what_cannot_be_told_is_said():
    with pytest.raises(ValueError, match="no lead was won"):
        count(ends((10, -1, -1, True, False)), rules(since=None))
    with pytest.raises(ValueError, match="horizon must be given"):
        count(ends((10, -1, -1, True, False)), rules(horizon=None))
    with pytest.raises(ValueError, match="different lengths"):
        count(replace(ends((10, -1, -1, True, False)), worked=np.array([True, False])), rules())


def test_leads_given_twice_do_not_lengthen_the_horizon():
    old = [(day, day + 14 + 5 * (day % 10), -1, True, False) for day in range(10, 90)]
    leads = replace(ends(*old), lead=np.arange(len(old)))
    slowest = [(day, day + 14 + 45, -1, True, False) for day in range(19, 90, 10)]
    repeated = [lead for lead in slowest for _ in range(20)]
    numbers = [day - 10 for day in range(19, 90, 10) for _ in range(20)]
    doubled = replace(ends(*old, *repeated), lead=np.concatenate([np.arange(len(old)), numbers]))
    assert count(doubled, rules(horizon=None)).horizon == count(leads, rules(horizon=None)).horizon
    assert dict(count(doubled, rules(horizon=None)).excluded)["duplicate"] == 160

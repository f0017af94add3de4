"""A sign is claimed when there is one, and rarely when there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sla_engine.learning.lift import claims, lifts
from sla_engine.learning.sample import Presence, Sample


def report_of(random, leads, rates, lift=1.0, base=0.15, order=True):
    """The first presence multiplies the rate by ``lift``; the others say nothing."""
    has = [random.random(leads) < rate for rate in rates]
    won = random.random(leads) < np.where(has[0], base * lift, base)
    family = ("activity", "content")
    rows = tuple(Presence(f"p{at}", family[at % 2], np.flatnonzero(one)) for at, one in enumerate(has))
    return Sample(won, np.arange(leads) if order else None, presences=rows)


def test_a_planted_sign_is_found_each_way_and_holds_up():
    random = np.random.default_rng(1)
    for lift, verdict in ((2.5, "good_sign"), (0.3, "bad_sign")):
        row = lifts(report_of(random, 3000, [0.3] * 5, lift)).rows[0]
        assert (row.name, row.verdict, row.held_up) == ("p0", verdict, "yes")
        assert row.low < lift < row.high


def test_few_leads_get_no_verdict_and_are_told_apart_from_those_tested():
    report = lifts(report_of(np.random.default_rng(2), 400, [0.3, 0.01, 0.99]))
    assert (report.tested, report.not_tested) == (1, 2)
    assert {row.verdict for row in report.rows} == {"no_clear_difference", "not_enough_data"}
    assert all(np.isnan(row.p) for row in report.rows if row.verdict == "not_enough_data")


def test_fifteen_leads_are_enough_of_a_hundred_but_not_of_more():
    def verdict(leads):
        won = np.arange(leads) % 2 == 0
        return lifts(Sample(won, presences=(Presence("a", "activity", np.arange(20)),))).rows[0].verdict

    assert verdict(100) == "no_clear_difference"
    assert verdict(101) == "not_enough_data"


def test_a_sign_that_turned_around_did_not_hold_up():
    won = np.concatenate(
        [np.arange(600) % 10 < np.repeat([6, 1], 300), np.arange(300) % 10 < np.repeat([2, 4], 150)]
    )
    has = np.concatenate([np.arange(300), 600 + np.arange(150)])
    row = lifts(Sample(won, np.arange(900), presences=(Presence("a", "activity", has),))).rows[0]
    assert (row.verdict, row.held_up) == ("good_sign", "no")


def test_leads_of_one_company_are_not_taken_as_independent():
    """One company of 40 leads that all won is one fact, not forty."""
    random = np.random.default_rng(3)
    won = random.random(1000) < 0.15
    won[:40] = True
    sample = Sample(won, presences=(Presence("a", "activity", np.arange(60)),))
    alone = lifts(sample)
    together = lifts(replace(sample, account=np.where(np.arange(1000) < 40, 5, -1)))
    assert alone.rows[0].verdict == "good_sign"
    assert (together.rows[0].verdict, together.units) == ("no_clear_difference", "accounts")
    assert together.design_effect > 3
    assert together.rows[0].leads == 60


def test_companies_of_one_lead_change_nothing():
    sample = report_of(np.random.default_rng(4), 500, [0.3] * 3, 2.0)
    single = lifts(replace(sample, account=np.arange(500)[::-1].copy()))
    assert single.rows == lifts(sample).rows


def test_row_order_changes_nothing():
    random = np.random.default_rng(5)
    sample = report_of(random, 600, [0.3] * 6, 2.0)
    turn = random.permutation(600)
    place = np.empty(600, np.int64)
    place[turn] = np.arange(600)
    rows = tuple(replace(one, rows=np.sort(place[one.rows])) for one in sample.presences)
    assert lifts(Sample(sample.won[turn], sample.order[turn], presences=rows[::-1])) == lifts(sample)


@pytest.mark.slow
def test_permuted_outcomes_bring_a_claim_in_few_reports():
    """A claim in one of twenty is allowed; 50 of 400 is far outside."""
    random = np.random.default_rng(6)
    reports = 0
    for _ in range(400):
        sample = report_of(random, 600, random.uniform(0.04, 0.6, 16), 3.0)
        reports += bool(claims(lifts(replace(sample, won=random.permutation(sample.won)))))
    assert reports <= 50


@pytest.mark.slow
@pytest.mark.parametrize(("leads", "lift"), [(300, 1.6), (1000, 1.8), (3000, 2.5), (1000, 1.0), (1000, 0.6)])
def test_the_interval_holds_a_planted_lift_as_often_as_it_says(leads, lift):
    random = np.random.default_rng(7)
    held = []
    for _ in range(2000):
        row = lifts(report_of(random, leads, [0.25], lift, order=False)).rows[0]
        held.append(row.low <= lift <= row.high)
    assert 0.92 <= np.mean(held) <= 0.99

"""In a world nobody here invented, sales activities mark good leads, but only if they are counted honestly.

Whoever counts everything before the outcome watches leads that stay open longer than those that were won soon,
so that diligent work looks harmful. At a landmark all leads were watched for the same time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from sla_engine.learning.cohort import Ends, Rules, count
from sla_engine.learning.lift import lifts
from sla_engine.learning.sample import Presence, Sample
from tests.leadforge_world import generate

DAY = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LANDMARK = timedelta(days=30)
SEEDS = (42, 43, 44)


def days(column):
    """Microseconds since 1970 of the middle of each day; -1 for never."""
    stamps = pd.to_datetime(column, utc=True)
    whole = (stamps - pd.Timestamp(EPOCH)) // pd.Timedelta(days=1)
    return np.where(stamps.isna(), -1, whole.fillna(0).to_numpy(np.int64) * DAY + DAY // 2)


class Past:
    """Leads with their ends, and the sales activities of each: the lead's row and the instant."""

    def __init__(self, tables):
        leads, deals, done = (
            pd.read_parquet(tables / f"{name}.parquet")
            for name in ("leads", "opportunities", "sales_activities")
        )
        lost = deals[deals["close_outcome"] == "closed_lost"].groupby("lead_id")["closed_at"].min()
        never = np.zeros(len(leads), bool)
        self.ends = Ends(
            days(leads["lead_created_at"]),
            days(leads["conversion_timestamp"]),
            days(leads["lead_id"].map(lost)),
            ~never,
            never,
        )
        row = pd.Series(np.arange(len(leads)), index=leads["lead_id"])
        self.row, self.at = row[done["lead_id"]].to_numpy(np.int64), days(done["activity_timestamp"])
        self.last = int(max(self.at.max(), self.ends.won_at.max(), self.ends.closed_at.max()))

    def many(self, until, rows):
        """Of these rows those with more sales activities, each before its own instant, than the median has."""
        before = np.bincount(self.row[self.at < until[self.row]], minlength=until.size)[rows]
        return Presence("many sales activities", "activity", np.flatnonzero(before > np.median(before)))


@pytest.fixture(scope="module", params=SEEDS)
def past(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"leadforge-{request.param}")
    generate(folder, 5000, request.param)
    return Past(folder / "tables")


def lift_of(presence, won):
    (row,) = lifts(Sample(won, presences=(presence,))).rows
    return row


@pytest.mark.slow
def test_among_leads_open_at_day_thirty_many_sales_activities_are_a_good_sign(past):
    rules = Rules(EPOCH + timedelta(microseconds=past.last), LANDMARK, None, EPOCH)
    counted = count(past.ends, rules)
    assert counted.leads + sum(leads for _, leads in counted.excluded) == 5000
    row = lift_of(past.many(past.ends.began + 30 * DAY, counted.mask), counted.won)
    assert row.lift > 1.1
    assert row.verdict == "good_sign"


@pytest.mark.slow
def test_counting_everything_before_the_outcome_turns_the_sign_around(past):
    ended = np.where(past.ends.won_at >= 0, past.ends.won_at, past.ends.closed_at)
    until = np.where(ended >= 0, ended, past.last)
    row = lift_of(past.many(until, np.ones(until.size, bool)), past.ends.won_at >= 0)
    assert row.lift < 0.9
    assert row.verdict == "bad_sign"

"""Fields that know the outcome are blocked; honest ones are not, however strong."""

from __future__ import annotations

import numpy as np
import pytest

from sla_engine.learning.audit import EditedAfter, audit, without_blocked
from sla_engine.learning.sample import Feature, Sample


def blocked(won, feature, edited=None):
    return [(one.field, one.code) for one in audit(Sample(won, features=(feature,)), edited)]


def outcomes(seed=0, leads=2000, base=0.2):
    random = np.random.default_rng(seed)
    return random, random.random(leads) < base


def test_a_text_filled_in_only_for_won_leads_is_blocked():
    random, won = outcomes()
    codes = np.where(won & (random.random(2000) < 0.7), random.integers(0, 3, 2000), -1)
    assert blocked(won, Feature("contract", "fit", "category", codes, ("a", "b", "c"))) == [
        ("contract", "filled_by_outcome")
    ]


def test_a_field_emptied_when_lost_is_blocked():
    random, won = outcomes()
    values = np.where(~won & (random.random(2000) < 0.5), np.nan, random.normal(size=2000))
    assert blocked(won, Feature("budget", "fit", "number", values)) == [("budget", "filled_by_outcome")]


def test_a_level_written_at_the_close_is_blocked():
    random, won = outcomes(base=0.38)
    codes = np.where(won & (random.random(2000) < 0.6), 0, random.integers(1, 5, 2000))
    names = ("closed by us", "b", "c", "d", "e")
    found = audit(Sample(won, features=(Feature("tags", "fit", "category", codes, names),)))
    assert (found[0].code, dict(found[0].values)["level"]) == ("too_good", "closed by us")


def test_a_number_computed_from_purchases_is_blocked():
    """As the page values of the UCI shoppers: above nothing for four in five buyers, and few others."""
    random, won = outcomes(base=0.15)
    there = random.random(2000) < np.where(won, 0.8, 0.1)
    values = np.where(there, random.exponential(20, 2000), 0.0)
    assert blocked(won, Feature("page values", "interest", "number", values)) == [("page values", "too_good")]


@pytest.mark.parametrize("base", [0.08, 0.2, 0.4])
@pytest.mark.parametrize("seed", range(8))
def test_honest_strong_fields_stay(seed, base):
    random, won = outcomes(seed, base=base)
    number = random.normal(size=2000) + 0.95 * won  # alone an AUC of .75
    level = np.where(random.random(2000) < 0.6, (number > 1).astype(np.int64), random.integers(0, 4, 2000))
    half_empty = np.where(random.random(2000) < 0.5, np.nan, number)
    features = (
        Feature("a", "fit", "number", number),
        Feature("b", "fit", "category", level, ("w", "x", "y", "z")),
        Feature("c", "fit", "number", half_empty),
        Feature("d", "fit", "yes_no", (number > 0.5).astype(np.int64)),
        Feature("e", "fit", "number", np.round(np.exp(number + 3))),
    )
    assert audit(Sample(won, features=features)) == ()


def test_what_never_varies_and_what_names_the_lead_is_blocked():
    random, won = outcomes()
    names = tuple(f"name {at}" for at in range(2000))
    turn = random.permutation(2000)
    assert blocked(won, Feature("a", "fit", "yes_no", np.ones(2000, np.int64))) == [("a", "constant")]
    assert blocked(won, Feature("a", "fit", "number", np.full(2000, np.nan))) == [("a", "constant")]
    assert blocked(won, Feature("a", "fit", "category", turn, names)) == [("a", "identifier")]
    assert blocked(won, Feature("a", "fit", "number", 579_533.0 + turn)) == [("a", "identifier")]


def test_a_field_edited_after_the_outcome_of_won_leads_is_blocked():
    random, won = outcomes()
    one = Feature("stage", "fit", "number", random.normal(size=2000))
    assert blocked(won, one, {"stage": EditedAfter(0.6, 0.1)}) == [("stage", "edited_after_outcome")]
    assert blocked(won, one, {"stage": EditedAfter(0.1, 0.1), "other": EditedAfter(0.9, 0)}) == []


def test_blocked_fields_leave_and_activities_are_no_fields():
    _, won = outcomes()
    same = won.astype(np.int64)
    features = (
        Feature("x", "fit", "yes_no", same),
        Feature("call", "interest", "yes_no", same, activity="call"),
    )
    sample = Sample(won, features=features)
    found = audit(sample)
    assert [one.field for one in found] == ["x"]
    assert [one.name for one in without_blocked(sample, found).features] == ["call"]

"""The figures are those of scikit-learn, and their intervals hold what they should."""

from __future__ import annotations

import numpy as np
import pytest
import threadpoolctl
from sklearn.metrics import brier_score_loss, roc_auc_score

from sla_engine.learning import challenger
from sla_engine.learning.measure import compare, measure, newest
from sla_engine.learning.sample import Feature, Sample


def drawn(seed, leads=800):
    random = np.random.default_rng(seed)
    odds = random.normal(-1.2, 1.0, leads)
    chance = np.round(1 / (1 + np.exp(-odds)), 2)
    return chance, random.random(leads) < chance


def test_auc_and_brier_are_those_of_scikit_learn_with_ties():
    chance, won = drawn(1)
    found = measure(chance, won)
    assert found.auc.value == pytest.approx(roc_auc_score(won, chance))
    assert found.brier.value == pytest.approx(brier_score_loss(won, chance))
    assert (found.leads, found.wins) == (800, won.sum())


def test_true_chances_are_calibrated_and_stretched_ones_are_not():
    chance, won = drawn(2, 4000)
    assert measure(chance, won).slope.low < 1 < measure(chance, won).slope.high
    odds = np.log(chance / (1 - chance))
    stretched = measure(1 / (1 + np.exp(-2 * odds)), won)
    assert stretched.slope.high < 0.7
    assert stretched.observed_to_expected.low > 1.0


def test_the_best_tenth_and_fifth_are_taken_by_chance_and_ties_evenly():
    won = np.arange(100) < 20
    best = measure(np.linspace(1, 0, 100), won)
    assert best.lift_top_tenth.value == pytest.approx(5.0)
    assert best.precision_top_fifth.value == 1.0
    assert measure(np.full(100, 0.2), won).lift_top_tenth.value == pytest.approx(1.0)


def test_bins_count_every_lead_once():
    chance, won = drawn(3)
    bins = measure(chance, won).bins
    assert sum(one.leads for one in bins) == 800
    assert sum(one.wins for one in bins) == won.sum()
    assert [one.expected for one in bins] == sorted(one.expected for one in bins)
    assert all(one.low <= one.rate <= one.high for one in bins)


def test_one_class_only_leaves_the_ranking_open():
    found = measure(np.array([0.1, 0.9]), np.array([False, False]))
    assert np.isnan(found.auc.value)
    assert np.isnan(found.slope.value)
    with pytest.raises(ValueError, match="cannot be judged"):
        measure(np.array([0.5]), np.array([], bool))


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    big, outcome = drawn(4, 400_000)
    truth, calm = measure(big, outcome), 0.5 * big
    other = compare(big, calm, outcome)
    held = []
    for seed in range(150):
        chance, won = drawn(seed + 100, 400)
        found, paired = measure(chance, won), compare(chance, 0.5 * chance, won)
        held.append(
            [found.auc.low <= truth.auc.value <= found.auc.high,
             found.brier.low <= truth.brier.value <= found.brier.high,
             paired.brier.low <= other.brier.value <= paired.brier.high]
        )  # fmt: skip
    assert np.all(np.mean(held, axis=0) > 0.9)


def test_the_newest_are_held_out_and_row_order_changes_nothing():
    random = np.random.default_rng(5)
    feature = Feature("n", "fit", "number", random.normal(size=400))
    won = random.random(400) < 0.3
    turn = random.permutation(400)
    for order in (np.arange(400) // 7, None):
        sample = Sample(won, order, (feature,))
        other = Sample(
            won[turn],
            None if order is None else order[turn],
            (Feature("n", "fit", "number", feature.values[turn]),),
        )
        assert (newest(sample, 0.25)[turn] == newest(other, 0.25)).all()
        assert newest(sample, 0.25).sum() == 100
        assert [newest(sample, share).sum() for share in (0.05, 0.4, 0.5)] == [20, 160, 200]
    held = newest(Sample(won, np.arange(400), (feature,)), 0.25)
    assert held[300:].all()


@pytest.mark.parametrize(("many", "limit"), [(100_000, 1), (400, None)])
def test_boosting_takes_one_core_unless_the_leads_are_many(monkeypatch, many, limit):
    asked = []
    kept = threadpoolctl.threadpool_limits
    monkeypatch.setattr(threadpoolctl, "threadpool_limits", lambda given: asked.append(given) or kept(given))
    monkeypatch.setattr(challenger, "MANY", many)
    codes = np.arange(300) % 3
    sample = Sample(codes == 1, features=(Feature("a", "fit", "number", codes.astype(float)),))
    challenger.boosted(sample, sample)
    assert asked == [limit]

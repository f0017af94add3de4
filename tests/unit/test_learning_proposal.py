"""An approved card changes only where outcomes say so, and never by itself."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from benchmarks.learning import WORLDS
from sla_engine.card import Scorecard
from sla_engine.learning.proposal import propose
from sla_engine.learning.sample import Feature, Sample

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POINTS = {"a": 4, "b": 3, "c": -3}


def approved(points=None, **line):
    lines = [
        {"name": name, "group": "fit", "points": worth, "when": {"field": name, "is": True}, **line}
        for name, worth in (points or POINTS).items()
    ]
    return Scorecard.model_validate({"lines": lines, "intercept": -1.0})


def drawn(leads, truth, seed=0, level=-1.0):
    random = np.random.default_rng(seed)
    has = {name: (random.random(leads) < 0.4).astype(np.int64) for name in truth}
    odds = level + np.log(1.25) * sum(worth * has[name] for name, worth in truth.items())
    won = random.random(leads) < 1 / (1 + np.exp(-odds))
    features = tuple(Feature(name, "fit", "yes_no", one) for name, one in has.items())
    return Sample(won, np.arange(leads), features)


def codes(proposal):
    return [note.code for note in proposal.notes]


def points(card):
    return {line.name: line.points for line in card.lines}


def test_only_the_line_that_turned_out_otherwise_changes():
    proposal = propose(drawn(6000, {**POINTS, "b": 9}), approved(), NOW)
    assert [one.line.name for one in proposal.changes] == ["b"]
    (change,) = proposal.changes
    assert (change.old, points(proposal.card)["b"]) == (3, change.new)
    assert change.new == pytest.approx(9, abs=1)
    assert change.low > 3
    assert (points(proposal.card)["a"], points(proposal.card)["c"]) == (4, -3)
    assert proposal.new_to_old.brier.high < 0
    assert proposal.new_to_old.auc.value > 0


def test_few_outcomes_move_the_intercept_only_and_it_is_said():
    for leads in (120, 299):
        proposal = propose(drawn(leads, {"a": -9, "b": 9, "c": 9}, level=0.0), approved(), NOW)
        assert points(proposal.card) == POINTS
        assert proposal.changes == ()
        assert "only_intercept" in codes(proposal)
        assert proposal.card.intercept != -1.0


def test_few_wins_move_the_intercept_only():
    proposal = propose(drawn(2000, {"a": 9, "b": 0, "c": 0}, level=-5.0), approved(), NOW)
    assert proposal.card.wins < 100
    assert points(proposal.card) == POINTS
    assert "only_intercept" in codes(proposal)


def test_a_right_card_is_mostly_left_alone():
    moved = [len(propose(drawn(800, POINTS, seed), approved(), NOW).changes) for seed in range(12)]
    assert np.mean(moved) < 0.8


def test_the_level_follows_the_outcomes():
    sample = drawn(2000, POINTS, level=-2.0)
    card = propose(sample, approved(), NOW).card
    assert card.intercept == pytest.approx(-2.0, abs=0.25)


def test_a_declared_sign_stops_at_nothing():
    card = approved({"a": 3, "b": 3}, sign="good")
    proposal = propose(drawn(5000, {"a": -6, "b": 3}), card, NOW)
    assert points(proposal.card) == {"b": 3}
    assert [(one.line.name, one.new) for one in proposal.changes] == [("a", 0)]


def test_a_line_no_column_can_tell_about_stays_and_is_said():
    proposal = propose(drawn(1000, {"a": 4, "b": 3}), approved(), NOW)
    assert points(proposal.card)["c"] == -3
    assert [note.values for note in proposal.notes if note.code == "line_not_in_data"] == [(("line", "c"),)]


def test_changes_the_newest_leads_do_not_bear_out_are_not_proposed():
    """Three quarters say otherwise, the newest quarter says the approved card is right."""
    old, new = drawn(3000, {"a": -2, "b": 3, "c": -3}, 1), drawn(1000, {"a": 6, "b": 3, "c": -3}, 2)
    features = tuple(
        Feature(one.name, "fit", "yes_no", np.concatenate([one.values, other.values]))
        for one, other in zip(old.features, new.features, strict=True)
    )
    sample = Sample(np.concatenate([old.won, new.won]), np.arange(4000), features)
    proposal = propose(sample, approved(), NOW)
    assert proposal.changes == ()
    assert "no_better" in codes(proposal)
    assert points(proposal.card) == POINTS


def test_a_card_from_nothing_has_figures_on_leads_it_has_not_seen_and_a_challenger():
    proposal = propose(WORLDS["strong"](3000, 1).sample, None, NOW)
    assert codes(proposal)[0] == "from_nothing"
    assert (proposal.new.leads, proposal.old, proposal.card.outcomes) == (750, None, 3000)
    assert proposal.new.auc.low > 0.7
    assert proposal.new_to_challenger.auc.value == pytest.approx(
        proposal.new.auc.value - proposal.challenger.auc.value
    )
    assert (proposal.card.as_of, proposal.card.data != "") == (NOW, True)


def test_leads_routed_without_the_score_are_reported_apart():
    sample = drawn(2000, POINTS)
    apart = np.arange(2000) % 10 == 0
    proposal = propose(sample, approved(), NOW, apart)
    assert (proposal.unrouted.leads, proposal.routed.leads) == (50, 450)
    assert propose(sample, approved(), NOW).unrouted is None


def test_without_order_it_is_said():
    sample = drawn(500, POINTS)
    assert "no_time_order" in codes(propose(Sample(sample.won, None, sample.features), approved(), NOW))


def test_the_slope_waits_for_outcomes_and_then_follows_them():
    loud = drawn(6000, {name: 2 * worth for name, worth in POINTS.items()})
    few = drawn(200, POINTS)
    assert propose(few, approved(), NOW).card.slope == approved().slope
    assert "slope_kept" in codes(propose(few, approved(), NOW))
    proposal = propose(loud, approved({"a": 4, "b": 3, "c": -3}), NOW)
    assert points(proposal.card) != POINTS or proposal.card.slope > approved().slope


@pytest.mark.parametrize(("share", "leads"), [(0.1, 300), (0.25, 750), (0.4, 1200)])
def test_every_figure_is_of_the_share_held_out(share, leads):
    sample = WORLDS["strong"](3000, 1).sample
    proposal = propose(sample, None, NOW, np.arange(3000) % 10 == 0, share)
    assert (proposal.new.leads, proposal.challenger.leads) == (leads, leads)
    assert proposal.unrouted.leads + proposal.routed.leads == leads
    assert proposal.card.outcomes == 3000
    old = propose(sample, proposal.card, NOW, holdout=share).old
    assert old.leads == leads


def test_a_side_with_one_outcome_only_is_said():
    sample = drawn(400, POINTS)
    newest_lost = Sample(sample.won & (np.arange(400) < 300), sample.order, sample.features)
    with pytest.raises(ValueError, match="none of the 100 newest leads, to be measured on, were won"):
        propose(newest_lost, approved(), NOW)
    assert propose(newest_lost, approved(), NOW, holdout=0.5).new.leads == 200
    older_won = Sample(sample.won | (np.arange(400) < 300), sample.order, sample.features)
    with pytest.raises(ValueError, match="all of the 300 older leads, to be learned from, were won"):
        propose(older_won, None, NOW)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2, float("nan"), 0.0001])
def test_a_share_that_leaves_one_side_empty_is_refused(share):
    with pytest.raises(ValueError, match="of 400 leads cannot be held out"):
        propose(drawn(400, POINTS), None, NOW, holdout=share)


def test_a_card_may_be_proposed_without_a_date():
    assert propose(drawn(400, POINTS), None, None).card.as_of is None

"""An approved card grows only by lines many outcomes ask for, and says of each that it is new."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from benchmarks.learning import WORLDS
from sla_engine.card import MOST_LINES, CardLine, Scorecard
from sla_engine.learning.card_search import learn_card
from sla_engine.learning.proposal import propose
from sla_engine.learning.sample import Feature, Sample
from tests.unit.test_learning_proposal import POINTS, approved, drawn, points

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def added(proposal):
    return {one.line.name: one for one in proposal.changes if one.old == 0}


def with_columns(sample, *features):
    return Sample(sample.won, sample.order, (*sample.features, *features))


def sources(leads, effects, seed=3, base=None):
    """Leads with a source, on top of what an approved card knows."""
    random = np.random.default_rng(seed)
    has = {name: (random.random(leads) < 0.4).astype(np.int64) for name in base or POINTS}
    codes = random.integers(0, len(effects), leads)
    odds = -1 + np.log(1.25) * sum((base or POINTS)[name] * one for name, one in has.items())
    won = random.random(leads) < 1 / (1 + np.exp(-odds - np.array(effects)[codes]))
    levels = tuple("abcdefgh"[: len(effects)])
    features = [Feature(name, "fit", "yes_no", one) for name, one in has.items()]
    return Sample(won, np.arange(leads), (*features, Feature("source", "fit", "category", codes, levels)))


def test_a_sign_the_card_does_not_know_becomes_a_line_from_nothing():
    proposal = propose(drawn(3000, {**POINTS, "d": 6}), approved(), NOW)
    (change,) = added(proposal).values()
    assert (change.line.name, change.old, change.leads) == ("d is yes", 0, pytest.approx(1200, abs=120))
    assert change.new == pytest.approx(6, abs=1.5)
    assert 0 < change.low < change.high
    assert points(proposal.card)["d is yes"] == change.new
    assert proposal.new_to_old.brier.high < 0


def test_below_the_limits_nothing_is_added():
    for sample in (drawn(299, {**POINTS, "d": 9}, level=0.0), drawn(2000, {**POINTS, "d": 9}, level=-6.0)):
        proposal = propose(sample, approved(), NOW)
        assert (proposal.changes, points(proposal.card)) == ((), POINTS)


@pytest.mark.slow
def test_noise_rarely_adds_a_line():
    """One report in ten may; nine in thirty is beyond chance."""
    grown = 0
    for seed in range(30):
        random = np.random.default_rng(1000 + seed)
        sample = drawn(900, POINTS, seed)
        numbers = [Feature(f"n{at}", "fit", "number", random.normal(size=900)) for at in range(6)]
        levels = [
            Feature(f"l{at}", "fit", "category", random.integers(0, 6, 900), tuple("uvwxyz"))
            for at in range(4)
        ]
        grown += bool(added(propose(with_columns(sample, *numbers, *levels), approved(), NOW)))
    assert grown <= 8


def test_what_the_card_says_already_is_not_said_again():
    sample = drawn(4000, POINTS)
    same = Feature("a again", "fit", "yes_no", sample.features[0].values)
    assert not added(propose(with_columns(sample, same), approved(), NOW))


def test_levels_in_a_line_of_the_card_come_into_no_other():
    base = {"a": 4}
    sample = sources(6000, [1.2, 1.2, 0.0, 0.0, -1.2, -1.2], base=base)
    of_card = approved(base)
    known = CardLine.model_validate(
        {"name": "good sources", "group": "fit", "points": 5, "when": {"field": "source", "in": ["a", "B"]}}
    )
    proposal = propose(
        sample, Scorecard.model_validate({**dict(of_card), "lines": (*of_card.lines, known)}), NOW
    )
    (change,) = added(proposal).values()
    assert (change.line.when.in_, change.new < 0) == (("e", "f"), True)


def test_new_lines_of_a_category_are_disjoint_and_the_average_level_stays_at_nothing():
    proposal = propose(sources(6000, [1.2, 0.0, 0.0, -1.2]), approved(), NOW)
    assert {name: one.new > 0 for name, one in added(proposal).items()} == {
        "source is a": True,
        "source is d": False,
    }


def test_a_card_has_twelve_lines_at_most():
    full = {f"x{at}": 2 for at in range(11)}
    sample = drawn(5000, {**full, "d": 6, "e": 6, "f": 6}, level=-7.0)
    proposal = propose(sample, approved(full), NOW)
    assert len(proposal.card.lines) == MOST_LINES
    assert len(added(proposal)) == 1


def test_new_points_are_worth_what_the_points_of_the_card_are():
    """A point of this card is worth twice as much, so half as many are right."""
    base = {"a": 2, "b": 2}
    loud = Scorecard.model_validate({**dict(approved(base)), "slope": 2 * np.log(1.25)})
    proposal = propose(drawn(6000, {"a": 4, "b": 4, "d": 8}), loud, NOW)
    assert {name: one.new for name, one in added(proposal).items()} == {"d is yes": 4}
    assert (points(proposal.card)["a"], points(proposal.card)["b"]) == (2, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(WORLDS))
def test_few_lines_change_and_later_leads_are_told_better(name):
    """A card of 300 leads meets 1,500 later ones: most of it stays, and it does not get worse."""
    moved, gained = [], []
    for seed in range(6):
        everything = WORLDS[name](1800, seed).sample
        rows = np.arange(1800)
        features = [
            tuple(
                Feature(o.name, o.group, o.kind, o.values[side], o.levels, o.sign)
                for o in everything.features
            )
            for side in (rows < 300, rows >= 300)
        ]
        first = learn_card(Sample(everything.won[:300], np.arange(300), features[0]))
        later = Sample(everything.won[300:], np.arange(1500), features[1])
        proposal = propose(later, first, NOW)
        moved.append(len(proposal.changes))
        gained.append(proposal.new_to_old.auc.value)
        assert len(proposal.card.lines) <= MOST_LINES
    assert np.mean(moved) <= 10
    assert np.mean(gained) > -0.003

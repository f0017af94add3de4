"""Whatever the data: order is nothing, repeats are the same, and columns count as the engine counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.learning import WORLDS
from sla_engine.card import Scorecard
from sla_engine.learning.audit import audit
from sla_engine.learning.card_search import learn_card
from sla_engine.learning.points import points_of, scores_of, truth_of
from sla_engine.learning.proposal import propose
from sla_engine.learning.sample import Sample

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Told:
    """A lead of which these fields are known."""

    def __init__(self, fields):
        self.fields = fields


def turned(sample, seed):
    """The same leads in another order, columns in another order, levels numbered otherwise."""
    random = np.random.default_rng(seed)
    rows = random.permutation(sample.size)
    features = []
    for one in sample.features:
        values, levels = one.values[rows], one.levels
        if one.kind == "category":
            place = random.permutation(len(levels))
            levels = tuple(one.levels[at] for at in place)
            values = np.append(np.argsort(place), -1)[values]
        features.append(replace(one, values=values, levels=levels))
    turn = random.permutation(len(features))
    return Sample(sample.won[rows], sample.order[rows], tuple(features[at] for at in turn))


def rows_as_fields(sample):
    for at in range(sample.size):
        fields = {}
        for one in sample.features:
            value = one.values[at]
            if one.kind == "number":
                fields[one.name] = None if np.isnan(value) else float(value)
            elif value < 0:
                fields[one.name] = None
            else:
                fields[one.name] = one.levels[value] if one.kind == "category" else bool(value)
        yield fields


@given(st.sampled_from(sorted(WORLDS)), st.sampled_from([60, 150, 400, 2500]), st.integers(0, 10**6))
@settings(max_examples=12, deadline=None, derandomize=True)
def test_the_order_of_leads_columns_and_levels_changes_nothing(name, leads, seed):
    sample = WORLDS[name](leads, seed).sample
    assert learn_card(turned(sample, seed)).model_dump_json() == learn_card(sample).model_dump_json()
    assert audit(turned(sample, seed)) == audit(sample)


def test_a_proposal_is_the_same_again_and_in_any_order():
    sample = WORLDS["mixed"](1500, 3).sample
    card = learn_card(WORLDS["mixed"](300, 4).sample)
    again = propose(turned(sample, 1), card, NOW)
    for one in (propose(sample, card, NOW), again):
        assert one.card.model_dump_json() == again.card.model_dump_json()
        assert (one.changes, one.notes) == (again.changes, again.notes)
        assert abs(one.challenger.auc.value - again.challenger.auc.value) < 1e-9


@given(st.sampled_from(sorted(WORLDS)), st.integers(0, 10**6))
@settings(max_examples=8, deadline=None, derandomize=True)
def test_lines_hold_for_the_leads_the_engine_says_and_totals_are_its_totals(name, seed):
    sample = WORLDS[name](400, seed).sample
    card = learn_card(sample)
    told = [Told(fields) for fields in rows_as_fields(sample)]
    points = [dict.fromkeys(card.caps, 0) for _ in told]
    for line in card.lines:
        held = [line.when.holds(one) is True for one in told]
        assert truth_of(line, sample).tolist() == held
        for one, holds in zip(points, held, strict=True):
            one[line.group] += line.points * holds
    assert points_of(card, sample).tolist() == [card.total(one) for one in points]
    assert scores_of(card, sample).tolist() == [card.score(one) for one in points]


CONDITIONS = st.recursive(
    st.sampled_from(
        [
            {"field": "visits", "at_least": 1},
            {"field": "visits", "at_most": 2},
            {"field": "visits", "is": 1},
            {"field": "employees", "missing": True},
            {"field": "source", "missing": False},
            {"field": "source", "in": ["LEVEL 1", "level 3"]},
            {"field": "industry", "matches": "[0-2]$"},
            {"field": "business_mail", "is": True},
            {"field": "business_mail", "is": False},
        ]
    ),
    lambda inner: st.one_of(
        st.builds(lambda one: {"not": one}, inner),
        st.builds(lambda some: {"any": some}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda some: {"all": some}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=5,
)
SAMPLE = WORLDS["mixed"](60, 1).sample


@given(CONDITIONS)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_condition_holds_for_the_leads_the_engine_says(when):
    card = Scorecard.model_validate({"lines": [{"name": "x", "group": "fit", "points": 2, "when": when}]})
    held = [card.lines[0].when.holds(Told(fields)) is True for fields in rows_as_fields(SAMPLE)]
    assert truth_of(card.lines[0], SAMPLE).tolist() == held

"""A card can be checked line by line: no level in two lines, no line that repeats another."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.learning import WORLDS
from sla_engine.card import MOST_LINES
from sla_engine.learning.candidates import Candidate, Support, binned, holds_for, joined
from sla_engine.learning.card_search import learn_card
from sla_engine.learning.points import points_of, truth_of
from sla_engine.learning.readable import readable, together
from sla_engine.learning.sample import Feature, Sample

NONE = Support(0, 0)


def column(codes, levels, **more):
    codes = np.asarray(codes)
    return binned(Feature("source", "fit", "category", codes, levels, **more), np.arange(codes.size) % 3 == 0)


def numbers(values, **more):
    values = np.asarray(values, np.float64)
    return binned(Feature("size", "fit", "number", values, **more), np.arange(values.size) % 3 == 0)


def totals(lines, weights, one):
    return sum(weight * holds_for(line, [one]) for line, weight in zip(lines, weights, strict=True))


def cells(line):
    asked = line.when.in_ or (line.when.is_,)
    return [(line.when.field, level) for level in asked]


def is_about_levels(line):
    return line.when.in_ is not None or isinstance(line.when.is_, str)


@pytest.mark.parametrize(
    "leads",
    [100, *(pytest.param(leads, marks=pytest.mark.slow) for leads in (300, 1000, 5000))],
)
@pytest.mark.parametrize("name", list(WORLDS))
def test_no_level_is_in_two_lines_and_no_line_repeats_another(name, leads):
    for seed in range(3):
        sample = WORLDS[name](leads, seed).sample
        lines = learn_card(sample).lines
        asked = [cell for line in lines if is_about_levels(line) for cell in cells(line)]
        assert len(asked) == len(set(asked))
        worth = [(line.when.field, line.points) for line in lines if is_about_levels(line)]
        assert len(worth) == len(set(worth))
        assert len({truth_of(line, sample).tobytes() for line in lines}) == len(lines) <= MOST_LINES


@pytest.mark.parametrize("name", list(WORLDS))
def test_thresholds_of_a_column_without_missing_values_ask_in_one_direction(name):
    sample = WORLDS[name](4000, 1).sample
    whole = {one.name for one in sample.features if one.kind == "number" and not np.isnan(one.values).any()}
    ways = {}
    for line in learn_card(sample).lines:
        if line.when.field in whole:
            ways.setdefault(line.when.field, set()).add(line.when.at_least is None)
    assert ways
    assert all(len(one) == 1 for one in ways.values())


def test_nested_lines_become_groups_with_the_same_total_for_each_lead():
    one = column(np.repeat([0, 1, 2, 3, -1], 50), ("ad", "cold", "event", "web"))
    nested = [joined(0, one, (1, 2, 4)), joined(0, one, (1, 2)), joined(0, one, (2,))]
    found = readable(nested, np.array([-3.0, -3.0, -1.0]), [one], NONE)
    assert [each.value for each in found] == ["web", "ad", "cold"]
    assert np.allclose(totals(found, [-3, -6, -7], one), totals(nested, [-3, -3, -1], one))


def test_without_missing_values_the_most_average_group_has_no_line():
    one = column(np.repeat([0, 1, 2], [50, 100, 50]), ("best", "middle", "worst"))
    nested = [joined(0, one, (1, 2)), joined(0, one, (1,))]
    found = readable(nested, np.array([2.0, 2.0]), [one], NONE)
    assert [each.value for each in found] == ["best", "worst"]


def test_a_declared_good_column_loses_its_lowest_group():
    one = column(np.repeat([0, 1, 2], [50, 100, 50]), ("best", "middle", "worst"), sign="good")
    nested = [joined(0, one, (1, 2)), joined(0, one, (1,))]
    found = readable(nested, np.array([2.0, 2.0]), [one], NONE)
    assert [each.value for each in found] == ["best", "middle"]


def test_a_group_too_small_for_a_line_joins_the_nearest():
    one = column(np.repeat([0, 1, 2, 3], [100, 100, 100, 5]), ("a", "b", "c", "few"))
    nested = [joined(0, one, (2, 4)), joined(0, one, (4,))]
    (line,) = readable(nested, np.array([2.0, 0.1]), [one], Support(30, 5))
    assert line.value == ("b", "few")


def test_overlapping_lines_never_become_more_lines_than_they_were():
    one = column(np.repeat(np.arange(6), 60), tuple("abcdef"))
    crossing = [joined(0, one, (1, 2, 3)), joined(0, one, (3, 4, 5)), joined(0, one, (2, 5, 6))]
    found = readable(crossing, np.array([1.0, 2.0, 4.0]), [one], NONE)
    assert 1 < len(found) <= 3
    assert sum(each.holds.astype(int) for each in found).max() == 1


def test_levels_nobody_has_and_many_levels_without_a_line_stay_without():
    levels = tuple(f"l{number:02}" for number in range(30))
    one = column(np.repeat(np.arange(29), 40), levels)
    (line,) = readable([joined(0, one, (1,))], np.array([1.0]), [one], NONE)
    assert line.value == "l00"


def test_thresholds_turned_around_keep_their_differences():
    one = numbers(np.arange(1000.0))
    edges = [one.edges[2], one.edges[9], one.edges[15]]
    place = np.arange(one.leads.size)
    above = [place >= one.edges.index(edge) + 2 for edge in edges]
    low = Candidate(0, ~above[0] & (place > 0), "at_most", edges[0])
    lines = [low, *(Candidate(0, above[at], "at_least", edges[at]) for at in (1, 2))]
    found = readable(lines, np.array([-1.0, 1.0, 1.0]), [one], NONE)
    assert len({each.operator for each in found}) == 1
    sign = 1 if found[0].operator == "at_least" else -1
    shift = totals(found, [sign, sign, sign], one) - totals(lines, [-1, 1, 1], one)
    assert np.ptp(shift) == 0


def test_where_numbers_are_missing_both_directions_stay():
    one = numbers(np.where(np.arange(1000) < 200, np.nan, np.arange(1000.0)))
    place = np.arange(one.leads.size)
    lines = [
        Candidate(0, (place > 0) & (place < 4), "at_most", one.edges[2]),
        Candidate(0, place >= 12, "at_least", one.edges[10]),
    ]
    assert readable(lines, np.array([-1.0, 1.0]), [one], NONE) == lines


def test_equal_points_make_one_line_and_no_points_none():
    one = column(np.repeat([0, 1, 2, 3], 50), ("a", "b", "c", "d"))
    lines = [joined(0, one, (1,)), joined(0, one, (3,)), joined(0, one, (4,))]
    found = together(lines, [3, 3, 0], [one])
    assert [(each.value, worth) for each, worth in found] == [(("a", "c"), 3)]


def test_the_card_says_levels_in_groups_as_people_would():
    """Six sources of three kinds: two lines, the third kind is the unremarkable one."""
    random = np.random.default_rng(5)
    codes = random.integers(0, 6, 12_000)
    odds = np.array([1.1, 1.1, 0, 0, -1.4, -1.4])[codes] - 1
    won = random.random(codes.size) < 1 / (1 + np.exp(-odds))
    sample = Sample(won, features=(Feature("source", "fit", "category", codes, tuple("abcdef")),))
    card = learn_card(sample)
    assert [(line.when.in_, line.points > 0) for line in card.lines] == [
        (("a", "b"), True),
        (("e", "f"), False),
    ]
    assert np.unique(points_of(card, sample)).size == 3

"""Weights made whole points, the scale fixed: one point is odds times 1.25. Not here: which lines."""

from __future__ import annotations

import math

import numpy as np

from sla_engine.card import MOST_POINTS, ODDS_PER_POINT, Scorecard
from sla_engine.learning.logistic import Grouped, level_of, likelihood
from sla_engine.learning.sample import Bools, Floats, Ints

STEP = math.log(ODDS_PER_POINT)
SWEEPS = 20


def step_of(card: Scorecard) -> float:
    """The log odds of one point of a card.

    >>> round(step_of(Scorecard()), 3)
    0.223
    """
    return card.slope if card.slope > 0 else STEP


def grouped(holds: list[Bools], won: Bools, offset: Floats | None = None) -> Grouped:
    """Leads for which the same lines hold, and whose log odds are the same beforehand, once.

    >>> grouped([np.array([True, True, False])], np.array([True, False, True])).leads.tolist()
    [1.0, 2.0]
    """
    key = np.zeros(won.size, np.int64)
    for at, one in enumerate(holds):
        key |= one.astype(np.int64) << at
    odds = np.zeros(1)
    if offset is not None:
        odds, where = np.unique(offset, return_inverse=True)
        key |= where << len(holds)
    leads = np.bincount(key, minlength=1)
    wins = np.bincount(key[won], minlength=leads.size)
    there = np.flatnonzero(leads)
    columns = ((there[:, None] >> np.arange(len(holds))) & 1).astype(np.float64)
    counts = leads[there].astype(np.float64), wins[there].astype(np.float64)
    return Grouped(columns, *counts, odds[there >> len(holds)])


def whole(data: Grouped, weights: Floats, centre: Floats, precision: Floats, step: float = STEP) -> Ints:
    """Whole points near ``weights`` (log odds, one a line) that explain best, each within ten.

    ``step``: the log odds of a point.

    >>> data = Grouped(np.array([[0.0], [1.0]]), np.array([1e3, 1e3]), np.array([200.0, 500.0]))
    >>> whole(data, np.array([1.39]), np.zeros(1), np.zeros(1)).tolist()
    [6]
    """
    points = np.clip(np.rint(weights / step), -MOST_POINTS, MOST_POINTS).astype(np.int64)
    signs = np.sign(weights)

    def worth(of: Ints) -> float:
        away = of * step - centre
        odds = data.offset + data.columns @ (of * step)
        level = level_of(odds, data.leads, data.wins)
        return likelihood(odds + level, data.leads, data.wins) - 0.5 * float(precision @ (away * away))

    best = worth(points)
    for _ in range(SWEEPS):
        before = points
        for at in range(points.size):
            for by in (-1, 1):
                other = points.copy()
                other[at] += by
                if abs(other[at]) > MOST_POINTS or other[at] * signs[at] < 0:
                    continue
                value = worth(other)
                if value > best + 1e-9:
                    points, best = other, value
        if points is before:
            break
    return points

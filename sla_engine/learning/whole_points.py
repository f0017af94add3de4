"""Weights made whole points, the scale fixed: one point is odds times 1.25. Not here: which lines."""

from __future__ import annotations

import math

import numpy as np

from sla_engine.card import MOST_POINTS, ODDS_PER_POINT
from sla_engine.learning.logistic import Grouped, level_of, likelihood
from sla_engine.learning.sample import Bools, Floats, Ints

STEP = math.log(ODDS_PER_POINT)
SWEEPS = 20


def grouped(holds: list[Bools], won: Bools) -> Grouped:
    """Leads for which the same lines hold, once.

    >>> grouped([np.array([True, True, False])], np.array([True, False, True])).leads.tolist()
    [1.0, 2.0]
    """
    key = np.zeros(won.size, np.int64)
    for at, one in enumerate(holds):
        key |= one.astype(np.int64) << at
    leads = np.bincount(key, minlength=1)
    wins = np.bincount(key[won], minlength=leads.size)
    there = np.flatnonzero(leads)
    columns = (there[:, None] >> np.arange(len(holds))) & 1
    return Grouped(
        columns.astype(np.float64), leads[there].astype(np.float64), wins[there].astype(np.float64)
    )


def whole(data: Grouped, weights: Floats, centre: Floats, precision: Floats) -> Ints:
    """Whole points near ``weights`` (log odds, one a line) that explain best, each within ten.

    >>> data = Grouped(np.array([[0.0], [1.0]]), np.array([1e3, 1e3]), np.array([200.0, 500.0]))
    >>> whole(data, np.array([1.39]), np.zeros(1), np.zeros(1)).tolist()
    [6]
    """
    points = np.clip(np.rint(weights / STEP), -MOST_POINTS, MOST_POINTS).astype(np.int64)
    signs = np.sign(weights)

    def worth(of: Ints) -> float:
        away = of * STEP - centre
        odds = data.columns @ (of * STEP)
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

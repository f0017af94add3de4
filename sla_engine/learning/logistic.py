"""Logistic regression with a prior on every weight, by Newton's steps. Not here: which columns go in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sla_engine.learning.sample import Floats

STEPS = 60
LONGEST_STEP = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Weights (log odds; the intercept first), their posterior covariance, and the penalised log likelihood.

    >>> Fit(np.zeros(1), np.eye(1), -0.7).loss
    -0.7
    """

    weights: Floats
    covariance: Floats
    loss: float


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """Leads that look the same, once: ``columns`` (rows by columns), how many ``leads``, and their ``wins``.

    ``offset``: log odds that are theirs whatever the weights.

    >>> Grouped(np.zeros((1, 0)), np.array([4.0]), np.array([1.0])).wins.size
    1
    """

    columns: Floats
    leads: Floats
    wins: Floats
    offset: Floats | float = 0.0


def fitted(data: Grouped, centre: Floats, precision: Floats) -> Fit:
    """The most probable weights; the prior of each is normal around ``centre`` with this ``precision``.

    The first of each belongs to the intercept.

    >>> data = Grouped(np.array([[0.0], [1.0]]), np.array([100.0, 100.0]), np.array([20.0, 50.0]))
    >>> fitted(data, np.zeros(2), np.array([1e-6, 1e-6])).weights.round(2).tolist()
    [-1.39, 1.39]
    """
    design = np.column_stack([np.ones(data.leads.size), data.columns])
    weights = centre.astype(np.float64).copy()
    rate = (data.wins.sum() + 0.5) / (data.leads.sum() + 1)
    weights[0] = np.log(rate / (1 - rate)) - np.mean(data.offset)
    current = _loss(design, data, weights, centre, precision)
    for _ in range(STEPS):
        chance = _chance(design @ weights + data.offset)
        slope = design.T @ (data.wins - data.leads * chance) - precision * (weights - centre)
        curve = (design.T * (data.leads * chance * (1 - chance))) @ design + np.diag(precision)
        step = np.linalg.solve(curve, slope)
        step *= min(1.0, LONGEST_STEP / max(float(np.abs(step).max()), 1e-12))
        better = _loss(design, data, weights + step, centre, precision)
        while better < current and np.abs(step).max() > 1e-9:
            step /= 2
            better = _loss(design, data, weights + step, centre, precision)
        weights = weights + step
        if better - current < 1e-9 * (1 + abs(current)):
            break
        current = better
    chance = _chance(design @ weights + data.offset)
    curve = (design.T * (data.leads * chance * (1 - chance))) @ design + np.diag(precision)
    return Fit(weights, np.asarray(np.linalg.inv(curve), np.float64), better)


def level_of(offset: Floats, leads: Floats, wins: Floats) -> float:
    """The intercept (log odds) with which ``offset`` expects as many wins as there were.

    >>> round(level_of(np.zeros(1), np.array([100.0]), np.array([20.0])), 2)
    -1.39
    """
    wanted = float(np.clip(wins.sum(), 0.5, leads.sum() - 0.5))
    level = float(np.log(wanted / (leads.sum() - wanted)) - np.average(offset, weights=leads))
    for _ in range(STEPS):
        chance = _chance(offset + level)
        missing = wanted - float(leads @ chance)
        step = missing / max(float(leads @ (chance * (1 - chance))), 1e-9)
        level += float(np.clip(step, -1, 1))
        if abs(step) < 1e-10:
            break
    return level


def likelihood(offset: Floats, leads: Floats, wins: Floats) -> float:
    """The log likelihood of the wins at these log odds.

    >>> round(likelihood(np.zeros(1), np.array([2.0]), np.array([1.0])), 3)
    -1.386
    """
    return float(wins @ offset - leads @ np.logaddexp(0.0, offset))


def _chance(odds: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(odds, -40, 40)))


def _loss(design: Floats, data: Grouped, weights: Floats, centre: Floats, precision: Floats) -> float:
    away = weights - centre
    return likelihood(design @ weights + data.offset, data.leads, data.wins) - 0.5 * float(
        precision @ (away * away)
    )

"""How good chances were, each figure with what it could be by luck: ranking, sharpness, calibration.

All intervals are 95 % and come from formulas, so that the same leads always give the same figures. Not here:
where the chances come from (``points``), or whom to hold out for other reasons than time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from sla_engine.learning.logistic import Grouped, fitted
from sla_engine.learning.rows import row_hashes
from sla_engine.learning.sample import Bools, Floats, Ints, Sample

BINS = 5
WIDTH = 1.959964


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and its 95 % interval; nan where it cannot be told.

    >>> Figure(0.8, 0.7, 0.9).low
    0.7
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Leads of similar chance: what was ``expected`` (mean chance, 0 to 1) and what came (``rate``).

    ``low`` and ``high``: Jeffreys' 95 % interval of the rate.

    >>> Bin(10, 3, 0.25, 0.3, 0.1, 0.6).wins
    3
    """

    leads: int
    wins: int
    expected: float
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of one set of chances.

    ``slope``: 1 is right, less is too sure of itself. ``brier_of_base``: Brier score of giving every lead
    the same chance. ``lift_top_tenth``: win rate of the best tenth divided by that of all.

    >>> found = measure(np.array([0.2, 0.8]), np.array([False, True]))
    >>> found.leads, found.wins, found.auc.value, round(found.brier.value, 2), found.brier_of_base
    (2, 1, 1.0, 0.04, 0.25)
    """

    leads: int
    wins: int
    auc: Figure
    brier: Figure
    slope: Figure
    observed_to_expected: Figure
    lift_top_tenth: Figure
    precision_top_fifth: Figure
    brier_of_base: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """AUC and Brier score of one set of chances minus those of another on the same leads.

    >>> same = np.array([0.2, 0.8])
    >>> compare(same, same, np.array([False, True])).auc.value
    0.0
    """

    auc: Figure
    brier: Figure


UNKNOWN = Figure(math.nan, math.nan, math.nan)


def measure(chance: Floats, won: Bools) -> Figures:
    """The figures of chances (0 to 1) given to leads of which is known whether they were won.

    Raises ValueError for no leads or arrays of different lengths.

    >>> found = measure(np.repeat([0.1, 0.5], 100), np.arange(200) % 10 < np.repeat([1, 5], 100))
    >>> round(found.auc.value, 2), round(found.observed_to_expected.value, 2), len(found.bins)
    (0.74, 1.0, 2)
    """
    _checked(chance, won)
    base = float(won.mean())
    top = _top(chance, won, 0.1)
    lift = Figure(*(one / base for one in (top.value, top.low, top.high))) if base else UNKNOWN
    return Figures(
        leads=won.size,
        wins=int(won.sum()),
        auc=_auc(chance, won),
        brier=_mean((chance - won) ** 2),
        slope=_slope(chance, won),
        observed_to_expected=_ratio(chance, won),
        lift_top_tenth=lift,
        precision_top_fifth=_top(chance, won, 0.2),
        brier_of_base=base * (1 - base),
        bins=_bins(chance, won),
    )


def compare(chance: Floats, other: Floats, won: Bools) -> Difference:
    """The first chances minus the others, on the same leads. Raises ValueError as ``measure``.

    >>> good, blind = np.array([0.2, 0.8, 0.3]), np.array([0.5, 0.5, 0.5])
    >>> compare(good, blind, np.array([False, True, False])).brier.value < 0
    True
    """
    _checked(chance, won)
    _checked(other, won)
    brier = _mean((chance - won) ** 2 - (other - won) ** 2)
    if won.all() or not won.any():
        return Difference(UNKNOWN, brier)
    (wins, losses), (other_wins, other_losses) = _placements(chance, won), _placements(other, won)
    value = float(wins.mean() - other_wins.mean())
    spread = WIDTH * math.sqrt(_variance(wins - other_wins) + _variance(losses - other_losses))
    return Difference(Figure(value, value - spread, value + spread), brier)


def newest(sample: Sample, share: float) -> Bools:
    """The newest leads, this share of all; of leads that began at once, or without order, by what they are.

    Raises ValueError for a share that is not between 0 and 1, or that leaves no lead on one side.

    >>> newest(Sample(np.array([True, False, True, False]), np.array([4, 1, 2, 3])), 0.25).tolist()
    [True, False, False, False]
    """
    if not 0 < share < 1 or not 0 < round(share * sample.size) < sample.size:
        raise ValueError(f"{share:g} of {sample.size} leads cannot be held out")
    held = np.zeros(sample.size, bool)
    hashes = row_hashes(sample)
    if sample.order is None:  # spread evenly over the leads in the order of what they are
        place = np.floor(np.arange(1, sample.size + 1) * share + 1e-9)
        held[np.argsort(hashes, kind="stable")[np.diff(place, prepend=0.0) > 0]] = True
    else:
        held[np.lexsort((hashes, sample.order))[sample.size - round(share * sample.size) :]] = True
    return held


def jeffreys(hits: float, trials: float) -> tuple[float, float]:
    """Jeffreys' 95 % interval of a share.

    >>> [round(one, 2) for one in jeffreys(0, 10)]
    [0.0, 0.22]
    """
    low = float(special.betaincinv(hits + 0.5, trials - hits + 0.5, 0.025)) if hits > 0 else 0.0
    high = float(special.betaincinv(hits + 0.5, trials - hits + 0.5, 0.975)) if hits < trials else 1.0
    return low, high


def _checked(chance: Floats, won: Bools) -> None:
    if not won.size or chance.size != won.size:
        raise ValueError(f"{chance.size} chances cannot be judged by {won.size} outcomes")


def _placements(chance: Floats, won: Bools) -> tuple[Floats, Floats]:
    """For each won lead the share of lost ones below it, for each lost one the share of won ones above."""
    losses, wins = np.sort(chance[~won]), np.sort(chance[won])

    def below(values: Floats, of: Floats) -> Floats:
        both = np.searchsorted(of, values, "left") + np.searchsorted(of, values, "right")
        return both / (2 * of.size)

    return below(chance[won], losses), 1 - below(chance[~won], wins)


def _variance(of: Floats) -> float:
    return float(of.var(ddof=1)) / of.size if of.size > 1 else math.nan


def _auc(chance: Floats, won: Bools) -> Figure:
    """DeLong's variance, on the scale of log odds so that the interval stays between 0 and 1."""
    if won.all() or not won.any():
        return UNKNOWN
    wins, losses = _placements(chance, won)
    value = float(wins.mean())
    spread = math.sqrt(_variance(wins) + _variance(losses))
    if not 0 < value < 1 or not spread > 0:
        return Figure(value, math.nan, math.nan) if math.isnan(spread) else Figure(value, value, value)
    odds, wide = math.log(value / (1 - value)), WIDTH * spread / (value * (1 - value))
    return Figure(value, 1 / (1 + math.exp(wide - odds)), 1 / (1 + math.exp(-wide - odds)))


def _mean(of: Floats) -> Figure:
    value, spread = float(of.mean()), WIDTH * math.sqrt(_variance(of)) if of.size > 1 else math.nan
    return Figure(value, value - spread, value + spread)


def _slope(chance: Floats, won: Bools) -> Figure:
    bounded = np.clip(chance, 1e-6, 1 - 1e-6)
    odds, where = np.unique(np.log(bounded / (1 - bounded)), return_inverse=True)
    if odds.size < 2 or won.all() or not won.any():
        return UNKNOWN
    leads = np.bincount(where).astype(np.float64)
    data = Grouped(odds[:, None], leads, np.bincount(where, won).astype(np.float64))
    fit = fitted(data, np.zeros(2), np.full(2, 1e-6))
    value, spread = float(fit.weights[1]), WIDTH * math.sqrt(float(fit.covariance[1, 1]))
    return Figure(value, value - spread, value + spread)


def _ratio(chance: Floats, won: Bools) -> Figure:
    expected = float(chance.sum())
    if expected <= 0:
        return UNKNOWN
    low, high = jeffreys(float(won.sum()), won.size)
    return Figure(float(won.sum()) / expected, low * won.size / expected, high * won.size / expected)


def _top(chance: Floats, won: Bools, share: float) -> Figure:
    """The win rate of the best; of leads of one chance at the edge, as many as still fit, taken evenly."""
    kinds, where = np.unique(-chance, return_inverse=True)
    leads = np.bincount(where, minlength=kinds.size).astype(np.float64)
    wins = np.bincount(where, won, kinds.size)
    size = max(1, round(share * won.size))
    part = np.clip((size - (np.cumsum(leads) - leads)) / leads, 0, 1)
    hits = float(part @ wins)
    low, high = jeffreys(hits, size)
    return Figure(hits / size, low, high)


def _bins(chance: Floats, won: Bools) -> tuple[Bin, ...]:
    """Five groups of about one size; leads of one chance stay together."""
    edges = np.unique(np.quantile(chance, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    place: Ints = np.searchsorted(edges, chance, side="left").astype(np.int64)
    found = []
    for at in range(edges.size + 1):
        inside = place == at
        if inside.any():
            leads, wins = int(inside.sum()), int(won[inside].sum())
            found.append(Bin(leads, wins, float(chance[inside].mean()), wins / leads, *jeffreys(wins, leads)))
    return tuple(found)

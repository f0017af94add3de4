"""The card learned from outcomes against naive Bayes as Odoo does it and logistic regression, and its speed.

Run: python benchmarks/learning.py [seeds] [rows for the speed]. Leads are made up by worlds whose truth is
known, so that every method can be asked how near it comes.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from sla_engine.learning.card_search import learn_card
from sla_engine.learning.logistic import Grouped, fitted
from sla_engine.learning.points import chances_of
from sla_engine.learning.sample import Feature, Sample


@dataclass(frozen=True)
class World:
    """Made-up leads: columns, the true chance of each lead, the outcome, and which columns are noise."""

    sample: Sample
    chance: np.ndarray
    noise: frozenset[str]


class Maker:
    """Columns one after another, each adding to the true log odds."""

    def __init__(self, rows: int, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.rows, self.odds = rows, np.zeros(rows)
        self.features: list[Feature] = []
        self.noise: set[str] = set()
        self.hidden = self.random.normal(size=rows)  # what correlated columns have in common

    def number(
        self,
        name: str,
        effect: float,
        shape: Callable = np.asarray,
        missing: float = 0.0,
        shared: float = 0.0,
    ):
        base = self.random.normal(size=self.rows)
        base = shared * self.hidden + np.sqrt(1 - shared**2) * base
        there = self.random.random(self.rows) >= missing
        self.odds += np.where(there, effect * base, 0)
        self.features.append(Feature(name, "interest", "number", np.where(there, shape(base), np.nan)))
        self._note(name, effect)

    def category(self, name: str, effects: list[float], missing: float = 0.0):
        share = self.random.dirichlet(np.full(len(effects), 5.0)) * 0.7 + 0.3 / len(effects)
        codes = self.random.choice(len(effects), self.rows, p=share / share.sum())
        there = self.random.random(self.rows) >= missing
        self.odds += np.where(there, np.array(effects)[codes], 0)
        names = tuple(f"level {at}" for at in range(len(effects)))
        self.features.append(Feature(name, "fit", "category", np.where(there, codes, -1), names))
        self._note(name, float(np.ptp(effects)))

    def yes_no(self, name: str, effect: float, share: float = 0.4, shared: float = 0.0):
        base = shared * self.hidden + np.sqrt(1 - shared**2) * self.random.normal(size=self.rows)
        codes = (base > np.quantile(base, 1 - share)).astype(np.int64)
        self.odds += effect * codes
        self.features.append(Feature(name, "fit", "yes_no", codes))
        self._note(name, effect)

    def _note(self, name: str, effect: float) -> None:
        if not effect:
            self.noise.add(name)

    def world(self, base: float) -> World:
        low, high = -15.0, 15.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (
                (middle, high) if np.mean(1 / (1 + np.exp(-self.odds - middle))) < base else (low, middle)
            )
        chance = 1 / (1 + np.exp(-self.odds - low))
        won = self.random.random(self.rows) < chance
        sample = Sample(won, np.arange(self.rows), tuple(self.features))
        return World(sample, chance, frozenset(self.noise))


def mixed(rows: int, seed: int) -> World:
    """What CRMs have: levels, numbers, answers, some empty, some of no use."""
    make = Maker(rows, seed)
    make.category("industry", [1.3, 0.8, 0.2, 0, 0, -0.3, -0.8, -1.2])
    make.category("source", [1.2, 0.4, 0, 0, -1.0], missing=0.2)
    make.number("employees", 0.8, lambda x: np.round(np.exp(1.2 * x + 4)), missing=0.3)
    make.number("visits", 0.9, lambda x: np.floor(np.exp(x)))
    make.yes_no("business_mail", 0.9)
    make.yes_no("asked_for_demo", 1.3, 0.3)
    for at in range(3):
        make.number(f"noise_{at}", 0)
    make.category("noise_level", [0.0] * 12)
    return make.world(0.3)


def weak(rows: int, seed: int) -> World:
    """Little can be known: even the true chances rank no better than an AUC of about .70."""
    make = Maker(rows, seed)
    make.category("industry", [0.5, 0.3, 0, 0, -0.4, -0.5])
    make.category("source", [0.5, 0, 0, -0.5])
    make.number("employees", 0.35, np.exp)
    make.number("visits", 0.4)
    make.yes_no("business_mail", 0.5)
    make.yes_no("asked_for_demo", 0.6, 0.25)
    for at in range(4):
        make.yes_no(f"noise_{at}", 0)
    make.number("noise_number", 0)
    return make.world(0.15)


def correlated(rows: int, seed: int) -> World:
    """Columns that repeat each other, which naive Bayes counts as often as they do."""
    make = Maker(rows, seed)
    make.number("employees", 0.6, lambda x: np.round(np.exp(1.5 * x + 4)), shared=0.8)
    make.number("revenue", 0.2, lambda x: np.round(np.exp(2 * x + 12)), shared=0.9)
    make.number("offices", 0.0, lambda x: np.floor(np.exp(x)), shared=0.9)
    make.yes_no("enterprise", 0.0, 0.3, shared=0.9)
    make.yes_no("has_crm", 0.0, 0.5, shared=0.9)
    make.category("country", [1.0, 0.5, 0, 0, -0.5, -1.0, 0, 0])
    make.yes_no("asked_for_demo", 1.3, 0.35)
    make.number("visits", 0.8, lambda x: np.floor(np.exp(x)))
    make.number("noise_0", 0)
    world = make.world(0.3)
    return World(world.sample, world.chance, frozenset({"noise_0"}))  # the others do tell something


def crowded(rows: int, seed: int) -> World:
    """Five columns that matter among twenty-five that do not."""
    make = Maker(rows, seed)
    make.category("source", [1.5, 0.7, 0, 0, -1.0])
    make.number("visits", 1.1, lambda x: np.floor(np.exp(x + 1)))
    make.number("employees", 0.8, lambda x: np.round(np.exp(x + 4)), missing=0.1)
    make.yes_no("asked_for_demo", 1.5, 0.3)
    make.yes_no("free_mail", -1.2, 0.4)
    for at in range(10):
        make.number(f"noise_{at}", 0)
        make.yes_no(f"noise_answer_{at}", 0)
    for at in range(5):
        make.category(f"noise_level_{at}", [0.0] * 8)
    return make.world(0.3)


def many(rows: int, seed: int) -> World:
    """Twenty columns that all say something, each less than the one before; a card has twelve lines."""
    make = Maker(rows, seed)
    for at in range(10):
        make.yes_no(f"sign_{at}", 1.7 * 0.6**at * (-1) ** at)
    for at in range(7):
        make.number(f"amount_{at}", 0.9 * 0.45**at)
    for at in range(3):
        make.category(f"level_{at}", [0.9 * 0.5**at, 0, 0, -0.9 * 0.5**at])
    return make.world(0.2)


def strong(rows: int, seed: int) -> World:
    make = Maker(rows, seed)
    make.category("occupation", [1.8, 0.5, 0, 0, -0.7], missing=0.3)
    make.category("source", [1.5, 0.4, 0, -0.6, -1.0, 0, 0])
    make.number("time_on_site", 1.1, lambda x: np.round(np.exp(x + 5)))
    make.number("visits", 0.3, lambda x: np.floor(np.exp(x)))
    make.yes_no("no_mail", -1.3, 0.1)
    for at in range(5):
        make.number(f"noise_{at}", 0, missing=0.2)
    return make.world(0.38)


WORLDS = {one.__name__: one for one in (mixed, weak, correlated, crowded, many, strong)}


def split(world: World, rows: int) -> tuple[Sample, Sample, np.ndarray]:
    """The first rows to learn from, and the others, with their true chances, to be judged on."""

    def part(where: slice) -> Sample:
        features = tuple(replace(one, values=one.values[where]) for one in world.sample.features)
        return Sample(world.sample.won[where], world.sample.order[where], features)

    return part(slice(0, rows)), part(slice(rows, None)), world.chance[rows:]


def levels_of(learn: Sample, judge: Sample) -> list[tuple[np.ndarray, np.ndarray]]:
    """Columns as naive Bayes wants them: levels, numbers in fifths; -1 where empty."""
    found = []
    for one, other in zip(learn.features, judge.features, strict=True):
        if one.kind != "number":
            found.append((one.values, other.values))
            continue
        edges = np.unique(np.nanquantile(one.values, [0.2, 0.4, 0.6, 0.8]))
        pair = []
        for values in (one.values, other.values):
            codes = np.searchsorted(edges, values, side="right")
            codes[np.isnan(values)] = -1
            pair.append(codes)
        found.append((pair[0], pair[1]))
    return found


def naive_bayes(learn: Sample, judge: Sample) -> np.ndarray:
    """Odoo's predictive scoring from its description: a frequency table, counts from 0.1, empties skipped."""
    won = learn.won
    odds = np.full(judge.size, np.log(max(won.sum(), 0.1) / max((~won).sum(), 0.1)))
    for codes, asked in levels_of(learn, judge):
        size = int(max(codes.max(), asked.max(), 0)) + 1
        counts = [np.bincount(codes[side & (codes >= 0)], minlength=size) for side in (won, ~won)]
        seen = (counts[0] + counts[1]) > 0
        table = [np.where(seen, one + 0.1, 1.0) for one in counts]
        share = [one / max(one[seen].sum(), 0.1) for one in table]
        step = np.where(seen, np.log(share[0]) - np.log(share[1]), 0.0)
        odds += np.where(asked >= 0, step[np.maximum(asked, 0)], 0.0)
    return np.clip(1 / (1 + np.exp(-np.clip(odds, -50, 50))), 0.0001, 0.9999)


def logistic(learn: Sample, judge: Sample) -> np.ndarray:
    """Levels as columns of their own, numbers standardised, empty as a column of its own."""

    def design(sample: Sample) -> np.ndarray:
        parts = []
        for one, own in zip(sample.features, learn.features, strict=True):
            if one.kind == "number":
                middle, spread = np.nanmean(own.values), np.nanstd(own.values) or 1.0
                parts += [
                    np.nan_to_num((one.values - middle) / spread)[:, None],
                    np.isnan(one.values)[:, None],
                ]
            else:
                parts.append(one.values[:, None] == np.arange(-1, max(len(one.levels), 2)))
        return np.hstack(parts).astype(float)

    model = LogisticRegression(C=1.0, max_iter=2000).fit(design(learn), learn.won)
    return model.predict_proba(design(judge))[:, 1]


def card(learn: Sample, judge: Sample) -> np.ndarray:
    return chances_of(learn_card(learn), judge)


def calibration_slope(chance: np.ndarray, truth: np.ndarray) -> float:
    """How far the log odds given are from the true ones: 1 is right, below 1 too sure of itself."""
    bounded = np.clip(chance, 1e-4, 1 - 1e-4)
    given = np.log(bounded / (1 - bounded))
    if np.ptp(given) == 0:
        return float("nan")
    data = Grouped(given[:, None], np.ones(given.size), truth)
    return float(fitted(data, np.zeros(2), np.full(2, 1e-6)).weights[1])


METHODS = {"card": card, "naive Bayes": naive_bayes, "logistic": logistic}


def compared(name: str, outcomes: int, seeds: int) -> dict[str, np.ndarray]:
    """Mean AUC, Brier and calibration slope of each method in a world, judged on 8,000 other leads."""
    figures: dict[str, list] = {method: [] for method in METHODS}
    for seed in range(seeds):
        learn, judge, truth = split(WORLDS[name](outcomes + 8000, seed), outcomes)
        for method, chances in METHODS.items():
            chance = chances(learn, judge)
            brier = float(np.mean((chance - truth) ** 2 + truth * (1 - truth)))
            figures[method].append(
                (roc_auc_score(judge.won, chance), brier, calibration_slope(chance, truth))
            )
    return {method: np.nanmean(found, axis=0) for method, found in figures.items()}


def speed(rows: int) -> None:
    make = Maker(rows, 1)
    for at in range(10):
        make.number(f"number_{at}", 0.3 if at < 5 else 0, np.exp, missing=0.1)
        make.category(f"level_{at}", [0.5, 0.2, 0, -0.3] if at < 5 else [0.0] * 30)
        make.yes_no(f"sign_{at}", 0.4 if at < 5 else 0)
    world = make.world(0.1)
    before = time.perf_counter()
    found = learn_card(world.sample)
    took = time.perf_counter() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    auc = roc_auc_score(world.sample.won, chances_of(found, world.sample))
    print(f"{rows:,} leads x 30 columns: {took:.1f} s, peak {peak:.2f} GB, AUC {auc:.3f}")


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(f"{'world':11} {'outcomes':>8} {'method':12} {'AUC':>6} {'Brier':>6} {'slope':>6}")
    for name in WORLDS:
        for outcomes in (100, 300, 1000, 10_000):
            for method, (auc, brier, slope) in compared(name, outcomes, seeds).items():
                print(f"{name:11} {outcomes:8,} {method:12} {auc:6.3f} {brier:6.4f} {slope:6.2f}")
    if len(sys.argv) > 2:
        speed(int(sys.argv[2]))


if __name__ == "__main__":
    main()

"""New points for the lines of an approved card: moved only as far as new outcomes make them.

The approved points are believed beforehand; how firmly, cross-validation says. A line changes only by a
whole point or more, and only if its old points are outside what the outcomes allow. Not here: whether the
changed card is better on later leads (``proposal``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sla_engine.card import MOST_POINTS, CardLine, Scorecard
from sla_engine.learning.logistic import Fit, Grouped, fitted, likelihood
from sla_engine.learning.points import truth_of
from sla_engine.learning.rows import fixed_order
from sla_engine.learning.sample import Bools, Floats, Sample
from sla_engine.learning.whole_points import grouped, step_of

LEAST_OUTCOMES = 300
LEAST_WINS = 100
SPREADS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""How far, in points, approved lines may be off; the one that predicts best is taken."""
FOLDS = 5
WIDTH_80 = 1.281552


@dataclass(frozen=True, slots=True)
class Change:
    """A line whose points should change; ``low`` and ``high``: 80 % interval of the points.

    ``old`` 0: a line that is new. ``new`` 0: a line that goes. ``leads``: how many it holds for.

    >>> when = {"field": "a", "is": "b"}
    >>> line = CardLine.model_validate({"name": "a", "group": "fit", "points": 3, "when": when})
    >>> Change(line, 3, 5, 4.2, 6.1, 120).new
    5
    """

    line: CardLine
    old: int
    new: int
    low: float
    high: float
    leads: int


def enough_to_change(sample: Sample) -> bool:
    """Whether there are outcomes enough to change points: 300 leads, 100 of them won.

    >>> enough_to_change(Sample(np.array([True])))
    False
    """
    return sample.size >= LEAST_OUTCOMES and int(sample.won.sum()) >= LEAST_WINS


def told(card: Scorecard, sample: Sample) -> tuple[Scorecard, tuple[str, ...]]:
    """The card without the lines no column can tell about, and the names of those.

    >>> line = {"name": "a", "group": "fit", "points": 3, "when": {"field": "gone", "is": "b"}}
    >>> told(Scorecard.model_validate({"lines": [line]}), Sample(np.array([True])))[1]
    ('a',)
    """
    kept, lost = [], []
    for line in card.lines:
        try:
            truth_of(line, sample)
        except KeyError:
            lost.append(line.name)
        else:
            kept.append(line)
    return Scorecard.model_validate({**dict(card), "lines": tuple(kept)}), tuple(lost)


def changes_of(approved: Scorecard, sample: Sample) -> tuple[Change, ...]:
    """The changes the outcomes support, in the order of the lines. Every line's column must be there.

    >>> changes_of(Scorecard(), Sample(np.array([True, False])))
    ()
    """
    if not approved.lines:
        return ()
    holds = [truth_of(line, sample) for line in approved.lines]
    old = np.array([line.points for line in approved.lines], np.float64)
    step = step_of(approved)
    fit = _most_probable(holds, sample, old, step)
    middle = fit.weights[1:] / step
    spread = WIDTH_80 * np.sqrt(np.diag(fit.covariance)[1:]) / step
    found = []
    for at, line in enumerate(approved.lines):
        new = _allowed(line, round(float(middle[at])))
        low, high = float(middle[at] - spread[at]), float(middle[at] + spread[at])
        if new != line.points and not low <= line.points <= high:
            found.append(Change(line, line.points, new, low, high, int(holds[at].sum())))
    return tuple(found)


def changed(approved: Scorecard, changes: tuple[Change, ...]) -> Scorecard:
    """The card with the changes made; lines of no points go, new ones come last.

    >>> changed(Scorecard(), ()).lines
    ()
    """
    new = {one.line.name: one.new for one in changes}
    names = {line.name for line in approved.lines}
    lines = [
        CardLine.model_validate({**dict(line), "points": new.get(line.name, line.points)})
        for line in approved.lines
        if new.get(line.name, line.points)
    ]
    lines += [one.line for one in changes if one.line.name not in names]
    return Scorecard.model_validate({**dict(approved), "lines": tuple(lines)})


def _allowed(line: CardLine, points: int) -> int:
    low = 0 if line.sign == "good" else -MOST_POINTS
    high = 0 if line.sign == "bad" else MOST_POINTS
    return max(low, min(high, points))


def _most_probable(holds: list[Bools], sample: Sample, old: Floats, step: float) -> Fit:
    """``old``: the points believed beforehand; ``step``: the log odds of one."""
    fold = np.empty(sample.size, np.int64)
    fold[fixed_order(sample)] = np.arange(sample.size) % FOLDS
    parts = [grouped([one[fold == at] for one in holds], sample.won[fold == at]) for at in range(FOLDS)]
    centre, spreads = old * step, [spread * step for spread in SPREADS]
    worth = [sum(_foretold(parts, at, centre, spread) for at in range(FOLDS)) for spread in spreads]
    best = spreads[int(np.argmax(np.round(worth, 6)))]
    return _fit(_together(parts), centre, best)


def _foretold(parts: list[Grouped], left_out: int, centre: Floats, spread: float) -> float:
    """The log likelihood of one part, learned from the others."""
    fit = _fit(_together([one for at, one in enumerate(parts) if at != left_out]), centre, spread)
    other = parts[left_out]
    return likelihood(fit.weights[0] + other.columns @ fit.weights[1:], other.leads, other.wins)


def _together(parts: list[Grouped]) -> Grouped:
    columns = np.vstack([one.columns for one in parts])
    leads = np.concatenate([one.leads for one in parts])
    return Grouped(columns, leads, np.concatenate([one.wins for one in parts]))


def _fit(data: Grouped, centre: Floats, spread: float) -> Fit:
    precision = np.full(centre.size + 1, spread**-2)
    precision[0] = 1e-6
    return fitted(data, np.append(0.0, centre), precision)

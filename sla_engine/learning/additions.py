"""New lines for an approved card: what the outcomes say beyond it, by the rules of a first card.

Every column is asked whether it tells anything once the card's own chances are taken for granted, and all
columns at once, so that few of those believed are false. Not here: new points for lines the card has
(``update``), or whether later leads bear it all out (``proposal``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sla_engine.card import MOST_LINES, CardLine, Scorecard
from sla_engine.learning.candidates import (
    Binned,
    Candidate,
    binned,
    candidates_of,
    has_support,
    holds_for,
    joined,
    line_of,
    support_for,
)
from sla_engine.learning.card_search import board_of
from sla_engine.learning.discoveries import believed
from sla_engine.learning.line_search import Strictness, best_lines, strictness_for
from sla_engine.learning.logistic import Fit, Grouped, fitted, level_of
from sla_engine.learning.points import points_of, truth_of
from sla_engine.learning.readable import readable, together
from sla_engine.learning.rows import named_order
from sla_engine.learning.sample import Bools, Floats, Sample
from sla_engine.learning.screening import SHARE_OF_FALSE, surprising
from sla_engine.learning.update import WIDTH_80, Change, changed, changes_of, told
from sla_engine.learning.whole_points import grouped, step_of, whole

LEAST_GAIN = 2.0
"""Log likelihood: a new line must be sure, however few the outcomes are."""


@dataclass(frozen=True, slots=True, eq=False)
class _Beyond:
    """The columns, which of them the card asks about, and the log odds it gives each lead."""

    sample: Sample
    columns: list[Binned]
    asked: frozenset[int]
    odds: Floats
    step: float

    def data(self, lines: Sequence[Candidate]) -> Grouped:
        holds = [holds_for(line, self.columns) for line in lines]
        return grouped(holds, self.sample.won, self.odds)

    def strictness(self) -> Strictness:
        found = strictness_for(self.sample.size, int(self.sample.won.sum()))
        return Strictness(found.spread, LEAST_GAIN)

    def fit(self, lines: Sequence[Candidate]) -> Fit:
        precision = self.strictness().precision(len(lines))
        return fitted(self.data(lines), np.zeros(len(lines) + 1), precision)


def changes_and_additions(approved: Scorecard, sample: Sample) -> tuple[Change, ...]:
    """The changes the outcomes support: new points for lines of the card, then new lines, with old points 0.

    >>> changes_and_additions(Scorecard(), Sample(np.array([True, False])))
    ()
    """
    known = told(approved, sample)[0]
    changes = changes_of(known, sample)
    new = _additions(approved, known, changed(known, changes), sample)
    if not new:
        return changes
    settled = {one.line.name: one for one in changes_of(changed(known, new), sample)}
    found = [settled[line.name] for line in known.lines if line.name in settled]
    for one in new:
        last = settled.get(one.line.name, one)
        line = CardLine.model_validate({**dict(one.line), "points": last.new})
        found += [replace(last, line=line, old=0)] if last.new else []
    return tuple(found)


def _additions(approved: Scorecard, known: Scorecard, moved: Scorecard, sample: Sample) -> tuple[Change, ...]:
    """New lines; what one of the card asks comes back in none.

    They must tell something beyond the card as it is, and beyond what new points of its lines would tell.
    """
    room = MOST_LINES - len(changed(approved, ()).lines)
    columns = [binned(feature, sample.won) for feature in named_order(sample)]
    own = [_own_lines(known, one) for one in columns]
    asked = frozenset(at for at, lines in enumerate(own) if lines)
    beyond = _Beyond(sample, columns, asked, _odds(known, sample), step_of(approved))
    candidates = [_new(at, one, own[at], sample) for at, one in enumerate(columns)]
    sure = _telling(beyond, candidates) & _telling(replace(beyond, odds=_odds(moved, sample)), candidates)
    if room <= 0 or not sure:
        return ()
    chosen = [tuple(found) if at in sure else () for at, found in enumerate(candidates)]
    board = board_of(sample, columns, chosen, beyond.strictness(), beyond.odds)
    return _changes(beyond, best_lines(board, room), {line.name for line in approved.lines})


def _odds(card: Scorecard, sample: Sample) -> Floats:
    """The log odds of each lead by the card, its intercept refreshed."""
    kinds, where = np.unique(points_of(card, sample) * step_of(card), return_inverse=True)
    leads = np.bincount(where).astype(np.float64)
    level = level_of(kinds, leads, np.bincount(where, sample.won).astype(np.float64))
    odds: Floats = (kinds + level)[where]
    return odds


def _changes(beyond: _Beyond, lines: list[Candidate], taken: set[str]) -> tuple[Change, ...]:
    """The candidates as lines in whole points, those that may as well be worth nothing left out."""
    if not lines:
        return ()
    columns, support = beyond.columns, support_for(beyond.sample.size)
    lines = readable(lines, beyond.fit(lines).weights[1:], columns, support, beyond.asked)
    precision = beyond.strictness().precision(len(lines))[1:]
    weights = beyond.fit(lines).weights[1:]
    points = whole(beyond.data(lines), weights, np.zeros(len(lines)), precision, beyond.step)
    final = together(lines, points.tolist(), columns)
    fit = beyond.fit([line for line, _ in final])
    spread = WIDTH_80 * np.sqrt(np.diag(fit.covariance)[1:])
    low, high = (fit.weights[1:] - spread) / beyond.step, (fit.weights[1:] + spread) / beyond.step
    found = []
    for at, (candidate, worth) in enumerate(final):
        line = line_of(candidate, columns, worth)
        if line.name not in taken and (low[at] > 0 or high[at] < 0):
            leads = int(holds_for(candidate, columns).sum())
            found.append(Change(line, 0, worth, float(low[at]), float(high[at]), leads))
    return tuple(sorted(found, key=lambda one: (one.line.group, -one.new, one.line.name)))


def _telling(beyond: _Beyond, candidates: list[list[Candidate]]) -> set[int]:
    """The columns to believe."""
    chance = 1 / (1 + np.exp(-beyond.odds))
    surprise, weight = beyond.sample.won - chance, chance * (1 - chance)
    usable = [at for at, found in enumerate(candidates) if found]
    p = np.array([surprising(beyond.columns[at], candidates[at], surprise, weight) for at in usable])
    return {at for at, ok in zip(usable, believed(p, SHARE_OF_FALSE), strict=True) if ok}


def _own_lines(card: Scorecard, one: Binned) -> list[CardLine]:
    """The lines that ask about this column."""
    feature = one.feature
    if feature.activity is None:
        return [line for line in card.lines if _asks(line, feature.name)]
    return [
        line
        for line in card.lines
        if (line.when.activity, line.within) == (feature.activity, feature.window)
        and (line.when.content.pattern if line.when.content is not None else "") == feature.asked_content
    ]


def _asks(line: CardLine, field: str) -> bool:
    waiting = [line.when]
    while waiting:
        when = waiting.pop()
        if when.field == field:
            return True
        waiting += [*when.inner, *([when.not_] if when.not_ is not None else [])]
    return False


def _new(at: int, one: Binned, own: list[CardLine], sample: Sample) -> list[Candidate]:
    """What the column could say that the card does not say yet; levels in a line of the card stay there."""
    support = support_for(sample.size)
    found = candidates_of(at, one, support)
    said = [_said(one, truth_of(line, sample)) for line in own]
    if one.feature.kind == "category" and said:
        touched = np.any(np.stack(said), axis=0)
        codes = (tuple(np.flatnonzero(each.holds & ~touched).tolist()) for each in found)
        fresh = [joined(at, one, few) for few in dict.fromkeys(codes) if few]
        return [each for each in fresh if has_support(one, each, support)]
    there = one.leads > 0
    same = {key for each in said for key in _both_sides(each, there)}
    return [each for each in found if not same & set(_both_sides(each.holds, there))]


def _said(one: Binned, truth: Bools) -> Bools:
    """The values of the column for which a line holds for at least half of the leads."""
    return 2 * np.bincount(one.codes[truth], minlength=one.leads.size) > one.leads


def _both_sides(holds: Bools, there: Bools) -> tuple[bytes, bytes]:
    """The leads of a question; without missing values the other side asks the same."""
    return (holds & there).tobytes(), (~holds & there).tobytes()

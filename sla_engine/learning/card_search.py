"""A readable card out of columns: at most twelve lines that the outcomes support, in whole points.

Columns are tested together (one in ten believed may be false), the best lines are searched among those
believed, and few outcomes move the points little. Not here: changing a card both sides approved
(``proposal``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np

from sla_engine.card import CardLine, Group, Scorecard
from sla_engine.learning.candidates import (
    Binned,
    Candidate,
    binned,
    candidates_of,
    holds_for,
    line_of,
    support_for,
)
from sla_engine.learning.line_search import Board, Strictness, best_lines, strictness_for
from sla_engine.learning.logistic import Fit, Grouped, fitted, level_of
from sla_engine.learning.points import points_of, scores_of
from sla_engine.learning.readable import readable, together
from sla_engine.learning.rows import data_hash, fixed_order, named_order
from sla_engine.learning.sample import Floats, Ints, Sample
from sla_engine.learning.screening import telling
from sla_engine.learning.whole_points import grouped, whole

LEAST_LEADS = 20
MOST_ROWS = 30_000
"""More leads than this choose the same lines; the points are fitted on all of them."""
CAPS: Mapping[Group, int] = {"fit": 25, "interest": 50}


def learn_card(
    sample: Sample, as_of: datetime | None = None, caps: Mapping[Group, int] | None = None
) -> Scorecard:
    """The card these leads teach; without lines if they teach nothing. Order of rows and columns is nothing.

    ``caps`` None: 25 points for fit and 50 for interest, or wider where the lines need it.
    Raises ValueError for fewer than 20 leads, or if all or none of them were won.

    >>> from sla_engine.learning.sample import Feature
    >>> has = np.array([0, 1] * 100)
    >>> sample = Sample((np.arange(200) % 4 == 1) | (np.arange(200) % 20 == 0), features=(
    ...     Feature("has_budget", "fit", "yes_no", has),))
    >>> [(line.name, line.points > 0) for line in learn_card(sample).lines]
    [('has_budget is yes', True)]
    """
    _enough(sample)
    columns = [binned(feature, sample.won) for feature in named_order(sample)]
    support = support_for(sample.size)
    candidates = [candidates_of(at, one, support) for at, one in enumerate(columns)]
    believed = telling(columns, candidates, sample.won, fixed_order(sample))
    chosen = [tuple(found) if ok else () for found, ok in zip(candidates, believed, strict=True)]
    lines = best_lines(board_of(sample, columns, chosen, _strictness(sample)))
    lines = readable(lines, _fit(sample, columns, lines).weights[1:], columns, support)
    return _card(sample, _lines(sample, columns, lines), as_of, caps)


def finished(card: Scorecard, sample: Sample, as_of: datetime | None) -> Scorecard:
    """The card with its intercept, its bands and what it was learned from, set by these leads.

    >>> finished(Scorecard(), Sample(np.array([True] * 20 + [False] * 80)), None).outcomes
    100
    """
    totals = points_of(card, sample).astype(np.float64) * card.slope
    kinds, where = np.unique(totals, return_inverse=True)
    leads = np.bincount(where).astype(np.float64)
    wins = np.bincount(where, sample.won).astype(np.float64)
    level = level_of(kinds, leads, wins)
    scores = scores_of(card, sample)
    bands = (None, None) if np.ptp(scores) == 0 else (_band(scores, 0.2), _band(scores, 0.5))
    content = {
        "intercept": round(level, 6),
        "high": bands[0],
        "medium": bands[1],
        "as_of": as_of,
        "outcomes": sample.size,
        "wins": int(sample.won.sum()),
        "data": data_hash(sample),
    }
    return Scorecard.model_validate({**dict(card), **content})


def _enough(sample: Sample) -> None:
    if sample.size < LEAST_LEADS:
        raise ValueError(f"a card needs at least {LEAST_LEADS} leads whose end is known, not {sample.size}")
    if sample.won.all() or not sample.won.any():
        raise ValueError(f"{'all' if sample.won.all() else 'none'} of the {sample.size} leads were won")


def board_of(
    sample: Sample,
    columns: list[Binned],
    chosen: list[tuple[Candidate, ...]],
    strictness: Strictness,
    offset: Floats | None = None,
) -> Board:
    """What is searched: of many leads every k-th in an order that depends only on what they are.

    ``offset``: log odds the leads have already.

    >>> board_of(Sample(np.array([True, False])), [], [], Strictness(0.4, 0.3)).won.size
    2
    """
    rows = fixed_order(sample)
    rows = rows[:: -(-rows.size // MOST_ROWS)]
    few = tuple(
        replace(one, codes=one.codes[rows]) if found else one
        for one, found in zip(columns, chosen, strict=True)
    )
    return Board(few, tuple(chosen), sample.won[rows], strictness, 0.0 if offset is None else offset[rows])


def _strictness(sample: Sample) -> Strictness:
    return strictness_for(sample.size, int(sample.won.sum()))


def _data(sample: Sample, columns: list[Binned], lines: list[Candidate]) -> Grouped:
    return grouped([holds_for(one, columns) for one in lines], sample.won)


def _fit(sample: Sample, columns: list[Binned], lines: list[Candidate]) -> Fit:
    precision = _strictness(sample).precision(len(lines))
    return fitted(_data(sample, columns, lines), np.zeros(len(lines) + 1), precision)


def _lines(sample: Sample, columns: list[Binned], lines: list[Candidate]) -> list[CardLine]:
    fit, data = _fit(sample, columns, lines), _data(sample, columns, lines)
    precision = _strictness(sample).precision(len(lines))[1:]
    points = whole(data, fit.weights[1:], np.zeros(len(lines)), precision).tolist()
    made = [line_of(one, columns, worth) for one, worth in together(lines, points, columns)]
    return sorted(made, key=lambda line: (line.group, -line.points, line.name))


def _card(
    sample: Sample, lines: list[CardLine], as_of: datetime | None, caps: Mapping[Group, int] | None
) -> Scorecard:
    content = {"lines": tuple(lines), "caps": dict(caps or {group: _cap(group, lines) for group in CAPS})}
    return finished(Scorecard.model_validate(content), sample, as_of)


def _cap(group: Group, lines: list[CardLine]) -> int:
    points = [line.points for line in lines if line.group == group]
    reach = max(sum(max(one, 0) for one in points), -sum(min(one, 0) for one in points))
    return max(CAPS[group], -(-reach // 5) * 5)


def _band(scores: Ints, share: float) -> int:
    """The score from which the share of leads comes nearest to this."""
    kinds, leads = np.unique(scores, return_counts=True)
    above = np.cumsum(leads[::-1])[::-1] / scores.size
    return int(kinds[1:][np.argmin(np.abs(above[1:] - share))])

"""The few lines that together explain most: added one by one, exchanged, and dropped again.

Not here: which columns may be asked (``screening``), and whole points (``whole_points``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sla_engine.card import MOST_LINES
from sla_engine.learning.candidates import Binned, Candidate, holds_for
from sla_engine.learning.logistic import Fit, Grouped, fitted
from sla_engine.learning.sample import Bools, Floats

EXCHANGES = 3


@dataclass(frozen=True, slots=True)
class Strictness:
    """How far from nothing a line's log odds lie beforehand (``spread``), and what a line must at least add.

    ``gain``: log likelihood. Few outcomes allow smaller gains, of columns already believed, but then hardly
    move the points; many must be convinced: 2 is a 95 % interval that does not hold zero.

    >>> Strictness(0.4, 0.3).precision(1).round(2).tolist()
    [0.0, 6.25]
    """

    spread: float
    gain: float

    def precision(self, lines: int) -> Floats:
        """Precisions of the intercept, of which nothing is known, and of so many lines."""
        return np.array([1e-6, *[self.spread**-2] * lines])


def strictness_for(leads: int, wins: int) -> Strictness:
    """Strictness by how much was seen.

    >>> strictness_for(100, 20), strictness_for(100_000, 10_000)
    (Strictness(spread=0.45, gain=0.1), Strictness(spread=0.9, gain=2.0))
    """
    rarer = min(wins, leads - wins)
    spread = float(np.clip(0.35 * (rarer / 25) ** (1 / 3), 0.45, 0.9))
    return Strictness(spread, float(np.clip(0.1 * (leads / 100) ** 1.08, 0.1, 2.0)))


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """What is searched: candidates by column, values of the rows by column, and the outcome of the rows.

    ``offset``: log odds each row has already.

    >>> Board((), (), np.array([True]), Strictness(0.4, 0.3)).won.size
    1
    """

    columns: tuple[Binned, ...]
    candidates: tuple[tuple[Candidate, ...], ...]
    won: Bools
    strictness: Strictness
    offset: Floats | float = 0.0


def best_lines(board: Board, room: int = MOST_LINES) -> list[Candidate]:
    """At most as many candidates as there is room for, the same for any order of rows.

    >>> best_lines(Board((), (), np.array([True, False]), Strictness(0.4, 0.3)))
    []
    """
    lines: list[Candidate] = []
    fit = _fit(board, lines)
    while len(lines) < room:
        found = _next(board, lines, fit)
        if found is None:
            break
        lines.append(found)
        fit = _fit(board, lines)
    for _ in range(EXCHANGES):
        before = list(lines)
        for line in before:
            lines, fit = _exchanged(board, lines, fit, line)
        if lines == before:
            break
    return _with_right_signs(board, lines)


def _exchanged(
    board: Board, lines: list[Candidate], fit: Fit, line: Candidate
) -> tuple[list[Candidate], Fit]:
    """Without the line, or with a better one in its place."""
    rest = [each for each in lines if each is not line]
    fit_of_rest = _fit(board, rest)
    found = _next(board, rest, fit_of_rest)
    if found is None:
        return rest, fit_of_rest
    other = [*rest, found]
    fit_of_other = _fit(board, other)
    if fit_of_other.loss > fit.loss + 1e-6:
        return other, fit_of_other
    return (rest, fit_of_rest) if fit.loss - fit_of_rest.loss < board.strictness.gain else (lines, fit)


def _with_right_signs(board: Board, lines: list[Candidate]) -> list[Candidate]:
    while lines:
        weights = _fit(board, lines).weights[1:]
        signs = [_wanted(board, line) for line in lines]
        wrong = [weight * sign < 0 for weight, sign in zip(weights, signs, strict=True)]
        if not any(wrong):
            break
        lines = [line for line, is_wrong in zip(lines, wrong, strict=True) if not is_wrong]
    return lines


def _wanted(board: Board, line: Candidate) -> int:
    return {"good": 1, "bad": -1, "any": 0}[board.columns[line.column].feature.sign]


def _design(board: Board, lines: list[Candidate]) -> Floats:
    return np.column_stack(
        [np.zeros((board.won.size, 0)), *(holds_for(line, board.columns) for line in lines)]
    )


def _fit(board: Board, lines: list[Candidate]) -> Fit:
    won = board.won.astype(np.float64)
    data = Grouped(_design(board, lines), np.ones(won.size), won, board.offset)
    return fitted(data, np.zeros(len(lines) + 1), board.strictness.precision(len(lines)))


def _next(board: Board, lines: list[Candidate], fit: Fit) -> Candidate | None:
    """The candidate whose addition promises the greatest gain, if that is enough."""
    design = np.column_stack([np.ones(board.won.size), _design(board, lines)])
    chance = 1 / (1 + np.exp(-(design @ fit.weights + board.offset)))
    surprise, weight = board.won - chance, chance * (1 - chance)
    per_row = np.column_stack([surprise, weight, design * weight[:, None]])
    best, found = board.strictness.gain, None
    for column, candidates in zip(board.columns, board.candidates, strict=True):
        if not candidates:
            continue
        gains = _gains(column, candidates, per_row, fit, board.strictness)
        gains[[any(each is line for line in lines) for each in candidates]] = 0.0
        at = int(np.argmax(gains))
        if gains[at] > best + 1e-9:
            best, found = float(gains[at]), candidates[at]
    return found


def _gains(
    column: Binned, candidates: tuple[Candidate, ...], per_row: Floats, fit: Fit, strictness: Strictness
) -> Floats:
    """What each candidate would add to the penalised log likelihood, by its score and curvature."""
    size = column.leads.size
    sums = np.stack([np.bincount(column.codes, part, size) for part in per_row.T])
    holds = np.stack([each.holds for each in candidates]).astype(np.float64)
    score, own, shared = holds @ sums[0], holds @ sums[1], holds @ sums[2:].T
    free = own - np.einsum("ij,jk,ik->i", shared, fit.covariance, shared)
    gains = 0.5 * score**2 / (np.maximum(free, 0) + strictness.spread**-2)
    sign = {"good": 1, "bad": -1, "any": 0}[column.feature.sign]
    return np.where((score * sign < 0) | (free < 1e-6 * own), 0.0, gains)

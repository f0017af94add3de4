"""The lines found, said so that a person can check them: no level in two lines, thresholds in one direction.

Lines of one column add up, so many ways of saying them give every lead the same total. Not here: which lines
are worth having (``line_search``), or their points (``whole_points``).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sla_engine.learning.candidates import (
    MOST_LEVELS_IN_A_LINE,
    Binned,
    Candidate,
    Support,
    has_support,
    joined,
)
from sla_engine.learning.sample import Bools, Floats


@dataclass(frozen=True, slots=True)
class _Group:
    """Levels of one column about which the lines say the same: their codes, log odds and leads."""

    codes: tuple[int, ...]
    odds: float
    leads: int
    is_rest: bool


def readable(
    lines: Sequence[Candidate],
    weights: Floats,
    columns: Sequence[Binned],
    support: Support,
    fixed: Container[int] = (),
) -> list[Candidate]:
    """No more lines than before that can give nearly every lead the same total.

    ``weights``: the log odds of each line. Levels that share their lines become one group, and each group one
    line; the most average group needs none, if no lead's value is missing. Thresholds of a column
    without missing values all ask for "at least" or all for "at most", whichever leaves more leads alone.

    ``fixed``: columns in which leads without a line must stay so, as if values were missing.

    >>> from sla_engine.learning.candidates import binned
    >>> from sla_engine.learning.sample import Feature
    >>> codes = np.repeat([0, 1, 2], 100)
    >>> one = binned(Feature("source", "fit", "category", codes, ("ad", "cold", "web")), codes > 0)
    >>> nested = [joined(0, one, (1, 2)), joined(0, one, (1,))]
    >>> found = readable(nested, np.array([-1.0, -2.0]), [one], Support(30, 5))
    >>> [each.value for each in found]
    ['web', 'ad']
    """
    found: list[Candidate] = []
    for column in dict.fromkeys(line.column for line in lines):
        own = [at for at, line in enumerate(lines) if line.column == column]
        asked, one = [lines[at] for at in own], columns[column]
        if one.feature.kind == "category":
            found += _Apart(asked, one, support, column in fixed).lines(weights[own])
        elif one.feature.kind == "number" and not (
            one.leads[0] or column in fixed or one.feature.sign != "any"
        ):
            found += _one_way(asked, one)
        else:
            found += asked
    return found


def together(
    lines: Sequence[Candidate], points: Iterable[int], columns: Sequence[Binned]
) -> list[tuple[Candidate, int]]:
    """Levels of one column worth the same points in one line; lines of no points, or of a wrong sign, go.

    >>> together([Candidate(0, np.array([True]), "is", True)], [0], [])
    []
    """
    found: dict[tuple[int, object], tuple[Candidate, int]] = {}
    for line, worth in zip(lines, points, strict=True):
        if not worth or (columns[line.column].feature.sign, worth > 0) in {("good", False), ("bad", True)}:
            continue
        is_category = columns[line.column].feature.kind == "category"
        key = line.column, worth if is_category else (line.operator, line.value)
        if key in found:
            codes = np.flatnonzero(found[key][0].holds | line.holds)
            line = joined(line.column, columns[line.column], tuple(codes.tolist()))  # noqa: PLW2901 - both in one
        found[key] = line, worth
    return list(found.values())


class _Apart:
    """The lines of one category, being made disjoint."""

    def __init__(self, asked: list[Candidate], one: Binned, support: Support, is_fixed: bool) -> None:  # noqa: FBT001 - private
        self.asked, self.one, self.support = asked, one, support
        self.is_fixed = is_fixed or bool(one.leads[0])

    def lines(self, weights: Floats) -> list[Candidate]:
        groups = _groups(self.asked, weights, self.one)
        while len(groups) > 1:
            unremarkable = self._unremarkable(groups)
            said = [group for group in groups if group is not unremarkable]
            weak = [group for group in said if not has_support(self.one, self._line(group), self.support)]
            if not weak and len(said) <= len(self.asked):
                return [self._line(group) for group in sorted(said, key=lambda each: -each.odds)]
            groups = _nearest_joined(groups, weak)
        return []

    def _line(self, group: _Group) -> Candidate:
        return joined(self.asked[0].column, self.one, group.codes)

    def _unremarkable(self, groups: list[_Group]) -> _Group | None:
        """The group without points: where values are missing the one they are in, since they have none."""
        rest = next((group for group in groups if group.is_rest), None)
        if self.is_fixed or (rest is not None and len(rest.codes) > MOST_LEVELS_IN_A_LINE):
            return rest
        if self.one.feature.sign != "any":
            way = 1 if self.one.feature.sign == "good" else -1
            return min(groups, key=lambda group: (way * group.odds, group.codes))
        average = sum(group.odds * group.leads for group in groups) / sum(group.leads for group in groups)
        return min(groups, key=lambda group: (round(abs(group.odds - average), 9), -group.leads, group.codes))


def _groups(lines: list[Candidate], weights: Floats, one: Binned) -> list[_Group]:
    """The levels by which of the lines hold for them; those of no line last, with the missing value."""
    holds = np.stack([line.holds for line in lines])
    by_lines: dict[tuple[bool, ...], list[int]] = {(False,) * len(lines): []}
    for code in range(1, one.leads.size):
        if one.leads[code]:
            by_lines.setdefault(tuple(holds[:, code].tolist()), []).append(code)
    found = []
    for key, codes in by_lines.items():
        leads = int(one.leads[codes].sum()) + (0 if any(key) else int(one.leads[0]))
        if leads:
            found.append(_Group(tuple(codes), float(weights[list(key)].sum()), leads, not any(key)))
    return found


def _nearest_joined(groups: list[_Group], weak: list[_Group]) -> list[_Group]:
    """Two groups made one: those whose difference matters least, one of them too small if any is."""
    pairs = [
        (_loss(one, other), one.codes, other.codes, one, other)
        for at, one in enumerate(groups)
        for other in groups[at + 1 :]
        if not weak or one in weak or other in weak
    ]
    *_, one, other = min(pairs, key=lambda pair: pair[:3])
    leads = one.leads + other.leads
    odds = (one.odds * one.leads + other.odds * other.leads) / leads
    is_rest = one.is_rest or other.is_rest
    both = _Group(tuple(sorted(one.codes + other.codes)), 0.0 if is_rest else odds, leads, is_rest)
    return [both, *(group for group in groups if group is not one and group is not other)]


def _loss(one: _Group, other: _Group) -> float:
    return one.leads * other.leads / (one.leads + other.leads) * (one.odds - other.odds) ** 2


def _one_way(lines: list[Candidate], one: Binned) -> list[Candidate]:
    """The same thresholds, asked from the side on which fewer leads are touched by any."""
    above = [line.holds if line.operator == "at_least" else _other_side(line) for line in lines]
    lowest, highest = ~np.any(above, axis=0), np.all(above, axis=0)
    lowest[0] = highest[0] = False
    at_least = one.leads[lowest].sum() >= one.leads[highest].sum()
    operator = "at_least" if at_least else "at_most"
    found = [
        line if line.operator == operator else replace(line, operator=operator, holds=_other_side(line))
        for line in lines
    ]
    return list({str(line.value): line for line in found}.values())


def _other_side(line: Candidate) -> Bools:
    holds = ~line.holds
    holds[0] = False
    return holds

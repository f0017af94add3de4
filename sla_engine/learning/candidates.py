"""What a line could ask: levels, joined levels and thresholds that enough leads are on either side of.

Not here: which of them tell anything (``screening``), and which become lines (``line_search``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sla_engine.card import CardLine
from sla_engine.learning.rows import codes_by_name
from sla_engine.learning.sample import Bools, Feature, Floats, Ints

FEW_LEADS = 300
MOST_LEVELS_IN_A_LINE = 8
MOST_LEVELS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Binned:
    """A feature in few values: 0 where nobody knows, then 1, 2, ...

    ``edges`` (numbers): where 2, 3, ... begin. ``leads`` and ``wins``: how many at each value.

    >>> zero = np.zeros(2, np.int64)
    >>> feature = Feature("a", "fit", "yes_no", zero)
    >>> Binned(feature, zero + 1, (), (), np.array([0, 2]), np.array([0, 1])).leads.size
    2
    """

    feature: Feature
    codes: Ints
    levels: tuple[str, ...]
    edges: tuple[float, ...]
    leads: Ints
    wins: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A line that could be: the column's place, and for which of its values the line holds.

    ``operator`` and ``value`` say it as a condition does.

    >>> Candidate(0, np.array([False, True]), "is", True).operator
    'is'
    """

    column: int
    holds: Bools
    operator: str
    value: object


@dataclass(frozen=True, slots=True)
class Support:
    """How many leads and how many expected wins must be on both sides of a line.

    >>> Support(30, 5).leads
    30
    """

    leads: float
    wins: float


def support_for(leads: int) -> Support:
    """Few outcomes ask for less on each side; the prior then weighs more.

    >>> support_for(100).leads, support_for(1000).leads
    (12, 30)
    """
    return Support(12, 2.5) if leads < FEW_LEADS else Support(30, 5)


def binned(feature: Feature, won: Bools) -> Binned:
    """The feature in few values, thresholds at round numbers near its quantiles.

    >>> feature = Feature("n", "fit", "number", np.array([1.0, 2.0, np.nan]))
    >>> binned(feature, np.array([True, False, True])).edges
    (2.0,)
    """
    levels: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    if feature.kind == "number":
        edges = _edges(feature.values.astype(np.float64), 10 if won.size < FEW_LEADS else 20)
        codes = np.searchsorted(np.array(edges), feature.values, side="right").astype(np.int64) + 1
        codes[np.isnan(feature.values)] = 0
        size = len(edges) + 2
    elif feature.kind == "category":
        codes, levels = codes_by_name(feature)
        codes, size = codes + 1, len(levels) + 1
    else:
        codes, size = feature.values.astype(np.int64) + 1, 3
    leads = np.bincount(codes, minlength=size)
    return Binned(
        feature, codes.astype(np.int32), levels, edges, leads, np.bincount(codes[won], minlength=size)
    )


def candidates_of(column: int, one: Binned, support: Support) -> list[Candidate]:
    """Everything this column could say, with enough leads on both sides.

    >>> column = binned(Feature("a", "fit", "yes_no", np.array([0, 1] * 50)), np.array([True, False] * 50))
    >>> [each.value for each in candidates_of(0, column, Support(30, 5))]
    [True]
    """
    makers = {"number": _thresholds, "category": _levels, "yes_no": _answers}
    return [each for each in makers[one.feature.kind](column, one) if has_support(one, each, support)]


def has_support(one: Binned, candidate: Candidate, support: Support) -> bool:
    """Whether enough leads, and of either outcome, are on both sides of the candidate.

    >>> column = binned(Feature("a", "fit", "yes_no", np.array([0, 1] * 50)), np.array([True, False] * 50))
    >>> has_support(column, Candidate(0, np.array([False, False, True]), "is", True), Support(60, 5))
    False
    """
    total = int(one.leads.sum())
    rate = int(one.wins.sum()) / max(total, 1)
    inside = int(one.leads[candidate.holds].sum())
    side = min(inside, total - inside)
    return side >= support.leads and side * min(rate, 1 - rate) >= support.wins


def line_of(candidate: Candidate, columns: Sequence[Binned], points: int) -> CardLine:
    """The candidate as a line of a card.

    >>> column = binned(Feature("a", "fit", "yes_no", np.array([0, 1])), np.array([True, False]))
    >>> line_of(Candidate(0, np.array([False, False, True]), "is", True), [column], 3).name
    'a is yes'
    """
    feature = columns[candidate.column].feature
    name, when = _asked(candidate, columns[candidate.column])
    content = {
        "name": name,
        "group": feature.group,
        "points": points,
        "sign": feature.sign,
        "when": when,
        "within": feature.window if feature.activity else None,
    }
    return CardLine.model_validate(content)


def holds_for(candidate: Candidate, columns: Sequence[Binned]) -> Bools:
    """The leads for which the candidate holds.

    >>> column = binned(Feature("a", "fit", "yes_no", np.array([0, 1])), np.array([True, False]))
    >>> holds_for(Candidate(0, np.array([False, False, True]), "is", True), [column]).tolist()
    [False, True]
    """
    return candidate.holds[columns[candidate.column].codes]


def _asked(candidate: Candidate, one: Binned) -> tuple[str, dict[str, object]]:
    feature, value = one.feature, candidate.value
    if candidate.operator == "at_most":
        value = _below(feature.values.astype(np.float64), float(str(value)))
    when: dict[str, object] = {"field": feature.name, candidate.operator: value}
    if feature.activity is not None:
        when = {"activity": feature.activity}
        if feature.content:
            when["content"] = feature.asked_content
    return _name(feature, candidate.operator, value), when


def _name(feature: Feature, operator: str, value: object) -> str:
    if feature.activity is not None:
        return feature.name
    if isinstance(value, bool):
        return f"{feature.name} is {'yes' if value else 'no'}"
    if isinstance(value, tuple):
        return f"{feature.name} in {', '.join(value)}"
    if isinstance(value, float):
        return f"{feature.name} {operator.replace('_', ' ')} {value:.12g}"
    return f"{feature.name} {operator} {value}"


def _thresholds(column: int, one: Binned) -> list[Candidate]:
    """Lines of one column add up. A line says what is rare; where values are missing, both ways are asked."""
    place = np.arange(one.leads.size)
    known = one.leads[1:].sum()
    found = []
    for code, edge in enumerate(one.edges, start=2):
        above = place >= code
        is_rare = 2 * one.leads[above].sum() <= known
        if is_rare or one.leads[0] or one.feature.sign != "any":
            found.append(Candidate(column, above, "at_least", edge))
        if one.feature.sign == "any" and (not is_rare or one.leads[0]):
            found.append(Candidate(column, (place < code) & (place > 0), "at_most", edge))
    return found


def _answers(column: int, one: Binned) -> list[Candidate]:
    yes = Candidate(column, np.array([False, False, True]), "is", True)
    no = Candidate(column, np.array([False, True, False]), "is", False)
    if one.feature.activity is not None or one.feature.sign != "any" or not one.leads[0]:
        return [yes]
    return [yes, no]


def _levels(column: int, one: Binned) -> list[Candidate]:
    """Each level, and the best and the worst few of them together."""
    total = max(int(one.leads.sum()), 1)
    rate = one.wins.sum() / total
    often = np.argsort(-one.leads[1:], kind="stable")[:MOST_LEVELS] + 1
    often = often[one.leads[often] > 0]
    found = [joined(column, one, (int(code),)) for code in often]
    shrunk = (one.wins[often] + 4 * rate) / (one.leads[often] + 4)
    by_rate = often[np.argsort(-shrunk, kind="stable")]
    for size in range(2, min(MOST_LEVELS_IN_A_LINE, by_rate.size - 1) + 1):
        found.append(joined(column, one, tuple(int(code) for code in by_rate[:size])))
        found.append(joined(column, one, tuple(int(code) for code in by_rate[-size:])))
    return found


def joined(column: int, one: Binned, codes: tuple[int, ...]) -> Candidate:
    """A line about these levels of a category, by their codes.

    >>> feature = Feature("a", "fit", "category", np.array([0, 1]), ("x", "y"))
    >>> column = binned(feature, np.array([True, False]))
    >>> joined(0, column, (2, 1)).value, joined(0, column, (1,)).value
    (('x', 'y'), 'x')
    """
    holds = np.zeros(one.leads.size, bool)
    holds[list(codes)] = True
    names = tuple(one.levels[code - 1] for code in sorted(codes))
    return (
        Candidate(column, holds, "in", names) if len(names) > 1 else Candidate(column, holds, "is", names[0])
    )


def _edges(values: Floats, parts: int) -> tuple[float, ...]:
    known = values[~np.isnan(values)]
    if not known.size:
        return ()
    shares = np.arange(1, parts) / parts
    slack = 0.2 / parts
    low, middle, high = (
        np.quantile(known, np.clip(shares + by, 0, 1), method="inverted_cdf") for by in (-slack, 0, slack)
    )
    least = known.min()
    edges = {_round_number(a, m, b) for a, m, b in zip(low, middle, high, strict=True)}
    distinct = np.unique(known[:1000]) if known.size <= 1000 else np.unique(middle)
    if distinct.size <= parts // 2 + 1:
        edges |= set(distinct.tolist())
    return tuple(sorted(edge for edge in edges if edge > least))


def _round_number(low: float, middle: float, high: float) -> float:
    """The number with the fewest digits above ``low`` and up to ``high``; ``middle`` if there is no room."""
    if not low < high:
        return float(middle)
    for digits in range(1, 16):
        scale = 10.0 ** (digits - 1 - math.floor(math.log10(max(abs(low), abs(high)))))
        found = float(round(middle * scale) / scale)
        if low < found <= high:
            return found
    return float(middle)


def _below(values: Floats, edge: float) -> float:
    """The threshold itself, unless some lead has just that: then the next smaller value there is."""
    if not (values == edge).any():
        return edge
    return float(values[values < edge].max())

"""Fields that know the outcome beforehand, or say nothing, and may therefore not become lines.

A field filled in because a lead was won would make every figure look splendid and be empty on the day it is
needed. The field is blocked, not one line of it: its other values carry the same knowledge. Not here: the
sentences (the command says them), or when fields were changed (the caller knows the history).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import special

from sla_engine.learning.candidates import Binned, binned
from sla_engine.learning.discoveries import adjusted
from sla_engine.learning.lift import Count, shrunk_lift
from sla_engine.learning.measure import jeffreys
from sla_engine.learning.sample import Bools, Feature, Sample

Code = Literal["constant", "identifier", "filled_by_outcome", "too_good", "edited_after_outcome"]

LEAST_LEADS = 30
TIMES_AS_OFTEN = 2.0
FALSE_ALARMS = 0.05
NEARLY_ALL = 0.9
TOO_GOOD_AUC = 0.92
TOO_GOOD_RATE = 0.95
LEAST_SHARE_OF_WINS = 0.1
MOST_WINS = 0.5
TOO_GOOD_LIFT = 8.0
EDITED_MORE = 0.2
MANY_LEVELS = 50


@dataclass(frozen=True, slots=True)
class EditedAfter:
    """Shares (0 to 1) of the won and of the other leads whose field was last changed after their end.

    >>> EditedAfter(won=0.8, others=0.1).won
    0.8
    """

    won: float
    others: float


@dataclass(frozen=True, slots=True)
class Blocked:
    """A field that may not become a line, why (``code``), and the numbers of the sentence that says so.

    >>> Blocked("id", "identifier", (("distinct", 90.0), ("leads", 90.0))).field
    'id'
    """

    field: str
    code: Code
    values: tuple[tuple[str, str | float], ...]


def audit(sample: Sample, edited_after: Mapping[str, EditedAfter] | None = None) -> tuple[Blocked, ...]:
    """The fields to block, by name, each with the first reason found. Activities are not fields.

    >>> won = np.array([True, False] * 50)
    >>> closed = Feature("closed by", "fit", "category", np.where(won, 0, -1), ("Ann",))
    >>> [(one.field, one.code) for one in audit(Sample(won, features=(closed,)))]
    [('closed by', 'filled_by_outcome')]
    """
    fields = sorted((one for one in sample.features if one.activity is None), key=lambda one: one.name)
    columns = [binned(one, sample.won) for one in fields]
    q = adjusted(np.array([_filling(one)[0] for one in columns]))
    edits = edited_after or {}
    found = []
    for column, sure in zip(columns, q, strict=True):
        blocked = (
            _filled_by_outcome(column, float(sure))
            or _dull(column)
            or _too_good(column, sample)
            or _edited(column.feature.name, edits.get(column.feature.name))
        )
        found += [blocked] if blocked else []
    return tuple(found)


def without_blocked(sample: Sample, blocked: Iterable[Blocked]) -> Sample:
    """The sample without the blocked fields.

    >>> one = Feature("id", "fit", "yes_no", np.array([1, 0]))
    >>> sample = Sample(np.array([True, False]), features=(one,))
    >>> without_blocked(sample, [Blocked("id", "identifier", ())]).features
    ()
    """
    names = {one.field for one in blocked}
    return replace(
        sample,
        features=tuple(one for one in sample.features if one.activity is not None or one.name not in names),
    )


def _filling(one: Binned) -> tuple[float, float, float]:
    """How surely empty and filled win at different rates (p), and the two rates."""
    empty, filled = float(one.leads[0]), float(one.leads[1:].sum())
    if min(empty, filled) < LEAST_LEADS:
        return 1.0, math.nan, math.nan
    rates = float(one.wins[0]) / empty, float(one.wins[1:].sum()) / filled
    rate = float(one.wins.sum()) / (empty + filled)
    spread = math.sqrt(rate * (1 - rate) * (1 / empty + 1 / filled))
    p = float(2 * special.ndtr(-abs(rates[0] - rates[1]) / spread)) if spread else 1.0
    return p, *rates


def _filled_by_outcome(one: Binned, q: float) -> Blocked | None:
    _, empty, filled = _filling(one)
    if q > FALSE_ALARMS or max(empty, filled) < TIMES_AS_OFTEN * min(empty, filled):
        return None
    counts = float(one.leads[0]), float(one.leads[1:].sum())
    names = ("rate_empty", "rate_filled", "leads_empty", "leads_filled")
    return Blocked(
        one.feature.name, "filled_by_outcome", tuple(zip(names, (empty, filled, *counts), strict=True))
    )


def _dull(one: Binned) -> Blocked | None:
    known = int(one.leads[1:].sum())
    if not known or not _varies(one.feature):
        return Blocked(one.feature.name, "constant", (("value", _only_value(one) if known else "empty"),))
    distinct = int((one.leads[1:] > 0).sum())
    if one.feature.kind == "category" and distinct > MANY_LEVELS and distinct >= NEARLY_ALL * known:
        return Blocked(
            one.feature.name, "identifier", (("distinct", float(distinct)), ("leads", float(known)))
        )
    return _running_number(one.feature, known)


def _varies(feature: Feature) -> bool:
    """Whether there are two different values, nobody-knows being one."""
    values = feature.values
    if feature.kind == "number":
        known = values[~np.isnan(values)]
        return known.size < values.size or bool(np.ptp(known) > 0)
    return bool(np.ptp(values) > 0)


def _only_value(one: Binned) -> str:
    if one.feature.kind == "number":
        return f"{float(np.nanmax(one.feature.values)):g}"
    return (one.levels or ("no", "yes"))[int(np.argmax(one.leads[1:]))]


def _running_number(feature: Feature, known: int) -> Blocked | None:
    """Whole numbers that never repeat are numbers of records, not amounts."""
    if feature.kind != "number" or known <= MANY_LEVELS:
        return None
    values = feature.values[~np.isnan(feature.values)]
    if (values != np.rint(values)).any():
        return None
    distinct = np.unique(values)
    is_dense = distinct.size >= known and (distinct[-1] - distinct[0] < 20 * known or distinct[0] >= 10**5)
    if not is_dense:
        return None
    return Blocked(feature.name, "identifier", (("distinct", float(distinct.size)), ("leads", float(known))))


def _too_good(one: Binned, sample: Sample) -> Blocked | None:
    """A value with which nearly everybody won, one that most wins have and few others, or a perfect order."""
    total, all_wins = float(sample.size), float(one.wins.sum())
    for what, holds in _sides(one):
        leads, wins = float(one.leads[holds].sum()), float(one.wins[holds].sum())
        if min(leads, total - leads) < LEAST_LEADS or wins < LEAST_SHARE_OF_WINS * all_wins:
            continue
        rate, rest = wins / leads, (all_wins - wins) / (total - leads)
        nearly_all = (
            rate >= TOO_GOOD_RATE and jeffreys(wins, leads)[0] >= NEARLY_ALL and rate >= TIMES_AS_OFTEN * rest
        )
        lift, low, _ = shrunk_lift(Count(leads, wins, total - leads, all_wins - wins))
        most = 2 * leads <= total and wins >= MOST_WINS * all_wins and lift >= TOO_GOOD_LIFT
        most = most and low >= TOO_GOOD_LIFT / 2
        if nearly_all or most:
            numbers = (("rate", rate), ("leads", leads), ("rate_rest", rest))
            return Blocked(one.feature.name, "too_good", (what, *numbers))
    auc = _ranking(one)
    return Blocked(one.feature.name, "too_good", (("auc", auc),)) if auc >= TOO_GOOD_AUC else None


def _sides(one: Binned) -> list[tuple[tuple[str, str | float], Bools]]:
    """Each level, or everything from a threshold on and everything below it."""
    place = np.arange(one.leads.size)
    if one.feature.kind == "number":
        sides: list[tuple[tuple[str, str | float], Bools]] = []
        for code, edge in enumerate(one.edges, start=2):
            sides.append((("threshold", edge), place >= code))
            sides.append((("threshold", edge), (place < code) & (place > 0)))
        return sides
    names = one.levels or ("no", "yes")
    return [(("level", name), place == at) for at, name in enumerate(names, start=1)]


def _ranking(one: Binned) -> float:
    """AUC of the field alone, levels in the order of their win rates; half where too few leads tell."""
    leads, wins = one.leads[1:].astype(np.float64), one.wins[1:].astype(np.float64)
    if wins.sum() < LEAST_LEADS / 2 or (leads - wins).sum() < LEAST_LEADS / 2 or leads.size > MANY_LEVELS:
        return 0.5
    order = np.argsort((wins + 0.5) / (leads + 1), kind="stable") if one.levels else np.arange(leads.size)
    wins, losses = wins[order] / wins.sum(), (leads - wins)[order] / (leads - wins).sum()
    auc = float(wins @ (np.cumsum(losses) - losses / 2))
    return max(auc, 1 - auc)


def _edited(name: str, edited: EditedAfter | None) -> Blocked | None:
    if edited is None or edited.won < EDITED_MORE or edited.won < TIMES_AS_OFTEN * edited.others:
        return None
    return Blocked(name, "edited_after_outcome", (("won", edited.won), ("others", edited.others)))

"""Which columns say anything about winning, so many of them asked at once that some would by chance.

Not here: what a line could ask (``candidates``), and which lines make the card (``line_search``).
"""

from __future__ import annotations

import numpy as np
from scipy import special

from sla_engine.learning.candidates import Binned, Candidate
from sla_engine.learning.discoveries import believed
from sla_engine.learning.sample import Bools, Floats, Ints

SHARE_OF_FALSE = 0.1
BY_CHANCE = 0.1
FEW_LEADS = 500
SHUFFLES = 299
SEED = 20_240_229
LOOSE = 0.3


def telling(columns: list[Binned], candidates: list[list[Candidate]], won: Bools, order: Ints) -> Bools:
    """Which columns to believe, with one in ten of them false on average.

    From few leads no single column may be sure although all together are: if outcomes dealt at random
    would rarely (once in ten) look like this, columns that lean clearly enough are believed as well.
    ``order``: the rows in an order that depends only on what they are.

    >>> from sla_engine.learning.candidates import Support, binned, candidates_of
    >>> from sla_engine.learning.sample import Feature
    >>> won = np.array([False, True] * 50)
    >>> one = binned(Feature("a", "fit", "yes_no", np.array([0, 1] * 50)), won)
    >>> telling([one], [candidates_of(0, one, Support(30, 5))], won, np.arange(100)).tolist()
    [True]
    """
    usable = [at for at, found in enumerate(candidates) if found]
    found = np.zeros(len(columns), bool)
    if not usable:
        return found
    p = np.array([_column(columns[at], candidates[at], columns[at].wins[:, None])[0] for at in usable])
    is_true = believed(p, SHARE_OF_FALSE)
    if won.size < FEW_LEADS:
        dealt = _dealt([columns[at] for at in usable], [candidates[at] for at in usable], won[order], order)
        rarer = 1 + int((_strength(dealt) >= _strength(p[:, None])[0] - 1e-9).sum())
        loose = rarer / (1 + SHUFFLES) <= BY_CHANCE
        is_true = (p <= LOOSE) if loose else np.zeros(p.size, bool)
    found[np.array(usable, np.int64)] = is_true
    return found


def surprising(one: Binned, candidates: list[Candidate], surprise: Floats, weight: Floats) -> float:
    """The p of a column when chances are known already: whether it tells anything beyond them.

    ``surprise``: won (1 or 0) minus the chance of each lead; ``weight``: the variance of that.

    >>> from sla_engine.learning.candidates import Support, binned, candidates_of
    >>> from sla_engine.learning.sample import Feature
    >>> won = np.array([False, True] * 50)
    >>> one = binned(Feature("a", "fit", "yes_no", np.array([0, 1] * 50)), won)
    >>> found = candidates_of(0, one, Support(30, 5))
    >>> surprising(one, found, won - 0.5, np.full(100, 0.25)) < 1e-9
    True
    """
    size = one.leads.size
    more, spread = (np.bincount(one.codes, part, size).astype(np.float64) for part in (surprise, weight))
    sign = {"good": 1.0, "bad": -1.0, "any": 0.0}[one.feature.sign]
    single = [each.holds for each in candidates if not isinstance(each.value, tuple)]
    p = np.array([_beyond(holds.astype(np.float64), more, spread, sign) for holds in single])
    if one.feature.kind == "number":
        ranks = np.cumsum(one.leads) - (one.leads - 1) / 2
        ranks = np.where(np.arange(size) > 0, ranks - np.average(ranks[1:], weights=spread[1:]), 0.0)
        whole = _tail(ranks @ more / np.sqrt(max(float(spread @ ranks**2), 1e-9)), sign)
    elif one.feature.kind == "category":
        there = np.append(spread[spread >= 1], spread[spread < 1].sum())
        sums = np.append(more[spread >= 1], more[spread < 1].sum())[there > 0]
        statistic = float((sums**2 / there[there > 0]).sum())
        whole = special.chdtrc(max(sums.size - 1, 1), statistic)
    else:
        return float(_combined(p[:, None])[0]) if p.size > 1 else float(p[0])
    return float(_combined(np.concatenate([p, np.full(max(p.size, 1), whole)])[:, None])[0])


def _beyond(holds: Floats, more: Floats, spread: Floats, sign: float) -> float:
    inside, total = float(holds @ spread), float(spread.sum())
    return float(_tail(holds @ more / np.sqrt(max(inside - inside**2 / total, 1e-12)), sign))


def _strength(p: Floats) -> Floats:
    """How much all columns together say: strong for one sure column, and for many that lean."""
    found: Floats = (special.ndtri(np.clip(p, 1e-15, 1) / 2) ** 2).sum(axis=0)
    return found


def _dealt(columns: list[Binned], candidates: list[list[Candidate]], won: Bools, order: Ints) -> Floats:
    """The p of each column (rows) when outcomes are dealt to the leads at random (columns)."""
    random = np.random.default_rng(SEED)
    shuffled = random.permuted(np.tile(won, (SHUFFLES, 1)), axis=1).T.astype(np.float32)
    found = []
    for one, lines in zip(columns, candidates, strict=True):
        present = np.zeros((one.leads.size, order.size), np.float32)
        present[one.codes[order], np.arange(order.size)] = 1
        found.append(_column(one, lines, (present @ shuffled).astype(np.int64)))
    return np.stack(found)


def _column(one: Binned, candidates: list[Candidate], wins: Ints) -> Floats:
    """Several questions to one column are one claim: their answers are combined into one p.

    ``wins``: values by deals; one p for each deal.
    """
    total, rate = float(one.leads.sum()), float(one.wins.sum()) / float(one.leads.sum())
    sign = {"good": 1.0, "bad": -1.0, "any": 0.0}[one.feature.sign]
    single = [each.holds for each in candidates if not isinstance(each.value, tuple)]
    holds = np.stack(single or [np.zeros(one.leads.size, bool)]).astype(np.float64)
    inside = holds @ one.leads
    spread = np.sqrt(np.maximum(rate * (1 - rate) * inside * (total - inside) / (total - 1), 1e-12))
    p = _tail((holds @ wins - inside[:, None] * rate) / spread[:, None], sign)
    if one.feature.kind == "number":
        whole = _trend(one.leads[1:], wins[1:], sign)
    elif one.feature.kind == "category":
        whole = _any_difference(one.leads, wins, rate)
    else:
        return p.min(axis=0) if len(p) == 1 else _combined(p)
    return _combined(np.concatenate([p, np.repeat(whole[None, :], len(p), axis=0)]))


def _combined(p: Floats) -> Floats:
    """Cauchy's combination: one p of several that may depend on each other."""
    bounded = np.clip(p, 1e-15, 1 - 1e-3)
    found: Floats = 0.5 - np.arctan(np.mean(np.tan((0.5 - bounded) * np.pi), axis=0)) / np.pi
    return np.clip(found, 1e-16, 1)


def _tail(z: Floats | float, sign: float) -> Floats:
    p: Floats = 2 * special.ndtr(-np.abs(z)) if sign == 0 else special.ndtr(-sign * z)
    return p


def _trend(leads: Ints, wins: Ints, sign: float) -> Floats:
    """Whether higher values win more or less often (the rank test), among leads whose value is known."""
    total = max(float(leads.sum()), 2.0)
    rate = wins.sum(axis=0) / total
    ranks = np.cumsum(leads) - (leads - 1) / 2
    away = ranks - float(leads @ ranks) / total
    spread = np.sqrt(rate * (1 - rate) * float(leads @ (away * away)) * total / (total - 1))
    return _tail((away @ wins) / np.maximum(spread, 1e-9), sign)


def _any_difference(leads: Ints, wins: Ints, rate: float) -> Floats:
    """Whether levels differ at all; levels that few leads have are one level."""
    small = leads * min(rate, 1 - rate) < 1
    many = np.append(leads[~small], leads[small].sum()).astype(np.float64)
    won = np.vstack([wins[~small], wins[small].sum(axis=0)])
    won, many = won[many > 0], many[many > 0]
    if many.size < 2:
        return np.ones(wins.shape[1])
    statistic = ((won - many[:, None] * rate) ** 2 / (many * rate * (1 - rate))[:, None]).sum(axis=0)
    p: Floats = special.chdtrc(many.size - 1, statistic)
    return p

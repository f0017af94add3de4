"""Which activities and which content mark good leads: counted, shrunk, tested all at once, in words.

An association, not an effect: who does more may simply be keener. Not here: which leads count
(``cohort``), or what else is known of them (``card_search``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special, stats

from sla_engine.learning.discoveries import adjusted
from sla_engine.learning.sample import Bools, Floats, Ints, Presence, Sample

Verdict = Literal["good_sign", "bad_sign", "no_clear_difference", "not_enough_data"]
HeldUp = Literal["yes", "no", "too_few"]

FALSE_CLAIMS = 0.05
PRIOR_WINS = 2.0
"""What is believed beforehand of each rate: the rate of all, worth two wins."""
LEAST_LEADS = 30
LEAST_LEADS_OF_FEW = 15
FEW = 100
LEAST_WINS = 5.0
LEAST_WINS_LATER = 2.0
WIDTH = 1.959964
MANY_WINS = 500.0


@dataclass(frozen=True, slots=True)
class Lift:
    """One activity or piece of content: leads and wins with and without it, and what that says.

    ``lift``: win rate with it divided by the rate without, both shrunk towards the rate of all; ``low`` and
    ``high`` 95 %. ``p``: mid-p of Fisher's test; ``q``: after Benjamini and Hochberg over all rows; both nan
    without enough data. ``held_up``: whether the newest third of the leads points the same way as the rest.

    >>> row = Lift("form", "activity", 100, 30, 100, 10, 2.7, 1.5, 5.0, 0.001, 0.01, "good_sign", "yes")
    >>> row.rate, row.rate_without
    (0.3, 0.1)
    """

    name: str
    family: Literal["activity", "content"]
    leads: int
    wins: int
    leads_without: int
    wins_without: int
    lift: float
    low: float
    high: float
    p: float
    q: float
    verdict: Verdict
    held_up: HeldUp

    @property
    def rate(self) -> float:
        """The win rate with it, 0 to 1; nan if no lead had it."""
        return self.wins / self.leads if self.leads else math.nan

    @property
    def rate_without(self) -> float:
        """The win rate without it, 0 to 1; nan if every lead had it."""
        return self.wins_without / self.leads_without if self.leads_without else math.nan


@dataclass(frozen=True, slots=True)
class LiftReport:
    """All rows, claims first and the greatest lift first, and how many were tested and how many could not be.

    ``base``: win rate of all leads. ``units`` "accounts": leads of one company were not taken as independent;
    ``design_effect``: by how much at most (1: not at all) that thins out the data.

    >>> lifts(Sample(np.array([True, False]))).rows
    ()
    """

    rows: tuple[Lift, ...]
    tested: int
    not_tested: int
    base: float
    units: Literal["leads", "accounts"]
    design_effect: float


@dataclass(frozen=True, slots=True)
class Count:
    """Leads and wins with and without something, thinned where leads of one company repeat each other.

    >>> Count(10, 2, 90, 9).wins
    2
    """

    leads: float
    wins: float
    leads_without: float
    wins_without: float


def lifts(sample: Sample) -> LiftReport:
    """Every activity and every piece of content of the sample, tested as one family.

    >>> won = np.arange(400) % 10 < np.repeat([4, 1], 200)
    >>> report = lifts(Sample(won, presences=(Presence("form", "activity", np.arange(200)),)))
    >>> row = report.rows[0]
    >>> row.verdict, round(row.lift, 1), row.held_up, report.tested
    ('good_sign', 3.7, 'too_few', 1)
    """
    presences = sorted(sample.presences, key=lambda one: (one.family, one.name))
    accounts = _Accounts.of(sample)
    effects = [accounts.design_effect(one.rows, sample.won) if accounts else 1.0 for one in presences]
    counts = [_count(sample.won, one.rows) for one in presences]
    is_enough = np.array([_enough(one, sample) for one in counts], bool)
    thinned = [_thinned(one, effect) for one, effect in zip(counts, effects, strict=True)]
    p = np.array([_mid_p(one) if ok else math.nan for one, ok in zip(thinned, is_enough, strict=True)])
    q = np.full(p.size, math.nan)
    q[is_enough] = adjusted(p[is_enough])
    newest = _newest_third(sample)
    rows = [
        _row(one, count, thin, (p[at], q[at]), _held_up(sample, one, newest))
        for at, (one, count, thin) in enumerate(zip(presences, counts, thinned, strict=True))
    ]
    return LiftReport(
        rows=tuple(sorted(rows, key=_place)),
        tested=int(is_enough.sum()),
        not_tested=int((~is_enough).sum()),
        base=float(sample.won.mean()) if sample.size else math.nan,
        units="accounts" if accounts else "leads",
        design_effect=max([1.0, *effects]),
    )


def claims(report: LiftReport) -> tuple[Lift, ...]:
    """The rows that say something: good and bad signs.

    >>> claims(lifts(Sample(np.array([True, False]))))
    ()
    """
    return tuple(row for row in report.rows if row.verdict in {"good_sign", "bad_sign"})


def _place(row: Lift) -> tuple[int, float, str, str]:
    order = ("good_sign", "bad_sign", "no_clear_difference", "not_enough_data")
    return order.index(row.verdict), -row.lift, row.family, row.name


def _count(won: Bools, rows: Ints) -> Count:
    leads, wins = rows.size, int(won[rows].sum())
    return Count(leads, wins, won.size - leads, int(won.sum()) - wins)


def _enough(count: Count, sample: Sample) -> bool:
    least = LEAST_LEADS if sample.size > FEW else LEAST_LEADS_OF_FEW
    return min(count.leads, count.leads_without) >= least and _expected(count) >= LEAST_WINS


def _expected(count: Count) -> float:
    """Wins to be expected on the smaller side if nothing made a difference."""
    total = count.leads + count.leads_without
    return min(count.leads, count.leads_without) * (count.wins + count.wins_without) / max(total, 1)


def _thinned(count: Count, effect: float) -> Count:
    return Count(
        count.leads / effect, count.wins / effect, count.leads_without / effect, count.wins_without / effect
    )


def _row(one: Presence, count: Count, thin: Count, pq: tuple[float, float], held_up: HeldUp) -> Lift:
    lift, low, high = shrunk_lift(thin)
    verdict: Verdict = "no_clear_difference"
    if math.isnan(pq[0]):
        verdict = "not_enough_data"
    elif pq[1] <= FALSE_CLAIMS and (low > 1 or high < 1):
        verdict = "good_sign" if lift > 1 else "bad_sign"
    return Lift(
        name=one.name,
        family=one.family,
        leads=int(count.leads),
        wins=int(count.wins),
        leads_without=int(count.leads_without),
        wins_without=int(count.wins_without),
        lift=lift,
        low=low,
        high=high,
        p=float(pq[0]),
        q=float(pq[1]),
        verdict=verdict,
        held_up=held_up,
    )


def shrunk_lift(count: Count) -> tuple[float, float, float]:
    """The ratio of two win rates, each with the same prior, and its 95 % interval from the two posteriors.

    >>> [round(one, 1) for one in shrunk_lift(Count(100, 40, 100, 10))]
    [3.5, 2.0, 6.5]
    """
    total = count.leads + count.leads_without
    base = (count.wins + count.wins_without) / total if total else 0.0
    if not base:
        return 1.0, 0.0, math.inf
    leads = PRIOR_WINS / base
    rate = (count.wins + PRIOR_WINS) / (count.leads + leads)
    rate_without = (count.wins_without + PRIOR_WINS) / (count.leads_without + leads)
    middle_1, spread_1 = _log_rate(count.wins, count.leads, leads)
    middle_2, spread_2 = _log_rate(count.wins_without, count.leads_without, leads)
    wide = WIDTH * math.sqrt(spread_1 + spread_2)
    middle = middle_1 - middle_2
    lift = rate / rate_without
    return lift, min(math.exp(middle - wide), lift), max(math.exp(middle + wide), lift)


def _log_rate(wins: float, leads: float, prior_leads: float) -> tuple[float, float]:
    """Mean and variance of the logarithm of a rate whose posterior is a beta distribution."""
    hits, all_ = wins + PRIOR_WINS, leads + prior_leads
    middle = special.digamma(hits) - special.digamma(all_)
    return float(middle), float(special.polygamma(1, hits) - special.polygamma(1, all_))


def _mid_p(count: Count) -> float:
    """Fisher's test on both sides, the table seen counting half; by the normal curve for many wins."""
    total, wins = count.leads + count.leads_without, count.wins + count.wins_without
    if _expected(count) > MANY_WINS:
        rate = wins / total
        spread = math.sqrt(rate * (1 - rate) * count.leads * count.leads_without / max(total - 1, 1))
        return float(2 * special.ndtr(-abs(count.wins - count.leads * rate) / spread)) if spread else 1.0
    hits, all_, won, leads = (round(one) for one in (count.wins, total, wins, count.leads))
    known = stats.hypergeom(all_, won, leads)
    half = 0.5 * float(known.pmf(hits))
    return min(1.0, 2 * min(float(known.cdf(hits - 1)), float(known.sf(hits))) + 2 * half)


def _newest_third(sample: Sample) -> Bools | None:
    if sample.order is None or np.ptp(sample.order) == 0:
        return None
    return sample.order > np.quantile(sample.order, 2 / 3, method="inverted_cdf")


def _held_up(sample: Sample, one: Presence, newest: Bools | None) -> HeldUp:
    """Whether the newest third points the way the older two thirds did."""
    if newest is None:
        return "too_few"
    later = newest[one.rows]
    older_count = _count_part(sample.won, one.rows[~later], ~newest)
    newer_count = _count_part(sample.won, one.rows[later], newest)
    if min(_expected(newer_count), _expected(older_count)) < LEAST_WINS_LATER:
        return "too_few"
    return "yes" if (shrunk_lift(older_count)[0] > 1) == (shrunk_lift(newer_count)[0] > 1) else "no"


def _count_part(won: Bools, rows: Ints, part: Bools) -> Count:
    leads, wins = rows.size, int(won[rows].sum())
    return Count(leads, wins, int(part.sum()) - leads, int(won[part].sum()) - wins)


@dataclass(frozen=True, slots=True)
class _Accounts:
    """The company of each lead, 0, 1, ...; a lead whose company nobody knows is its own.

    Leads of one company often win or lose together. Rao and Scott's way keeps leads as the unit people
    know and divides all counts by how much more the outcomes of companies vary than those of single leads
    would; counting companies instead would change what a rate means.
    """

    codes: Ints
    size: int

    @staticmethod
    def of(sample: Sample) -> _Accounts | None:
        if sample.account is None or not (sample.account >= 0).any():
            return None
        own = sample.account < 0
        codes = np.unique(sample.account[~own], return_inverse=True)[1]
        found = np.empty(sample.size, np.int64)
        found[~own] = codes
        found[own] = codes.max() + 1 + np.arange(int(own.sum()))
        return _Accounts(found, int(found.max()) + 1)

    def design_effect(self, rows: Ints, won: Bools) -> float:
        surprise: Floats = won - won.mean()
        share = rows.size / won.size
        with_it = surprise[rows]
        by_account = np.bincount(self.codes[rows], with_it, self.size)
        by_account = by_account - share * np.bincount(self.codes, surprise, self.size)
        alone = (1 - share) ** 2 * float(with_it @ with_it)
        alone += share**2 * (float(surprise @ surprise) - float(with_it @ with_it))
        effect = float(by_account @ by_account) / alone if alone > 0 else 1.0
        return max(1.0, round(effect, 9))

"""Which rows of an export count, and why the others do not: every row exactly once.

Where dates say when leads came in and ended, ``sla_engine.learning.cohort`` counts. Without them less can be
told, and that is said. Not here: columns and activities (``assembling``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from connectors.base import Problem
from leadsla.exports.leads import Leads, stop_at
from leadsla.exports.outcome import End
from sla_engine.learning.cohort import Ends, Rules, count

FEWEST = 20
LANDMARK = timedelta(days=14)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Times:
    """What a person said about time; ``landmark`` None: 14 days with activities, none without.

    ``now`` None: the clock's.
    """

    landmark: timedelta | None = None
    horizon: timedelta | None = None
    as_of: datetime | None = None
    now: datetime | None = None

    @property
    def latest(self) -> datetime:
        """The newest instant that anything may have happened at."""
        return self.now or datetime.now(UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Counting:
    """``mask``: the rows that count; ``won``: of those. ``excluded``: reasons in the order they were asked.

    ``as_of``, ``horizon``: None where no date tells.
    """

    mask: Bools
    won: Bools
    excluded: tuple[tuple[str, int], ...]
    landmark: timedelta
    as_of: datetime | None = None
    horizon: timedelta | None = None

    @property
    def leads(self) -> int:
        """How many rows count."""
        return int(self.won.size)

    @property
    def wins(self) -> int:
        """How many of them were won."""
        return int(self.won.sum())


def counted(leads: Leads, times: Times, problems: list[Problem]) -> Counting:
    """Raises BadExport when too little is left to learn from: fewer than 20 leads, or one class only."""
    known = leads.outcome.ends != End.UNKNOWN
    excluded = [("no_outcome", int((~known).sum()))]
    if leads.began is not None:
        excluded.append(("no_date", int((known & (leads.began < 0)).sum())))
        known &= leads.began >= 0
    _enough(leads, known, problems)
    if leads.began is not None and leads.ended is not None:
        found = _by_dates(leads, times, known, problems)
    else:
        found = _without_dates(leads, times, known)
    found = Counting(
        found.mask,
        found.won,
        (*excluded, *found.excluded),
        found.landmark,
        found.as_of,
        found.horizon,
    )
    _enough(leads, found.mask, problems, told=found.excluded)
    return found


def _by_dates(leads: Leads, times: Times, known: Bools, problems: list[Problem]) -> Counting:
    assert leads.began is not None and leads.ended is not None  # noqa: S101, PT018 - asked by the caller
    won = leads.outcome.ends == End.WON
    again = known & repeated(leads)  # before anything is reckoned, so that the horizon does not see them
    undated = known & ~again & won & (leads.ended < 0)
    chosen = known & ~again & ~undated
    ends = Ends(
        leads.began[chosen],
        np.where(won, leads.ended, -1)[chosen],
        np.where(won, -1, leads.ended)[chosen],
        (leads.outcome.ends != End.OPEN)[chosen],
        (leads.outcome.ends == End.BAD_DATA)[chosen],
    )
    landmark = times.landmark or timedelta(0)
    as_of = times.as_of or min(times.latest, _newest(leads, known))
    try:
        found = count(ends, Rules(as_of, landmark, times.horizon))
    except ValueError as error:
        problems.append(
            Problem(leads.export.path.name, str(error), "name another --outcome-date or --horizon")
        )
        stop_at(problems)
        raise
    mask = np.zeros(leads.size, bool)
    mask[np.flatnonzero(chosen)[found.mask]] = True
    excluded = (
        ("duplicate", int(again.sum())),
        ("won_without_date", int(undated.sum())),
        *(one for one in found.excluded if one[0] != "duplicate"),
    )
    return Counting(mask, found.won, excluded, landmark, as_of, found.horizon)


def _without_dates(leads: Leads, times: Times, known: Bools) -> Counting:
    """Nobody knows when leads were won: those too young to have been are left out as far as dates tell."""
    ends = leads.outcome.ends
    landmark = times.landmark or timedelta(0)
    newest = min(times.latest, _newest(leads, known)) if leads.began is not None else None
    as_of = times.as_of or newest
    reasons = [
        ("duplicate", repeated(leads)),
        ("data_quality", ends == End.BAD_DATA),
        ("unworked", ends == End.OPEN),
    ]
    if leads.began is not None and as_of is not None:
        needed = (landmark + (times.horizon or timedelta(0))) // _MICROSECOND
        reasons.insert(1, ("too_young", leads.began + needed > (as_of - _EPOCH) // _MICROSECOND))
    mask, excluded = known.copy(), []
    for code, reason in reasons:
        excluded.append((code, int((mask & reason).sum())))
        mask &= ~reason
    return Counting(mask, ends[mask] == End.WON, tuple(excluded), landmark, as_of, times.horizon)


def _newest(leads: Leads, known: Bools) -> datetime:
    """The newest instant the leads tell of: when the export was made, as far as it shows."""
    assert leads.began is not None  # noqa: S101 - asked by the caller
    newest = int(leads.began[known].max(initial=0))
    if leads.ended is not None:
        newest = max(newest, int(leads.ended[known & (leads.outcome.ends == End.WON)].max(initial=0)))
    return _EPOCH + newest * _MICROSECOND


def _numbers(leads: Leads) -> NDArray[np.int64]:
    """A number for each lead; rows without an id are leads of their own, unless they can only be copies."""
    if leads.ids is None and leads.are_different:
        return leads.fingerprint
    if leads.ids is None:
        return np.arange(leads.size, dtype=np.int64)
    own = np.arange(leads.size, dtype=np.int64) + len(leads.index) + leads.size
    return np.where(leads.ids >= 0, leads.ids, own)


def repeated(leads: Leads) -> Bools:
    """All rows of a lead but one; which one stays depends on what the rows hold, not on their order."""
    again = np.zeros(leads.size, bool)
    numbers = _numbers(leads)
    order = np.lexsort((leads.fingerprint, numbers))
    again[order[1:]] = np.diff(numbers[order]) == 0
    return again


def _enough(
    leads: Leads, mask: Bools, problems: list[Problem], told: tuple[tuple[str, int], ...] = ()
) -> None:
    """Raises BadExport if nobody can learn from so few leads, or from leads that all ended alike."""
    where, column = leads.export.path.name, leads.roles.outcome
    total = int(mask.sum())
    wins = int((mask & (leads.outcome.ends == End.WON)).sum())
    left_out = ", ".join(f"{amount:,} {code.replace('_', ' ')}" for code, amount in told if amount)
    after = f" after leaving out {left_out}" if left_out else ""
    if total < FEWEST:
        what = (
            f"only {total} leads with a known outcome{after}; nothing can be learned from fewer than {FEWEST}"
        )
        problems.append(Problem(where, what, "export a longer time"))
    elif wins in {0, total}:
        said = f"all {total:,} leads were won" if wins else f"none of the {total:,} leads was won"
        values = ", ".join(f"{text} ({amount:,})" for text, amount, _ in leads.outcome.counts)
        what = f"{said}{after}: won means {column} {leads.outcome.meaning}"
        what += f", and {column} holds: {values}" if values else ""
        problems.append(Problem(where, what, f'name what means won: --outcome "{column}=VALUE"'))
    stop_at(problems)

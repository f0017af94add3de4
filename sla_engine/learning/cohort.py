"""Which leads may be learned from: every lead counted once, as won, not won, or left out with a reason.

A lead is looked at from its landmark (a fixed time after it began), when it must still be open, and its
outcome is whether it was won within the horizon after that. Without this, won leads would be watched for
another length of time than lost ones, and that alone turns signs around. Not here: the columns (``sample``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from sla_engine.learning.sample import Bools, Ints

EXCLUSIONS = (
    "duplicate",
    "too_young",
    "before_recording",
    "data_quality",
    "closed_before_landmark",
    "unworked",
)
DAY = 86_400_000_000
SHARE_OF_WINS = 0.9
WINS_FOR_HORIZON = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """How leads began and ended, one row each: instants in microseconds since 1970 UTC, -1 for never.

    ``began``: created, or became an MQL. ``closed_at``: lost or rejected. ``worked``: anybody in sales did
    something. ``bad_data``: rejected for wrong data, as a duplicate or as spam. ``lead``: a number for the
    lead's id, so that a lead given twice counts once.

    >>> one, never = np.array([5]), np.array([-1])
    >>> Ends(one, never, never, np.array([True]), np.array([False])).began.size
    1
    """

    began: Ints
    won_at: Ints
    closed_at: Ints
    worked: Bools
    bad_data: Bools
    lead: Ints | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """When leads are looked at (``landmark`` after they began) and for how long (``horizon`` after that).

    Nothing after ``as_of`` (aware) is looked at. ``horizon`` None: the days by which nine in ten wins came.
    ``recorded_since`` (aware) None: the first win seen.

    >>> Rules(datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=14)).landmark.days
    14
    """

    as_of: datetime
    landmark: timedelta
    horizon: timedelta | None = None
    recorded_since: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """The rows that count (``mask``), which of those were won (``won``, in row order), and why others do not.

    ``excluded``: pairs of a reason and how many leads, always all six reasons in the order they are asked.

    >>> none = np.array([], bool)
    >>> some = Counted(none, none, timedelta(0), datetime(2026, 1, 1, tzinfo=UTC), (("too_young", 3),))
    >>> some.leads, some.wins
    (0, 0)
    """

    mask: Bools
    won: Bools
    horizon: timedelta
    recorded_since: datetime
    excluded: tuple[tuple[str, int], ...]

    @property
    def leads(self) -> int:
        """How many leads count."""
        return int(self.won.size)

    @property
    def wins(self) -> int:
        """How many of them were won within the horizon."""
        return int(self.won.sum())


def count(ends: Ends, rules: Rules) -> Counted:
    """Every lead once. Raises ValueError for arrays of different lengths, and if no win tells the horizon.

    >>> day = 86_400_000_000
    >>> began, never = np.array([0, 0, 90 * day]), np.full(3, -1)
    >>> won = np.array([20 * day, -1, -1])
    >>> rules = Rules(_EPOCH + timedelta(days=100), timedelta(days=14), timedelta(days=30), _EPOCH)
    >>> counted = count(Ends(began, won, never, np.full(3, True), np.full(3, False)), rules)
    >>> counted.leads, counted.wins, dict(counted.excluded)["too_young"]
    (2, 1, 1)
    """
    _same_length(ends)
    as_of, landmark = _micros(rules.as_of - _EPOCH), _micros(rules.landmark)
    won_at, closed_at = (np.where(one > as_of, -1, one) for one in (ends.won_at, ends.closed_at))
    marked = ends.began + landmark
    since = _recording(rules, won_at)
    repeated = _repeated(ends)
    once = (won_at >= 0) & ~repeated
    horizon = _horizon(rules, ends.began[once], won_at[once], since)
    won = (won_at >= 0) & (won_at <= marked + horizon)
    ended = ((won_at >= 0) & (won_at < marked)) | ((closed_at >= 0) & (closed_at < marked))
    reasons = (
        repeated,
        marked + horizon > as_of,
        ends.began < since,
        ends.bad_data,
        ended,
        ~ends.worked & (won_at < 0),  # somebody must have worked a lead that was won
    )
    mask = np.ones(ends.began.size, bool)
    excluded = []
    for code, reason in zip(EXCLUSIONS, reasons, strict=True):
        excluded.append((code, int((mask & reason).sum())))
        mask &= ~reason
    kept_since = _EPOCH + timedelta(microseconds=since)
    return Counted(mask, won[mask], timedelta(microseconds=horizon), kept_since, tuple(excluded))


def _same_length(ends: Ends) -> None:
    given = (ends.began, ends.won_at, ends.closed_at, ends.worked, ends.bad_data, ends.lead)
    if len({one.size for one in given if one is not None}) > 1:
        raise ValueError("the arrays of leads have different lengths")


def _micros(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def _recording(rules: Rules, won_at: Ints) -> int:
    """Leads from before outcomes were recorded look lost, because only late wins were ever written down."""
    if rules.recorded_since is not None:
        return _micros(rules.recorded_since - _EPOCH)
    if not (won_at >= 0).any():
        raise ValueError("no lead was won by then, so nobody knows since when wins are recorded")
    return int(won_at[won_at >= 0].min())


def _horizon(rules: Rules, began: Ints, won_at: Ints, since: int) -> int:
    """Whole days, in microseconds.

    Of young leads only the fast wins are known yet, so the older half of the recorded time is asked if it
    has enough wins.
    """
    if rules.horizon is not None:
        return _micros(rules.horizon)
    landmark, as_of = _micros(rules.landmark), _micros(rules.as_of - _EPOCH)
    delay = won_at - began - landmark
    usable = (delay >= 0) & (began >= since)
    older = usable & (began <= since + (as_of - since) // 2)
    chosen = delay[older] if older.sum() >= WINS_FOR_HORIZON else delay[usable]
    if not chosen.size:
        raise ValueError("no lead was won after its landmark, so the horizon must be given")
    needed = int(np.quantile(chosen, SHARE_OF_WINS, method="inverted_cdf"))
    return max(1, -(-needed // DAY)) * DAY


def _repeated(ends: Ends) -> Bools:
    """All rows of a lead but one; which one stays does not depend on the order of rows."""
    again = np.zeros(ends.began.size, bool)
    if ends.lead is not None:
        won_first = np.where(ends.won_at < 0, np.iinfo(np.int64).max, ends.won_at)
        keys = (ends.worked, ends.bad_data, ends.closed_at, won_first, ends.began, ends.lead)
        order = np.lexsort(keys)
        again[order[1:]] = np.diff(ends.lead[order]) == 0
    return again

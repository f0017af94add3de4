"""What to change of the approved card, or a first card, with figures on leads it has not seen.

Never more than a proposal: both sides approve it or not. Figures are those of the same way of learning,
applied to the older leads and judged on the newest ones; the card itself then learns from all.
Not here: which fields leak (``audit`` first), or the approval.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from sla_engine.card import Scorecard
from sla_engine.learning.additions import changes_and_additions
from sla_engine.learning.card_search import finished, learn_card
from sla_engine.learning.challenger import boosted
from sla_engine.learning.measure import Difference, Figures, compare, measure, newest
from sla_engine.learning.points import chances_of
from sla_engine.learning.rows import row_hashes, taken
from sla_engine.learning.sample import Bools, Sample
from sla_engine.learning.update import (
    LEAST_OUTCOMES,
    LEAST_WINS,
    Change,
    changed,
    enough_to_change,
    told,
)
from sla_engine.learning.whole_points import STEP

HOLDOUT = 0.25
SLOPES = (0.5, 1.5)
LEAST_JUDGED = 75


@dataclass(frozen=True, slots=True)
class Note:
    """Something to say about a proposal: a code and the numbers of its sentence.

    >>> Note("only_intercept", (("outcomes", 120.0),)).code
    'only_intercept'
    """

    code: str
    values: tuple[tuple[str, str | float], ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """The proposed ``card``, its ``changes``, and figures of the newest leads.

    ``old``: the approved card as it is. ``new_to_old`` and ``new_to_challenger``: differences, new minus
    other. ``unrouted`` and ``routed``: figures of the new card for leads the score did not steer, and those
    it did. None: there is no such thing.

    >>> won = np.arange(400) % 4 == 0
    >>> propose(Sample(won), None, datetime(2026, 1, 1).astimezone()).card.outcomes
    400
    """

    card: Scorecard
    changes: tuple[Change, ...]
    new: Figures
    old: Figures | None
    challenger: Figures | None
    new_to_old: Difference | None
    new_to_challenger: Difference | None
    unrouted: Figures | None
    routed: Figures | None
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class _Learned:
    card: Scorecard
    changes: tuple[Change, ...]
    notes: tuple[Note, ...]


def propose(
    sample: Sample,
    approved: Scorecard | None,
    as_of: datetime | None,
    unrouted: Bools | None = None,
    holdout: float = HOLDOUT,
) -> Proposal:
    """A first card if none was approved; otherwise the approved one with what the outcomes change.

    ``unrouted``: the leads that were routed without the score. ``holdout``: the newest share, only measured
    on. Raises ValueError for fewer than 20 leads before those, or one outcome only on either side.

    >>> has = np.arange(2000) % 2
    >>> won = (np.arange(2000) % 10 < 4) & (has == 1) | (np.arange(2000) % 50 == 0)
    >>> from sla_engine.learning.sample import Feature
    >>> sample = Sample(won, np.arange(2000), (Feature("budget", "fit", "yes_no", has),))
    >>> proposal = propose(sample, None, datetime(2026, 1, 1).astimezone())
    >>> [line.name for line in proposal.card.lines], proposal.new.auc.value > 0.7, proposal.old
    (['budget is yes'], True, None)
    """
    rows = np.lexsort((row_hashes(sample), np.zeros(sample.size) if sample.order is None else sample.order))
    sample = taken(sample, rows)  # so that even the last digit does not depend on the order given
    unrouted = None if unrouted is None else unrouted[rows]
    held = newest(sample, holdout)
    older, newer = (taken(sample, np.flatnonzero(side)) for side in (~held, held))
    _both_outcomes(older, newer)
    trial, final = _learned(older, approved, as_of), _learned(sample, approved, as_of)
    notes = [*final.notes, *([] if sample.order is not None else [Note("no_time_order")])]
    if approved is not None and final.changes:
        trial, final, said = _no_worse(trial, final, approved, (older, newer, sample), as_of)
        notes += said
    seen = told(trial.card, sample)[0]
    chance = chances_of(seen, newer)
    figures = measure(chance, newer.won)
    card, said = _with_slope(final.card, figures, sample, as_of)
    other = boosted(older, newer)
    old = None if approved is None else chances_of(told(approved, sample)[0], newer)
    return Proposal(
        card=card,
        changes=final.changes,
        new=figures,
        old=None if old is None else measure(old, newer.won),
        challenger=measure(other, newer.won),
        new_to_old=None if old is None else compare(chance, old, newer.won),
        new_to_challenger=compare(chance, other, newer.won),
        unrouted=_part(seen, newer, unrouted, held),
        routed=_part(seen, newer, None if unrouted is None else ~unrouted, held),
        notes=(*notes, *said),
    )


def _both_outcomes(older: Sample, newer: Sample) -> None:
    for part, name, use in ((older, "older", "learned from"), (newer, "newest", "measured on")):
        if part.won.all() or not part.won.any():
            how_many = "all" if part.won.all() else "none"
            raise ValueError(f"{how_many} of the {part.size} {name} leads, to be {use}, were won")


def _learned(sample: Sample, approved: Scorecard | None, as_of: datetime | None) -> _Learned:
    if approved is None:
        return _Learned(learn_card(sample, as_of), (), (Note("from_nothing"),))
    known, lost = told(approved, sample)
    notes = tuple(Note("line_not_in_data", (("line", name),)) for name in lost)
    if not enough_to_change(sample):
        card = _level_only(approved, known, sample, as_of)
        return _Learned(card, (), (*notes, Note("only_intercept", _needs(sample))))
    changes = changes_and_additions(approved, sample)
    refreshed = finished(changed(known, changes), sample, as_of)
    return _Learned(_with_lost(approved, changes, refreshed), changes, notes)


def _needs(sample: Sample) -> tuple[tuple[str, str | float], ...]:
    seen = ("outcomes", float(sample.size)), ("wins", float(sample.won.sum()))
    return (*seen, ("need_outcomes", float(LEAST_OUTCOMES)), ("need_wins", float(LEAST_WINS)))


def _level_only(approved: Scorecard, known: Scorecard, sample: Sample, as_of: datetime | None) -> Scorecard:
    return _with_lost(approved, (), finished(known, sample, as_of))


def _with_lost(approved: Scorecard, changes: tuple[Change, ...], refreshed: Scorecard) -> Scorecard:
    """Lines nobody could look at stay on the card as they were."""
    lines = changed(approved, changes).lines
    return Scorecard.model_validate({**dict(refreshed), "lines": lines})


def _no_worse(
    trial: _Learned,
    final: _Learned,
    approved: Scorecard,
    samples: tuple[Sample, Sample, Sample],
    as_of: datetime | None,
) -> tuple[_Learned, _Learned, list[Note]]:
    """Without the changes if the newest leads do not bear them out: then only the intercept moves."""
    older, newer, everything = samples
    known = told(approved, everything)[0]
    plain = _level_only(known, known, older, as_of)
    new = chances_of(told(trial.card, newer)[0], newer)
    brier = compare(new, chances_of(plain, newer), newer.won).brier
    numbers = (("brier", brier.value), ("low", brier.low), ("high", brier.high))
    if brier.value < 0 or not trial.changes:
        return trial, final, [] if brier.high < 0 else [Note("not_sure_better", numbers)]
    kept = _Learned(_level_only(approved, known, everything, as_of), (), final.notes)
    return _Learned(plain, (), trial.notes), kept, [Note("no_better", numbers)]


def _with_slope(
    card: Scorecard, figures: Figures, sample: Sample, as_of: datetime | None
) -> tuple[Scorecard, list[Note]]:
    """The log odds of a point, corrected if leads the card had not seen are clear about it."""
    if not enough_to_change(sample) or figures.leads < LEAST_JUDGED:
        return card, [Note("slope_kept", _needs(sample))]
    if not (figures.slope.low > 1 or figures.slope.high < 1):
        return card, []
    slope = round(card.slope * float(np.clip(figures.slope.value, *SLOPES)), 6)
    slope = float(np.clip(slope, SLOPES[0] * STEP, SLOPES[1] * STEP))
    other = Scorecard.model_validate({**dict(card), "slope": slope})
    known = told(other, sample)[0]
    refreshed = finished(known, sample, as_of)
    return Scorecard.model_validate({**dict(refreshed), "lines": card.lines}), [
        Note("slope_fitted", (("slope", slope),))
    ]


def _part(card: Scorecard, newer: Sample, mask: Bools | None, held: Bools) -> Figures | None:
    """The figures among some of the held-out leads, if there are any."""
    if mask is None or not mask[held].any():
        return None
    rows = np.flatnonzero(mask[held])
    part = taken(newer, rows)
    return measure(chances_of(card, part), part.won)

"""Points of many leads at once, by the rules of the engine: unknown is nothing, groups have caps.

Not here: the score of one lead with its history (``scorecard``).
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from sla_engine.card import UNREMARKABLE, CardLine, Group, Scorecard
from sla_engine.conditions import Condition
from sla_engine.learning.sample import Bools, Floats, Ints, Sample
from sla_engine.model import Activity, ActivityKind, Value
from sla_engine.verdict import InterestBand


def truth_of(line: CardLine, sample: Sample) -> Bools:
    """The leads for which the line surely holds. Raises KeyError if no column can tell.

    >>> from sla_engine.learning.sample import Feature
    >>> rich = CardLine.model_validate({"name": "a", "group": "fit", "points": 1,
    ...     "when": {"field": "staff", "at_least": 50}})
    >>> staff = Feature("staff", "fit", "number", np.array([50.0, 10.0, np.nan]))
    >>> truth_of(rich, Sample(np.array([True, True, False]), features=(staff,))).tolist()
    [True, False, False]
    """
    return _known(line.when, line, sample)[0]


def points_of(card: Scorecard, sample: Sample) -> Ints:
    """Each lead's total of points, groups within their caps. Raises KeyError if a column is not there.

    >>> points_of(Scorecard(), Sample(np.array([True, False]))).tolist()
    [0, 0]
    """
    total = np.zeros(sample.size, np.int64)
    for group, cap in card.caps.items():
        total += np.clip(_group(card, group, sample), -cap, cap)
    return total


def scores_of(card: Scorecard, sample: Sample) -> Ints:
    """Each lead's score, 0 to 100.

    >>> scores_of(Scorecard(), Sample(np.array([True]))).tolist()
    [25]
    """
    return np.clip(UNREMARKABLE + points_of(card, sample), 0, 100)


def chances_of(card: Scorecard, sample: Sample) -> Floats:
    """Each lead's chance of winning, 0 to 1.

    >>> chances_of(Scorecard(), Sample(np.array([True]))).tolist()
    [0.5]
    """
    odds = card.intercept + card.slope * points_of(card, sample).astype(np.float64)
    chance: Floats = 1 / (1 + np.exp(-odds))
    return chance


def _group(card: Scorecard, group: Group, sample: Sample) -> Ints:
    points = np.zeros(sample.size, np.int64)
    for line in card.lines:
        if line.group == group and line.points:
            points += line.points * truth_of(line, sample)
    return points


def _known(when: Condition, line: CardLine, sample: Sample) -> tuple[Bools, Bools]:
    """Where the condition surely holds, and where it surely does not."""
    if when.any_ is not None or when.all_ is not None:
        parts = [_known(one, line, sample) for one in when.inner]
        yes, no = np.stack([one for one, _ in parts]), np.stack([one for _, one in parts])
        if when.any_ is not None:
            return np.any(yes, axis=0, keepdims=True)[0], np.all(no, axis=0, keepdims=True)[0]
        return np.all(yes, axis=0, keepdims=True)[0], np.any(no, axis=0, keepdims=True)[0]
    if when.not_ is not None:
        yes, no = _known(when.not_, line, sample)
        return no, yes
    if when.activity is not None:
        return _done(when, line, sample)
    return _field(when, sample)


def _done(when: Condition, line: CardLine, sample: Sample) -> tuple[Bools, Bools]:
    content = when.content.pattern if when.content is not None else ""
    for one in sample.features:
        same = one.activity == when.activity and one.asked_content == content and one.window == line.within
        if same:
            return one.values == 1, one.values == 0
    raise KeyError(line.name)


def _field(when: Condition, sample: Sample) -> tuple[Bools, Bools]:
    feature = next((one for one in sample.features if one.name == when.field and one.activity is None), None)
    if feature is None:
        raise KeyError(when.field)
    if feature.kind == "number":
        values = feature.values.astype(np.float64)
        unknown, held = np.isnan(values), _number(when, values)
    else:
        levels: tuple[Value, ...] = feature.levels if feature.kind == "category" else (False, True)
        codes = feature.values.astype(np.int64)
        unknown = np.array([*(level == "" for level in levels), True])[codes]
        held = _asked(when, levels)[codes]
    if when.missing is not None:
        return (unknown, ~unknown) if when.missing else (~unknown, unknown)
    return held & ~unknown, ~held & ~unknown


def _number(when: Condition, values: Floats) -> Bools:
    if when.at_least is not None:
        return values >= when.at_least
    if when.at_most is not None:
        return values <= when.at_most
    kinds, place = np.unique(values, return_inverse=True)
    return _asked(when, tuple(kinds.tolist()))[place]


def _asked(when: Condition, values: tuple[Value, ...]) -> Bools:
    """The engine's own test, asked once of each value there is; the last place is for nobody knows."""
    return np.array([*(bool(when.holds(_OnlyField({when.field: value}))) for value in values), False])


@dataclass(frozen=True, slots=True)
class _OnlyField:
    """A lead of which one field is known and nothing else."""

    fields: Mapping[str, Value]
    instant: datetime = datetime(1, 1, 1, tzinfo=UTC)
    band: InterestBand = InterestBand.NONE
    score: int | None = None

    def newest(self, _kinds: Container[ActivityKind]) -> Iterator[Activity]:
        return iter(())

    def of_kind(self, _kind: ActivityKind) -> Iterator[Activity]:
        return iter(())

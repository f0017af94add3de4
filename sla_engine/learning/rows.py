"""One fixed order of leads that depends on what they are, not on where they stand.

Rows in this order, every k-th of them, and a hash of them all: the same for any order the caller has them
in, and however levels are numbered. Not here: what is done with the rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sla_engine.learning.sample import Feature, Ints, Sample

_MIX = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def named_order(sample: Sample) -> tuple[Feature, ...]:
    """The features by name, so that the order of columns changes nothing either.

    >>> zeros = np.zeros(1, np.int64)
    >>> b, a = (Feature(name, "fit", "yes_no", zeros) for name in "ba")
    >>> [one.name for one in named_order(Sample(zeros > 0, features=(b, a)))]
    ['a', 'b']
    """
    return tuple(sorted(sample.features, key=lambda one: one.name))


def codes_by_name(feature: Feature) -> tuple[Ints, tuple[str, ...]]:
    """A category's codes into its levels in alphabetical order, -1 where nobody knows, and those levels.

    Capital and small letters are the same, and an empty text is unknown, as for the engine.

    >>> codes_by_name(Feature("c", "fit", "category", np.array([0, 1, -1]), ("DE", "AT")))
    (array([ 1,  0, -1]), ('AT', 'DE'))
    """
    folded = [level.casefold() for level in feature.levels]
    shown: dict[str, str] = {}
    for level in sorted(feature.levels):
        shown.setdefault(level.casefold(), level)
    shown.pop("", None)
    place = {name: at for at, name in enumerate(sorted(shown))}
    rank = np.array([*(place.get(one, -1) for one in folded), -1], np.int64)
    return rank[feature.values.astype(np.int64)], tuple(shown[name] for name in sorted(shown))


def row_hashes(sample: Sample) -> NDArray[np.uint64]:
    """A number for what is known of each lead: features and outcome; neither its order nor its account.

    >>> pair = Sample(np.array([True, True]), features=(Feature("n", "fit", "number", np.ones(2)),))
    >>> len(set(row_hashes(pair).tolist()))
    1
    """
    mixed = np.full(sample.size, 7, np.uint64)
    for feature in named_order(sample):
        mixed = _mixed(mixed, _bits(feature))
    return _mixed(mixed, sample.won.astype(np.uint64))


def fixed_order(sample: Sample) -> Ints:
    """The rows in the order of their hashes; equal rows may stand for each other.

    >>> fixed_order(Sample(np.array([True, False, True]))).size
    3
    """
    return np.argsort(row_hashes(sample), kind="stable").astype(np.int64)


def data_hash(sample: Sample) -> str:
    """Sixteen hexadecimal characters that name the leads learned from, whatever order they come in.

    >>> len(data_hash(Sample(np.array([True, False]))))
    16
    """
    found = hashlib.sha256()
    for feature in named_order(sample):
        found.update(f"{feature.name}\0{feature.kind}\0".encode())
    found.update(np.sort(row_hashes(sample)).tobytes())
    return found.hexdigest()[:16]


def taken(sample: Sample, rows: Ints) -> Sample:
    """The leads of these rows (each at most once), as a sample of their own, in that order.

    >>> taken(Sample(np.array([True, False, True])), np.array([2, 1])).won.tolist()
    [True, False]
    """
    where = np.full(sample.size, -1, np.int64)
    where[rows] = np.arange(rows.size)
    presences = []
    for one in sample.presences:
        there = where[one.rows]
        presences.append(replace(one, rows=np.sort(there[there >= 0])))
    return Sample(
        sample.won[rows],
        None if sample.order is None else sample.order[rows],
        tuple(replace(one, values=one.values[rows]) for one in sample.features),
        tuple(presences),
        None if sample.account is None else sample.account[rows],
    )


def _bits(feature: Feature) -> NDArray[np.uint64]:
    if feature.kind == "number":
        values = feature.values.astype(np.float64) + 0.0  # minus zero is zero
        return np.where(np.isnan(values), np.nan, values).view(np.uint64)
    if feature.kind == "yes_no":
        return (feature.values + 1).astype(np.uint64)
    codes, levels = codes_by_name(feature)
    names = [int.from_bytes(hashlib.sha256(level.encode()).digest()[:8], "little") for level in levels]
    return np.array([*names, 0], np.uint64)[codes]


def _mixed(state: NDArray[np.uint64], more: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ more) * _MIX
    return (state ^ (state >> _SHIFT)) * _MIX + np.uint64(1)

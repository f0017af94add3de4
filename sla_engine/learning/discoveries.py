"""How many of many findings are to be believed: false discoveries kept to a share.

Not here: how the single findings are tested (``lift``, ``screening``, ``audit``).
"""

from __future__ import annotations

import numpy as np

from sla_engine.learning.sample import Bools, Floats


def adjusted(p: Floats) -> Floats:
    """Benjamini and Hochberg's q of each p: claims with q <= .05 are wrong in at most 5 % on average.

    >>> adjusted(np.array([0.01, 0.04, 0.5])).round(3).tolist()
    [0.03, 0.06, 0.5]
    """
    if not p.size:
        return p
    order = np.argsort(p, kind="stable")
    scaled = p[order] * p.size / np.arange(1, p.size + 1)
    q = np.empty_like(scaled)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q


def believed(p: Floats, share: float) -> Bools:
    """Which findings to believe, in two steps: a first count of the true ones makes room for the others.

    Benjamini, Krieger and Yekutieli's rule; where nothing is true it believes no more often than the
    simple one.

    >>> believed(np.array([0.001, 0.001, 0.001, 0.6]), 0.1).tolist()
    [True, True, True, False]
    """
    level = share / (1 + share)
    first = int((adjusted(p) <= level).sum())
    if first in {0, p.size}:
        return adjusted(p) <= level
    return adjusted(p) <= level * p.size / (p.size - first)

"""Gradient boosting, which nobody can read, as a measure of what readability costs.

Not here: the card it is compared with (``card_search``).
"""

from __future__ import annotations

import numpy as np

from sla_engine.learning.rows import codes_by_name, fixed_order, named_order, taken
from sla_engine.learning.sample import Floats, Sample

MOST_ROWS = 50_000
MOST_LEVELS = 200
MANY = 100_000
"""Fewer leads than this are learned from on one core: several would only wait for each other."""
LEAST_IN_LEAF = 20


def boosted(learn: Sample, judge: Sample) -> Floats:
    """The chances boosting gives the leads of ``judge``, learned from the others, with the same columns.

    >>> from sla_engine.learning.sample import Feature
    >>> codes = np.arange(400) % 2
    >>> feature = Feature("a", "fit", "yes_no", codes)
    >>> sample = Sample((codes == 1) & (np.arange(400) % 8 > 1), features=(feature,))
    >>> bool(boosted(sample, sample)[1] > boosted(sample, sample)[0])
    True
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - slow, and rarely needed
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with it, and limits what is loaded

    if not learn.features or learn.won.all() or not learn.won.any():
        return np.full(judge.size, float(learn.won.mean()))
    rows = fixed_order(learn)
    few = taken(learn, rows[:: -(-rows.size // MOST_ROWS)])
    model = HistGradientBoostingClassifier(
        learning_rate=0.06,
        max_iter=120,
        max_leaf_nodes=15,
        min_samples_leaf=LEAST_IN_LEAF,
        l2_regularization=1.0,
        categorical_features=np.array([one.kind == "category" for one in named_order(learn)]),
        early_stopping=False,
        random_state=0,
    )
    with threadpool_limits(None if learn.size + judge.size > MANY else 1):
        model.fit(_table(few, learn), few.won)
        chances: Floats = model.predict_proba(_table(judge, learn))[:, 1]
    return chances


def _table(sample: Sample, learn: Sample) -> Floats:
    """Columns by name; nan where nobody knows; rare levels of ``learn`` are one."""
    columns = []
    for own, known in zip(named_order(sample), named_order(learn), strict=True):
        if own.kind == "category":
            often = np.bincount(codes_by_name(known)[0] + 1, minlength=len(known.levels) + 1)[1:]
            rank = np.full(often.size + 1, MOST_LEVELS, np.float64)
            best = np.argsort(-often, kind="stable")[:MOST_LEVELS]
            rank[best] = np.arange(best.size)
            rank[-1] = np.nan
            columns.append(rank[codes_by_name(own)[0]])
        else:
            values = own.values.astype(np.float64)
            columns.append(np.where(values < 0, np.nan, values) if own.kind == "yes_no" else values)
    return np.column_stack(columns)

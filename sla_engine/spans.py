"""Sets of seconds as sorted disjoint spans: union and difference.

Numbers only, half-open; not here: what the seconds are counted from (``working_days``).
"""

from __future__ import annotations

Span = tuple[int, int]  # half-open


def union(spans: list[Span]) -> list[Span]:
    """Sorted and disjoint; what overlaps or touches becomes one, what is empty is left out.

    >>> union([(7, 9), (0, 3), (3, 5)])
    [(0, 5), (7, 9)]
    """
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[1] > span[0]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def minus(spans: list[Span], cuts: list[Span]) -> list[Span]:
    """``spans`` without ``cuts``; both sorted and disjoint.

    >>> minus([(0, 10)], [(3, 5)])
    [(0, 3), (5, 10)]
    """
    left: list[Span] = []
    first = 0
    for start, end in spans:
        at = start
        while first < len(cuts) and cuts[first][1] <= start:
            first += 1
        for cut_start, cut_end in cuts[first:]:
            if cut_start >= end:
                break
            if cut_start > at:
                left.append((at, cut_start))
            at = max(at, cut_end)
        if at < end:
            left.append((at, end))
    return left

"""Spans of seconds: union, difference, and an index that measures and finds by binary search."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

Span = tuple[int, int]  # UTC seconds since 1970, half-open


class SpanIndex:
    """Disjoint spans inside [start, end) with running totals: two binary searches answer anything."""

    __slots__ = ("_ends", "_starts", "_totals", "end", "start")

    def __init__(self, start: int, end: int, spans: list[Span]) -> None:
        self.start, self.end = start, end
        self._starts = [a for a, _ in spans]
        self._ends = [b for _, b in spans]
        self._totals = [0]
        for a, b in spans:
            self._totals.append(self._totals[-1] + b - a)

    def _worked_until(self, second: int) -> int:
        index = bisect_right(self._starts, second) - 1
        if index < 0:
            return 0
        return self._totals[index] + min(second, self._ends[index]) - self._starts[index]

    def worked(self, first: int, last: int) -> int:
        first, last = max(first, self.start), min(last, self.end)
        return self._worked_until(last) - self._worked_until(first) if last > first else 0

    def after(self, second: int, wanted: int) -> int:
        target = self._worked_until(max(second, self.start)) + wanted
        index = bisect_left(self._totals, target) - 1
        return self._starts[index] + target - self._totals[index]

    def before(self, second: int, wanted: int) -> int:
        target = self._worked_until(min(second, self.end)) - wanted
        index = bisect_right(self._totals, target) - 1
        return self._starts[index] + target - self._totals[index]


def union(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[1] > span[0]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def minus(spans: list[Span], cuts: list[Span]) -> list[Span]:
    left: list[Span] = []
    for start, end in spans:
        at = start
        for cut_start, cut_end in cuts:
            if cut_end <= at or cut_start >= end:
                continue
            if cut_start > at:
                left.append((at, cut_start))
            at = max(at, cut_end)
        if at < end:
            left.append((at, end))
    return left

"""One stream read batch by batch: page after page by key, by the Bulk API where there is much of it.

A query that takes Salesforce too long is asked again for a shorter time, until it is answered.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from connectors.errors import CrmError, Unavailable
from connectors.mapping import parse_instant
from connectors.salesforce.bulk import BulkFailed, BulkQuery
from connectors.salesforce.client import Client, RefusedCall
from connectors.salesforce.cursor import Span
from connectors.salesforce.fields import instant
from connectors.salesforce.lanes import Lanes
from connectors.salesforce.streams import PAGE, Stream

MUCH = 10_000
"""More rows than this are left to the Bulk API; so many are read page by page before anybody counts."""
TOO_SLOW = frozenset({"QUERY_TIMEOUT", "OPERATION_TOO_LARGE"})
_FIRST_DAY = "1999-01-01T00:00:00Z"  # no record of Salesforce's is older
_SHORTEST = timedelta(minutes=1)
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a stream. ``key``: the place behind them; ``job``: (id, locator) of a bulk query instead."""

    rows: Sequence[Mapping[str, Any]] = ()
    key: Key | None = None
    job: tuple[str, str] | None = None
    is_last: bool = False
    left: int | None = None
    trouble: str = ""

    @property
    def is_worth_a_page(self) -> bool:
        """Whether anybody must hear of it, or may want to stop here."""
        return bool(self.rows or self.trouble) or not self.is_last


class TooSlow(Unavailable):
    """Salesforce does not answer even for the shortest time."""


class Walk:
    """Reads one stream of one window to its end."""

    def __init__(self, client: Client, lanes: Lanes, stream: Stream) -> None:
        self._client = client
        self._lanes = lanes
        self._stream = stream
        self._next: tuple[Span, Future[Mapping[str, Any]]] | None = None
        self._left: int | None = None

    def ahead(self, span: Span, first: Any) -> None:
        """Ask for the second page already, if the first one says that there is one."""
        if isinstance(first, Mapping) and not first["done"] and first["records"]:
            self._ask(replace(span, key=self._stream.key_of(first["records"][-1])))

    def batches(self, span: Span, first: Any) -> Iterator[Batch]:
        """All that is left, from the answer ``first`` on (None: nothing has been asked yet)."""
        answer, first = first, None  # a page is not held longer than it is needed
        for number in range(1, MUCH // PAGE + 1):
            try:
                page = self._page(span, answer)
            except RefusedCall as error:
                if error.code not in TOO_SLOW:
                    raise
                yield from self._in_short_times(span)
                return
            answer = None
            batch = self._batch(page)
            if not batch.is_last:
                span = replace(span, key=batch.key)
                if number * PAGE < MUCH:
                    self._ask(span)
            yield batch
            if batch.is_last:
                return
        yield from self._rest(span)

    def _rest(self, span: Span) -> Iterator[Batch]:
        """What is left behind the first pages."""
        self._left = self._count(span)
        if self._left is None or self._left > MUCH:
            try:
                yield from self.in_bulk(span)
            except BulkFailed as error:
                yield Batch(key=span.key, trouble=error.told)
            else:
                return
        yield from self._page_by_page(span)

    def _page_by_page(self, span: Span) -> Iterator[Batch]:
        while True:
            try:
                page = self._page(span, None)
            except RefusedCall as error:
                if error.code not in TOO_SLOW:
                    raise
                yield from self._in_short_times(span)
                return
            batch = self._batch(page)
            if not batch.is_last:
                span = replace(span, key=batch.key)
                self._ask(span)
            yield batch
            if batch.is_last:
                return

    def in_bulk(self, span: Span, job: tuple[str, str] | None = None) -> Iterator[Batch]:
        """All that is left by one bulk query, or what is left of one that was begun. Raises BulkFailed."""
        bulk = BulkQuery(self._client, self._stream)
        if job is None:
            job = (bulk.begin(self._stream.bulk_soql(span)), "")
            yield Batch(key=span.key, job=job, left=self._left)
        bulk.wait(job[0])
        for rows, here, onward in bulk.pages(*job):
            for start in range(0, max(len(rows), 1), PAGE):
                part = rows[start : start + PAGE]
                is_whole = start + PAGE >= len(rows)
                locator = onward if is_whole else here
                yield Batch(part, span.key, (job[0], locator or ""), is_whole and onward is None)

    def give_up(self) -> None:
        """Nobody waits for the page that was asked for ahead."""
        if self._next is not None:
            self._next[1].cancel()

    def _in_short_times(self, span: Span) -> Iterator[Batch]:
        """Each time span is half as long as the last that was too long, and twice the last that was not."""
        end, width = span.until, None
        while True:
            start = _start(span)
            whole = parse_instant(end) - parse_instant(start)
            width = min(whole, width * 2) if width else whole / 2
            part, page = yield from self._shorter(span, start, width)
            batch = self._batch(page)
            is_through = batch.is_last and part.until == end
            if batch.is_last:
                key = (part.until, "")
                batch = replace(batch, key=key, is_last=is_through)
            yield batch
            if is_through:
                return
            width = parse_instant(part.until) - parse_instant(start)
            span = replace(span, key=batch.key)

    def _shorter(
        self, span: Span, start: str, width: timedelta
    ) -> Generator[Batch, None, tuple[Span, Mapping[str, Any]]]:
        """The first page of the longest time that is answered."""
        while True:
            until = min(instant(parse_instant(start) + width), span.until)
            part = replace(span, until=until)
            try:
                return part, self._client.query(self._stream.soql(part), deleted=self._stream.deleted)
            except RefusedCall as error:
                if error.code not in TOO_SLOW:
                    raise
                if width <= _SHORTEST:
                    raise self._too_slow(error) from None
            width /= 2
            yield Batch(key=span.key)  # a run that is to stop must get the chance

    def _too_slow(self, error: RefusedCall) -> TooSlow:
        name = self._stream.object
        remedy = (
            "give our user the right View All Data" if error.code == "OPERATION_TOO_LARGE" else "try later"
        )
        return TooSlow(f"{self._client.name}: {name} cannot be read ({error.code}); {remedy}")

    def _count(self, span: Span) -> int | None:
        """How many rows are left; None where Salesforce needs too long to count them."""
        try:
            return int(self._client.query(self._stream.count_soql(span))["totalSize"])
        except RefusedCall as error:
            if error.code not in TOO_SLOW:
                raise
            return None

    def _ask(self, span: Span) -> Future[Mapping[str, Any]]:
        """The page behind this place, under way from now on if it is not already."""
        if self._next is None or self._next[0] != span:
            soql, deleted = self._stream.soql(span), self._stream.deleted
            self._next = (span, self._lanes.begin(lambda client: client.query(soql, deleted=deleted)))
        return self._next[1]

    def _page(self, span: Span, answer: Any) -> Mapping[str, Any]:
        if isinstance(answer, CrmError):
            raise answer
        if answer is not None:
            return self._client.with_rows(answer)
        return self._ask(span).result()

    def _batch(self, page: Mapping[str, Any]) -> Batch:
        rows = page["records"]
        key = self._stream.key_of(rows[-1]) if rows else None
        if self._left is not None:
            self._left = max(self._left - len(rows), 0)
        return Batch(rows, key, is_last=bool(page["done"]) or not rows, left=self._left)


def _start(span: Span) -> str:
    return instant(parse_instant(span.key[0])) if span.key else span.lower or _FIRST_DAY

"""Reading: what changed since a cursor, page by page, in our words.

Each stream is read by keyset on (stamp, Id) up to a fixed instant, so equal stamps and late rows lose
nothing. With the first pages Salesforce says up to where no running transaction can show anything any
more; the next poll starts no later than there, and looks back besides.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.base import Marks, Page, no_marks
from connectors.mapping import parse_instant
from connectors.salesforce.bulk import BulkFailed
from connectors.salesforce.client import Client
from connectors.salesforce.cursor import Cursor
from connectors.salesforce.lanes import Lanes
from connectors.salesforce.opening import Opener, Opening
from connectors.salesforce.pages import Pages
from connectors.salesforce.people import People
from connectors.salesforce.records import Records
from connectors.salesforce.streams import Stream
from connectors.salesforce.walk import Batch, TooSlow, Walk


class Reader:
    """Reads one org."""

    def __init__(
        self, client: Client, lanes: Lanes, opener: Opener, records: Records, people: People
    ) -> None:
        self._client = client
        self._lanes = lanes
        self._opener = opener
        self._records = records
        self._people = people

    def pull(
        self, cursor: str, until: datetime, look_back: timedelta, marks: Marks = no_marks
    ) -> Iterator[Page]:
        """Pages of everything stamped in (cursor - look back, until]; resumes in the middle."""
        place = Cursor.parse(cursor)
        if not place.is_between_windows:
            place = yield from self._window(place, marks)
        if not place.since or parse_instant(place.since) < until:
            yield from self._window(place.window(until, look_back), marks)

    def _window(self, place: Cursor, marks: Marks) -> Generator[Page, None, Cursor]:
        """One window stream by stream; returns where the next one starts."""
        opening = self._opener.open(place)
        if opening.has_news:
            self._people.begin(self._lanes)
        if opening.troubles:
            yield Page(troubles=opening.troubles, cursor=place.text())
        walks = {one.name: Walk(self._client, self._lanes, one) for one in opening.streams}
        try:
            for name, walk in walks.items():
                walk.ahead(place.span(name), opening.answers.get(name))
            yield from self._pages(place, opening, walks, self._pages_of(marks))
        finally:
            for walk in walks.values():
                walk.give_up()
        finished = place.finished()
        yield Page(cursor=finished.text())
        return finished

    def _pages_of(self, marks: Marks) -> Pages:
        return Pages(self._client, self._records, self._opener.lead_fields, marks)

    def _pages(self, place: Cursor, opening: Opening, walks: dict[str, Walk], pages: Pages) -> Iterator[Page]:
        read = 0
        for stream in opening.streams:
            try:
                for batch in self._batches(stream, place, opening, walks[stream.name]):
                    if batch.job and not batch.is_last:
                        place.jobs[stream.name] = list(batch.job)
                    place.read(stream.name, batch.key, is_last=batch.is_last)
                    if not batch.is_worth_a_page:
                        continue
                    read += len(batch.rows)
                    estimate = None if batch.left is None else read + batch.left
                    troubles = (batch.trouble,) if batch.trouble else ()
                    page = pages.page(stream, batch.rows)
                    yield replace(page, cursor=place.text(), estimate=estimate, troubles=troubles)
            except TooSlow as error:
                if stream.name == self._opener.carrier.object:
                    raise
                place.turn_off(stream.object)
                yield Page(troubles=(str(error),), cursor=place.text())

    def _batches(self, stream: Stream, place: Cursor, opening: Opening, walk: Walk) -> Iterator[Batch]:
        """What is left of a stream, by a bulk query that was begun before if there is one."""
        span, job = place.span(stream.name), place.jobs.get(stream.name)
        if job is not None:
            try:
                yield from walk.in_bulk(span, (job[0], job[1]))
            except BulkFailed as error:
                place.jobs.pop(stream.name, None)
                yield Batch(key=span.key, trouble=error.told)
            else:
                return
        yield from walk.batches(span, opening.answers.pop(stream.name, None))

"""The leads of an account, contacts or records of the Leads object: what is asked of HubSpot for them.

A poll's search shows every value; the past is read, 50 to a call, only of leads whose mark says that it is
news. A first load takes values and past from the list. Not here: what the values mean (``lead_rows``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.base import Page, Removal, SeenLead
from connectors.hubspot.ahead import Ahead
from connectors.hubspot.asked import CONTACT_EMAIL, stamp_of
from connectors.hubspot.beside import Beside
from connectors.hubspot.carrier import CONTACTS, carrier_of
from connectors.hubspot.client import BATCH, HISTORY_BATCH, Client, chunks
from connectors.hubspot.emails import Emails
from connectors.hubspot.fields import EPOCH
from connectors.hubspot.finding import Found, Query, every_page, fits_a_search, listed, read_together
from connectors.hubspot.lead_rows import LeadRows, Unmappable, instant_or
from connectors.hubspot.marks import Mark
from connectors.hubspot.people import People
from connectors.hubspot.window import Step, Window, open_filters
from connectors.mapping import ConnectionMapping

Row = Mapping[str, Any]
AT_MOST = 2000  # leads of a page
ENOUGH_PASTS = 4 * HISTORY_BATCH  # that a page is made of, so that their reads are full and fly together
A_WHILE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Opening:
    """The first answer of a window: the CRM's clock when it was asked, and what it found."""

    at: datetime
    found: Found | None
    total: int | None


@dataclass(slots=True)
class News:
    """What of some search pages is news. ``past``: the ids of those whose past is news too."""

    read: int = 0
    rows: list[Row] = field(default_factory=list)
    past: list[str] = field(default_factory=list)
    kept: dict[str, Mark] = field(default_factory=dict)

    @property
    def is_enough(self) -> bool:
        return self.read >= AT_MOST or len(self.past) >= ENOUGH_PASTS


class Leads:
    """Reads the leads of one account, by id or as they changed."""

    def __init__(self, client: Client, mapping: ConnectionMapping, people: People) -> None:
        self._client = client
        self._carrier = carrier_of(mapping)
        self._rows = LeadRows(mapping, people)
        self._asked = self._rows.asked
        self._own = self._asked.own
        self._beside = None if self._carrier is CONTACTS else Beside(client, self._asked)
        self._shows_all = fits_a_search(self._own.plain)
        shown = self._own.plain if self._shows_all else (self._carrier.stamp,)
        self._query = Query(self._carrier.kind, self._carrier.stamp, shown)
        self.emails = Emails(client)

    def forget(self) -> None:
        """Nothing is kept between polls: the marks tell what is news."""

    def opening(self, since: datetime | None) -> Opening:
        """The first search of a window whose end is open: its answer tells the CRM's clock."""
        asked = time.monotonic()
        properties = self._query.properties if since else (self._carrier.stamp,)
        filters = open_filters(since or EPOCH, self._carrier.stamp)
        reply = self._client.search(self._carrier.kind, filters, properties)
        at = self._client.server_now() - timedelta(seconds=time.monotonic() - asked)
        first = None
        if since and (reply.results or not reply.after):
            first = Found(reply.results, str(reply.results[-1]["id"]) if reply.after else "")
        return Opening(at, first, reply.body.get("total"))

    def by_id(self, ids: Sequence[str]) -> list[SeenLead]:
        """These leads as they are now; unreadable ones are left out.

        Asked for by an id that was merged away, HubSpot shows the survivor, under its own id.
        """
        rows = self._complete(self._now(list(dict.fromkeys(ids))))
        seen = []
        for row in {str(row["id"]): row for row in rows}.values():
            try:
                seen.append(self._rows.lead(row))
            except Unmappable:
                continue
        return seen

    def reread(self, ids: Sequence[str], now: datetime) -> Iterator[Page]:
        """See ``Crm.reread``."""
        for part in chunks(list(dict.fromkeys(ids)), ENOUGH_PASTS):
            rows = self._with_past(part)
            page = self._page(rows, Window(None, now + A_WHILE), len(part))
            shown = {str(row["id"]) for row in rows}
            told = shown | {one.lead_id for one in page.removals}
            missing = [one for one in part if one not in told]
            gone = self._gone(missing, now, may_be_merged=not shown <= set(part))
            yield replace(page, removals=(*page.removals, *gone))

    def _gone(self, ids: Sequence[str], now: datetime, *, may_be_merged: bool) -> Iterator[Removal]:
        """Why these were not to be had: deleted, erased, or merged into one that does not say so."""
        kind = self._carrier.kind
        archived = {str(row["id"]): row for row in self._client.archived(kind, ids)}
        for one in ids:
            if one in archived:
                yield Removal(one, instant_or(archived[one], "archivedAt", now) or now)
                continue
            found = self._client.read(kind, [one], [self._carrier.stamp]) if may_be_merged else []
            survivor = next((str(row["id"]) for row in found), "")
            if survivor != one:
                yield Removal(one, now, survivor)

    def census(self) -> Iterator[Mapping[str, datetime]]:
        """Every lead by id and stamp, from the list: it does not lag behind."""
        kind, stamp = self._carrier.kind, self._carrier.stamp
        for reply in listed(self._client, kind, "", limit=BATCH, properties=[stamp]):
            stamps = {str(row["id"]): stamp_of(row, stamp) for row in reply.results}
            yield {one: EPOCH + timedelta(milliseconds=at) for one, at in stamps.items()}

    def segment(self, window: Window, last: str, opening: Opening | None = None) -> Iterator[Step]:
        """Leads with stages, owners and the activities in their history, in steps."""
        if window.since is None:
            yield from self._all(window, last, opening.total if opening else self._total(window))
            return
        news = News()
        first = opening.found if opening else None
        with Ahead(every_page(self._client, self._query, window, last, first), room=4) as pages:
            for page in pages:
                self._sift(page.rows, window, news)
                if news.is_enough or not page.last:
                    yield Step(self.told(news, window), page.last)
                    news = News()

    def _total(self, window: Window) -> int | None:
        filters = window.filters("", self._carrier.stamp)
        return self._client.search(self._carrier.kind, filters, [self._carrier.stamp]).body.get("total")

    def _all(self, window: Window, last: str, total: int | None) -> Iterator[Step]:
        """The first load: the list is faster than the search, and does not lag."""
        asked = {
            "limit": HISTORY_BATCH,
            "properties": list(self._own.plain),
            "properties_with_history": list(self._own.with_history),
        }
        for reply in listed(self._client, self._carrier.kind, last, **asked):
            page = self._page(self._complete(reply.results, with_past=True), window, len(reply.results))
            yield Step(replace(page, estimate=total), reply.after)

    def _sift(self, rows: Sequence[Row], window: Window, news: News) -> None:
        """Take what is news from a search page, and note whose past is."""
        news.read += len(rows)
        kept = window.kept([str(row["id"]) for row in rows])
        # Of a row that shows everything, the same stamp may still be news.
        stamp, is_whole = self._carrier.stamp, int(self._shows_all and self._beside is None)
        rows = [
            row for row in rows if _may_be_news(stamp_of(row, stamp) + is_whole, kept.get(str(row["id"])))
        ]
        if not self._shows_all:
            rows = self._now([str(row["id"]) for row in rows])
        self.note(self._complete(rows), kept, window, news)

    def note(self, rows: Sequence[Row], kept: Mapping[str, Mark], window: Window, news: News) -> None:
        """Take what is news from whole rows."""
        news.kept.update(kept)
        for row in rows:
            mark, before = self._asked.mark(row), kept.get(str(row["id"]))
            if window.holds(max(mark.stamp, mark.contact)) and mark.is_news_to(before):
                news.rows.append(row)
                if before is None or (before.past, before.merged) != (mark.past, mark.merged):
                    news.past.append(str(row["id"]))

    def told(self, news: News, window: Window) -> Page:
        """The page of what is news, a new past as it is now. A lead that is gone meanwhile is left out."""
        wanted = set(news.past)
        rows = {str(row["id"]): row for row in news.rows if str(row["id"]) not in wanted}
        rows |= {str(row["id"]): row for row in self._with_past(news.past)}
        return self._page(list(rows.values()), window, news.read, news.kept)

    def addresses(self, ids: Sequence[str]) -> list[str]:
        """The e-mail addresses of these leads."""
        name = "email" if self._beside is None else CONTACT_EMAIL
        told = (str(row["properties"].get(name) or "").lower() for row in self.now(ids))
        return list(dict.fromkeys(one for one in told if one))

    def now(self, ids: Sequence[str]) -> list[Row]:
        """These leads as they are now, with their contacts."""
        return self._complete(self._now(ids))

    def _now(self, ids: Sequence[str]) -> list[Row]:
        return read_together(self._client, self._carrier.kind, ids, self._own.plain)

    def _with_past(self, ids: Sequence[str]) -> list[Row]:
        own = self._own
        rows = read_together(self._client, self._carrier.kind, ids, own.plain, own.with_history)
        return self._complete(rows, with_past=True)

    def _complete(self, rows: Sequence[Row], *, with_past: bool = False) -> list[Row]:
        return list(rows) if self._beside is None else self._beside.complete(rows, with_past=with_past)

    def _page(
        self, rows: Sequence[Row], window: Window, read: int, kept: Mapping[str, Mark] | None = None
    ) -> Page:
        if self._beside is None:
            for row in rows:
                self.emails.note(row)
        return self._rows.page(rows, window, read, kept)


def _may_be_news(stamp: int, before: Mark | None) -> bool:
    return before is None or stamp > before.stamp

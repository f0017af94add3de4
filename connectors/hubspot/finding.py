"""Searches that page by record id, lists, and batch reads several at a time.

A search is never paged deeper than one page: the next one asks for ids beyond the last. So neither its
end at 10,000 rows nor rows that change meanwhile lose anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from connectors.hubspot.client import BATCH, HISTORY_BATCH, Client, Reply, chunks
from connectors.hubspot.flight import in_flight
from connectors.hubspot.refusals import Refused
from connectors.hubspot.window import Window

Row = Mapping[str, Any]
LONGEST_BODY = 3000  # characters of a search
_REST_OF_BODY = 600  # filters, sort and page, with room to spare


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search in the server's order; ``last`` goes on after it, empty at the end."""

    rows: Sequence[Row]
    last: str


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched: the object, its stamp, the properties to show, filters besides the window's."""

    kind: str
    stamp: str
    properties: tuple[str, ...]
    only: tuple[Mapping[str, str], ...] = ()


def fits_a_search(properties: Sequence[str]) -> bool:
    """Whether so many properties can be asked for in a search."""
    return len(json.dumps(list(properties))) + _REST_OF_BODY <= LONGEST_BODY


def found(client: Client, query: Query, window: Window, last: str) -> Found:
    """The records changed in the window with ids beyond ``last``.

    Neither a short nor an empty page is an end: only an answer that names no next page is.
    """
    filters = [*window.filters(last, query.stamp), *query.only]
    after = "0"
    while True:
        reply = client.search(query.kind, filters, query.properties, after=after)
        if reply.results or not reply.after:
            last = str(reply.results[-1]["id"]) if reply.after else ""
            return Found(reply.results, last)
        after = reply.after


def every_page(
    client: Client, query: Query, window: Window, last: str, first: Found | None = None
) -> Iterator[Found]:
    """Page after page, at least one. ``first`` was found already."""
    page = first or found(client, query, window, last)
    yield page
    while page.last:
        page = found(client, query, window, page.last)
        yield page


def listed(client: Client, kind: str, after: str, **options: Any) -> Iterator[Reply]:
    """Every record page by page from ``after``; from the start when HubSpot does not know that place now."""
    while True:
        try:
            reply = client.page_of(kind, after=after, **options)
        except Refused as error:
            if error.status != 400 or not after:
                raise
            after, reply = "", client.page_of(kind, **options)
        after = reply.after
        yield reply
        if not after:
            return


def read_together(
    client: Client, kind: str, ids: Sequence[str], properties: Sequence[str], history: Sequence[str] = ()
) -> list[Row]:
    """``Client.read`` with its batches under way at the same time."""
    parts = chunks(ids, HISTORY_BATCH if history else BATCH)
    jobs = [partial(client.read, kind, part, properties, history=history) for part in parts]
    return [row for rows in in_flight(jobs) for row in rows]

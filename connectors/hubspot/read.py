"""Everything that changed in an account, page by page, resumable after each page."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from connectors.base import Page
from connectors.hubspot.client import Client
from connectors.hubspot.contacts import Contacts
from connectors.hubspot.email_events import EmailEvents
from connectors.hubspot.engagements import Engagements
from connectors.hubspot.people import People
from connectors.hubspot.refusals import Denied, Refused
from connectors.hubspot.tasks import Tasks
from connectors.hubspot.window import Cursor, Step, Window
from connectors.mapping import ActivitySource, ConnectionMapping

EMAIL_EVENTS = "email_events"


class Segment(Protocol):
    """One part of a pull that is read to its end before the next begins."""

    def segment(self, window: Window, last: str) -> Iterator[Step]: ...

    def forget(self) -> None: ...


class Reader:
    """Reads one account: contacts first, then activities, then our tasks.

    What the look-back brings a second time unchanged is left out while the caller goes on with
    the very cursor this reader gave last; any other cursor gets everything.
    """

    def __init__(
        self, client: Client, mapping: ConnectionMapping, people: People, look_back: timedelta
    ) -> None:
        self._client = client
        self._people = people
        self._look_back = look_back
        self._given = ""
        self.contacts = Contacts(client, mapping, people)
        self.tasks = Tasks(client)
        self._segments: Mapping[str, Segment] = {
            "contacts": self.contacts,
            **{
                f"activities.{name}": self._source(one)
                for name, one in mapping.activities.items()
                if one.object
            },
            "tasks": self.tasks,
        }

    def _source(self, source: ActivitySource) -> Segment:
        if source.object == EMAIL_EVENTS:
            return EmailEvents(self._client, source, self.contacts.emails)
        return Engagements(self._client, source, self._people)

    def pull(self, text: str, until: datetime) -> Iterator[Page]:
        """See ``Crm.pull``. An interrupted window is finished first, then read on to ``until``."""
        if not text or text != self._given:
            for segment in self._segments.values():
                segment.forget()
        self._given = ""
        cursor = Cursor.parse(text)
        if cursor.until is not None:
            cursor = yield from self._window(cursor, cursor.until)
        if cursor.since is None or cursor.since < until:
            cursor = yield from self._window(cursor, until)
        self._given = cursor.text()

    def _window(self, cursor: Cursor, until: datetime) -> Generator[Page, None, Cursor]:
        """One window segment by segment; returns where the next one starts."""
        names = tuple(self._segments)
        first = cursor.start_in(names)
        for number in range(first, len(names)):
            name = names[number]
            last = cursor.last if number == first and name == cursor.segment else ""
            try:
                for step in self._segments[name].segment(cursor.window(until, self._look_back, name), last):
                    here = replace(cursor, until=until, segment=name, last=step.last)
                    if not step.last:
                        cursor = _caught_up(cursor, name)
                        here = _after(names, number, cursor, until)
                    yield replace(step.page, cursor=here.text())
            except (Denied, Refused) as error:
                if not _can_be_left_out(name, error):
                    raise
                # what happens there until the right is given is read then
                cursor = replace(cursor, behind=cursor.left_behind(name))
                told = (f"{name}: {error}; this source is left out",) if isinstance(error, Denied) else ()
                yield Page(troubles=told, cursor=_after(names, number, cursor, until).text())
        # A window always ends with a page, however its last segments ended.
        done = Cursor(since=until, behind=cursor.behind)
        yield Page(cursor=done.text())
        return done


def _can_be_left_out(name: str, error: Denied | Refused) -> bool:
    """Whether this is a source that the token may not read, or that the account does not have."""
    return name.startswith("activities.") and (isinstance(error, Denied) or error.status == 404)


def _caught_up(cursor: Cursor, name: str) -> Cursor:
    return replace(cursor, behind={one: at for one, at in cursor.behind.items() if one != name})


def _after(names: tuple[str, ...], number: int, cursor: Cursor, until: datetime) -> Cursor:
    """Where to go on when the segment of this number is finished."""
    if number + 1 == len(names):
        return Cursor(since=until, behind=cursor.behind)
    return Cursor(cursor.since, until, names[number + 1], behind=cursor.behind)

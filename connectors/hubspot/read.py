"""Everything that changed in an account, page by page, resumable after each page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
            yield from self._window(cursor, cursor.until)
            cursor = Cursor(since=cursor.until)
        if cursor.since is None or cursor.since < until:
            yield from self._window(cursor, until)
            cursor = Cursor(since=until)
        self._given = cursor.text()

    def _window(self, cursor: Cursor, until: datetime) -> Iterator[Page]:
        window = cursor.window(until, self._look_back)
        names = tuple(self._segments)
        first = cursor.start_in(names)
        for number in range(first, len(names)):
            last = cursor.last if number == first and names[number] == cursor.segment else ""
            for step in self._steps(names[number], window, last):
                here = Cursor(cursor.since, until, names[number], step.last)
                if not step.last:
                    here = _after(names, number, cursor.since, until)
                yield replace(step.page, cursor=here.text())
        # A window always ends with a page, however its last segments ended.
        yield Page(cursor=Cursor(since=until).text())

    def _steps(self, name: str, window: Window, last: str) -> Iterator[Step]:
        """A source the token may not read, or the account does not have, is left out; ``check`` warns."""
        try:
            yield from self._segments[name].segment(window, last)
        except (Denied, Refused) as error:
            is_missing = isinstance(error, Denied) or error.status == 404
            if not (is_missing and name.startswith("activities.")):
                raise


def _after(names: tuple[str, ...], number: int, since: datetime | None, until: datetime) -> Cursor:
    if number + 1 == len(names):
        return Cursor(since=until)
    return Cursor(since, until, names[number + 1])

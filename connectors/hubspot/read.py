"""Everything that changed in an account, page by page, resumable after each page.

The parts of a window are read at the same time, each a few pages ahead of the caller, and told one after
the other. The rate limits are shared, so that no part waits for the way there and back of another.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from connectors.base import Marks, Page, no_marks
from connectors.hubspot.ahead import Parts
from connectors.hubspot.carrier import CONTACTS, carrier_of
from connectors.hubspot.client import Client
from connectors.hubspot.contact_changes import ContactChanges
from connectors.hubspot.email_events import EmailEvents
from connectors.hubspot.engagements import TASKS, Engagements, only_of
from connectors.hubspot.fields import EPOCH
from connectors.hubspot.form_submissions import FormSubmissions
from connectors.hubspot.holders import Holders
from connectors.hubspot.leads import Leads, Opening
from connectors.hubspot.people import People
from connectors.hubspot.refusals import Denied, Refused
from connectors.hubspot.tasks import Tasks
from connectors.hubspot.window import Cursor, Step, Window
from connectors.mapping import FORM_SUBMISSIONS, ActivitySource, ConnectionMapping

EMAIL_EVENTS = "email_events"
# A first load knows whose these are when it has read the contacts.
BY_ADDRESS: Mapping[str, type[EmailEvents | FormSubmissions]] = {
    EMAIL_EVENTS: EmailEvents,
    FORM_SUBMISSIONS: FormSubmissions,
}


@dataclass(frozen=True, slots=True)
class Pace:
    """How far a poll looks back, and how young a change must be to wait for the next poll."""

    look_back: timedelta
    settle: timedelta = timedelta(0)


class Segment(Protocol):
    """One part of a pull that is read to its end before the next is told."""

    def segment(self, window: Window, last: str) -> Iterator[Step]: ...

    def forget(self) -> None: ...


class Reader:
    """Reads one account: contacts first, then activities and our tasks, object by object.

    What the look-back brings a second time unchanged is left out: of contacts by the marks they were kept
    with, of the rest while the caller goes on with the very cursor this reader gave last.
    """

    def __init__(self, client: Client, mapping: ConnectionMapping, people: People, pace: Pace) -> None:
        self._client = client
        self._people = people
        self._pace = pace
        self._given = ""
        self._carrier = carrier_of(mapping)
        self._holders = Holders(client, self._carrier)
        self.leads = Leads(client, mapping, people)
        self.tasks = Tasks(client, self._carrier)
        self._named: dict[str, str] = {}
        sources: dict[str, list[ActivitySource]] = {}
        for name, one in mapping.activities.items():
            if one.object:
                sources.setdefault(one.object, []).append(one)
                before = f"{self._named[one.object]}, " if one.object in self._named else ""
                self._named[one.object] = f"{before}activities.{name}"
        sources.setdefault(TASKS, [])
        self._sources = {kind: self._part(kind, found) for kind, found in sources.items()}
        self._segments: dict[str, Segment] = {self._carrier.kind: self.leads}
        if self._carrier is not CONTACTS:
            self._segments[CONTACTS.kind] = ContactChanges(client, self.leads)
        self._needed = {*self._segments, TASKS}
        self._segments |= self._sources

    def _part(self, kind: str, sources: list[ActivitySource]) -> Engagements | EmailEvents | FormSubmissions:
        if kind in BY_ADDRESS:
            return BY_ADDRESS[kind](self._client, sources, self.leads.emails, self._holders)
        return Engagements(self._client, kind, sources, self._people, self._holders)

    def pull(self, text: str, until: datetime | None, marks: Marks = no_marks) -> Iterator[Page]:
        """See ``Crm.pull``. An interrupted window is finished first, then read on to ``until``."""
        if not text or text != self._given:
            for segment in self._segments.values():
                segment.forget()
        self._given = ""
        cursor = Cursor.parse(text)
        if cursor.until is not None:
            cursor = yield from self._window(cursor, cursor.until, marks)
        if until is None or cursor.since is None or cursor.since < until:
            cursor = yield from self._window(cursor, until, marks)
        self._given = cursor.text()

    def reread(self, lead_ids: Sequence[str], now: datetime, *, whole: bool) -> Iterator[Page]:
        """See ``Crm.reread``."""
        yield from self.leads.reread(lead_ids, now)
        if whole:
            yield from self._everything_about(lead_ids, now)

    def _everything_about(self, lead_ids: Sequence[str], until: datetime) -> Iterator[Page]:
        """Every activity of these leads and every task of ours on them."""
        window, addresses = Window(None, until), self.leads.addresses(lead_ids)
        for kind, part in self._sources.items():
            try:
                if isinstance(part, Engagements):
                    yield from part.whole(lead_ids, window)
                else:
                    yield from (only_of(page, lead_ids) for page in part.whole(addresses, window))
            except (Denied, Refused) as error:
                yield Page(troubles=self._left_out(kind, error))

    def _complete(self, page: Page, cursor: Cursor, until: datetime, marks: Marks) -> Page:
        """With the Leads object, leads never kept bring what their contacts did before there was a lead."""
        ids = [seen.lead.id for seen in page.leads]
        if self._carrier is CONTACTS or not ids or cursor.since is None:  # a first load reads everything
            return page
        known = marks(ids)
        new = [one for one in ids if one not in known]
        if not new:
            return page
        found = list(self._everything_about(new, until))
        activities = [*page.activities, *(pair for one in found for pair in one.activities)]
        tasks = [*page.tasks, *(task for one in found for task in one.tasks)]
        troubles = [*page.troubles, *(trouble for one in found for trouble in one.troubles)]
        return replace(page, activities=tuple(activities), tasks=tuple(tasks), troubles=tuple(troubles))

    def _left_out(self, kind: str, error: Denied | Refused) -> tuple[str, ...]:
        """What to tell of a source that the token may not read, or that the account does not have.

        Raises the error for everything that is needed, and for any other refusal.
        """
        is_missing = isinstance(error, Denied) or error.status == 404
        if kind in self._needed or not is_missing:
            raise error
        return (f"{self._named.get(kind, kind)}: {error}; this source is left out",)

    def _window(self, cursor: Cursor, until: datetime | None, marks: Marks) -> Generator[Page, None, Cursor]:
        """One window segment by segment; returns where the next one starts."""
        opening = None
        if until is None:
            opening = self.leads.opening(cursor.since and cursor.since - self._pace.look_back)
            until = max(opening.at - self._pace.settle, cursor.since or EPOCH)
        names = tuple(self._segments)
        first = cursor.start_in(names)
        with self._parts(cursor, until, marks, opening) as parts:
            for number in range(first, len(names)):
                name = names[number]
                try:
                    for step in parts.steps(name):
                        here = replace(cursor, until=until, segment=name, last=step.last)
                        if not step.last:
                            cursor = cursor.caught_up(name)
                            here = cursor.after(names, number, until)
                        yield replace(self._complete(step.page, cursor, until, marks), cursor=here.text())
                except (Denied, Refused) as error:
                    # what happens there until it can be read is read then
                    cursor = cursor.left_behind(name)
                    told = self._left_out(name, error)
                    yield Page(troubles=told, cursor=cursor.after(names, number, until).text())
        # A window always ends with a page, however its last segments ended.
        done = Cursor(since=until, behind=cursor.behind)
        yield Page(cursor=done.text())
        return done

    def _parts(self, cursor: Cursor, until: datetime, marks: Marks, opening: Opening | None) -> Parts[Step]:
        """The segments still to be read in this window, most of them begun."""
        names = tuple(self._segments)
        ways: dict[str, Callable[[], Iterator[Step]]] = {}
        late: set[str] = set()
        for name in names[cursor.start_in(names) :]:
            window = replace(cursor.window(until, self._pace.look_back, name), marks=marks)
            last = cursor.last if name == cursor.segment else ""
            if name == self._carrier.kind:
                ways[name] = partial(self.leads.segment, window, last, opening)
            else:
                ways[name] = partial(self._segments[name].segment, window, last)
            if name in BY_ADDRESS and window.since is None:
                late.add(name)
        return Parts(ways, late)

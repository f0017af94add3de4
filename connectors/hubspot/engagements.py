"""Calls, e-mails, meetings and the like: mapped activities of the leads they belong to, and our tasks.

A deal may be a source too; the stage of a lead is what the lead itself shows, which HubSpot moves on by
itself when a deal is made. One search reads what belongs to one object, however many sources of the mapping
are made from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.base import OurTask, Page
from connectors.hubspot.ahead import Ahead
from connectors.hubspot.client import ASSOCIATION_BATCH, BATCH, Client, chunks
from connectors.hubspot.fields import STAMP, TASK_KEY
from connectors.hubspot.finding import Query, every_page, listed, read_together
from connectors.hubspot.holders import Holders
from connectors.hubspot.lead_rows import instant_or
from connectors.hubspot.people import People
from connectors.hubspot.refusals import Refused
from connectors.hubspot.tasks import DONE, PROPERTIES, our_task
from connectors.hubspot.window import Step, Window
from connectors.mapping import ActivitySource
from sla_engine.model import Activity, ActivityKind, ActorKind

Row = Mapping[str, Any]
TASKS = "tasks"
# What tells whether the work is done, whatever else is mapped.
_STATE: Mapping[str, tuple[str, ...]] = {
    TASKS: PROPERTIES,
    "meetings": ("hs_meeting_outcome",),
    "notes": (TASK_KEY,),  # our own notes carry it too
}
# When it happened and when it was known, unless the mapping says; a deal happens when it is made.
_WHEN: Mapping[str, tuple[str, str]] = {"deals": ("createdate", "createdate")}
_USUALLY = ("hs_timestamp", "hs_createdate")
_OURS: tuple[Mapping[str, str], ...] = ({"propertyName": TASK_KEY, "operator": "HAS_PROPERTY"},)
_SALES_WORK = frozenset({ActivityKind.CALL, ActivityKind.EMAIL, ActivityKind.MEETING, ActivityKind.TASK})


class Engagements:
    """Reads one kind of engagement for all ``sources`` made from it; of tasks also those that are ours."""

    def __init__(
        self,
        client: Client,
        kind: str,
        sources: Sequence[ActivitySource],
        people: People,
        holders: Holders,
    ) -> None:
        self._client = client
        self._holders = holders
        self._kind = kind
        self._sources = sources
        self._people = people
        self._delivered: dict[str, str] = {}
        self._at, self._known_at = _WHEN.get(kind, _USUALLY)
        wanted = [self._at, self._known_at, STAMP, *_STATE.get(kind, ())]
        for one in sources:
            wanted += [one.at, one.known_at, one.kind_from, one.actor, one.content, one.outcome, *one.only]
        properties = tuple(dict.fromkeys(name for name in wanted if name))
        self._only_ours = not sources
        self._query = Query(kind, STAMP, properties, _OURS if self._only_ours else ())

    def forget(self) -> None:
        """Deliver everything again, also what was delivered unchanged before."""
        self._delivered.clear()

    def segment(self, window: Window, last: str) -> Iterator[Step]:
        """What is news of this kind, in steps."""
        if window.since is None and not self._only_ours:
            yield from self._all(window, last)
            return
        try:
            yield from self._changed(window, last)
        except Refused:
            if not self._only_ours or TASK_KEY in self._client.schema(TASKS):
                raise  # else our key property is not provisioned, and so there are no tasks of ours

    def whole(self, lead_ids: Sequence[str], window: Window) -> Iterator[Page]:
        """Everything of this kind that belongs to these leads, by id; for a first reading of single leads."""
        for part in chunks(self._holders.engagements_of(self._kind, lead_ids), ASSOCIATION_BATCH):
            rows = read_together(self._client, self._kind, part, self._query.properties)
            yield only_of(self._page(rows, window, len(rows), {}), lead_ids)

    def _all(self, window: Window, after: str) -> Iterator[Step]:
        asked = {"limit": BATCH, "properties": list(self._query.properties), "associations": ["contacts"]}
        for reply in listed(self._client, self._kind, after, **asked):
            rows = reply.results
            yield Step(self._page(rows, window, len(rows), _told(rows)), reply.after)

    def _changed(self, window: Window, last: str) -> Iterator[Step]:
        """Search pages together, as many as one read of associations serves."""
        rows: list[Row] = []
        with Ahead(every_page(self._client, self._query, window, last), room=4) as pages:
            for page in pages:
                rows += page.rows
                if len(rows) >= ASSOCIATION_BATCH or not page.last:
                    news = [row for row in rows if self._delivered.get(str(row["id"])) != _stamp(row)]
                    yield Step(self._page(news, window, len(rows), {}), page.last)
                    rows = []

    def _page(
        self, rows: Sequence[Row], window: Window, read: int, told: Mapping[str, Sequence[str]]
    ) -> Page:
        facts = {str(row["id"]): fact for row in rows if (fact := self._fact(row, window)) is not None}
        leads = self._holders.engaged(self._kind, facts, told)
        stamps = {str(row["id"]): _stamp(row) for row in rows}
        self._delivered.update({one: stamp for one, stamp in stamps.items() if window.comes_again(stamp)})
        activities: list[tuple[str, Activity]] = []
        tasks: list[OurTask] = []
        for row in rows:
            fact = facts.get(str(row["id"]))
            whose = leads.get(str(row["id"]), ())
            if isinstance(fact, Activity):
                activities += [(lead_id, fact) for lead_id in whose]
            elif fact is not None and whose:
                tasks.append(our_task(row, whose[0]))
        return Page(activities=tuple(activities), tasks=tuple(tasks), records=read)

    def _fact(self, row: Row, window: Window) -> Activity | datetime | None:
        """The activity that a record is, or of a task of ours its end. The first source that takes it."""
        properties = row.get("properties") or {}
        if properties.get(TASK_KEY):
            return window.until if self._kind == TASKS else None
        found = (self._activity(row, one, window) for one in self._sources)
        return next((one for one in found if one is not None), None)

    def _activity(self, row: Row, source: ActivitySource, window: Window) -> Activity | None:
        """None for a record that is filtered out, has no mapped kind, or no instant."""
        properties = row.get("properties") or {}
        kind = source.kind_of(properties.get(source.kind_from) if source.kind_from else None)
        at = instant_or(properties, source.at or self._at, None)
        if kind is None or at is None or not _fits(properties, source.only):
            return None
        known = instant_or(properties, source.known_at or self._known_at, at) or at
        if known > window.until:
            return None
        actor = str(properties.get(source.actor) or "") or None if source.actor else None
        is_open = properties.get("hs_task_status", DONE) != DONE
        if is_open and at <= known:
            return None  # neither done nor planned
        planned_for = at if at > window.until or is_open else None
        if properties.get("hs_meeting_outcome") == "CANCELED":
            planned_for = known  # planned for no later than it was known: neither a touch nor a follow-up
        return Activity(
            id=f"{self._kind}:{row['id']}",
            kind=kind,
            at=at,
            known_at=known,
            actor=actor,
            actor_kind=self._people.kind_of_owner(actor) if kind in _SALES_WORK else ActorKind.UNKNOWN,
            content=str(properties.get(source.content) or "") if source.content else "",
            outcome=str(properties.get(source.outcome) or "") if source.outcome else "",
            planned_for=planned_for,
            consent=source.consent,
        )


def only_of(page: Page, lead_ids: Collection[str]) -> Page:
    """The activities and tasks of these leads alone."""
    wanted = set(lead_ids)
    activities = tuple(pair for pair in page.activities if pair[0] in wanted)
    return replace(
        page, activities=activities, tasks=tuple(one for one in page.tasks if one.lead_id in wanted)
    )


def _told(rows: Sequence[Row]) -> dict[str, Sequence[str]]:
    """Lists bring the contacts along; a record that does not show all of them is left out."""
    contacts: dict[str, Sequence[str]] = {}
    for row in rows:
        shown = (row.get("associations") or {}).get("contacts") or {}
        if not shown.get("paging"):
            contacts[str(row["id"])] = [str(one["id"]) for one in shown.get("results") or ()]
    return contacts


def _fits(properties: Mapping[str, Any], only: Mapping[str, str | bool]) -> bool:
    return all(
        str(properties.get(name) or "").lower() == str(wanted).lower() for name, wanted in only.items()
    )


def _stamp(row: Row) -> str:
    return str((row.get("properties") or {}).get(STAMP) or row.get("updatedAt") or "")

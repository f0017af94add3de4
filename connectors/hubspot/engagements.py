"""Calls, e-mails, meetings and tasks that are mapped as activities of the contacts they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.base import Page
from connectors.hubspot.client import BATCH, SEARCH_PAGE, Client
from connectors.hubspot.contacts import instant_or
from connectors.hubspot.fields import STAMP, TASK_KEY
from connectors.hubspot.people import People
from connectors.hubspot.tasks import DONE
from connectors.hubspot.window import Step, Window
from connectors.mapping import ActivitySource
from sla_engine.model import Activity, ActivityKind, ActorKind

# What tells whether the work is done, whatever else is mapped.
_STATE: Mapping[str, tuple[str, ...]] = {
    "tasks": (TASK_KEY, "hs_task_status"),
    "meetings": ("hs_meeting_outcome",),
}
_SALES_WORK = frozenset({ActivityKind.CALL, ActivityKind.EMAIL, ActivityKind.MEETING, ActivityKind.TASK})


class Engagements:
    """Reads one activity source whose object is an engagement."""

    def __init__(self, client: Client, source: ActivitySource, people: People) -> None:
        self._client = client
        self._source = source
        self._people = people
        self._delivered: dict[str, str] = {}
        named = (source.at, source.known_at, source.kind_from, source.actor, source.content, source.outcome)
        own = _STATE.get(source.object, ())
        wanted = ("hs_createdate", "hs_timestamp", STAMP, *named, *source.only, *own)
        self._properties = tuple(dict.fromkeys(name for name in wanted if name))

    def forget(self) -> None:
        self._delivered.clear()

    def segment(self, window: Window, last: str) -> Iterator[Step]:
        """Activities of this source in steps."""
        while True:
            rows, last = self._all(last) if window.since is None else self._changed(window, last)
            yield Step(self._page(rows, window), last)
            if not last:
                return

    def _all(self, after: str) -> tuple[Sequence[Mapping[str, Any]], str]:
        reply = self._client.page_of(
            self._source.object,
            limit=BATCH,
            after=after,
            properties=list(self._properties),
            associations=["contacts"],
        )
        return reply.results, reply.after

    def _changed(self, window: Window, last: str) -> tuple[Sequence[Mapping[str, Any]], str]:
        found = self._client.search(self._source.object, window.filters(last), self._properties).results
        last = str(found[-1]["id"]) if len(found) == SEARCH_PAGE else ""
        return [row for row in found if self._delivered.get(str(row["id"])) != _stamp(row)], last

    def _page(self, rows: Sequence[Mapping[str, Any]], window: Window) -> Page:
        known = [(row, self._activity(row, window)) for row in rows]
        wanted = [(row, activity) for row, activity in known if activity is not None]
        contacts = self._contacts_of([row for row, _ in wanted])
        stamps = {str(row["id"]): _stamp(row) for row in rows}
        self._delivered.update({one: stamp for one, stamp in stamps.items() if window.comes_again(stamp)})
        found = tuple(
            (contact_id, activity)
            for row, activity in wanted
            for contact_id in contacts.get(str(row["id"]), ())
        )
        return Page(activities=found, records=len(rows))

    def _contacts_of(self, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Sequence[str]]:
        """Lists bring the associations along; searches do not."""
        contacts: dict[str, Sequence[str]] = {}
        silent = []
        for row in rows:
            told = ((row.get("associations") or {}).get("contacts") or {}).get("results")
            if told:
                contacts[str(row["id"])] = tuple(dict.fromkeys(str(one["id"]) for one in told))
            else:
                silent.append(str(row["id"]))
        asked = self._client.associated(self._source.object, "contacts", silent) if silent else {}
        return {**contacts, **{one: tuple(dict.fromkeys(found)) for one, found in asked.items()}}

    def _activity(self, row: Mapping[str, Any], window: Window) -> Activity | None:
        """None for a record that is filtered out, has no mapped kind, no instant, or is our own task."""
        source, properties = self._source, row.get("properties") or {}
        kind = source.kind_of(properties.get(source.kind_from) if source.kind_from else None)
        at = instant_or(properties, source.at or "hs_timestamp", None)
        if kind is None or at is None or properties.get(TASK_KEY) or not _fits(properties, source.only):
            return None
        known = instant_or(properties, source.known_at or "hs_createdate", at) or at
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
            id=f"{source.object}:{row['id']}",
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


def _fits(properties: Mapping[str, Any], only: Mapping[str, str | bool]) -> bool:
    return all(
        str(properties.get(name) or "").lower() == str(wanted).lower() for name, wanted in only.items()
    )


def _stamp(row: Mapping[str, Any]) -> str:
    return str((row.get("properties") or {}).get(STAMP) or row.get("updatedAt") or "")

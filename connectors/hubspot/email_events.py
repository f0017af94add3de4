"""Opens, clicks and bounces of marketing e-mails: events about an address, made activities of a contact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.base import Page
from connectors.hubspot.client import Client
from connectors.hubspot.contacts import Emails, instant_or
from connectors.hubspot.fields import milliseconds
from connectors.hubspot.window import Step, Window
from connectors.mapping import ActivitySource
from sla_engine.model import Activity, ActivityKind, ActorKind

PATH = "/email/public/v1/events"
PAGE = 1000


class EmailEvents:
    """Reads the events, newest first. A step resumes by the instant of its oldest event.

    HubSpot's own ``offset`` is short-lived, so it is used only while a segment is being read.
    """

    def __init__(self, client: Client, source: ActivitySource, emails: Emails) -> None:
        self._client = client
        self._source = source
        self._emails = emails

    def forget(self) -> None:
        """Nothing is kept between polls."""

    def segment(self, window: Window, last: str) -> Iterator[Step]:
        """Activities from e-mail events in steps."""
        params = {
            "limit": str(PAGE),
            "excludeFilteredEvents": "true",
            "endTimestamp": last or milliseconds(window.until),
        }
        if window.since is not None:
            params["startTimestamp"] = milliseconds(window.since)
        while True:
            body = self._client.get(PATH, params).body
            events: Sequence[Mapping[str, Any]] = body.get("events") or ()
            more = bool(body.get("hasMore") and body.get("offset") and events)
            oldest = min((int(one.get("created") or 0) for one in events), default=0)
            yield Step(self._page(events, window), str(oldest + 1) if more else "")
            if not more:
                return
            params["offset"] = str(body["offset"])

    def _page(self, events: Sequence[Mapping[str, Any]], window: Window) -> Page:
        known = [(one, self._activity(one, window)) for one in events]
        wanted = [(str(one.get("recipient") or "").lower(), activity) for one, activity in known if activity]
        ids = self._emails.ids_of([address for address, _ in wanted])
        found = tuple((ids[address], activity) for address, activity in wanted if address in ids)
        return Page(activities=found, records=len(events))

    def _activity(self, event: Mapping[str, Any], window: Window) -> Activity | None:
        source = self._source
        kind = source.kind_of(str(event.get(source.kind_from or "type") or ""))
        at = instant_or(event, source.at or "created", None)
        if kind is None or at is None or at > window.until:
            return None
        is_automatic = kind is ActivityKind.AUTOMATIC_EMAIL
        return Activity(
            id=f"email_events:{event['id']}",
            kind=kind,
            at=at,
            known_at=instant_or(event, source.known_at or "created", at) or at,
            actor_kind=ActorKind.AUTOMATION if is_automatic else ActorKind.UNKNOWN,
            content=str(event.get(source.content) or "") if source.content else "",
            outcome=str(event.get(source.outcome) or "") if source.outcome else "",
            consent=source.consent,
        )

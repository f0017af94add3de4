"""Opens, clicks and bounces of marketing e-mails: events about an address, made activities of a contact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.base import Page
from connectors.hubspot.client import Client
from connectors.hubspot.emails import Emails, by_address
from connectors.hubspot.fields import milliseconds
from connectors.hubspot.holders import Holders
from connectors.hubspot.lead_rows import instant_or
from connectors.hubspot.window import Step, Window
from connectors.mapping import ActivitySource
from sla_engine.model import Activity, ActivityKind, ActorKind

PATH = "/email/public/v1/events"
PAGE = 1000


class EmailEvents:
    """Reads the events, newest first. A step resumes by the instant of its oldest event.

    HubSpot's own ``offset`` is short-lived, so it is used only while a segment is being read.
    """

    def __init__(
        self, client: Client, sources: Sequence[ActivitySource], emails: Emails, holders: Holders
    ) -> None:
        self._client = client
        self._sources = sources
        self._emails = emails
        self._holders = holders

    def forget(self) -> None:
        """Nothing is kept between polls."""

    def segment(self, window: Window, last: str) -> Iterator[Step]:
        """Activities from e-mail events in steps."""
        params = {"endTimestamp": last or milliseconds(window.until)}
        if window.since is not None:
            params["startTimestamp"] = milliseconds(window.since)
        yield from self._read(params, window)

    def whole(self, addresses: Sequence[str], window: Window) -> Iterator[Page]:
        """Everything about these addresses, one after the other; for a first reading of single leads."""
        for address in addresses:
            params = {"recipient": address, "endTimestamp": milliseconds(window.until)}
            for step in self._read(params, window):
                yield step.page

    def _read(self, params: dict[str, str], window: Window) -> Iterator[Step]:
        params |= {"limit": str(PAGE), "excludeFilteredEvents": "true"}
        while True:
            body = self._client.get(PATH, params).body
            events: Sequence[Mapping[str, Any]] = body.get("events") or ()
            offset = str(body.get("offset") or "")
            more = bool(body.get("hasMore") and offset and offset != params.get("offset"))
            oldest = min((int(one.get("created") or 0) + 1 for one in events), default=0)
            yield Step(self._page(events, window), str(oldest or params["endTimestamp"]) if more else "")
            if not more:
                return
            params["offset"] = offset

    def _page(self, events: Sequence[Mapping[str, Any]], window: Window) -> Page:
        known = [(str(one.get("recipient") or ""), self._activity(one, window)) for one in events]
        wanted = [(address, activity) for address, activity in known if activity]
        return Page(activities=by_address(wanted, self._emails, self._holders), records=len(events))

    def _activity(self, event: Mapping[str, Any], window: Window) -> Activity | None:
        """The first source that takes an event."""
        found = (_activity(event, one, window) for one in self._sources)
        return next((one for one in found if one is not None), None)


def _activity(event: Mapping[str, Any], source: ActivitySource, window: Window) -> Activity | None:
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

"""From raw records to pages: leads, and what the history of their properties tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.base import Page, Rejection, Removal, SeenLead
from connectors.hubspot import history
from connectors.hubspot.asked import CONTACT_STAMP, MERGED_IDS, MERGED_WHEN, Asked
from connectors.hubspot.carrier import carrier_of
from connectors.hubspot.fields import OWNER, shown
from connectors.hubspot.marks import Mark
from connectors.hubspot.people import People
from connectors.hubspot.window import Window
from connectors.mapping import NO_STAGE, ConnectionMapping, parse_instant, parse_value
from sla_engine.contact import kinds_of
from sla_engine.model import Activity, Lead, OwnerChange, StageChange, Value

Row = Mapping[str, Any]


class Unmappable(Exception):
    """One field of one lead cannot be read."""

    def __init__(self, field: str, value: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.value = value
        self.reason = reason


@dataclass(slots=True)
class Gathered:
    """The facts of one page while they are put together."""

    leads: list[SeenLead] = field(default_factory=list)
    stages: list[tuple[str, StageChange]] = field(default_factory=list)
    owners: list[tuple[str, OwnerChange]] = field(default_factory=list)
    activities: list[tuple[str, Activity]] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    removals: list[Removal] = field(default_factory=list)

    def page(self, records: int) -> Page:
        return Page(
            leads=tuple(self.leads),
            stages=tuple(self.stages),
            owners=tuple(self.owners),
            activities=tuple(self.activities),
            rejections=tuple(self.rejections),
            removals=tuple(self.removals),
            records=records,
        )


class LeadRows:
    """Maps the leads of one account. ``past`` of a row is read only where the row has it."""

    def __init__(self, mapping: ConnectionMapping, people: People) -> None:
        self._mapping = mapping
        self._people = people
        self._carrier = carrier_of(mapping)
        self._stamps = (self._carrier.stamp, CONTACT_STAMP)
        self.asked = Asked.by(mapping)

    def page(
        self, rows: Sequence[Row], window: Window, read: int, kept: Mapping[str, Mark] | None = None
    ) -> Page:
        """The facts of these rows up to the window's end; what is younger is left to the next window.

        ``read`` is how many records were looked at for it. ``kept``: marks of these leads from earlier
        pulls; a merge that such a mark tells already is not told again.
        """
        gathered = Gathered()
        for row in rows:
            try:
                seen = self.lead(row)
            except Unmappable as error:
                refused = Rejection(str(row["id"]), error.field, error.value, error.reason)
                gathered.rejections.append(refused)
                continue
            if seen.modified_at <= window.until:
                self._gather(gathered, row, seen, window)
                before = (kept or {}).get(seen.lead.id)
                if before is None or before.merged != self.asked.mark(row).merged:
                    gathered.removals += merged_into(row, seen.modified_at)
        return gathered.page(read)

    def _gather(self, gathered: Gathered, row: Row, seen: SeenLead, window: Window) -> None:
        lead_id, properties = seen.lead.id, row["properties"]
        gathered.leads.append(seen)
        lost = self._mapping.without_stage(properties)
        if lost:
            gathered.rejections.append(Rejection(lead_id, *lost, NO_STAGE))
        if "propertiesWithHistory" not in row:
            return
        past = history.past_of(row, window.until, self._people.actor_of)
        gathered.stages += [(lead_id, one) for one in history.stage_changes(past, seen, self._mapping)]
        gathered.owners += [(lead_id, one) for one in history.owner_changes(past, seen, self._people.owner)]
        gathered.activities += [(lead_id, one) for one in history.activities(past, self._mapping)]

    def lead(self, row: Row) -> SeenLead:
        """Raises Unmappable."""
        properties = row.get("properties") or {}
        created = _instant(properties, self._carrier.created)
        stamps = [_instant(properties, one) for one in self._stamps if properties.get(one)]
        fields = {name: _value(properties, one.field, one.as_) for name, one in self._mapping.lead.items()}
        lead = Lead(
            id=str(row["id"]),
            created_at=created,
            stage=self._mapping.stage_from(properties),
            owner=self._people.owner(properties.get(OWNER)),
            fields=fields | kinds_of(fields),
            reason=str(fields.get("reason") or ""),
        )
        return SeenLead(lead, max(stamps, default=created), shown(properties), self.asked.mark(row).text())


def merged_into(row: Row, otherwise: datetime) -> Iterator[Removal]:
    """The records that were merged into this one, with the instant HubSpot tells, or ``otherwise``.

    The one that goes on may be new, so that all who were merged are gone.
    """
    properties = row.get("properties") or {}
    merged = dict.fromkeys(_ids(properties.get(MERGED_IDS)), otherwise)
    for pair in _ids(properties.get(MERGED_WHEN)):
        gone, _, at = pair.partition(":")
        try:
            merged[gone] = parse_instant(at)
        except (ValueError, OverflowError):
            merged.setdefault(gone, otherwise)
    for gone, when in merged.items():
        if gone != str(row["id"]):
            yield Removal(gone, when, str(row["id"]))


def instant_or(properties: Mapping[str, Any], name: str, otherwise: datetime | None) -> datetime | None:
    """A property as an instant; ``otherwise`` when it is empty or unreadable."""
    try:
        return parse_instant(str(properties.get(name) or "")) if properties.get(name) else otherwise
    except (ValueError, OverflowError):
        return otherwise


def _ids(raw: Any) -> list[str]:
    return [one.strip() for one in str(raw or "").split(";") if one.strip()]


def _instant(properties: Mapping[str, Any], name: str) -> datetime:
    found = _value(properties, name, "datetime")
    if not isinstance(found, datetime):
        raise Unmappable(name, "", "is missing")
    return found


def _value(properties: Mapping[str, Any], name: str, converter: Any) -> Value:
    raw = properties.get(name)
    try:
        return parse_value(raw, converter)
    except ValueError as error:
        raise Unmappable(name, str(raw), str(error)) from None
